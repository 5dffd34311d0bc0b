"""LAMMPS text dumps in metal units: ``id type element xu yu zu``, velocities, masses and charges where they are known.

``ITEM: UNITS`` and ``ITEM: TIME`` say the times, so that no time step need be given. A cell that stands as LAMMPS wants
its own (a along x, b in the xy plane) has the usual bounds; any other is written as a general triclinic one
(``abc origin``, LAMMPS since 2024), since turning it would turn the atoms too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of

from .rows import DECIMALS, Kind, Layout, kinds_of, lost_in_text, wrap, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.core import Trajectory
    from vanhove.trajectory.source import Block

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TIMESTEPS = (0.001, 0.0005, 0.0001, 0.00001)  # ps a step, tried in turn where the history names none
TINY = 1e-12  # of the cell's length: what the arithmetic of a cell that stands right leaves


def write(traj: Trajectory, path: Path, wrapped: bool) -> list[str]:
    """Write the view; see :func:`vanhove.trajectory.writers.write`."""
    kinds, kind_of = kinds_of(traj)
    types = {label: number for number, label in enumerate(traj.composition, 1)}
    charged, moving = traj.charges is not None, traj.has_velocities
    names = "id type element " + ("x y z ix iy iz" if wrapped else "xu yu zu") + " vx vy vz" * moving + " mass"
    above = f"ITEM: NUMBER OF ATOMS\n{traj.n_atoms}\n"
    below = f"ITEM: ATOMS {names}{' q' * charged}\n"
    times, steps = traj.times.tolist(), steps_of(traj).tolist()
    cells = traj.system.cells if traj.constant_cell else traj.cells
    general = (
        not (np.abs(cells[:, [0, 0, 1], [1, 2, 2]]) <= TINY * np.abs(cells).max()).all()
        or not (cells[:, [0, 1, 2], [0, 1, 2]] > 0).all()
    )
    tilted = bool((cells[:, [1, 2, 2], [0, 0, 1]] != 0).any())
    fixed = _box(cells[0], general, tilted)

    def header(frame: int) -> str:
        box = fixed if len(cells) == 1 else _box(cells[frame], general, tilted)
        units = "ITEM: UNITS\nmetal\n" if frame == 0 else ""
        return f"{units}ITEM: TIME\n{times[frame]!r}\nITEM: TIMESTEP\n{steps[frame]}\n{above}{box}{below}"

    def columns(block: Block, cells: Floats) -> Floats:
        parts = list(wrap(block.positions, cells)) if wrapped else [block.positions]
        if block.velocities is not None:
            parts.append(block.velocities)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    layout = Layout(
        header, columns, (DECIMALS,) * 3 + (0,) * (3 * wrapped) + (DECIMALS,) * (3 * moving),
        [
            Kind(
                f"{types[label]} {element_of(label)} ",
                f" {mass!r}" + ("" if charge is None else f" {charge!r}") + "\n",
            )
            for label, mass, charge in kinds
        ],
        kind_of, numbered=True,
    )  # fmt: skip
    write_rows(traj, path, layout)
    return lost_in_text(traj)


def steps_of(traj: Trajectory) -> Ints:
    """Whole steps that count the times; where none are found, the numbers of the frames.

    A step is the simulation's own where the history has it, else 1 fs or less.
    """
    opened = [entry["parameters"].get("timestep") for entry in traj.history if entry["function"] == "open"]
    for timestep in [*(float(known) for known in opened if known), *TIMESTEPS]:
        counted = traj.times / timestep
        steps = np.rint(counted)
        whole = np.abs(counted - steps) <= 1e-6 * np.maximum(1, np.abs(steps) * 1e-6)
        if whole.all() and (np.diff(steps) > 0).all() and steps[0] >= 0 and steps[-1] < 1e15:
            return steps.astype(np.int64)
    return np.arange(traj.n_frames)


def _box(cell: Floats, general: bool, tilted: bool) -> str:
    """The box's header and three lines, its corner at zero."""
    if general:
        rows = [f"{a!r} {b!r} {c!r} 0" for a, b, c in cell.tolist()]
        return "\n".join(["ITEM: BOX BOUNDS abc origin pp pp pp", *rows, ""])
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell.tolist()
    if not tilted:
        return "\n".join(["ITEM: BOX BOUNDS pp pp pp", f"0 {lx!r}", f"0 {ly!r}", f"0 {lz!r}", ""])
    # the bounds are those of the box that encloses the cell
    low, high = min(0.0, xy, xz, xy + xz), max(0.0, xy, xz, xy + xz)
    rows = [f"{low!r} {lx + high!r} {xy!r}", f"{min(0.0, yz)!r} {ly + max(0.0, yz)!r} {xz!r}", f"0 {lz!r} {yz!r}"]
    return "\n".join(["ITEM: BOX BOUNDS xy xz yz pp pp pp", *rows, ""])
