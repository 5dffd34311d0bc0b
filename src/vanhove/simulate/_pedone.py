"""Potentials of Pedone's form (PMMCS): partial charges, a Morse well and a core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vanhove.base.units import KCAL_MOL_IN_EV

from .pairwise import Pairwise, pair_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MorseTerm:
    """The short-range part of one pair: D [(1 - exp(-a (r - r₀)))² - 1] + B/r¹².

    D is in eV, a in 1/Å, r₀ in Å, B in eV·Å¹².
    """

    D: float
    a: float
    r0: float
    B: float

    def energy(self, r: Floats) -> Floats:
        """In kcal/mol, r in Å."""
        decay = np.exp(-self.a * (r - self.r0))
        return np.asarray((self.D * decay * (decay - 2) + self.B / r**12) / KCAL_MOL_IN_EV)

    def slope(self, r: Floats) -> Floats:
        """Its derivative, kcal/mol/Å."""
        decay = np.exp(-self.a * (r - self.r0))
        return np.asarray((2 * self.a * self.D * decay * (1 - decay) - 12 * self.B / r**13) / KCAL_MOL_IN_EV)

    def collapses(self, coulomb: float) -> bool:
        """Whether nothing outweighs an attraction at r = 0: the Morse well is finite there, the core is not."""
        return self.B == 0 and coulomb < 0

    def fault(self) -> str:
        """What is wrong with its numbers."""
        if self.D < 0 or self.a <= 0 or self.B < 0:
            return f"D={self.D}, a={self.a}, B={self.B}, and D ≥ 0, a > 0, B ≥ 0 are needed"
        return ""


NOTHING = MorseTerm(0.0, 1.0, 1.0, 0.0)


@dataclass(frozen=True)
class Pedone(Pairwise[MorseTerm]):
    r"""Pedone's potential.

    .. math::

        V_{ij}(r) = D_{ij} \left[ \left(1 - e^{-a_{ij} (r - r_{ij})}\right)^2 - 1 \right] + \frac{B_{ij}}{r^{12}}
        + \frac{q_i q_j}{4\pi\epsilon_0 r}

    Parameters are eV and Å, as such sets are printed; the core B/r¹² keeps apart at high temperature what the finite
    Morse well alone would let fall together.
    """

    name: str = "pedone"

    form: ClassVar[str] = "pedone"
    form_name: ClassVar[str] = "Coulomb, Morse and a core B/r¹²"
    strengths: ClassVar[tuple[str, ...]] = ("D", "B")

    @property
    def nothing(self) -> str:
        """The parameters of a pair without a short-range part."""
        return "D=0, a=1, r0=1, B=0"

    def _heading(self) -> str:
        return f"{'D eV':>10}{'a 1/Å':>10}{'r₀ Å':>10}{'B eV·Å¹²':>10}"

    def _row(self, term: MorseTerm) -> str:
        return f"{term.D:>10.6g}{term.a:>10.7g}{term.r0:>10.7g}{term.B:>10.4g}"

    def styles(self, order: Sequence[str], *, charged: bool) -> list[str]:
        """LAMMPS's ``pedone`` for the pairs that have one, over ``coul/long`` for all where there are charges."""
        cutoff = repr(float(self.cutoff))
        lines = [f"pair_style hybrid/overlay pedone {cutoff} {'coul/long' if charged else 'zero'} {cutoff}"]
        lines += ["pair_coeff * * coul/long" if charged else "pair_coeff * * zero"]
        for i, first in enumerate(order, 1):
            for j, second in enumerate(order[i - 1 :], i):
                term = self.term(f"{first}-{second}")
                if term.D == 0 and term.B == 0:
                    continue
                D, B = float(term.D) / KCAL_MOL_IN_EV, float(term.B) / KCAL_MOL_IN_EV
                lines.append(
                    f"pair_coeff {i} {j} pedone {D!r} {float(term.a)!r} {float(term.r0)!r} {B!r}  # {first}-{second}"
                )
        return lines


def pedone(
    parameters: Mapping[str, tuple[float, float, float, float]],
    charges: Mapping[str, float],
    *,
    cutoff: float = 10.0,
    accuracy: float = 1e-4,
    name: str = "pedone",
    source: str = "",
) -> Pedone:
    """A potential of Pedone's form from numbers: ``{"Si-O": (D, a, r0, B), ...}`` in eV, 1/Å, Å, eV·Å¹².

    A pair that is not given has no short-range part, as cations among themselves have none in the published set, which
    is ``potential("pedone")``.
    """
    given = {
        pair: dict(zip(("D", "a", "r0", "B"), map(float, numbers), strict=True)) for pair, numbers in parameters.items()
    }
    known = {label: float(charge) for label, charge in charges.items()}
    return Pedone(known, terms(given, known), cutoff, accuracy, name, source)


def terms(given: Mapping[str, Mapping[str, float]], charges: Mapping[str, float]) -> dict[str, MorseTerm]:
    """The terms of all pairs: those given, and nothing for the rest."""
    found = {pair: MorseTerm(**numbers) for pair, numbers in given.items()}
    there = {frozenset(pair.split("-")) for pair in found}
    rest = [pair for pair in pair_labels(list(charges)) if frozenset(pair.split("-")) not in there]
    return {**found, **dict.fromkeys(rest, NOTHING)}
