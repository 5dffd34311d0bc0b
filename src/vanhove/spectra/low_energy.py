"""Three laws of a density of states at low energy, fitted to points that the resolution ties together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.fitting.gls import gls

from .energies import FWHM_OVER_SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LAWS = ("linear", "quadratic", "power")
FORMULAS = {"linear": "α E + c", "quadratic": "a E²", "power": "A Eⁿ"}
N_PARAMETERS = {"linear": 2, "quadratic": 1, "power": 2}
FEWEST_POINTS = 5  # of different information: AICc of two parameters needs four and more
UNLIKELY = 0.01  # chance of a χ² that says that no law passes through the points
MARGIN = 4.0  # by which the criterion has to be lower for the free power: 1 and 2 are among its exponents
EXPONENTS = (-0.95, 12.0)
NODES = 9  # of the quadrature over the resolution
ROUNDS = 3  # of the fit whose curve sets the errors that are a share of g


class Curve(NamedTuple):
    """A density of states in a window, its errors NaN where they are unknown."""

    energy: Floats
    g: Floats
    error: Floats
    fwhm: float  # meV, of the lines; 0 where none is stated
    tied: bool  # values closer than ``fwhm`` are not independent: a transform through a window over the lags
    relative: bool  # the error is a share of g that is the same for all energies, known from few parts


@dataclass(frozen=True)
class Law:
    """One law fitted: parameters with their covariance, χ² and the criterion."""

    parameters: Floats  # α (1/meV²), c (1/meV); a (1/meV³); A (1/meV, at 1 meV), n
    covariance: Floats
    chi2: float
    dof: int
    criterion: float

    @property
    def errors(self) -> Floats:
        """One standard error of each parameter."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True)
class Laws:
    """All three on the same points."""

    by_name: dict[str, Law]
    preferred: str
    sentence: str
    points: int
    scale: float  # what the errors were multiplied by: 1, or √(χ²/dof) of the best law


def value(law: str, parameters: Floats, energy: Floats) -> Floats:
    """The law itself at ``energy`` (meV)."""
    if law == "linear":
        return np.asarray(parameters[0] * energy + parameters[1], np.float64)
    if law == "quadratic":
        return np.asarray(parameters[0] * energy**2, np.float64)
    return np.asarray(parameters[0] * np.maximum(energy, 1e-9) ** parameters[1], np.float64)


def folded(law: str, parameters: Floats, energy: Floats, fwhm: float) -> Floats:
    """The law as lines with a Gaussian of ``fwhm`` (meV) for a shape show it; g is even in E."""
    if not fwhm > 0:
        return value(law, parameters, energy)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    shifted = np.abs(energy[:, None] + fwhm / FWHM_OVER_SIGMA * nodes)
    seen: Floats = value(law, parameters, shifted) @ (weights / weights.sum())
    return seen


def fit_laws(curve: Curve) -> Laws:
    """Each law, folded with the resolution, fitted by generalised least squares to the curve's independent points."""
    points = _Points.of(curve)
    known = bool(np.isfinite(curve.error).all() and (curve.error > 0).all())
    covariance = points.covariance(curve.error if known else np.full_like(curve.g, np.abs(curve.g).mean()))
    power = points.power(covariance)
    for _ in range(ROUNDS if known and curve.relative else 0):
        share = np.sqrt(np.mean(curve.error**2) / np.mean(curve.g**2))
        if not np.isfinite(power.parameters).all():
            break
        level = np.abs(points.folded("power", power.parameters))
        covariance = points.covariance(share * np.maximum(level, 1e-3 * level.max()))
        power = points.power(covariance)
    laws = {"linear": points.straight(covariance), "quadratic": points.parabola(covariance), "power": power}
    n = len(points.values)
    laws = {name: _with_criterion(law, n, N_PARAMETERS[name], known=known) for name, law in laws.items()}
    best = min(("linear", "quadratic"), key=lambda name: laws[name].criterion)
    if laws["power"].criterion < laws[best].criterion - MARGIN:
        best = "power"
    from scipy.stats import chi2

    missed = known and float(chi2.sf(laws[best].chi2, laws[best].dof)) < UNLIKELY
    scale = np.sqrt(laws[best].chi2 / laws[best].dof) if missed or not known else 1.0
    scaled = {
        name: Law(law.parameters, law.covariance * scale**2, law.chi2, law.dof, law.criterion)
        for name, law in laws.items()
    }
    return Laws(scaled, best, _sentence(scaled, best, missed=missed), n, float(scale if known else np.nan))


