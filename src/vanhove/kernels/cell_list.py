"""Pairs of atoms by a cell list, for systems many times wider than the distances that are asked for.

The unit cell is divided into cells, its atoms sorted by them. For each cell its neighbourhood is gathered once: the
atoms of all cells within reach, images shifted to where they stand, all species together, in one contiguous buffer.
Each atom of the cell then meets that buffer in one long row: rows of single neighbour cells would be too short for
vector loops. Cells next to each other along the last axis lie next to each other in memory and are copied as one run.
Only runs ahead of the cell are gathered, so each pair, and each image of a pair, is met from one side only; at a
long reach a neighbourhood goes round the unit cell several times, and nothing changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .distance_rows import FULL, SPARE, shifted_row, tally, wrap
from .lattice import inverse_into

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bins = NDArray[np.int32]
    Counts = NDArray[np.uint32]

FINEST = 4  # most cells that the reach is divided into
PIECE = 1024  # atoms of a neighbourhood at a time: they stay in the fastest cache
WHOLE = 32  # atoms in one turn of a vectorised loop, on the widest machines; a row of fewer goes one by one
FAR = 1e6  # cells away: what fills a row up is within nobody's reach
SWEEPS = 8  # of the search for the nearest points of two cells
# What a row and the copying of a run cost beside their atoms, in pairs (measured).
ROW, RUN = 64, 48


@kernel
def divide(widths: Floats, reach: float, division: int, atoms: int, m: Ints) -> None:
    """Numbers of cells ``m`` along each axis: as wide as the reach over ``division``, or wider where atoms are few."""
    for c in range(3):
        m[c] = max(1, int(min(widths[c] * division / reach, 2.0 * atoms)))
    while m[0] * m[1] * m[2] > 8 + 4 * atoms:
        widest = 0
        for c in range(3):
            if m[c] > m[widest]:
                widest = c
        m[widest] = (m[widest] + 1) // 2


@kernel
def _apart(da: int, db: int, dc: int, edges: Floats) -> float:
    """At least how far two cells are from each other that are (da, db, dc) cells apart.

    What lies between a point of one and a point of the other is t·edges with each t within 1 of d. The shortest such
    vector is looked for axis by axis; whatever is found, the planes across it separate the two cells.
    """
    d = (float(da), float(db), float(dc))
    t = np.zeros(3)
    for c in range(3):
        t[c] = min(max(0.0, d[c] - 1.0), d[c] + 1.0)
    x = np.zeros(3)
    for _ in range(SWEEPS):
        moved = 0.0
        for c in range(3):
            along, square = 0.0, 0.0
            for k in range(3):
                x[k] = t[0] * edges[0, k] + t[1] * edges[1, k] + t[2] * edges[2, k]
                along += (x[k] - t[c] * edges[c, k]) * edges[c, k]
                square += edges[c, k] * edges[c, k]
            nearer = min(max(-along / square, d[c] - 1.0), d[c] + 1.0)
            moved += abs(nearer - t[c])
            t[c] = nearer
        if moved < 1e-6:
            break
    for k in range(3):
        x[k] = t[0] * edges[0, k] + t[1] * edges[1, k] + t[2] * edges[2, k]
    length = np.sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2])
    if length == 0.0:
        return 0.0
    between = 0.0
    for c in range(3):
        across = (edges[c, 0] * x[0] + edges[c, 1] * x[1] + edges[c, 2] * x[2]) / length
        between += d[c] * across - abs(across)
    return between


@kernel
def runs_ahead(cell: Floats, widths: Floats, reach: float, m: Ints) -> Ints:
    """Cells within reach of a cell and ahead of it: runs (da, db, first dc, last dc), the cell's own first."""
    edges = np.zeros((3, 3))
    most = np.zeros(3, np.int64)
    for c in range(3):
        most[c] = int(np.ceil(reach * m[c] / widths[c])) + 1
        for k in range(3):
            edges[c, k] = cell[c, k] / m[c]
    runs = np.zeros(((most[0] + 1) * (2 * most[1] + 1), 4), np.int64)
    number = 0
    for da in range(most[0] + 1):
        for db in range(-most[1], most[1] + 1):
            if da == 0 and db < 0:
                continue
            first, last = 1, 0
            for dc in range(0 if da == 0 and db == 0 else -most[2], most[2] + 1):
                if _apart(da, db, dc, edges) <= reach * (1 + 1e-9):
                    if first > last:
                        first = dc
                    last = dc
            if first <= last:
                runs[number, 0], runs[number, 1], runs[number, 2], runs[number, 3] = da, db, first, last
                number += 1
    return runs[:number]


