"""Many spectra with one law of the width: amplitudes of each by linear least squares inside, the law's by lmfit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.units import HBAR

if TYPE_CHECKING:
    from lmfit.minimizer import MinimizerResult
    from numpy.typing import NDArray

    from .jump_laws import Law
    from .quasielastic_model import Spectrum

    Floats = NDArray[np.float64]

LENGTHS = np.geomspace(0.7, 14.0, 7)  # Q·length at the largest Q, that fits start from
TIMES = 7  # plateaus ħ/τ that they start from, between a quarter of the resolution and the window
SHELF = 40  # widths, between a hundredth of the resolution and four windows, whose lines starts are judged with
STARTS = 4  # the best of them, fitted each
FAR = 12.0  # logarithm that no parameter strays from its start by


class Amounts(NamedTuple):
    """The linear part of one spectrum: amplitudes in the order lines, elastic line, background."""

    values: Floats
    residual: Floats  # in units of the errors


class Together:
    """The model of all spectra: one law for each component, at most one elastic line, a polynomial background."""

    def __init__(
        self, q: Floats, spectra: Sequence[Spectrum], laws: Sequence[Law], centres: Floats, *,
        elastic: bool, background: int,
    ) -> None:  # fmt: skip
        self.q, self.spectra, self.laws, self.centres = q, spectra, laws, centres.tolist()
        self.elastic, self.background = elastic, background
        self.lines = len(laws)

    def widths(self, lengths: Sequence[float], taus: Sequence[float]) -> Floats:
        """HWHM (q, component) in meV."""
        pairs = zip(self.laws, lengths, taus, strict=True)
        return np.stack([law.width(self.q, length, tau) for law, length, tau in pairs], axis=1)

    def design(self, i: int, widths: Floats) -> Floats:
        """Terms of unit area of spectrum ``i`` in units of the errors, lines with these widths first."""
        spectrum, centre = self.spectra[i], self.centres[i]
        line = spectrum.resolution.lorentzian
        lines = [line(spectrum.energy, width, centre) * spectrum.factor for width in widths.tolist()]
        return np.concatenate([np.stack(lines, axis=1) / spectrum.errors[:, None], self._rest[i]], axis=1)

    @cached_property
    def _rest(self) -> list[Floats]:
        """Elastic line and background of each spectrum, which no parameter changes."""
        found = []
        for spectrum, centre in zip(self.spectra, self.centres, strict=True):
            energy = spectrum.energy
            still = [spectrum.resolution.delta(energy, centre)] * self.elastic
            columns = [*still, *(energy**power for power in range(self.background))]
            found.append(np.array(columns).reshape(len(columns), len(energy)).T / spectrum.errors[:, None])
        return found

    def amounts(self, i: int, design: Floats) -> Amounts:
        """Least squares with no negative line; a background may be."""
        seen = self.spectra[i].values / self.spectra[i].errors
        values = positive(design.T @ design, design.T @ seen, self.lines + self.elastic)
        return Amounts(values, seen - design @ values)

    def misfit(self, widths: Floats) -> Floats:
        """All residuals with the amplitudes that suit these widths."""
        return np.concatenate([self.amounts(i, self.design(i, row)).residual for i, row in enumerate(widths)])

    def starts(self) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """Lengths and residence times to start from, the best few of a grid, judged with the lines of a shelf."""
        finest = min(spectrum.resolution.fwhm for spectrum in self.spectra)
        reach = max(spectrum.reach for spectrum in self.spectra)
        shelf = np.geomspace(0.01 * finest, 4 * reach, SHELF)
        normal = [self._normal(i, shelf) for i in range(len(self.q))]
        lengths = LENGTHS / self.q.max()
        taus = HBAR / np.geomspace(finest / 4, reach, TIMES)
        each = list(product(lengths.tolist(), taus.tolist()))
        places = [[self._place(law, *one, shelf) for one in each] for law in self.laws]
        ranked = []
        for choice in self._choices(len(each)):
            rows = np.stack([places[k][index] for k, index in enumerate(choice)], axis=1)
            ranked.append((sum(self._judge(normal[i], row) for i, row in enumerate(rows)), choice))
        ranked.sort()
        picked = [[each[index] for index in choice] for _, choice in ranked[:STARTS]]
        return [(tuple(one[0] for one in start), tuple(one[1] for one in start)) for start in picked]

    def _choices(self, count: int) -> Iterator[tuple[int, ...]]:
        """One place of the grid for each component; alike components need no order."""
        if len({law.name for law in self.laws}) == 1:
            return combinations(range(count), self.lines)
        return (choice for choice in product(range(count), repeat=self.lines) if len(set(choice)) == self.lines)

    def _place(self, law: Law, length: float, tau: float, shelf: Floats) -> NDArray[np.int64]:
        """Which line of the shelf is nearest at each Q."""
        wanted = np.log(np.maximum(law.width(self.q, length, tau), shelf[0]))
        places: NDArray[np.int64] = np.rint(np.interp(wanted, np.log(shelf), np.arange(len(shelf)))).astype(np.int64)
        return places

    def _normal(self, i: int, shelf: Floats) -> tuple[Floats, Floats]:
        design = self.design(i, shelf)
        return design.T @ design, design.T @ (self.spectra[i].values / self.spectra[i].errors)

    def _judge(self, normal: tuple[Floats, Floats], row: NDArray[np.int64]) -> float:
        """χ² but for a constant."""
        matrix, seen = normal
        used = np.concatenate([row, np.arange(SHELF, len(seen))])
        part, right = matrix[np.ix_(used, used)], seen[used]
        values = positive(part, right, self.lines + self.elastic)
        return float(values @ part @ values - 2 * values @ right)


def positive(matrix: Floats, right: Floats, count: int) -> Floats:
    """The x that minimises xᵀMx - 2xᵀr, its first ``count`` not negative, by leaving out one set after another."""
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), np.finfo(float).tiny))
    scaled, wanted = matrix * np.outer(scale, scale), right * scale
    free = np.arange(count, len(right))
    best, least = np.zeros(len(right)), np.inf
    for size in range(count, -1, -1):
        for kept in combinations(range(count), size):
            used = np.concatenate([np.array(kept, np.int64), free])
            part = scaled[np.ix_(used, used)] + 1e-12 * np.eye(len(used))
            values = np.linalg.solve(part, wanted[used])
            if (values[:size] < 0).any():
                continue
            value = -float(values @ wanted[used])
            if value < least:
                least, best = value, np.zeros(len(right))
                best[used] = values
        if size == count and least < np.inf:
            break  # no bound is felt
    result: Floats = best * scale
    return result


@dataclass(frozen=True)
class Solved:
    """Where the fit of all spectra ended; components of one law ordered from narrow to wide."""

    lengths: Floats
    taus: Floats
    chi2: float
    report: str


def solve(model: Together) -> Solved:
    """The best of the fits from several starts."""
    fits = [_minimized(model, *start) for start in model.starts()]
    best = min(fits, key=lambda found: float(found.chisqr))
    return _ordered(model, best)


def again(model: Together, solved: Solved) -> Solved:
    """A fit from where another ended, its components in the same order."""
    found = _minimized(model, solved.lengths.tolist(), solved.taus.tolist())
    return _read(found, np.arange(model.lines))


def _minimized(model: Together, lengths: Sequence[float], taus: Sequence[float]) -> MinimizerResult:
    import lmfit

    parameters = lmfit.Parameters()
    for k, (law, length, tau) in enumerate(zip(model.laws, lengths, taus, strict=True), 1):
        D = length**2 / (6 * tau)
        if law.shape is None:  # D alone: any length does
            parameters.add(f"ln_length_{k}", value=0.0, vary=False)
            parameters.add(f"ln_tau_{k}", value=-np.log(6 * D))
        else:
            parameters.add(f"ln_length_{k}", value=np.log(length), min=np.log(length) - FAR, max=np.log(length) + FAR)
            parameters.add(f"ln_tau_{k}", value=np.log(tau), min=np.log(tau) - FAR, max=np.log(tau) + FAR)
        parameters.add(f"D_{k}", expr=f"exp(2 * ln_length_{k} - ln_tau_{k}) / 6")

    def misfit(p: lmfit.Parameters) -> Floats:
        numbers = range(1, model.lines + 1)
        lengths = [float(np.exp(p[f"ln_length_{k}"].value)) for k in numbers]
        return model.misfit(model.widths(lengths, [float(np.exp(p[f"ln_tau_{k}"].value)) for k in numbers]))

    return lmfit.minimize(misfit, parameters, scale_covar=False)


def _ordered(model: Together, found: MinimizerResult) -> Solved:
    """Components of one law from narrow to wide; with several laws the person has given them an order."""
    as_they_are = _read(found, np.arange(model.lines))
    if len({law.name for law in model.laws}) > 1:
        return as_they_are
    widths = model.widths(as_they_are.lengths.tolist(), as_they_are.taus.tolist())
    return _read(found, np.argsort(widths.mean(axis=0), kind="stable"))


def _read(found: MinimizerResult, order: NDArray[np.int64]) -> Solved:
    import lmfit

    numbers = order + 1
    lengths = np.array([np.exp(found.params[f"ln_length_{k}"].value) for k in numbers])
    taus = np.array([np.exp(found.params[f"ln_tau_{k}"].value) for k in numbers])
    return Solved(lengths, taus, float(found.chisqr), str(lmfit.fit_report(found)))
