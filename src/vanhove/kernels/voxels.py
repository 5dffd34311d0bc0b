"""Grids of a periodic cell: counting into them, and the highest level whose region runs through the cell.

The region above a level grows voxel by voxel as the level falls. A union-find that carries whole numbers of cells, as
in :mod:`.graphs`, sees when a voxel closes a ring: a ring that adds up to no cell along an axis has come round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .graphs import _root

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@kernel
def tally(numbers: Ints, counts: Ints) -> None:
    """Add 1 to ``counts`` at each of the ``numbers``."""
    for k in range(numbers.size):
        counts[numbers[k]] += 1


@kernel
def voxel_numbers(positions: Floats, inverses: Floats, shifts: Floats, shape: Ints, numbers: Ints) -> None:
    """Which voxel every atom is in, (frame · atom), counted in C order; voxels are centred on the points k/n.

    ``inverses`` (frame, 3, 3) bring row vectors to fractions of the cell; ``shifts`` (frame, 3), as fractions, are
    taken off.
    """
    frames, atoms = positions.shape[0], positions.shape[1]
    for f in range(frames):
        m = inverses[f]
        for a in range(atoms):
            x, y, z = positions[f, a, 0], positions[f, a, 1], positions[f, a, 2]
            number = 0
            for c in range(3):
                s = x * m[0, c] + y * m[1, c] + z * m[2, c] - shifts[f, c]
                k = int(np.floor((s - np.floor(s)) * shape[c] + 0.5))
                number = number * shape[c] + (k if k < shape[c] else 0)
            numbers[f * atoms + a] = number


@kernel
def percolating(order: Ints, shape: Ints) -> Ints:
    """The voxel whose joining first lets the region run through the cell along each axis, as a place in ``order``.

    Parameters
    ----------
    order
        Voxels, highest first, those that are empty left out.
    shape
        Voxels along each axis. Voxels that share a face are neighbours, across the cell's faces too.

    Returns
    -------
    For each axis a place in ``order``; -1 where the region of all of them does not run through.
    """
    ny, nz = shape[1], shape[2]
    node = np.full(shape[0] * ny * nz, -1, np.int32)  # the place in ``order`` of what has joined
    parent, size = np.arange(order.size), np.ones(order.size, np.int32)
    cells = np.zeros((order.size, 3), np.int64)
    found = np.full(3, -1)
    here, there, shift = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    for k in range(order.size):
        voxel = order[k]
        node[voxel] = k
        here[0], here[1], here[2] = voxel // (ny * nz), voxel // nz % ny, voxel % nz
        for c in range(3):
            for way in (-1, 1):
                there[:] = here
                shift[:] = 0
                there[c] += way
                if there[c] < 0:
                    there[c] += shape[c]
                    shift[c] = -1
                elif there[c] == shape[c]:
                    there[c] = 0
                    shift[c] = 1
                other = node[(there[0] * ny + there[1]) * nz + there[2]]
                if other < 0:
                    continue
                a, b = _root(parent, cells, k), _root(parent, cells, other)
                if a == b:
                    for d in range(3):
                        if found[d] < 0 and cells[k, d] + shift[d] != cells[other, d]:
                            found[d] = k
                    continue
                sign = 1
                if size[a] < size[b]:
                    a, b, sign = b, a, -1
                for d in range(3):
                    cells[b, d] = sign * (cells[k, d] + shift[d] - cells[other, d])
                parent[b] = a
                size[a] += size[b]
        if found.min() >= 0:
            break
    return found
