"""Steinhardt's order parameters of atoms in a block of frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .neighbours import PAIR_BYTES, ball, nearest_in_frames, neighbours_in_frames
from .tessellation import refuse_same_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class BondOrder(NamedTuple):
    """What is wanted of every frame: whose order, over which neighbours, of which degrees."""

    centres: Ints
    others: Ints
    degrees: Sequence[int]
    average: bool
    cutoff: float | None
    number: int | None

    @property
    def holders(self) -> Ints:
        """The atoms whose components are needed."""
        return np.union1d(self.centres, self.others) if self.average else self.centres

    def frame_bytes(self, volume: float) -> int:
        """What a frame takes, with its lists and temporaries."""
        # the nearest few are sought among a little more than twice as many
        bonds = (
            2.5 * (self.number + 1) if self.number else max(1.0, len(self.others) * ball(self.cutoff or 0.0) / volume)
        )
        components = sum(2 * degree + 1 for degree in self.degrees)
        return int(len(self.holders) * (8 * 3 * components + 3 * bonds * PAIR_BYTES))

    def of(self, positions: Floats, cells: Floats) -> Floats:
        """The q of every (frame, degree, centre); NaN where an atom has no neighbour."""
        from vanhove.kernels.harmonics import averaged, bond_order

        holders = self.holders
        row, partner, vectors, pairs = self._bonds(positions, cells, holders)
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(positions) * len(holders)))])
        sizes = [2 * degree + 1 for degree in self.degrees]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        components = np.empty((len(positions) * len(holders), offsets[-1]))
        bond_order(starts, vectors, np.array(self.degrees), offsets, components)
        if np.isnan(components[starts[1:] > starts[:-1], 0]).any():
            refuse_same_place(*pairs, vectors)
        places = np.searchsorted(holders, self.centres)
        rows = (np.arange(len(positions))[:, None] * len(holders) + places).ravel()
        if self.average:
            mean = np.empty((len(rows), offsets[-1]))
            averaged(rows, starts, partner, components, mean)
        else:
            mean = components[rows]
        squares = np.add.reduceat(mean**2, offsets[:-1], axis=1)
        q: Floats = np.sqrt(squares).reshape(len(positions), len(self.centres), -1).transpose(0, 2, 1)
        return q

    def _bonds(self, positions: Floats, cells: Floats, holders: Ints) -> tuple[Ints, Ints, Floats, tuple[Ints, Ints]]:
        """Rows of the holders at both ends of every bond, sorted by the first, its vector, and the atoms there."""
        if self.cutoff is not None:
            frame, i, j, vector = neighbours_in_frames(positions, cells, holders, self.others, self.cutoff)
        else:
            frame, i, j, vector = nearest_in_frames(positions, cells, holders, self.others, self.number or 1)
        place = np.full(positions.shape[1], -1)
        place[holders] = np.arange(len(holders))
        begin = frame * len(holders)
        return begin + place[i], begin + place[j], vector, (i, j)
