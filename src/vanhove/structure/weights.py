"""How partial structure factors add up to what neutrons or X-rays measure."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest
from vanhove.base.scattering import NEUTRON_SOURCE, XRAY_SOURCE, form_factor, neutron, usual_ion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Radiation = Literal["neutron", "xray"]
ANIONS = {"N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"}  # with none of them around, there are no cations
BARN = 0.01  # 1 fm² in barn
VANISHING = 1e-3  # of ⟨|b|²⟩: a smaller ⟨b⟩² normalises noise


class Weights(NamedTuple):
    """Σ_pair ``pairs`` (S_pair - 1), with Faber-Ziman partials, is the total S - 1 times ``normalisation``."""

    pairs: Floats  # (pair, q): c_a c_b b_a b_b, twice that for unlike pairs, in ``units``
    normalisation: Floats  # (q): ⟨b⟩²
    units: str
    used: str  # "Na: 3.63 fm, …"
    source: str


def pair_weights(
    composition: Mapping[str, int],
    species: Sequence[str],
    radiation: Radiation,
    q: Floats,
    form_factors: Mapping[str, str] | None,
) -> Weights:
    """The weight of every unordered pair of ``species``, as ``combinations_with_replacement`` orders them."""
    if radiation not in ("neutron", "xray"):
        raise Refusal(f"weights={radiation!r}", "", 'Pass "neutron", "xray" or None')
    if form_factors and radiation == "neutron":
        raise Refusal("Neutrons see no form factors", "", 'Choose isotopes by traj.with_isotopes({"Li": "7Li"})')
    c = np.array([composition[name] for name in species], float)
    c /= c.sum()
    if radiation == "neutron":
        lengths = [neutron(name).b for name in species]
        amplitudes = np.repeat(np.array(lengths)[:, None], len(q), axis=1)
        used = ", ".join(f"{name}: {_length(b)} fm" for name, b in zip(species, lengths, strict=True))
        factor, units, source = BARN, "barn", NEUTRON_SOURCE
    else:
        names = _scatterers(species, form_factors or {})
        amplitudes = np.array([form_factor(name, q) for name in names]).astype(complex)
        used = ", ".join(f"{label}: {name}" for label, name in zip(species, names, strict=True))
        factor, units, source = 1.0, "1", XRAY_SOURCE
    pairs = [
        (1 if a == b else 2) * c[a] * c[b] * (amplitudes[a] * amplitudes[b].conj()).real
        for a, b in combinations_with_replacement(range(len(species)), 2)
    ]
    mean = np.abs(c @ amplitudes) ** 2
    return Weights(factor * np.array(pairs), factor * mean, units, used, source)


def check_normalisation(weights: Weights, composition: Mapping[str, int], species: Sequence[str]) -> None:
    """Refuse to divide by ⟨b⟩² where scattering lengths of both signs cancel."""
    like = [k for k, (a, b) in enumerate(combinations_with_replacement(range(len(species)), 2)) if a == b]
    c = np.array([composition[name] for name in species], float)
    c /= c.sum()
    squares = (weights.pairs[like] / c[:, None]).sum(axis=0)
    if (weights.normalisation < VANISHING * squares).any():
        raise Refusal(
            "The mean scattering length of these atoms is nearly zero, so nothing can be normalised by it",
            weights.used, "Ask for the sum itself: normalised=False",
        )  # fmt: skip


def _length(b: complex) -> str:
    return f"{b.real:g}" if b.imag == 0 else f"{b.real:g}{b.imag:+g}i"


def _scatterers(species: Sequence[str], asked: Mapping[str, str]) -> list[str]:
    """Which form factor stands for each species: as asked, else its usual ion, else the neutral atom."""
    unknown = [name for name in asked if name not in species and name not in map(element_of, species)]
    if unknown:
        raise Refusal(f"There is no '{unknown[0]}' in this trajectory", "", nearest(unknown[0], list(species)))
    salt = any(element_of(name) in ANIONS for name in species)
    usual = usual_ion if salt else element_of
    return [asked.get(name) or asked.get(element_of(name)) or usual(name) for name in species]
