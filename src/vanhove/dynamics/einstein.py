"""The conductivity from the spreading of the charge: the collective Einstein relation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.fitting.gls import gls

from ._diffusion import BOUND, DIFFUSIVE, FASTEST, ONE_SIDED, SLOWEST, VAGUE
from .window import FEWEST_INDEPENDENT, FEWEST_LAGS, NARROWEST, STILL, Exponent, exponent, find, usable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .collective import Products
    from .curve import Curve

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

STRAIGHT = 0.03  # by how much the slope of single ions' MSD may differ from its final one
CHANCE = 2.0  # standard errors of the MSD of random walks that local slopes may differ by
MISFIT = 0.03  # of the charge's MSD: what a straight line may miss at each lag, beside noise
BENT = 2.6  # standard errors between the later half's slope and the whole's that chance gives once in a hundred
SEEN = 2.0  # standard errors above zero of a slope that is one
TYPICAL = 1.5  # independent displacements in a run of one lag's length


@dataclass(frozen=True)
class Alone:
    """The MSDs of single ions at the charge's lags, weighted by q² and added up, e²Å²."""

    all_ions: Floats
    mobile: Floats  # those of species that diffuse
    n_mobile: int
    slope: float  # of ``mobile`` where it is diffusive, e²Å²/ps; NaN where nothing diffuses
    slope_error: float

    def missed(self, weights: Floats, chosen: Bools, spacing: float) -> float:
        """By what part a slope through ``weights`` differs from the diffusive one, beyond this one's error."""
        if not self.slope > 0:
            return 0.0
        off = float(weights @ self.mobile[chosen]) / spacing / self.slope - 1
        return float(np.sqrt(max(off**2 - (self.slope_error / self.slope) ** 2, 0.0)))


@dataclass(frozen=True)
class Spreading:
    """How fast the charge spreads: slopes (e²Å²/ps) of ⟨ΔA·ΔP⟩ for every species A and for the total P, the last."""

    slope: Floats
    error: Floats
    single: float  # slope of single ions in the same fit
    upper: float  # one-sided 95 % bound of the total's slope
    edges: tuple[float, float]  # ps
    exponent: Exponent
    intercept: float  # e²Å²
    verdict: str
    reason: str


def spreading(found: Products, full: Curve, alone: Alone, start: float, window: Sequence[float] | None) -> Spreading:
    """The slopes over the window that begins at ``start`` (ps), where the MSD of single ions is straight.

    Where no species diffuses (``start`` is NaN), the window is looked for in the charge's own MSD, and judged by its
    exponent, as :func:`diffusion` does. The last path of ``found`` is the total, ``full`` its curve.

    What the same fit makes of single ions, whose slope is known, is part of the error where it is off by more than that
    slope's own error.
    """
    single = alone.all_ions
    judged = usable(full)
    chosen, reason = _window(full, judged, start, window)
    bound = _bound(judged if len(judged.lags) else full.at(slice(0, 1)))
    nothing = np.full(found.by_axis.shape[1], np.nan)
    if chosen is None:
        unknown = Exponent(np.nan, np.nan)
        return Spreading(nothing, nothing, np.nan, bound, (np.nan, np.nan), unknown, np.nan, reason, "none")
    curve = full.at(chosen)
    seen = exponent(curve, curve.relative_covariance)
    slope, error, intercept = _slopes(found.values, full, chosen, single)
    weights = _weights(full, chosen, single)
    error = np.hypot(error, alone.missed(weights, chosen, full.spacing) * np.abs(slope))
    verdict = _verdict(found, full, chosen, single, seen, own=bool(np.isnan(start)))
    if verdict == DIFFUSIVE:
        bound = float(slope[-1] + ONE_SIDED * error[-1])
    elif seen.value - seen.error > FASTEST:
        bound = np.nan
    if verdict != DIFFUSIVE and window is None:
        slope, error, intercept = nothing, nothing, np.nan
    edges = (float(curve.times[0]), float(curve.times[-1]))
    slope_of_single = float(weights @ single[chosen]) / full.spacing
    return Spreading(slope, error, slope_of_single, bound, edges, seen, intercept, verdict, reason)


