"""Damages one small file of a text format a few thousand times and opens each: run by test_fuzz.py in its own process.

    python fuzzing.py NAME FOLDER MUTATIONS

Prints what came of it as JSON: how many were refused and how many read, the slowest, the peak of memory, and what must
not be: anything that is neither a refusal nor finite numbers, or a cut file whose frames are not the first of the whole
one's.
"""

from __future__ import annotations

import gzip
import json
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ab_initio_files import AU_SPEED, INPUT, LABELS, NPT, document, motion, scaled, table, xyz
from binary_files import Dcd, data_text, six_numbers
from written import GENERAL, NAMES, TRICLINIC, dump_text, walk

import vanhove as vh
from vanhove.base.errors import Refusal

LIMIT = 5.0  # s that one file may take
SEED = 20261120
WALK = walk(TRICLINIC, frames=3, atoms=6)
STEPS = [0, 10, 20]
ROWS = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in GENERAL)
HUGE = (b"0", b"-1", b"3", b"99999999999", b"1000000000000000000000000", b"1e9", b"4294967296")
WORDS = (
    b"nan", b"inf", b"1e400", b"1e-400", b"-", b"0x10", b"1.2.3", b"****", b"", b"\xff\xfe\x80", b"\x00", b"\xc3\x28",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A file to damage, the sound files beside it, and how it is opened."""

    data: bytes
    open: str = ""  # the file that is opened, where it is not the damaged one
    beside: dict[str, bytes] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    topology: str = ""


def _xyz() -> bytes:
    lattice = ROWS.replace("\n", " ")
    rows, names = WALK.unwrapped[:, :3], ("Li", "S", "S")
    frames = [
        f'3\nLattice="{lattice}" Properties=species:S:1:pos:R:3 Time={f}.0\n'
        + "".join(f"{name} {x:.6f} {y:.6f} {z:.6f}\n" for name, (x, y, z) in zip(names, rows[f], strict=True))
        for f in range(3)
    ]
    return "".join(frames).encode()


def _xdatcar() -> bytes:
    frames = [
        f"Direct configuration= {f + 1}\n" + "".join(f"{x:.8f} {y:.8f} {z:.8f}\n" for x, y, z in WALK.scaled[f, :3])
        for f in range(3)
    ]
    return ("glass\n1.0\n" + ROWS + "\nLi S\n1 2\n" + "".join(frames)).encode()


def samples() -> dict[str, Sample]:
    """Every text format by the name of its damaged file."""
    dump = dump_text(WALK, "id type x y z ix iy iz vx vy vz").encode()
    reading = dict(species=NAMES, timestep=1.0, units="metal")
    places, speeds = motion(STEPS)
    cp2k = {
        "X-pos-1.xyz": xyz(STEPS, places[:, :3], LABELS[:3]).encode(),
        "X-vel-1.xyz": xyz(STEPS, speeds[:, :3] / AU_SPEED, LABELS[:3]).encode(),
        "X-1.cell": table(STEPS, NPT[:3]).encode(),
    }
    told = INPUT.replace("CELL_LINES", "ABC 8 10 12\nALPHA_BETA_GAMMA 90 85 120").encode()
    data = data_text(WALK, labels=["Na", "Si", "x"], comments=True)
    dcd = {"a.dcd": Dcd(WALK.wrapped, six_numbers(WALK.cells)).bytes()}
    return {
        "a.dump": Sample(dump, options=reading),
        "a.dump.gz": Sample(gzip.compress(dump, mtime=0), options=reading),
        "XDATCAR": Sample(_xdatcar(), options=dict(spacing=1.0)),
        "a.xyz": Sample(_xyz()),
        "vasprun.xml": Sample(document(scaled(2), GENERAL).encode("latin-1"), options=dict(format="vasprun")),
        **{name: Sample(data, "X-pos-1.xyz", cp2k, dict(format="cp2k-xyz")) for name, data in cp2k.items()},
        "run.inp": Sample(told, "X-pos-1.xyz", cp2k, dict(format="cp2k-xyz"), "run.inp"),
        "a.data": Sample(data.encode(), "a.dcd", dcd, dict(spacing=1.0), "a.data"),
    }


def mutations(data: bytes, number: int) -> Iterator[tuple[str, bytes]]:
    """``number`` damaged copies: cut at every boundary first, then what disks, editors and crashes do."""
    cuts = np.unique(np.linspace(0, len(data) - 1, min(len(data), number // 2)).astype(int)).tolist()
    for place in cuts:
        yield f"cut at {place}", data[:place]
    rng = np.random.default_rng(SEED)
    kinds = [_flipped, _lines_swapped, _line_lost, _line_twice, _count, _word, _spliced]
    for turn in range(number - len(cuts)):
        damaged = data
        kind = kinds[turn % len(kinds)]
        for _ in range(int(rng.integers(1, 4))):
            damaged = kind(damaged, rng)
        yield f"{kind.__name__} {turn}", damaged


def _flipped(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in rng.integers(0, len(data), 3).tolist():
        changed[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(changed)


def _lines_swapped(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(keepends=True)
    a, b = rng.integers(0, len(lines), 2).tolist()
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def _line_lost(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(keepends=True)
    del lines[int(rng.integers(0, len(lines)))]
    return b"".join(lines) or b"\n"


def _line_twice(data: bytes, rng: np.random.Generator) -> bytes:
    lines = data.splitlines(keepends=True)
    place = int(rng.integers(0, len(lines)))
    return b"".join([*lines[: place + 1], *lines[place:]])


def _replaced(data: bytes, rng: np.random.Generator, choices: tuple[bytes, ...], *, whole_numbers: bool) -> bytes:
    """One word is another one; in the head rather than among the rows."""
    words = data.split(b" ") if rng.random() < 0.3 else [*data[:400].split(b" "), data[400:]]
    candidates = [k for k, word in enumerate(words) if not whole_numbers or any(c.isdigit() for c in word.split())]
    if not candidates:
        return data
    place = candidates[int(rng.integers(0, len(candidates)))]
    parts = words[place].splitlines(keepends=True) or [b""]
    which = int(rng.integers(0, len(parts)))
    end = parts[which][len(parts[which].rstrip()) :]
    parts[which] = choices[int(rng.integers(0, len(choices)))] + end
    words[place] = b"".join(parts)
    return b" ".join(words)


def _count(data: bytes, rng: np.random.Generator) -> bytes:
    return _replaced(data, rng, HUGE, whole_numbers=True)


def _word(data: bytes, rng: np.random.Generator) -> bytes:
    return _replaced(data, rng, WORDS, whole_numbers=False)


def _spliced(data: bytes, rng: np.random.Generator) -> bytes:
    start, place = rng.integers(0, len(data), 2).tolist()
    length = int(rng.integers(1, 200))
    return data[:place] + data[start : start + length] + data[place:]


def opened(folder: Path, name: str, sample: Sample) -> np.ndarray:
    """Positions and what moves with them, as a person would ask for them."""
    topology = folder / sample.topology if sample.topology else None
    traj = vh.open(folder / (sample.open or name), topology=topology, **sample.options)
    if traj.has_velocities and not np.isfinite(traj.velocities).all():
        raise AssertionError("velocities that are no numbers")
    positions = traj.positions
    for what in (positions, traj.read_paths(), traj.times, traj.cells, traj.masses):
        if not np.isfinite(what).all():
            raise AssertionError("numbers that are none")
    return positions


def _within_limit(folder: Path, name: str, sample: Sample) -> np.ndarray:
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        return opened(folder, name, sample)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def peak_megabytes() -> float:
    """Of this process; getrusage would begin with what the process had that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


def main(name: str, folder: Path, number: int) -> dict[str, Any]:
    sample = samples()[name]
    for other, data in {**sample.beside, name: sample.data}.items():
        (folder / other).write_bytes(data)
    whole = opened(folder, name, sample)
    came = {"refused": 0, "read": 0, "slowest": 0.0, "wrong": []}

    def too_long(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    for what, data in mutations(sample.data, number):
        (folder / name).write_bytes(data)
        begun = time.perf_counter()
        try:
            try:
                positions = _within_limit(folder, name, sample)
            except TimeoutError:  # a kernel that was compiled for the first time, or a hang: once more
                begun = time.perf_counter()
                positions = _within_limit(folder, name, sample)
            came["read"] += 1
            if what.startswith("cut") and not np.array_equal(positions, whole[: len(positions)]):
                came["wrong"].append(f"{what}: other numbers")
        except Refusal as refusal:
            came["refused"] += 1
            if "\n" in str(refusal):
                came["wrong"].append(f"{what}: not one line: {refusal}")
        except BaseException:  # noqa: BLE001  # whatever it is, it is what must not be
            came["wrong"].append(f"{what}: {traceback.format_exc(limit=-4)}")
        came["slowest"] = max(came["slowest"], time.perf_counter() - begun)
    came["megabytes"] = peak_megabytes()
    return came


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
