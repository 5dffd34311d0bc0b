"""Activation energies: a straight line of the logarithm against 1/T, or two where the points ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset
from vanhove.base.units import K_B_EV
from vanhove.fitting.line import Line, straight_line

from .crossover import FEWEST_ON_A_SIDE, UNLIKELY, Bend, Choice, choose

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

ROOM = 300.0  # K
LEVEL = 0.95  # of the interval of an extrapolated value
LEVELS = (0.6827, 0.95)  # of the intervals of the activation energy: one standard error of a normal, and the usual one
LABEL = 0.14  # of the axis, that the label of a temperature takes
FEWEST_FOR_CROSSOVER = 2 * FEWEST_ON_A_SIDE
DRAWN = 200  # points of the line that is drawn


def arrhenius(
    temperatures: Sequence[float],
    values: Sequence[float],
    errors: Sequence[float] | None = None,
    *,
    times_T: bool = False,
    at: float | Sequence[float] | None = None,
    kind: Literal["rate", "time"] = "rate",
    units: str = "as given",
) -> Dataset:
    r"""Activation energy and prefactor of a thermally activated quantity, and its value at other temperatures (B6).

    .. math:: \ln y = \ln y_0 \mp \frac{E_a}{k_B T}, \qquad y = D, \; \Gamma, \; \sigma T \; (-)
        \quad\text{or}\quad y = \tau \; (+)

    is fitted as a straight line. With ``errors`` every point weighs (y/error)², its standard error in ln y, and the
    covariance of line and slope follows from the errors alone; ``attrs["birge"]`` = √(χ²/(n - 2)) says whether the
    points scatter as the errors promise. Where χ² is larger than it is in 5 of 100 cases, they don't: the errors are
    then only relative ones, all are multiplied by that number and the intervals use Student's t. Without errors all
    points weigh the same, the standard error is the least-squares one with n - 2, and the intervals use Student's t.
    ``attrs["error"]`` and ``attrs["interval"]`` say which.

    Parameters
    ----------
    temperatures, values, errors
        K; the values, and one standard error of each. A temperature may come several times (replicas): each value is a
        point. NaN values (refused diffusion coefficients) are left out and counted, and so is a value whose error is
        NaN or not positive, or, with a warning, one that is not positive.
    times_T
        Fit ``values`` times T (σT of a conductivity); ``value_at`` is the value itself again.
    at
        Temperature or temperatures to extrapolate to; 300 K by default.
    kind
        ``"rate"``: what grows with temperature has a positive E_a (D, σT, hop rates). ``"time"``: what falls has
        (τ*, residence times).
    units
        Unit of the values, for the labels.

    Returns
    -------
    Dataset
        ``E_a`` and ``E_a_error`` (eV, one standard error), ``E_a_interval(level, end)`` that hold 68.27 and 95 of 100;
        ``prefactor`` y₀ and ``prefactor_error`` (y₀ times the standard error of ln y₀); ``covariance`` of ln y₀ and E_a
        (eV); ``value_at`` with ``value_at_low`` and ``value_at_high``, the two-sided 95 % interval from the full
        covariance in ln y (true if the same process goes on down to there); the points used; ``line(kelvin)``, what is
        drawn through them, with its 95 % band. With one usable temperature everything is NaN, with two and no errors
        the errors are: ``attrs["verdict"]`` is ``"fitted"`` or a sentence.

        From six temperatures on, two lines that meet are compared with one by Akaike's criterion
        (``attrs["criterion"]``: with the errors given, or corrected for few points with their own scatter), which has
        to be lower by 4. Where it is, ``crossover`` (K) is where they meet, ``E_a_branch(branch)`` the activation
        energy ``below`` and ``above`` it, ``attrs["verdict"]`` says so, and ``value_at`` follows the branch that covers
        the temperature. ``E_a`` and ``prefactor`` stay those of one line. ``attrs["crossover"]`` says what was found.
    """
    kelvin, given, sigma = _checked(temperatures, values, errors)
    usable = np.isfinite(given) & (given > 0)
    if sigma is not None:
        usable &= np.isfinite(sigma) & (sigma > 0)
    targets = np.asarray(ROOM if at is None else at, np.float64)
    if not (np.isfinite(targets) & (targets > 0)).all():
        raise Refusal(f"at={at!r}", "", "Give positive temperatures in K")
    if kind not in ("rate", "time"):
        raise Refusal(f"kind={kind!r}", "", 'Pass "rate" for what grows with temperature, "time" for what falls')
    T, y = kelvin[usable], given[usable] * (kelvin[usable] if times_T else 1.0)
    relative = None if sigma is None else sigma[usable] / given[usable]
    line, birge = _line(T, y, relative)
    choice, sentence = _crossover(T, y, relative)
    law: Line | Bend = choice.bend or line
    rising = -K_B_EV if kind == "rate" else K_B_EV  # eV for each K of the slope
    value_units = units if not times_T else f"K {units}"
    along = ("at",) if targets.ndim else ()
    marked = np.append(T, targets)
    drawn = 1 / np.linspace(1 / marked.max(), 1 / marked.min(), DRAWN)
    return dataset(
        "dynamics.arrhenius",
        {
            **_parameters(line, rising, value_units),
            **_branches(choice.bend, rising, value_units),
            **_curve("value_at", along, law, targets, units, "value on the line", divided=times_T),
            "value": Column(("temperature",), given[usable], units, "value that was fitted"),
            "value_error": Column(
                ("temperature",),
                np.full(len(T), np.nan) if sigma is None else sigma[usable],
                units,
                "its standard error",
            ),
            **_curve("line", ("kelvin",), law, drawn, value_units, "the line", divided=False),
        },
        {
            "at": Column(along, targets, "K", "temperature"),
            "temperature": Column(("temperature",), T, "K", "temperature"),
            "kelvin": Column(("kelvin",), drawn, "K", "temperature"),
            "level": Column(("level",), list(LEVELS), "1", "probability to hold the truth"),
            "end": Column(("end",), ["low", "high"], "1", "end of the interval"),
            "branch": Column(("branch",), ["below", "above"], "1", "side of the crossover"),
        },
        parameters=dict(
            temperatures=kelvin, values=given, errors=sigma, times_T=times_T, at=targets, kind=kind, units=units
        ),
        history=[],
        title="Arrhenius fit",
        verdict=_verdict(line, T, birge, given_errors=relative is not None, choice=choice, rising=rising),
        interval="95 %, two-sided, " + ("Student's t" if line.scaled else "normal"),
        error=_whose_error(line, birge, given_errors=relative is not None),
        crossover=sentence,
        criterion=choice.criterion,
        criterion_gain=choice.gain,
        left_out=int((~usable).sum()),
        times_T=int(times_T),
        chi2=np.nan if relative is None else birge**2 * line.dof if line.dof > 0 else 0.0,
        dof=line.dof,
        birge=birge,
    )


def _checked(
    temperatures: Sequence[float], values: Sequence[float], errors: Sequence[float] | None
) -> tuple[Floats, Floats, Floats | None]:
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
    return kelvin, given, sigma


def _line(T: Floats, y: Floats, relative: Floats | None) -> tuple[Line, float]:
    """The line of ln y against 1/T, all NaN where there are not two temperatures; and √(χ²/dof), NaN without errors."""
    from scipy.stats import chi2

    if len(set(T.tolist())) < 2:
        return Line(np.nan, np.nan, np.full((2, 2), np.nan), np.nan, len(T) - 2, scaled=relative is None), np.nan
    line = straight_line(1 / T, np.log(y), relative)
    if relative is None or line.dof < 1:
        return line, np.nan
    birge = float((line.chi2 / line.dof) ** 0.5)
    if chi2.sf(line.chi2, line.dof) < UNLIKELY:
        line = replace(line, covariance=line.covariance * birge**2, scaled=True)
    return line, birge


def _parameters(line: Line, rising: float, value_units: str) -> dict[str, Column]:
    E_a, error = line.slope * rising, line.slope_error * abs(rising)
    reach = np.array([[-1, 1]]) * np.array([[line.quantile(level)] for level in LEVELS]) * error
    prefactor = np.exp(line.intercept)
    return {
        "E_a": Column((), E_a, "eV", "activation energy"),
        "E_a_error": Column((), error, "eV", "standard error of the activation energy"),
        "E_a_interval": Column(("level", "end"), E_a + reach, "eV", "interval of the activation energy"),
        "prefactor": Column((), prefactor, value_units, "prefactor"),
        "prefactor_error": Column((), prefactor * line.intercept_error, value_units, "standard error of the prefactor"),
        "covariance": Column(
            (), line.covariance[0, 1] * rising, "eV", "covariance of ln prefactor and activation energy"
        ),
    }


def _branches(bend: Bend | None, rising: float, value_units: str) -> dict[str, Column]:
    """The two laws that meet, below the crossover first: its line lies to the right, at larger 1/T."""
    sides = [None, None] if bend is None else [bend.right, bend.left]
    slopes, errors, heights = (
        np.array([np.nan if side is None else getattr(side, name) for side in sides])
        for name in ("slope", "slope_error", "intercept")
    )
    met, uncertain = (np.nan, np.nan) if bend is None else (1 / bend.x, bend.x_error / bend.x**2)
    return {
        "crossover": Column((), met, "K", "temperature at which two laws meet"),
        "crossover_error": Column((), uncertain, "K", "its standard error"),
        "E_a_branch": Column(("branch",), slopes * rising, "eV", "activation energy on a side of the crossover"),
        "E_a_branch_error": Column(("branch",), errors * abs(rising), "eV", "its standard error"),
        "prefactor_branch": Column(("branch",), np.exp(heights), value_units, "prefactor on a side of the crossover"),
    }


def _curve(
    name: str, dims: tuple[str, ...], law: Line | Bend, kelvin: Floats, units: str, what: str, *, divided: bool
) -> dict[str, Column]:
    """A law and its interval at temperatures; ``divided`` by T where y is the value times T."""
    if isinstance(law, Bend):
        centre, reach = law.at(1 / kelvin, LEVEL)
    else:
        centre, error = law.at(1 / kelvin)
        reach = law.quantile(LEVEL) * error
    factor = 1 / kelvin if divided else 1.0
    return {
        name: Column(dims, factor * np.exp(centre), units, what),
        f"{name}_low": Column(dims, factor * np.exp(centre - reach), units, "lower end of the 95 % interval"),
        f"{name}_high": Column(dims, factor * np.exp(centre + reach), units, "upper end of the 95 % interval"),
    }


def _verdict(line: Line, T: Floats, birge: float, *, given_errors: bool, choice: Choice, rising: float) -> str:
    distinct = len(set(T.tolist()))
    if distinct < 2:
        return f"An activation energy needs values at two temperatures; {distinct or 'none'} can be used."
    if not given_errors and line.dof < 1:
        return "Two values without errors give a slope but not its error."
    if choice.bend is not None:
        below, above = (side.slope * rising for side in (choice.bend.right, choice.bend.left))
        return (
            f"fitted, with two laws that meet at {1 / choice.bend.x:.0f} K, E_a = {below:.3f} eV below and "
            f"{above:.3f} eV above: value_at follows the one that covers its temperature, E_a is that of a single line."
        )
    if given_errors and line.scaled:
        return (
            f"fitted, but the points scatter {birge:.1f} times as widely as their errors say: "
            "all errors are enlarged by that, or there is more than one process."
        )
    return "fitted"


def _whose_error(line: Line, birge: float, *, given_errors: bool) -> str:
    if not given_errors:
        return "from the scatter of the points about the line"
    return f"from the errors given, times {birge:.3g}: their scatter" if line.scaled else "from the errors given"


def _crossover(T: Floats, y: Floats, relative: Floats | None) -> tuple[Choice, str]:
    """Two lines where they are preferred, and what is said of it."""
    if len(set(T.tolist())) < FEWEST_FOR_CROSSOVER:
        return Choice(None, "none", np.nan), f"not looked for with fewer than {FEWEST_FOR_CROSSOVER} temperatures"
    choice = choose(1 / T, np.log(y), relative)
    if choice.bend is None:
        return choice, "none seen: one slope is enough"
    return choice, f"two slopes that meet near {1 / choice.bend.x:.0f} K describe the points better than one"


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
    E_a = float(result.E_a)
    if not np.isfinite(E_a):
        return
    met = float(result.crossover)
    x, low, high = (1000 / result.kelvin.values, result.line_low.values, result.line_high.values)
    if np.isfinite(met):
        told = (f"{float(result.E_a_branch[k]):.3f} ± {float(result.E_a_branch_error[k]):.3f}" for k in (0, 1))
        name = "$E_a$ = {} eV below\nand {} eV above {:.0f} K".format(*told, met)
        ax.axvline(1000 / met, color="#7F7F7F", lw=0.9, ls=":")
    else:
        name = f"$E_a$ = {E_a:.3f} ± {float(result.E_a_error):.3f} eV"
    ax.plot(x, result.line.values, color=PALETTE[0], label=name)
    if np.isfinite(low).all():
        ax.fill_between(x, low, high, color=PALETTE[0], alpha=0.2, lw=0, label="95 %")
    top = ax.secondary_xaxis("top", functions=(_inverse, _inverse))
    top.set_xlabel("T (K)")
    ticks = _legible(np.append(T, result["at"].values), float(np.ptp(x)) / 1000)
    top.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    falls = result.line.values[0] > result.line.values[-1]
    ax.legend(loc="lower left" if falls else "upper left")


def _legible(temperatures: Floats, span: float) -> list[float]:
    """Those temperatures, from the lowest on, whose labels don't touch on an axis of 1/T that is ``span`` long."""
    chosen: list[float] = []
    for kelvin in np.unique(temperatures).tolist():
        if not chosen or 1 / chosen[-1] - 1 / kelvin > LABEL * span:
            chosen.append(kelvin)
    return chosen


def _inverse(x: Any) -> Any:
    return 1000 / np.maximum(x, 1e-9)
