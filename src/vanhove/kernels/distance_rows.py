"""Distances from one atom to a row of others, put into bins.

The distances of a row go to a buffer of bin numbers in one loop, which vectorises, and are counted in a second, which
can't. Distances beyond the last bin take turns in a few spare bins: one spare bin alone would make every count wait for
the one before.

Distances are float64: in float32 a pair near the edge of a bin falls to either side, a perfect lattice's shells above
all, and a fifth of the time is gained. Right-angled cells and Cartesian coordinates gain nothing: they wait for the
square roots as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bins = NDArray[np.int32]
    Counts = NDArray[np.uint32]

SPARE = 16  # bins beyond the last one, for what is out of reach
EDGE = 1e-9  # of a bin: a distance on an edge but for rounding belongs to the bin above, as an exact one does
FULL = 2**31  # pairs after which the 32-bit counters are emptied: long before any of them can run over
GRID = 2.0**51  # fractional coordinates are whole multiples of 1/GRID, so that their differences are exact


@kernel
def wrap(x: float, y: float, z: float, inverse: Floats, out: Floats) -> None:
    """Fractional coordinates, 0 ≤ s < 1, of one atom: whole multiples of 1/GRID, which rounding would blur as much.

    Differences of such numbers, and of their images a few cells away, are exact. So an atom's nearest image has the
    same bits whether it is found by rounding the difference or by shifting the atom beforehand.
    """
    for c in range(3):
        place = x * inverse[0, c] + y * inverse[1, c] + z * inverse[2, c]
        place -= np.floor(place)
        place = np.rint(place * GRID) / GRID
        out[c] = place if place < 1.0 else 0.0  # 1 - 1e-17 is 1; nothing may leave the last cell


@kernel
def nearest_row(
    u: Floats,
    v: Floats,
    w: Floats,
    ui: float,
    vi: float,
    wi: float,
    cell: Floats,
    scale: float,
    last: Floats,
    row: Bins,
) -> None:
    """Bins of the distances between one atom and the nearest images of a row of others (fractional coordinates)."""
    ax, ay, az = cell[0, 0], cell[0, 1], cell[0, 2]
    bx, by, bz = cell[1, 0], cell[1, 1], cell[1, 2]
    cx, cy, cz = cell[2, 0], cell[2, 1], cell[2, 2]
    for j in range(u.size):
        a = u[j] - ui
        b = v[j] - vi
        c = w[j] - wi
        a -= np.rint(a)
        b -= np.rint(b)
        c -= np.rint(c)
        x = a * ax + b * bx + c * cx
        y = a * ay + b * by + c * cy
        z = a * az + b * bz + c * cz
        place = np.sqrt(x * x + y * y + z * z) * scale + EDGE
        row[j] = np.int32(min(last[j], place))


@kernel
def shifted_row(
    u: Floats,
    v: Floats,
    w: Floats,
    block: Bins,
    ui: float,
    vi: float,
    wi: float,
    cell: Floats,
    scale: float,
    last: Floats,
    row: Bins,
) -> None:
    """As :func:`nearest_row` for images that stand where they are meant; ``block[j]`` is where j's bins begin."""
    ax, ay, az = cell[0, 0], cell[0, 1], cell[0, 2]
    bx, by, bz = cell[1, 0], cell[1, 1], cell[1, 2]
    cx, cy, cz = cell[2, 0], cell[2, 1], cell[2, 2]
    for j in range(u.size):
        a = u[j] - ui
        b = v[j] - vi
        c = w[j] - wi
        x = a * ax + b * bx + c * cx
        y = a * ay + b * by + c * cy
        z = a * az + b * bz + c * cz
        place = np.sqrt(x * x + y * y + z * z) * scale + EDGE
        row[j] = np.int32(min(last[j], place)) + block[j]


@kernel
def plain_row(
    x: Floats, y: Floats, z: Floats, xi: float, yi: float, zi: float, scale: float, last: Floats, row: Bins
) -> None:
    """Bins of the distances between one point and a row of others as they stand (Cartesian coordinates)."""
    for j in range(x.size):
        a = x[j] - xi
        b = y[j] - yi
        c = z[j] - zi
        place = np.sqrt(a * a + b * b + c * c) * scale + EDGE
        row[j] = np.int32(min(last[j], place))


@kernel
def tally(row: Bins, histogram: Counts) -> None:
    """Count every bin of ``row``."""
    for j in range(row.size):
        histogram[row[j]] += np.uint32(1)


@kernel
def empty_into(narrow: Counts, wide: Ints) -> None:
    """Move what the 32-bit counters hold into the 64-bit ones."""
    bins = wide.shape[1]
    for p in range(wide.shape[0]):
        for k in range(bins):
            wide[p, k] += narrow[p, k]
    narrow[:] = 0
