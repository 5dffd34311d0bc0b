"""What happens before and around an analysis: reading a file, starting up."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rows.base import HOME, OURS, Aim, Arrays, Check, Job, Row, Work

if TYPE_CHECKING:
    from pathlib import Path

    from systems import System

TYPES = {1: "S", 2: "P", 3: "Li"}
STEP = 0.001  # ps
ROWS_OF_TEXT = 3_000_000  # about 190 MB


def frames(sample: System) -> int:
    return min(len(sample.times), ROWS_OF_TEXT // len(sample.species))


def dump(sample: System) -> Path:
    """The text file, written once: whole or not."""
    path = sample.folder / f"{frames(sample)}.lammpstrj"
    if path.exists():
        return path
    number = {label: kind for kind, label in TYPES.items()}
    kinds = np.array([number[label] for label in sample.species.tolist()])
    ids = np.arange(1, len(kinds) + 1)
    rows = "%d %d %.6f %.6f %.6f %.6f %.6f %.6f\n" * len(ids)
    edge = f"0.0 {sample.length:.6f}\n"
    part = path.with_suffix(f".{os.getpid()}")
    with part.open("w", encoding="ascii") as file:
        for number_of, time in enumerate(sample.times[: frames(sample)]):
            file.write(f"ITEM: TIMESTEP\n{round(time / STEP)}\nITEM: NUMBER OF ATOMS\n{len(ids)}\n")
            file.write(f"ITEM: BOX BOUNDS pp pp pp\n{edge * 3}ITEM: ATOMS id type xu yu zu vx vy vz\n")
            moving = sample.positions[number_of], sample.velocities[number_of]
            file.write(rows % tuple(np.column_stack([ids, kinds, *moving]).ravel().tolist()))
    part.replace(path)
    return path


def some(positions: np.ndarray) -> Arrays:  # type: ignore[type-arg]
    """Enough of them to see that they are right."""
    return {"positions": np.asarray(positions[:: max(1, len(positions) // 10)], np.float64)}


def path_of(sample: System) -> Path:
    """The file; the arrays it was made from are let go."""
    path = dump(sample)
    for name in ("positions", "velocities"):
        sample.__dict__.pop(name, None)
    return path


def ours_read(sample: System) -> Work:
    import vanhove as vh

    path = path_of(sample)
    return lambda: some(vh.open(path, species=TYPES, timestep=STEP).positions)


def ase_read(sample: System) -> Work:
    from ase.io import read

    path = path_of(sample)
    return lambda: some(np.array([image.positions for image in read(path, index=":", format="lammps-dump-text")]))


def ovito_read(sample: System) -> Work:
    from ovito.io import import_file

    path = path_of(sample)

    def job() -> Arrays:
        source = import_file(str(path)).source
        positions = np.empty((source.num_frames, len(sample.species), 3))
        for number in range(len(positions)):
            positions[number] = source.compute(number).particles.positions
        return some(positions)

    return job


def chemfiles_read(sample: System) -> Work:
    from chemfiles import Trajectory

    path = path_of(sample)

    def job() -> Arrays:
        with Trajectory(str(path), "r", "LAMMPS") as file:
            positions = np.empty((file.nsteps, len(sample.species), 3))
            for number in range(len(positions)):
                frame = file.read_step(number)  # it keeps what its positions look at
                positions[number] = frame.positions
        return some(positions)

    return job


def mdanalysis_read(sample: System) -> Work:
    import MDAnalysis as mda

    warnings.filterwarnings("ignore", module="MDAnalysis")  # that it guesses masses and times
    path = path_of(sample)
    asked = dict(format="LAMMPSDUMP", topology_format="LAMMPSDUMP", lammps_coordinate_convention="unwrapped")

    def job() -> Arrays:
        universe = mda.Universe(str(path), **asked)
        positions = np.empty((len(universe.trajectory), len(universe.atoms), 3), np.float32)
        for frame in universe.trajectory:
            positions[frame.frame] = frame.positions
        return some(positions)

    return job


def started(_: System, words: list[str]) -> Work:
    """A process of its own, from nothing to its end."""

    def job() -> Arrays:
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        return {}

    return job


def importing(module: str, who: str, home: str, package: str = "") -> Job:
    code = f"import {module}"
    return Job(who, home, partial(started, words=["-c", code]), f"python -c '{code}'", package)


READ = Row(
    "read", "LAMMPS text dump, positions of every frame in memory",
    [
        Job(OURS, HOME, ours_read, "vh.open(path, species=…, timestep=…).positions", threads=True,
            note="sorted by id, every number checked, float64"),
        Job("OVITO", "ovito", ovito_read, "import_file(path).source.compute(frame).particles.positions", "ovito",
            threads=True),
        Job("chemfiles", "readers", chemfiles_read, "Trajectory(path, 'r', 'LAMMPS').read_step(frame).positions"),
        Job("ase", "readers", ase_read, "ase.io.read(path, index=':', format='lammps-dump-text')"),
        Job("MDAnalysis", "mdanalysis", mdanalysis_read, "Universe(path, format='LAMMPSDUMP', …).trajectory"),
    ],
    "byte", lambda sample: float(dump(sample).stat().st_size), [Check("positions", 1e-5)], [Aim(2)],
)  # fmt: skip
IMPORT = Row(
    "import", "A process that imports the package",
    [
        importing("vanhove", OURS, HOME),
        importing("MDAnalysis", "MDAnalysis", "mdanalysis"),
        importing("freud", "freud", "freud", "freud-analysis"),
        importing("dynasor", "dynasor", "dynasor"),
        importing("mdtraj", "mdtraj", "mdtraj"),
        importing("ovito", "OVITO", "ovito", "ovito"),
        importing("kinisi", "kinisi", "kinisi"),
    ],
    "call", lambda _: 1.0, [], [Aim(seconds=0.3)], sizes="TS",
)  # fmt: skip
HELP = Row(
    "help", "The command's help",
    [Job(OURS, HOME, partial(started, words=["-m", "vanhove", "--help"]), "vanhove --help")],
    "call", lambda _: 1.0, [], [Aim(seconds=0.3)], sizes="TS",
)  # fmt: skip
ROWS = [READ, IMPORT, HELP]
