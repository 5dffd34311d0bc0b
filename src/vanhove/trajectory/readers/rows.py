"""Frames that are rows of numbers in a text file (LAMMPS dumps, XDATCAR, xyz), parsed by several threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import in_order
from vanhove.trajectory.budget import thread_count
from vanhove.trajectory.contents import RawBlock

from .text import MARGIN, TextFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SAME_ATOMS = "Write the trajectory of a group of atoms that stays the same, each of one species"
LINE_END = ord("\n")
BLOCK_BYTES = 1 << 22  # text that one thread parses at a time: blocks end at about the same time and stay in its cache


class FirstFrame(NamedTuple):
    """What the rows of the first frame say of the atoms, in the file's order."""

    ids: Ints
    hashes: Ints  # of the labels
    labels: NDArray[np.str_]
    masses: Floats


@dataclass(frozen=True)
class RowFrames:
    """Where the rows of every frame stand in a file and what their columns mean; called, it gives the raw blocks.

    Cells and origins are in the file's own unit of length, (1 or frame, 3, 3) and (frame, 3); ``length`` and ``speed``
    turn the file's units into Å and Å/ps. ``name(frame)`` is what a person calls a frame.
    """

    path: Path
    starts: Ints
    stops: Ints
    roles: Ints
    n_atoms: int
    cells: Floats
    origins: Floats
    fractional: bool = False
    images: bool = False
    moving: bool = False
    loose: bool = False  # what stands behind the columns is passed over
    length: float | Floats = 1.0  # one for all, or one an axis
    speed: float | Floats = 1.0  # one for all, or (atom, 1)
    ids: Ints | None = None  # rising; None: rows are in order
    hashes: Ints | None = None  # of the labels, in the order of the atoms
    numbers: NDArray[np.intp] | None = None  # of the frames in the file, where some are left out
    steps: Ints | None = None  # what the file counts, for messages
    markup: bytes | None = None  # what each of the 256 bytes stands for, where rows stand between tags

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        copies = 1 if self.markup is None else 3
        each = copies * int((self.stops - self.starts).max()) + 24 * self.n_atoms * (1 + self.moving)
        in_flight = thread_count() + 2  # parsed, waiting to be taken, and the one taken
        size = max(1, min(memory // in_flight, BLOCK_BYTES) // each)
        with TextFile(self.path) as file:
            yield from in_order(self._parse, self._texts(file, size))

    def _texts(self, file: TextFile, size: int) -> Iterator[tuple[int, int, Ints, Bytes]]:
        """The frames of each block, the text that holds them, and where their rows start in it.

        Where more stands between the rows than in them, the rows alone are read: a block then takes no more than
        it was cut to.
        """
        for first in range(0, len(self.starts), size):
            last = min(first + size, len(self.starts))
            starts, stops = self.starts[first:last], self.stops[first:last]
            rows = int((stops - starts).sum())
            if stops[-1] - starts[0] <= 2 * rows:
                yield first, last, starts - starts[0], file.read(int(starts[0]), int(stops[-1]))
                continue
            text = np.empty(rows + MARGIN, np.uint8)
            begins = np.cumsum(stops - starts) - (stops - starts)
            for begin, start, stop in zip(begins.tolist(), starts.tolist(), stops.tolist(), strict=True):
                text[begin : begin + stop - start + MARGIN] = file.read(start, stop)
            yield first, last, begins, text

    def _parse(self, piece: tuple[int, int, Ints, Bytes]) -> RawBlock:
        from vanhove.kernels.parsing import GOOD, parse_frames

        first, last, begins, text = piece
        if self.markup is not None:
            text = np.frombuffer(bytearray(text).translate(self.markup), np.uint8)
            text[-1] = LINE_END
        here = slice(first, last)
        nothing = np.empty(0, np.int64)
        positions = np.empty((last - first, self.n_atoms, 3))
        velocities = np.empty_like(positions if self.moving else positions[:0])
        fault, frame, row, place = parse_frames(
            text, begins, begins + self.stops[here] - self.starts[here], self.roles, self.loose,
            nothing if self.ids is None else self.ids, nothing if self.hashes is None else self.hashes,
            self.cells if len(self.cells) == 1 else self.cells[here], self.origins[here], self.fractional, self.images,
            positions, velocities,
        )  # fmt: skip
        if fault != GOOD:
            raise self._refusal(fault, first + frame, row, text, place)
        if np.any(self.length != 1.0):
            positions *= self.length
        if np.any(self.speed != 1.0):
            velocities *= self.speed
        return RawBlock(positions, velocities if self.moving else None)

    def part(self, frames: slice) -> RowFrames:
        """The same, of some frames only."""
        return replace(
            self, starts=self.starts[frames], stops=self.stops[frames], origins=self.origins[frames],
            cells=self.cells if len(self.cells) == 1 else self.cells[frames],
            numbers=None if self.numbers is None else self.numbers[frames],
            steps=None if self.steps is None else self.steps[frames],
        )  # fmt: skip

    def first(self, roles: Ints, frame: int = 0) -> FirstFrame:
        """The first frame's rows, or another's, read with other ``roles``."""
        from vanhove.kernels.parsing import GOOD, first_rows

        with TextFile(self.path) as file:
            text = file.read(int(self.starts[frame]), int(self.stops[frame]))
        ids, hashes, places = np.zeros((3, self.n_atoms), np.int64)
        masses = np.zeros(self.n_atoms)
        fault, row, place = first_rows(text, roles, self.loose, ids, hashes, places, masses)
        if fault != GOOD:
            raise self._refusal(fault, frame, row, text, place)
        _, firsts, which = np.unique(hashes, return_index=True, return_inverse=True)
        words = np.array([_word(text, int(places[index])) for index in firsts])
        return FirstFrame(ids, hashes, words[which], masses)

    def name(self, frame: int) -> str:
        """What a person calls a frame."""
        number = frame if self.numbers is None else self.numbers[frame]
        return f"frame {number}" if self.steps is None else f"frame {number} (step {self.steps[frame]})"

    def _refusal(self, fault: int, frame: int, row: int, text: Bytes, place: int) -> Refusal:
        from vanhove.kernels import parsing

        line = _line(text, place)
        id_column = self.roles.tolist().index(parsing.ID) if parsing.ID in self.roles else len(line)
        who = [f"atom {id_}" for id_ in line.split()[id_column : id_column + 1]] or [f"row {row + 1} of {self.n_atoms}"]
        where = f"{self.path}, {self.name(frame)}, {who[0]}: '{line}'"
        word = _word(text, place)
        if fault == parsing.NOT_A_NUMBER and word.lower().lstrip("+-").startswith(("nan", "inf")):
            return Refusal(
                f"A position or velocity is '{word}', not a finite number", where,
                "The simulation went wrong there: use the frames before it, or run it again",
            )  # fmt: skip
        columns = f"the {len(self.roles)} columns that the file announces"
        what, do = {
            parsing.SHORT: (f"A row has fewer than {columns}", "Check the file there"),
            parsing.LONG: (f"A row has more than {columns}", "Check the file there"),
            parsing.NOT_A_NUMBER: (f"'{word}' is not a number", "Check the file there"),
            parsing.NEW_ATOM: ("A frame holds an atom that the first one does not", SAME_ATOMS),
            parsing.TWICE: ("A frame holds an atom twice", "Check the file there"),
            parsing.RELABELLED: ("An atom is of another species than in the first frame", SAME_ATOMS),
            parsing.MORE_ROWS: ("A frame does not end where it did when the file was opened", "Open the file again"),
        }[fault]
        return Refusal(what, where, do)


def _word(text: Bytes, place: int) -> str:
    words = text[place : place + 64].tobytes().split(maxsplit=1)
    return words[0].decode("utf-8", "replace") if words else ""


def _line(text: Bytes, place: int) -> str:
    raw = text.tobytes()
    begin = raw.rfind(b"\n", 0, place) + 1
    return raw[begin : raw.find(b"\n", place)].decode("utf-8", "replace").strip()[:120]
