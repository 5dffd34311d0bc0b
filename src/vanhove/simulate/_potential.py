"""Potentials: Coulomb-Buckingham sets, published ones as data and your own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal, nearest
from vanhove.base.units import COULOMB_EV_A, KCAL_MOL_IN_EV

from .turnover import Turnover, turnover

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

COULOMB_KCAL_A = COULOMB_EV_A / KCAL_MOL_IN_EV  # e²/4πε₀ in kcal·Å/mol


TABLE_HEAD = (
    f"{'pair':<8}{'A kcal/mol':>16}{'ρ Å':>8}{'C kcal·Å⁶/mol':>15}"
    f"{'turnover Å':>12}{'barrier kcal/mol':>18}{'minimum Å':>11}{'kcal/mol':>10}"
)


@dataclass(frozen=True)
class PairTerm:
    """The short-range part of one pair: A exp(-r/ρ) - C/r⁶, with A in kcal/mol, ρ in Å, C in kcal·Å⁶/mol."""

    A: float
    rho: float
    C: float


@dataclass(frozen=True)
class Buckingham:
    r"""A Coulomb-Buckingham potential.

    .. math:: V_{ij}(r) = A_{ij} e^{-r/\rho_{ij}} - \frac{C_{ij}}{r^6} + \frac{q_i q_j}{4\pi\epsilon_0 r}

    Energies are kcal/mol, the unit in which such sets are printed and of LAMMPS's ``real`` units. The short-range part
    ends at ``cutoff`` (Å) without a shift; the Coulomb part is summed over all images by PPPM, to ``accuracy`` of the
    force between two unit charges 1 Å apart.
    """

    charges: Mapping[str, float]  # e
    pairs: Mapping[str, PairTerm]  # "Na-S" → its term; one entry a pair
    cutoff: float = 10.0
    accuracy: float = 1e-4
    name: str = "buckingham"
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for label, charge in self.charges.items():
            if not is_species(label):
                raise Refusal(f"'{label}' is no element or isotope", f"charges of the potential '{self.name}'")
            _must_be_finite(f"The charge of {label}", charge, self.name)
        if not (self.cutoff > 0 and 0 < self.accuracy < 1):
            raise Refusal(f"cutoff={self.cutoff} Å, accuracy={self.accuracy}", "", "Give positive numbers")
        for pair, term in self.pairs.items():
            for name, value in asdict(term).items():
                _must_be_finite(f"{name} of {pair}", value, self.name)
            if term.rho <= 0 or term.A < 0:
                raise Refusal(f"{pair} has A={term.A}, rho={term.rho}", self.name, "Give A ≥ 0 and rho > 0")
        missing = [pair for pair in self.pair_labels if self._find(pair) is None]
        unknown = [pair for pair in self.pairs if not all(s in self.charges for s in pair.split("-"))]
        if missing or unknown or len(self.pairs) != len(self.pair_labels):
            raise Refusal(
                f"The pairs of '{self.name}' are not complete",
                f"species {', '.join(self.charges)}; missing pairs {missing or 'none'}, unknown {unknown or 'none'}",
                "Give each pair once; one without a short-range part has A=0, rho=1, C=0",
            )

    @property
    def species(self) -> list[str]:
        """The species that it knows, in the order given."""
        return list(self.charges)

    @property
    def pair_labels(self) -> list[str]:
        """Every pair once, ``"Na-S"``."""
        labels = self.species
        return [f"{a}-{b}" for i, a in enumerate(labels) for b in labels[i:]]

    def term(self, pair: str) -> PairTerm:
        """The short-range term of a pair, given in either order."""
        found = self._find(pair)
        if found is None:
            raise Refusal(f"The potential '{self.name}' has no pair '{pair}'", "", nearest(pair, self.pair_labels))
        return found

    def _find(self, pair: str) -> PairTerm | None:
        return self.pairs.get(pair) or self.pairs.get("-".join(reversed(pair.split("-"))))

    def energy(self, pair: str, r: ArrayLike) -> Floats:
        """V(r) of two such atoms alone, Coulomb included (kcal/mol), r in Å."""
        term, coulomb, distance = self.term(pair), self._coulomb(pair), np.asarray(r, float)
        return np.asarray(term.A * np.exp(-distance / term.rho) - term.C / distance**6 + coulomb / distance)

    def slope(self, pair: str, r: ArrayLike) -> Floats:
        """DV/dr of two such atoms alone, Coulomb included (kcal/mol/Å), r in Å."""
        term, coulomb, distance = self.term(pair), self._coulomb(pair), np.asarray(r, float)
        repulsion = -term.A / term.rho * np.exp(-distance / term.rho)
        return np.asarray(repulsion + 6 * term.C / distance**7 - coulomb / distance**2)

    def _coulomb(self, pair: str) -> float:
        first, second = pair.split("-")
        return COULOMB_KCAL_A * self.charges[first] * self.charges[second]

    @cached_property
    def turnovers(self) -> dict[str, Turnover]:
        """Inner turnover radius, barrier and minimum of every pair; see :mod:`vanhove.simulate.turnover`."""
        found = {}
        for pair in self.pair_labels:
            C, coulomb = self.term(pair).C, self._coulomb(pair)
            collapses = C > 0 or (C == 0 and coulomb < 0)
            found[pair] = turnover(pair, partial(self.energy, pair), partial(self.slope, pair), collapses=collapses)
        return found

    def describe(self) -> str:
        """A table for a person: parameters, inner turnover and minimum of every pair."""
        lines = [
            f"{self.name}: Coulomb-Buckingham, cutoff {self.cutoff:g} Å, PPPM accuracy {self.accuracy:g}",
            "charges (e): " + ", ".join(f"{label} {charge:+g}" for label, charge in self.charges.items()),
            "",
            TABLE_HEAD,
        ]
        for pair, found in self.turnovers.items():
            term = self.term(pair)
            inner = "none" if found.radius == 0 else f"{found.radius:.4g}"
            barrier = (
                "no barrier" if math.isinf(found.radius) else ("–" if not found.radius else f"{found.barrier:.3g}")
            )
            at, depth = (
                ("–", "–") if math.isnan(found.minimum) else (f"{found.minimum_radius:.3f}", f"{found.minimum:.1f}")
            )
            lines.append(
                f"{pair:<8}{term.A:>16.10g}{term.rho:>8.4g}{term.C:>15.7g}{inner:>12}{barrier:>18}{at:>11}{depth:>10}"
            )
        return "\n".join([*lines, *([f"source: {self.source}"] if self.source else [])])

    def to_dict(self) -> dict[str, Any]:
        """All that decides the forces, as JSON knows it."""
        return {
            "form": "buckingham",
            "name": self.name,
            "charges": {label: float(charge) for label, charge in self.charges.items()},
            "pairs": {
                pair: {name: float(value) for name, value in asdict(self.term(pair)).items()}
                for pair in self.pair_labels
            },
            "cutoff": float(self.cutoff),
            "accuracy": float(self.accuracy),
        }

    def commands(self, order: Sequence[str]) -> list[str]:
        """LAMMPS commands of this potential, where type n is the n-th species of ``order``; ``real`` units."""
        charged = any(self.charges[label] for label in order)  # PPPM refuses a system without charges
        lines = [f"pair_style {'buck/coul/long' if charged else 'buck'} {float(self.cutoff)!r}"]
        for i, first in enumerate(order, 1):
            for j, second in enumerate(order[i - 1 :], i):
                term = self.term(f"{first}-{second}")
                lines.append(
                    f"pair_coeff {i} {j} {float(term.A)!r} {float(term.rho)!r} {float(term.C)!r}  # {first}-{second}"
                )
        if charged:
            lines.append(f"kspace_style pppm {float(self.accuracy)!r}")
        return lines


def _must_be_finite(what: str, value: float, where: str) -> None:
    if not math.isfinite(value):
        raise Refusal(f"{what} is {value}", f"potential '{where}'", "Give a finite number")


def buckingham(
    parameters: Mapping[str, tuple[float, float, float]],
    charges: Mapping[str, float],
    *,
    cutoff: float = 10.0,
    accuracy: float = 1e-4,
    name: str = "buckingham",
    source: str = "",
) -> Buckingham:
    """A Coulomb-Buckingham potential from numbers: ``{"Na-S": (A, rho, C), ...}`` in kcal/mol, Å, kcal·Å⁶/mol.

    Look at ``.describe()``: it shows for every pair how close two atoms may come before the energy turns over.
    """
    terms = {pair: PairTerm(float(A), float(rho), float(C)) for pair, (A, rho, C) in parameters.items()}
    return Buckingham(
        {label: float(charge) for label, charge in charges.items()}, terms, cutoff, accuracy, name, source
    )


def potential(name: str, *, cutoff: float = 10.0, accuracy: float = 1e-4) -> Buckingham:
    """A published potential: ``"na2s-sis2"``."""
    import tomllib

    folder = resources.files("vanhove.simulate") / "data"
    known = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    if name not in known:
        raise Refusal(f"There is no potential '{name}'", "", nearest(name, known))
    data = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    terms = {pair: PairTerm(**term) for pair, term in data["pairs"].items()}
    return Buckingham(data["charges"], terms, cutoff, accuracy, data["name"], f"{data['source']}, doi {data['doi']}")
