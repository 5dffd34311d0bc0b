"""A trajectory far larger than memory: MSD, g(r), Van Hove function and coherent S(Q,E) of 50 GB within 2 GB.

    python benchmarks/scale.py --gigabytes 50 --memory 2GB [--only msd] [--write]

The trajectory has that size to all who read it and lies nowhere: its source makes each block of frames and atoms that
it is asked for out of seeded random numbers, the same ones whenever and however it is asked. What is read several times
is made several times, and the share of the time that this takes is told. Each observable runs in its own process, after
a small trajectory of the same kind, so that compiled code and libraries count apart. The framework only vibrates and
the ions walk freely: what must come out is known.

``--write`` keeps the table in scale.md and scale.json beside this file: what was run before stays, line by line.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import vanhove as vh
from vanhove.base.elements import mass_of
from vanhove.base.files import digest, write_text
from vanhove.base.results import step
from vanhove.trajectory.core import System, Trajectory
from vanhove.trajectory.store import CHUNK_ATOMS, CHUNK_FRAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory.source import Field

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

HERE = Path(__file__).parent
LATTICE = 5.5  # Å, edge of one cube of the framework: 4 S, 1 P and 5 Li each
CUBES = 10  # along an edge: 10 000 atoms
VIBRATION, STEP = 0.15, 0.1  # Å along an axis: of the framework about its sites, of an ion from frame to frame
SPACING = 0.02  # ps between frames
MAX_LAG = 10.0  # ps, of scattering functions
R_MAX = 6.0  # Å
Q = (0.6, 0.9, 1.2, 1.5, 1.8, 2.1)  # 1/Å
VECTORS = 20  # of each
NUMBERS = 1 << 19  # random vectors that the trajectory is made of
STRETCH = 2048  # frames that an atom takes from them one after the other
AT_ONCE = 1 << 17  # positions made by one call
SMALL = 5e6  # bytes of what is run first


class Generated:
    """Positions that are made when they are read: a source of trajectories as files are.

    An atom takes a stretch of the same long list of random numbers, from a place that its number and that of the
    stretch decide; ions add them up.
    """

    fields: frozenset[Field] = frozenset({"positions"})

    def __init__(self, frames: int, cubes: int, seed: int = 20261120) -> None:
        rng = np.random.default_rng(seed)
        corner = np.indices((cubes, cubes, cubes)).reshape(3, -1).T.astype(float)
        fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
        framework = np.concatenate([(corner[:, None] + fcc).reshape(-1, 3), corner + 0.5]) * LATTICE
        self.length = cubes * LATTICE
        ions = len(framework)
        self.species = np.array(["S"] * (4 * cubes**3) + ["P"] * cubes**3 + ["Li"] * ions)
        self.n_frames, self.n_atoms = frames, 2 * ions
        self.fingerprint = digest("generated", frames, cubes, seed)
        white = rng.standard_normal((NUMBERS, 3))
        white -= white.mean(axis=0)  # no drift, and the variance that is asked for
        white /= white.std(axis=0)
        self._numbers = np.concatenate([VIBRATION * white, np.cumsum(STEP * white, axis=0)])
        stretches = -(-frames // STRETCH)
        places = (np.arange(stretches)[:, None] * self.n_atoms + np.arange(self.n_atoms)).astype(np.uint64)
        self._first = (_scattered(places + np.uint64(seed)) % np.uint64(NUMBERS - STRETCH)).astype(np.int64)
        walks = self._first[:, ions:]
        walks += NUMBERS
        gone = self._numbers[walks + STRETCH - 1] - self._numbers[walks - 1 + (walks == NUMBERS)]
        start = np.concatenate([rng.uniform(0, self.length, (1, ions, 3)), gone[:-1]]).cumsum(axis=0)
        # an ion's number before the stretch is where the stretch begins
        self._shift = np.concatenate(
            [np.broadcast_to(framework, start.shape), start - self._numbers[walks - 1 + (walks == NUMBERS)]], axis=1
        )
        self._lock = threading.Lock()
        self.seconds = 0.0  # of a processor, in reading
        self.given, self.touched = 0, 0  # bytes, and those of the chunks that a file would have read for them

    def read(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """See ``vanhove.trajectory.source.Source``."""
        assert field == "positions"
        began = time.thread_time()
        block = np.empty((len(frames), len(atoms), 3))
        stretch, within = np.divmod(frames, STRETCH)
        rows = max(1, AT_ONCE // len(atoms))
        edges = np.flatnonzero(np.diff(stretch)) + 1
        for first, last in zip([0, *edges], [*edges, len(frames)], strict=True):
            now = stretch[first]
            places, shift = self._first[now, atoms], self._shift[now, atoms]
            for at in range(first, last, rows):
                part = slice(at, min(at + rows, last))
                index = within[part, None] + places
                np.take(self._numbers, index, axis=0, out=block[part], mode="clip")
                block[part] += shift
        chunks = len(np.unique(frames // CHUNK_FRAMES)) * len(np.unique(atoms // CHUNK_ATOMS))
        with self._lock:
            self.seconds += time.thread_time() - began
            self.given += block.nbytes
            self.touched += chunks * 24 * CHUNK_FRAMES * CHUNK_ATOMS
        return block

    def trajectory(self) -> Trajectory:
        """Of 600 K."""
        masses = np.array([mass_of(str(label)) for label in self.species])
        cell, times = self.length * np.eye(3)[None], SPACING * np.arange(self.n_frames)
        return Trajectory(System(self, self.species, masses, None, cell, times, 600.0), [step("generated")])


def _scattered(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of whole numbers (SplitMix64)."""
    with np.errstate(over="ignore"):
        mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


