"""The runs of a round: every structure at every temperature and pressure, by the committee's first model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.trajectory import open as open_trajectory

from ._guards import Guards, Stopped
from ._run import run
from .deck import FRAMES, drawn_from
from .dump import open_dump
from .folder import ATTEMPT, LEGS, TRAJECTORY
from .learn_folder import EXPLORED, RoundFolder, read_record, write_record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._deepmd import DeepMD
    from .learn_settings import Explore
    from .point_frames import Frame

    Floats = NDArray[np.float64]

GUARDS = Guards(temperature=0.5)  # a few atoms have a temperature that swings
FARTHEST = 1e5  # Å: an atom that flew there is no structure
Say = Callable[[str], None]


class Condition(NamedTuple):
    """What one run is of: K, bar."""

    structure: str
    temperature: float
    pressure: float | None

    @property
    def name(self) -> str:
        """The name of its folder."""
        pressed = "" if self.pressure is None else f"-{self.pressure:g}bar"
        return f"{self.structure}-{self.temperature:g}K{pressed}"


@dataclass(frozen=True, eq=False)
class Explored:
    """The frames of a run after the one that it began with: Å, ps. ``stopped`` says why it ended early."""

    condition: Condition
    species: tuple[str, ...]
    positions: Floats
    cell: Floats
    planned: int
    every: float  # ps
    stopped: str

    @property
    def frames(self) -> int:
        """That there are."""
        return len(self.positions)


def conditions_of(structures: Sequence[str], how: Explore) -> list[Condition]:
    """Of all runs of a round, in order."""
    return [Condition(name, *each) for name in structures for each in how.conditions]


def explore(
    structures: dict[str, Frame], how: Explore, potential: DeepMD, folder: RoundFolder, seed: int, number: int, say: Say
) -> list[Explored]:
    """Do the runs that are missing, and read the frames of all.

    A run that the guards stop, or LAMMPS since the atoms flew apart, is part of what was to be found out: it keeps the
    frames that it has. One that ends for another reason ends the round's work.
    """
    conditions = conditions_of(list(structures), how)
    for k, each in enumerate(conditions):
        where = folder.run(each.name)
        if read_record(where / EXPLORED) is None:
            said = f"run {k + 1} of {len(conditions)}, {each.name}"
            protocol = how.protocol(each.temperature, each.pressure)
            drawn = drawn_from("explore", seed, number, each.name)
            stopped = ""
            try:
                run(
                    structures[each.structure].atoms(), potential, protocol, where, seed=drawn, guards=GUARDS,
                    progress=lambda _, kelvin, done, total, *__, said=said: say(
                        f"{said}: step {done} of {total}, {kelvin:.0f} K"
                    ),
                )  # fmt: skip
            except Stopped as stop:
                if not (where / LEGS).is_dir():  # the structure itself, before it moved
                    raise
                stopped = stop.what
            write_record(where / EXPLORED, {"stopped": stopped})
    return [read_explored(folder, each, structures[each.structure].species, how) for each in conditions]


def read_explored(folder: RoundFolder, condition: Condition, species: tuple[str, ...], how: Explore) -> Explored:
    """The frames of a run that has ended, one way or the other."""
    where = folder.run(condition.name)
    stopped = (read_record(where / EXPLORED) or {"stopped": ""})["stopped"]
    if stopped:
        positions, cell = _of_legs(where, len(species))
    else:
        found = open_trajectory(where / TRAJECTORY)
        positions, cell = np.array(found.positions[1:]), np.array(found.cells[1:])
    return Explored(condition, species, positions, cell, how.frames, how.every, stopped)


def _of_legs(where: Path, n_atoms: int) -> tuple[Floats, Floats]:
    """The frames that the legs of a stopped run have written, up to the last that makes sense."""
    legs = sorted((where / LEGS).iterdir(), key=lambda leg: leg.name.removesuffix(ATTEMPT))
    found: dict[int, tuple[Floats, Floats]] = {}
    for leg in legs:
        dump = open_dump(leg / FRAMES)
        if dump is None or dump.n_frames == 0:
            continue
        steps, values = dump.read(0, dump.n_frames)
        low, cells = dump.boxes(0, dump.n_frames)
        places = values[:, :, :3] - low[:, None]
        found |= {int(step): (places[k], cells[k]) for k, step in enumerate(steps)}
    found.pop(0, None)
    steps_in_order = sorted(found)
    positions = np.array([found[step][0] for step in steps_in_order]).reshape(-1, n_atoms, 3)
    cell = np.array([found[step][1] for step in steps_in_order]).reshape(-1, 3, 3)
    sane = (np.abs(positions) < FARTHEST).all(axis=(1, 2)) & (np.linalg.det(cell) > 0)
    last = int(np.argmin(sane)) if not sane.all() else len(sane)
    return positions[:last], cell[:last]
