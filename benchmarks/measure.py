"""One job, measured in a process of its own: ``python measure.py ROW WHO FOLDER RESULT``; JSON on its last line.

CPU seconds are those of all threads and of child processes. The first run counts apart: libraries load, code is
compiled. A short job is repeated within a run until the run takes ``LONG`` seconds; a long one is run fewer times.
Peak memory is that of the timed runs, beside what stood before them: the input and the libraries.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from rows import table
from rows.base import Job, Row, threads
from systems import System

LONG = 0.2  # s of a timed run, at least
PATIENCE = 60.0  # CPU s for all runs of a job together, about
EMPTY = 1e-4  # CPU s: less is no work of this process
MEMORY = Path("/proc/self/status")


def job_of(row: str, who: str) -> tuple[Row, Job]:
    chosen = table()[row]
    return chosen, next(job for job in chosen.jobs if job.who == who)


def memory(key: str) -> float:
    """MB, as Linux counts them: ``VmRSS`` now, ``VmHWM`` at its highest."""
    for line in MEMORY.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1e3
    return float("nan")


def forget_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # some systems don't allow it: the peak then includes the first run
        return False
    return True


def clocks() -> tuple[float, float]:
    """CPU and wall, s."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used), time.perf_counter()


def timed(work: Callable[[], object], times: int) -> tuple[float, float]:
    gc.collect()  # what was left behind before is not this run's work
    cpu, wall = clocks()
    for _ in range(times):
        work()
    after = clocks()
    return (after[0] - cpu) / times, (after[1] - wall) / times


def spread(values: list[float]) -> float:
    """Half the distance of the quartiles, as a share of the median."""
    if len(values) < 3:
        return float("nan")
    low, middle, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / middle if middle else 0.0


def measure(work: Callable[[], Any], runs: int) -> tuple[dict[str, Any], Any]:
    """The timings, and what the first run gave."""
    result: list[Any] = []
    first = timed(lambda: result.append(work()), 1)
    taken, before = [], memory("VmRSS")
    forget_peak()
    if first[0] > PATIENCE:  # by its CPU seconds: on a busy machine the clock says little
        taken = [first]
    else:
        warm = timed(work, 1)
        repeats = max(1, round(LONG / max(warm[0], 1e-6))) if warm[0] > EMPTY else 1
        number = min(runs, max(2, int(PATIENCE / max(warm[0], LONG))))
        taken = [warm] if repeats == 1 else []
        taken += [timed(work, repeats) for _ in range(number - len(taken))]
    cpu, wall = [one[0] for one in taken], [one[1] for one in taken]
    numbers = {
        "cpu": statistics.median(cpu), "wall": statistics.median(wall), "cpu_spread": spread(cpu),
        "wall_spread": spread(wall), "runs": len(taken), "first_wall": first[1], "before_mb": before,
        "peak_mb": memory("VmHWM"), "load": os.getloadavg()[0],
    }  # fmt: skip
    return numbers, result[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("row")
    parser.add_argument("who")
    parser.add_argument("folder", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    row, job = job_of(asked.row, asked.who)
    sample = System(asked.folder)
    work = job.prepare(sample)
    gc.collect()
    numbers, result = measure(work, asked.runs)
    share = job.share(System(asked.folder)) if callable(job.share) else job.share
    np.savez(asked.result, **result)
    about = {
        "version": metadata.version(job.distribution), "threads": threads(), "share": share,
        "units": row.work(System(asked.folder)), "python": sys.version.split()[0],
    }  # fmt: skip
    print(json.dumps({**numbers, **about}))


if __name__ == "__main__":
    main()
