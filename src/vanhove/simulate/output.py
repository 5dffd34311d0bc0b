"""What a run leaves when its legs are whole: the trajectory, the final structure, its own record."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import whole

from ._protocol import Minimise, Produce, Protocol, Ramp, pressure, temperatures, thermostat
from .deck import END, FRAMES, RESTART
from .dump import DumpFile, open_dump

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.source import Block

    from .deck import Start
    from .folder import Folder
    from .legs import Leg

    Floats = NDArray[np.float64]

MEASURED = {"measured": "temperature", "pressure": "pressure", "volume": "volume", "drift": "drift"}  # as legs say
PER_FS = 1000.0  # LAMMPS's real units have Å/fs, ours Å/ps


def collect(
    folder: Folder, legs: list[Leg], protocol: Protocol, start: Start, record: dict[str, Any]
) -> dict[str, Any]:
    """Write trajectory, final structure and record; then the raw dumps go."""
    production = protocol.production
    if production is not None:
        _write_trajectory(folder, legs, protocol, production, start, record)
    _write_final(folder, legs[-1], start, protocol)
    finished = _summary(folder, legs, protocol)
    if protocol.highest_temperature > 0:
        finished["check"] = _check(folder, legs[-1], start, protocol)
    folder.write_record({**record, "finished": finished})
    tidy(folder, legs)
    return finished


def complete(folder: Folder, protocol: Protocol) -> bool:
    """Whether all that a finished run leaves is there."""
    return folder.final.exists() and (protocol.production is None or folder.trajectory.exists())


def tidy(folder: Folder, legs: list[Leg]) -> None:
    """Remove what only the run itself needed; inputs and logs stay, and the last restart file."""
    for leg in legs:
        for name in (FRAMES, END) if leg is legs[-1] else (FRAMES, END, RESTART):
            (folder.leg(leg) / name).unlink(missing_ok=True)


def check_disk(folder: Folder, protocol: Protocol, n_atoms: int) -> None:
    """Refuse a run whose frames won't fit on the disk: raw dumps and trajectory lie side by side for a moment."""
    production = protocol.production
    if production is None:
        return
    columns = 3 + 3 * production.velocities
    columns_stored = columns + 3 * protocol.changes_cell  # what displacements add to positions in a changing cell
    needed = frame_count(protocol, production) * n_atoms * 8 * (columns + 2 + columns_stored)
    free = shutil.disk_usage(folder.path).free
    if needed > free:
        raise Refusal(
            f"The run writes {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free",
            str(folder.path),
            "Free some space, or raise every= of the production",
        )


def check_leg(attempt: Path, leg: Leg, protocol: Protocol) -> None:
    """Refuse a leg that left less than the next one, and the trajectory, need: a full disk says nothing else."""
    missing = [name for name in (RESTART, END) if not (attempt / name).exists()]
    if isinstance(leg.stage, Produce):
        every = protocol.frame_steps(leg.stage)
        dump = open_dump(attempt / FRAMES)
        if dump is None or dump.n_frames != leg.stop // every - leg.start // every + 1:
            missing.append(FRAMES)
    if missing:
        raise Refusal(
            f"The leg ended without all of its {', '.join(missing)}", str(attempt), "Look at its log and the free disk"
        )


def frame_count(protocol: Protocol, production: Produce) -> int:
    """Frames of the production, the one at 0 included."""
    return protocol.steps(production) // protocol.frame_steps(production) + 1


def _write_trajectory(
    folder: Folder, legs: list[Leg], protocol: Protocol, production: Produce, start: Start, record: dict[str, Any]
) -> None:
    from vanhove.trajectory.store import write_blocks

    spacing = protocol.frame_steps(production) * protocol.timestep / 1000
    times = np.arange(frame_count(protocol, production), dtype=np.float64) * spacing
    charges = start.charges if start.charges.any() else None  # of a potential without charges nothing is known
    blocks, cells = production_blocks(folder, legs, protocol, production), start.cell[None]
    if protocol.changes_cell:
        origins, cells = production_boxes(folder, legs, production)
        blocks = blocks if len(cells) == 1 else _unwrapped(blocks, origins, cells)
    write_blocks(
        folder.trajectory, blocks,
        species=start.species, masses=start.masses, charges=charges, cells=cells, times=times,
        temperature=production.temperature, history=record["history"],
    )  # fmt: skip


