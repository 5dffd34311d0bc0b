"""Planes of a crystal: a cell with two vectors in the plane and one that leads to the next plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AXES = "abc"
STEEPEST = 5  # the largest Miller index: steeper planes need cells that nobody can simulate


def cell_of_plane(orientation: str | Sequence[int], cell: Floats) -> tuple[Ints, int]:
    """Vectors of a cell, as whole numbers of the crystal's, and which of them leads out of the plane.

    ``"c"`` is the plane of a and b, with the crystal's own vectors. The plane (h, k, l) gets the shortest vectors in
    it, and the shortest one to the next plane as the third.
    """
    if isinstance(orientation, str):
        if orientation not in AXES or len(orientation) != 1:
            raise Refusal(f"orientation={orientation!r}", "", 'Give "a", "b", "c" or a plane, (1, 1, 0)')
        return np.eye(3, dtype=np.int64), AXES.index(orientation)
    plane = tuple(orientation)
    if len(plane) != 3 or any(int(n) != n or abs(n) > STEEPEST for n in plane) or not any(plane):
        raise Refusal(
            f"orientation={orientation!r}", f"Miller indices are three whole numbers up to {STEEPEST}", "Give (1, 1, 0)"
        )
    whole = np.array(plane, np.int64)
    whole //= math.gcd(*whole.tolist())
    reach = range(-int(np.abs(whole).max()) - 1, int(np.abs(whole).max()) + 2)
    steps = np.array([step for step in product(reach, repeat=3) if any(step)], np.int64)
    steps = steps[np.argsort(np.linalg.norm(steps @ cell, axis=1), kind="stable")]
    inside, out = steps[steps @ whole == 0], steps[steps @ whole == 1]
    first = inside[0]
    # two vectors span the plane's lattice where their cross product is the plane itself, not a multiple of it
    second = next(v for v in inside if np.array_equal(np.cross(first, v), whole))
    return np.stack([first, second, out[0]]), 2
