"""Time of every inner loop per unit of its work, so that a loop that no longer vectorises is seen.

    python benchmarks/kernels.py [--runs 5] [--only pairs] [--json kernels.json]

Each kernel is called as its observable calls it, on a tile that fits the cache, and timed in CPU time of this process;
the median of the runs counts. On one core with vectors of 512 bits a distance takes under 1 ns and a displacement some
tenths; five times as long as before means scalar code.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from systems import moment

LONG_ENOUGH = 0.05  # s of a timed run: jobs are repeated until they take as long
FRAMES, ATOMS = 2000, 32  # a tile of paths
Job = Callable[[], object]


@dataclass(frozen=True)
class Loop:
    """What is timed: a call that does so many units of work."""

    kernel: str
    unit: str
    units: float
    job: Job


@dataclass(frozen=True)
class Timing:
    kernel: str
    unit: str
    ns: float
    runs: int


def rows(frames: int = FRAMES, atoms: int = ATOMS, room: int = 0) -> np.ndarray:
    """Walks as the kernels of displacements want them: (3 · atom + axis, time)."""
    walk = np.random.default_rng(1).normal(scale=0.1, size=(3 * atoms, frames)).cumsum(axis=1)
    return np.ascontiguousarray(np.pad(walk, ((0, 0), (0, room))))


def log_lags(frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray, float]:
    """Lags, origins of each, and displacements of one atom."""
    lags = np.unique(np.geomspace(1, frames - 1, 60).astype(np.int64))
    origins = frames - lags
    return lags, origins, float(origins.sum())


def pairs() -> list[Loop]:
    from vanhove.kernels.cell_list import FINEST
    from vanhove.kernels.pairs import counts_by

    loops = []
    for atoms, cubes, ions, reach in ((3000, 7, 1285, 19.2), (10_000, 11, 3345, 10.0)):
        positions, species, length = moment(cubes, ions)
        _, kind = np.unique(species, return_inverse=True)
        order, starts = np.argsort(kind, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(kind))])
        pair_of = np.zeros((3, 3), np.int64)
        first, second = np.triu_indices(3)
        pair_of[first, second] = pair_of[second, first] = np.arange(6)
        bins, cells = round(reach / 0.05), np.eye(3)[None] * length
        arguments = (positions, cells, order, starts, pair_of, 6, 0.05, bins)
        within = float(counts_by(2, 2, *arguments).sum())
        if reach > 15:
            every = len(kind) * (len(kind) - 1) / 2
            loops.append(Loop("pairs, nearest images", "pair", every, lambda a=arguments: counts_by(1, 0, *a)))
        else:
            loops += [
                Loop(
                    f"pairs, {atoms} atoms by cells of reach/{k}", "pair within reach", within,
                    lambda a=arguments, k=k: counts_by(k, k, *a),
                )
                for k in range(1, FINEST)
            ]  # fmt: skip
    return loops


def distances() -> list[Loop]:
    """The loops within those, on rows of the length that they mostly have."""
    from vanhove.kernels.compile import kernel
    from vanhove.kernels.distance_rows import SPARE, nearest_row, shifted_row, tally

    n, bins, times = 512, 200, 2000
    rng = np.random.default_rng(2)
    s, cell = rng.random((3, n)), np.eye(3) * 30.0
    last, row = bins + np.arange(n) % SPARE * 1.0, np.empty(n, np.int32)
    block, histogram = np.zeros(n, np.int32), np.zeros(bins + SPARE, np.uint32)

    @kernel
    def nearest(times, s, cell, last, row):  # a loop around them, for Python's calls take longer than they
        for t in range(times):
            nearest_row(s[0], s[1], s[2], s[0, t % 8], 0.1, 0.2, cell, 20.0, last, row)

    @kernel
    def shifted(times, s, block, cell, last, row):
        for t in range(times):
            shifted_row(s[0], s[1], s[2], block, s[0, t % 8], 0.1, 0.2, cell, 20.0, last, row)

    @kernel
    def counted(times, row, histogram):
        for _ in range(times):
            tally(row, histogram)

    work = float(n * times)
    nearest(1, s, cell, last, row)  # a row to count
    return [
        Loop("distances, nearest image", "pair", work, lambda: nearest(times, s, cell, last, row)),
        Loop("distances, shifted image", "pair", work, lambda: shifted(times, s, block, cell, last, row)),
        Loop("distances, counted", "pair", work, lambda: counted(times, row.copy(), histogram)),
    ]


def displacements() -> list[Loop]:
    from vanhove.kernels.correlate import add_squared_steps
    from vanhove.kernels.displacement_histogram import count_steps
    from vanhove.kernels.fourth_power import add_moments

    tile, (lags, origins, each) = rows(), log_lags()
    groups = np.zeros(ATOMS, np.int64)
    squares, moments = np.zeros((3, 10, 1, len(lags))), np.zeros((2, 1, len(lags)))
    counts, seconds = np.zeros((1, len(lags), 401), np.int64), np.zeros((1, len(lags)))
    work = ATOMS * each
    return [
        Loop("squared steps", "displacement", work, lambda: add_squared_steps(tile, FRAMES, lags, groups, squares)),
        Loop("r² and r⁴", "displacement", work, lambda: add_moments(tile, lags, origins, groups, moments)),
        Loop(
            "steps by length", "displacement", work,
            lambda: count_steps(tile, lags, origins, groups, 20.0, counts, seconds),
        ),
    ]  # fmt: skip


def correlations() -> list[Loop]:
    from vanhove.kernels.correlate import add_power, centred_rows
    from vanhove.kernels.fourth_power import fill_monomials
    from vanhove.kernels.self_scattering import add_weighted_power

    block = np.random.default_rng(3).normal(size=(FRAMES, ATOMS, 3)).cumsum(axis=0)
    tile, drift = np.zeros((3 * ATOMS, 2 * FRAMES)), np.zeros((FRAMES, 3))
    transforms = np.fft.rfft(rows(), axis=1)
    power, one = np.zeros((3, transforms.shape[1])), np.zeros(transforms.shape[1])
    fields, sums = np.zeros((1, 12, 2 * FRAMES)), (np.zeros(FRAMES), np.zeros(FRAMES))
    three, axes = rows(atoms=1, room=FRAMES), np.arange(3)
    return [
        Loop(
            "paths into rows", "coordinate", float(block.size), lambda: centred_rows(block, 0, ATOMS, drift, tile)
        ),
        Loop("power by axis", "frequency", float(transforms.size), lambda: add_power(transforms, power)),
        Loop("weighted power", "frequency", float(transforms.size), lambda: add_weighted_power(transforms, 0.5, one)),
        Loop("monomials", "atom and frame", FRAMES, lambda: fill_monomials(three, axes, FRAMES, fields, *sums)),
    ]  # fmt: skip


def phases() -> list[Loop]:
    from vanhove.kernels.density_modes import modes_of
    from vanhove.kernels.density_modes import phases as along_axis
    from vanhove.kernels.self_scattering import add_powder_steps, fill_phases

    atoms, most = 4096, 8
    rng = np.random.default_rng(4)
    positions, still = rng.random((1, atoms, 3)), np.empty((1, 0, 3))
    numbers, upper = np.arange(-most, most + 1.0), np.arange(most + 1.0)
    wanted = np.array([(h, k) for h in range(len(numbers)) for k in range(len(numbers))])
    third = np.tile(np.arange(len(upper)), len(wanted))
    place = 2 * np.arange(len(third))
    entries = np.stack([third, place, np.where(third == 0, -1, place + 1)], axis=1)
    firsts = np.arange(len(wanted) + 1) * len(upper)
    moving = rng.normal(size=(1, atoms, 3))
    common = (np.eye(3)[None], np.zeros((1, 3)), np.arange(atoms), np.array([0, atoms]))
    waves = (numbers, numbers, upper, wanted, firsts, entries)
    vectors = float((entries[:, 1:] >= 0).sum())
    s, cosines, sines = rng.random(512), np.empty(512), np.empty(512)
    tile, (lags, origins, each) = rows(), log_lags()
    out, cycles = np.empty((ATOMS, 2 * FRAMES)), np.array([0.1, 0.2, 0.3])
    q = np.linspace(0.1, 3.0, 30)
    r = np.arange(1500) * 0.01
    qr = np.outer(r, q)
    value = np.sinc(qr / np.pi)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(r[:, None] > 0, (np.cos(qr) - value) / (2 * r[:, None] ** 2), -(q**2) / 6)
    table, sums = np.ascontiguousarray(np.concatenate([value, slope], axis=1)), np.zeros((len(lags), len(q)))

    def axis() -> None:
        for h in range(100):
            along_axis(float(h), s, cosines, sines)

    return [
        Loop("phases along an axis", "atom·q", 100.0 * len(s), axis),
        Loop("density modes", "atom·q", atoms * vectors, lambda: modes_of(positions, still, *common, *waves)),
        Loop("currents", "atom·q", atoms * vectors, lambda: modes_of(positions, moving, *common, *waves)),
        Loop("phases of paths", "phase", float(ATOMS * FRAMES), lambda: fill_phases(tile, cycles, out)),
        Loop(
            "powder average", "displacement", ATOMS * each,
            lambda: add_powder_steps(tile, lags, origins, 100.0, table, q, sums),
        ),
    ]  # fmt: skip


def neighbourhoods() -> list[Loop]:
    from vanhove.kernels.harmonics import bond_order
    from vanhove.kernels.neighbours import neighbour_pairs

    positions, species, length = moment(7, 1285)
    every, cells = np.arange(len(species)), np.eye(3)[None] * length
    found, vectors = neighbour_pairs(positions, cells, every, every, 5.0)
    starts = np.concatenate([[0], np.cumsum(np.bincount(found[:, 1], minlength=len(every)))])
    degrees, components = np.array([4, 6]), np.empty((len(every), 22))
    bonds, offsets = np.ascontiguousarray(vectors), np.array([0, 9])
    return [
        Loop(
            "neighbours", "pair", float(len(found)),
            lambda: neighbour_pairs(positions, cells, every, every, 5.0),
        ),
        Loop(
            "bond order, l = 4 and 6", "bond", float(len(found)),
            lambda: bond_order(starts, bonds, degrees, offsets, components),
        ),
    ]  # fmt: skip


def reading() -> list[Loop]:
    from vanhove.kernels.lattice import unwrap
    from vanhove.kernels.parsing import ID, POSITION, parse_frames

    first, species, length = moment(7, 1285)
    atoms = len(species)
    lines = [f"{n} {x:.6f} {y:.6f} {z:.6f}" for n, (x, y, z) in enumerate(first[0].tolist(), start=1)]
    text = np.frombuffer(("\n".join(lines) + "\n").encode(), np.uint8)
    roles = np.array([ID, POSITION, POSITION + 1, POSITION + 2])
    positions, none = np.empty((1, atoms, 3)), np.empty((0, 0, 3))
    ends = np.array([0]), np.array([len(text)])
    cells, origins = np.eye(3)[None] * length, np.zeros((1, 3))
    ids, labels = np.arange(1, atoms + 1), np.zeros(0, np.int64)
    frames = 50
    wrapped = np.ascontiguousarray(np.repeat(first % length, frames, axis=0))
    many, many_origins = np.repeat(cells, frames, axis=0), np.zeros((frames, 3))
    carried = [np.zeros((atoms, 3)) for _ in range(4)]

    def parsed() -> None:
        fault = parse_frames(
            text, *ends, roles, False, ids, labels, cells, origins, False, False, positions, none
        )  # fmt: skip
        assert fault[0] == 0, fault

    def unwrapped() -> None:
        unwrap(
            wrapped, many, many_origins, np.ones(frames, bool), False, np.eye(3), *carried, np.zeros((0, 0, 0))
        )  # fmt: skip

    return [
        Loop("rows of text", "number", 4.0 * atoms, parsed),
        Loop("unwrapping", "atom and frame", float(atoms * frames), unwrapped),
    ]


GROUPS = (pairs, distances, displacements, correlations, phases, neighbourhoods, reading)


def timed(loop: Loop, runs: int) -> Timing:
    loop.job()  # compiled now
    began = time.process_time()
    loop.job()
    repeats = max(1, round(LONG_ENOUGH / max(time.process_time() - began, 1e-6)))
    taken = []
    for _ in range(runs):
        began = time.process_time()
        for _ in range(repeats):
            loop.job()
        taken.append((time.process_time() - began) / repeats)
    return Timing(loop.kernel, loop.unit, 1e9 * statistics.median(taken) / loop.units, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description="Inner loops, in ns a unit of work")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each; the median counts")
    parser.add_argument("--only", choices=[group.__name__ for group in GROUPS])
    parser.add_argument("--json", type=Path, help="write the timings here")
    asked = parser.parse_args()
    print(f"\n{'kernel':36}{'ns':>9}  a")
    timings = []
    for group in GROUPS:
        if asked.only in (None, group.__name__):
            for loop in group():
                timings.append(timed(loop, asked.runs))
                print(f"{timings[-1].kernel:36}{timings[-1].ns:9.3f}  {timings[-1].unit}", flush=True)
    if asked.json is not None:
        content = {"entries": {one.kernel: asdict(one) for one in timings}}
        asked.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
