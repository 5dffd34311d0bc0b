"""Volumes of Voronoi cells, also of the radical tessellation, from lists of neighbours.

A cell is what its planes leave. Each plane's face is a polygon in that plane, cut by all other planes on its own; no
face needs to know of another. So nothing can go wrong where more than three planes meet in a point, as they do in
crystals: a face may be missed or invented there only as a sliver of no area.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PARALLEL = 1e-20  # squared sine of the angle between planes that don't cut each other
SAME = 1e-12  # of the bound: two planes in one place
STEP = 20  # planes that join at once


@kernel
def _highest(s: Floats, t: Floats, n: int, a: float, b: float) -> Any:
    """The largest s a + t b of all corners."""
    highest = a * s[0] + b * t[0]
    for k in range(1, n):
        highest = max(highest, a * s[k] + b * t[k])
    return highest


@kernel
def _cut(s: Floats, t: Floats, n: int, a: float, b: float, c: float, new_s: Floats, new_t: Floats) -> int:
    """Keep of a convex polygon (``n`` corners s, t) what fulfils a s + b t ≤ c; gives the new number of corners."""
    kept = 0
    last = n - 1
    value = a * s[last] + b * t[last] - c
    for k in range(n):
        following = a * s[k] + b * t[k] - c
        if (value <= 0.0) != (following <= 0.0):
            part = value / (value - following)
            new_s[kept] = s[last] + part * (s[k] - s[last])
            new_t[kept] = t[last] + part * (t[k] - t[last])
            kept += 1
        if following <= 0.0:
            new_s[kept], new_t[kept] = s[k], t[k]
            kept += 1
        value, last = following, k
    return kept


@kernel
def _sort(height: Floats, order: Ints, n: int) -> None:
    """Numbers of the ``n`` heights, lowest first: Shell's sort, quick for a few dozen and bearable for thousands."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    for k in range(n):
        order[k] = k
    while gap > 0:
        for k in range(gap, n):
            moved = order[k]
            m = k
            while m >= gap and height[order[m - gap]] > height[moved]:
                order[m] = order[m - gap]
                m -= gap
            order[m] = moved
        gap //= 3


@kernel
def _face(
    p: int,
    planes: Ints,
    n: int,
    normal: Floats,
    height: Floats,
    bound: float,
    axes: Floats,
    polygon: Floats,
    spare: Floats,
) -> tuple[int, float]:
    """The face of plane number ``p`` of the first ``n`` of ``planes``, which are sorted by height.

    Its corners go to ``polygon`` (2, corner) along the two unit vectors ``axes`` in the plane. Gives how many there
    are, and how far the farthest is from the centre.
    """
    mine = planes[p]
    u, v, w = normal[mine, 0], normal[mine, 1], normal[mine, 2]
    h = height[mine]
    # the first of them lies across the axis that the normal is farthest from
    if abs(u) <= abs(v) and abs(u) <= abs(w):
        e0, e1, e2 = 0.0, -w, v
    elif abs(v) <= abs(w):
        e0, e1, e2 = w, 0.0, -u
    else:
        e0, e1, e2 = -v, u, 0.0
    length = math.sqrt(e0 * e0 + e1 * e1 + e2 * e2)
    e0, e1, e2 = e0 / length, e1 / length, e2 / length
    f0, f1, f2 = v * e2 - w * e1, w * e0 - u * e2, u * e1 - v * e0
    axes[0, 0], axes[0, 1], axes[0, 2] = e0, e1, e2
    axes[1, 0], axes[1, 1], axes[1, 2] = f0, f1, f2
    s, t, new_s, new_t = polygon[0], polygon[1], spare[0], spare[1]
    s[0], s[1], s[2], s[3] = -bound, bound, bound, -bound
    t[0], t[1], t[2], t[3] = -bound, -bound, bound, bound
    corners = 4
    reach = math.sqrt(h * h + 2.0 * bound * bound)
    for q in range(n):
        other = planes[q]
        if q == p:
            continue
        if height[other] > reach:  # so are all that follow
            break
        x, y, z = normal[other, 0], normal[other, 1], normal[other, 2]
        a, b = x * e0 + y * e1 + z * e2, x * f0 + y * f1 + z * f2
        along = x * u + y * v + z * w
        free = height[other] - h * along
        if a * a + b * b < PARALLEL:
            if free < -SAME * bound or (free <= SAME * bound and along > 0.0 and q < p):
                return 0, 0.0
            continue
        if _highest(s, t, corners, a, b) <= free:  # as for most planes
            continue
        corners = _cut(s, t, corners, a, b, free, new_s, new_t)
        if corners < 3:
            return 0, 0.0
        widest = 0.0
        for k in range(corners):
            s[k], t[k] = new_s[k], new_t[k]
            widest = max(widest, s[k] * s[k] + t[k] * t[k])
        reach = math.sqrt(h * h + widest)
    return corners, reach


