"""Lists of neighbours: every pair of atoms, and of their periodic images, within a distance, in any cell.

The atoms that may be neighbours are laid out once with all their images that lie within the distance of the cell, and
sorted into boxes. A centre then looks at plain coordinates: no image is sought in the inner loop, and cells smaller
than the distance need no path of their own. Boxes next to each other along the last axis lie next to each other in
memory, so that a centre reads a few runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .lattice import inverse_into, reduce_cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

EDGE = 1e-9  # a distance that is the cut-off but for rounding is within it
BOXES_PER_ATOM = 4  # more are empty ones


@kernel
def _longer(pairs: Ints, vectors: Floats) -> tuple[Ints, Floats]:
    """Twice the room for a list; element by element, since copying a slice takes seconds to compile."""
    rows = pairs.shape[0]
    more, further = np.empty((2 * rows, 3), np.int64), np.empty((2 * rows, 3))
    for k in range(rows):
        for c in range(3):
            more[k, c] = pairs[k, c]
            further[k, c] = vectors[k, c]
    return more, further


@kernel
def _wrap(positions: Floats, atoms: Ints, inverse: Floats, fractions: Floats) -> None:
    """Fractional coordinates from 0 to 1 of some atoms."""
    for k in range(atoms.size):
        x, y, z = positions[atoms[k], 0], positions[atoms[k], 1], positions[atoms[k], 2]
        for c in range(3):
            place = x * inverse[0, c] + y * inverse[1, c] + z * inverse[2, c]
            place -= np.floor(place)
            fractions[k, c] = place if place < 1.0 else 0.0  # 1 - 1e-17 is 1


@kernel
def _lay_out(fractions: Floats, margins: Floats, cell: Floats, boxes: Ints, padding: Ints) -> tuple[Floats, Ints, Ints]:
    """All images of atoms within ``margins`` of the cell, sorted into boxes.

    Gives their coordinates (axis, image), which atom each is of and whether it is the atom itself, (image, 2), and
    where each box starts.
    """
    wide0, wide1, wide2 = boxes[0] + 2 * padding[0], boxes[1] + 2 * padding[1], boxes[2] + 2 * padding[2]
    starts = np.zeros(wide0 * wide1 * wide2 + 1, np.int64)
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    places = np.empty((3, 1))
    owners = np.empty((1, 2), np.int64)
    # the first round counts what each box holds, the second one fills them
    for fill in range(2):
        for k in range(fractions.shape[0]):
            for c in range(3):
                low[c] = int(np.ceil(-margins[c] - fractions[k, c]))
                high[c] = int(np.floor(1.0 + margins[c] - fractions[k, c]))
            for p in range(low[0], high[0] + 1):
                u = fractions[k, 0] + p
                a = min(max(int(np.floor(u * boxes[0])) + padding[0], 0), wide0 - 1)
                for q in range(low[1], high[1] + 1):
                    v = fractions[k, 1] + q
                    b = min(max(int(np.floor(v * boxes[1])) + padding[1], 0), wide1 - 1)
                    for r in range(low[2], high[2] + 1):
                        w = fractions[k, 2] + r
                        c = min(max(int(np.floor(w * boxes[2])) + padding[2], 0), wide2 - 1)
                        box = (a * wide1 + b) * wide2 + c
                        if fill == 0:
                            starts[box + 1] += 1
                            continue
                        here = starts[box]
                        starts[box] += 1
                        for x in range(3):
                            places[x, here] = u * cell[0, x] + v * cell[1, x] + w * cell[2, x]
                        owners[here, 0] = k
                        owners[here, 1] = p == 0 and q == 0 and r == 0
        if fill == 0:
            for box in range(starts.size - 1):
                starts[box + 1] += starts[box]
            places = np.empty((3, starts[-1]))
            owners = np.empty((starts[-1], 2), np.int64)
    for box in range(starts.size - 1, 0, -1):  # filling has moved every start to the next one's
        starts[box] = starts[box - 1]
    starts[0] = 0
    return places, owners, starts


@kernel
def neighbour_pairs(
    positions: Floats, cells: Floats, centres: Ints, others: Ints, cutoff: float
) -> tuple[Ints, Floats]:
    """All pairs of a centre and an image of another atom that are not farther apart than ``cutoff``.

    Parameters
    ----------
    positions
        (frame, atom, axis), finite, wrapped or not.
    cells
        (frame, 3, 3) row vectors.
    centres, others
        Which atoms, as numbers; an atom may be in both: its own images are its neighbours, it itself isn't.

    Returns
    -------
    (pair, [frame, centre, neighbour]), sorted by frame and then as ``centres`` are, and the vectors from the centre to
    the neighbour's image, (pair, axis); both are parts of longer arrays.
    """
    pairs = np.empty((max(64, 8 * centres.size), 3), np.int64)
    vectors = np.empty((pairs.shape[0], 3))
    found = 0
    from_, to = np.empty((centres.size, 3)), np.empty((others.size, 3))
    cell, inverse = np.zeros((3, 3)), np.zeros((3, 3))
    widths, margins = np.ones(3), np.ones(3)
    boxes, padding, at = np.ones(3, np.int64), np.ones(3, np.int64), np.zeros(3, np.int64)
    here = np.zeros(3)
    square = (cutoff * (1.0 + EDGE)) ** 2
    for f in range(positions.shape[0]):
        cell = reduce_cell(cells[f])[0]
        inverse_into(cell, inverse)
        for c in range(3):
            widths[c] = 1.0 / np.sqrt(inverse[0, c] ** 2 + inverse[1, c] ** 2 + inverse[2, c] ** 2)
            boxes[c] = max(1, int(min(1e6, widths[c] / cutoff)))
        while boxes[0] * boxes[1] * boxes[2] > max(1, BOXES_PER_ATOM * others.size):
            widest = 0
            for c in range(3):
                if boxes[c] > boxes[widest]:
                    widest = c
            boxes[widest] = (boxes[widest] + 1) // 2
        for c in range(3):
            margins[c] = cutoff * (1.0 + 2 * EDGE) / widths[c]
            padding[c] = int(np.ceil(margins[c] * boxes[c]))
        _wrap(positions[f], centres, inverse, from_)
        _wrap(positions[f], others, inverse, to)
        places, owners, starts = _lay_out(to, margins, cell, boxes, padding)
        wide1, wide2 = boxes[1] + 2 * padding[1], boxes[2] + 2 * padding[2]
        for k in range(centres.size):
            for c in range(3):
                at[c] = int(from_[k, c] * boxes[c]) + padding[c]
                here[c] = from_[k, 0] * cell[0, c] + from_[k, 1] * cell[1, c] + from_[k, 2] * cell[2, c]
            for a in range(at[0] - padding[0], at[0] + padding[0] + 1):
                for b in range(at[1] - padding[1], at[1] + padding[1] + 1):
                    run = (a * wide1 + b) * wide2 + at[2]
                    for g in range(starts[run - padding[2]], starts[run + padding[2] + 1]):
                        x, y, z = places[0, g] - here[0], places[1, g] - here[1], places[2, g] - here[2]
                        if x * x + y * y + z * z > square:
                            continue
                        other = others[owners[g, 0]]
                        if owners[g, 1] == 1 and other == centres[k]:
                            continue
                        if found == pairs.shape[0]:
                            pairs, vectors = _longer(pairs, vectors)
                        pairs[found, 0], pairs[found, 1], pairs[found, 2] = f, centres[k], other
                        vectors[found, 0], vectors[found, 1], vectors[found, 2] = x, y, z
                        found += 1
    return pairs[:found], vectors[:found]


@kernel
def keep_nearest(starts: Ints, others: Ints, vectors: Floats, rows: Ints, chosen: Ints) -> None:
    """Which of the pairs of some rows are the shortest, shortest first, into ``chosen`` (row, rank).

    The pairs of row r are ``starts[r]`` to ``starts[r + 1]``, at least as many as there are ranks. Of the same distance
    the one with the lower number of ``others`` comes first.
    """
    number = chosen.shape[1]
    squares = np.empty(number)
    for n in range(rows.size):
        kept = 0
        for k in range(starts[rows[n]], starts[rows[n] + 1]):
            square = vectors[k, 0] ** 2 + vectors[k, 1] ** 2 + vectors[k, 2] ** 2
            place = kept
            while place > 0 and (
                square < squares[place - 1]
                or (square == squares[place - 1] and others[k] < others[chosen[n, place - 1]])
            ):
                if place < number:
                    squares[place], chosen[n, place] = squares[place - 1], chosen[n, place - 1]
                place -= 1
            if place < number:
                squares[place], chosen[n, place] = square, k
                kept = min(kept + 1, number)
