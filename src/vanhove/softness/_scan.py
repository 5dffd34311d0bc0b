"""Accuracy by what is chosen: shells, regularisation, threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset
from vanhove.dynamics._d2min import d2min as find_motion

from ._features import features
from .labelling import labels, labels_of_samples
from .splits import split
from .training import cross_validate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WIDTHS = (0.1, 0.2, 0.4, 0.8)
CUTOFFS = (4.0, 6.0, 8.0, 10.0)
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
QUANTILES = (0.5, 0.6, 0.7, 0.8)


def scan(
    traj: Trajectory,
    species: str | Sequence[str],
    d2min: Dataset | None = None,
    *,
    surroundings: float = 5.0,
    step: float = 1.0,
    widths: Sequence[float] = WIDTHS,
    cutoffs: Sequence[float] = CUTOFFS,
    strengths: Sequence[float] = STRENGTHS,
    quantiles: Sequence[float] = QUANTILES,
    width: float = 0.2,
    cutoff: float = 10.0,
    C: float = 1.0,
    quantile: float = 0.5,
    window: float | None = None,
    neighbours: str | Sequence[str] | None = None,
    frames: Sequence[int] | None = None,
    every: int | None = None,
    groups: str | Sequence[Any] | NDArray[Any] | None = None,
    gap: float | None = None,
    test_fraction: float = 0.2,
    repeats: int = 1,
    seed: int = 0,
    balance: bool = True,
) -> Dataset:
    r"""Held-out accuracy of models by the width and reach of their shells, and by C and the threshold (F2).

    Two scans about one choice: ``width`` and ``cutoff`` with ``C`` and ``quantile`` as given, then ``C`` and the
    threshold with ``width`` and ``cutoff`` as given. The best of many accuracies is too good by about their errors:
    choose the simplest model that is within an error of the best.

    Parameters
    ----------
    traj, species, neighbours, frames, every
        As for :func:`features`.
    d2min
        The result of :func:`vanhove.dynamics.d2min` of the same ions; else it is computed.
    surroundings, step
        Å and ps: the cut-off and the step of the D²_min that is computed.
    widths, cutoffs, strengths, quantiles
        What is tried: Å, Å, C, and the share of the ions below the threshold.
    width, cutoff, C, quantile
        The choice that the scans go through.
    window
        ps, as for :func:`labels`.
    groups, gap, test_fraction, repeats, seed, balance
        As for :func:`train`; the same for all, so that accuracies may be compared.

    Returns
    -------
    ``accuracy(width, cutoff)`` and ``accuracy_by_C(C, quantile)``, balanced and of what was held out, with standard
    errors; ``D_c(quantile)`` is the threshold in Å, ``best_width``, … the choice of the highest accuracy.
    """
    for word, tried in (
        ("widths", widths), ("cutoffs", cutoffs), ("strengths", strengths), ("quantiles", quantiles)
    ):  # fmt: skip
        if len(tried) == 0 or not all(np.isfinite(value) and value > 0 for value in tried):
            raise Refusal(f"{word}={list(tried)}", "", "Give positive numbers")
    chosen: dict[str, Any] = {"neighbours": neighbours, "frames": frames, "every": every}
    motion = find_motion(traj, species, surroundings, step) if d2min is None else d2min
    marked = labels(motion, quantiles=quantile, window=window)
    gaps = float(marked.attrs["window"]) if not marked.attrs["whole_run"] else 0.0

    def accuracy(table: Floats, some: Dataset, classes: Ints, strength: float) -> tuple[float, float]:
        folds = split(some, classes, groups, gap, gaps, test_fraction, repeats, seed)
        return cross_validate(table, classes, folds, strength, balance)

    shells = np.full((2, len(widths), len(cutoffs)), np.nan)
    for a, one in enumerate(widths):
        reach = [limit for limit in cutoffs if limit >= one]
        if not reach:
            continue
        wide = features(traj, species, one, max(reach), **chosen)
        classes = labels_of_samples(marked, wide)
        r = wide["r"].values
        for b, limit in enumerate(cutoffs):
            inside = r < limit
            if inside.any():
                shells[:, a, b] = accuracy(wide["G"].values[:, inside], wide, classes, C)
    own = features(traj, species, width, cutoff, **chosen)
    by_C = np.full((2, len(strengths), len(quantiles)), np.nan)
    thresholds = np.empty(len(quantiles))
    for b, share in enumerate(quantiles):
        other = labels(motion, quantiles=share, window=window)
        thresholds[b] = float(other.attrs["low"])
        classes = labels_of_samples(other, own)
        for a, strength in enumerate(strengths):
            by_C[:, a, b] = accuracy(own["G"].values, own, classes, strength)
    best = divmod(int(np.nanargmax(shells[0])), len(cutoffs))
    best_C = divmod(int(np.nanargmax(by_C[0])), len(quantiles))
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "softness.scan",
        {
            "accuracy": Column(("width", "cutoff"), shells[0], "1", "balanced accuracy of what was held out"),
            "accuracy_error": Column(("width", "cutoff"), shells[1], "1", "standard error of the accuracy"),
            "accuracy_by_C": Column(("C", "quantile"), by_C[0], "1", "balanced accuracy of what was held out"),
            "accuracy_by_C_error": Column(("C", "quantile"), by_C[1], "1", "standard error of the accuracy"),
            "D_c": Column(("quantile",), thresholds, "Å", "threshold of D_cum"),
        },
        {
            "width": Column(("width",), list(widths), "Å", "width of the shells"),
            "cutoff": Column(("cutoff",), list(cutoffs), "Å", "reach of the shells"),
            "C": Column(("C",), list(strengths), "1", "inverse strength of the regularisation"),
            "quantile": Column(("quantile",), list(quantiles), "1", "share of the ions below the threshold"),
        },
        parameters=dict(
            species=species, surroundings=surroundings, step=step, widths=list(widths), cutoffs=list(cutoffs),
            strengths=list(strengths), quantiles=list(quantiles), width=width, cutoff=cutoff, C=C, quantile=quantile,
            window=window, neighbours=neighbours, frames=frames, every=every, gap=gap, test_fraction=test_fraction,
            repeats=repeats, seed=seed, balance=balance, groups=groups if isinstance(groups, str) else None,
        ),
        history=list(traj.history),
        title=f"Accuracy of models of the softness of {own.attrs['species']}",
        species=own.attrs["species"],
        best_width=float(widths[best[0]]),
        best_cutoff=float(cutoffs[best[1]]),
        best_C=float(strengths[best_C[0]]),
        best_quantile=float(quantiles[best_C[1]]),
        **known,
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """Accuracy against the reach of the shells, a line for each width."""
    cutoff = result["cutoff"].values
    for k, width in enumerate(result["width"].values):
        one, error = result["accuracy"].values[k], result["accuracy_error"].values[k]
        ax.errorbar(
            cutoff + 0.03 * (k - 1) * (cutoff[-1] - cutoff[0] + 1e-3) / max(len(cutoff), 1), one, error,
            color=PALETTE[k % len(PALETTE)], marker="o", markersize=4, label=f"shells of {width:g} Å",
        )  # fmt: skip
    ax.axhline(0.5, color="#999999", linewidth=0.9, linestyle=":")
    ax.set(xlabel="reach of the shells (Å)", ylabel="balanced accuracy, held out")
    ax.legend()
