"""Polyanions of one structure: formers and anions that hang together by bonds, and where each lies in one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.structure.bonds import asked_cutoffs, bonds_within, longest_bond

from ._composition import FORMAL_CHARGES
from .whole_units import FORMER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


class Polyanions(NamedTuple):
    """``unit`` of each atom, from 1, 0 for none; ``image`` (atom, axis), the cell that puts it beside its unit's.

    ``endless`` says of each unit whether it is bonded to its own image, so that it is no body.
    """

    unit: Ints
    image: Ints
    endless: Bools


def find_polyanions(
    species: Sequence[str],
    positions: Floats,
    cell: Floats,
    *,
    formers: Sequence[str] = (),
    anions: Sequence[str] = (),
    cutoffs: Mapping[str, float] | None = None,
) -> Polyanions:
    """The polyanions of atoms at ``positions`` (Å, wrapped or not); refused where there are none."""
    from vanhove.kernels.graphs import placed

    centres = list(formers) or [s for s in dict.fromkeys(species) if FORMAL_CHARGES.get(element_of(s), 0) >= FORMER]
    around = list(anions) or [s for s in dict.fromkeys(species) if FORMAL_CHARGES.get(element_of(s), 0) < 0]
    absent = [name for name in (*formers, *anions) if name not in species]
    if absent or not centres or not around:
        missing = f"There is no {', '.join(absent)} in the structure" if absent else "The structure has no polyanions"
        raise Refusal(missing, f"it holds {', '.join(dict.fromkeys(species))}", "Give formers= and anions=")
    reach = _reaches(centres, around, cutoffs or {})
    bonds = bonds_within(species, positions, cell, reach)
    if len(bonds.i) == 0:
        told = ", ".join(f"{pair} {longest:.2f} Å" for pair, longest in reach.items())
        raise Refusal("The structure has no polyanions", f"bonds reach: {told}", "Relax it first, or give cutoffs=")
    group, extent, image = placed(len(species), bonds.i, bonds.j, bonds.shift)
    bonded = np.zeros(len(species), bool)
    bonded[bonds.i] = bonded[bonds.j] = True
    kept = np.unique(group[bonded])
    return Polyanions(np.where(bonded, np.searchsorted(kept, group) + 1, 0), image, extent[kept] > 0)


def _reaches(formers: Sequence[str], anions: Sequence[str], cutoffs: Mapping[str, float]) -> dict[str, float]:
    pairs = [f"{a}-{b}" for a in formers for b in anions]
    pairs += [f"{a}-{b}" for a, b in combinations_with_replacement(formers, 2)]
    return {pair: longest_bond(pair) for pair in pairs} | asked_cutoffs(cutoffs, pairs, "cutoffs")
