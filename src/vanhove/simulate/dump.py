"""LAMMPS's binary ``dump custom`` files, read in blocks of frames.

A frame is a header, then for every MPI rank the count of its numbers (int32) and the numbers (float64), atoms in any
order. The header begins with minus the length of a magic word (int64), the word, an endianness mark and a format
revision (int32); step and atom count (int64), a triclinic flag, six boundary flags (int32), the box (float64), the
number of columns, a unit name, a flag for the time, the columns' names and the number of ranks. Its length does not
change within a file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAGIC = b"DUMPCUSTOM"
HEAD = struct.Struct(f"<q{len(MAGIC)}sii")  # then step, atoms (int64), triclinic and six boundary flags (int32)
BODY = struct.Struct("<qq7i")
BOX = 8  # bytes of a number of the box: its ends along x, y, z, those of the bounding box and three tilts if triclinic
COPIES = 6  # arrays of a block's size that reading holds at once


@dataclass(frozen=True)
class DumpFile:
    """A dump file that is whole or still being written; only its whole frames are seen."""

    path: Path
    n_atoms: int
    columns: tuple[str, ...]
    ranks: int
    header: int  # bytes
    triclinic: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.header + 4 * self.ranks + 8 * self.n_atoms * len(self.columns)

    @property
    def n_frames(self) -> int:
        """Whole frames that are there now."""
        return self.path.stat().st_size // self.frame_bytes

    def read(self, first: int, last: int) -> tuple[NDArray[np.int64], Floats]:
        """Frames ``first`` to ``last``, that one left out: steps (frame,) and values (frame, atom, column) by id.

        The columns are those after ``id`` and ``type``.
        """
        count = last - first
        with open(self.path, "rb") as file:
            file.seek(first * self.frame_bytes)
            raw = np.fromfile(file, np.uint8, count * self.frame_bytes)
        if len(raw) < count * self.frame_bytes:
            raise Refusal(f"The dump ends before frame {last}", str(self.path), "Run this leg again")
        raw = raw.reshape(count, self.frame_bytes)
        head = np.frombuffer(HEAD.pack(-len(MAGIC), MAGIC, 1, 2), np.uint8)
        if not (raw[:, : HEAD.size] == head).all():
            raise Refusal("A frame does not begin where it should", str(self.path), "The file is damaged")
        steps = np.ascontiguousarray(raw[:, HEAD.size : HEAD.size + 8]).view(np.int64)[:, 0]
        words = np.ascontiguousarray(raw[:, self.header :]).view(np.uint32)
        table = self._numbers(words).reshape(count, self.n_atoms, len(self.columns))
        order = np.argsort(table[:, :, 0], axis=1)
        if not (np.take_along_axis(table[:, :, 0], order, 1) == np.arange(1, self.n_atoms + 1)).all():
            raise Refusal("The atoms of a frame are not numbered 1 to N", str(self.path), "The file is damaged")
        return steps, np.take_along_axis(table[:, :, 2:], order[:, :, None], axis=1)

    def boxes(self, first: int, last: int) -> tuple[Floats, Floats]:
        """Where the cell of frames ``first`` to ``last``, that one left out, begins, and its vectors.

        (frame, axis) and (frame, vector, axis).
        """
        numbers = 9 if self.triclinic else 6
        at = HEAD.size + BODY.size
        raw = np.memmap(self.path, np.uint8, "r", shape=(self.n_frames, self.frame_bytes))
        box = np.ascontiguousarray(raw[first:last, at : at + BOX * numbers]).view("<f8")
        low, high = box[:, 0:6:2], box[:, 1:6:2]
        cells = np.zeros((len(box), 3, 3))
        if self.triclinic:
            xy, xz, yz = box[:, 6], box[:, 7], box[:, 8]
            sums = np.stack([np.zeros(len(box)), xy, xz, xy + xz])
            high = high - np.stack([sums.max(axis=0), np.maximum(yz, 0), np.zeros(len(box))], axis=1)
            low = low - np.stack([sums.min(axis=0), np.minimum(yz, 0), np.zeros(len(box))], axis=1)
            cells[:, 1, 0], cells[:, 2, 0], cells[:, 2, 1] = xy, xz, yz
        cells[:, [0, 1, 2], [0, 1, 2]] = high - low
        return low, cells

    def _numbers(self, words: NDArray[np.uint32]) -> Floats:
        """The float64 of every frame, with the ranks' counts between them taken out."""
        frames = np.arange(len(words))
        keep = np.ones(words.shape, bool)
        at = np.zeros(len(words), np.int64)
        for _ in range(self.ranks):
            if (at >= words.shape[1]).any():
                raise Refusal("The counts of a frame do not add up", str(self.path), "The file is damaged")
            keep[frames, at] = False
            at = at + 1 + 2 * words[frames, at].astype(np.int64)
        if (at != words.shape[1]).any():
            raise Refusal("The counts of a frame do not add up", str(self.path), "The file is damaged")
        return words[keep].reshape(len(words), -1).view(np.float64)

    def blocks(self, budget: int) -> Iterator[tuple[NDArray[np.int64], Floats]]:
        """All frames in order, in blocks that take at most ``budget`` bytes."""
        total = self.n_frames
        at_once = max(1, budget // (COPIES * self.frame_bytes))
        for first in range(0, total, at_once):
            yield self.read(first, min(first + at_once, total))


class DumpWriter:
    """Writes such a file, as one rank would, a whole frame at a time; the file is there from the first frame on."""

    def __init__(self, path: Path, columns: Sequence[str], types: NDArray[np.int64]) -> None:
        self._path, self._types = path, types
        self._names = " ".join(("id", "type", *columns)).encode()
        self._count = 2 + len(columns)
        self._file: BinaryIO | None = None

    def write(self, step: int, values: Floats) -> None:
        """One frame: (atom, column)."""
        atoms = len(self._types)
        boundaries, box = (0,) * 6, bytes(8 * 6)  # who reads these files knows the cell
        head = HEAD.pack(-len(MAGIC), MAGIC, 1, 2) + BODY.pack(step, atoms, 0, *boundaries) + box
        head += struct.pack("<iib", self._count, 0, 0)
        head += struct.pack("<i", len(self._names)) + self._names + struct.pack("<ii", 1, atoms * self._count)
        table = np.column_stack([np.arange(1.0, atoms + 1), self._types, values]).astype("<f8")
        if self._file is None:
            self._file = open(self._path, "wb")  # noqa: SIM115 - closed by this object's own block
        self._file.write(head + table.tobytes())
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def open_dump(path: str | os.PathLike[str]) -> DumpFile | None:
    """The dump at ``path``, or None while its first frame's header is not there yet."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            return _parse_header(path, file.read(4096))
    except FileNotFoundError:
        return None


def _parse_header(path: Path, start: bytes) -> DumpFile | None:
    try:
        length, magic, endian, revision = HEAD.unpack_from(start)
        at = HEAD.size
        _, atoms, triclinic, *_ = BODY.unpack_from(start, at)
        at += BODY.size + BOX * (9 if triclinic else 6)
        columns, unit_length = struct.unpack_from("<ii", start, at)
        at += 8 + unit_length
        at += 9 if start[at] else 1  # a flag, and the time where it is set
        (name_length,) = struct.unpack_from("<i", start, at)
        names = tuple(start[at + 4 : at + 4 + name_length].decode().split())
        at += 4 + name_length
        (ranks,) = struct.unpack_from("<i", start, at)
    except (struct.error, IndexError):
        return None
    if (length, magic, endian, revision) != (-len(MAGIC), MAGIC, 1, 2):
        raise Refusal(
            "This is no binary dump of the kind that was asked for",
            f"{path} begins with {start[:18]!r}",
            "Another version of LAMMPS writes another format: install the one that vanhove[simulate] names",
        )
    if len(names) != columns or names[:2] != ("id", "type"):
        raise Refusal(f"The dump's columns are {' '.join(names)}", str(path))
    return DumpFile(path, atoms, names, ranks, at + 4, bool(triclinic))
