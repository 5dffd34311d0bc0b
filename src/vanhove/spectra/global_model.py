"""Many spectra with one law of the width: amplitudes of each by linear least squares inside, the law's by lmfit."""

from __future__ import annotations

from collections.abc import Sequence
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
RIDGE = 1e-12  # of the diagonal, that keeps lines of one width apart
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
        places = [np.stack([self._place(law, *one, shelf) for one in each]) for law in self.laws]
        choices = self._choices(len(each))
        chi2 = np.zeros(len(choices))
        for i, one in enumerate(normal):
            rows = np.stack([places[k][choices[:, k], i] for k in range(self.lines)], axis=1)
            chi2 += self._judge(one, rows)
        picked = [[each[index] for index in choices[row]] for row in np.argsort(chi2, kind="stable")[:STARTS]]
        return [(tuple(one[0] for one in start), tuple(one[1] for one in start)) for start in picked]

    def _choices(self, count: int) -> NDArray[np.int64]:
        """One place of the grid for each component; alike components need no order."""
        if len({law.name for law in self.laws}) == 1:
            return np.array(list(combinations(range(count), self.lines)))
        return np.array([one for one in product(range(count), repeat=self.lines) if len(set(one)) == self.lines])

    def _place(self, law: Law, length: float, tau: float, shelf: Floats) -> NDArray[np.int64]:
        """Which line of the shelf is nearest at each Q."""
        wanted = np.log(np.maximum(law.width(self.q, length, tau), shelf[0]))
        places: NDArray[np.int64] = np.rint(np.interp(wanted, np.log(shelf), np.arange(len(shelf)))).astype(np.int64)
        return places

    def _normal(self, i: int, shelf: Floats) -> tuple[Floats, Floats]:
        design = self.design(i, shelf)
        return design.T @ design, design.T @ (self.spectra[i].values / self.spectra[i].errors)

    def _judge(self, normal: tuple[Floats, Floats], rows: NDArray[np.int64]) -> Floats:
        """χ² but for a constant, of every row of places on the shelf."""
        matrix, seen = normal
        rest = np.broadcast_to(np.arange(SHELF, len(seen)), (len(rows), len(seen) - SHELF))
        used = np.concatenate([rows, rest], axis=1)
        part, right = matrix[used[:, :, None], used[:, None, :]], seen[used]
        values = positive(part, right, self.lines + self.elastic)
        chi2: Floats = np.einsum("ni,nij,nj->n", values, part, values) - 2 * (values * right).sum(axis=1)
        return chi2


def positive(matrix: Floats, right: Floats, count: int) -> Floats:
    """The x that minimises xᵀMx - 2xᵀr, its first ``count`` not negative; of many M and r at once if need be.

    What may not be negative is left out in every way, and the best of those taken in which nothing is.
    """
    scale = 1 / np.sqrt(np.maximum(np.diagonal(matrix, axis1=-2, axis2=-1), np.finfo(float).tiny))
    scaled, wanted = matrix * scale[..., :, None] * scale[..., None, :], right * scale
    terms = right.shape[-1]
    best, least = np.zeros_like(right), np.zeros(right.shape[:-1])
    for out in (left for size in range(count + 1) for left in combinations(range(count), size)):
        kept = np.setdiff1d(np.arange(terms), out)
        part = scaled[..., kept[:, None], kept] + RIDGE * np.eye(len(kept))
        values = np.linalg.solve(part, wanted[..., kept, None])[..., 0]
        allowed = (values[..., : count - len(out)] >= 0).all(axis=-1)
        gain = np.where(allowed, -(values * wanted[..., kept]).sum(axis=-1), np.inf)
        better = gain < least
        found = np.zeros_like(right)
        found[..., kept] = values
        best = np.where(better[..., None], found, best)
        least = np.where(better, gain, least)
        if not out and allowed.all():
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