def straight_from(full: Curve, alone: Alone, latest: float) -> float:
    """The lag (ps) from which on the MSD of single ions is a straight line, as far as the charge's is looked at.

    Looked for up to ``latest``, from which on its exponent is 1: that is later than need be where a line has an
    intercept, as after flight (1 + τ/t) or a cage, and of lags the charge has few. The slope from t to 2t is compared
    with the final one, of diffusion and of the last usable lags of the charge, ``full``, together: from the lag found
    on they differ by 3 % at most, or by what chance lets as many random walks, but not by more than half of what the
    charge's MSD itself is known to. Where the last lags' slope is not that of diffusion, it is ``latest``.
    """
    judged, times = usable(full), full.times
    if len(judged.lags) == 0:
        return latest
    end = judged.times[-1]
    known = np.sqrt(2 / (3 * full.independent))
    error = np.interp(2 * times, times, known) / alone.n_mobile**0.5
    local = (np.interp(2 * times, times, alone.mobile) - alone.mobile) / times
    last, last_error = (float(np.interp(end / 2, times, each)) for each in (local / alone.slope, error))
    its_error = alone.slope_error / alone.slope
    if abs(last - 1) > max(STRAIGHT, CHANCE * float(np.hypot(last_error, its_error))):
        return latest
    share = its_error**2 / (its_error**2 + last_error**2)
    final, final_error = 1 + share * (last - 1), share**0.5 * last_error
    off = np.abs(local / alone.slope / final - 1)
    allowed = np.minimum(CHANCE * np.hypot(error, final_error), known / 2)
    wrong = np.flatnonzero((off > np.maximum(STRAIGHT, allowed)) & (times < min(latest, end / 2)))
    after = int(wrong[-1]) + 1 if len(wrong) else 0
    return float(min(times[after], latest))


def _window(full: Curve, judged: Curve, start: float, window: Sequence[float] | None) -> tuple[Bools | None, str]:
    """Which lags are fitted and why; None where they are too few, and the sentence that says so."""
    slack = 1e-6 * full.times[0]
    if window is not None:
        if len(window) != 2 or not np.isfinite(list(window)).all() or not 0 <= window[0] < window[1]:
            raise Refusal(f"window={window!r}", "", "Give the first and the last lag in ps")
        inside = (full.times >= window[0] - slack) & (full.times <= window[1] + slack) & (full.values > STILL)
        if inside.sum() < 2:
            raise Refusal(
                f"The window {window[0]:g}–{window[1]:g} ps holds {inside.sum()} lags with a displacement",
                f"the lags go from {full.times[0]:g} to {full.times[-1]:g} ps", "Give a wider one",
            )  # fmt: skip
        return inside, "given"
    last = float(judged.times[-1]) if len(judged.lags) else 0.0
    if np.isnan(start):
        own = find(judged)
        if own is None:
            return None, _too_short(full, last, float(full.times[0]))
        return np.isin(full.lags, own.curve.lags), own.reason
    inside = np.isin(full.lags, judged.lags) & (full.times >= start - slack)
    if inside.sum() < FEWEST_LAGS or last < NARROWEST * start:
        return None, _too_short(full, last, start)
    reason = f"from {start:g} ps on the MSD of single ions is a straight line; up to {last:g} ps"
    return inside, f"{reason} the charge has {FEWEST_INDEPENDENT} or more independent displacements"


def _too_short(full: Curve, last: float, start: float) -> str:
    if not (full.values > STILL).any():
        return "The charge does not move."
    needed = NARROWEST * start * FEWEST_INDEPENDENT / TYPICAL
    return (
        f"The run is too short: the charge of all ions moves as one, and has {FEWEST_INDEPENDENT} independent "
        f"displacements only up to {last:.3g} ps, where a fit begins at {start:.3g} ps; it takes some {needed:.3g} ps."
    )


def _verdict(found: Products, full: Curve, chosen: Bools, single: Floats, seen: Exponent, *, own: bool) -> str:
    curve = full.at(chosen)
    between = f"between {curve.times[0]:g} and {curve.times[-1]:g} ps"
    if own:
        power = f"The charge's MSD grows as t^({seen.value:.2f} ± {seen.error:.2f}) {between}"
        if seen.error > VAGUE:
            return f"{power}, too uncertain to tell conduction from polarisation."
        if seen.value + seen.error < SLOWEST:
            return f"{power}, slower than diffusion: no steady conduction is seen."
        if seen.value - seen.error > FASTEST:
            return f"{power}, faster than diffusion: flight, or a drift that was left in."
    total = found.values[:, -1:, -1:]
    slopes, errors, _ = _slopes(total, full, chosen, single)
    if not slopes[0] > SEEN * errors[0]:
        return f"The charge's MSD does not grow by more than its error {between}: no steady conduction is seen."
    late = chosen & (full.lags >= np.sqrt(curve.lags[0] * curve.lags[-1]))
    if late.sum() >= FEWEST_LAGS:
        weights, then = _weights(full, chosen, single), np.zeros(len(full.lags))
        then[late] = _weights(full, late, single)
        more = then[chosen] - weights
        change = float(more @ total[chosen, 0, 0])
        if abs(change) > BENT * _error(total, full, chosen, weights, 0, of=more) + STRAIGHT * slopes[0] * full.spacing:
            faster = "faster" if change > 0 else "slower"
            return f"The charge's MSD is no straight line {between}: its later half grows {faster} than the whole."
    return DIFFUSIVE


