"""Histograms of the distances between atoms at one time and others at a later one, all periodic images within reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .distance_rows import EDGE, FULL, SPARE, empty_into, nearest_row, plain_row, tally
from .lattice import inverse_into, reduce_cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Counts = NDArray[np.uint32]


@kernel
def distinct_counts(
    early: Floats, late: Floats, cells: Floats, same: Ints, inside: Bools, width: float, bins: int
) -> Ints:
    """Number of atoms of ``late`` by their distance from an atom of ``early``: (pair of times, bin).

    Both are (pair of times, atom, axis), Cartesian, unwrapped, as seen in ``cells`` (pair of times, 3, 3). ``same``
    says which atom of ``late`` each of ``early`` is (-1: none): an atom is not counted where it has gone itself, but
    its periodic images are. Only those of ``early`` count that are ``inside`` (pair of times, atom). Distances and
    images are those of :func:`vanhove.kernels.pairs.pair_counts`.
    """
    counts = np.zeros((early.shape[0], bins), np.int64)
    wide, narrow = np.zeros((1, bins), np.int64), np.zeros((1, bins + SPARE), np.uint32)
    n, m = early.shape[1], late.shape[1]
    last = np.empty(m)
    for j in range(m):
        last[j] = bins + j % SPARE
    inverse, widths = np.eye(3), np.ones(3)
    s, q = np.empty((3, n)), np.empty((3, m))
    for p in range(early.shape[0]):
        cell = reduce_cell(cells[p])[0]
        inverse_into(cell, inverse)
        for c in range(3):
            widths[c] = 1.0 / np.sqrt(np.sum(inverse[:, c] ** 2))
        _wrap(early[p], inverse, s)
        _wrap(late[p], inverse, q)
        wide[:] = 0
        if bins * width <= 0.5 * widths.min() * (1 + 1e-12):
            _nearest(s, q, cell, same, inside[p], 1.0 / width, last, narrow, wide)
        else:
            _all_images(s, q, cell, widths, same, inside[p], bins * width, 1.0 / width, last, narrow, wide)
        for i in range(n):
            if same[i] >= 0 and inside[p, i]:
                _own_images(late[p, same[i]] - early[p, i], cell, inverse, widths, 1.0 / width, wide[0])
        counts[p] = wide[0]
    return counts


@kernel
def _wrap(positions: Floats, inverse: Floats, s: Floats) -> None:
    """Fractional coordinates from 0 to 1, (axis, atom)."""
    for i in range(positions.shape[0]):
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        for c in range(3):
            place = x * inverse[0, c] + y * inverse[1, c] + z * inverse[2, c]
            place -= np.floor(place)
            s[c, i] = place if place < 1.0 else 0.0


@kernel
def _nearest(
    s: Floats, q: Floats, cell: Floats, same: Ints, inside: Bools, scale: float, last: Floats, narrow: Counts,
    wide: Ints,
) -> None:  # fmt: skip
    row = np.empty(q.shape[1], np.int32)
    seen = 0
    for i in range(s.shape[1]):
        if not inside[i]:
            continue
        for part in range(2):  # the others on either side of the atom itself
            first = 0 if part == 0 else same[i] + 1
            end = same[i] if part == 0 else q.shape[1]
            if end <= first:
                continue
            nearest_row(
                q[0, first:end], q[1, first:end], q[2, first:end], s[0, i], s[1, i], s[2, i],
                cell, scale, last[: end - first], row[: end - first],
            )  # fmt: skip
            tally(row[: end - first], narrow[0])
            seen += end - first
        if seen > FULL:
            empty_into(narrow, wide)
            seen = 0
    empty_into(narrow, wide)


@kernel
def _all_images(
    s: Floats, q: Floats, cell: Floats, widths: Floats, same: Ints, inside: Bools, reach: float, scale: float,
    last: Floats, narrow: Counts, wide: Ints,
) -> None:  # fmt: skip
    x = q[0] * cell[0, 0] + q[1] * cell[1, 0] + q[2] * cell[2, 0]
    y = q[0] * cell[0, 1] + q[1] * cell[1, 1] + q[2] * cell[2, 1]
    z = q[0] * cell[0, 2] + q[1] * cell[1, 2] + q[2] * cell[2, 2]
    row = np.empty(q.shape[1], np.int32)
    la, lb, lc = int(np.ceil(reach / widths[0])), int(np.ceil(reach / widths[1])), int(np.ceil(reach / widths[2]))
    seen = 0
    for na in range(-la, la + 1):
        for nb in range(-lb, lb + 1):
            for nc in range(-lc, lc + 1):
                for i in range(s.shape[1]):
                    if not inside[i]:
                        continue
                    # how far the atom is from the whole image of the cell, seen across each pair of its faces
                    away = max(na - s[0, i], s[0, i] - na - 1) * widths[0]
                    away = max(away, max(nb - s[1, i], s[1, i] - nb - 1) * widths[1])
                    away = max(away, max(nc - s[2, i], s[2, i] - nc - 1) * widths[2])
                    if away >= reach:
                        continue
                    a, b, c = s[0, i] - na, s[1, i] - nb, s[2, i] - nc
                    xi = a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
                    yi = a * cell[0, 1] + b * cell[1, 1] + c * cell[2, 1]
                    zi = a * cell[0, 2] + b * cell[1, 2] + c * cell[2, 2]
                    for part in range(2):
                        first = 0 if part == 0 else same[i] + 1
                        end = same[i] if part == 0 else q.shape[1]
                        if end <= first:
                            continue
                        plain_row(
                            x[first:end], y[first:end], z[first:end], xi, yi, zi,
                            scale, last[: end - first], row[: end - first],
                        )  # fmt: skip
                        tally(row[: end - first], narrow[0])
                        seen += end - first
                    if seen > FULL:
                        empty_into(narrow, wide)
                        seen = 0
    empty_into(narrow, wide)


@kernel
def _own_images(step: Floats, cell: Floats, inverse: Floats, widths: Floats, scale: float, counts: Ints) -> None:
    """Count the images of an atom that has gone by ``step`` around its old place, but not the atom itself."""
    reach = counts.size / scale
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for c in range(3):
        here = step[0] * inverse[0, c] + step[1] * inverse[1, c] + step[2] * inverse[2, c]
        low[c] = int(np.ceil(-here - reach / widths[c]))
        high[c] = int(np.floor(-here + reach / widths[c]))
    for na in range(low[0], high[0] + 1):
        for nb in range(low[1], high[1] + 1):
            for nc in range(low[2], high[2] + 1):
                if na == 0 and nb == 0 and nc == 0:
                    continue
                square = 0.0
                for k in range(3):
                    far = step[k] + na * cell[0, k] + nb * cell[1, k] + nc * cell[2, k]
                    square += far * far
                place = np.sqrt(square) * scale + EDGE
                if place < counts.size:
                    counts[int(place)] += 1
