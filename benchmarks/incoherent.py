"""Incoherent scattering of 3000 atoms at 20 powder Q, all lags up to half of the run: ours, dynasor and MDANSE.

    python benchmarks/incoherent.py [--frames 5000] [--runs 5] [--json incoherent.json]

First the same work by all on a small system: its cell's 20 shortest vectors along x. dynasor reads its frames from a
DCD file and gives the coherent part, too, which takes it little beside this. MDANSE reads its own file, and takes the
first half of the run as origins of every lag, ours and dynasor every frame. Then ours and MDANSE, which both correlate
by FFT, on few atoms over the whole run, once.

Then the large system at powder Q by ours, each Q an average over all directions. The others' times beside it are for
one vector a Q, which is no average yet: dynasor would take hours, so that its time is that of the small system, scaled
by atoms and pairs of frames; MDANSE's is that of the few atoms, scaled by atoms. Last, F only, at logarithmic lags.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import through_mdanse
from common import OURS, SPACING, Peer, System, Timing, arguments, measure, prepared, report, system

import vanhove as vh

SPECIES = ("S", "P", "Li")
WAVE_NUMBERS = np.linspace(0.2, 2.5, 20)
SMALL = {"frames": 200, "cubes": 5, "ions": 375}
FEW = {"cubes": 3, "ions": 54}  # 189 atoms


def vectors_of(sample: System) -> Any:
    """As many vectors of the cell as there are Q."""
    return 2 * np.pi / sample.length * np.outer(np.arange(len(WAVE_NUMBERS)) + 1, [1, 0, 0])


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


def mdanse(sample: System, folder: Path) -> Callable[[], object]:
    path = folder / f"{len(sample.times)}.mdt"
    through_mdanse.write(sample, path)
    line = {"start": [1, 0, 0], "step": [1, 0, 0], "n_steps": len(WAVE_NUMBERS)}
    return through_mdanse.job(
        "DynamicIncoherentStructureFactor", path, frames=(0, len(sample.times), 1, (len(sample.times) + 1) // 2),
        q_vectors=("DispersionLatticeQVectors", line),
    )  # fmt: skip


def phases(sample: System) -> int:
    """Phase differences: atoms, Q, pairs of frames no further apart than half of the run."""
    frames = len(sample.times)
    return len(sample.species) * len(WAVE_NUMBERS) * sum(frames - lag for lag in range((frames - 1) // 2 + 1))


def scaled(timing: Timing, factor: float) -> Timing:
    return Timing(f"{timing.name}, scaled", timing.version, timing.cpu * factor, timing.wall * factor, timing.runs)


def vectors(sample: System, peers: list[Peer], runs: int) -> list[Timing]:
    """The same work by all."""
    timings = measure(prepared(ours(sample, vectors_of(sample)), peers, sample), runs)
    title = f"S_inc, {len(WAVE_NUMBERS)} vectors, {len(sample.species)} atoms, {len(sample.times)} frames"
    report(title, timings, work=phases(sample), unit="phase difference", json_path=None)
    return timings


def main() -> None:
    asked = arguments("incoherent scattering of all species", frames=5000)
    small, few = system(**SMALL), system(asked.frames, **FEW)
    with TemporaryDirectory() as folder:
        direct = Peer("dynasor", "dynasor", lambda sample: dynasor(sample, Path(folder)))
        by_fft = Peer("MDANSE", "MDANSE", lambda sample: mdanse(sample, Path(folder)))
        timings = [t for t in vectors(small, [direct, by_fft], asked.runs) if t.name == direct.package]
        long = [t for t in vectors(few, [by_fft], 1) if t.name == by_fft.package]
    sample = system(asked.frames)
    found = measure({OURS: ours(sample, WAVE_NUMBERS)}, asked.runs)
    found += [scaled(t, phases(sample) / phases(small)) for t in timings]
    found += [scaled(t, len(sample.species) / len(few.species)) for t in long]
    size = f"{len(sample.species)} atoms, {asked.frames} frames, every origin"
    title = (
        f"S_inc, 20 powder Q, {size}; the others at 20 vectors, dynasor scaled from {len(small.species)} atoms and "
        f"{len(small.times)} frames by atoms and pairs of frames, MDANSE from {len(few.species)} atoms by atoms"
    )
    report(title, found, work=phases(sample), unit="phase difference", json_path=asked.json)
    sparse = measure({OURS: ours(sample, WAVE_NUMBERS, lags="log")}, asked.runs)
    title = f"F_s(Q, t), 20 powder Q, some 60 lags, {size}"
    report(title, sparse, work=len(sample.species) * asked.frames, unit="position", json_path=None)


if __name__ == "__main__":
    main()
