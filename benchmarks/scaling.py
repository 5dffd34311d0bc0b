"""How our time grows: against atoms, frames, Q and cores, with the exponent of a power law through the points.

    python benchmarks/scaling.py [--only msd] [--json scaling.json]

Each number is the least of three runs after a warm-up, CPU seconds with one thread; against cores it is the wall's. The
error of the exponent is that of a straight line through the logarithms: it holds what the law does not describe.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from systems import SPACING, moment

RUNS = 3
Job = Callable[[], object]


@dataclass(frozen=True)
class Law:
    observable: str
    against: str
    range: str
    exponent: float
    error: float
    seconds: list[float]


def run_of(cubes: int, frames: int) -> Any:
    """Vibrating framework, walking ions; as many ions as a half of the framework has atoms."""
    import vanhove as vh

    places, species, length = moment(cubes, 5 * cubes**3 // 2)
    rng = np.random.default_rng(1)
    walk = 0.1 * rng.standard_normal((frames, *places.shape[1:]))
    moving = species == "Li"
    walk[:, moving] = np.cumsum(walk[:, moving], axis=0)
    times = SPACING * np.arange(frames)
    return vh.from_arrays(places + walk, length, species.tolist(), times, wrapped=False, temperature=600.0)


def fitted(x: list[float], y: list[float]) -> tuple[float, float]:
    """Slope of the logarithms and its standard error."""
    a, b = np.log(x), np.log(y)
    slope, offset = np.polyfit(a, b, 1)
    left = b - slope * a - offset
    spread = np.sqrt((left**2).sum() / max(len(a) - 2, 1) / ((a - a.mean()) ** 2).sum())
    return float(slope), float(spread)


def msd(cubes: int = 4, frames: int = 2000) -> Job:
    import vanhove as vh

    traj = run_of(cubes, frames)
    return lambda: vh.dynamics.msd(traj, "Li", drift=None)


def van_hove(cubes: int = 4, frames: int = 2000) -> Job:
    import vanhove as vh

    traj = run_of(cubes, frames)
    return lambda: vh.dynamics.van_hove(traj, "Li", drift=None)


def rdf(cubes: int = 5, frames: int = 20) -> Job:
    import vanhove as vh

    traj = run_of(cubes, frames)
    return lambda: vh.structure.rdf(traj, r_max=8.0)


def coherent(cubes: int = 4, frames: int = 500, vectors: int = 100) -> Job:
    import vanhove as vh

    traj = run_of(cubes, frames)
    numbers = np.indices((8, 8, 8)).reshape(3, -1).T[1 : vectors + 1]
    q = 2 * np.pi / (cubes * 5.5) * numbers
    return lambda: vh.spectra.coherent(traj, q, drift=None)


SERIES: list[tuple[Callable[..., Job], str, str, list[int]]] = [
    (msd, "frames", "frames", [1000, 2000, 4000, 8000]),
    (msd, "cubes", "atoms", [3, 4, 5, 7]),
    (van_hove, "frames", "frames", [1000, 2000, 4000, 8000]),
    (rdf, "cubes", "atoms", [5, 7, 9, 11]),
    (coherent, "vectors", "Q", [50, 100, 200, 400]),
    (coherent, "frames", "frames", [250, 500, 1000, 2000]),
    (coherent, "cubes", "atoms", [3, 4, 5, 7]),
]


def least(job: Job, clock: Callable[[], float]) -> float:
    job()
    taken = []
    for _ in range(RUNS):
        began = clock()
        job()
        taken.append(clock() - began)
    return min(taken)


def law(name: str, against: str, numbers: list[float], taken: list[float]) -> Law:
    found = Law(name, against, f"{numbers[0]:g}–{numbers[-1]:g}", *fitted(numbers, taken), taken)
    print(f"{name:10} {against:8} {found.range:14} {found.exponent:6.2f} ± {found.error:.2f}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="How our time grows")
    parser.add_argument("--only", choices=sorted({one[0].__name__ for one in SERIES}))
    parser.add_argument("--json", type=Path, help="write the exponents here")
    asked = parser.parse_args()
    laws = []
    chosen = [one for one in SERIES if asked.only in (None, one[0].__name__)]
    os.environ["VANHOVE_THREADS"] = "1"
    for make, keyword, against, values in chosen:
        taken = [least(make(**{keyword: value}), time.process_time) for value in values]
        numbers = [7.5 * value**3 if against == "atoms" else float(value) for value in values]
        laws.append(law(make.__name__, against, numbers, taken))
    cores = len(os.sched_getaffinity(0))
    for make in dict.fromkeys(one[0] for one in chosen):
        job, numbers, taken = make(), [1.0, float(cores)], []
        for threads in (1, cores):
            os.environ["VANHOVE_THREADS"] = str(threads)
            taken.append(least(job, time.perf_counter))
        if cores > 1:
            laws.append(law(make.__name__, "cores", numbers, taken))
    if asked.json is not None:
        entries = {f"{one.observable} {one.against}": asdict(one) for one in laws}
        asked.json.write_text(json.dumps({"entries": entries}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
