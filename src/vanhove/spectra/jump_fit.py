"""One law of the width fitted to one set of widths: best values, errors, and what the widths leave open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.units import HBAR

from .jump_errors import Units, units_of
from .jump_laws import LENGTH_OVER_RADIUS, Law, fick

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .confinement import Cage

    Floats = NDArray[np.float64]

NORMAL = 1.959964  # standard errors to either side that hold 95 of 100
NEAR, FAR = 0.05, 12.0  # Q·length of the shortest (at the largest Q) and of the longest length tried (at the smallest)
RESOLVED = 15  # trial lengths that fit: then χ² along them gives the intervals, which need not be symmetric
STEP = 1e-4  # of a length, for derivatives
PER_TURN = 0.2  # step of the trial lengths in units of 1/Q, so that no oscillation of sin Qd is missed


@dataclass(frozen=True)
class Widths:
    """Widths of one component at one temperature, without those that are not numbers."""

    q: Floats  # 1/Å
    width: Floats  # meV, HWHM
    error: Floats | None  # one standard error
    correlation: Floats | None = None  # (q, q) of these errors, where it is known

    @property
    def weights(self) -> Floats:
        """1 over the errors; without errors all alike."""
        return np.ones_like(self.q) if self.error is None else 1 / self.error


@dataclass(frozen=True)
class Fitted:
    """D (Å²/ps), tau (ps) and length (Å) of one law, NaN where the widths don't say; intervals have two ends."""

    law: Law
    values: dict[str, float]
    errors: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    best: tuple[float, float]  # length and tau of the best line, which is drawn also where they are not known
    chi2: float  # where errors are correlated, over what they leave of it on average, times the degrees of freedom
    count: int
    free: int
    scaled: bool
    with_errors: bool
    verdict: str
    report: str

    @property
    def redchi(self) -> float:
        """χ² over the degrees of freedom; NaN without any."""
        left = self.count - self.free
        return self.chi2 / left if left > 0 else np.nan

    @property
    def criterion(self) -> float:
        """Akaike's, lower is better: χ² + 2k with errors, n ln(χ²/n) + 2k without, both corrected for few points."""
        k = self.free + (0 if self.with_errors else 1)
        if self.count <= k + 1 or not np.isfinite(self.chi2):
            return np.nan
        fit = self.chi2 if self.with_errors else self.count * np.log(max(self.chi2 / self.count, np.finfo(float).tiny))
        return float(fit + 2 * k + 2 * k * (k + 1) / (self.count - k - 1))


def nothing(law: Law, widths: Widths, why: str) -> Fitted:
    """The law without values."""
    open_, names = (np.nan, np.nan), ("D", "tau", "length")
    unknown = dict.fromkeys(names, np.nan)
    return Fitted(
        law, unknown, unknown, dict.fromkeys(names, open_), open_, np.nan, len(widths.q),
        1 if law.shape is None else 2, scaled=False, with_errors=widths.error is not None, verdict=why, report="",
    )  # fmt: skip


def fit(law: Law, widths: Widths) -> Fitted:
    """Least squares of ``law``, after a look at χ² along all lengths that the Q could show."""
    free = 1 if law.shape is None else 2
    needed = free if widths.error is not None else free + 1
    if len(widths.q) < needed:
        return nothing(law, widths, f"{law.name} needs {needed} widths; {len(widths.q)} can be used.")
    if law.shape is None:
        return _fick(law, widths)
    trial = _with_best(law, widths, _lengths(widths.q))
    rates, rate_errors, chi2 = _profile(law, widths, trial)
    usable = rates > 0
    if not usable.any():
        return nothing(law, widths, f"No {law.name} line goes through the widths: they are not positive.")
    best = int(np.argmin(np.where(usable, chi2, np.inf)))
    lines = HBAR * rates[:, None] * law.shape(trial[:, None] * widths.q) * widths.weights
    units = _units(law, widths, float(trial[best]), 1 / float(rates[best]), float(chi2[best]))
    between = units.between(lines, lines[best])
    profile = _Profile(trial[usable], rates[usable], rate_errors[usable], chi2[usable], between[usable], units)
    accepted = np.flatnonzero(usable)[profile.accepted]
    stretches = np.split(accepted, np.flatnonzero(np.diff(accepted) > 1) + 1)
    short, long = accepted[0] == 0, accepted[-1] == len(trial) - 1
    if short or long or len(stretches) > 1:
        told = [float(trial[part[np.argmin(chi2[part])]]) for part in stretches]
        return _open(law, widths, profile, told, short=short, long=long)
    found = _refined(law, widths, float(trial[best]), 1 / float(rates[best]), units)
    if len(accepted) < RESOLVED:
        return found
    return replace(found, intervals={name: profile.interval(name, units.quantile) for name in found.intervals})


