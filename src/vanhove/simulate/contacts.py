"""Atoms that are too close, by pairs of species, in any periodic cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of

from .pairwise import pair_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .pairwise import Potential

    Floats = NDArray[np.float64]

TOUCHING = 0.1  # Å; no two nuclei of a solid are ever that close, whatever the potential says
NEAREST_BOND = 0.5  # of the sum of the covalent radii: no bond is that short, and no potential was fitted there


@dataclass(frozen=True)
class Contact:
    """Two atoms (counted from 0) closer than the bound of their pair; Å."""

    pair: str
    atoms: tuple[int, int]
    distance: float
    bound: float


def bounds(potential: Potential, species: Sequence[str]) -> dict[str, float]:
    """For every pair the distance below which it is lost: the inner turnover radius of its energy.

    Where no pair energy tells, half of what a bond of two such atoms is long.
    """
    if not potential.turnovers:
        return bond_bounds(species)
    radii = {pair: found.radius for pair, found in potential.turnovers.items()}
    return {pair: max(radius, TOUCHING) if math.isfinite(radius) else radius for pair, radius in radii.items()}


def bond_bounds(species: Sequence[str]) -> dict[str, float]:
    """For every pair half of what a bond of two such atoms is long."""
    return {pair: NEAREST_BOND * _bond(*pair.split("-")) for pair in pair_labels(species)}


def _bond(first: str, second: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return float(sum(covalent_radii[atomic_numbers[element_of(label)]] for label in (first, second)))


def too_close(
    positions: Floats, cell: Floats, species: NDArray[np.str_], limits: Mapping[str, float]
) -> Contact | None:
    """The pair of atoms that is deepest inside its bound, or None; atoms in order, every image counted."""
    from scipy.spatial import cKDTree

    reach = max(limits.values())
    fractions = np.linalg.solve(cell.T, positions.T).T
    fractions -= np.floor(fractions)
    widths = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    margins = reach / widths  # in fractions of the cell: images that far outside can still be neighbours
    layers = [range(-math.ceil(margin), math.ceil(margin) + 1) for margin in margins]
    images, owners = [], []
    for shift in product(*layers):
        moved = fractions + np.array(shift)
        near = np.flatnonzero(((moved > -margins) & (moved < 1 + margins)).all(axis=1))
        images.append(moved[near] @ cell)
        owners.append(near)
    owner = np.concatenate(owners)
    inside = cKDTree(fractions @ cell)
    found = inside.sparse_distance_matrix(cKDTree(np.concatenate(images)), reach, output_type="coo_matrix")
    first, second, distance = found.row, owner[found.col], found.data
    # every atom meets itself at distance 0, which a sparse matrix of distances leaves out or gives: told apart by owner
    apart = (first != second) | (distance > 0)
    first, second, distance = first[apart], second[apart], distance[apart]
    if len(first) == 0:
        return None
    bound = _bound_of_pairs(species, limits)[_number(species)[first], _number(species)[second]]
    worst = int(np.argmin(distance / bound))
    if distance[worst] >= bound[worst]:
        return None
    a, b = sorted((int(first[worst]), int(second[worst])))
    return Contact(f"{species[a]}-{species[b]}", (a, b), float(distance[worst]), float(bound[worst]))


def _number(species: NDArray[np.str_]) -> NDArray[np.intp]:
    return np.unique(species, return_inverse=True)[1]


def _bound_of_pairs(species: NDArray[np.str_], limits: Mapping[str, float]) -> Floats:
    labels = np.unique(species)
    table = [[limits.get(f"{a}-{b}", limits.get(f"{b}-{a}", TOUCHING)) for b in labels] for a in labels]
    return np.array(table)
