"""One spectrum as elastic line, lines and background through a resolution, fitted from many starts by lmfit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lmfit.minimizer import MinimizerResult
    from numpy.typing import NDArray

    from vanhove.fitting.convolution import Resolution

    Floats = NDArray[np.float64]

NARROWEST, WIDEST = 1e-3, 10.0  # bounds of a width: of the resolution's FWHM, and of half the window
SEARCHED = {1: 16, 2: 14, 3: 10}  # widths on the grid that starts are looked for on, by the number of lines
STARTS = {0: 1, 1: 1, 2: 2, 3: 3}  # the best of them, fitted each
AT_A_BOUND = 1.02  # a width nearer to its bound than this factor stays there
RELATIVE_STEP = 1e-4  # of a width, or of the resolution's, for derivatives
SINGULAR = 1e6  # condition above which derivatives are one and the same
STEPS = 80  # evaluations of the model for each parameter, at most


class Spectrum(NamedTuple):
    """What is fitted: usable points only."""

    energy: Floats
    values: Floats
    errors: Floats  # one standard error, or relative weights where the spectrum has none
    resolution: Resolution
    factor: Floats  # of detailed balance, at each energy; multiplies what is quasielastic
    alike: float = 1.0  # neighbours that count as one point
    mirrored: bool = False  # what is at -E is what is at E

    @property
    def reach(self) -> float:
        """Half of the window (meV)."""
        return float(self.energy[-1] - self.energy[0]) / 2

    @property
    def bounds(self) -> tuple[float, float]:
        """Of a width (meV)."""
        return NARROWEST * self.resolution.fwhm, WIDEST * self.reach

    @property
    def correlated(self) -> float:
        """How many points count as one."""
        if not self.mirrored:
            return self.alike
        sizes = np.unique(np.round(np.abs(self.energy) / np.diff(self.energy).min()).astype(np.int64))
        return self.alike * len(self.energy) / len(sizes)

    @property
    def apart(self) -> NDArray[np.intp]:
        """Points so far from each other that they are independent."""
        side = np.arange(len(self.energy))
        if self.mirrored:
            right = self.energy >= 0
            side = side[right] if right.sum() > (~right).sum() / 2 else side[~right]
        return side[:: int(np.ceil(self.alike))]

    @property
    def independent(self) -> float:
        """How many independent points there are."""
        return len(self.energy) / self.correlated


@dataclass(frozen=True)
class Terms:
    """What a spectrum is made of."""

    lines: int
    elastic: bool
    background: int  # coefficients: none, one (flat) or two (linear)
    shape: Literal["lorentzian", "gaussian"]

    @property
    def linear(self) -> list[str]:
        """The parameters that the model is linear in, in the order of its columns."""
        lines = [f"area_{k}" for k in range(1, self.lines + 1)]
        return [*lines, *["area_elastic"] * self.elastic, *["background", "slope"][: self.background]]

    @property
    def widths(self) -> list[str]:
        """The names of the widths."""
        return [f"width_{k}" for k in range(1, self.lines + 1)]


@dataclass(frozen=True)
class Fitted:
    """Where a fit ended, widths ascending. The covariance is that of the given errors, not scaled by anything."""

    terms: Terms
    values: dict[str, float]
    covariance: dict[tuple[str, str], float]  # of what was free; empty where it could not be had
    chi2: float
    parameters: int
    columns: Floats  # (point, linear parameter)
    report: str
    bound: tuple[str, ...]  # widths that ended at a bound
    free: tuple[str, ...]  # what was fitted

    @property
    def curve(self) -> Floats:
        """The model at the points."""
        curve: Floats = self.columns @ np.array([self.values[name] for name in self.terms.linear])
        return curve

    def error(self, name: str) -> float:
        """One standard error; NaN where the fit has none."""
        variance = self.covariance.get((name, name), np.nan)
        return float(np.sqrt(variance)) if variance >= 0 else np.nan

    def of_function(self, gradient: dict[str, float]) -> float:
        """Standard error of a function with this gradient at the fitted values."""
        if any((name, name) not in self.covariance for name in gradient):
            return np.nan
        total = sum(a * b * self.covariance[i, j] for i, a in gradient.items() for j, b in gradient.items())
        return float(np.sqrt(max(total, 0.0)))


class Quasielastic:
    """The model of one spectrum with given terms. Lines are computed once for each width and centre."""

    def __init__(self, spectrum: Spectrum, terms: Terms) -> None:
        self.spectrum, self.terms = spectrum, terms
        self._kept: dict[tuple[float, float], Floats] = {}

    @property
    def free(self) -> int:
        """Parameters: linear ones, widths and the centre."""
        return len(self.terms.linear) + self.terms.lines + 1

    def columns(self, widths: Sequence[float], centre: float) -> Floats:
        """Every term of unit area, at the spectrum's energies."""
        shapes = [self._line(width, centre) for width in widths]
        if self.terms.elastic:
            shapes.append(self._line(0.0, centre))
        return np.stack([*shapes, *self._polynomial], axis=1)

    def fit(self, centre: float) -> Fitted:
        """The best of the fits from several starts."""
        fits = [self.fit_from(start) for start in self._starts(centre)]
        return min(fits, key=lambda fitted: fitted.chi2)

    def fit_from(self, start: dict[str, float], fixed: Sequence[str] = ()) -> Fitted:
        """A fit by lmfit from one start; widths that end at a bound are held there, so that the rest has errors."""
        held = set(fixed)
        while True:
            result = self._minimized(start, held)
            found = {name: float(parameter.value) for name, parameter in result.params.items()}
            low, high = self.spectrum.bounds
            ended = {
                name: low if found[name] < low * AT_A_BOUND else high
                for name in self.terms.widths
                if name not in held and not low * AT_A_BOUND < found[name] < high / AT_A_BOUND
            }
            if not ended:
                return self._fitted(result, found, held - set(fixed))
            held |= set(ended)
            start = {**found, **ended}

    def _line(self, width: float, centre: float) -> Floats:
        key = (width, centre)
        if key not in self._kept:
            if len(self._kept) > 64:
                self._kept.clear()
            energy, resolution = self.spectrum.energy, self.spectrum.resolution
            if width == 0:
                self._kept[key] = resolution.delta(energy, centre)
            else:
                line = resolution.lorentzian if self.terms.shape == "lorentzian" else resolution.gaussian
                self._kept[key] = line(energy, width, centre) * self.spectrum.factor
        return self._kept[key]

    @cached_property
    def _polynomial(self) -> list[Floats]:
        return [self.spectrum.energy**power for power in range(self.terms.background)]

    def _starts(self, centre: float) -> list[dict[str, float]]:
        """Widths on a logarithmic grid, with the areas, none negative, that suit them: the best few."""
        from scipy.optimize import nnls

        terms, (energy, values, errors, resolution, *_) = self.terms, self.spectrum
        if terms.lines == 0:
            choices: list[tuple[float, ...]] = [()]
        else:
            finest = max(resolution.fwhm / 20, float(np.diff(energy).min()) / 4)
            grid = np.geomspace(finest, max(self.spectrum.reach, 4 * finest), SEARCHED[terms.lines])
            choices = list(combinations(grid.tolist(), terms.lines))
        shapes = {width: self._line(width, centre) / errors for choice in choices for width in choice}
        rest = [self._line(0.0, centre) / errors] * terms.elastic
        floor = [sign * column / errors for column in self._polynomial for sign in (1, -1)]
        ranked = []
        for choice in choices:
            design = np.stack([*(shapes[width] for width in choice), *rest, *floor], axis=1)
            size = np.linalg.norm(design, axis=0)
            amounts, misfit = nnls(design / size, values / errors)
            ranked.append((misfit, choice, amounts / size))
        ranked.sort(key=lambda one: one[0])
        starts = []
        for _, choice, amounts in ranked[: STARTS[terms.lines]]:
            pieces = terms.lines + terms.elastic
            signed = [*amounts[:pieces], *(amounts[pieces::2] - amounts[pieces + 1 :: 2])]
            areas = dict(zip(terms.linear, map(float, signed), strict=True))
            starts.append({**dict(zip(terms.widths, choice, strict=True)), **areas, "centre": centre})
        return starts

    def _minimized(self, start: dict[str, float], held: set[str]) -> MinimizerResult:
        import lmfit

        low, high = self.spectrum.bounds
        parameters = lmfit.Parameters()
        for name in self.terms.widths:
            inside = start[name] if name in held else float(np.clip(start[name], low * 1.05, high / 1.05))
            parameters.add(name, inside, vary=name not in held, min=low, max=high)
        for name in [*self.terms.linear, "centre"]:
            parameters.add(name, start[name])
        values, errors = self.spectrum.values, self.spectrum.errors

        def misfit(p: Any) -> Floats:
            columns = self.columns([p[name].value for name in self.terms.widths], p["centre"].value)
            amounts = np.array([p[name].value for name in self.terms.linear])
            difference: Floats = (columns @ amounts - values) / errors
            return difference

        minimizer = lmfit.Minimizer(misfit, parameters, scale_covar=False, max_nfev=STEPS * len(parameters))
        return minimizer.minimize(method="leastsq")

    def response(self, fitted: Fitted) -> Floats | None:
        """How the free parameters follow small changes of the points, (parameter, point); None if nobody can say."""
        slopes = self._slopes(fitted.free, fitted.values, fitted.columns)
        size = np.linalg.norm(slopes, axis=0)
        if not (size > 0).all() or np.linalg.cond(slopes / size) > SINGULAR:
            return None
        moved: Floats = np.linalg.pinv(slopes / size) / size[:, None] / self.spectrum.errors
        return moved

    def _slopes(self, names: Sequence[str], values: dict[str, float], columns: Floats) -> Floats:
        """Derivatives of the model at the fitted values, over the errors of the points: (point, parameter)."""
        terms, errors = self.terms, self.spectrum.errors
        amounts = np.array([values[name] for name in terms.linear])
        sides = {}
        for name in (*terms.widths, "centre"):
            step = RELATIVE_STEP * (self.spectrum.resolution.fwhm if name == "centre" else values[name])
            moved = [{**values, name: values[name] + sign * step} for sign in (1, -1)]
            ahead, behind = (self.columns([at[w] for w in terms.widths], at["centre"]) @ amounts for at in moved)
            sides[name] = (ahead - behind) / (2 * step)
        linear = dict(zip(terms.linear, columns.T, strict=True))
        slopes: Floats = np.stack([(linear | sides)[name] / errors for name in names], axis=1)
        return slopes

    def _covariance(self, names: Sequence[str], values: dict[str, float], columns: Floats) -> Floats | None:
        """From derivatives at the fitted values; None where they don't tell the parameters apart."""
        slopes = self._slopes(names, values, columns)
        size = np.linalg.norm(slopes, axis=0)
        if not (size > 0).all() or np.linalg.cond(slopes / size) > SINGULAR:
            return None
        inverse: Floats = np.linalg.inv((slopes / size).T @ (slopes / size)) / np.outer(size, size)
        return inverse

    def _fitted(self, result: MinimizerResult, found: dict[str, float], bound: set[str]) -> Fitted:
        import lmfit

        order = sorted(range(1, self.terms.lines + 1), key=lambda k: found[f"width_{k}"])
        renamed = {f"{what}_{k}": f"{what}_{order.index(k) + 1}" for k in order for what in ("width", "area")}
        values = {renamed.get(name, name): value for name, value in found.items()}
        names = [renamed.get(name, name) for name in result.var_names]
        columns = self.columns([values[name] for name in self.terms.widths], values["centre"])
        matrix = getattr(result, "covar", None)
        if matrix is None:  # as where a fit ended on its way along a flat valley
            matrix = self._covariance(names, values, columns)
        covariance = {} if matrix is None else {
            (a, b): float(matrix[i, j]) for i, a in enumerate(names) for j, b in enumerate(names)
        }  # fmt: skip
        ended = tuple(sorted(renamed[name] for name in bound))
        report = str(lmfit.fit_report(result))
        chi2 = float(result.chisqr)
        return Fitted(self.terms, values, covariance, chi2, self.free, columns, report, ended, tuple(names))
