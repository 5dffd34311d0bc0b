"""The cells of a CP2K run: the table that it prints (X-1.cell), or what its input or restart file says of one cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .checks import check_ending, later_frames
from .cp2k_input import looks_like_input, read_input
from .text import PIECE, TextFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COLUMNS = 12  # step, time, three vectors, volume
VOLUME_TOLERANCE = 1e-6
LONGEST = 1 << 16  # bytes of a line
_UNIT = re.compile(r"A[xyz]\s*\[(\w+)\]")


@dataclass(frozen=True)
class Setup:
    """What stands beside the positions of a run."""

    path: Path
    cells: Floats  # (1, 3, 3), or one of each step
    steps: Ints | None = None  # rising; None: the cell stays
    temperature: float | None = None
    length: float | None = None  # Å, the unit of the positions; None: not said
    speed: float | None = None  # Å/ps, the unit of the velocities
    note: str = ""


def read_setup(path: Path) -> Setup:
    """The cells in ``path``, be it a cell file, an input or a restart file."""
    with TextFile(path) as file:
        kind = next((line for line in lines_of(file) if line.strip() and not line.lstrip().startswith(("#", "!"))), "")
    if looks_like_input(kind):
        with TextFile(path) as file:
            said = read_input(path, lines_of(file))
        return Setup(
            path, said.cell[None], temperature=said.temperature, length=said.length, speed=said.speed,
            note=f"one cell from {path.name}",
        )  # fmt: skip
    return _read_table(path)


def lines_of(file: TextFile) -> Iterator[str]:
    """Every line of a file; the last may lack its end."""
    room, at, rest = bytearray(PIECE), 0, b""
    while got := file.read_into(at, memoryview(room)):
        at += got
        *lines, rest = (rest + room[:got]).split(b"\n")
        if len(rest) > LONGEST:
            raise Refusal("A line does not end", f"{file.path}, byte {at - len(rest)}", "Check the file there")
        yield from (line.decode("utf-8", "replace") for line in lines)
    if rest:
        yield rest.decode("utf-8", "replace")


def _read_table(path: Path) -> Setup:
    steps: list[int] = []
    cells: list[list[float]] = []
    faulty = ""  # a line that is no row: a cut file may end in one
    with TextFile(path, "looking through") as file:
        for number, line in enumerate(lines_of(file), 1):
            if faulty:
                raise Refusal(
                    f"A row is not a step, a time, three vectors and the volume they span, in {COLUMNS} columns",
                    f"{path}, line {number - 1}: '{faulty[:200]}'", "Give CP2K's cell file (X-1.cell) or its input",
                )  # fmt: skip
            words = line.split()
            if not words:
                continue
            if words[0].startswith("#"):
                unit = _UNIT.search(line)
                if unit is not None and unit[1].lower() != "angstrom":
                    raise Refusal(f"The cells are printed in {unit[1]}", f"{path}, line {number}", "Print them in Å")
                continue
            row = _row(words)
            if row is None:
                faulty = line.strip()
                continue
            steps.append(int(words[0]))
            cells.append(row)
        check_ending(path, len(steps), f"in a row: '{faulty[:80]}'" if faulty else None, cut=file.cut)
    if not cells:
        raise Refusal("The file holds no cell", str(path), "Give CP2K's cell file (X-1.cell) or its input")
    kept = later_frames(np.array(steps))
    table = np.array(cells)[kept].reshape(-1, 3, 3)
    if (table == table[0]).all():
        return Setup(path, table[:1], note=f"one cell from {path.name}")
    return Setup(path, table, np.array(steps, np.int64)[kept], note=f"cells from {path.name}, by their steps")


def _row(words: list[str]) -> list[float] | None:
    """The nine numbers of the cell; None where the row is not whole, or its volume is that of another cell."""
    if len(words) != COLUMNS or not words[0].isdecimal() or len(words[0]) > COLUMNS:
        return None
    try:
        *vectors, volume = (float(word) for word in words[2:])
    except ValueError:
        return None
    spanned = abs(float(np.linalg.det(np.array(vectors).reshape(3, 3)))) if np.isfinite(vectors).all() else np.nan
    return vectors if abs(spanned - volume) <= VOLUME_TOLERANCE * volume else None
