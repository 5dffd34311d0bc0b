"""Periodic cells: reduced bases, and the lattice vector that an atom crossed between two frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@kernel
def reduce_cell(cell: Floats) -> tuple[Floats, Ints]:
    """Minkowski-reduce three row vectors: ``reduced = integers @ cell``, each vector as short as the lattice allows.

    Rounding in a reduced basis and looking at the 26 neighbours finds the shortest image exactly, where rounding in a
    skewed cell picks a wrong one.
    """
    reduced = cell.copy()
    integers = np.eye(3, dtype=np.int64)
    changed = True
    while changed:
        changed = False
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            # the pair steps first take off whole multiples, so that a very skewed cell needs few rounds
            for other in (j, k):
                times = round(np.dot(reduced[i], reduced[other]) / np.dot(reduced[other], reduced[other]))
                if times != 0:
                    shorter = reduced[i] - times * reduced[other]
                    if np.dot(shorter, shorter) < np.dot(reduced[i], reduced[i]) * (1 - 1e-12):
                        reduced[i] = shorter
                        integers[i] -= np.int64(times) * integers[other]
                        changed = True
            for a in (-1, 0, 1):
                for b in (-1, 0, 1):
                    shorter = reduced[i] + a * reduced[j] + b * reduced[k]
                    if np.dot(shorter, shorter) < np.dot(reduced[i], reduced[i]) * (1 - 1e-12):
                        reduced[i] = shorter
                        integers[i] += a * integers[j] + b * integers[k]
                        changed = True
    return reduced, integers


@kernel
def crossings(previous: Floats, positions: Floats, cells: Floats) -> Ints:
    """Lattice vectors, in units of each frame's own cell, to add so that every step is the shortest one.

    ``positions`` (frame, atom, axis) follow ``previous`` (atom, axis); ``cells`` (frame, 3, 3) has one cell a frame.
    Returns the *running sum* n(frame, atom, axis): ``positions + n @ cell`` continues ``previous`` without jumps.
    """
    frames, atoms = positions.shape[0], positions.shape[1]
    total = np.zeros((frames, atoms, 3), np.int64)
    reduced = np.eye(3)
    inverse = np.eye(3)
    integers = np.eye(3, dtype=np.int64)
    skewed = False
    for f in range(frames):
        if f == 0 or not np.all(cells[f] == cells[f - 1]):
            reduced, integers = reduce_cell(cells[f])
            inverse[:] = np.linalg.inv(reduced)
            skewed = False
            for i in range(3):
                j = (i + 1) % 3
                if abs(np.dot(reduced[i], reduced[j])) > 1e-12 * np.dot(reduced[i], reduced[i]):
                    skewed = True
        for a in range(atoms):
            if f == 0:
                dx = positions[f, a, 0] - previous[a, 0]
                dy = positions[f, a, 1] - previous[a, 1]
                dz = positions[f, a, 2] - previous[a, 2]
            else:
                dx = positions[f, a, 0] - positions[f - 1, a, 0]
                dy = positions[f, a, 1] - positions[f - 1, a, 1]
                dz = positions[f, a, 2] - positions[f - 1, a, 2]
            n0 = -round(dx * inverse[0, 0] + dy * inverse[1, 0] + dz * inverse[2, 0])
            n1 = -round(dx * inverse[0, 1] + dy * inverse[1, 1] + dz * inverse[2, 1])
            n2 = -round(dx * inverse[0, 2] + dy * inverse[1, 2] + dz * inverse[2, 2])
            if skewed:
                m0, m1, m2 = n0, n1, n2
                shortest = np.inf
                for i in range(-1, 2):
                    for j in range(-1, 2):
                        for k in range(-1, 2):
                            c0, c1, c2 = n0 + i, n1 + j, n2 + k
                            x = dx + c0 * reduced[0, 0] + c1 * reduced[1, 0] + c2 * reduced[2, 0]
                            y = dy + c0 * reduced[0, 1] + c1 * reduced[1, 1] + c2 * reduced[2, 1]
                            z = dz + c0 * reduced[0, 2] + c1 * reduced[1, 2] + c2 * reduced[2, 2]
                            square = x * x + y * y + z * z
                            if square < shortest:
                                shortest, m0, m1, m2 = square, c0, c1, c2
                n0, n1, n2 = m0, m1, m2
            for axis in range(3):
                step = n0 * integers[0, axis] + n1 * integers[1, axis] + n2 * integers[2, axis]
                total[f, a, axis] = step if f == 0 else total[f - 1, a, axis] + step
    return total
