"""Histograms of the distances between atoms, all pairs of species in one pass.

Each pair of atoms is counted once; so is each of its periodic images that lies within reach. The distances of a row of
atoms go to a buffer of bin numbers in one loop, which vectorises, and are counted in a second, which can't. Distances
beyond the last bin take turns in a few spare bins: one spare bin alone would make every count wait for the one before.
Atoms are sorted by species and by slabs along the widest axis, so that a row is the atoms of a few slabs next to each
other; a cell is cut along no more than this axis, for long rows.

Distances are float64: in float32 a pair near the edge of a bin falls to either side, a perfect lattice's shells above
all, and a fifth of the time is gained. A separate path for right-angled cells gains nothing: it waits for the square
roots as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .lattice import reduce_cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bins = NDArray[np.int32]
    Counts = NDArray[np.uint32]

SPARE = 16  # bins beyond the last one, for what is out of reach
EDGE = 1e-9  # of a bin: a distance on an edge but for rounding belongs to the bin above, as an exact one does
SLABS = 64
FULL = 2**31  # pairs after which the 32-bit counters are emptied: long before any of them can run over


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


@kernel
def _sort(positions: Floats, order: Ints, starts: Ints, inverse: Floats, axis: int, s: Floats, slabs: Ints) -> None:
    """Fractional coordinates from 0 to 1 of one frame's atoms, sorted by species and slab, into ``s`` (axis, atom).

    Slab m of species a is ``s[:, slabs[a, m]:slabs[a, m + 1]]``.
    """
    slabs[:] = 0
    raw = np.empty((order.size, 3))
    for a in range(starts.size - 1):
        for k in range(starts[a], starts[a + 1]):
            x, y, z = positions[order[k], 0], positions[order[k], 1], positions[order[k], 2]
            for c in range(3):
                place = x * inverse[0, c] + y * inverse[1, c] + z * inverse[2, c]
                place -= np.floor(place)
                raw[k, c] = place if place < 1.0 else 0.0  # 1 - 1e-17 is 1; nothing may leave the last slab
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
    row = np.empty(s.shape[1], np.int32)
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
def _count_images(
    s: Floats, slabs: Ints, axis: int, widths: Floats, reach: float,
    cell: Floats, pair_of: Ints, scale: float, last: Floats, narrow: Counts, wide: Ints,
) -> None:  # fmt: skip
    """Add the pairs of one frame, each at all its images within ``reach``, an atom's own images too."""
    x = s[0] * cell[0, 0] + s[1] * cell[1, 0] + s[2] * cell[2, 0]
    y = s[0] * cell[0, 1] + s[1] * cell[1, 1] + s[2] * cell[2, 1]
    z = s[0] * cell[0, 2] + s[1] * cell[1, 2] + s[2] * cell[2, 2]
    row = np.empty(s.shape[1], np.int32)
    species, bins = slabs.shape[0], wide.shape[1]
    window = reach / widths[axis]
    seen = 0
    la, lb, lc = int(np.ceil(reach / widths[0])), int(np.ceil(reach / widths[1])), int(np.ceil(reach / widths[2]))
    for na in range(-la, la + 1):
        for nb in range(-lb, lb + 1):
            for nc in range(-lc, lc + 1):
                tx = na * cell[0, 0] + nb * cell[1, 0] + nc * cell[2, 0]
                ty = na * cell[0, 1] + nb * cell[1, 1] + nc * cell[2, 1]
                tz = na * cell[0, 2] + nb * cell[1, 2] + nc * cell[2, 2]
                along = na if axis == 0 else (nb if axis == 1 else nc)
                for a in range(species):
                    for i in range(slabs[a, 0], slabs[a, SLABS]):
                        # how far the atom is from the whole image of the cell, seen across each pair of its faces
                        away = max(na - s[0, i], s[0, i] - na - 1) * widths[0]
                        away = max(away, max(nb - s[1, i], s[1, i] - nb - 1) * widths[1])
                        away = max(away, max(nc - s[2, i], s[2, i] - nc - 1) * widths[2])
                        if away >= reach:
                            continue
                        start = max(0, int(np.floor((s[axis, i] - along - window) * SLABS)))
                        stop = min(SLABS, int(np.floor((s[axis, i] - along + window) * SLABS)) + 1)
                        for b in range(a, species):
                            first, end = max(i + 1, slabs[b, start]), slabs[b, stop]
                            n = end - first
                            if n <= 0 or pair_of[a, b] < 0:
                                continue
                            plain_row(
                                x[first:end], y[first:end], z[first:end], x[i] - tx, y[i] - ty, z[i] - tz,
                                scale, last[:n], row[:n],
                            )  # fmt: skip
                            tally(row[:n], narrow[pair_of[a, b]])
                            seen += n
                        if seen > FULL:
                            empty_into(narrow, wide)
                            seen = 0
                # an atom and its own image, once for each lattice vector and its opposite
                if na > 0 or (na == 0 and (nb > 0 or (nb == 0 and nc > 0))):
                    place = np.sqrt(tx * tx + ty * ty + tz * tz) * scale + EDGE
                    if place < bins:
                        for a in range(species):
                            if pair_of[a, a] >= 0:
                                wide[pair_of[a, a], int(place)] += slabs[a, SLABS] - slabs[a, 0]
    empty_into(narrow, wide)


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
    frames, atoms = positions.shape[0], order.size
    counts = np.zeros((frames, pairs, bins), np.int64)
    narrow = np.zeros((pairs, bins + SPARE), np.uint32)
    last = np.empty(atoms)
    for j in range(atoms):
        last[j] = bins + j % SPARE
    s = np.empty((3, atoms))
    slabs = np.empty((starts.size - 1, SLABS + 1), np.int64)
    cell, inverse, widths = np.eye(3), np.eye(3), np.ones(3)
    axis, near = 0, 0
    reach, scale = bins * width, 1.0 / width
    for f in range(frames):
        if f == 0 or not np.all(cells[f] == cells[f - 1]):
            cell[:] = reduce_cell(cells[f])[0]
            inverse[:] = np.linalg.inv(cell)
            for c in range(3):
                widths[c] = 1.0 / np.sqrt(np.sum(inverse[:, c] ** 2))
            axis = int(np.argmax(widths))
            near = int(np.ceil(reach / widths[axis] * SLABS))
        _sort(positions[f], order, starts, inverse, axis, s, slabs)
        # an image nearer than half the smallest width has all its fractional components below one half, in any cell
        if reach <= 0.5 * widths.min() * (1 + 1e-12):
            _count_nearest(s, slabs, axis, near, cell, pair_of, scale, last, narrow, counts[f])
        else:
            _count_images(s, slabs, axis, widths, reach, cell, pair_of, scale, last, narrow, counts[f])
    return counts
