"""H5MD, our own store: everything that a trajectory knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.base.errors import Refusal
from vanhove.base.results import step
from vanhove.trajectory.store import write_blocks
from vanhove.trajectory.streaming import stream

if TYPE_CHECKING:
    from pathlib import Path

    from vanhove.trajectory.core import Trajectory


def write(traj: Trajectory, path: Path, wrapped: bool) -> list[str]:
    """Write the view; see :func:`vanhove.trajectory.writers.write`."""
    if wrapped:
        raise Refusal("H5MD holds unwrapped positions", str(path), "Leave wrapped out, or write another format")
    in_all = traj.system.atoms_in_all or traj.system.source.n_atoms
    write_blocks(
        path, (piece.block for piece in stream(traj, f"writing {path.name}")),
        species=traj.species.tolist(), masses=traj.masses, charges=traj.charges,
        cells=traj.system.cells if traj.constant_cell else traj.cells, times=traj.times,
        temperature=traj.temperature, history=[*traj.history, step("trajectory.writers.write", format="h5md")],
        atoms_in_all=in_all if traj.n_atoms < in_all else None,
    )  # fmt: skip
    return []
