"""Activation energies: a straight line of the logarithm against 1/T."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset
from vanhove.base.units import K_B_EV
from vanhove.fitting.line import Line, straight_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

ROOM = 300.0  # K
LEVEL = 0.95  # of the interval of an extrapolated value
LABEL = 0.14  # of the axis, that the label of a temperature takes
UNLIKELY = 0.05  # chance of a χ² that says the points don't lie on a line within their errors

FEWEST_FOR_CROSSOVER = 6


def arrhenius(
    temperatures: Sequence[float],
    values: Sequence[float],
    errors: Sequence[float] | None = None,
    *,
    times_T: bool = False,
    at: float | Sequence[float] | None = None,
    units: str = "as given",
) -> Dataset:
    r"""Activation energy and prefactor of a thermally activated quantity, and its value at other temperatures (B6).

    .. math:: \ln y = \ln y_0 - \frac{E_a}{k_B T}, \qquad y = D, \; 1/\tau, \ldots \text{ or } \sigma T

    is fitted as a straight line. With ``errors`` every point weighs (y/error)², its standard error in ln y, and the
    covariance of line and slope follows from the errors alone; ``attrs["birge"]`` = √(χ²/(n - 2)) says whether the
    points scatter as the errors promise. Without, all points weigh the same, the standard error is the least-squares
    one with n - 2, and the interval uses Student's t.

    Parameters
    ----------
    temperatures, values, errors
        K; the values, and one standard error of each. NaN values (refused diffusion coefficients) are left out and
        counted, and so is a value whose error is NaN or not positive, or, with a warning, one that is not positive.
    times_T
        Fit ``values`` times T (σT of a conductivity); ``value_at`` is the value itself again.
    at
        Temperature or temperatures to extrapolate to; 300 K by default.
    units
        Unit of the values, for the labels.

    Returns
    -------
    Dataset
        ``E_a`` and ``E_a_error`` (eV, one standard error); ``prefactor`` y₀ and ``prefactor_error`` (y₀ times the
        standard error of ln y₀); ``value_at`` with ``value_at_low`` and ``value_at_high``, the two-sided 95 % interval
        from the full covariance in ln y (true if the same process goes on down to there); the points used. With one
        usable temperature everything is NaN, with two and no errors the errors are: ``attrs["verdict"]`` is
        ``"fitted"`` or a sentence. ``attrs["crossover"]`` is a hint, from six points on: whether two slopes describe
        the points better than one.
    """
    kelvin, given = (np.atleast_1d(np.asarray(numbers, np.float64)) for numbers in (temperatures, values))
    sigma = None if errors is None else np.atleast_1d(np.asarray(errors, np.float64))
    if kelvin.ndim != 1 or given.shape != kelvin.shape or (sigma is not None and sigma.shape != kelvin.shape):
        shapes = [array.shape for array in (kelvin, given, sigma) if array is not None]
        raise Refusal(f"temperatures, values and errors have the shapes {shapes}", "", "Give lists of the same length")
    if not (np.isfinite(kelvin) & (kelvin > 0)).all():
        raise Refusal(f"temperatures={temperatures!r}", "", "Give positive temperatures in K")
    if (given <= 0).any():
        warn(
            f"{int((given <= 0).sum())} of {len(given)} values are not positive",
            "they have no logarithm and are left out",
        )
    usable = np.isfinite(given) & (given > 0)
    if sigma is not None:
        usable &= np.isfinite(sigma) & (sigma > 0)
    T, y = kelvin[usable], given[usable] * (kelvin[usable] if times_T else 1.0)
    relative = None if sigma is None else sigma[usable] / given[usable]
    line = _line(T, y, relative)
    targets = np.asarray(ROOM if at is None else at, np.float64)
    if not (np.isfinite(targets) & (targets > 0)).all():
        raise Refusal(f"at={at!r}", "", "Give positive temperatures in K")
    along = ("at",) if targets.ndim else ()
    centre, low, high = _values_at(line, targets, times_T=times_T)
    value_units = units if not times_T else f"K {units}"
    prefactor = np.exp(line.intercept)
    return dataset(
        "dynamics.arrhenius",
        {
            "E_a": Column((), -line.slope * K_B_EV, "eV", "activation energy"),
            "E_a_error": Column((), line.slope_error * K_B_EV, "eV", "standard error of the activation energy"),
            "prefactor": Column((), prefactor, value_units, "prefactor"),
            "prefactor_error": Column(
                (), prefactor * line.intercept_error, value_units, "standard error of the prefactor"
            ),
            "value_at": Column(along, centre, units, "value on the line"),
            "value_at_low": Column(along, low, units, "lower end of the 95 % interval"),
            "value_at_high": Column(along, high, units, "upper end of the 95 % interval"),
            "value": Column(("temperature",), given[usable], units, "value that was fitted"),
            "value_error": Column(
                ("temperature",),
                np.full(len(T), np.nan) if sigma is None else sigma[usable],
                units,
                "its standard error",
            ),
            "covariance": Column(
                ("parameter", "parameter_"), line.covariance, "1", "covariance of ln prefactor and -E_a/k_B (in K)"
            ),
        },
        {
            "at": Column(along, targets, "K", "temperature"),
            "temperature": Column(("temperature",), T, "K", "temperature"),
        },
        parameters=dict(temperatures=kelvin, values=given, errors=sigma, times_T=times_T, at=targets, units=units),
        history=[],
        title="Arrhenius fit",
        verdict=_verdict(line, T),
        interval="95 %, two-sided, " + ("Student's t" if line.scaled else "normal"),
        crossover=_crossover(T, y, relative),
        left_out=int((~usable).sum()),
        times_T=int(times_T),
        chi2=line.chi2,
        dof=line.dof,
        birge=(line.chi2 / line.dof) ** 0.5 if line.dof > 0 else np.nan,
    )


def _line(T: Floats, y: Floats, relative: Floats | None) -> Line:
    """The line of ln y against 1/T; all NaN where there are not two temperatures."""
    if len(set(T.tolist())) < 2:
        return Line(np.nan, np.nan, np.full((2, 2), np.nan), np.nan, len(T) - 2, scaled=relative is None)
    return straight_line(1 / T, np.log(y), relative)


def _values_at(line: Line, targets: Floats, *, times_T: bool) -> tuple[Floats, Floats, Floats]:
    """Value on the line and its interval at the ``targets``."""
    centre, error = line.at(1 / targets)
    reach = line.quantile(LEVEL) * error
    factor = 1 / targets if times_T else 1.0
    return factor * np.exp(centre), factor * np.exp(centre - reach), factor * np.exp(centre + reach)


def _verdict(line: Line, T: Floats) -> str:
    from scipy.stats import chi2

    distinct = len(set(T.tolist()))
    if distinct < 2:
        return f"An activation energy needs values at two temperatures; {distinct or 'none'} can be used."
    if line.scaled and line.dof < 1:
        return "Two values without errors give a slope but not its error."
    if np.isfinite(line.chi2) and line.dof > 0 and chi2.sf(line.chi2, line.dof) < UNLIKELY:
        return (
            f"fitted, but the points scatter {np.sqrt(line.chi2 / line.dof):.1f} times as widely as their errors say: "
            "the error of E_a is too small, or there is more than one process."
        )
    return "fitted"


def _crossover(T: Floats, y: Floats, relative: Floats | None) -> str:
    """Whether two slopes that meet at one of the inner temperatures are better than one, by the corrected AIC."""
    if len(T) < FEWEST_FOR_CROSSOVER:
        return f"not looked for with fewer than {FEWEST_FOR_CROSSOVER} temperatures"
    x, log_y = 1 / T, np.log(y)
    weight = np.ones_like(x) if relative is None else 1 / relative

    def criterion(columns: list[Floats], parameters: int) -> float:
        design = np.stack(columns, axis=1) * weight[:, None]
        rest = log_y * weight - design @ np.linalg.lstsq(design, log_y * weight)[0]
        chi2, n = float(rest @ rest), len(x)
        misfit = chi2 if relative is not None else n * np.log(max(chi2, 1e-300) / n)
        k = parameters + (relative is None)  # the scatter is a parameter where it isn't given
        return float(misfit + 2 * k + (2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf))

    one = criterion([np.ones_like(x), x], 2)
    inner = np.unique(x)[2:-2]
    two = [criterion([np.ones_like(x), x, np.maximum(x - bend, 0)], 4) for bend in inner]
    if len(two) == 0 or min(two) >= one:
        return "none seen: one slope is enough"
    return f"two slopes that meet near {1 / inner[int(np.argmin(two))]:.0f} K describe the points better than one"


def draw(result: Dataset, ax: Axes) -> None:
    """The values against 1000/T on a logarithmic axis, the line with its 95 % band, and the temperature on top."""
    T, y, error = (result[name].values for name in ("temperature", "value", "value_error"))
    times = T if result.attrs["times_T"] else np.ones_like(T)
    units = result.value.attrs["units"]
    ax.set_yscale("log")
    ax.set_xlabel("1000/T (1/K)")
    ax.set_ylabel(f"T · value (K {units})" if result.attrs["times_T"] else f"value ({units})")
    if len(T) == 0:
        return
    ax.errorbar(1000 / T, y * times, yerr=np.nan_to_num(error) * times, fmt="o", color=PALETTE[0], ms=5, capsize=2.5)
    if not np.isfinite(float(result.E_a)):
        return
    E_a, E_error = float(result.E_a), float(result.E_a_error)
    line = Line(
        float(np.log(result.prefactor)), -E_a / K_B_EV, result.covariance.values, float(result.attrs["chi2"]),
        int(result.attrs["dof"]), scaled=bool(np.isnan(error).all()),
    )  # fmt: skip
    marked = np.append(T, result["at"].values)
    span = 1 / marked
    x = np.linspace(span.min(), span.max(), 200)
    centre, low, high = _values_at(line, 1 / x, times_T=False)
    ax.plot(1000 * x, centre, color=PALETTE[0], label=f"$E_a$ = {E_a:.3f} ± {E_error:.3f} eV")
    if np.isfinite(low).all():
        ax.fill_between(1000 * x, low, high, color=PALETTE[0], alpha=0.2, lw=0, label="95 %")
    top = ax.secondary_xaxis("top", functions=(_inverse, _inverse))
    top.set_xlabel("T (K)")
    ticks = _legible(marked, float(np.ptp(span)))
    top.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.legend(loc="lower left")


def _legible(temperatures: Floats, span: float) -> list[float]:
    """Those temperatures, from the lowest on, whose labels don't touch on an axis of 1/T that is ``span`` long."""
    chosen: list[float] = []
    for kelvin in np.unique(temperatures).tolist():
        if not chosen or 1 / chosen[-1] - 1 / kelvin > LABEL * span:
            chosen.append(kelvin)
    return chosen


def _inverse(x: Any) -> Any:
    return 1000 / np.maximum(x, 1e-9)
