"""Displacements that begin at some frames of some atoms only: sums over chosen lags, and the pieces of FFTs over all.

``inside`` (atom, frame) says which frames are origins of which atoms of a tile, whose rows are those of
:mod:`vanhove.kernels.correlate`: (3 · atom + axis, time). With m = 1 where a frame is an origin and 0 elsewhere, every
sum over origins is a sum over products of something of the origin, times m, and something of the later frame: what is
transformed are therefore two sets of fields, and corr(u, v)(k) = Σ_t u(t) v(t + k) is the inverse of U* V.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .fourth_power import moments_of_pairs
from .intervals import overlap, pairs_apart, squared_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]
    Ints = NDArray[np.int64]


@kernel
def pairs_from(inside: Bools, first: Ints, second: Ints, begins: Ints, ends: Ints) -> int:
    """The pairs of frames whose earlier one is an origin, into ``begins``, ``ends``: how many."""
    found = 0
    for p in range(first.size):
        if inside[first[p]]:
            begins[found], ends[found] = first[p], second[p]
            found += 1
    return found


@kernel
def shared(times: Floats, begins: Ints, lag: float, work: Floats) -> float:
    """By how much displacements over ``lag`` from these origins share their time: their number, where they share none.

    See :func:`vanhove.kernels.intervals.overlap`; ``work`` is as long as there are frames.
    """
    if lag <= 0.0:
        return float(begins.size)
    for p in range(begins.size):
        work[p] = times[begins[p]]
    return overlap(work[: begins.size], lag)


@kernel
def add_squared_origins(
    rows: Floats, inside: Bools, times: Floats, lags: Floats, tolerance: float, groups: Ints, place: Ints,
    sums: Floats, counts: Ints, table: Floats, table_counts: Ints, overlaps: Floats,
) -> None:  # fmt: skip
    """Add the squared displacements from all origins to ``sums`` (axis, group, lag), their number to ``counts``.

    The pairs of frames of every lag are cut into as many equal, consecutive parts as ``table`` (axis, part, group, few
    lags) and ``table_counts`` have; ``place`` says where in it each lag stands (-1: nowhere). ``overlaps`` (lag) is
    what :func:`shared` says, added over the atoms.
    """
    parts = table.shape[1]
    frames = times.size
    first, second = np.empty(frames, np.int64), np.empty(frames, np.int64)
    begins, ends, work = np.empty(frames, np.int64), np.empty(frames, np.int64), np.empty(frames)
    for k in range(lags.size):
        pairs = pairs_apart(times, frames, lags[k], tolerance, first, second)
        for atom in range(groups.size):
            group, last = groups[atom], 0
            for part in range(parts):
                start, stop = part * pairs // parts, (part + 1) * pairs // parts
                here = last
                last += pairs_from(inside[atom], first[start:stop], second[start:stop], begins[here:], ends[here:])
                for axis in range(3):
                    total = squared_pairs(rows[3 * atom + axis], begins[here:last], ends[here:last])
                    sums[axis, group, k] += total
                    if place[k] >= 0:
                        table[axis, part, group, place[k]] += total
                if place[k] >= 0:
                    table_counts[part, group, place[k]] += last - here
            counts[group, k] += last
            overlaps[k] += shared(times, begins[:last], lags[k], work)


@kernel
def add_moments_of_origins(
    rows: Floats, inside: Bools, times: Floats, lags: Floats, tolerance: float, groups: Ints,
    sums: Floats, counts: Ints, overlaps: Floats,
) -> None:  # fmt: skip
    """Add r² and r⁴ of the displacements from all origins to ``sums`` (2, group, lag); the rest as above."""
    frames = times.size
    first, second = np.empty(frames, np.int64), np.empty(frames, np.int64)
    begins, ends, work = np.empty(frames, np.int64), np.empty(frames, np.int64), np.empty(frames)
    for k in range(lags.size):
        pairs = pairs_apart(times, frames, lags[k], tolerance, first, second)
        for atom in range(groups.size):
            n = pairs_from(inside[atom], first[:pairs], second[:pairs], begins, ends)
            total = moments_of_pairs(rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2], begins[:n], ends[:n])
            sums[0, groups[atom], k] += total[0]
            sums[1, groups[atom], k] += total[1]
            counts[groups[atom], k] += n
            overlaps[k] += shared(times, begins[:n], lags[k], work)


@kernel
def fill_squares(rows: Floats, inside: Bools, frames: int, early: Floats, late: Floats, squares: Floats) -> None:
    """Write m and m x_i into ``early`` (atom, 4, time), x_i and x_i² into ``late`` (atom, 6, time); add up m x_i².

    ``squares`` is (axis, time). What lies past the last frame is left alone.
    """
    for atom in range(early.shape[0]):
        for t in range(frames):
            early[atom, 0, t] = 1.0 if inside[atom, t] else 0.0
        for axis in range(3):
            row = rows[3 * atom + axis, :frames]
            for t in range(frames):
                square = row[t] * row[t]
                early[atom, 1 + axis, t] = early[atom, 0, t] * row[t]
                late[atom, axis, t] = row[t]
                late[atom, 3 + axis, t] = square
                squares[axis, t] += early[atom, 0, t] * square


@kernel
def add_square_spectra(early: Complexes, late: Complexes, spectra: Complexes) -> None:
    """Add to ``spectra`` (axis, frequency) that of Σ m(t) [x(t + k)² - 2 x(t) x(t + k)], of every atom."""
    for atom in range(early.shape[0]):
        for axis in range(3):
            _add_product(early[atom, 0], late[atom, 3 + axis], 1.0, spectra[axis])
            _add_product(early[atom, 1 + axis], late[atom, axis], -2.0, spectra[axis])


@kernel
def fill_moments(
    rows: Floats, inside: Bools, axes: Ints, frames: int, early: Floats, late: Floats, ends: Floats
) -> None:
    """Write what is transformed of each atom, with d ``axes``, into ``early`` and ``late`` (atom, field, time).

    The fields are x_i, x_i x_j (i ≤ j), r² x_i, and of the origins m, of the later frames r⁴; those of the origins are
    multiplied by m. ``ends`` (2, time) gets the sums of m r² and m r⁴, and its third row that of r⁴ of all frames.
    """
    d = axes.size
    last = early.shape[1] - 1
    for atom in range(early.shape[0]):
        for t in range(frames):
            m = 1.0 if inside[atom, t] else 0.0
            square = 0.0
            place = d
            for i in range(d):
                x = rows[3 * atom + axes[i], t]
                square += x * x
                late[atom, i, t] = x
                for j in range(i, d):
                    late[atom, place, t] = x * rows[3 * atom + axes[j], t]
                    place += 1
            for i in range(d):
                late[atom, place + i, t] = square * late[atom, i, t]
            late[atom, last, t] = square * square
            for field in range(last):
                early[atom, field, t] = m * late[atom, field, t]
            early[atom, last, t] = m
            ends[0, t] += m * square
            ends[1, t] += m * square * square
            ends[2, t] += square * square


@kernel
def add_moment_spectra(early: Complexes, late: Complexes, d: int, second: Complexes, fourth: Complexes) -> None:
    """Add to ``second`` and ``fourth`` the spectra whose inverses are the sums of products over lags.

    With a = x(t), an origin, and b = x(t + k),

        |a - b|² = |a|² + [|b|² - 2 a·b]
        |a - b|⁴ = |a|⁴ + [|b|⁴ + 2 |a|² |b|² + 4 (a·b)² - 4 |a|² a·b - 4 a·b |b|²] ,

    whose brackets are what is summed here.
    """
    n = second.size
    last = early.shape[1] - 1
    before, after = np.empty(n, np.complex128), np.empty(n, np.complex128)
    for atom in range(early.shape[0]):
        before[:] = 0.0
        after[:] = 0.0
        place = d
        for i in range(d):
            for j in range(i, d):
                _add_product(early[atom, place], late[atom, place], 4.0 if i == j else 8.0, fourth)
                if i == j:
                    before += early[atom, place]
                    after += late[atom, place]
                place += 1
        _add_product(early[atom, last], after, 1.0, second)
        _add_product(early[atom, last], late[atom, last], 1.0, fourth)
        _add_product(before, after, 2.0, fourth)
        for i in range(d):
            _add_product(early[atom, i], late[atom, i], -2.0, second)
            _add_product(early[atom, place + i], late[atom, i], -4.0, fourth)
            _add_product(early[atom, i], late[atom, place + i], -4.0, fourth)


@kernel
def _add_product(early: Complexes, late: Complexes, weight: float, out: Complexes) -> None:
    for w in range(out.size):
        a, b = early[w], late[w]
        real = a.real * b.real + a.imag * b.imag
        out[w] += weight * complex(real, a.real * b.imag - a.imag * b.real)
