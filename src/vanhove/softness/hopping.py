"""The probability that an ion hops, by its softness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset, history_of

from .by_atoms import blocks_of, known_scores, means, of_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

BINS = 10
FEWEST = 4  # samples of a bin, of which a probability is told
SURE = 2.0  # standard errors from 0: the probability changes with softness


def hop_probability(
    scores: Dataset,
    hops: Dataset | NDArray[Any],
    within: float | None = None,
    edges: int | Sequence[float] = BINS,
) -> Dataset:
    r"""Probability P(S) that an ion of softness S hops within a time, and the rate that this means (F4).

    .. math::

        P(S) = \frac{\#\{\text{samples of softness } S \text{ that hop within } w\}}
                    {\#\{\text{samples of softness } S\}}, \qquad k(S) = -\frac{\ln(1 - P)}{w}

    Parameters
    ----------
    scores
        Of ``model.score``; of what the model was trained on rather ``model.held_out``, or its memory is measured.
    hops
        The result of :func:`vanhove.dynamics.jumps` of the same trajectory, or whether each sample hops within the
        time (a threshold on D²_min, for example).
    within
        ps after the sample's frame; with jumps by default the mean time between frames that have a softness. Samples
        too near to the end of the run are left out. Short against the waiting time, or few ions have not hopped.
    edges
        Of the bins of S, or how many bins of one number of samples. For :func:`barrier` the same at all temperatures.

    Returns
    -------
    ``P(S)`` with its standard error from the spread between ions, ``rate(S)`` (1/ps), ``samples(S)``; ``S`` is the mean
    softness in the bin. ``slope`` is that of ln k against S, weighted by the errors; ``attrs["verdict"]`` says whether
    the probability rises with softness.
    """
    scores = known_scores(scores)
    S, times = scores["S"].values, scores["time"].values
    if not isinstance(hops, np.ndarray | list | tuple):
        span = _span(times) if within is None else float(within)
        happened, known = _jumped(scores, hops, span)
    else:
        if within is None:
            raise Refusal("Within which time do they hop?", "hops= is one value a sample", "Give within= in ps")
        span = float(within)
        happened, known = of_samples(hops, scores, "hops").astype(float), np.ones(len(S), bool)
        if not np.isin(happened, [0.0, 1.0]).all():
            raise Refusal("hops= has other values than true and false", "", "Give whether each sample hops")
    if not (np.isfinite(span) and span > 0):
        raise Refusal(f"within={within}", "", "Give a positive time in ps")
    known &= np.isfinite(S)
    if not known.any():
        raise Refusal(
            f"No sample is {span:g} ps before the end of the run",
            "whether it hops is not known",
            "Give a shorter within=",
        )
    borders = _edges(S[known], edges)
    bins = len(borders) - 1
    inside = known & (borders[0] <= S) & (borders[-1] >= S)
    place = np.where(inside, np.minimum(np.searchsorted(borders, S, side="right") - 1, bins - 1), -1)
    block = blocks_of(scores)
    P, error, seen = means(happened, place, bins, block)
    middle, _, _ = means(S, place, bins, block)
    few = seen < FEWEST
    P[few], error[few] = np.nan, np.nan
    error = np.maximum(error, _least(P, seen))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(P < 1, -np.log1p(-P) / span, np.nan)
        rate_error = np.where(P < 1, error / (1 - P) / span, np.nan)
    slope, slope_error = _slope(middle, rate, rate_error)
    names = ("temperature", "species", "fingerprint", "held_out")
    return dataset(
        "softness.hop_probability",
        {
            "P": Column(("bin",), P, "1", f"probability to hop within {span:g} ps"),
            "P_error": Column(("bin",), error, "1", "standard error of the probability"),
            "rate": Column(("bin",), rate, "1/ps", "rate of hops"),
            "rate_error": Column(("bin",), rate_error, "1/ps", "standard error of the rate"),
            "samples": Column(("bin",), seen, "1", "number of samples"),
            "low": Column(("bin",), borders[:-1], "1", "lower edge of S"),
            "high": Column(("bin",), borders[1:], "1", "upper edge of S"),
            "slope": Column((), slope, "1", "slope of ln k against S"),
            "slope_error": Column((), slope_error, "1", "standard error of the slope"),
        },
        {"S": Column(("bin",), middle, "1", "softness S")},
        parameters=dict(within=within, edges=edges),
        history=history_of(scores),
        title=f"Hops of {scores.attrs['species']} by softness",
        within=span,
        verdict=_verdict(slope, slope_error),
        **{name: scores.attrs[name] for name in names if name in scores.attrs},
    )  # fmt: skip


def _span(times: Floats) -> float:
    known = np.unique(times)
    if len(known) < 2:
        raise Refusal("One frame has no time between frames", "", "Give within= in ps")
    return float(np.diff(known).mean())


def _jumped(scores: Dataset, jumps: Dataset, span: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Whether each sample's ion jumps within the time after its frame, and whether the run lasts long enough to say."""
    if not {"atom", "time"} <= set(getattr(jumps, "data_vars", ())) or "event" not in jumps.dims:
        raise Refusal("hops= has no jumps", "", "Give the result of vanhove.dynamics.jumps")
    mine, theirs = scores.attrs.get("fingerprint"), jumps.attrs.get("fingerprint")
    if mine is not None and theirs is not None and mine != theirs:
        raise Refusal(
            "The jumps are of another trajectory than the softness", "the numbers of the ions need not be the same",
            "Compute both from the same view; features has frames= and every=",
        )  # fmt: skip
    atoms, times = scores["atom"].values, scores["time"].values
    # ions one after the other on one axis of time, so that one search finds the next jump of every sample
    longest = 4.0 * (float(np.ptp(times)) + float(np.ptp(jumps["time"].values)) if jumps.sizes["event"] else 1.0)
    first = float(min(times.min(), jumps["time"].values.min(initial=np.inf)))
    stride = longest + 4.0 * span + 1.0
    events = np.sort(jumps["atom"].values * stride + (jumps["time"].values - first))
    begin = atoms * stride + (times - first)
    number = np.searchsorted(events, begin + span, side="right") - np.searchsorted(events, begin, side="right")
    last = float(scores.attrs.get("last_time", times.max()))
    return (number > 0).astype(float), times + span <= last + 1e-9 * max(1.0, abs(last))


def _edges(S: Floats, edges: int | Sequence[float]) -> Floats:
    if isinstance(edges, int | np.integer):
        if edges < 1:
            raise Refusal(f"edges={edges}", "", "Give a number of bins, or their edges")
        found: Floats = np.unique(np.quantile(S, np.linspace(0, 1, int(edges) + 1)))
    else:
        found = np.asarray(edges, float)
    if found.ndim != 1 or len(found) < 2 or not (np.diff(found) > 0).all():
        raise Refusal(f"edges={edges}", "", "Give rising edges of S, or a number of bins")
    return found


def _least(P: Floats, seen: NDArray[np.int64]) -> Floats:
    """The binomial error with half a hop more and half a stay more: what bins without any hop are still unsure of."""
    smoothed = (P * seen + 0.5) / (seen + 1)
    error: Floats = np.sqrt(smoothed * (1 - smoothed) / (seen + 1))
    return error


def _slope(S: Floats, rate: Floats, error: Floats) -> tuple[float, float]:
    from vanhove.fitting.line import straight_line

    known = np.isfinite(S) & np.isfinite(error) & (np.nan_to_num(rate) > 0)
    if known.sum() < 2:
        return np.nan, np.nan
    line = straight_line(S[known], np.log(rate[known]), error[known] / rate[known])
    return line.slope, line.slope_error


def _verdict(slope: float, error: float) -> str:
    if not (np.isfinite(slope) and np.isfinite(error)):
        return "too few hops to tell"
    if slope > SURE * error:
        return "hops are more likely the softer an ion is"
    if slope < -SURE * error:
        return "hops are less likely the softer an ion is: the model is wrong here"
    return "hops do not depend on softness within the errors"


def draw(result: Dataset, ax: Axes) -> None:
    """P(S) on a logarithmic axis; bins without a hop are arrows at two standard errors."""
    S, P, error = (result[name].values for name in ("S", "P", "P_error"))
    some = np.nan_to_num(P) > 0
    low = np.minimum(error, 0.9 * np.where(some, P, 1))
    ax.errorbar(S[some], P[some], [low[some], error[some]], color=PALETTE[1], marker="o", markersize=4, linewidth=1.2)
    none = np.isfinite(P) & ~some
    if none.any():
        ax.plot(S[none], 2 * error[none], "v", color=PALETTE[1], markersize=5, label="no hop: upper bound")
        ax.legend()
    ax.axvline(0, color="#BBBBBB", linewidth=0.9)
    ax.set_yscale("log")
    kelvin = f", {float(result.attrs['temperature']):g} K" if "temperature" in result.attrs else ""
    ax.set(xlabel=f"softness S of {result.attrs['species']}{kelvin}")
    ax.set_ylabel(label(f"probability to hop within {float(result.attrs['within']):g} ps", "1"))
