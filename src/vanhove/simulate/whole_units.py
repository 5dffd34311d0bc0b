"""Where a crystal can be cut: heights of its atoms with every polyanion in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.structure.neighbours import neighbours_within

from ._composition import FORMAL_CHARGES

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FORMER = 3  # e: a cation of this charge or more holds its anions by bonds, as P in PS4 and Si in SiO4
BOND = 1.25  # of the shortest distance of a former and its anion: how far the longest bond reaches
TOUCH = 5.0  # Å: where that shortest distance is sought


def unit_heights(atoms: Atoms, axis: int) -> tuple[Floats, Ints]:
    """Height of every atom along a vector of the cell (in cells), and its unit; the atoms of a unit lie together.

    A unit is what hangs together by bonds of a former and its anions; every other atom is one of its own. Where bonds
    go on through the whole cell along the axis, nothing can be kept together, and each atom is a unit.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    given = (atoms.positions @ np.linalg.inv(atoms.cell.array))[:, axis] % 1.0
    i, j, rise = _bonds(atoms, axis)
    count = len(atoms)
    _, unit = connected_components(coo_matrix((np.ones(len(i)), (i, j)), shape=(count, count)), directed=False)
    turns = np.round(rise - (given[j] - given[i])).astype(int)  # cells that a bond leads on, seen from the atoms inside
    _, first = np.unique(unit, return_index=True)
    known = np.zeros(count, bool)
    known[first] = True
    image = np.zeros(count, int)
    while True:
        fresh = known[i] & ~known[j]
        if not fresh.any():
            break
        image[j[fresh]] = image[i[fresh]] + turns[fresh]
        known[j[fresh]] = True
    endless = np.unique(unit[i[image[j] != image[i] + turns]])
    loose = np.isin(unit, endless)
    image[loose] = 0
    unit = np.where(loose, unit.max() + 1 + np.arange(count), unit)
    return given + image, np.unique(unit, return_inverse=True)[1]


def _bonds(atoms: Atoms, axis: int) -> tuple[Ints, Ints, Floats]:
    """Bonds in both directions, and how far up each leads (in cells)."""
    symbols = np.array(list(atoms.symbols))
    charge = np.array([FORMAL_CHARGES.get(symbol, 0) for symbol in symbols.tolist()])
    formers = np.unique(symbols[charge >= FORMER])
    anions = np.unique(symbols[charge < 0])
    cell = np.asarray(atoms.cell.array, float)
    parts: list[tuple[Ints, Ints, Floats]] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for former in formers.tolist():
        for anion in anions.tolist():
            near = neighbours_within(atoms.positions, cell, symbols == former, symbols == anion, TOUCH)
            bonded = near.distance < BOND * near.distance.min(initial=TOUCH)
            rise = (near.vector[bonded] @ np.linalg.inv(cell))[:, axis]
            parts += [(near.i[bonded], near.j[bonded], rise), (near.j[bonded], near.i[bonded], -rise)]
    i, j, rise = (np.concatenate(one) for one in zip(*parts, strict=True))
    return i, j, rise