class _Points(NamedTuple):
    """Means of the curve over cells about as wide as its lines, and how they follow from the curve."""

    curve: Curve
    averaging: Floats  # (cell, energy)
    values: Floats  # (cell,)

    @classmethod
    def of(cls, curve: Curve) -> _Points:
        energy = curve.energy
        cell = np.arange(len(energy))
        if curve.tied and curve.fwhm > 0:
            cell = np.unique((energy - energy[0]) // curve.fwhm, return_inverse=True)[1]
        averaging = (cell == np.arange(cell[-1] + 1)[:, None]).astype(np.float64)
        averaging /= averaging.sum(axis=1, keepdims=True)
        if len(averaging) < FEWEST_POINTS:
            apart = f", which are {curve.fwhm:.3g} meV wide" if curve.tied else ""
            raise Refusal(
                f"The window holds {len(averaging)} points that can be told apart",
                f"{FEWEST_POINTS} are needed{apart}",
                "Give a wider window, or a density of states of finer resolution",
            )  # fmt: skip
        return cls(curve, averaging, averaging @ curve.g)

    def covariance(self, error: Floats) -> Floats:
        """Of the cells' means, from the ``error`` of each value.

        Values of a transform through a window w share the noise of the energies within its line: between two energies E
        apart the correlation is ∫w² cos(Et/ħ)dt/∫w²dt, exp(-E²/4σ²) for a Gaussian; the negative axis holds the same
        noise again.
        """
        energy, fwhm = self.curve.energy, self.curve.fwhm
        correlation = np.eye(len(energy))
        if self.curve.tied and fwhm > 0:
            sigma = fwhm / FWHM_OVER_SIGMA
            same, mirrored = energy[:, None] - energy, energy[:, None] + energy
            correlation = np.exp(-((same / sigma) ** 2) / 4) + np.exp(-((mirrored / sigma) ** 2) / 4)
            correlation /= np.sqrt(np.outer(np.diag(correlation), np.diag(correlation)))
        covariance: Floats = self.averaging @ (correlation * np.outer(error, error)) @ self.averaging.T
        return covariance

    def folded(self, law: str, parameters: Floats) -> Floats:
        """The law at the curve's energies as its lines' width shows it."""
        return folded(law, parameters, self.curve.energy, self.curve.fwhm)

    def straight(self, covariance: Floats) -> Law:
        columns = [self.folded("linear", np.array(unit)) for unit in ((1.0, 0.0), (0.0, 1.0))]
        return self._linear(np.column_stack(columns), covariance)

    def parabola(self, covariance: Floats) -> Law:
        return self._linear(self.folded("quadratic", np.ones(1))[:, None], covariance)

    def _linear(self, design: Floats, covariance: Floats) -> Law:
        fit = gls(self.averaging @ design, self.values, covariance)
        return Law(fit.parameters, fit.covariance, fit.chi2, fit.dof, np.nan)

    def power(self, covariance: Floats) -> Law:
        """A power by lmfit; its amplitude is fitted in the middle of the window, where the exponent leaves it alone."""
        from lmfit import Parameters, minimize

        middle = float(np.exp(np.log(np.maximum(self.curve.energy, self.curve.energy[-1] / 20)).mean()))
        white = np.linalg.inv(np.linalg.cholesky(covariance))

        def residual(p: Parameters) -> Floats:
            n = float(p["n"].value)
            shape = self.folded("power", np.array([middle**-n, n]))
            missed: Floats = white @ (float(p["A"].value) * (self.averaging @ shape) - self.values)
            return missed

        start = Parameters()
        start.add("A", value=float(np.interp(middle, self.curve.energy, self.curve.g)) or 1e-12)
        start.add("n", value=self._slope(), min=EXPONENTS[0], max=EXPONENTS[1])
        found = minimize(residual, start, scale_covar=False)
        at_middle, n = float(found.params["A"].value), float(found.params["n"].value)
        parameters, covariance_here = np.full(2, np.nan), np.full((2, 2), np.nan)
        if EXPONENTS[0] + 0.01 < n < EXPONENTS[1] - 0.1:  # else the fit ran into its bound: no power law at all
            parameters = np.array([at_middle * middle**-n, n])
            if found.errorbars:
                turn = np.array([[middle**-n, -parameters[0] * np.log(middle)], [0.0, 1.0]])
                covariance_here = turn @ np.asarray(found.covar) @ turn.T
        return Law(parameters, covariance_here, float(found.chisqr), len(self.values) - 2, np.nan)

    def _slope(self) -> float:
        """A first guess of the exponent."""
        centre = self.averaging @ self.curve.energy
        positive = (self.values > 0) & (centre > 0)
        if positive.sum() < 2:
            return 1.0
        slope = np.polyfit(np.log(centre[positive]), np.log(self.values[positive]), 1)[0]
        return float(np.clip(slope, -0.5, 6.0))


def _with_criterion(law: Law, n: int, k: int, *, known: bool) -> Law:
    """Akaike's criterion for few points: with the errors given, or the points' own scatter as one more parameter."""
    k += not known
    misfit = law.chi2 if known else n * np.log(max(law.chi2, 1e-300) / n)
    return Law(law.parameters, law.covariance, law.chi2, law.dof, float(misfit + 2 * k + 2 * k * (k + 1) / (n - k - 1)))


def _sentence(laws: dict[str, Law], best: str, *, missed: bool) -> str:
    others = [name for name in LAWS if name != best]
    by = ", ".join(f"{name} {laws[name].criterion - laws[best].criterion:+.1f}" for name in others)
    said = f"{best} ({FORMULAS[best]}); AICc beside its own: {by}"
    if best != "power" and laws["power"].criterion < laws[best].criterion + MARGIN:
        said += f"; a free power gives n = {laws['power'].parameters[1]:.2f} ± {laws['power'].errors[1]:.2f}"
    rival = next(name for name in ("linear", "quadratic") if name != best)
    if best != "power" and laws[rival].criterion < laws[best].criterion + MARGIN:
        said += f"; the window does not tell it from the {rival} law"
    if missed:
        law = laws[best]
        said += (
            f"; even it misses the points (χ²/ν = {law.chi2 / law.dof:.1f} of {law.dof}), so that errors are "
            "enlarged by its root: look at the figure, and at another window"
        )
    return said
