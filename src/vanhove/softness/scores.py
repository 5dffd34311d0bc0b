"""How softness is distributed: by class, by phase, by structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, PHASE_COLOURS
from vanhove.base.results import Column, dataset, history_of

from .by_atoms import blocks_of, known_scores, means, of_samples
from .labelling import LEFT_OUT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

MOST_GROUPS = 12
CLASS_COLOURS = {"mobile": PALETTE[1], "immobile": PALETTE[0]}


def distribution(
    scores: Dataset | Mapping[str, Dataset],
    by: Dataset | NDArray[Any] | None = None,
    width: float = 0.2,
) -> Dataset:
    r"""Distributions of softness, ∫ P(S) dS = 1 of each group (F3).

    Parameters
    ----------
    scores
        Of ``model.score``, or several by the names of their structures: where a model trained on one is taken to
        others, ``{"crystal": …, "glass": …}``.
    by
        What the samples of one structure are told apart by: the result of :func:`vanhove.structure.phases` or another
        with a label an atom, or the label of each sample. Left out, the classes that the model was trained with, where
        ``scores`` is its ``held_out``.
    width
        Of the bins of S.

    Returns
    -------
    ``P(group, S)``; ``mean``, its standard error from the spread between ions, ``spread`` (standard deviation),
    ``positive`` (share of S > 0) and ``samples`` of each ``group``.
    """
    if not (np.isfinite(width) and width > 0):
        raise Refusal(f"width={width}", "", "Give a positive number")
    groups = _groups(scores, by)
    every = np.concatenate([S for S, _ in groups.values()])
    edges = width * np.arange(int(np.floor(every.min() / width)), int(np.floor(every.max() / width)) + 2)
    found = [(_moments(S, block), np.histogram(S, edges)[0] / (len(S) * width)) for S, block in groups.values()]
    first = known_scores(scores if hasattr(scores, "data_vars") else next(iter(scores.values())))
    columns = [np.array(column, float) for column in zip(*(moments for moments, _ in found), strict=True)]
    return dataset(
        "softness.distribution",
        {
            "P": Column(("group", "S"), np.array([P for _, P in found]), "1", "distribution of softness"),
            "mean": Column(("group",), columns[0], "1", "mean softness"),
            "mean_error": Column(("group",), columns[1], "1", "standard error of the mean softness"),
            "spread": Column(("group",), columns[2], "1", "standard deviation of softness"),
            "positive": Column(("group",), columns[3], "1", "share of the samples with S > 0"),
            "samples": Column(("group",), columns[4], "1", "number of samples"),
        },
        {
            "group": Column(("group",), list(groups), "1", "group"),
            "S": Column(("S",), 0.5 * (edges[1:] + edges[:-1]), "1", "softness S"),
        },
        parameters=dict(width=width, by=None if by is None else "given", groups=list(groups)),
        history=history_of(first),
        title=f"Softness of {first.attrs['species']}",
        species=first.attrs["species"],
    )


def _groups(scores: Any, by: Any) -> dict[str, tuple[Floats, NDArray[np.int64]]]:
    """S and the block of ions of the samples of each group that has any."""
    if isinstance(scores, Mapping) and not hasattr(scores, "data_vars"):
        if by is not None:
            raise Refusal("by= with several structures", "they are told apart already", "Give one of them")
        named = {str(name): known_scores(one) for name, one in scores.items()}
        if not named:
            raise Refusal("No scores were given", "", "Give what model.score(features) returned")
        return {name: _known(one, np.ones(one.sizes["sample"], bool)) for name, one in named.items()}
    one = known_scores(scores)
    if by is None and "label" in one:
        classes = one["label"].values
        masks = {"immobile": classes == 0, "mobile": classes == 1, "left out": classes == LEFT_OUT}
    elif by is None:
        masks = {"all": np.ones(one.sizes["sample"], bool)}
    else:
        labels = of_samples(by, one, "by").astype(str)
        names = [name for name in PHASE_COLOURS if name in labels]
        names += [name for name in np.unique(labels).tolist() if name not in names and name != ""]
        if len(names) > MOST_GROUPS:
            raise Refusal(f"by= tells {len(names)} groups apart", "", f"Give labels of at most {MOST_GROUPS} kinds")
        masks = {name: labels == name for name in names}
    found = {name: _known(one, mask) for name, mask in masks.items() if mask.any()}
    found = {name: one for name, one in found.items() if len(one[0])}
    if not found:
        raise Refusal("No sample is in any group", "", "Give labels of these ions")
    return found


def _known(scores: Dataset, mask: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.int64]]:
    S = scores["S"].values
    chosen = mask & np.isfinite(S)
    return S[chosen], blocks_of(scores)[chosen]


def _moments(S: Floats, block: NDArray[np.int64]) -> tuple[float, float, float, float, int]:
    mean, error, _ = means(S, np.zeros(len(S), np.int64), 1, block)
    return float(mean[0]), float(error[0]), float(S.std()), float((S > 0).mean()), len(S)


def draw(result: Dataset, ax: Axes) -> None:
    """The distributions, with the means as dotted lines and the plane at S = 0."""
    found = result if "P" in result else distribution(result)
    S = found["S"].values
    names = found["group"].values.tolist()
    for k, name in enumerate(names):
        colour = {**PHASE_COLOURS, **CLASS_COLOURS, "left out": PALETTE[6]}.get(name, PALETTE[k % len(PALETTE)])
        P = found["P"].values[k]
        half = 0.5 * float(S[1] - S[0]) if len(S) > 1 else 0.1
        mean, error = float(found["mean"][k]), float(found["mean_error"][k])
        words = f"{name}: " if len(names) > 1 or name != "all" else ""
        told = f"{words}{mean:.2f}" + (f" ± {error:.2f}" if np.isfinite(error) else "")
        ax.stairs(P, np.append(S - half, S[-1] + half), fill=True, color=colour, alpha=0.25)
        ax.stairs(P, np.append(S - half, S[-1] + half), color=colour, label=told.replace("-", "\N{MINUS SIGN}"))
        ax.axvline(mean, color=colour, linewidth=0.9, linestyle=":")
    ax.axvline(0, color="#555555", linewidth=0.9)
    ax.set(xlabel=f"softness S of {found.attrs['species']}", ylabel="distribution P(S)")
    ax.set_ylim(0, 1.25 * ax.get_ylim()[1])  # room for the legend
    ax.legend(loc="upper right")
