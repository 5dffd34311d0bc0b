"""The shortest periodic images of many vectors at once."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def reduced(cells: Floats) -> Floats:
    """The same lattices with vectors as short as they get, (…, 3, 3)."""
    from vanhove.kernels.lattice import reduce_cell

    flat = np.ascontiguousarray(cells, np.float64).reshape(-1, 3, 3)
    different, which = np.unique(flat, axis=0, return_inverse=True)
    found = np.array([reduce_cell(np.ascontiguousarray(cell))[0] for cell in different])
    return found[which.reshape(-1)].reshape(cells.shape)


def shortest(vectors: Floats, cell: Floats) -> Floats:
    """The shortest image of each vector, (…, axis), in one cell of any shape."""
    lattice = reduced(cell)
    base = vectors - np.rint(vectors @ np.linalg.inv(lattice)) @ lattice
    best, least = base.copy(), (base**2).sum(axis=-1)
    for shift in product((-1, 0, 1), repeat=3):  # in a reduced cell the shortest image is one of these
        other = base + np.array(shift) @ lattice
        square = (other**2).sum(axis=-1)
        nearer = square < least - 1e-12
        best[nearer], least[nearer] = other[nearer], square[nearer]
    return best


def half_width(cells: Floats) -> float:
    """Å; rounding in a reduced cell gives the shortest image of every vector shorter than this."""
    lattice = reduced(cells).reshape(-1, 3, 3)
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=-2)
    return float(0.5 * heights.min())


def rounded(vectors: Floats, cells: Floats) -> Floats:
    """The shortest images of vectors (frame, …, axis) that are shorter than :func:`half_width`, in cells (frame, 3, 3).

    They are found anew in every frame: a cell whose vectors are named anew on the way does no harm.
    """
    lattice = reduced(cells)
    shape = vectors.shape
    flat = vectors.reshape(len(vectors), -1, 3)
    nearest: Floats = flat - np.rint(flat @ np.linalg.inv(lattice)) @ lattice
    return nearest.reshape(shape)


def numbers(vectors: Floats, cell: Floats) -> Ints:
    """Lattice vectors as whole numbers of the cell's."""
    counted: Ints = np.rint(vectors @ np.linalg.inv(cell)).astype(np.int64)
    return counted
