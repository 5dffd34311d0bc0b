"""g(r) of all six pairs of 3000 atoms to 10 Å: ours against freud and MDAnalysis.

    python benchmarks/rdf.py [--frames 20] [--runs 5] [--json rdf.json]

Each takes the same frames in the form it works on (freud and MDAnalysis: wrapped float32) and gives six curves of 200
bins. freud builds one neighbour structure a frame and species; MDAnalysis uses its own grid search. Work is counted in
pairs of atoms, N(N - 1)/2 a frame, whatever a method may leave out.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from common import Peer, System, arguments, measure, prepared, report, system

import vanhove as vh

if TYPE_CHECKING:
    from collections.abc import Callable

R_MAX, WIDTH = 10.0, 0.05
BINS = round(R_MAX / WIDTH)
SPECIES = ("Li", "P", "S")
PAIRS = list(combinations_with_replacement(SPECIES, 2))


def ours(sample: System) -> Callable[[], object]:
    traj = vh.from_arrays(sample.positions, sample.length, sample.species.tolist(), sample.times, wrapped=False)
    return lambda: vh.structure.rdf(traj, [f"{a}-{b}" for a, b in PAIRS], r_max=R_MAX, width=WIDTH)


def freud(sample: System) -> Callable[[], object]:
    from freud.box import Box
    from freud.density import RDF
    from freud.locality import AABBQuery

    box = Box.cube(sample.length)
    frames = (sample.wrapped - sample.length / 2).astype(np.float32)
    atoms = {label: np.flatnonzero(sample.species == label) for label in SPECIES}

    def job() -> object:
        curves = {pair: RDF(bins=BINS, r_max=R_MAX) for pair in PAIRS}
        for frame in frames:
            trees = {label: AABBQuery(box, frame[atoms[label]]) for label in SPECIES}
            for (a, b), curve in curves.items():
                reach = {"mode": "ball", "r_max": R_MAX, "exclude_ii": a == b}
                curve.compute(trees[b], query_points=frame[atoms[a]], neighbors=reach, reset=False)
        return {pair: curve.rdf for pair, curve in curves.items()}

    return job


def mdanalysis(sample: System) -> Callable[[], object]:
    from MDAnalysis import Universe
    from MDAnalysis.analysis.rdf import InterRDF

    universe = Universe.empty(len(sample.species), trajectory=True)
    edges = np.array([sample.length] * 3 + [90.0] * 3, np.float32)
    universe.load_new(sample.wrapped.astype(np.float32), order="fac", dimensions=edges)
    groups = {label: universe.atoms[sample.species == label] for label in SPECIES}

    def job() -> object:
        return [
            InterRDF(
                groups[a], groups[b], nbins=BINS, range=(0.0, R_MAX), exclusion_block=(1, 1) if a == b else None
            ).run(verbose=False)
            for a, b in PAIRS
        ]

    return job


def main() -> None:
    asked = arguments("g(r) of all pairs", frames=20)
    sample = system(asked.frames)
    peers = [Peer("freud-analysis", "freud", freud), Peer("MDAnalysis", "MDAnalysis", mdanalysis)]
    timings = measure(prepared(ours(sample), peers, sample), asked.runs)
    atoms = len(sample.species)
    report(
        f"g(r), {len(PAIRS)} pairs, {atoms} atoms, {asked.frames} frames, to {R_MAX:g} Å", timings,
        work=asked.frames * atoms * (atoms - 1) / 2, unit="pair", json_path=asked.json,
    )  # fmt: skip


if __name__ == "__main__":
    main()