@kernel
def cell_cost(runs: Ints, m: Ints, atoms: int) -> float:
    """What counting takes with these cells, in pairs."""
    listed = -0.5  # half of the cell's own atoms are behind
    for r in range(runs.shape[0]):
        listed += runs[r, 3] - runs[r, 2] + 1
    cells = m[0] * m[1] * m[2]
    return float(atoms * (atoms * listed / cells + ROW) + min(cells, atoms) * runs.shape[0] * RUN)


@kernel
def sort_into_cells(
    positions: Floats, order: Ints, starts: Ints, wanted: Ints, inverse: Floats, m: Ints, s: Floats, kind: Bins,
    edges: Ints,
) -> None:  # fmt: skip
    """Fractional coordinates ``s`` (axis, atom) of the atoms of ``wanted`` species, sorted by cell, and their species.

    Cell (a, b, c) is ``s[:, edges[n]:edges[n + 1]]`` with n = (a·m₁ + b)·m₂ + c.
    """
    raw, place = np.empty((order.size, 3)), np.empty(order.size, np.int64)
    edges[:] = 0
    for a in range(starts.size - 1):
        if wanted[a] == 0:
            continue
        for k in range(starts[a], starts[a + 1]):
            wrap(positions[order[k], 0], positions[order[k], 1], positions[order[k], 2], inverse, raw[k])
            place[k] = (int(raw[k, 0] * m[0]) * m[1] + int(raw[k, 1] * m[1])) * m[2] + int(raw[k, 2] * m[2])
            edges[place[k] + 2] += 1
    for n in range(2, edges.size):
        edges[n] += edges[n - 1]
    for a in range(starts.size - 1):
        if wanted[a] == 0:
            continue
        for k in range(starts[a], starts[a + 1]):
            j = edges[place[k] + 1]  # where the next atom of this cell goes; in the end, where the next cell begins
            edges[place[k] + 1] += 1
            s[0, j], s[1, j], s[2, j], kind[j] = raw[k, 0], raw[k, 1], raw[k, 2], a


@kernel
def _shift(source: Floats, by: float, out: Floats) -> None:
    for j in range(source.size):
        out[j] = source[j] + by


@kernel
def _blocks(kind: Bins, stride: int, out: Bins) -> None:
    for j in range(kind.size):
        out[j] = kind[j] * stride


@kernel
def empty_blocks(narrow: Counts, pair_of: Ints, wide: Ints) -> None:
    """Move what the 32-bit counters (species, species and bin) hold into the 64-bit ones (pair, bin)."""
    bins = wide.shape[1]
    for a in range(pair_of.shape[0]):
        for b in range(pair_of.shape[0]):
            if pair_of[a, b] >= 0:
                for k in range(bins):
                    wide[pair_of[a, b], k] += narrow[a, b * (bins + SPARE) + k]
    narrow[:] = 0


