"""The MSD of the three species of 3000 atoms at all lags from all origins: ours against MDAnalysis and tidynamics.

    python benchmarks/msd.py [--frames 5000] [--runs 5] [--json msd.json]

Ours also gives the MSD by axis and in parts of the run and groups of ions; the peers give it by atom, and the mean over
each species is part of their job. Then ours alone at logarithmic lags, which no peer offers with all origins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from common import OURS, Peer, System, arguments, measure, prepared, report, system

import vanhove as vh

SPECIES = ("S", "P", "Li")


def ours(sample: System, lags: Literal["all", "log"] = "all") -> Callable[[], object]:
    traj = vh.from_arrays(
        sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False, temperature=600.0
    )
    return lambda: {name: vh.dynamics.msd(traj, name, drift=None, lags=lags).msd.values for name in SPECIES}


def mdanalysis(sample: System) -> Callable[[], object]:
    from MDAnalysis import Universe
    from MDAnalysis.analysis.msd import EinsteinMSD

    universe = Universe.empty(len(sample.species), trajectory=True)
    universe.load_new(sample.positions.astype(np.float32), order="fac")

    def job() -> object:
        result = EinsteinMSD(universe, select="all", msd_type="xyz", fft=True).run(verbose=False).results
        return {name: result.msds_by_particle[:, sample.species == name].mean(axis=1) for name in SPECIES}

    return job


def tidynamics(sample: System) -> Callable[[], object]:
    from tidynamics import msd

    def job() -> object:
        total = {name: np.zeros(len(sample.times)) for name in SPECIES}
        for atom, name in enumerate(sample.species.tolist()):
            total[name] += msd(np.ascontiguousarray(sample.positions[:, atom]))
        return {name: total[name] / (sample.species == name).sum() for name in SPECIES}

    return job


def main() -> None:
    asked = arguments("MSD of all species", frames=5000)
    sample = system(asked.frames)
    size = f"{len(sample.species)} atoms, {asked.frames} frames, all origins"
    peers = [Peer("MDAnalysis", "MDAnalysis", mdanalysis), Peer("tidynamics", "tidynamics", tidynamics)]
    timings = measure(prepared(ours(sample), peers, sample), asked.runs)
    work = len(sample.species) * asked.frames
    report(f"MSD, all lags, {size}", timings, work=work, unit="position", json_path=asked.json)
    few = measure({OURS: ours(sample, "log")}, asked.runs)
    report(f"MSD, some 60 lags, {size}", few, work=work, unit="position", json_path=None)


if __name__ == "__main__":
    main()
