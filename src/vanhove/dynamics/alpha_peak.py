"""The non-Gaussian parameter from its moments, its error, and where it peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .fourth_moments import Moments

    Floats = NDArray[np.float64]

FEWEST_GROUPS = 8  # fewer ions say too little of how much ions differ
FEWEST_INDEPENDENT = 30  # displacements behind a point that may be the peak
STANDS_OUT = 3.0  # standard errors: how far a peak rises above zero and above both ends of the curve
FEWEST_LAGS = 4
AROUND = 1.8  # the parabola through the peak takes in the lags within this factor of the highest
RESAMPLED = 400  # times the groups of ions are drawn again
SEED = 20261120
STILL = 1e-30  # Å⁴: below, nothing has moved


class Peak(NamedTuple):
    """Where α₂ is highest, with one standard error each, and in words why where it is not known."""

    time: float  # ps
    time_error: float
    height: float
    height_error: float
    verdict: str


def alpha2(second: Floats, fourth: Floats, d: int) -> Floats:
    """d⟨r⁴⟩/((d + 2)⟨r²⟩²) - 1; NaN where nothing moves."""
    value = np.full(second.shape, np.nan)
    moves = second**2 > STILL
    value[moves] = d / (d + 2) * fourth[moves] / second[moves] ** 2 - 1
    return value


def error(found: Moments, d: int) -> tuple[Floats, str]:
    """One standard error of α₂ at all lags, and how it was found."""
    if len(found.weights) < FEWEST_GROUPS or len(found.group_lag) == 0:
        walk = np.sqrt(8 / (d * (d + 2) * np.where(found.independent > 0, found.independent, np.nan)))
        return np.where(found.second**2 > STILL, walk, np.nan), "a random walk's: too few ions to compare"
    one_out = _left_out(found, d)
    groups = len(one_out)
    spread = np.sqrt((groups - 1) / groups * ((one_out - one_out.mean(axis=0)) ** 2).sum(axis=0))
    at = np.maximum(found.lag, found.group_lag[0])
    every = np.interp(np.log(at), np.log(found.group_lag), spread)
    return np.where(found.second**2 > STILL, every, np.nan), f"jackknife over {groups} groups of ions"


def _left_out(found: Moments, d: int) -> Floats:
    """α₂ (group, group lag) of all groups of ions but one."""
    weighted = found.by_group * found.weights
    others = np.maximum(found.weights.sum(axis=0) - found.weights, 1)
    rest = (weighted.sum(axis=1, keepdims=True) - weighted) / others
    return alpha2(rest[0], rest[1], d)


def peak(found: Moments, d: int) -> Peak:
    """The highest peak of α₂ over ln t inside the run, its top by a parabola through the highest points.

    Only lags count behind which there are 30 independent displacements. A maximum is a peak where it stands above zero,
    and above the lowest value between it and the next higher one (or the end) on either side, by three standard errors
    of the difference: a curve that begins high, since hops are quicker than the frames, may have its peak later.
    """
    usable = (found.group_independent >= FEWEST_INDEPENDENT) & (found.second[_places(found)] ** 2 > STILL)
    if usable.sum() < FEWEST_LAGS:
        return _no_peak(f"unknown: fewer than {FEWEST_LAGS} lags with {FEWEST_INDEPENDENT} independent displacements")
    curve = _Curve(found, usable, d)
    for top in np.argsort(-curve.values).tolist():
        left, right = curve.lowest_beside(top)
        inside = 0 < top < len(curve.values) - 1
        if inside and all(curve.above(top, there) for there in (None, left, right)):
            return curve.peak_between(left, top, right)
    highest = int(np.argmax(curve.values))
    last = f"{np.exp(curve.log_lag[-1]):.4g} ps"
    if not curve.above(highest, None):
        return _no_peak(f"none: α₂ is zero within {STANDS_OUT:g} standard errors up to {last}")
    if curve.above(highest, curve.lowest_beside(highest)[1]):
        return _no_peak(
            f"none inside the run: α₂ falls from the first lag, {np.exp(curve.log_lag[0]):.4g} ps, on; its peak may "
            "lie below the spacing of the frames"
        )
    return _no_peak(
        f"none inside the run: α₂ is not seen to fall again up to {last}, the last lag with {FEWEST_INDEPENDENT} "
        "independent displacements; a run several times as long may show its peak"
    )


def _no_peak(why: str) -> Peak:
    return Peak(np.nan, np.nan, np.nan, np.nan, why)


class _Curve:
    """α₂ at the lags that may hold its peak, with what is known of its error."""

    def __init__(self, found: Moments, usable: NDArray[np.bool_], d: int) -> None:
        self.d = d
        self.weights = found.weights[:, usable]
        self.log_lag = np.log(found.group_lag[usable])
        self.by_group = found.by_group[..., usable]
        mean = np.einsum("mgl,gl->ml", self.by_group, self.weights / self.weights.sum(axis=0))
        self.values = alpha2(mean[0], mean[1], d)
        self.walk = np.sqrt(8 / (d * (d + 2) * found.group_independent[usable]))
        self.one_out = _left_out(found, d)[:, usable] if len(self.weights) >= FEWEST_GROUPS else None

    def error(self, here: int, there: int | None) -> float:
        """One standard error of a value, or of the difference of two."""
        if self.one_out is None:
            return float(self.walk[here] if there is None else np.hypot(self.walk[here], self.walk[there]))
        values = self.one_out[:, here] - (0.0 if there is None else self.one_out[:, there])
        return float(np.sqrt((len(values) - 1) * values.var()))

    def above(self, here: int, there: int | None) -> bool:
        """Whether a value is higher than another one, or than zero, beyond doubt."""
        rise = self.values[here] - (0.0 if there is None else self.values[there])
        return bool(rise > STANDS_OUT * self.error(here, there) and rise > 0)

    def lowest_beside(self, top: int) -> tuple[int, int]:
        """Where the curve is lowest on either side of a point, as far as it stays below it."""
        higher = np.flatnonzero(self.values > self.values[top])
        start = int(higher[higher < top].max(initial=-1)) + 1
        stop = int(higher[higher > top].min(initial=len(self.values)))
        return start + int(np.argmin(self.values[start : top + 1])), top + int(np.argmin(self.values[top:stop]))

    def peak_between(self, left: int, top: int, right: int) -> Peak:
        """The peak at ``top``, which is known to stand out of what lies between ``left`` and ``right``."""
        inside = slice(left, right + 1)
        log_lag = self.log_lag[inside]
        time, height = _vertex(log_lag, self.values[inside])
        if self.one_out is None:
            words = "found; too few ions to know the error of its time"
            return Peak(float(np.exp(time)), np.nan, height, self.error(top, None), words)
        groups = len(self.weights)
        drawn = np.random.default_rng(SEED).multinomial(groups, np.full(groups, 1 / groups), RESAMPLED)
        whole = np.maximum(drawn @ self.weights[:, inside], 1)
        second, fourth = drawn @ (self.by_group * self.weights)[..., inside] / whole
        again = np.array([_vertex(log_lag, one) for one in alpha2(second, fourth, self.d)])
        error = again.std(axis=0, ddof=1)
        time = float(np.exp(time))
        return Peak(time, time * float(error[0]), height, float(error[1]), "found")


def _places(found: Moments) -> NDArray[np.intp]:
    """Where among all lags those stand that are told apart by groups."""
    return np.searchsorted(found.lag, found.group_lag * (1 - 1e-9))


def _vertex(log_lag: Floats, curve: Floats) -> tuple[float, float]:
    """Place (ln t) and height of the parabola through the highest point and those near it; at an end that point."""
    top = int(np.argmax(curve))
    near = np.abs(log_lag - log_lag[top]) <= np.log(AROUND)
    near[max(0, top - 1) : top + 2] = True
    x, y = log_lag[near] - log_lag[top], curve[near]
    if len(x) < 3:
        return float(log_lag[top]), float(curve[top])
    bend, slope, height = np.polyfit(x, y, 2)
    if bend >= 0:
        return float(log_lag[top]), float(curve[top])
    at = float(np.clip(-slope / (2 * bend), x[0], x[-1]))
    return float(log_lag[top]) + at, float(height + slope * at + bend * at * at)
