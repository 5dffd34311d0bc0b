"""Extended XYZ as ASE, OVITO and GPUMD read it.

``pos`` is within the cell, ``unwrapped_position`` beside it is not; ``momenta`` are in ASE's units, √(u eV), so that
ASE's ``get_velocities`` is right; ``Time`` is in ps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.units import U_A2_PER_PS2_IN_MEV

from .rows import DECIMALS, Kind, Layout, kinds_of, lost_in_text, wrap, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.core import Trajectory
    from vanhove.trajectory.source import Block

    Floats = NDArray[np.float64]

ASE_SPEED = (1e3 / U_A2_PER_PS2_IN_MEV) ** 0.5  # √(eV/u) in Å/ps
MOMENTUM_DECIMALS = 12  # a heavy atom's velocity is a small part of its momentum


def write(traj: Trajectory, path: Path, wrapped: bool) -> list[str]:
    """Write the view; see :func:`vanhove.trajectory.writers.write`."""
    kinds, kind_of = kinds_of(traj)
    charged, moving = traj.charges is not None, traj.has_velocities
    properties = ["species:S:1", "pos:R:3", *["unwrapped_position:R:3"] * (not wrapped), *["momenta:R:3"] * moving]
    properties += ["masses:R:1", *["initial_charges:R:1"] * charged]
    times, cells = traj.times.tolist(), traj.system.cells if traj.constant_cell else traj.cells
    middle = f' Properties={":".join(properties)} pbc="T T T" Time='
    lattice = _lattice(cells[0])
    weights = traj.masses[:, None] / ASE_SPEED

    def header(frame: int) -> str:
        cell = lattice if len(cells) == 1 else _lattice(cells[frame])
        return f"{traj.n_atoms}\n{cell}{middle}{times[frame]!r}\n"

    def columns(block: Block, cells: Floats) -> Floats:
        inside, _ = wrap(block.positions, cells)
        parts = [inside, *[block.positions] * (not wrapped)]
        if block.velocities is not None:
            parts.append(block.velocities * weights)
        return np.concatenate(parts, axis=2)

    layout = Layout(
        header, columns, (DECIMALS,) * (3 if wrapped else 6) + (MOMENTUM_DECIMALS,) * (3 * moving),
        [
            Kind(f"{element_of(label)} ", f" {mass!r}" + ("" if charge is None else f" {charge!r}") + "\n")
            for label, mass, charge in kinds
        ],
        kind_of,
    )  # fmt: skip
    write_rows(traj, path, layout)
    return [*lost_in_text(traj), *["the unwrapped positions (read again, the shortest image decides)"] * wrapped]


def _lattice(cell: Floats) -> str:
    return f'Lattice="{" ".join(map(repr, cell.ravel().tolist()))}"'