def _slopes(values: Floats, full: Curve, chosen: Bools, single: Floats) -> tuple[Floats, Floats, float]:
    """Slopes of ⟨ΔA·ΔP⟩ with errors, and the intercept of the total's line."""
    weights = _weights(full, chosen, single)
    slope: Floats = weights @ values[chosen, :, -1]
    error = np.array([_error(values, full, chosen, weights, a) for a in range(values.shape[1])])
    curve = full.at(chosen)
    intercept = float(curve.values.mean() - slope[-1] * curve.lags.mean())
    return slope / full.spacing, error / full.spacing, intercept


def _weights(full: Curve, chosen: Bools, single: Floats) -> Floats:
    """Weights of the lags whose product with an MSD is its slope, by generalised least squares.

    The covariance is that of one Gaussian path that grows as the MSD of ``single`` ions does, which is known far better
    than the charge's own: weights that follow the noise they weigh are biased. To it comes a few per cent of the line,
    each lag on its own. Smooth paths have MSDs that are almost the same at neighbouring lags; without that the best
    weights are large ones of both signs, which turn the slightest bend of the true MSD into slope.
    """
    if not (single[chosen] > STILL).all():
        single = full.values
    curve, mine = full.at(chosen), single[chosen]
    design = np.stack([np.ones(len(curve.lags)), curve.lags.astype(np.float64)], axis=1)
    even = np.linalg.pinv(design / mine[:, None])[1] / mine  # of a line through a curve that has no noise to speak of
    knots, growth = _growth(full, chosen, single, even)
    line = growth[-2] + (growth[-1] - growth[-2]) * (curve.lags - curve.lags[0])
    fit = gls(design, curve.values, curve.covariance(knots, growth) + np.diag((MISFIT * line) ** 2))
    slope: Floats = fit.weights[1]
    return slope


def _error(values: Floats, full: Curve, chosen: Bools, weights: Floats, a: int, *, of: Floats | None = None) -> float:
    r"""Standard error of the slope ``weights`` @ ⟨ΔA·ΔP⟩, or of another estimate, ``of`` @ ⟨ΔA·ΔP⟩.

    A and P are Gaussian paths: cov ∝ Σ C_A C_P + C_AP², each C by the growth of an MSD or of the cross product; the sum
    over origins knows squares only, so 2 C_A C_P = (C_A + C_P)² - C_A² - C_P².
    """
    curve, estimate = full.at(chosen), weights if of is None else of

    def covariance(by_lag: Floats) -> Floats:
        return curve.covariance(*_growth(full, chosen, by_lag, weights))

    both = values[:, a, -1]
    square = 2 * covariance(both)
    if a < values.shape[1] - 1:
        alone, total = values[:, a, a], values[:, -1, -1]
        square = (covariance(alone + total) - covariance(alone) - covariance(total)) / 2 + covariance(both)
    variance = float(estimate @ square @ estimate) / 2
    return float(np.sqrt(max(variance, 0.0)))


def _growth(full: Curve, chosen: Bools, by_lag: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """A growth without noise: as seen before the window, a straight line from its start on."""
    lags = full.lags[chosen]
    slope = float(weights @ by_lag[chosen])
    start = float(by_lag[chosen].mean() + slope * (lags[0] - lags.mean()))
    early = full.lags < lags[0]
    knots = np.concatenate([[0], full.lags[early], [lags[0], lags[0] + 1]]).astype(np.float64)
    return knots, np.concatenate([[0], by_lag[early], [start, start + slope]])


def _bound(judged: Curve) -> float:
    """The 95 % bound of MSD/t at the longest lag."""
    from scipy.stats import chi2

    freedom = 3 * float(judged.independent[-1])
    quantile = float(chi2.ppf(1 - BOUND, freedom))
    return float(judged.values[-1]) / float(judged.times[-1]) * freedom / quantile
