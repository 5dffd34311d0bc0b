"""Incoherent scattering of 3000 atoms at 20 powder Q, all lags up to half of the run, every origin: ours, and dynasor.

    python benchmarks/incoherent.py [--frames 5000] [--runs 5] [--json incoherent.json]

First the same work by both on a small system: 20 vectors of the cell, every origin. dynasor reads its frames from a DCD
file and gives the coherent part, too, which takes it little beside this. Then the large system by ours alone: dynasor
would take hours, so that its time there is the small one's, scaled by atoms and pairs of frames, with one vector at
each Q, which is no average over directions yet. Last, ours at logarithmic lags, F only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import OURS, SPACING, Peer, System, Timing, arguments, measure, prepared, report, system

import vanhove as vh

SPECIES = ("S", "P", "Li")
WAVE_NUMBERS = np.linspace(0.2, 2.5, 20)
SMALL = {"frames": 200, "cubes": 5, "ions": 375}


def vectors_of(sample: System) -> Any:
    """One vector of the cell near each of the Q."""
    numbers = np.maximum(np.rint(WAVE_NUMBERS * sample.length / (2 * np.pi)), 1)
    return 2 * np.pi / sample.length * numbers[:, None] * np.eye(3)[np.arange(len(numbers)) % 3]


def ours(sample: System, q: Any, **options: Any) -> Callable[[], object]:
    traj = vh.from_arrays(sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False)
    return lambda: [vh.spectra.incoherent(traj, name, q, drift=None, **options) for name in SPECIES]


def dynasor(sample: System, folder: Path) -> Callable[[], object]:
    from dynasor import Trajectory, compute_dynamic_structure_factors
    from MDAnalysis import Universe
    from MDAnalysis.coordinates.DCD import DCDWriter

    logging.disable(logging.CRITICAL)
    universe = Universe.empty(len(sample.species), trajectory=True)
    cell = [sample.length] * 3 + [90.0] * 3
    with DCDWriter(str(folder / "x.dcd"), len(sample.species)) as writer:
        for frame in sample.positions:
            universe.atoms.positions = frame
            universe.dimensions = cell
            writer.write(universe.atoms)
    index = {name: np.flatnonzero(sample.species == name).tolist() for name in SPECIES}
    vectors, window = vectors_of(sample), (len(sample.times) - 1) // 2

    def job() -> object:
        traj = Trajectory(str(folder / "x.dcd"), trajectory_format="dcd", atomic_indices=index)
        return compute_dynamic_structure_factors(
            traj, vectors, dt=1e3 * SPACING, window_size=window, window_step=1, calculate_incoherent=True
        )

    return job


def pairs(frames: int) -> int:
    """Pairs of frames no further apart than half of the run."""
    return sum(frames - lag for lag in range((frames - 1) // 2 + 1))


def main() -> None:
    asked = arguments("incoherent scattering of all species", frames=5000)
    small = system(**SMALL)
    work = len(small.species) * len(WAVE_NUMBERS) * pairs(len(small.times))
    with TemporaryDirectory() as folder:
        peers = [Peer("dynasor", "dynasor", lambda sample: dynasor(sample, Path(folder)))]
        timings = measure(prepared(ours(small, vectors_of(small)), peers, small), asked.runs)
    size = f"{len(small.species)} atoms, {len(small.times)} frames, every origin"
    report(f"S_inc, 20 vectors, {size}", timings, work=work, unit="phase difference", json_path=None)
    sample = system(asked.frames)
    large = len(sample.species) * len(WAVE_NUMBERS) * pairs(asked.frames)
    found = measure({OURS: ours(sample, WAVE_NUMBERS)}, asked.runs)
    found += [
        Timing(f"{t.name}, scaled", t.version, t.cpu * large / work, t.wall * large / work, t.runs)
        for t in timings
        if t.name != OURS
    ]
    size = f"{len(sample.species)} atoms, {asked.frames} frames, every origin"
    report(f"S_inc, 20 powder Q, {size}", found, work=large, unit="phase difference", json_path=asked.json)
    few = measure({OURS: ours(sample, WAVE_NUMBERS, lags="log")}, asked.runs)
    title = f"F_s(Q, t), 20 powder Q, some 60 lags, {size}"
    report(title, few, work=len(sample.species) * asked.frames, unit="position", json_path=None)


if __name__ == "__main__":
    main()