@kernel
def cell_volumes(
    starts: Ints, vectors: Floats, lifts: Floats, bound: float, volumes: Floats, radii: Floats, todo: Ints
) -> None:
    """Volume of the cells of some centres, and the distance of their farthest corners.

    The nearest planes make a first cell. A plane that leaves all its corners alone touches none of the smaller ones
    that follow and is forgotten; some of the others join those that have a face, until none is left.

    Parameters
    ----------
    starts
        The neighbours of centre c are ``starts[c]`` to ``starts[c + 1]``.
    vectors
        (neighbour, axis), from the centre; none may be zero.
    lifts
        (neighbour,) squared radius of the centre minus that of the neighbour; zeros for the plain tessellation.
    bound
        No cell reaches farther than this from its centre once its own images are among the neighbours.
    volumes, radii
        (centre,) what is found. A radius that is too large for the neighbours' range says that more of them are needed.
    todo
        The centres to do.
    """
    most = 0
    for c in todo:
        most = max(most, starts[c + 1] - starts[c])
    normal, height = np.empty((most, 3)), np.empty(most)
    order, planes, kept = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    waiting, cuts = np.empty(most, np.int64), np.empty(most, np.bool_)
    polygon, spare, axes = np.empty((2, most + 8)), np.empty((2, most + 8)), np.empty((2, 3))
    for c in todo:
        n = starts[c + 1] - starts[c]
        for k in range(n):
            x, y, z = vectors[starts[c] + k, 0], vectors[starts[c] + k, 1], vectors[starts[c] + k, 2]
            length = math.sqrt(x * x + y * y + z * z)
            normal[k, 0], normal[k, 1], normal[k, 2] = x / length, y / length, z / length
            height[k] = 0.5 * (length + lifts[starts[c] + k] / length)
        _sort(height, order, n)
        faces, left = 0, n
        waiting[:n] = order[:n]
        cuts[:n] = True
        total, farthest = 0.0, 2.0 * bound
        while True:
            # some of the planes that cut the cell join those that have a face, in the order of their heights
            chosen, joined, after = 0, 0, 0
            for k in range(left):
                if not cuts[k]:
                    continue
                if joined == STEP:
                    waiting[after] = waiting[k]
                    after += 1
                    continue
                while chosen - joined < faces and height[kept[chosen - joined]] <= height[waiting[k]]:
                    planes[chosen] = kept[chosen - joined]
                    chosen += 1
                planes[chosen] = waiting[k]
                chosen, joined = chosen + 1, joined + 1
            left = after
            if joined == 0:
                break
            while chosen - joined < faces:
                planes[chosen] = kept[chosen - joined]
                chosen += 1
            total, farthest, faces = 0.0, 0.0, 0
            cuts[:left] = False
            for p in range(chosen):
                corners, reach = _face(p, planes, chosen, normal, height, bound, axes, polygon, spare)
                if corners < 3:
                    continue
                mine = planes[p]
                kept[faces] = mine
                faces += 1
                s, t, h = polygon[0], polygon[1], height[mine]
                area = 0.0
                for k in range(1, corners - 1):
                    area += (s[k] - s[0]) * (t[k + 1] - t[0]) - (s[k + 1] - s[0]) * (t[k] - t[0])
                total += h * area / 6.0
                farthest = max(farthest, reach)
                for k in range(left):
                    other = waiting[k]
                    if height[other] > reach:
                        break
                    if not cuts[k]:
                        x, y, z = normal[other, 0], normal[other, 1], normal[other, 2]
                        a = x * axes[0, 0] + y * axes[0, 1] + z * axes[0, 2]
                        b = x * axes[1, 0] + y * axes[1, 1] + z * axes[1, 2]
                        along = x * normal[mine, 0] + y * normal[mine, 1] + z * normal[mine, 2]
                        cuts[k] = h * along + _highest(s, t, corners, a, b) > height[other] + SAME * bound
            if farthest >= bound:  # still open on some side: its corners don't tell which planes cut it
                cuts[:left] = True
        volumes[c], radii[c] = total, farthest
