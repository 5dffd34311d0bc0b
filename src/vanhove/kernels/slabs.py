"""Atoms smeared to Gaussians in slabs of the cell, each slab projected onto a grid in its plane.

Along the axis the projection is exact: an atom's share of a slab is an integral of its Gaussian, so only the two
directions in the plane have a grid. An atom's Gaussian in the plane is laid down once for all slabs that it is in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

REACH = 4.8  # standard deviations, where a Gaussian has fallen to 1e-5 of its height


@kernel
def _share(away: float, slab: float, sigma: float) -> float:
    """How much of a Gaussian lies in a slab whose middle is ``away`` from it."""
    scale = 1.0 / (math.sqrt(2.0) * sigma)
    return 0.5 * (math.erf((away + 0.5 * slab) * scale) - math.erf((away - 0.5 * slab) * scale))


@kernel
def smeared_slabs(
    places: Floats, planes: Floats, heights: Floats, slab: float, sigma: float, slabs: int, first: int, grid: Floats,
    squares: Floats,
) -> None:  # fmt: skip
    """Add the projected Gaussians of atoms to ``grid`` (slab, u, v), for slabs from ``first`` on.

    Slabs of all frames are counted through: slab ``s`` is number ``s % slabs`` of frame ``s // slabs``.

    Parameters
    ----------
    places
        (frame, atom, 3) fractional coordinates along u, v and the axis.
    planes
        (frame, 2, 3) the vectors u and v.
    heights
        (frame,) of the cell across the axis; the middle of slab k is at (k + 1/2)/slabs of it.
    slab, sigma
        Width of a slab and standard deviation of the Gaussian.
    grid
        Its points are at i/n of u and j/n of v, periodic.
    squares
        (slab,) gets the sum over the atoms of the squares of their shares.
    """
    last = first + grid.shape[0]
    nu, nv = grid.shape[1], grid.shape[2]
    half = 0.5 / sigma**2
    for f in range(first // slabs, (last - 1) // slabs + 1):
        low, high = max(first, f * slabs), min(last, (f + 1) * slabs)
        u, v, height = planes[f, 0], planes[f, 1], heights[f]
        uu = u[0] * u[0] + u[1] * u[1] + u[2] * u[2]
        vv = v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
        uv = u[0] * v[0] + u[1] * v[1] + u[2] * v[2]
        area = math.sqrt(uu * vv - uv * uv)
        wide_u = int(REACH * sigma * math.sqrt(vv) / area * nu) + 1
        wide_v = int(REACH * sigma * math.sqrt(uu) / area * nv) + 1
        patch = np.empty((2 * wide_u + 1, 2 * wide_v + 1))
        columns = np.empty(2 * wide_v + 1, np.int64)
        images = int(np.ceil((0.5 * slab + REACH * sigma) / height))
        for a in range(places.shape[1]):
            laid = False
            iu, iv = int(places[f, a, 0] * nu), int(places[f, a, 1] * nv)
            for s in range(low, high):
                away = ((s - f * slabs + 0.5) / slabs - places[f, a, 2]) * height
                share = 0.0
                for n in range(-images, images + 1):
                    if abs(away + n * height) < 0.5 * slab + REACH * sigma:
                        share += _share(away + n * height, slab, sigma)
                if share == 0.0:
                    continue
                squares[s - first] += share * share
                if not laid:
                    laid = True
                    for j in range(2 * wide_v + 1):
                        columns[j] = (iv - wide_v + j) % nv
                    for i in range(2 * wide_u + 1):
                        x = (iu - wide_u + i) / nu - places[f, a, 0]
                        for j in range(2 * wide_v + 1):
                            y = (iv - wide_v + j) / nv - places[f, a, 1]
                            patch[i, j] = math.exp(-half * (x * x * uu + 2.0 * x * y * uv + y * y * vv))
                for i in range(2 * wide_u + 1):
                    row = grid[s - first, (iu - wide_u + i) % nu]
                    for j in range(2 * wide_v + 1):
                        row[columns[j]] += share * patch[i, j]
