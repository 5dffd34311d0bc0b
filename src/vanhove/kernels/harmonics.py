"""Spherical harmonics of bonds, averaged over the bonds of each atom.

All are real and scaled so that the components of one degree l of a single bond have the length 1: cos and sin parts
of order m are Schmidt's semi-normalised functions, whose sum of products over m is the Legendre polynomial P_l of the
angle between two bonds. The functions of order m are (x + iy)^m times a polynomial in z, by the recurrence in l that
is stable for every bond, also along z. The innermost loops run over the bonds of one atom.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@kernel
def _next_degree(z: Floats, now: Floats, before: Floats, first: float, second: float, n: int) -> None:
    """``now`` of degree l and ``before`` of l - 1 become those of l + 1 and l."""
    for k in range(n):
        following = first * z[k] * now[k] - second * before[k]
        before[k] = now[k]
        now[k] = following


@kernel
def _next_order(x: Floats, y: Floats, real: Floats, imaginary: Floats, n: int) -> None:
    """(x + iy)^m becomes (x + iy)^(m + 1)."""
    for k in range(n):
        turned = real[k] * x[k] - imaginary[k] * y[k]
        imaginary[k] = real[k] * y[k] + imaginary[k] * x[k]
        real[k] = turned


@kernel
def _sum_of_products(a: Floats, b: Floats, n: int) -> float:
    total = 0.0
    for k in range(n):
        total += a[k] * b[k]
    return total


@kernel
def bond_order(starts: Ints, vectors: Floats, degrees: Ints, offsets: Ints, components: Floats) -> None:
    """Mean over each centre's bonds of all harmonics of the chosen degrees.

    Parameters
    ----------
    starts
        The bonds of centre c are ``starts[c]`` to ``starts[c + 1]``.
    vectors
        (bond, axis), of any length; one of no length makes its centre NaN.
    degrees
        The l that are wanted, rising.
    offsets
        Where the 2l + 1 components of each begin.
    components
        (centre, component): m = 0, then cos and sin parts by rising m. NaN for a centre without bonds.
    """
    centres, most = starts.size - 1, 1
    for c in range(centres):
        most = max(most, starts[c + 1] - starts[c])
    x, y, z = np.empty(most), np.empty(most), np.empty(most)
    real, imaginary = np.empty(most), np.empty(most)
    now, before = np.empty(most), np.empty(most)
    highest = degrees[-1]
    wanted = np.full(highest + 1, -1)
    for d in range(degrees.size):
        wanted[degrees[d]] = offsets[d]
    for c in range(centres):
        n = starts[c + 1] - starts[c]
        if n == 0:
            components[c, :] = np.nan
            continue
        for k in range(n):
            u, v, w = vectors[starts[c] + k, 0], vectors[starts[c] + k, 1], vectors[starts[c] + k, 2]
            square = u * u + v * v + w * w
            inverse = 1.0 / math.sqrt(square) if square > 0.0 else np.nan
            x[k], y[k], z[k] = u * inverse, v * inverse, w * inverse
            real[k], imaginary[k] = 1.0, 0.0
        diagonal = 1.0
        for m in range(highest + 1):
            if m > 1:
                diagonal *= math.sqrt((2.0 * m - 1.0) / (2.0 * m))
            for k in range(n):
                now[k], before[k] = diagonal, 0.0
            for degree in range(m, highest + 1):
                place = wanted[degree]
                if place >= 0:
                    if m == 0:
                        components[c, place] = _sum_of_products(now, real, n) / n
                    else:
                        components[c, place + 2 * m - 1] = _sum_of_products(now, real, n) / n
                        components[c, place + 2 * m] = _sum_of_products(now, imaginary, n) / n
                root = math.sqrt((degree + 1.0) ** 2 - m * m)
                _next_degree(z, now, before, (2.0 * degree + 1.0) / root, math.sqrt(1.0 * degree**2 - m * m) / root, n)
            _next_order(x, y, real, imaginary, n)


@kernel
def averaged(rows: Ints, starts: Ints, partners: Ints, components: Floats, means: Floats) -> None:
    """The components of some centres, averaged over themselves and their neighbours that have any.

    ``rows`` are the centres, ``partners`` the row of every bond's neighbour in ``components``; NaN for a centre that
    has no components itself.
    """
    for c in range(rows.size):
        mine = rows[c]
        means[c, :] = components[mine]
        counted = 1
        for k in range(starts[mine], starts[mine + 1]):
            row = partners[k]
            if not math.isnan(components[row, 0]):
                counted += 1
                for i in range(components.shape[1]):
                    means[c, i] += components[row, i]
        for i in range(components.shape[1]):
            means[c, i] /= counted
