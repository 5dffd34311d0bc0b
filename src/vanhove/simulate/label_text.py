"""What readers of labelled frames share: a walk through a text file from one pattern to the next, and its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.budget import memory_budget

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.contents import Options
    from vanhove.trajectory.readers.rows import RowFrames
    from vanhove.trajectory.readers.text import TextFile

    Floats = NDArray[np.float64]

PIECE = 1 << 20  # bytes read at once
LONGEST = 1 << 12  # bytes that a pattern may match
MOST_LISTED = 10


@dataclass(frozen=True)
class Asked:
    """What the person said about the files."""

    options: Options
    name: str | None = None
    keys: Mapping[str, str] | None = None


class Found(NamedTuple):
    """Where a pattern stands in the file, and what it matched."""

    start: int
    stop: int
    match: re.Match[bytes]

    @property
    def name(self) -> str:
        """Of the last group of the pattern that matched."""
        return self.match.lastgroup or ""

    def text(self, group: str | int) -> str:
        """What a group matched, as text; empty where it did not."""
        return (self.match[group] or b"").decode("utf-8", "replace").strip()


class Finder:
    """Looks for patterns, always forward: some pieces of the file are in memory, never more."""

    def __init__(self, file: TextFile, start: int = 0) -> None:
        self._file, self._base, self._at = file, start, 0
        self._text = b""
        self._ended = False
        self._room = bytearray(PIECE)

    @property
    def offset(self) -> int:
        """Where in the file the next search begins."""
        return self._base + self._at

    def find(self, pattern: re.Pattern[bytes]) -> Found | None:
        """The next place that matches, at most ``LONGEST`` bytes long; None where the file ends before."""
        while True:
            match = pattern.search(self._text, self._at)
            if match is not None and (self._ended or match.end() < len(self._text) - LONGEST):
                self._at = max(match.end(), self._at + 1)
                return Found(self._base + match.start(), self._base + match.end(), match)
            if self._ended:
                return None
            # what was searched may hold the beginning of a match
            keep = match.start() if match is not None else max(self._at, len(self._text) - LONGEST)
            self._extend(keep)

    def back_to(self, found: Found) -> None:
        """Let the next search begin with what the last one found."""
        self._at = max(0, found.start - self._base)

    def _extend(self, keep: int) -> None:
        got = self._file.read_into(self._base + len(self._text), memoryview(self._room))
        self._ended = not got
        self._text = self._text[keep:] + bytes(self._room[:got])
        self._base, self._at = self._base + keep, 0


def rows_of(
    path: Path, places: Sequence[tuple[int, int]], columns: Sequence[int], n_atoms: int, numbers: Sequence[int],
    *, moving: bool = False, markup: bytes | None = None, hashes: NDArray[np.int64] | None = None,
) -> RowFrames:  # fmt: skip
    """Frames whose rows stand at ``places``; ``columns`` are roles of :mod:`vanhove.kernels.parsing`.

    Forces that stand beside positions take the role of velocities (``moving``).
    """
    from vanhove.trajectory.readers.rows import RowFrames as Frames

    at = np.array(places, np.int64).reshape(-1, 2)
    return Frames(
        path, at[:, 0], at[:, 1], np.array(columns, np.int64), n_atoms, np.eye(3)[None], np.zeros((len(at), 3)),
        moving=moving, loose=True, numbers=np.array(numbers, np.intp), markup=markup, hashes=hashes,
    )  # fmt: skip


def gathered(frames: RowFrames) -> tuple[Floats, Floats]:
    """All frames of rows: (frame, atom, axis) of the first three columns, and of the second three where there are."""
    shape = (len(frames.starts), frames.n_atoms, 3)
    first, second, done = np.empty(shape), np.empty(shape if frames.moving else (0, 0, 3)), 0
    for block in frames(memory_budget() // 4):
        here = slice(done, done + len(block.positions))
        first[here] = block.positions
        if block.velocities is not None:
            second[here] = block.velocities
        done = here.stop
    return first, second


def matrix(text: bytes, where: str, count: int = 9) -> Floats:
    """The numbers in ``text``, exactly as many as said."""
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError:
        values = np.empty(0)
    if len(values) != count or not np.isfinite(values).all():
        shown = " ".join(text.decode("utf-8", "replace").split())[:120]
        raise Refusal(f"'{shown}' is not {count} finite number{'s' * (count > 1)}", where, "Check the file there")
    return values


def number(text: str, where: str) -> float:
    """One finite number."""
    return float(matrix(text.encode(), where, 1)[0])


def say_left_out(frames: Sequence[int], why: str, path: Path, do: str) -> None:
    """Warn of frames that are not used."""
    if frames:
        listed = ", ".join(map(str, frames[:MOST_LISTED])) + (" ..." if len(frames) > MOST_LISTED else "")
        verb = "is" if len(frames) == 1 else "are"
        warn(f"{len(frames)} frame{'s' * (len(frames) > 1)} {verb} left out: {why}", f"{path}, frames {listed}", do)


def none_left(path: Path, why: str, do: str) -> Refusal:
    """Where no frame can be used."""
    return Refusal("The file holds no frame with energy and forces", f"{path}: {why}", do)
