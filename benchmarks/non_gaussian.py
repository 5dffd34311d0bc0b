"""The non-Gaussian parameter and the MSD of the ions of 3000 atoms at all lags from all origins, against the MSD alone.

    python benchmarks/non_gaussian.py [--frames 5000] [--runs 5] [--json non_gaussian.json]

No peer computes it at all lags from all origins. The second table is for logarithmic lags, in ns a displacement.
"""

from __future__ import annotations

import numpy as np
from common import OURS, arguments, measure, report, system

import vanhove as vh
from vanhove.dynamics.lags import log_lags


def main() -> None:
    asked = arguments("non-Gaussian parameter of the ions", frames=5000)
    sample = system(asked.frames)
    ions = np.flatnonzero(sample.species == "Li")
    traj = vh.from_arrays(
        np.ascontiguousarray(sample.positions[:, ions]), sample.length, ["Li"] * len(ions), sample.times, wrapped=False
    )
    size = f"{len(ions)} ions, {asked.frames} frames, all origins"
    timings = measure({OURS: lambda: vh.dynamics.non_gaussian(traj, "Li", drift=None)}, asked.runs)
    report(
        f"α₂ and MSD, all lags, {size}", timings, work=len(ions) * asked.frames, unit="position", json_path=asked.json
    )
    alone = measure({OURS: lambda: vh.dynamics.msd(traj, "Li", drift=None)}, asked.runs)
    report(f"MSD alone, all lags, {size}", alone, work=len(ions) * asked.frames, unit="position", json_path=None)
    print(f"\nα₂ and MSD take {timings[0].cpu / alone[0].cpu:.2f} times the CPU of the MSD alone")
    few = measure({OURS: lambda: vh.dynamics.non_gaussian(traj, "Li", drift=None, lags="log")}, asked.runs)
    displacements = len(ions) * int((asked.frames - log_lags(asked.frames)).sum())
    report(f"α₂ and MSD, some 60 lags, {size}", few, work=displacements, unit="displacement", json_path=None)


if __name__ == "__main__":
    main()
