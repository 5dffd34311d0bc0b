"""The diffusion coefficient from the MSD, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.units import CM2_S_PER_A2_PS
from vanhove.fitting.gls import gls

from . import outlook
from .curve import Curve, Spread, places
from .phase_origins import said_of, told
from .window import FEWEST_INDEPENDENT, STILL, Exponent, Window, exponent, find, usable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

SLOWEST, FASTEST = 0.9, 1.1  # exponents that pass for diffusion, one standard error given
VAGUE = 0.25  # an exponent with a larger error says nothing
BOUND = 0.95  # chance that an upper bound is one
ONE_SIDED = 1.645  # standard errors that give it
AGEING = 2.6  # standard errors between the halves of a run that chance alone gives once in a hundred
ROUNDS = 3  # of fitting and renewing the covariance; the second already changes nothing that matters
DIFFUSIVE = "diffusive"


@dataclass(frozen=True)
class Line:
    """MSD = intercept + slope · t over a window, in Å² and Å²/ps."""

    intercept: float
    slope: float
    slope_error: float
    chi2: float
    seen: Spread  # of the slope


def diffusion(msd: Dataset, *, window: Sequence[float] | None = None, jump_length: float | None = None) -> Dataset:
    r"""Diffusion coefficient from a mean squared displacement, with its error and a verdict (B5 i).

    .. math:: \mathrm{MSD}(t) = c + 6 D t

    is fitted over a window of lags by generalised least squares, with the intercept c (vibration, cage) free. The
    MSD's covariance between lags is that of Gaussian paths with the observed growth, every overlap of the finite run's
    origins counted (:meth:`~vanhove.dynamics.curve.Curve.covariance`).

    The window ends where 30 independent displacements, or a quarter of the frames as origins, are left. It begins at
    the first lag after flight and cage from which on the exponent d ln MSD/d ln t is 1 within its error; where there is
    none, at the latest lag from which on the exponent is known to 0.06 (:func:`~vanhove.dynamics.window.find`).

    The verdict is ``"diffusive"`` unless, in the window, the exponent + 1 σ is below 0.9 (or the exponent - 1 σ above
    1.1), the exponent is not known to 0.25, or √MSD stays below one jump length. Then D is NaN, and the verdict is a
    sentence that says why.

    Parameters
    ----------
    msd
        From :func:`vanhove.dynamics.msd`.
    window
        First and last lag (ps) to fit instead. D is then given whatever the verdict.
    jump_length
        Å. By default the first peak of the ions' own g(r), where ``msd`` found one.

    Returns
    -------
    Dataset
        ``D`` and ``D_error`` (cm²/s). The error is one standard error: the larger of what follows from the covariance
        and of the spread of the slope between groups of ions (which knows differences between ions and non-Gaussian
        motion; from 8 ions on), enlarged where the slope varies more between parts of the run than within each group
        of ions (ions moving together), and by half the difference of the run's halves where these differ significantly.
        ``D_upper``, a one-sided 95 % bound: D + 1.645 σ where diffusive, else (MSD + 1.645 σ)/6t at the longest usable
        lag, which bounds every later MSD/6t of a motion that is not faster than diffusion (σ from the spread between
        ions; with fewer than 8, the χ² quantile of the independent displacements); NaN for a faster one. ``window``
        (ps); ``exponent`` and its error there; ``intercept`` c (Å²); ``jump_length``; the curve and the fitted line at
        the lags that were looked at. ``attrs``: ``verdict``, ``window_reason``, ``ageing`` (first against second half
        of the origins).
    """
    if msd.attrs.get("observable") != "dynamics.msd":
        raise Refusal("diffusion needs the result of dynamics.msd", "", "Pass what dynamics.msd returned")
    full = Curve.of(msd)
    judged = usable(full)
    found = find(judged) if window is None else _given(full, window)
    jump = float(msd.attrs.get("jump_length", np.nan)) if jump_length is None else float(jump_length)
    bound = _bound(judged if len(judged.lags) else full.at(slice(0, 1)))
    if found is None:
        line, verdict, ageing = None, _too_short(full, judged), "not tested"
    else:
        line = fit_line(found.curve, full)
        run = full.length * full.spacing
        advice = outlook.at_least(run, 6 * bound / CM2_S_PER_A2_PS, line.intercept, jump)
        verdict, ageing = _verdict(found, jump, run, advice), _ageing(line)
    value = error = np.nan
    if line is not None and (verdict == DIFFUSIVE or window is not None):
        value, error = line.slope / 6 * CM2_S_PER_A2_PS, line.slope_error / 6 * CM2_S_PER_A2_PS
    if verdict == DIFFUSIVE:
        bound = value + ONE_SIDED * error
    elif found is not None and found.exponent.value - found.exponent.error > FASTEST:
        bound = np.nan
    edges = (np.nan, np.nan) if found is None else (found.curve.times[0], found.curve.times[-1])
    slow = Exponent(np.nan, np.nan) if found is None else found.exponent
    fitted = np.full(len(full.lags), np.nan)
    if line is not None:
        fitted = line.intercept + line.slope * full.times
    names = ("temperature", "drift", "fingerprint", "phase", "phase_share")
    kept = {name: msd.attrs[name] for name in names if name in msd.attrs}
    return dataset(
        "dynamics.diffusion",
        {
            "D": Column((), value, "cm²/s", "diffusion coefficient"),
            "D_error": Column((), error, "cm²/s", "standard error of D"),
            "D_upper": Column((), bound, "cm²/s", "one-sided 95 % bound of D"),
            "window": Column(("edge",), list(edges), "ps", "first and last lag of the fit"),
            "exponent": Column((), slow.value, "1", "exponent d ln MSD / d ln t in the window"),
            "exponent_error": Column((), slow.error, "1", "standard error of the exponent"),
            "intercept": Column((), np.nan if line is None else line.intercept, "Å²", "intercept of the line"),
            "jump_length": Column((), jump, "Å", "length of one jump"),
            "msd": Column(("lag",), full.values, "Å²", "mean squared displacement"),
            "msd_error": Column(("lag",), msd.msd_error.values[places(msd)], "Å²", "standard error of the MSD"),
            "line": Column(("lag",), fitted, "Å²", "fitted line"),
        },
        {
            "lag": Column(("lag",), full.times, "ps", "lag"),
            "edge": Column(("edge",), ["start", "end"], "1", "edge of the window"),
        },
        parameters=dict(window=window, jump_length=jump_length),
        history=history_of(msd),
        title=f"Diffusion of {msd.attrs['species']}{told(str(msd.attrs.get('phase', '')))}",
        verdict=verdict,
        window_reason="given" if window is not None else "none" if found is None else found.reason,
        ageing=ageing,
        species=str(msd.attrs["species"]),
        n_ions=full.n_ions,
        n_lags=0 if found is None else len(found.curve.lags),
        chi2=np.nan if line is None else line.chi2,
        inflation=np.nan if line is None else line.seen.inflation,
        **kept,
    )


def fit_line(curve: Curve, full: Curve) -> Line:
    """Slope and intercept by generalised least squares over all lags of ``curve``, a stretch of ``full``.

    The covariance is that of Gaussian paths whose MSD is the fitted line from the window's start on and the observed
    one before it; fit and covariance are made consistent in a few rounds. Where the halves of the run differ, half
    their difference is part of the error.
    """
    design = np.stack([np.ones(len(curve.lags)), curve.lags.astype(np.float64)], axis=1)
    first = curve.lags[0]
    early = full.lags < first
    knots = np.concatenate([[0], full.lags[early], [first, first + 1]])
    fit = gls(design, curve.values, curve.relative_covariance * np.outer(curve.values, curve.values))
    for _ in range(ROUNDS):
        intercept, slope = fit.parameters
        # a covariance needs a path that goes somewhere, also where noise or a cage makes the line fall
        step = max(slope, 1e-3 * curve.values[0] / first)
        start = max(intercept + slope * first, curve.values[0] / 2)
        growth = np.concatenate([[0], full.values[early], [start, start + step]])
        fit = gls(design, curve.values, curve.covariance(knots, growth))
    seen = curve.spread(fit.weights[1])
    error = seen.enlarged(float(fit.errors[1]))
    if seen.ageing > AGEING:
        error = float(np.hypot(error, (seen.first_half - seen.second_half) / 2))
    return Line(
        float(fit.parameters[0]), float(fit.parameters[1]) / curve.spacing, error / curve.spacing,
        fit.chi2 / max(fit.dof, 1), seen,
    )  # fmt: skip


def _given(full: Curve, window: Sequence[float]) -> Window:
    if len(window) != 2 or not np.isfinite(list(window)).all() or not 0 <= window[0] < window[1]:
        raise Refusal(f"window={window!r}", "", "Give the first and the last lag in ps")
    slack = 1e-6 * full.spacing
    inside = (full.times >= window[0] - slack) & (full.times <= window[1] + slack) & (full.values > STILL)
    if inside.sum() < 2:
        raise Refusal(
            f"The window {window[0]:g}–{window[1]:g} ps holds {inside.sum()} lags with a displacement",
            f"this MSD has lags from {full.times[0]:g} to {full.times[-1]:g} ps",
            "Give a wider one",
        )
    curve = full.at(inside)
    return Window(curve, exponent(curve, curve.relative_covariance), "given")


def _verdict(window: Window, jump: float, run: float, advice: str) -> str:
    """``"diffusive"`` or what says why not, and how much longer the ``run`` (ps) would have to be."""
    value, error = window.exponent
    curve = window.curve
    between = f"between {curve.times[0]:g} and {curve.times[-1]:g} ps"
    reached = float(curve.values[-1]) ** 0.5
    grows = f"Not diffusive: the MSD grows as t^({value:.2f} ± {error:.2f}) {between}"
    if error > VAGUE:
        return (
            f"Not known to be diffusive: the MSD grows as t^({value:.2f} ± {error:.2f}) {between}, too uncertain to "
            f"tell diffusion from rattling in a cage. {outlook.surer(run, error, VAGUE)}"
        )
    if value + error < SLOWEST:
        still = f", and √MSD of {reached:.2f} Å is less than one jump ({jump:.2f} Å)" if reached < jump else ""
        return f"{grows}, slower than diffusion (t^1): the ions rattle more than they move on{still}. {advice}"
    if value - error > FASTEST:
        return (
            f"{grows}, faster than diffusion (t^1): flight between collisions, which a longer run leaves behind, or a "
            "drift that was left in (see drift=)."
        )
    if reached < jump:
        return (
            f"Not diffusive: √MSD reaches {reached:.2f} Å in {curve.times[-1]:g} ps, less than the length of one jump "
            f"({jump:.2f} Å): most ions have not left their place. {advice}"
        )
    return DIFFUSIVE


def _too_short(full: Curve, judged: Curve) -> str:
    if len(full.lags) and not (full.values > STILL).any():
        return "The ions do not move."
    independent = float(full.independent[0]) if len(full.lags) else 0.0
    return (
        f"The run is too short: {len(judged.lags) or 'none'} of the lags looked at have {FEWEST_INDEPENDENT} "
        f"independent displacements, too few for a fit. {outlook.enough(full.length * full.spacing, independent)}"
    )


def _bound(judged: Curve) -> float:
    """The 95 % bound of MSD/6t at the longest lag, in cm²/s."""
    from scipy.stats import chi2

    if len(judged.lags) == 0:
        return np.nan
    last = judged.at(slice(-1, None))
    seen = last.spread(np.ones(1))
    freedom = 3 * float(last.independent[0])
    by_model = freedom / float(chi2.ppf(1 - BOUND, freedom))
    by_spread = 1 + ONE_SIDED * seen.error * seen.inflation**0.5 / float(last.values[0]) if last.values[0] > 0 else 1.0
    largest = by_model if np.isnan(by_spread) else by_spread
    return float(last.values[0] * largest / (6 * last.times[0]) * CM2_S_PER_A2_PS)


def _ageing(line: Line) -> str:
    seen = line.seen
    if np.isnan(seen.ageing):
        return "not tested"
    total = (seen.first_half + seen.second_half) / 2
    halves = (seen.first_half, seen.second_half)
    first, second = (line.slope * half / total / 6 * CM2_S_PER_A2_PS for half in halves)
    numbers = f"slope/6 is {first:.3g} cm²/s from the first half of the origins and {second:.3g} from the second"
    if seen.ageing > AGEING:
        return f"The motion changes along the run: {numbers}, {seen.ageing:.1f} σ apart."
    return f"none seen: {numbers}, {seen.ageing:.1f} σ apart"


def draw(result: Dataset, ax: Axes) -> None:
    """The MSD with its error band, the fitted line over its window (shaded), and D or the verdict as the legend."""
    species, colour = said_of(result)
    lag, values, error = (result[name].values for name in ("lag", "msd", "msd_error"))
    start, end = result.window.values
    last = min(1.25 * end, lag[-1]) if np.isfinite(end) else lag[-1]
    shown = lag <= last
    ax.fill_between(lag[shown], (values - error)[shown], (values + error)[shown], color=colour, alpha=0.25, lw=0)
    ax.plot(lag[shown], values[shown], color=colour, label=f"{species}: MSD")
    if np.isfinite(start):
        ax.axvspan(start, end, color="#7F7F7F", alpha=0.12, lw=0)
        inside = (lag >= start) & (lag <= end)
        ax.plot(lag[inside], result.line.values[inside], color="#000000", ls="--", lw=1.2, label=_legend(result))
    ax.set_xlim(0, last)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(label("lag", "ps"))
    ax.set_ylabel(label("MSD", "Å²"))
    if result.attrs["verdict"] != DIFFUSIVE:
        ax.set_title("not diffusive", fontsize="medium", loc="left")
    ax.legend(loc="upper left")


def _legend(result: Dataset) -> str:
    slow = f"exponent {float(result.exponent):.2f} ± {float(result.exponent_error):.2f}"
    if not np.isfinite(float(result.D)):
        return f"D < {float(result.D_upper):.2g} cm²/s (95 %)\n{slow}"
    power = int(np.floor(np.log10(abs(float(result.D)))))
    value, error = float(result.D) / 10.0**power, float(result.D_error) / 10.0**power
    return f"D = ({value:.2f} ± {error:.2f})·10$^{{{power}}}$ cm²/s\n{slow}"
