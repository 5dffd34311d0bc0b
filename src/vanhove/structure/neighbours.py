"""Neighbours of atoms in periodic cells: all within a distance, or the nearest few.

Every periodic image counts, whatever the cell's shape and however small it is, an atom's own images too. Distances are
float64 and are those of the coordinates as they stand; a library that works in float32 puts atoms near the cut-off to
either side of it, and finding the pairs here takes a quarter of its time or less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.budget import memory_budget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Atoms = NDArray[np.integer] | NDArray[np.bool_]

EDGE = 1e-9  # a distance that is the cut-off but for rounding is within it, as in the lists
PAIR_BYTES = 4 * 48  # of one pair: its numbers and its vector, in a list that has just been doubled and copied


class Neighbours(NamedTuple):
    """Pairs of a centre ``i`` and a neighbour ``j``, sorted as the centres were given.

    ``vector`` (pair, axis) leads from i to the image of j that is meant (Å).
    """

    i: Ints
    j: Ints
    vector: Floats

    @property
    def distance(self) -> Floats:
        """Length of every vector (Å)."""
        lengths: Floats = np.sqrt(np.einsum("px,px->p", self.vector, self.vector))
        return lengths


class NeighboursInFrames(NamedTuple):
    """As :class:`Neighbours`, of several frames: ``frame`` counts from 0 in the block, pairs are sorted by it first."""

    frame: Ints
    i: Ints
    j: Ints
    vector: Floats


def neighbours_within(positions: Floats, cell: Floats, centres: Atoms, others: Atoms, cutoff: float) -> Neighbours:
    """All ``others`` within ``cutoff`` of the ``centres`` in one frame, at each image that is.

    Parameters
    ----------
    positions
        (atom, axis) in Å, wrapped or not.
    cell
        Row vectors in Å, of any shape and handedness.
    centres, others
        Numbers of atoms, or a mask of them; ``i`` and ``j`` of the result are such numbers. An atom that is in both is
        no neighbour of itself, its images are.
    cutoff
        Å; an atom at just this distance counts.
    """
    frames = neighbours_in_frames(np.asarray(positions)[None], np.asarray(cell)[None], centres, others, cutoff)
    return Neighbours(*frames[1:])


def neighbours_in_frames(
    positions: Floats, cells: Floats, centres: Atoms, others: Atoms, cutoff: float
) -> NeighboursInFrames:
    """:func:`neighbours_within` for a block of frames: ``positions`` (frame, atom, axis), ``cells`` (frame, 3, 3)."""
    from vanhove.kernels.neighbours import neighbour_pairs

    if not (np.isfinite(cutoff) and cutoff > 0):
        raise Refusal(f"A neighbour can't be sought within {cutoff} Å", "", "Give a positive distance")
    first, second = _numbers(centres), _numbers(others)
    cells = np.ascontiguousarray(cells, np.float64)
    expected = len(first) * len(second) * float(np.sum(ball(cutoff) / np.abs(np.linalg.det(cells))))
    if expected * PAIR_BYTES > memory_budget():
        raise Refusal(
            f"About {expected:.2g} neighbours lie within {cutoff:g} Å", "their list does not fit the memory budget",
            "Give a smaller distance, fewer atoms or frames, or raise VANHOVE_MEMORY",
        )  # fmt: skip
    pairs, vectors = neighbour_pairs(np.ascontiguousarray(positions, np.float64), cells, first, second, float(cutoff))
    frame, i, j = np.ascontiguousarray(pairs.T)  # copies, so that the room to spare in the lists is given back
    return NeighboursInFrames(frame, i, j, vectors.copy())


def nearest(positions: Floats, cell: Floats, centres: Atoms, others: Atoms, number: int) -> Neighbours:
    """The ``number`` nearest of the ``others`` for each of the ``centres``, nearest first; arguments as above.

    Of neighbours at the same distance those with the lower number come first, but for rounding: where a shell is cut
    through, as in a perfect crystal, which of its atoms are in is a matter of the last digit.
    """
    frames = nearest_in_frames(np.asarray(positions)[None], np.asarray(cell)[None], centres, others, number)
    return Neighbours(*frames[1:])


def nearest_in_frames(
    positions: Floats, cells: Floats, centres: Atoms, others: Atoms, number: int
) -> NeighboursInFrames:
    """:func:`nearest` for a block of frames: ``positions`` (frame, atom, axis), ``cells`` (frame, 3, 3)."""
    from vanhove.kernels.neighbours import keep_nearest

    first, second = _numbers(centres), _numbers(others)
    if number < 1:
        raise Refusal(f"number={number}", "", "Ask for one neighbour or more")
    if len(second) == 0:
        raise Refusal("There is no atom that could be a neighbour", "", "Choose other species")
    frames = len(positions)
    j, vector = np.empty((frames, len(first), number), np.int64), np.empty((frames, len(first), number, 3))
    missing = np.ones((frames, len(first)), bool)
    place = np.zeros(positions.shape[1], np.int64)
    volume = float(np.abs(np.linalg.det(cells)).max())
    reach = (1.6 * (number + 1) * volume / len(second) / ball(1.0)) ** (1 / 3)
    while missing.any():
        some = np.flatnonzero(missing.any(axis=0))
        pairs = neighbours_in_frames(positions, cells, first[some], second, reach)
        place[first[some]] = np.arange(len(some))
        counts = np.bincount(pairs.frame * len(some) + place[pairs.i], minlength=frames * len(some))
        rows = np.flatnonzero((counts >= number) & missing[:, some].ravel())
        chosen = np.empty((len(rows), number), np.int64)
        keep_nearest(np.concatenate([[0], np.cumsum(counts)]), pairs.j, pairs.vector, rows, chosen)
        frame, centre = np.divmod(rows, len(some))
        j[frame, some[centre]], vector[frame, some[centre]] = pairs.j[chosen], pairs.vector[chosen]
        missing[frame, some[centre]] = False
        reach *= 1.3
    return NeighboursInFrames(
        np.repeat(np.arange(frames), len(first) * number),
        np.tile(np.repeat(first, number), frames),
        j.ravel(),
        vector.reshape(-1, 3),
    )


def ball(radius: float) -> float:
    """Volume of a sphere."""
    return 4 * np.pi / 3 * radius**3


def _numbers(atoms: Atoms) -> Ints:
    given = np.asarray(atoms)
    return np.ascontiguousarray(np.flatnonzero(given) if given.dtype == bool else given, np.int64)
