"""Histograms of the lengths of displacements, of every ion over many lags and origins.

Bin numbers of a stretch of time go to a buffer in one loop, which vectorises, and are counted in a second, which can't.
At short lags nearly all displacements fall into one bin, and each count would wait for the one before: four histograms
take turns. What lies beyond the last bin is counted in one bin more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .intervals import pairs_apart
from .origins import pairs_from, shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bins = NDArray[np.int32]
    Counts = NDArray[np.uint32]

TURNS = 4
EDGE = 1e-9  # of a bin: a length on an edge but for rounding belongs to the bin above


@kernel
def count_steps(
    rows: Floats, lags: Ints, origins: Ints, groups: Ints, scale: float, counts: Ints, squares: Floats
) -> None:
    """Count the displacements over ``lags`` (frames) into ``counts`` (group, lag, bin), the last bin for all beyond.

    ``rows`` are (3 · atom + axis, time), of which the first ``origins`` frames of every lag are the origins. ``scale``
    is the inverse width of a bin. ``squares`` (group, lag) gets the sums of the squared lengths.
    """
    bins = np.empty(rows.shape[1], np.int32)
    turns = np.zeros((TURNS, counts.shape[2]), np.uint32)
    last = counts.shape[2] - 1
    for atom in range(groups.size):
        x, y, z = rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2]
        for k in range(lags.size):
            m, n = lags[k], origins[k]
            squares[groups[atom], k] += bins_of_steps(
                x[m : m + n], y[m : m + n], z[m : m + n], x[:n], y[:n], z[:n], scale, EDGE, last, bins[:n]
            )
            tally(bins[:n], turns)
            _empty(turns, counts[groups[atom], k])


@kernel
def count_pairs(
    rows: Floats, times: Floats, origins: int, stride: int, lags: Floats, tolerance: float, groups: Ints, scale: float,
    counts: Ints, squares: Floats,
) -> None:  # fmt: skip
    """The same between all frames that are a lag (ps) apart, whose earlier one is a multiple of ``stride``."""
    first, second = np.empty(times.size, np.int64), np.empty(times.size, np.int64)
    bins = np.empty(times.size, np.int32)
    turns = np.zeros((TURNS, counts.shape[2]), np.uint32)
    last = counts.shape[2] - 1
    for k in range(lags.size):
        n = 0
        for p in range(pairs_apart(times, origins, lags[k], tolerance, first, second)):
            if first[p] % stride == 0:
                first[n], second[n] = first[p], second[p]
                n += 1
        for atom in range(groups.size):
            squares[groups[atom], k] += bins_of_pairs(
                rows[3 * atom],
                rows[3 * atom + 1],
                rows[3 * atom + 2],
                first[:n],
                second[:n],
                scale,
                EDGE,
                last,
                bins[:n],
            )
            tally(bins[:n], turns)
            _empty(turns, counts[groups[atom], k])


@kernel
def count_origins(
    rows: Floats, inside: Bools, times: Floats, stride: int, lags: Floats, tolerance: float, groups: Ints, scale: float,
    counts: Ints, squares: Floats, found: Ints, overlaps: Floats,
) -> None:  # fmt: skip
    """The same of displacements whose earlier frame is an origin of the atom: ``inside`` (atom, frame).

    ``found`` (group, lag) gets their number, ``overlaps`` (lag) what :func:`vanhove.kernels.origins.shared` says.
    """
    frames = times.size
    first, second = np.empty(frames, np.int64), np.empty(frames, np.int64)
    begins, ends, work = np.empty(frames, np.int64), np.empty(frames, np.int64), np.empty(frames)
    bins = np.empty(frames, np.int32)
    turns = np.zeros((TURNS, counts.shape[2]), np.uint32)
    last = counts.shape[2] - 1
    for k in range(lags.size):
        pairs = 0
        for p in range(pairs_apart(times, frames, lags[k], tolerance, first, second)):
            if first[p] % stride == 0:
                first[pairs], second[pairs] = first[p], second[p]
                pairs += 1
        for atom in range(groups.size):
            n = pairs_from(inside[atom], first[:pairs], second[:pairs], begins, ends)
            squares[groups[atom], k] += bins_of_pairs(
                rows[3 * atom],
                rows[3 * atom + 1],
                rows[3 * atom + 2],
                begins[:n],
                ends[:n],
                scale,
                EDGE,
                last,
                bins[:n],
            )
            tally(bins[:n], turns)
            _empty(turns, counts[groups[atom], k])
            found[groups[atom], k] += n
            overlaps[k] += shared(times, begins[:n], lags[k], work)


@kernel
def bins_of_steps(
    x: Floats, y: Floats, z: Floats, x0: Floats, y0: Floats, z0: Floats, scale: float, add: float, last: int, bins: Bins
) -> float:
    """Bins of the distances gone, at most ``last``: length · ``scale`` + ``add`` cut to a whole; Σ of their squares."""
    total, most = 0.0, float(last)
    for t in range(bins.size):
        a, b, c = x[t] - x0[t], y[t] - y0[t], z[t] - z0[t]
        square = a * a + b * b + c * c
        total += square
        bins[t] = np.int32(min(most, np.sqrt(square) * scale + add))
    return total


@kernel
def bins_of_pairs(
    x: Floats, y: Floats, z: Floats, first: Ints, second: Ints, scale: float, add: float, last: int, bins: Bins
) -> float:
    """The same for pairs of frames."""
    total, most = 0.0, float(last)
    for p in range(bins.size):
        i, j = first[p], second[p]
        a, b, c = x[j] - x[i], y[j] - y[i], z[j] - z[i]
        square = a * a + b * b + c * c
        total += square
        bins[p] = np.int32(min(most, np.sqrt(square) * scale + add))
    return total


@kernel
def tally(bins: Bins, turns: Counts) -> None:
    """Count the bins into histograms that take turns."""
    whole = bins.size // TURNS * TURNS
    for t in range(0, whole, TURNS):
        turns[0, bins[t]] += np.uint32(1)
        turns[1, bins[t + 1]] += np.uint32(1)
        turns[2, bins[t + 2]] += np.uint32(1)
        turns[3, bins[t + 3]] += np.uint32(1)
    for t in range(whole, bins.size):
        turns[0, bins[t]] += np.uint32(1)


@kernel
def _empty(turns: Counts, counts: Ints) -> None:
    """Move what was counted in turns to where it belongs."""
    for turn in range(TURNS):
        for k in range(counts.size):
            counts[k] += turns[turn, k]
    turns[:] = 0
