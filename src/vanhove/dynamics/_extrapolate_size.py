"""From boxes of several sizes to an endless one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset
from vanhove.fitting.line import Line, straight_line

from .crossover import UNLIKELY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

LEVEL = 0.95


def extrapolate_size(
    lengths: Sequence[float], values: Sequence[float], errors: Sequence[float] | None = None, *, units: str = "as given"
) -> Dataset:
    r"""What a quantity tends to in an endless box, from runs in boxes of several sizes and their replicas (B6).

    .. math:: y(L) = y_\infty - \frac{a}{L}

    is fitted as a straight line in 1/L: the leading correction of a diffusion coefficient in a fluid, whose ions drag
    their own images along (:math:`a = 2.837\, k_B T / 6 \pi \eta` in a cube; Yeh and Hummer 2004). With ``errors``
    every point weighs 1/error² and the standard errors follow from these; where χ² is larger than it is in 5 of 100
    cases they are multiplied by √(χ²/(n - 2)). Without, they come from the scatter of the points, with n - 2.

    Parameters
    ----------
    lengths, values, errors
        Å, edge of the box (of a cell that is no cube, the cube root of its volume); the values, and one standard error
        of each. A length may come several times (replicas). NaN values are left out and counted, as are values whose
        error is NaN or not positive.
    units
        Unit of the values, for the labels.

    Returns
    -------
    Dataset
        ``limit`` y∞ with ``limit_error`` (one standard error), ``limit_low`` and ``limit_high`` (95 %, two-sided);
        ``correction(length)`` = y∞ - y(L) on the line, with its error; ``mean(length)``, that of the replicas, with
        its standard error from their spread, NaN for a single one, and their number ``replicas(length)``; the points.
        With one length everything but the means is NaN, and ``attrs["verdict"]`` says so.
    """
    edge, given = (np.atleast_1d(np.asarray(numbers, np.float64)) for numbers in (lengths, values))
    sigma = None if errors is None else np.atleast_1d(np.asarray(errors, np.float64))
    if edge.ndim != 1 or given.shape != edge.shape or (sigma is not None and sigma.shape != edge.shape):
        shapes = [array.shape for array in (edge, given, sigma) if array is not None]
        raise Refusal(f"lengths, values and errors have the shapes {shapes}", "", "Give lists of the same length")
    if not (np.isfinite(edge) & (edge > 0)).all():
        raise Refusal(f"lengths={lengths!r}", "", "Give positive lengths in Å")
    usable = np.isfinite(given)
    if sigma is not None:
        usable &= np.isfinite(sigma) & (sigma > 0)
    L, y = edge[usable], given[usable]
    own = None if sigma is None else sigma[usable]
    line, enlarged = _line(L, y, own)
    different, which, replicas = np.unique(L, return_inverse=True, return_counts=True)
    mean = np.bincount(which, y) / replicas
    several = np.where(replicas > 1, replicas, np.nan)
    spread = np.sqrt(np.bincount(which, (y - mean[which]) ** 2) / (several - 1) / several)
    reach = line.quantile(LEVEL) * line.intercept_error
    return dataset(
        "dynamics.extrapolate_size",
        {
            "limit": Column((), line.intercept, units, "value in an endless box"),
            "limit_error": Column((), line.intercept_error, units, "its standard error"),
            "limit_low": Column((), line.intercept - reach, units, "lower end of the 95 % interval"),
            "limit_high": Column((), line.intercept + reach, units, "upper end of the 95 % interval"),
            "correction": Column(("length",), -line.slope / different, units, "what a box of this size lacks"),
            "correction_error": Column(("length",), line.slope_error / different, units, "its standard error"),
            "mean": Column(("length",), mean, units, "mean of the replicas"),
            "mean_error": Column(("length",), spread, units, "standard error of the mean, from the replicas' spread"),
            "replicas": Column(("length",), replicas, "1", "values at this length"),
            "value": Column(("point",), y, units, "value that was fitted"),
            "value_error": Column(("point",), np.full(len(y), np.nan) if own is None else own, units, "its error"),
        },
        {
            "length": Column(("length",), different, "Å", "edge of the box"),
            "point_length": Column(("point",), L, "Å", "edge of the box"),
        },
        parameters=dict(lengths=edge, values=given, errors=sigma, units=units),
        history=[],
        title="Extrapolation to an endless box",
        verdict=_verdict(line, different, enlarged),
        interval="95 %, two-sided, " + ("Student's t" if line.scaled else "normal"),
        left_out=int((~usable).sum()),
        chi2=line.chi2,
        dof=line.dof,
    )


def _line(L: Floats, y: Floats, errors: Floats | None) -> tuple[Line, float]:
    """The line in 1/L, NaN where there are not two lengths, and what its errors were multiplied by."""
    from scipy.stats import chi2

    if len(set(L.tolist())) < 2:
        return Line(np.nan, np.nan, np.full((2, 2), np.nan), np.nan, len(L) - 2, scaled=errors is None), 1.0
    line = straight_line(1 / L, y, errors)
    if errors is None or line.dof < 1 or chi2.sf(line.chi2, line.dof) >= UNLIKELY:
        return line, 1.0
    larger = line.chi2 / line.dof
    scaled = Line(line.intercept, line.slope, line.covariance * larger, line.chi2, line.dof, scaled=True)
    return scaled, float(larger**0.5)


def _verdict(line: Line, lengths: Floats, enlarged: float) -> str:
    if len(lengths) < 2:
        return f"An extrapolation needs boxes of two sizes; {len(lengths) or 'none'} can be used."
    if not np.isfinite(line.intercept_error):
        return "Two values without errors give a limit but not its error."
    if enlarged > 1:
        return f"fitted, but the points scatter {enlarged:.1f} times as widely as their errors say: these are enlarged."
    return "fitted"


def draw(result: Dataset, ax: Axes) -> None:
    """The values against 1/L, the line on to 0, and the limit with its 95 % interval."""
    L, y, error = (result[name].values for name in ("point_length", "value", "value_error"))
    units = result.value.attrs["units"]
    ax.set(xlabel="1/L (1/Å)", ylabel=f"value ({units})")
    if len(L) == 0:
        return
    ax.errorbar(1 / L, y, yerr=np.nan_to_num(error), fmt="o", color=PALETTE[0], ms=5, capsize=2.5)
    limit = float(result.limit)
    if not np.isfinite(limit):
        return
    smallest = float(result["length"].values[0])
    lacking = float(result.correction.values[0])
    ax.plot([0, 1 / smallest], [limit, limit - lacking], color=PALETTE[0])
    reach = np.nan_to_num([[limit - float(result.limit_low)], [float(result.limit_high) - limit]])
    ax.errorbar(
        [0], [limit], yerr=reach, fmt="s", color=PALETTE[1], ms=6, capsize=3, label=f"L → ∞: {limit:.4g} {units} (95 %)"
    )
    ax.set_xlim(-0.04 / smallest, 1.06 / smallest)
    ax.legend(loc="best")
