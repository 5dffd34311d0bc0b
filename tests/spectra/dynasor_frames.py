"""Frames of one of our trajectories as dynasor takes them from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import vanhove as vh


class Frames:
    """What ``compute_dynamic_structure_factors`` asks a trajectory for."""

    def __init__(self, traj: vh.Trajectory) -> None:
        self.cell = np.array(traj.cells[0])
        self.n_atoms, self.frame_step, self.number_of_frames_read = traj.n_atoms, 1, traj.n_frames
        self.atomic_indices = {name: np.flatnonzero(traj.species == name) for name in traj.composition}
        self.atom_types = sorted(self.atomic_indices)
        self.has_positions, self.has_velocities = True, traj.has_velocities
        self._positions = traj.positions
        self._velocities = traj.velocities if traj.has_velocities else [None] * traj.n_frames
        self._at = 0

    def __iter__(self) -> Frames:
        return self

    def __next__(self) -> Any:
        from dynasor.trajectory.trajectory_frame import TrajectoryFrame

        if self._at == len(self._positions):
            raise StopIteration
        at, self._at = self._at, self._at + 1
        return TrajectoryFrame(self.atomic_indices, at, self._positions[at], self._velocities[at])
