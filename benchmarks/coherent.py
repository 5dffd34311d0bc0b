"""Coherent scattering and currents of all pairs of three species: ours against dynasor.

    python benchmarks/coherent.py [--frames 2000] [--runs 3] [--json coherent.json]

1000 atoms and 300 wavevectors of the cell up to 3 1/Å, lags up to half the run; ours takes every frame as an origin
and gives errors. dynasor is timed twice, once each: with every 100th frame as an origin (a hundredth of the
statistics), and with all of them on a run that is a tenth as long; its time there grows with the square of the run, and
is scaled by that. Then 3000 atoms × 5000 frames at every wavevector of the cell up to 2.5 1/Å, once; of dynasor its
sums over atoms alone, without any correlation, from a few frames, scaled.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from common import OURS, System, Timing, arguments, measure, report, system

import vanhove as vh
from vanhove.spectra.q_points import Points, shells

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ATOMS = dict(cubes=5, ions=375)  # 1000 atoms
WAVES, FARTHEST = 300, 3.0
SPARSE = 100  # frames between the origins of dynasor's cheap run
SHORTER = 10  # of the run, on which dynasor takes every origin
ALL_Q, BIG_FRAMES = 2.5, 5000
FEW_FRAMES = 20


def trajectory(sample: System, velocities: NDArray[np.float64]) -> vh.Trajectory:
    return vh.from_arrays(
        sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False,
        velocities=velocities, temperature=600.0,
    )  # fmt: skip


def waves(sample: System) -> NDArray[np.float64]:
    """Some of the cell's vectors, drawn evenly by length: as many of each shell."""
    cell = np.eye(3) * sample.length
    points: Points = shells(cell, [FARTHEST / 2], FARTHEST, "all")[0]
    lengths = np.linalg.norm(points.vectors, axis=1)
    rng = np.random.default_rng(1)
    return points.vectors[np.sort(rng.choice(len(lengths), WAVES, replace=False, p=lengths**-2 / (lengths**-2).sum()))]


class Frames:
    """Frames in memory as dynasor takes them from a file: positions and velocities by species."""

    def __init__(self, sample: System, velocities: NDArray[np.float64] | None) -> None:
        self.cell = np.eye(3) * sample.length
        self.n_atoms, self.frame_step = len(sample.species), 1
        self.atomic_indices = {str(name): np.flatnonzero(sample.species == name) for name in np.unique(sample.species)}
        self.atom_types = sorted(self.atomic_indices)
        self.has_positions, self.has_velocities = True, velocities is not None
        self.number_of_frames_read = len(sample.positions)
        self._arrays = sample.positions, velocities
        self._next = 0

    def __iter__(self) -> Frames:
        return self

    def __next__(self) -> Any:
        from dynasor.trajectory.trajectory_frame import TrajectoryFrame

        positions, velocities = self._arrays
        if self._next == len(positions):
            raise StopIteration
        at = self._next
        self._next += 1
        moving = None if velocities is None else velocities[at]
        return TrajectoryFrame(self.atomic_indices, at, positions[at], moving)


def dynasor(
    sample: System, velocities: NDArray[np.float64] | None, q: NDArray[np.float64], window: int, step: int
) -> Callable[[], object]:
    from dynasor import compute_dynamic_structure_factors

    def job() -> object:
        return compute_dynamic_structure_factors(
            Frames(sample, velocities), q, dt=1e3 * float(sample.times[1]), window_size=window, window_step=step,
            calculate_currents=velocities is not None, logging_interval=0,
        )  # fmt: skip

    return job


def part(sample: System, frames: int) -> System:
    return System(sample.positions[:frames], sample.species, sample.length, sample.times[:frames])


def timed(job: Callable[[], object], version: str, scale: float, label: str) -> Timing:
    start, cpu = time.perf_counter(), time.process_time()
    job()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - start
    return Timing(label, version, scale * cpu, scale * wall, 1)


