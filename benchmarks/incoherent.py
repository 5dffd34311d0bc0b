"""Incoherent scattering of 3000 atoms at 20 powder Q, all lags up to half of the run: ours, dynasor and MDANSE.

    python benchmarks/incoherent.py [--frames 5000] [--runs 5] [--json incoherent.json]

First the same work by all on a small system: its cell's 20 shortest vectors along x. dynasor reads its frames from a
DCD file and gives the coherent part, too, which takes it little beside this. MDANSE reads its own file, and takes the
first half of the run as origins of every lag, ours and dynasor every frame. Then the large system at powder Q by ours
alone: the others would take hours, and with one vector a Q, which is no average over directions yet. dynasor's time is
that of the small system, scaled by atoms and pairs of frames; MDANSE correlates by FFT, so that it is timed once on a
few atoms over as many frames, and scaled by atoms. Last, ours at logarithmic lags, F only.
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


def pairs(frames: int) -> int:
    """Pairs of frames no further apart than half of the run."""
    return sum(frames - lag for lag in range((frames - 1) // 2 + 1))


def scaled(timing: Timing, factor: float) -> Timing:
    return Timing(f"{timing.name}, scaled", timing.version, timing.cpu * factor, timing.wall * factor, timing.runs)


def main() -> None:
    asked = arguments("incoherent scattering of all species", frames=5000)
    small, few = system(**SMALL), system(asked.frames, **FEW)
    work = len(small.species) * len(WAVE_NUMBERS) * pairs(len(small.times))
    with TemporaryDirectory() as folder:
        peers = [
            Peer("dynasor", "dynasor", lambda sample: dynasor(sample, Path(folder))),
            Peer("MDANSE", "MDANSE", lambda sample: mdanse(sample, Path(folder))),
        ]
        timings = measure(prepared(ours(small, vectors_of(small)), peers, small), asked.runs)
        with_mdanse = any(t.name == "MDANSE" for t in timings)
        long = measure({"MDANSE": mdanse(few, Path(folder))}, 1) if with_mdanse else []
    size = f"{len(small.species)} atoms, {len(small.times)} frames"
    report(f"S_inc, {len(WAVE_NUMBERS)} vectors, {size}", timings, work=work, unit="phase difference", json_path=None)
    sample = system(asked.frames)
    large = len(sample.species) * len(WAVE_NUMBERS) * pairs(asked.frames)
    found = measure({OURS: ours(sample, WAVE_NUMBERS)}, asked.runs)
    found += [scaled(t, large / work) for t in timings if t.name == "dynasor"]
    found += [scaled(t, len(sample.species) / len(few.species)) for t in long]
    size = f"{len(sample.species)} atoms, {asked.frames} frames, every origin"
    title = (
        f"S_inc, 20 powder Q, {size}; the others at one vector a Q, dynasor scaled from the small system by atoms and "
        f"pairs of frames, MDANSE by atoms from {len(few.species)}"
    )
    report(title, found, work=large, unit="phase difference", json_path=asked.json)
    sparse = measure({OURS: ours(sample, WAVE_NUMBERS, lags="log")}, asked.runs)
    title = f"F_s(Q, t), 20 powder Q, some 60 lags, {size}"
    report(title, sparse, work=len(sample.species) * asked.frames, unit="position", json_path=None)


if __name__ == "__main__":
    main()