@kernel
def count_in_cells(
    s: Floats, kind: Bins, edges: Ints, m: Ints, runs: Ints, cell: Floats, pair_of: Ints, scale: float,
    narrow: Counts, wide: Ints,
) -> None:  # fmt: skip
    """Add the pairs of one frame to ``wide``, each at all its images within reach, an atom's own images too.

    ``s`` and ``kind`` hold at least WHOLE more atoms than there are: a run is copied in whole turns of the loop.
    """
    bins = wide.shape[1]
    near, block = np.empty((3, PIECE + WHOLE)), np.empty(PIECE + WHOLE, np.int32)
    row, last = np.empty(PIECE + WHOLE, np.int32), np.empty(PIECE + WHOLE)
    for j in range(last.size):
        last[j] = bins + j % SPARE
    seen = 0
    for ia in range(m[0]):
        for ib in range(m[1]):
            for ic in range(m[2]):
                n = (ia * m[1] + ib) * m[2] + ic
                first, end = edges[n], edges[n + 1]
                if first == end:
                    continue
                filled, own, own_from = 0, 0, first  # atoms in the buffer; how many are the cell's own, from which on
                for r in range(runs.shape[0]):
                    a, b = ia + runs[r, 0], ib + runs[r, 1]
                    low, high = ic + runs[r, 2], ic + runs[r, 3]
                    na, nb = a // m[0], b // m[1]
                    column = ((a - na * m[0]) * m[1] + b - nb * m[1]) * m[2]
                    for nc in range(low // m[2], high // m[2] + 1):
                        j = edges[column + max(low - nc * m[2], 0)]
                        stop = edges[column + min(high - nc * m[2], m[2] - 1) + 1]
                        while j < stop:
                            taken = min(stop - j, PIECE - filled)
                            up = (taken + WHOLE - 1) // WHOLE * WHOLE
                            _shift(s[0, j : j + up], float(na), near[0, filled : filled + up])
                            _shift(s[1, j : j + up], float(nb), near[1, filled : filled + up])
                            _shift(s[2, j : j + up], float(nc), near[2, filled : filled + up])
                            _blocks(kind[j : j + up], bins + SPARE, block[filled : filled + up])
                            if r == 0 and nc == 0:
                                own += max(0, min(j + taken, end) - j)
                            filled += taken
                            j += taken
                            if filled == PIECE:
                                seen = _rows(
                                    s, kind, first, end, near, block, filled, own, own_from, cell, pair_of, scale,
                                    last, row, narrow, wide, seen,
                                )  # fmt: skip
                                own_from += own
                                filled = own = 0
                seen = _rows(
                    s, kind, first, end, near, block, filled, own, own_from, cell, pair_of, scale, last, row, narrow,
                    wide, seen,
                )  # fmt: skip
    empty_blocks(narrow, pair_of, wide)


@kernel
def _rows(
    s: Floats, kind: Bins, first: int, end: int, near: Floats, block: Bins, filled: int, own: int, own_from: int,
    cell: Floats, pair_of: Ints, scale: float, last: Floats, row: Bins, narrow: Counts, wide: Ints, seen: int,
) -> int:  # fmt: skip
    """Every atom of a cell meets the buffer, of the cell's own atoms only those behind it in the list."""
    near[:, filled : filled + WHOLE] = FAR
    block[filled : filled + WHOLE] = 0
    for i in range(first, end):
        start = min(max(i + 1 - own_from, 0), own)
        n = (filled - start + WHOLE - 1) // WHOLE * WHOLE
        if n == 0:
            continue
        stop = start + n
        shifted_row(
            near[0, start:stop], near[1, start:stop], near[2, start:stop], block[start:stop],
            s[0, i], s[1, i], s[2, i], cell, scale, last[:n], row[:n],
        )  # fmt: skip
        tally(row[:n], narrow[kind[i]])
        seen += n
        if seen > FULL:
            empty_blocks(narrow, pair_of, wide)
            seen = 0
    return seen


@kernel
def widths_of(cell: Floats, inverse: Floats, widths: Floats) -> None:
    """The inverse of a cell and the distances between its opposite faces."""
    inverse_into(cell, inverse)
    for c in range(3):
        square = inverse[0, c] ** 2 + inverse[1, c] ** 2 + inverse[2, c] ** 2
        widths[c] = 1.0 / np.sqrt(square)
