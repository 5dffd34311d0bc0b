"""Static partial structure factors of three species at every wavevector of the cell up to 3 1/Å: ours against dynasor.

    python benchmarks/structure_factor.py [--frames 40] [--runs 5] [--json structure_factor.json]

3000 atoms. Both sum over the same vectors, one of Q and -Q; ours also averages in shells, with errors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from coherent import Frames
from common import Peer, System, arguments, measure, prepared, report, system

import vanhove as vh
from vanhove.spectra.q_points import shells

FARTHEST, WIDTH = 3.0, 0.05


def ours(sample: System) -> Callable[[], object]:
    traj = vh.from_arrays(sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False)
    return lambda: vh.structure.structure_factor(traj, q_max=FARTHEST, width=WIDTH, q_vectors="all")


def waves(sample: System) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    points, _ = shells(np.eye(3) * sample.length, [FARTHEST / 2], FARTHEST, "all")
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float64]] = points.vectors
    return vectors


def dynasor(sample: System) -> Callable[[], object]:
    from dynasor import compute_static_structure_factors

    vectors = waves(sample)
    return lambda: compute_static_structure_factors(Frames(sample, None), vectors, logging_interval=0)


def main() -> None:
    asked = arguments("static structure factors", frames=40)
    logging.disable(logging.INFO)  # dynasor tells what it does
    sample = system(asked.frames)
    timings = measure(prepared(ours(sample), [Peer("dynasor", "dynasor", dynasor)], sample), asked.runs)
    count = len(waves(sample))
    title = f"S(Q), {len(sample.species)} atoms, {asked.frames} frames, all {count} Q up to {FARTHEST:g} 1/Å, 6 pairs"
    work = len(sample.species) * asked.frames * count
    report(title, timings, work=work, unit="atom, Q and frame", json_path=asked.json)


if __name__ == "__main__":
    main()
