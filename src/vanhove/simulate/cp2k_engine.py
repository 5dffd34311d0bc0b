"""Ab-initio molecular dynamics: the process that moves atoms by CP2K's forces, and what its runs leave to train on.

Our own equations of motion, thermostats and guards move the atoms, as for any calculator. CP2K stays awake between
steps and begins each with electrons extrapolated from those before (ASPC); a leg begins with those that the leg before
ended with. Every step's label is kept in ``points.bin`` of its leg.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vanhove.base.errors import Refusal

from . import ase_input
from ._protocol import Protocol
from .cp2k_input import WAVEFUNCTION, warn_if_narrow
from .folder import Folder
from .label_data import Labelled, System
from .legs import Leg, cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._cp2k import CP2K
    from .cp2k_program import Program
    from .deck import Start
    from .point_store import Point

    Floats = NDArray[np.float64]

POINTS = "points.bin"
CELL_COLUMNS = 9


@dataclass(frozen=True)
class Cp2kEngine:
    """A process of this Python that moves the atoms, with CP2K awake beside it."""

    potential: CP2K
    program: Program

    name: ClassVar[str] = "cp2k"
    title: ClassVar[str] = "The process of CP2K"
    script: ClassVar[str] = "in.json"
    log: ClassVar[str] = ase_input.LOG

    @property
    def version(self) -> str:
        """CP2K's."""
        return self.program.version

    def ranks(self, n_atoms: int) -> int:  # noqa: ARG002 - how many serve is the person's to say
        """One: the same bits, whatever else the machine does."""
        return 1

    def command(self, ranks: int) -> list[str]:
        """Python with the module that does a leg."""
        return [sys.executable, "-m", "vanhove.simulate.cp2k_child", self.script, str(ranks)]

    def environment(self, ranks: int) -> dict[str, str]:  # noqa: ARG002 - the launcher is told of the ranks
        """CP2K's, with the same modules to import as here."""
        modules = os.pathsep.join(part or str(Path.cwd()) for part in sys.path)
        return {**self.program.environment(), "PYTHONPATH": modules}

    def write_start(self, start: Start, folder: Path) -> None:
        """A file of arrays."""
        warn_if_narrow([start.cell])
        ase_input.write_start(start, folder / ase_input.START)

    def leg_input(self, leg: Leg, previous: Leg | None, start: Start, protocol: Protocol, seed: int) -> str:
        """What the process reads, as JSON; every step is said, since one may take a minute."""
        told = ase_input.leg_input(leg, previous, start, self.potential.to_dict(), protocol, seed)
        begin = "" if previous is None else f"../{previous.name}/{WAVEFUNCTION}"
        told |= {"reaching": self.potential.reaching, "begin_with": begin, "thermo": 1}
        return json.dumps(told, indent=1) + "\n"


def write_point(path: Path, point: Point, positions: Floats) -> None:
    """Add a label: energy, virial, forces, positions as numbers in a row."""
    if point.virial is None:
        raise Refusal("CP2K printed no stress", str(path), "Run again")
    row = np.concatenate([[point.energy], point.virial.ravel(), point.forces.ravel(), positions.ravel()])
    with open(path, "ab") as file:
        file.write(row.astype(np.float64).tobytes())


def labels_of(directory: str | os.PathLike[str]) -> Labelled:
    """The frames of a run's production, with the energies, forces and virials that moved the atoms."""
    folder = Folder(directory)
    record = folder.record()
    if not record or not record.get("finished"):
        raise Refusal("There is no finished run", str(folder.path), "Run it to its end first")
    if record["engine"]["name"] != Cp2kEngine.name:
        raise Refusal(
            "The run kept no energies and forces", f"{folder.path} was run by {record['engine']['name']}",
            "Compute them: simulate.label(finished.trajectory, potential, directory)",
        )  # fmt: skip
    protocol = Protocol.from_dict(record["asked"]["protocol"])
    production = protocol.production
    if production is None:
        raise Refusal("This run has no production", str(folder.path), "Give its protocol a Produce stage")
    with np.load(folder.path / ase_input.START, allow_pickle=False) as file:
        species, cell = tuple(file["species"].tolist()), np.array(file["cell"], float)
    every = protocol.frame_steps(production)
    parts = [
        _rows(folder.leg(leg) / POINTS, leg, every, len(species))
        for leg in cut(protocol, record["asked"]["leg_steps"])
        if leg.stage is production
    ]
    rows = np.concatenate(parts)
    settings: dict[str, Any] = record["asked"]["potential"]
    said = f"{settings['cutoff']:g} and {settings['rel_cutoff']:g} Ry, dispersion {settings['dispersion']}"
    energy, virial, forces, positions = np.split(rows, np.cumsum([1, CELL_COLUMNS, 3 * len(species)]), axis=1)
    shape = (len(rows), len(species), 3)
    return Labelled.of([
        System(
            folder.path.name, species, np.repeat(cell[None], len(rows), axis=0), positions.reshape(shape), energy[:, 0],
            forces.reshape(shape), virial.reshape(-1, 3, 3), np.arange(len(rows)),
            f"{folder.path}: a run of {record['engine']['version']}, PBE, {said}, {production.temperature:g} K",
        )
    ])  # fmt: skip


def _rows(path: Path, leg: Leg, every: int, n_atoms: int) -> Floats:
    """The labels of a leg's frames; the first frame of all but the first leg is the last of the one before."""
    columns = 1 + CELL_COLUMNS + 6 * n_atoms
    steps = leg.stop - leg.start + 1
    if not path.exists() or path.stat().st_size != 8 * columns * steps:
        raise Refusal("The labels of a leg are not whole", str(path), "Remove this leg's folder and run again")
    rows = np.fromfile(path, np.float64).reshape(steps, columns)[::every]
    return rows if leg.start == 0 else rows[1:]
