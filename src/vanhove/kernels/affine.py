"""How far the surroundings of an atom move unlike any affine map of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .lattice import inverse_into

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST = 4  # neighbours: any three that are not in a plane fit a map exactly
FLAT = 1e-9  # of the third power of the mean square: neighbours in a plane, or in one but for rounding


@kernel
def nonaffine(starts: Ints, before: Floats, after: Floats, misfit: Floats, maps: Floats) -> None:
    """Mean squared misfit of each centre's neighbours to the affine map that fits them best.

    Parameters
    ----------
    starts
        The neighbours of centre c are ``starts[c]`` to ``starts[c + 1]``.
    before, after
        (neighbour, axis) vectors from the centre to its neighbours, and what has become of them.
    misfit
        (centre,) the least mean of |after - J before|² over all J; NaN where fewer than four neighbours, or neighbours
        in one plane, leave J open.
    maps
        (centre, 3, 3) the J of each, NaN alike; of no centre where it is empty.
    """
    squares, products = np.empty((3, 3)), np.empty((3, 3))
    inverse, best = np.empty((3, 3)), np.empty((3, 3))
    for c in range(starts.size - 1):
        n = starts[c + 1] - starts[c]
        misfit[c] = np.nan
        if maps.shape[0] > 0:
            maps[c] = np.nan
        if n < FEWEST:
            continue
        squares[:], products[:] = 0.0, 0.0
        for k in range(starts[c], starts[c + 1]):
            for x in range(3):
                for y in range(3):
                    squares[x, y] += before[k, x] * before[k, y]
                    products[x, y] += after[k, x] * before[k, y]
        mean = (squares[0, 0] + squares[1, 1] + squares[2, 2]) / 3.0
        volume = (
            squares[0, 0] * (squares[1, 1] * squares[2, 2] - squares[1, 2] * squares[2, 1])
            - squares[0, 1] * (squares[1, 0] * squares[2, 2] - squares[1, 2] * squares[2, 0])
            + squares[0, 2] * (squares[1, 0] * squares[2, 1] - squares[1, 1] * squares[2, 0])
        )
        if not volume > FLAT * mean**3:
            continue
        inverse_into(squares, inverse)
        for x in range(3):
            for y in range(3):
                best[x, y] = (
                    products[x, 0] * inverse[0, y] + products[x, 1] * inverse[1, y] + products[x, 2] * inverse[2, y]
                )
        total = 0.0
        for k in range(starts[c], starts[c + 1]):
            for x in range(3):
                away = after[k, x] - (best[x, 0] * before[k, 0] + best[x, 1] * before[k, 1] + best[x, 2] * before[k, 2])
                total += away * away
        misfit[c] = total / n
        if maps.shape[0] > 0:
            maps[c] = best


@kernel
def follow(pairs: Ints, vectors: Floats, positions: Floats, cells: Floats, after: Floats) -> None:
    """What has become of vectors between atoms one frame later, (pair, axis).

    The same image of the neighbour is followed: x_j + k h becomes x'_j + k' h', with lattice-unwrapped positions x and
    the whole numbers k that the vector implies. Where the same lattice got other basis vectors, k' is k in these.

    Parameters
    ----------
    pairs
        (pair, [frame, centre, neighbour]), sorted by frame.
    positions, cells
        (frame, atom, axis) and (frame, 3, 3), one frame more than the pairs have.
    """
    inverse, inverse_after, basis = np.empty((3, 3)), np.empty((3, 3)), np.zeros((3, 3))
    image, moved = np.zeros(3), np.zeros(3)
    now = -1
    for p in range(pairs.shape[0]):
        f, i, j = pairs[p, 0], pairs[p, 1], pairs[p, 2]
        if f != now:
            now = f
            inverse_into(cells[f], inverse)
            inverse_into(cells[f + 1], inverse_after)
            for x in range(3):
                for y in range(3):
                    basis[x, y] = round(
                        cells[f, x, 0] * inverse_after[0, y]
                        + cells[f, x, 1] * inverse_after[1, y]
                        + cells[f, x, 2] * inverse_after[2, y]
                    )
        for y in range(3):
            place = 0.0
            for x in range(3):
                place += (vectors[p, x] - positions[f, j, x] + positions[f, i, x]) * inverse[x, y]
            image[y] = round(place)
        for y in range(3):
            moved[y] = image[0] * basis[0, y] + image[1] * basis[1, y] + image[2] * basis[2, y]
        for x in range(3):
            after[p, x] = (
                positions[f + 1, j, x]
                - positions[f + 1, i, x]
                + moved[0] * cells[f + 1, 0, x]
                + moved[1] * cells[f + 1, 1, x]
                + moved[2] * cells[f + 1, 2, x]
            )
