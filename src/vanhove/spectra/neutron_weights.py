"""How unweighted partial spectra add up to what neutrons see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest
from vanhove.base.scattering import neutron

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BARN = 0.01  # 1 fm² in barn


@dataclass(frozen=True)
class NeutronWeights:
    """What each unweighted partial is multiplied by, in barn/sr per atom of the system."""

    scatterers: list[str]  # what each species stands for, "7Li"
    b: list[complex]  # fm
    incoherent: Floats  # (species,): c σ_inc/4π; c is the share of all atoms
    coherent: Floats  # (pair,): Re b_i b_j*, twice for unlike pairs

    @classmethod
    def of(
        cls,
        species: Sequence[str],
        concentration: Floats,
        pairs: Sequence[tuple[str, str]],
        isotopes: Mapping[str, str] | None,
    ) -> NeutronWeights:
        """The weights of ``species`` as they are called, or of the ``isotopes`` that stand for them."""
        scatterers = replaced(species, isotopes or {})
        found = [neutron(name) for name in scatterers]
        b = [each.b for each in found]
        place = {name: k for k, name in enumerate(species)}
        products = [
            (1.0 if first == second else 2.0) * (b[place[first]] * b[place[second]].conjugate()).real
            for first, second in pairs
        ]
        sigma = np.array([each.sigma_inc for each in found])
        return cls(scatterers, b, concentration * sigma / (4 * np.pi), BARN * np.array(products))

    @property
    def told(self) -> str:
        """For people: "Li: 7Li, b = -2.22 fm, σ_inc = 0.78 barn; …"."""
        parts = []
        for name, b in zip(self.scatterers, self.b, strict=True):
            length = f"{b.real:g}" if b.imag == 0 else f"{b.real:g}{b.imag:+g}i"
            parts.append(f"{name}: b = {length} fm, σ_inc = {neutron(name).sigma_inc:g} barn")
        return "; ".join(parts)


def replaced(species: Sequence[str], isotopes: Mapping[str, str]) -> list[str]:
    """Each species, or the isotope named for it or for its element."""
    for name, isotope in isotopes.items():
        if name not in species and name not in map(element_of, species):
            raise Refusal(f"There is no '{name}' in this trajectory", "", nearest(name, list(species)))
        if element_of(isotope) != element_of(name):
            raise Refusal(f"'{isotope}' is no isotope of {element_of(name)}")
    return [isotopes.get(name) or isotopes.get(element_of(name)) or name for name in species]


def weighted(partials: Floats, weights: Floats) -> Floats:
    """Σ weight · partial over the first axis."""
    total: Floats = np.tensordot(weights, partials, axes=1)
    return total


def weighted_error(errors: Floats, weights: Floats) -> Floats:
    """Standard error of such a sum of partials with independent errors."""
    result: Floats = np.sqrt(np.tensordot(weights**2, errors**2, axes=1))
    return result
