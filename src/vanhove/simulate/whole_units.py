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
    from vanhove.kernels.graphs import placed

    given = (atoms.positions @ np.linalg.inv(atoms.cell.array))[:, axis] % 1.0
    i, j, rise = _bonds(atoms, axis)
    turns = np.round(rise - (given[j] - given[i])).astype(np.int64)  # cells that a bond leads on, seen from inside
    # the other axes do not matter: layers along them are cut between, however far they go
    unit, extent, images = placed(len(atoms), i, j, np.column_stack([turns, 0 * turns, 0 * turns]))
    loose = extent[unit] > 0
    image = np.where(loose, 0, images[:, 0])
    unit = np.where(loose, unit.max() + 1 + np.arange(len(atoms)), unit)
    return given + image, np.unique(unit, return_inverse=True)[1]


def _bonds(atoms: Atoms, axis: int) -> tuple[Ints, Ints, Floats]:
    """Bonds, and how far up each leads (in cells)."""
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
            parts.append((near.i[bonded], near.j[bonded], rise))
    i, j, rise = (np.concatenate(one) for one in zip(*parts, strict=True))
    return i, j, rise