def production_blocks(folder: Folder, legs: list[Leg], protocol: Protocol, production: Produce) -> Iterator[Block]:
    """The frames of the production in order, each once: a leg's first frame is the last of the leg before."""
    from vanhove.trajectory.budget import memory_budget
    from vanhove.trajectory.source import Block

    every = protocol.frame_steps(production)
    expected = 0  # step of the next frame
    for leg in legs:
        if leg.stage is not production:
            continue
        dump = _whole_dump(folder, leg, FRAMES)
        for steps, values in dump.blocks(memory_budget() // 4):
            if expected and steps[0] == expected - every:
                steps, values = steps[1:], values[1:]  # noqa: PLW2901
            if len(steps) == 0:
                continue
            if not (steps == expected + every * np.arange(len(steps))).all():
                raise Refusal(
                    f"Frames are missing near step {expected}", str(dump.path), "Remove this leg's folder and run again"
                )
            expected = int(steps[-1]) + every
            yield Block(values[:, :, :3], None, values[:, :, 3:] * PER_FS if production.velocities else None)


def production_boxes(folder: Folder, legs: list[Leg], production: Produce) -> tuple[Floats, Floats]:
    """Origin and cell of each frame of the production, or the one of all."""
    parts = []
    for leg in legs:
        if leg.stage is production:
            dump = _whole_dump(folder, leg, FRAMES)
            parts.append(dump.boxes(1 if leg.start else 0, dump.n_frames))
    origins, cells = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return (origins[:1], cells[:1]) if (cells == cells[0]).all() else (origins, cells)


def _unwrapped(blocks: Iterator[Block], origins: Floats, cells: Floats) -> Iterator[Block]:
    """The same frames, with what displacements add to the positions where the cell changes."""
    from vanhove.trajectory.unwrap import Unwrapper

    unwrapper = Unwrapper("file", constant_cell=False)
    done = 0
    for block in blocks:
        here = slice(done, done + len(block.positions))
        done = here.stop
        yield unwrapper.step(np.ascontiguousarray(block.positions), cells[here], origins[here], block.velocities)


def _whole_dump(folder: Folder, leg: Leg, name: str) -> DumpFile:
    path = folder.leg(leg) / name
    dump = open_dump(path)
    if dump is None:
        raise Refusal("A dump is missing", str(path), f"Remove {folder.leg(leg)} and run again")
    return dump


def _end(folder: Folder, last: Leg, start: Start, protocol: Protocol) -> tuple[Floats, Floats]:
    """Positions and velocities as LAMMPS has them (atom, column), and the cell."""
    dump = _whole_dump(folder, last, END)
    cell = dump.boxes(0, 1)[1][0] if protocol.changes_cell else start.cell
    return dump.read(0, 1)[1][0], cell


def _check(folder: Folder, last: Leg, start: Start, protocol: Protocol) -> dict[str, Any]:
    from .quench_check import check

    values, cell = _end(folder, last, start, protocol)
    return check(start.species, values[:, :3], cell, start.masses, start.cell)


def _write_final(folder: Folder, last: Leg, start: Start, protocol: Protocol) -> None:
    from ase import Atoms, units
    from ase.io import write

    values, cell = _end(folder, last, start, protocol)
    atoms: Any = Atoms(start.species, positions=values[:, :3], cell=cell, pbc=True)
    for name, array in start.values.items():  # the next run may freeze a region of it
        if array.dtype.kind in "ifb" or all(str(word).split() == [str(word)] for word in array.ravel()):
            atoms.set_array(name, array)
    atoms.set_masses(start.masses)
    if not isinstance(last.stage, Minimise):
        atoms.set_velocities(values[:, 3:] / units.fs)
    with whole(folder.final) as temporary:
        write(temporary, atoms, format="extxyz")


def _summary(folder: Folder, legs: list[Leg], protocol: Protocol) -> dict[str, Any]:
    records = [folder.leg_record(leg) for leg in legs]
    stages: list[dict[str, Any]] = []
    for number, stage in enumerate(protocol.stages):
        mine = [(leg, record) for leg, record in zip(legs, records, strict=True) if leg.stage_number == number]
        weights = [max(leg.stop - leg.start, 1) for leg, _ in mine]
        told: dict[str, Any] = {"name": stage.name, "target": list(temperatures(stage)), "steps": protocol.steps(stage)}
        if pressure(stage) is not None:
            told["pressure_target"] = pressure(stage)
        conserves = not isinstance(stage, Ramp) and thermostat(stage) != "langevin"
        for name, quantity in MEASURED.items():
            if name == "drift" and not conserves:
                continue
            values = [record.get(quantity, math.nan) for _, record in mine]
            if np.isfinite(values).all() and (name == "measured" or not isinstance(stage, Minimise)):
                told[name] = float(np.average(values, weights=weights))
        stages.append(told)
    steps = sum(stage["steps"] for stage in stages)
    moving = sum(record["seconds"] for leg, record in zip(legs, records, strict=True) if leg.stage_steps)
    return {
        "steps": steps,
        "seconds": sum(record["seconds"] for record in records),
        "ns_per_day": steps * protocol.timestep * 0.0864 / moving if moving else 0.0,
        "engine_versions": sorted({record["engine_version"] for record in records}),
        "stages": stages,
    }
