"""Frames in memory as dynasor takes them from a file, so that reading is not timed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from systems import System


def quiet() -> None:
    logging.disable(logging.INFO)  # dynasor tells what it does


class Frames:
    """What ``dynasor.Trajectory`` is to its functions: positions and velocities by species, one frame at a time."""

    def __init__(self, sample: System, positions: NDArray[Any], velocities: NDArray[Any] | None = None) -> None:
        self.cell = np.eye(3) * sample.length
        self.n_atoms, self.frame_step = len(sample.species), 1
        self.atomic_indices = {str(name): sample.of(str(name)) for name in np.unique(sample.species)}
        self.atom_types = sorted(self.atomic_indices)
        self.has_positions, self.has_velocities = True, velocities is not None
        self.number_of_frames_read = len(positions)
        self._arrays = positions, velocities
        self._next = 0

    def __iter__(self) -> Frames:
        return self

    def __next__(self) -> Any:
        from dynasor.trajectory.trajectory_frame import TrajectoryFrame

        positions, velocities = self._arrays
        if self._next == len(positions):
            raise StopIteration
        at = self._next
        self._next += 1
        return TrajectoryFrame(self.atomic_indices, at, positions[at], None if velocities is None else velocities[at])
