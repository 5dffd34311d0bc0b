"""Which atoms are nearest to each other, in any periodic cell, with bounded work however many atoms there are."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.elements import element_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NEIGHBOURS = 4  # nearest ones looked at, of every atom
MOST_ATOMS = 200_000  # of more, those in a slice of the cell
REACH = 1.5  # times the mean distance between atoms: where every atom of a dense system has neighbours


class Contact(NamedTuple):
    """Two atoms, counted from 0, and their distance (Å); ``bonds`` is it in lengths of a covalent bond."""

    distance: float
    bonds: float
    atoms: tuple[int, int]


def closest(positions: Floats, cell: Floats, species: NDArray[np.str_]) -> tuple[Contact, Contact] | None:
    """The contact that is shortest in Å, and the one that is in covalent bond lengths; None where no atom is near.

    A bond is as long as the covalent radii of its elements add up to; an atom meets its own images too.
    """
    from scipy.spatial import cKDTree

    from vanhove.kernels.lattice import reduce_cell

    cell, _ = reduce_cell(np.ascontiguousarray(cell))  # the same lattice, its widths as large as they get
    inverse = np.linalg.inv(cell)
    widths = 1 / np.linalg.norm(inverse, axis=0)
    fractions = positions @ inverse
    fractions -= np.floor(fractions)
    margins = REACH * (abs(float(np.linalg.det(cell))) / len(positions)) ** (1 / 3) / widths
    top = np.ones(3)
    top[np.argmax(widths)] = min(1.0, MOST_ATOMS / len(positions))
    mine = np.flatnonzero((fractions < top).all(axis=1))
    points, owner = _with_images(fractions, cell, margins, top)
    distance, index = cKDTree(points).query(fractions[mine] @ cell, NEIGHBOURS + 1, distance_upper_bound=REACH_LIMIT)
    found = np.isfinite(distance)
    partner = owner[np.where(found, index, 0)]
    found &= (partner != mine[:, None]) | (distance > 0)
    if not found.any():
        return None
    bonds = distance / (_radii(species)[mine][:, None] + _radii(species)[partner])

    def at(least: Floats) -> Contact:
        row, column = np.unravel_index(int(np.argmin(np.where(found, least, np.inf))), least.shape)
        pair = sorted((int(mine[row]), int(partner[row, column])))
        return Contact(float(distance[row, column]), float(bonds[row, column]), (pair[0], pair[1]))

    return at(distance), at(bonds)


REACH_LIMIT = 20.0  # Å: what is farther is no contact


def _with_images(fractions: Floats, cell: Floats, margins: Floats, top: Floats) -> tuple[Floats, Ints]:
    """All atoms and images within ``margins`` of the part of the cell below ``top``, and whose image each is."""
    layers = [range(-math.ceil(margin), math.ceil(margin) + 1) for margin in margins]
    points, owners = [], []
    for shift in product(*layers):
        near = np.ones(len(fractions), bool)
        for axis in range(3):
            along = fractions[:, axis] + shift[axis]
            near &= (along >= -margins[axis]) & (along < top[axis] + margins[axis])
        owners.append(np.flatnonzero(near))
        points.append((fractions[owners[-1]] + np.array(shift)) @ cell)
    return np.concatenate(points), np.concatenate(owners)


def _radii(species: NDArray[np.str_]) -> Floats:
    """Covalent radius of every atom (Å; Cordero et al. 2008); 1 where the label is no element."""
    from ase.data import atomic_numbers, covalent_radii

    labels, which = np.unique(species, return_inverse=True)
    numbers = [atomic_numbers.get(element_of(label), 0) for label in labels.tolist()]
    return np.array([float(covalent_radii[number]) if number else 1.0 for number in numbers])[which]
