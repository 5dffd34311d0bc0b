"""Which place each atom is at, frame by frame, and the visits that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Small = NDArray[np.int32]
    Bools = NDArray[np.bool_]


@kernel
def nearest_places(
    frame: Ints, atom: Ints, place: Ints, vector: Floats, scale: Floats, first: int, which: Small, distance: Floats,
    second: Floats,
) -> None:  # fmt: skip
    """The nearest place of every atom, of a list of neighbours; places count from ``first`` in it.

    ``which`` (frame, atom), ``distance`` to it and to the nearest other place (``second``), each in units of the
    place's ``scale``; they come as -1 and infinite, and stay so where there is none.
    """
    for k in range(frame.size):
        f, a, p = frame[k], atom[k], place[k] - first
        d = np.sqrt(vector[k, 0] ** 2 + vector[k, 1] ** 2 + vector[k, 2] ** 2) / scale[p]
        if d < distance[f, a]:
            if which[f, a] != p:
                second[f, a] = distance[f, a]
            which[f, a], distance[f, a] = p, d
        elif which[f, a] != p and d < second[f, a]:
            second[f, a] = d


@kernel
def follow(
    which: Small, distance: Floats, enter: float, leave: float, first: int, block_of: Ints, current: Ints,
    inside: Bools, counts: Floats,
) -> Ints:  # fmt: skip
    """Entries of atoms into places: (entry, [atom, place, frame]), by frame.

    An atom belongs to the place that it last entered, by coming nearer than ``enter``, until it enters another.
    ``current`` and ``inside`` carry this from one call to the next. ``counts`` (block of frames, place) counts the
    atoms that have not been farther than ``leave``, or nearer to another place, since they entered; its last column
    those that are nowhere.
    """
    moves = np.empty((64, 3), np.int64)
    found = 0
    nowhere = counts.shape[1] - 1
    for f in range(which.shape[0]):
        row = counts[block_of[f]]
        for a in range(which.shape[1]):
            place = which[f, a]
            if place >= 0 and distance[f, a] < enter:
                if current[a] != place:
                    if found == moves.shape[0]:
                        more = np.empty((2 * found, 3), np.int64)
                        for k in range(found):
                            more[k, 0], more[k, 1], more[k, 2] = moves[k, 0], moves[k, 1], moves[k, 2]
                        moves = more
                    moves[found, 0], moves[found, 1], moves[found, 2] = a, place, first + f
                    found += 1
                    current[a] = place
                inside[a] = True
            elif inside[a] and (place != current[a] or distance[f, a] >= leave):
                inside[a] = False
            if inside[a]:
                row[current[a]] += 1
            else:
                row[nowhere] += 1
    return moves[:found]


@kernel
def tidy(entries: Ints, shortest: float, back: float, kept: Ints) -> tuple[int, int, int]:
    """Visits without those that don't count: entries (sorted by atom and frame) → ``kept``.

    A visit shorter than ``shortest`` frames is taken out: the atom was at the place before until it came to the next
    one. So is a visit of up to ``back`` frames from which the atom came back to where it was. An atom's first visit,
    whose beginning was not seen, and its last one, which has not ended, stay. Gives how many visits are kept, how many
    were too short, and how many were returns.
    """
    count, short, returns = 0, 0, 0
    for k in range(entries.shape[0]):
        atom, place, frame = entries[k, 0], entries[k, 1], entries[k, 2]
        if count > 1 and kept[count - 1, 0] == atom and kept[count - 2, 0] == atom:
            stayed = frame - kept[count - 1, 2]
            returned = kept[count - 2, 1] == place
            if stayed < shortest or (returned and stayed <= back):
                count -= 1
                if returned:
                    returns += 1
                else:
                    short += 1
        if count > 0 and kept[count - 1, 0] == atom and kept[count - 1, 1] == place:
            continue
        kept[count, 0], kept[count, 1], kept[count, 2] = atom, place, frame
        count += 1
    return count, short, returns
