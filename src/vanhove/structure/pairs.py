"""Pairs of species by name: ``"Li-S"`` is S around Li."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise
from typing import TYPE_CHECKING

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

NOBLE = (0, 2, 10, 18, 36, 54, 86, 118)  # atomic numbers at which the periods end


def split_pair(label: str) -> tuple[str, str]:
    """Centre and neighbour of ``"Li-S"``."""
    parts = tuple(part.strip() for part in str(label).split("-"))
    if len(parts) != 2 or not all(parts):
        raise Refusal(f"'{label}' is no pair", "", 'Write the centre first, like "Li-S"')
    return parts[0], parts[1]


def members(label: str, species: list[str]) -> list[int]:
    """Which of ``species`` a name means: the one of that name, else the isotopes of that element."""
    found = [k for k, name in enumerate(species) if name == label]
    found = found or [k for k, name in enumerate(species) if element_of(name) == label]
    if not found:
        raise Refusal(f"There is no '{label}' in this trajectory", "", nearest(label, species))
    return found


def all_pairs(composition: Mapping[str, int]) -> list[str]:
    """Every unordered pair of species, in a formula's order (``"Li-S"``, ``"P-S"``); a lone atom makes no like pair."""
    ordered = sorted(composition, key=formula_place)
    return [f"{a}-{b}" for a, b in combinations_with_replacement(ordered, 2) if a != b or composition[a] > 1]


def formula_place(species: str) -> tuple[float, int, str]:
    """Sorts species as in a formula: electropositive first, by group and from the bottom of each group upwards.

    The sequence of the IUPAC recommendations (Red Book 2005, table VI), with hydrogen between nitrogen's group and
    polonium. What is no element comes last.
    """
    import periodictable

    number = {element.symbol: element.number for element in periodictable.elements}.get(element_of(species), 0)
    if number == 0:
        return 19, 0, species
    if number == 1:
        return 15.5, -1, species
    start, end = next((start, end) for start, end in pairwise(NOBLE) if start < number <= end)
    group = number - start if number - start <= 2 < end - start else max(3, 18 - (end - number))
    return group % 18, -number, species
