"""Published potentials by name, and Coulomb-Buckingham ones from your numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vanhove.base.errors import Refusal, nearest

from .pairwise import Pairwise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairTerm:
    """The short-range part of one pair: A exp(-r/ρ) - C/r⁶, with A in kcal/mol, ρ in Å, C in kcal·Å⁶/mol."""

    A: float
    rho: float
    C: float

    def energy(self, r: Floats) -> Floats:
        """In kcal/mol, r in Å."""
        return np.asarray(self.A * np.exp(-r / self.rho) - self.C / r**6)

    def slope(self, r: Floats) -> Floats:
        """Its derivative, kcal/mol/Å."""
        return np.asarray(-self.A / self.rho * np.exp(-r / self.rho) + 6 * self.C / r**7)

    def collapses(self, coulomb: float) -> bool:
        """Whether dispersion, or an attraction that nothing outweighs at r = 0, pulls the atoms together."""
        return self.C > 0 or (self.C == 0 and coulomb < 0)

    def fault(self) -> str:
        """What is wrong with its numbers."""
        return f"A={self.A}, rho={self.rho}, and A ≥ 0, rho > 0 are needed" if self.rho <= 0 or self.A < 0 else ""


@dataclass(frozen=True)
class Buckingham(Pairwise[PairTerm]):
    r"""A Coulomb-Buckingham potential.

    .. math:: V_{ij}(r) = A_{ij} e^{-r/\rho_{ij}} - \frac{C_{ij}}{r^6} + \frac{q_i q_j}{4\pi\epsilon_0 r}

    Energies are kcal/mol, the unit in which such sets are printed and of LAMMPS's ``real`` units.
    """

    name: str = "buckingham"

    form: ClassVar[str] = "buckingham"
    form_name: ClassVar[str] = "Coulomb-Buckingham"
    strengths: ClassVar[tuple[str, ...]] = ("A", "C")

    @property
    def nothing(self) -> str:
        """The parameters of a pair without a short-range part."""
        return "A=0, rho=1, C=0"

    def _heading(self) -> str:
        return f"{'A kcal/mol':>16}{'ρ Å':>8}{'C kcal·Å⁶/mol':>15}"

    def _row(self, term: PairTerm) -> str:
        return f"{term.A:>16.10g}{term.rho:>8.4g}{term.C:>15.7g}"

    def styles(self, order: Sequence[str], *, charged: bool) -> list[str]:
        """LAMMPS's ``buck``, with the real-space half of the Coulomb sum where there are charges."""
        lines = [f"pair_style {'buck/coul/long' if charged else 'buck'} {float(self.cutoff)!r}"]
        for i, first in enumerate(order, 1):
            for j, second in enumerate(order[i - 1 :], i):
                term = self.term(f"{first}-{second}")
                lines.append(
                    f"pair_coeff {i} {j} {float(term.A)!r} {float(term.rho)!r} {float(term.C)!r}  # {first}-{second}"
                )
        return lines


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


def potential(name: str, *, cutoff: float = 10.0, accuracy: float = 1e-4) -> Pairwise[Any]:
    """A published potential: ``"na2s-sis2"``, ``"pedone"``.

    Parameters
    ----------
    name
        Which one; ``.describe()`` says its source, its charges and what it is good for.
    cutoff
        Where the short-range part ends (Å). The Coulomb sum goes over all images, whatever the cutoff.
    accuracy
        Of the Coulomb forces, as a share of the force between two unit charges 1 Å apart.
    """
    import tomllib

    folder = resources.files("vanhove.simulate") / "data"
    known = sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    if name not in known:
        raise Refusal(f"There is no potential '{name}'", "", nearest(name, known))
    data = tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    told = (cutoff, accuracy, data["name"], f"{data['source']}, doi {data['doi']}", data["good_for"])
    if data["form"] == "pedone":
        from ._pedone import Pedone, terms

        return Pedone(data["charges"], terms(data["pairs"], data["charges"]), *told)
    return Buckingham(data["charges"], {pair: PairTerm(**term) for pair, term in data["pairs"].items()}, *told)
