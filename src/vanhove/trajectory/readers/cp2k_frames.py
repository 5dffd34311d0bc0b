"""The frames of CP2K's xyz files: where their rows stand, which step and time each is, and two files side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import RawBlock

from .checks import check_ending
from .rows import RowFrames
from .text import Lines, TextFile, Torn

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TITLE = re.compile(r"\s*i\s*=\s*(\d{1,18})\s*,\s*(?:time\s*=\s*([^\s,]+)\s*(?:,|$))?")
ROUNDED = 1.01e-3  # fs: what three decimals, here and in the first time, can be off
DIGITS = 9  # of a step in fs


@dataclass
class Index:
    """The whole frames of one xyz file."""

    path: Path
    rows: list[tuple[int, int]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # fs; NaN where a title has none
    n_atoms: int = 0

    def frames(self, chosen: Ints, cells: Floats, length: float) -> RowFrames:
        """The rows of the chosen frames; what they hold counts as positions."""
        from vanhove.kernels.parsing import LABEL, POSITION

        rows = np.array(self.rows, np.int64)[chosen]
        return RowFrames(
            self.path, rows[:, 0], rows[:, 1], np.array([LABEL, *(POSITION + np.arange(3))]), self.n_atoms, cells,
            np.zeros((len(rows), 3)), length=length, numbers=chosen, steps=np.array(self.steps)[chosen],
        )  # fmt: skip


@dataclass(frozen=True)
class PairedFrames:
    """Positions and velocities from two files, frame by frame."""

    positions: RowFrames
    velocities: RowFrames

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        first = cast("Generator[RawBlock]", self.positions(memory // 3))
        second = cast("Generator[RawBlock]", self.velocities(memory // 3))
        with closing(first), closing(second):
            waiting = np.empty((0, self.positions.n_atoms, 3))
            for block in first:
                while len(waiting) < len(block.positions):
                    waiting = np.concatenate([waiting, next(second).positions])
                n = len(block.positions)
                yield RawBlock(block.positions, waiting[:n].copy())
                waiting = waiting[n:]


def read_index(path: Path) -> Index:
    """Walk through the titles of a file and count its rows."""
    index, torn = Index(path), None
    with TextFile(path, "looking through") as file:
        lines = Lines(file)
        try:
            while (line := lines.begin()) is not None:
                _take_title(index, line, lines.need())
                place = lines.skip(index.n_atoms)
                if place is None:
                    torn = f"in the rows of frame {len(index.rows)} (step {index.steps.pop()})"
                    break
                index.rows.append(place)
        except Torn:
            torn = f"in the header of frame {len(index.rows)}"
        check_ending(path, len(index.rows), torn, cut=file.cut)
    if not index.rows:
        raise Refusal("The file holds no frame", str(path), "Give an xyz file with frames")
    return index


def _take_title(index: Index, line: str, title: str) -> None:
    where = f"{index.path}, frame {len(index.rows)}"
    found = TITLE.match(title)
    if not line.strip().isdecimal() or len(line) > 20 or int(line) < 1 or found is None:
        raise Refusal(
            "A frame does not begin with its number of atoms and 'i = step, time = ...'",
            f"{where}: '{line[:40]}', '{title[:80]}'",
            "The number above the frame before may not be that of its rows: check the file there",
        )  # fmt: skip
    if index.rows and int(line) != index.n_atoms:
        raise Refusal(
            f"The number of atoms changes from {index.n_atoms} to {int(line)}", where, "Give frames of one system"
        )
    try:
        time = np.nan if found[2] is None else float(found[2])
    except ValueError:
        raise Refusal(f"The time '{found[2][:40]}' is no number", where, "Check the file there")
    index.n_atoms = int(line)
    index.steps.append(int(found[1]))
    index.times.append(time)


def times_of(index: Index, chosen: Ints) -> Floats | None:
    """Times in ps; None where the titles have none.

    Printed times have three decimals of a fs. Where steps of a decimal number of fs give them all to that, they are
    what was printed.
    """
    steps, times = np.array(index.steps)[chosen], np.array(index.times)[chosen]
    if not np.isfinite(times).all():
        return None
    if len(times) > 1:
        slope = (times[-1] - times[0]) / (steps[-1] - steps[0])
        for digits in range(1, DIGITS + 1):
            even = times[0] + float(f"{slope:.{digits}g}") * (steps - steps[0])
            if np.abs(even - times).max() <= ROUNDED:
                return np.asarray(even / 1e3)
    return times / 1e3