def compare(
    sample: System, velocities: NDArray[np.float64], runs: int, json_path: Path | None, *, moving: bool
) -> None:
    frames, q = len(sample.times), waves(sample)
    traj = trajectory(sample, velocities)
    work = vh.spectra.currents if moving else vh.spectra.coherent
    options: dict[str, Any] = dict(q=q, pairs=PAIRS)
    job: Callable[[], object] = lambda: work(traj, **options)  # noqa: E731
    timings = measure({OURS: job}, runs)
    try:
        from dynasor import __version__ as version
    except ImportError:
        print("dynasor: left out, not installed (pip install dynasor)")
    else:
        mine = velocities if moving else None
        window = frames // 2 - 1
        job = dynasor(sample, mine, q, window, SPARSE)
        job()  # compiles
        timings.append(timed(job, version, 1.0, "dynasor, 1 %"))
        short = frames // SHORTER
        few = None if mine is None else mine[:short]
        every = dynasor(part(sample, short), few, q, short // 2 - 1, 1)
        timings.append(timed(every, version, float(SHORTER**2), "dynasor, scaled"))
    what = "currents" if moving else "F(Q,t), S(Q,E)"
    title = (
        f"{what}, {len(sample.species)} atoms, {frames} frames, {WAVES} Q, 6 pairs; ours at all origins, dynasor at "
        f"1 % of them, and at all of them scaled from {frames // SHORTER} frames"
    )
    report(title, timings, work=frames * WAVES * len(sample.species), unit="atom, Q and frame", json_path=json_path)


PAIRS = ["S-S", "S-P", "S-Li", "P-P", "P-Li", "Li-Li"]


def everything(json_path: Path | None) -> None:
    """Every wavevector of a large cell in shells, once."""
    sample = system(BIG_FRAMES)
    traj = vh.from_arrays(
        sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False, temperature=600.0
    )
    middles = np.arange(0.15, ALL_Q, 0.1).tolist()
    vh.spectra.coherent(traj[:50], middles)
    found: list[Any] = []
    timings = [timed(lambda: found.append(vh.spectra.coherent(traj, middles)), vh.__version__, 1.0, OURS)]
    count = int(found[0]["n_vectors"].sum())
    try:
        from dynasor import __version__ as version
        from dynasor import compute_static_structure_factors
    except ImportError:
        print("dynasor: left out, not installed (pip install dynasor)")
    else:
        vectors = shells(np.eye(3) * sample.length, middles, 0.1, "all")[0].vectors
        few = part(sample, FEW_FRAMES)
        compute_static_structure_factors(Frames(few, None), vectors, logging_interval=0)
        job: Callable[[], object] = lambda: compute_static_structure_factors(  # noqa: E731
            Frames(few, None), vectors, logging_interval=0
        )
        timings.append(timed(job, version, BIG_FRAMES / FEW_FRAMES, "dynasor, sums"))
    title = (
        f"F(Q,t), S(Q,E), {len(sample.species)} atoms, {BIG_FRAMES} frames, all {count} Q up to {ALL_Q} 1/Å, 6 pairs; "
        f"of dynasor the sums over atoms alone, scaled from {FEW_FRAMES} frames"
    )
    report(title, timings, work=BIG_FRAMES * count * len(sample.species), unit="atom, Q and frame", json_path=json_path)


def main() -> None:
    asked = arguments("coherent scattering and currents", frames=2000)
    logging.disable(logging.INFO)  # dynasor tells what it does
    sample = system(asked.frames, **ATOMS)
    velocities = np.random.default_rng(2).standard_normal(sample.positions.shape)
    compare(sample, velocities, asked.runs, asked.json, moving=False)
    compare(sample, velocities, asked.runs, beside(asked.json, "currents"), moving=True)
    del sample, velocities
    everything(beside(asked.json, "all_q"))


def beside(path: Path | None, name: str) -> Path | None:
    return None if path is None else path.with_name(f"{path.stem}_{name}{path.suffix}")


if __name__ == "__main__":
    main()