def _lengths(q: Floats) -> Floats:
    short = np.geomspace(NEAR, 1.0, 60) / q.max()
    return np.concatenate([short, np.arange(1 + PER_TURN, FAR * q.max() / q.min(), PER_TURN) / q.max()])


def _with_best(law: Law, widths: Widths, lengths: Floats) -> Floats:
    """The lengths with the best one between the neighbours of the best of them: what errors leave of χ² is small."""
    from scipy.optimize import minimize_scalar

    rates, _, chi2 = _profile(law, widths, lengths)
    best = int(np.argmin(np.where(rates > 0, chi2, np.inf)))
    if not 0 < best < len(lengths) - 1:
        return lengths
    found = minimize_scalar(
        lambda length: float(_profile(law, widths, np.array([length]))[2][0]),
        bounds=(lengths[best - 1], lengths[best + 1]), method="bounded", options={"xatol": 1e-6 * lengths[best]},
    )  # fmt: skip
    return np.unique(np.append(lengths, found.x))


def _profile(law: Law, widths: Widths, lengths: Floats) -> tuple[Floats, Floats, Floats]:
    """For each length the best 1/τ (1/ps), its error at that length, and χ²."""
    assert law.shape is not None
    basis = HBAR * law.shape(lengths[:, None] * widths.q) * widths.weights
    seen = widths.width * widths.weights
    square = (basis**2).sum(axis=1)
    rates = basis @ seen / square
    return rates, square**-0.5, ((seen - rates[:, None] * basis) ** 2).sum(axis=1)


def _units(law: Law, widths: Widths, length: float, tau: float, chi2: float) -> Units:
    """At this length and time, by whose logarithms the law is derived."""
    ends = [law.width(widths.q, length * np.exp(sign * STEP), tau) for sign in (1, -1)]
    by_length, by_tau = (ends[0] - ends[1]) / (2 * STEP), -law.width(widths.q, length, tau)
    slopes = np.stack([by_length, by_tau], axis=1) * widths.weights[:, None]
    return units_of(slopes, chi2, widths.correlation, with_errors=widths.error is not None)


def _fick(law: Law, widths: Widths) -> Fitted:
    basis, seen = fick(widths.q, 1.0) * widths.weights, widths.width * widths.weights
    square = float(basis @ basis)
    D = float(basis @ seen) / square
    chi2 = float(((seen - D * basis) ** 2).sum())
    units = units_of(basis[:, None], chi2, widths.correlation, with_errors=widths.error is not None)
    error, quantile = (units.of["D"] / square) ** 0.5, units.quantile
    unknown = {"tau": np.nan, "length": np.nan}
    return Fitted(
        law, {"D": D, **unknown}, {"D": error, **unknown},
        {"D": (D - quantile * error, D + quantile * error), "tau": (0.0, np.inf), "length": (0.0, np.inf)},
        (1.0, 1 / (6 * D)), chi2 / units.expected, len(seen), 1, units.scaled, widths.error is not None,
        "fitted; Fick's law has neither length nor residence time", "",
    )  # fmt: skip


