"""Labels: which ions were mobile and which were not, from their non-affine motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOBILE, IMMOBILE, LEFT_OUT = 1, 0, -1
SAME_TIME = 1e-6  # of a step: times that differ by rounding only


def labels(
    d2min: Dataset,
    *,
    threshold: float | Sequence[float] | None = None,
    quantiles: float | Sequence[float] | None = None,
    window: float | None = None,
) -> Dataset:
    r"""Label ions mobile (1) or immobile (0) by how far they moved against their surroundings (F2).

    .. math:: D_{\mathrm{cum}}(i; t) = \sum_{t \le t_k < t + w} \sqrt{D^2_{\min}(i; t_k)}

    Mobile is an ion above the threshold, immobile one at or below it; with two numbers what lies between them is left
    out (-1), and so is an ion whose motion is not determined.

    Parameters
    ----------
    d2min
        The result of :func:`vanhove.dynamics.d2min`.
    threshold
        Å, or two of them.
    quantiles
        The threshold by the share of the ions below it, or two. With neither the median: two classes of one size.
    window
        ps, a multiple of the steps of ``d2min``: every frame from which a whole window follows has its own labels, and
        meets the features of that frame. By default the whole run: one label an ion, whichever frame its features are
        of. An ion that waits in the first half and jumps in the second one is then mobile from the beginning.
    """
    if threshold is not None and quantiles is not None:
        raise Refusal("threshold= and quantiles= both say where the classes part", "", "Give one of them")
    if "D2min" not in d2min:
        raise Refusal("There is no D2min in this dataset", "", "Give the result of vanhove.dynamics.d2min")
    step, steps = float(d2min.attrs["step"]), int(d2min.sizes["frame"])
    taken = steps if window is None else _steps(window, step, steps)
    summed = _rolling(np.sqrt(d2min["D2min"].values), taken)
    known = np.isfinite(summed)
    if not known.any():
        raise Refusal("The motion of no ion is determined", "", "Give d2min a larger cutoff")
    low, high = _thresholds(summed[known], threshold, quantiles)
    classes = np.full(summed.shape, LEFT_OUT, np.int64)
    classes[known & (summed > high)] = MOBILE
    classes[known & (summed <= low)] = IMMOBILE
    names = ("temperature", "species", "fingerprint")
    return dataset(
        "softness.labels",
        {
            "label": Column(("frame", "atom"), classes, "1", "1 mobile, 0 immobile, -1 left out"),
            "D_cum": Column(("frame", "atom"), summed, "Å", f"non-affine motion within {taken * step:g} ps"),
        },
        {
            "time": Column(("frame",), d2min["time"].values[: len(summed)], "ps", "beginning of the window"),
            "index": Column(("atom",), d2min["index"].values, "1", "number of the atom in the trajectory"),
            "atom_species": Column(("atom",), d2min["atom_species"].values, "1", "species of the atom"),
        },
        parameters=dict(threshold=threshold, quantiles=quantiles, window=window),
        history=history_of(d2min),
        title="Mobile and immobile ions",
        window=taken * step,
        whole_run=int(taken == steps),
        low=low,
        high=high,
        mobile=int((classes == MOBILE).sum()),
        immobile=int((classes == IMMOBILE).sum()),
        left_out=int((classes == LEFT_OUT).sum()),
        **{name: d2min.attrs[name] for name in names if name in d2min.attrs},
    )


def _steps(window: float, step: float, steps: int) -> int:
    number = round(window / step) if np.isfinite(window) else 0
    if number < 1 or abs(number * step - window) > 1e-3 * step:
        raise Refusal(f"window={window}", f"the steps of d2min are {step:g} ps", "Give a multiple of it")
    if number > steps:
        raise Refusal(f"window={window}", f"the run lasts {steps * step:g} ps", "Give a shorter one")
    return number


def _rolling(values: Floats, steps: int) -> Floats:
    """Sums over each ``steps`` rows that follow one another; NaN where one of them is."""
    from numpy.lib.stride_tricks import sliding_window_view

    # summed anew each time: differences of running sums would turn one NaN into NaN for the rest of the run
    sums: Floats = sliding_window_view(values, steps, axis=0).sum(axis=-1)
    return sums


def _thresholds(
    values: Floats, threshold: float | Sequence[float] | None, quantiles: float | Sequence[float] | None
) -> tuple[float, float]:
    word = "quantiles" if threshold is None else "threshold"
    given = np.atleast_1d(np.asarray(0.5 if quantiles is None else quantiles, float))
    if threshold is not None:
        given = np.atleast_1d(np.asarray(threshold, float))
    if len(given) > 2 or not np.isfinite(given).all() or given[0] > given[-1]:
        raise Refusal(f"{word}={given.tolist()}", "", "Give one number, or the lower and the upper of two")
    if threshold is None:
        if given[0] <= 0 or given[-1] >= 1:
            raise Refusal(f"quantiles={given.tolist()}", "they are shares of the ions", "Give them between 0 and 1")
        given = np.quantile(values, given)
    if not (values > given[-1]).any() or not (values <= given[0]).any():
        raise Refusal(
            f"No ion is {'mobile' if not (values > given[-1]).any() else 'immobile'}",
            f"D_cum is {values.min():.3g} to {values.max():.3g} Å, and the classes part at "
            + " and ".join(f"{value:.3g}" for value in given),
            "Give another threshold",
        )
    return float(given[0]), float(given[-1])


def labels_of_samples(labels: Any, features: Dataset) -> Ints:
    """The label of every sample of ``features``: 1, 0, or -1 where it is left out.

    ``labels`` is what :func:`labels` gave, or one value a sample.
    """
    if hasattr(labels, "data_vars"):
        return _looked_up(labels, features)
    samples = features.sizes["sample"]
    given = np.asarray(labels)
    if given.shape != (samples,) or given.dtype.kind not in "biu":
        raise Refusal(
            f"Labels of shape {given.shape} and type {given.dtype} for {samples} samples", "",
            "Give one true or false, or 1 and 0, for each sample, -1 where it is to be left out",
        )  # fmt: skip
    if not np.isin(given, [MOBILE, IMMOBILE, LEFT_OUT]).all():
        raise Refusal(f"A label is {given[~np.isin(given, [1, 0, -1])][0]}", "", "Give 1, 0, or -1 to leave out")
    return given.astype(np.int64)


def label_attributes(labels: Any) -> dict[str, Any]:
    """What the result of :func:`labels` says of itself; nothing of a plain array."""
    return dict(labels.attrs) if hasattr(labels, "data_vars") else {}


def _looked_up(labels: Dataset, features: Dataset) -> Ints:
    """The label of every sample by its ion and the time of its frame."""
    samples = features.sizes["sample"]
    if "label" not in labels:
        raise Refusal("There is no label in this dataset", "", "Give what vanhove.softness.labels returned")
    mine, theirs = features.attrs.get("species"), labels.attrs.get("species")
    if mine != theirs:
        raise Refusal(f"The labels are of {theirs}, the features of {mine}", "", "Give labels of the same ions")
    index = labels["index"].values
    place = np.full(int(max(index.max(), features["atom"].values.max())) + 1, -1)
    place[index] = np.arange(len(index))
    column = place[features["atom"].values]
    table, times = labels["label"].values, labels["time"].values
    if int(labels.attrs["whole_run"]):
        row = np.zeros(samples, np.int64)
    else:
        apart = float(np.min(np.diff(times))) if len(times) > 1 else float(labels.attrs["window"])
        wanted = features["time"].values
        row = np.clip(np.searchsorted(times, wanted - SAME_TIME * apart), 0, len(times) - 1)
        row[np.abs(times[row] - wanted) > SAME_TIME * apart] = -1
    found = (row >= 0) & (column >= 0)
    if not found.any():
        raise Refusal(
            "No sample has a label", "labels belong to the frames at the beginning of a step of d2min, and to its ions",
            "Take features of these frames, of the same trajectory",
        )  # fmt: skip
    meant: Ints = np.where(found, table[row, column], LEFT_OUT)
    return meant


def draw(result: Dataset, ax: Axes) -> None:
    """How D_cum is distributed, and where the classes part."""
    values = result["D_cum"].values
    classes, known = result["label"].values[np.isfinite(values)], values[np.isfinite(values)]
    edges = np.histogram_bin_edges(known, bins=min(60, max(10, int(np.sqrt(len(known)))))).tolist()
    for code, words, colour in (
        (IMMOBILE, "immobile", PALETTE[0]),
        (LEFT_OUT, "left out", PALETTE[6]),
        (MOBILE, "mobile", PALETTE[1]),
    ):
        mine = known[classes == code]
        if len(mine):
            ax.hist(mine, edges, color=colour, alpha=0.5, label=f"{words}: {len(mine)}")
    for name in ("low", "high"):
        ax.axvline(float(result.attrs[name]), color="#555555", linewidth=0.9, linestyle="--")
    ax.set(xlabel=label(f"sum of D_min within {float(result.attrs['window']):g} ps", "Å"), ylabel="ions")
    ax.legend()
