"""Positions at two times seen in one cell, for the distinct part of the Van Hove function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import add_blocks, cut_frames
from vanhove.trajectory.blocks import drift as drift_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Reference:
    """What positions of a frame are seen in: its cell, as the same three vectors all along, and the drift."""

    cells: Floats | None  # (frame, 3, 3); None where one cell serves all frames
    cell: Floats  # of the first frame
    path: Floats | None  # (frame, axis) Å; of cells that change (frame, axis) fractional

    @classmethod
    def of(cls, traj: Trajectory, drift: Literal["cell", "framework"] | None, mobile: list[str]) -> Reference:
        """The cells and the drift of all frames of ``traj``.

        In a changing cell the drift is that of fractional coordinates: a cell that breathes moves no atom of them.
        """
        path = drift_of(traj, drift, mobile)
        if traj.constant_cell:
            return cls(None, traj.cells[0], path)
        cells = same_vectors(traj.cells)
        if path is None:
            return cls(cells, cells[0], None)
        everything = traj.whole_system
        weights = everything.masses if drift == "cell" else 1.0 * ~np.isin(everything.species, mobile)
        inverse, fractional = np.linalg.inv(cells), np.empty_like(path)

        def work(frames: slice) -> Sums:
            mean = np.einsum("fai,a->fi", everything.read("positions", frames), weights / weights.sum())
            fractional[frames] = np.einsum("fi,fij->fj", mean, inverse[frames])
            return {}

        add_blocks(cut_frames(everything, 3 * 24 * everything.n_atoms), work, "drift")
        return cls(cells, cells[0], fractional)

    def seen(self, positions: Floats, frames: Ints, origins: Ints) -> Floats:
        """``positions`` (frame, atom, axis) of ``frames`` as they stand in the cells of the frames ``origins``."""
        if self.cells is None:
            return positions if self.path is None else positions - self.path[frames, None]
        s = np.matmul(positions, np.linalg.inv(self.cells[frames]))
        if self.path is not None:
            s -= self.path[frames, None]
        there: Floats = np.matmul(s, self.cells[origins])
        return there

    def cells_of(self, origins: Ints) -> Floats:
        """The cells of the frames ``origins``."""
        if self.cells is None:
            return np.broadcast_to(self.cell, (len(origins), 3, 3)).copy()
        return self.cells[origins]


def same_vectors(cells: Floats) -> Floats:
    """The cells as the same three lattice vectors all along, also where a tilted cell was flipped."""
    steps = np.rint(np.matmul(cells[1:], np.linalg.inv(cells[:-1])))
    flips = np.flatnonzero((steps != np.eye(3)).any(axis=(1, 2)) & (np.abs(np.rint(np.linalg.det(steps))) == 1)) + 1
    same = cells.copy()
    basis = np.eye(3)
    for start, stop in pairwise([*flips.tolist(), len(cells)]):
        basis = steps[start - 1] @ basis  # h = basis @ (the vectors as they were called first)
        same[start:stop] = np.rint(np.linalg.inv(basis)) @ cells[start:stop]
    return same


def frames_at(traj: Trajectory, numbers: Ints) -> Floats:
    """Positions of rising frames: evenly spaced ones alone, others out of the stretch they lie in."""
    steps = np.diff(numbers)
    step = int(steps[0]) if len(steps) and (steps == steps[0]).all() else 1
    stretch = traj[int(numbers[0]) : int(numbers[-1]) + 1 : step].read("positions")
    chosen: Floats = stretch[(numbers - numbers[0]) // step]
    return chosen


def chunks(first: Ints, second: Ints, most: int) -> Iterator[slice]:
    """Slices of the pairs of frames of one lag of which a block reads no more than ``most`` frames at either time."""
    even = all(len(numbers) < 3 or np.ptp(np.diff(numbers)) == 0 for numbers in (first, second))
    start = 0
    while start < len(first):
        stop = min(start + most, len(first))
        if not even:
            ends = [int(np.searchsorted(numbers, numbers[start] + most)) for numbers in (first, second)]
            stop = max(start + 1, min(stop, *ends))
        yield slice(start, stop)
        start = stop


def stride_for(origins: object, pairs_of_frames: int, each: float, affordable: float) -> int:
    """Every how many origins of a lag one is taken: what was asked for, or what is affordable."""
    if isinstance(origins, str):
        if origins in ("all", "first"):
            return 1
        if origins == "auto":
            return max(1, int(np.ceil(pairs_of_frames * each / affordable)))
    elif isinstance(origins, int | np.integer) and not isinstance(origins, bool) and origins >= 1:
        return int(origins)
    raise Refusal(
        f"origins={origins!r}", "", 'Pass "auto", "all", "first", or a whole number: every so many frames one'
    )
