"""Histograms of the distances between atoms, all pairs of species in one pass.

Each pair of atoms is counted once; so is each of its periodic images that lies within reach. In a small system every
atom meets all others at their nearest images: atoms are sorted by species and by slabs along the widest axis, so that a
row is the atoms of a few slabs next to each other, for long rows. In a large one, and wherever images beyond the
nearest count, a cell list finds who is near. Whichever is cheaper is taken; the counts are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .cell_list import (
    FINEST,
    ROW,
    WHOLE,
    cell_cost,
    count_in_cells,
    divide,
    runs_ahead,
    sort_into_cells,
    widths_of,
)
from .compile import kernel
from .distance_rows import FULL, SPARE, empty_into, nearest_row, tally, wrap
from .lattice import reduce_cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bins = NDArray[np.int32]
    Counts = NDArray[np.uint32]

SLABS = 64


@kernel
def _sort(positions: Floats, order: Ints, starts: Ints, inverse: Floats, axis: int, s: Floats, slabs: Ints) -> None:
    """Fractional coordinates of one frame's atoms, sorted by species and slab, into ``s`` (axis, atom).

    Slab m of species a is ``s[:, slabs[a, m]:slabs[a, m + 1]]``.
    """
    slabs[:] = 0
    raw = np.empty((order.size, 3))
    for a in range(starts.size - 1):
        for k in range(starts[a], starts[a + 1]):
            wrap(positions[order[k], 0], positions[order[k], 1], positions[order[k], 2], inverse, raw[k])
            slabs[a, int(raw[k, axis] * SLABS) + 1] += 1
        slabs[a, 0] = starts[a]
        for m in range(SLABS):
            slabs[a, m + 1] += slabs[a, m]
        filled = slabs[a, :SLABS].copy()
        for k in range(starts[a], starts[a + 1]):
            m = int(raw[k, axis] * SLABS)
            s[0, filled[m]], s[1, filled[m]], s[2, filled[m]] = raw[k, 0], raw[k, 1], raw[k, 2]
            filled[m] += 1


@kernel
def _count_nearest(
    s: Floats, slabs: Ints, axis: int, near: int,
    cell: Floats, pair_of: Ints, scale: float, last: Floats, narrow: Counts, wide: Ints,
) -> None:  # fmt: skip
    """Add the pairs of one frame, each at its nearest image; slabs more than ``near`` apart hold none within reach."""
    row = np.empty(last.size, np.int32)
    species = slabs.shape[0]
    seen = 0
    for a in range(species):
        for i in range(slabs[a, 0], slabs[a, SLABS]):
            m = int(s[axis, i] * SLABS)
            for b in range(a, species):
                if pair_of[a, b] < 0:
                    continue
                low, high = m - near, m + near + 1
                if high - low > SLABS:  # every slab, once
                    low, high = 0, SLABS
                    if a == b:
                        low = m
                elif a == b:
                    low = m  # like pairs are met from one side only
                for turn in range(-1, 2):  # the slabs go round
                    start, stop = max(low - turn * SLABS, 0), min(high - turn * SLABS, SLABS)
                    if start >= stop:
                        continue
                    first, end = slabs[b, start], slabs[b, stop]
                    if a == b and turn == 0:
                        first = i + 1
                    n = end - first
                    if n <= 0:
                        continue
                    nearest_row(
                        s[0, first:end], s[1, first:end], s[2, first:end], s[0, i], s[1, i], s[2, i],
                        cell, scale, last[:n], row[:n],
                    )  # fmt: skip
                    tally(row[:n], narrow[pair_of[a, b]])
                    seen += n
            if seen > FULL:
                empty_into(narrow, wide)
                seen = 0
    empty_into(narrow, wide)


@kernel
def fits_nearest(widths: Floats, reach: float) -> bool:
    """Whether a pair has one distance within ``reach``.

    An image nearer than half the smallest width has all its fractional components below one half, in any cell.
    """
    return bool(reach <= 0.5 * min(widths[0], widths[1], widths[2]) * (1 + 1e-12))


@kernel
def cheapest(cell: Floats, starts: Ints, pair_of: Ints, reach: float) -> tuple[int, int]:
    """How a frame is counted at the least cost: cells of reach/k, and the same k, or 0 for the nearest images of all.

    The first holds where images beyond the nearest count too.
    """
    reduced = reduce_cell(cell)[0]
    inverse, widths, m = np.zeros((3, 3)), np.zeros(3), np.zeros(3, np.int64)
    widths_of(reduced, inverse, widths)
    species = starts.size - 1
    atoms, pairs = 0, 0.0
    for a in range(species):
        mine = starts[a + 1] - starts[a]
        if np.any(pair_of[a] >= 0):
            atoms += mine
        for b in range(a, species):
            if pair_of[a, b] >= 0:
                pairs += mine * (starts[b + 1] - starts[b]) * (0.5 if a == b else 1.0)
    best, division = np.inf, 1
    for k in range(1, FINEST + 1):
        divide(widths, reach, k, atoms, m)
        cost = cell_cost(runs_ahead(reduced, widths, reach, m), m, atoms)
        if cost < best:
            best, division = cost, k
    share = min(1.0, (2 * np.ceil(reach / np.max(widths) * SLABS) + 1) / SLABS)
    everyone = pairs * share + atoms * species * ROW
    return division, division if best < everyone or not fits_nearest(widths, reach) else 0


@kernel
def counts_by(
    division: int, within_nearest: int, positions: Floats, cells: Floats, order: Ints, starts: Ints, pair_of: Ints,
    pairs: int, width: float, bins: int,
) -> Ints:  # fmt: skip
    """As :func:`pair_counts`, in the way that :func:`cheapest` has chosen for one of the frames."""
    frames, atoms, species = positions.shape[0], order.size, starts.size - 1
    counts = np.zeros((frames, pairs, bins), np.int64)
    narrow = np.zeros((pairs, bins + SPARE), np.uint32)
    by_species = np.zeros((species, species * (bins + SPARE)), np.uint32)
    last = np.empty(atoms)
    for j in range(atoms):
        last[j] = bins + j % SPARE
    s, kind = np.zeros((3, atoms + WHOLE)), np.zeros(atoms + WHOLE, np.int32)
    slabs = np.empty((species, SLABS + 1), np.int64)
    wanted = np.zeros(species, np.int64)
    for a in range(species):
        wanted[a] = np.any(pair_of[a] >= 0)
    cell, inverse, widths = np.eye(3), np.eye(3), np.ones(3)
    m, edges, runs = np.ones(3, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
    axis, near, nearest = 0, 0, False
    reach, scale = bins * width, 1.0 / width
    for f in range(frames):
        if f == 0 or not np.all(cells[f] == cells[f - 1]):
            cell[:] = reduce_cell(cells[f])[0]
            widths_of(cell, inverse, widths)
            nearest = within_nearest == 0 and fits_nearest(widths, reach)
            if nearest:
                axis = int(np.argmax(widths))
                near = int(np.ceil(reach / widths[axis] * SLABS))
            else:
                divide(widths, reach, division, atoms, m)
                runs = runs_ahead(cell, widths, reach, m)
                edges = np.zeros(m[0] * m[1] * m[2] + 2, np.int64)
        if nearest:
            _sort(positions[f], order, starts, inverse, axis, s, slabs)
            _count_nearest(s, slabs, axis, near, cell, pair_of, scale, last, narrow, counts[f])
        else:
            sort_into_cells(positions[f], order, starts, wanted, inverse, m, s, kind, edges)
            count_in_cells(s, kind, edges, m, runs, cell, pair_of, scale, by_species, counts[f])
    return counts


@kernel
def pair_counts(
    positions: Floats, cells: Floats, order: Ints, starts: Ints, pair_of: Ints, pairs: int, width: float, bins: int
) -> Ints:
    """Number of pairs of atoms by frame, pair of species and distance: (frame, pair, bin).

    Bin k holds distances from k·``width`` to (k + 1)·``width``. Unlike pairs (i, j) and like pairs {i, j} are counted
    once. Where ``bins``·``width`` is within half the smallest width of a frame's cell, a pair has one distance; beyond,
    all its images within reach count, an atom's own images too (once for a lattice vector and its opposite).

    Parameters
    ----------
    positions
        (frame, atom, axis), finite, wrapped or not.
    cells
        (frame, 3, 3) row vectors.
    order
        Atoms sorted by species: species ``a`` is ``order[starts[a]:starts[a + 1]]``.
    pair_of
        Which histogram a pair of species goes to, (species, species), symmetric; -1: none.
    pairs
        Number of histograms.
    """
    if positions.shape[0] == 0:
        return np.zeros((0, pairs, bins), np.int64)
    division, nearest = cheapest(cells[0], starts, pair_of, bins * width)
    return counts_by(division, nearest, positions, cells, order, starts, pair_of, pairs, width, bins)