HEAD = """# A trajectory far larger than memory

Made by `python benchmarks/scale.py --gigabytes 50 --memory 2GB --write`. The trajectory is made while it is read and
lies on no disk; making it is part of the time, and its share of the CPU's is told. *Peak* is what was resident at most
in the whole process (VmHWM), *loaded* the same before the large trajectory: Python, its libraries and compiled code,
which the budget does not count. *Time* is that of the machine as it was, with what else was at work there; *CPU* is
what the work takes. *Read* says how many times over the trajectory was given, and *of a file* how many times over the
chunks of an H5MD file of it would have been read for that."""

# what is computed, and how far it is from what it must be, as a share of it


def msd(traj: Trajectory) -> tuple[Dataset, float]:
    """Of every species, at all lags by FFT."""
    results = {name: vh.dynamics.msd(traj, name) for name in traj.composition}
    ions = results["Li"]
    few = slice(1, max(2, traj.n_frames // 1000))
    expected = 3 * STEP**2 * np.arange(traj.n_frames)[few] * (1 - _own_share(traj))
    return ions, float(np.abs(ions["msd"].values[few] / expected - 1).max())


def rdf(traj: Trajectory) -> tuple[Dataset, float]:
    """Of every pair, in every frame."""
    result = vh.structure.rdf(traj, r_max=R_MAX)
    r = result["r"].values
    inside = r**2 * result["g"].sel(pair="Li-Li").values  # ions see no forces: an ideal gas
    return result, float(abs(inside.sum() / (r**2).sum() - 1))


def van_hove(traj: Trajectory) -> tuple[Dataset, float]:
    """Of the ions, at some 60 lags, from every frame."""
    result = vh.dynamics.van_hove(traj, "Li")
    lag = int(np.searchsorted(result["lag"].values, 100 * SPACING))
    one = result.isel(lag=lag)
    return result, float(np.abs(one["P"] - one["P_gaussian"]).sum() / one["P"].sum())


def coherent(traj: Trajectory) -> tuple[Dataset, float]:
    """Of every pair of species, up to 10 ps: F and S(Q,E)."""
    result = vh.spectra.coherent(traj, Q, max_lag=min(MAX_LAG, SPACING * (traj.n_frames // 2)), q_vectors=VECTORS)
    ions = result["F"].sel(pair="Li-Li")
    lag = round(1.0 / SPACING)
    decay = (ions.isel(lag=lag) / ions.isel(lag=0)).values
    frames = result["lag"].values[lag] / SPACING
    expected = np.exp(-(result["q_mean"].values ** 2) * STEP**2 * frames / 2)
    return result, float(np.abs(decay - expected).max())


OBSERVABLES: dict[str, Callable[[Trajectory], tuple[Dataset, float]]] = {
    "msd": msd, "rdf": rdf, "van_hove": van_hove, "coherent": coherent,
}  # fmt: skip
SAYS = {
    "msd": (
        "MSD of all species, all lags",
        "of 6Dt of the ions, at a thousandth of the lags (of a finite list of numbers chance makes 1e-2)",
    ),
    "rdf": (f"g(r) of all pairs to {R_MAX:g} Å, all frames", "of the number of ions within that distance of an ion"),
    "van_hove": ("Van Hove function of Li, 64 lags, all origins", "of the ions away from the Gaussian, at 2 ps"),
    "coherent": (
        f"coherent S(Q,E), {len(Q) * VECTORS} vectors, to {MAX_LAG:g} ps", "of F(Q, 0), off exp(-Q²Dt) at 1 ps"
    ),
}  # fmt: skip


def _own_share(traj: Trajectory) -> float:
    """What an ion of mass m loses to the centre of mass that it moves itself: 2w - Σw², w = m/M, of its square."""
    weights = traj.masses / traj.masses.sum()
    ions = traj.species == "Li"
    return float(2 * weights[ions][0] - (weights[ions] ** 2).sum())


@dataclass(frozen=True)
class Measured:
    """One observable of one trajectory."""

    observable: str
    gigabytes: float
    atoms: int
    frames: int
    memory: str  # the budget
    threads: int
    before: float  # MB resident at most, with what is loaded and compiled
    peak: float  # MB
    wall: float  # s
    cpu: float
    generating: float  # s of the CPU's
    passes: float  # positions given, in trajectories
    chunked: float  # what of a file in chunks would be read for them, in files
    off: float  # from what must come out
    numbers: str  # a digest of the result's: two runs that say the same had the same bits
    version: str
    machine: str
    day: str


def measure(observable: str, gigabytes: float, cubes: int) -> Measured:
    """In this process, with the memory and threads that its environment names."""
    compute = OBSERVABLES[observable]
    compute(Generated(_frames(SMALL, 5), 5).trajectory())
    source = Generated(_frames(gigabytes * 1e9, cubes), cubes)
    size = 24.0 * source.n_frames * source.n_atoms
    before = _peak()
    wall, cpu = time.perf_counter(), time.process_time()
    result, off = compute(source.trajectory())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Measured(
        observable, size / 1e9, source.n_atoms, source.n_frames, os.environ["VANHOVE_MEMORY"],
        int(os.environ["VANHOVE_THREADS"]), before, _peak(), wall, cpu, source.seconds, source.given / size,
        source.touched / size, off, digest(*(result[name].values.tobytes() for name in sorted(map(str, result)))),
        vh.__version__, _machine(), date.today().isoformat(),  # noqa: DTZ011  the person's own day
    )  # fmt: skip


def _frames(size: float, cubes: int) -> int:
    return round(size / (24 * 10 * cubes**3))


def _peak() -> float:
    """MB that were resident at most (VmHWM, which counts shared pages of files, too)."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def kept(records: list[dict[str, Any]], new: Measured) -> list[dict[str, Any]]:
    """With ``new`` in place of what was measured of the same work before."""
    same = ("observable", "atoms", "frames", "memory", "threads")
    mine = asdict(new)
    others = [one for one in records if any(one[name] != mine[name] for name in same)]
    order = list(OBSERVABLES)
    return sorted([*others, mine], key=lambda one: (-one["gigabytes"], one["memory"], order.index(one["observable"])))


def table(records: list[dict[str, Any]]) -> str:
    """As Markdown."""
    columns = ["observable", "trajectory", "budget"]
    columns += ["peak, MB", "loaded, MB", "time, s", "CPU, s", "making it", "read", "of a file", "off by"]
    lines = [HEAD, "", f"| {' | '.join(columns)} |", f"|{'---|' * 3}{'--:|' * (len(columns) - 3)}"]
    for one in records:
        size = f"{one['gigabytes']:.3g} GB: {one['atoms']} atoms, {one['frames']} frames"
        lines.append(
            f"| {SAYS[one['observable']][0]} | {size} | {one['memory']}, {one['threads']} threads | {one['peak']:.0f} "
            f"| {one['before']:.0f} | {one['wall']:.0f} | {one['cpu']:.0f} | {one['generating'] / one['cpu']:.0%} "
            f"| {one['passes']:.2f} × | {one['chunked']:.1f} × | {one['off']:.1e} |"
        )
    lines += ["", "*Off by*, as a share of what must come out:", ""]
    present = {one["observable"] for one in records}
    lines += [f"- {what}: {measure}." for name, (what, measure) in SAYS.items() if name in present]
    told = sorted({(one["machine"], one["version"], one["day"]) for one in records})
    lines += ["", *(f"{machine}, vanhove {version}, {day}." for machine, version, day in told)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=0.5, help="of positions; 50 is the size that counts")
    parser.add_argument("--memory", default="2GB", help="the budget, VANHOVE_MEMORY")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cubes", type=int, default=CUBES, help="of 10 atoms along an edge of the cell")
    parser.add_argument("--only", choices=OBSERVABLES, nargs="+", default=list(OBSERVABLES))
    parser.add_argument("--json", type=Path, help="write what this run measured here")
    parser.add_argument("--write", action="store_true", help="keep the table in scale.md and scale.json")
    parser.add_argument("--runs", help=argparse.SUPPRESS)  # every benchmark is given it; this one is long enough
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # measure in this process
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(asdict(measure(asked.only[0], asked.gigabytes, asked.cubes))))
        return
    environment = dict(
        os.environ, VANHOVE_MEMORY=asked.memory, VANHOVE_THREADS=str(asked.threads), VANHOVE_PROGRESS="0"
    )
    size = ["--gigabytes", str(asked.gigabytes), "--cubes", str(asked.cubes)]
    measured = []
    for name in asked.only:
        command = [sys.executable, __file__, "--here", "--only", name, *size]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        one = Measured(**json.loads(done.stdout))
        measured.append(one)
        print(
            f"{name:10} {one.gigabytes:.3g} GB in {asked.memory}: peak {one.peak:.0f} MB ({one.before:.0f} loaded), "
            f"{one.wall:.1f} s, CPU {one.cpu:.1f} s, {one.generating / one.cpu:.0%} of it making the trajectory "
            f"{one.passes:.2f} times; off by {one.off:.1e}", flush=True,
        )  # fmt: skip
        if asked.write:
            file = HERE / "scale.json"
            records = kept(json.loads(file.read_text("utf-8")) if file.exists() else [], one)
            write_text(file, json.dumps(records, indent=1) + "\n")
            write_text(HERE / "scale.md", table(records))
    if asked.json is not None:
        write_text(asked.json, json.dumps([asdict(one) for one in measured], indent=1) + "\n")


if __name__ == "__main__":
    main()
