"""What the benchmarks share: a seeded system, and ours and the peers timed on the same work in the same run.

    python benchmarks/rdf.py --runs 5 --json rdf.json

Every job does its whole work in memory (positions are there already). A warm-up run comes first, so that compiling and
importing are not counted; jobs take turns, so that a busy moment of the machine hits all of them alike.
CPU seconds are those of all threads of the process. A peer that is not installed is left out with a line.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATTICE = 5.5  # Å, edge of one cube of the framework
SPACING = 0.02  # ps between frames
OURS = "vanhove"

Job = Callable[[], object]


@dataclass(frozen=True)
class System:
    """A framework that vibrates and ions that walk; no force behind it, only the right shapes, density and range."""

    positions: NDArray[np.float64]  # (frame, atom, axis) Å, unwrapped
    species: NDArray[np.str_]
    length: float  # Å, edge of the cubic cell
    times: NDArray[np.float64]  # ps

    @property
    def wrapped(self) -> NDArray[np.float64]:
        """Positions in the cell, each ≥ 0 and < its length."""
        inside = self.positions % self.length
        inside[inside >= self.length] = 0.0
        return inside


@dataclass(frozen=True)
class Peer:
    """Another package: its name on the index, the module it imports as, and how its job is made (not timed)."""

    package: str
    module: str
    prepare: Callable[[System], Job]


@dataclass(frozen=True)
class Timing:
    """Medians over the runs of one job, in seconds."""

    name: str
    version: str
    cpu: float
    wall: float
    runs: int


def system(frames: int, cubes: int = 7, ions: int = 1285, seed: int = 20261120) -> System:
    """3000 atoms by default: an fcc lattice of S with P in the middle of its cubes, and Li that walk."""
    rng = np.random.default_rng(seed)
    corner = np.indices((cubes, cubes, cubes)).reshape(3, -1).T.astype(float)
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sulphur = (corner[:, None] + fcc).reshape(-1, 3) * LATTICE
    phosphorus = (corner + 0.5) * LATTICE
    framework = np.concatenate([sulphur, phosphorus])
    length = cubes * LATTICE
    positions = np.empty((frames, len(framework) + ions, 3))
    positions[:, : len(framework)] = framework + 0.15 * rng.standard_normal((frames, len(framework), 3))
    walk = positions[:, len(framework) :]
    walk[:] = 0.1 * rng.standard_normal(walk.shape)
    walk[0] = rng.uniform(0, length, (ions, 3))
    np.cumsum(walk, axis=0, out=walk)
    species = np.array(["S"] * len(sulphur) + ["P"] * len(phosphorus) + ["Li"] * ions)
    return System(positions, species, length, SPACING * np.arange(frames))


def arguments(description: str, frames: int) -> argparse.Namespace:
    """The options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--frames", type=int, default=frames)
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each job; the median counts")
    parser.add_argument("--json", type=Path, help="write the timings here")
    return parser.parse_args()


def prepared(ours: Job, peers: list[Peer], sample: System) -> dict[str, Job]:
    """Our job and those of the peers that are installed, by name."""
    jobs = {OURS: ours}
    for peer in peers:
        if util.find_spec(peer.module) is None:
            print(f"{peer.package}: left out, not installed (pip install {peer.package})")
        else:
            jobs[peer.package] = peer.prepare(sample)
    return jobs


def measure(jobs: dict[str, Job], runs: int) -> list[Timing]:
    """Every job warmed up once, then ``runs`` rounds of all of them in turn."""
    cpu: dict[str, list[float]] = {name: [] for name in jobs}
    wall: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(runs):
        for name, job in jobs.items():
            gc.collect()  # what the job before left behind is not this one's work
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            job()
            cpu[name].append(time.process_time() - cpu_start)
            wall[name].append(time.perf_counter() - wall_start)
    return [
        Timing(name, metadata.version(name), statistics.median(cpu[name]), statistics.median(wall[name]), runs)
        for name in jobs
    ]


def report(title: str, timings: list[Timing], *, work: float, unit: str, json_path: Path | None) -> None:
    """The table of ratios, and the same as JSON; ``work`` things were done by every job, counted in ``unit``."""
    ours = next(timing for timing in timings if timing.name == OURS)
    print(f"\n{title}\n")
    head = f"{'':16}{'version':>12}{'CPU s':>10}{'wall s':>10}{'ns CPU a ' + unit:>22}"
    print(f"{head}{'CPU / ours':>12}{'wall / ours':>13}")
    for t in timings:
        each = 1e9 * t.cpu / work
        ratios = f"{t.cpu / ours.cpu:12.1f}{t.wall / ours.wall:13.1f}"
        print(f"{t.name:16}{t.version:>12}{t.cpu:10.4f}{t.wall:10.4f}{each:22.3f}{ratios}")
    if json_path is not None:
        content = {"title": title, "work": work, "unit": unit, "timings": [asdict(timing) for timing in timings]}
        json_path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