def _refined(law: Law, widths: Widths, length: float, tau: float, units: Units) -> Fitted:
    """Where one stretch of lengths fits: least squares from its best one, errors from the covariance."""
    import lmfit

    parameters = lmfit.Parameters()
    parameters.add("length", value=length)
    parameters.add("tau", value=tau)
    parameters.add("D", expr="length**2 / (6 * tau)")

    def residual(p: lmfit.Parameters) -> Floats:
        return (law.width(widths.q, abs(p["length"].value), p["tau"].value) - widths.width) * widths.weights

    found = lmfit.minimize(residual, parameters, scale_covar=False)
    if not found.errorbars:
        return nothing(law, widths, f"The least squares of {law.name} did not settle on errors.")
    names = ("D", "tau", "length")
    values = {name: float(found.params[name].value) for name in names}
    errors = {name: float(found.params[name].stderr) * units.of[name] ** 0.5 for name in names}
    intervals = {
        name: (values[name] - units.quantile * errors[name], values[name] + units.quantile * errors[name])
        for name in names
    }
    return Fitted(
        law, values, errors, intervals, (values["length"], values["tau"]), float(found.chisqr) / units.expected,
        len(widths.q), 2, units.scaled, widths.error is not None, "fitted", str(lmfit.fit_report(found)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Profile:
    """χ² along the lengths, and with it along every quantity: for each length 1/τ may stray a little."""

    lengths: Floats
    rates: Floats
    rate_errors: Floats
    chi2: Floats
    between: Floats  # Δχ² of one standard error of what tells each length from the best
    units: Units

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which lengths fit as well as the best."""
        rise: Floats = self.chi2 - self.chi2.min()
        return rise <= self.units.quantile**2 * self.between

    def interval(self, name: str, quantile: float) -> tuple[float, float]:
        """Where χ² is within ``quantile`` standard errors of its least."""
        unit = self.between if name == "length" else self.units.of[name]
        slack = quantile**2 * unit - (self.chi2 - self.chi2.min())
        inside = slack >= 0
        reach = self.rate_errors[inside] * np.sqrt(slack[inside])
        low, high = np.maximum(self.rates[inside] - reach, 0.0), self.rates[inside] + reach
        lengths = self.lengths[inside]
        with np.errstate(divide="ignore"):
            ends = {"length": (lengths, lengths), "tau": (1 / high, 1 / low)}.get(
                name, (lengths**2 * low / 6, lengths**2 * high / 6)
            )
        return float(ends[0].min()), float(ends[1].max())


def _open(law: Law, widths: Widths, profile: _Profile, told: list[float], *, short: bool, long: bool) -> Fitted:
    """Where short or long lengths, or several apart, fit as well: what is known all the same, and bounds."""
    best, units = int(np.argmin(profile.chi2)), profile.units
    length, tau = float(profile.lengths[best]), 1 / float(profile.rates[best])
    at_best = {"D": length**2 / (6 * tau), "tau": tau, "length": length}
    known = ""
    if short != long and len(told) == 1:
        known = "tau" if short == (law.plateau == "low") else "D"
    intervals = {
        name: profile.interval(name, units.quantile)
        if name == known
        else _opened(profile.interval(name, units.quantile), short, long)
        for name in at_best
    }
    low, high = profile.interval(known, 1.0) if known else (np.nan, np.nan)
    return Fitted(
        law,
        {name: value if name == known else np.nan for name, value in at_best.items()},
        {name: (high - low) / 2 if name == known else np.nan for name in at_best},
        intervals, (length, tau), float(profile.chi2[best]) / units.expected, len(widths.q), 2, units.scaled,
        widths.error is not None, _sentence(law, known, intervals["length"], told, short=short, long=long), "",
    )  # fmt: skip


def _opened(interval: tuple[float, float], short: bool, long: bool) -> tuple[float, float]:
    """An interval that ends only because the trial lengths do has no such end: 0 or infinity instead."""
    return (0.0 if short else interval[0], np.inf if long else interval[1])


def _sentence(law: Law, known: str, length: tuple[float, float], told: list[float], *, short: bool, long: bool) -> str:
    if short and long:
        return f"Undetermined: {law.name} fits with any length."
    if not known:
        return (
            f"Undetermined: {law.name} fits about as well with a length of {' or '.join(f'{x:.3g}' for x in told)} Å."
        )
    bound = f"below {length[1]:.3g} Å" if short else f"above {length[0]:.3g} Å"
    if known == "D":
        return (
            f"Only D is determined: every length {bound} fits (95 %), since the widths go as Q² within their errors, "
            "where length and residence time can't be separated."
        )
    return (
        f"Only the residence time is determined: every length {bound} fits (95 %), since the widths are flat in Q "
        "within their errors."
    )


def in_cage(found: Fitted, cage: Cage) -> Fitted:
    """A fit inside a sphere whose radius the widths leave open, with the radius that the EISF says."""
    if np.isfinite(found.values["length"]) or not np.isfinite(found.values["tau"] * cage.radius):
        return found
    tau, length = found.values["tau"], LENGTH_OVER_RADIUS * cage.radius
    relative = {"length": cage.radius_error / cage.radius, "tau": found.errors["tau"] / tau}
    relative["D"] = float(np.hypot(2 * relative["length"], relative["tau"]))
    values = {"D": length**2 / (6 * tau), "tau": tau, "length": length}
    errors = {name: relative[name] * value for name, value in values.items()}
    reach = NORMAL * np.array([-1, 1])
    intervals = {name: tuple((values[name] + reach * errors[name]).tolist()) for name in values}
    told = f"{found.verdict} The {cage.verdict}, and with it length and D."
    return replace(found, values=values, errors=errors, intervals=intervals, best=(length, tau), verdict=told)
