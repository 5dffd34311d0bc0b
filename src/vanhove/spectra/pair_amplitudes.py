"""Pairs of species as products of amplitudes: which sums of ρ_a(Q) belong to a label, or to a weighted total."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.scattering import neutron
from vanhove.structure.pairs import formula_place, members, split_pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BARN = 0.01  # 1 fm² in barn


class Amplitudes(NamedTuple):
    """Sums over species, and the products of two of them that are wanted."""

    factors: Floats  # (amplitude, species)
    pairs: list[tuple[int, int]]
    labels: list[str]


def of_pairs(composition: Mapping[str, int], pairs: Sequence[str] | str | None) -> Amplitudes:
    """Those of the labels in ``pairs``, as they are written, or of every unordered pair in a formula's order."""
    species = list(composition)
    if pairs is None:
        ordered = sorted(species, key=formula_place)
        labels = [f"{a}-{b}" for a, b in combinations_with_replacement(ordered, 2)]
    else:
        labels = [pairs] if isinstance(pairs, str) else list(pairs)
        if not labels:
            raise Refusal("pairs is empty", "", 'Name some, like ["Li-S"], or leave it out for all')
    names = list(dict.fromkeys(name for label in labels for name in split_pair(label)))
    factors = np.zeros((len(names), len(species)))
    for k, name in enumerate(names):
        factors[k, members(name, species)] = 1.0
    ends = [split_pair(label) for label in labels]
    return Amplitudes(factors, [(names.index(a), names.index(b)) for a, b in ends], labels)


def of_all(composition: Mapping[str, int]) -> Amplitudes:
    """All atoms alike."""
    return Amplitudes(np.ones((1, len(composition))), [(0, 0)], ["all atoms"])


def of_neutrons(composition: Mapping[str, int]) -> tuple[Amplitudes, str]:
    """All atoms with their coherent scattering lengths, in the root of barn/sr, and these as text.

    The real and the imaginary part of the lengths (of what absorbs) are two amplitudes; what is seen is the sum of
    their squares, averaged over Q and -Q.
    """
    lengths = np.array([neutron(name).b for name in composition]) * BARN**0.5
    parts = [lengths.real, lengths.imag] if lengths.imag.any() else [lengths.real]
    used = ", ".join(f"{name}: {_text(neutron(name).b)} fm" for name in composition)
    return Amplitudes(np.array(parts), [(k, k) for k in range(len(parts))], ["neutrons"] * len(parts)), used


def _text(b: complex) -> str:
    return f"{b.real:g}" if b.imag == 0 else f"{b.real:g}{b.imag:+g}i"
