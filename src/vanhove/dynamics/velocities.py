"""Velocities: the motion of the frame of reference, and how long single ions keep theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import add_blocks, cut_atoms, cut_frames, frame_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .plateau import Cut

    Floats = NDArray[np.float64]


def check_velocities(traj: Trajectory, instead: str) -> None:
    """Refuse a trajectory without velocities; ``instead`` is what needs none."""
    if not traj.has_velocities:
        raise Refusal(
            "The Green-Kubo relation needs velocities, and this trajectory has none",
            "finite differences of positions lose what happens between two frames",
            "Write them in the simulation, every 1 to 10 fs (LAMMPS: vx vy vz in the dump; CP2K: the velocities' file; "
            f"a LAMMPS dump or an xyz then wants units=), or use {instead}",
        )


def drift_velocity(traj: Trajectory, reference: Literal["cell", "framework"] | None, mobile: Sequence[str]) -> Floats:
    """Velocity of the frame of reference, (frame, axis) in Å/ps: as :func:`vanhove.trajectory.blocks.drift`."""
    everything = traj.whole_system
    velocity = np.zeros((traj.n_frames, 3))
    if reference is None:
        return velocity
    weights = frame_weights(everything, reference, mobile)

    def work(frames: slice) -> Sums:
        velocity[frames] = np.einsum("fai,a->fi", everything.read("velocities", frames), weights)
        return {}

    add_blocks(cut_frames(everything, 2 * 24 * everything.n_atoms), work, "drift")
    return velocity


def autocorrelation(ions: Trajectory, parts: Cut, drift: Floats) -> Floats:
    r"""⟨**v**(0)·**v**(t)⟩ of ``ions`` (Å²/ps²) relative to the velocity ``drift``, (part, lag).

    The mean over all ions and all origins inside each part, exactly and at every lag by the Wiener-Khinchin theorem.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    from vanhove.kernels.correlate import add_power

    n, lags = parts.frames, len(parts.lags)
    length = next_fast_len(n + lags - 1, real=True)  # zeros enough for the lags that are wanted

    def work(atoms: slice) -> Sums:
        power = np.zeros((len(parts.starts), 3, length // 2 + 1))
        for part, start in enumerate(parts.starts.tolist()):
            block = ions.read("velocities", slice(start, start + n), atoms)
            block -= drift[start : start + n, None]
            rows = np.ascontiguousarray(block.transpose(1, 2, 0)).reshape(-1, n)
            add_power(rfft(rows, length, axis=1), power[part])
        return {"power": power}

    blocks = cut_atoms(ions, 24 * (3 * n + 2 * length), fixed=3 * 24 * len(parts.starts) * length)
    power = np.asarray(add_blocks(blocks, work, "velocity autocorrelation")["power"], np.float64)
    sums = irfft(power.sum(axis=1), length, axis=1)[:, :lags]
    mean: Floats = sums / ((n - np.arange(lags)) * ions.n_atoms)
    return mean
