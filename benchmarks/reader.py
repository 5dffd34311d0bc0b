"""A LAMMPS text dump of 3000 atoms, read whole into memory: ours against OVITO, chemfiles, ASE and MDAnalysis.

    python benchmarks/reader.py [--frames 1000] [--runs 3] [--json reader.json]

All read the same file from the system's cache and give unwrapped positions of every frame, (frame, atom, axis). Ours
sorts by id, checks every number and gives float64; OVITO and chemfiles leave the rows as they stand; MDAnalysis gives
float32. They are compared before they are timed. Work is counted in bytes of the file.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from common import Peer, System, arguments, measure, prepared, report, system

import vanhove as vh

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TYPES = {1: "S", 2: "P", 3: "Li"}
STEP = 0.001  # ps


def write_dump(sample: System, path: Path) -> None:
    number = {label: kind for kind, label in TYPES.items()}
    kinds = np.array([number[label] for label in sample.species.tolist()])
    ids = np.arange(1, len(kinds) + 1)
    edge = f"0.0 {sample.length:.6f}\n"
    with path.open("w") as file:
        for positions, time in zip(sample.positions, sample.times, strict=True):
            file.write(f"ITEM: TIMESTEP\n{round(time / STEP)}\nITEM: NUMBER OF ATOMS\n{len(kinds)}\n")
            file.write(f"ITEM: BOX BOUNDS pp pp pp\n{edge * 3}ITEM: ATOMS id type xu yu zu\n")
            np.savetxt(file, np.column_stack([ids, kinds, positions]), fmt="%d %d %.6f %.6f %.6f")


def ours(path: Path) -> Callable[[], NDArray[np.floating]]:
    return lambda: vh.open(path, species=TYPES, timestep=STEP).positions


def ase(path: Path) -> Callable[[], NDArray[np.floating]]:
    from ase.io import read

    return lambda: np.array([image.positions for image in read(path, index=":", format="lammps-dump-text")])


def ovito(path: Path) -> Callable[[], NDArray[np.floating]]:
    from ovito.io import import_file

    def job() -> NDArray[np.floating]:
        source = import_file(str(path)).source
        frames = [np.asarray(source.compute(frame).particles.positions) for frame in range(source.num_frames)]
        return np.stack(frames)

    return job


def chemfiles(path: Path) -> Callable[[], NDArray[np.floating]]:
    from chemfiles import Trajectory

    def job() -> NDArray[np.floating]:
        with Trajectory(str(path), "r", "LAMMPS") as file:
            positions = np.empty((file.nsteps, len(file.read_step(0).atoms), 3))
            for number in range(len(positions)):
                frame = file.read_step(number)  # it keeps what its positions look at
                positions[number] = frame.positions
            return positions

    return job


def mdanalysis(path: Path) -> Callable[[], NDArray[np.floating]]:
    import MDAnalysis as mda

    def job() -> NDArray[np.floating]:
        universe = mda.Universe(
            str(path), format="LAMMPSDUMP", topology_format="LAMMPSDUMP", lammps_coordinate_convention="unwrapped"
        )
        positions = np.empty((len(universe.trajectory), len(universe.atoms), 3), np.float32)
        for frame in universe.trajectory:
            positions[frame.frame] = frame.positions
        return positions

    return job


def main() -> None:
    warnings.filterwarnings("ignore", module="MDAnalysis")  # that it guesses masses and times
    asked = arguments("reading a LAMMPS text dump", frames=1000)
    sample = system(asked.frames)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.lammpstrj"
        write_dump(sample, path)
        peers = [
            Peer("ovito", "ovito", lambda _: ovito(path)),
            Peer("chemfiles", "chemfiles", lambda _: chemfiles(path)),
            Peer("ase", "ase", lambda _: ase(path)),
            Peer("MDAnalysis", "MDAnalysis", lambda _: mdanalysis(path)),
        ]
        jobs = prepared(ours(path), peers, sample)
        for name, job in jobs.items():
            np.testing.assert_allclose(np.asarray(job()), sample.positions, atol=2e-4, err_msg=name)
        timings = measure(jobs, asked.runs)
        size = path.stat().st_size
    report(
        f"LAMMPS text dump, {len(sample.species)} atoms, {asked.frames} frames, {size / 1e6:.0f} MB", timings,
        work=size, unit="byte", json_path=asked.json,
    )  # fmt: skip


if __name__ == "__main__":
    main()
