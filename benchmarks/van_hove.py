"""The self Van Hove function of the ions of 3000 atoms at 100 logarithmic lags from all origins: ours against numpy.

    python benchmarks/van_hove.py [--frames 5000] [--runs 5] [--json van_hove.json]

No peer bins every origin. numpy does the same work a lag at a time (norms, then ``bincount``), without the errors and
the Gaussian that ours gives, for a tenth of the lags, once; its times are scaled to all of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from common import OURS, Timing, arguments, measure, report, system

import vanhove as vh

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAGS = 100
SHARE = 10  # one lag in so many is done by numpy
BINS, WIDTH = 100, 0.1


def plain(positions: NDArray[np.float64], lags: list[int]) -> object:
    counts = []
    for lag in lags:
        far = np.sqrt(((positions[lag:] - positions[: len(positions) - lag]) ** 2).sum(axis=-1))
        bins = np.minimum((far / WIDTH).astype(np.int64), BINS)
        counts.append(np.bincount(bins.ravel(), minlength=BINS + 1))
    return counts


def main() -> None:
    asked = arguments("self Van Hove function of the ions", frames=5000)
    sample = system(asked.frames)
    ions = np.flatnonzero(sample.species == "Li")
    positions = np.ascontiguousarray(sample.positions[:, ions])
    traj = vh.from_arrays(positions, sample.length, ["Li"] * len(ions), sample.times, wrapped=False)
    spacing = float(sample.times[1])
    lags = np.unique(np.round(np.geomspace(1, asked.frames - 1, LAGS)).astype(int)).tolist()
    asked_for = [spacing * lag for lag in lags]
    timings = measure({OURS: lambda: vh.dynamics.van_hove(traj, "Li", asked_for, drift=None)}, asked.runs)
    some = lags[::SHARE]
    start, cpu = time.perf_counter(), time.process_time()
    plain(positions, some)
    share = sum(asked.frames - lag for lag in lags) / sum(asked.frames - lag for lag in some)
    cpu, wall = share * (time.process_time() - cpu), share * (time.perf_counter() - start)
    timings.append(Timing("numpy", np.__version__, cpu, wall, 1))
    displacements = len(ions) * sum(asked.frames - lag for lag in lags)
    title = f"self Van Hove function, {len(lags)} lags, {len(ions)} ions, {asked.frames} frames, all origins"
    report(title, timings, work=displacements, unit="displacement", json_path=asked.json)


if __name__ == "__main__":
    main()
