"""Softness against order: whether the soft ions are those in disordered surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset, history_of

from .by_atoms import blocks_of, known_scores, means

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

SAME_TIME = 1e-6  # ps
FEWEST = 5  # samples of a mean that is drawn


def with_order(scores: Dataset, order: Dataset | None = None, bins: int = 40) -> Dataset:
    r"""Joint density of softness and bond-orientational order, and their correlation (F3).

    Parameters
    ----------
    scores
        Of ``model.score``, or the result of :func:`soft_ions`, which has the order q̄6, too.
    order
        The result of :func:`vanhove.structure.steinhardt` of the same ions, with ``per_frame=True`` for its value in
        the very frames.
    bins
        Along either axis.

    Returns
    -------
    ``P(q, S)`` with ∫∫ P dq dS = 1; ``mean_S(q)``, the mean softness of ions of that order, with its standard error;
    ``correlation`` (Pearson's) with the standard error of a jackknife over blocks of ions, and ``rank_correlation``
    (Spearman's) alike.
    """
    from scipy.stats import rankdata

    scores = known_scores(scores)
    if bins < 2:
        raise Refusal(f"bins={bins}", "", "Give 2 or more")
    q = order_of(order, scores)
    known = np.isfinite(q) & np.isfinite(scores["S"].values)
    S, q, block = scores["S"].values[known], q[known], blocks_of(scores)[known]
    if len(S) < FEWEST or np.ptp(S) == 0 or np.ptp(q) == 0:
        raise Refusal("Softness or order is the same for all ions", f"{len(S)} samples", "Give more ions")
    density, q_edges, S_edges = np.histogram2d(q, S, bins, density=True)
    place = np.minimum(np.searchsorted(q_edges, q, side="right") - 1, bins - 1)
    mean, mean_error, seen = means(S, place, bins, block)
    plain, plain_error = _correlation(S, q, block)
    ranked, ranked_error = _correlation(rankdata(S), rankdata(q), block)
    words = words_of(order, scores)
    return dataset(
        "softness.with_order",
        {
            "P": Column(("q", "S"), density, "1", "joint density"),
            "mean_S": Column(("q",), mean, "1", "mean softness at that order"),
            "mean_S_error": Column(("q",), mean_error, "1", "standard error of the mean softness"),
            "samples": Column(("q",), seen, "1", "number of samples"),
            "correlation": Column((), plain, "1", "correlation of softness and order (Pearson)"),
            "correlation_error": Column((), plain_error, "1", "its standard error"),
            "rank_correlation": Column((), ranked, "1", "correlation of their ranks (Spearman)"),
            "rank_correlation_error": Column((), ranked_error, "1", "its standard error"),
        },
        {
            "q": Column(("q",), 0.5 * (q_edges[1:] + q_edges[:-1]), "1", words),
            "S": Column(("S",), 0.5 * (S_edges[1:] + S_edges[:-1]), "1", "softness S"),
        },
        parameters=dict(bins=bins),
        history=history_of(scores),
        title=f"Softness of {scores.attrs['species']} and order",
        species=scores.attrs["species"],
    )


def words_of(order: Dataset | None, scores: Dataset) -> str:
    """What the order parameter is called."""
    return str((scores if order is None else order)["q"].attrs["long_name"])


def order_of(order: Dataset | None, scores: Dataset) -> Floats:
    """The order parameter of every sample: of its frame where it was kept, else the ion's mean over the run."""
    if order is None:
        if "q" not in scores:
            raise Refusal("These scores have no order beside them", "", "Give order=steinhardt(traj, species, l=6, …)")
        own: Floats = scores["q"].values
        return own
    if not hasattr(order, "data_vars") or "q" not in order or order["q"].dims != ("atom",):
        raise Refusal("order= holds no order parameter of each atom", "", "Give steinhardt(traj, species, l=6, …)")
    atoms, index = scores["atom"].values, order["index"].values
    place = np.full(int(max(index.max(), atoms.max())) + 1, -1)
    place[index] = np.arange(len(index))
    column = place[atoms]
    if (column < 0).any():
        raise Refusal("The order is not of all ions that have a softness", "", "Compute it of the same species")
    if "q_frame" not in order:
        mean: Floats = order["q"].values[column]
        return mean
    times, wanted = order["time"].values, scores["time"].values
    row = np.clip(np.searchsorted(times, wanted - SAME_TIME), 0, len(times) - 1)
    if (np.abs(times[row] - wanted) > SAME_TIME).any():
        raise Refusal("The order is of other frames than the softness", "", "Compute it of the same, or more, frames")
    values: Floats = order["q_frame"].values[row, column]
    return values


def _correlation(x: Floats, y: Floats, block: NDArray[np.int64]) -> tuple[float, float]:
    """Pearson's correlation and its jackknife error."""
    sums = np.array([np.bincount(block, v) for v in (np.ones(len(x)), x, y, x * x, y * y, x * y)])
    sums = sums[:, sums[0] > 0]
    total = sums.sum(axis=1, keepdims=True)

    def of(n: Floats, a: Floats, b: Floats, aa: Floats, bb: Floats, ab: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (ab - a * b / n) / np.sqrt((aa - a * a / n) * (bb - b * b / n))
        return found

    without = of(*(total - sums)) if sums.shape[1] > 1 else np.full(1, np.nan)
    number = len(without)
    error = np.sqrt((number - 1) / number * ((without - without.mean()) ** 2).sum())
    return float(of(*total)[0]), float(error)


def draw(result: Dataset, ax: Axes) -> None:
    """The joint density, darker where more ions are, and the mean softness at each order."""
    q, S = result["q"].values, result["S"].values
    shown = np.where(result["P"].values > 0, result["P"].values, np.nan)
    drawn = ax.pcolormesh(q, S, shown.T, cmap="Blues", shading="nearest", vmin=0, rasterized=True)
    ax.figure.colorbar(drawn, ax=ax, label="joint density P(q, S)")
    enough = result["samples"].values >= FEWEST
    ax.errorbar(
        q[enough], result["mean_S"].values[enough], result["mean_S_error"].values[enough], color="#D55E00",
        marker="o", markersize=3, linewidth=1.2, label="mean softness",
    )  # fmt: skip
    told = f"{float(result['rank_correlation']):.2f} ± {float(result['rank_correlation_error']):.2f}"
    told = told.replace("-", "\N{MINUS SIGN}")
    ax.set(xlabel=str(result["q"].attrs["long_name"]), ylabel=f"softness S of {result.attrs['species']}")
    ax.grid(visible=False)
    ax.legend(title=f"correlation of ranks {told}", loc="upper right")
