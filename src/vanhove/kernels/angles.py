"""Histograms of the angles between the bonds of an atom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

EDGE = 1e-9  # of a bin: an angle on an edge but for rounding belongs to the bin above


@kernel
def angle_counts(
    frame: Ints, centre: Ints, vectors: Floats, first: Bools, last: Bools, frames: int, bins: int
) -> tuple[Ints, Floats]:
    """Angles between a bond marked ``first`` and another one marked ``last`` of the same centre in the same frame.

    Bonds are sorted by frame and centre. Gives the counts, (frame, bin), with bins that divide 0…π evenly, and the sums
    of the angles and of their squares in radians, (frame, 2). A pair of bonds that are both marked as both counts
    twice.
    """
    counts = np.zeros((frames, bins), np.int64)
    sums = np.zeros((frames, 2))
    begin = 0
    while begin < frame.size:
        end = begin + 1
        while end < frame.size and frame[end] == frame[begin] and centre[end] == centre[begin]:
            end += 1
        for p in range(begin, end):
            ax, ay, az = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            for q in range(p + 1, end):
                times = int(first[p] and last[q]) + int(first[q] and last[p])
                if times == 0:
                    continue
                bx, by, bz = vectors[q, 0], vectors[q, 1], vectors[q, 2]
                # the tangent knows angles near 0 and π to the last digit, where the cosine loses half of them
                cx, cy, cz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
                angle = np.arctan2(np.sqrt(cx * cx + cy * cy + cz * cz), ax * bx + ay * by + az * bz)
                counts[frame[begin], min(bins - 1, int(angle / np.pi * bins + EDGE))] += times
                sums[frame[begin], 0] += times * angle
                sums[frame[begin], 1] += times * angle * angle
        begin = end
    return counts, sums
