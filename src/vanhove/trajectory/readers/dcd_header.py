"""The header of a DCD: Fortran records of its counters, its title, its number of atoms and those that are fixed."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BY_LAMMPS = b"Written by LAMMPS"
TITLE = 4 + 80  # bytes of its first line
COUNTERS = 84  # bytes: "CORD" and twenty numbers


@dataclass(frozen=True)
class Header:
    """What a DCD says before its first frame, and where its frames lie."""

    order: str  # "<" or ">", as numpy and struct write byte order
    marker: int  # bytes of the marks around each record
    n_atoms: int
    declared: int  # frames by the header; programs that were killed leave it behind
    start: int  # first frame's step
    every: int  # steps between frames
    last: int
    by_lammps: bool
    version: int  # of CHARMM, or what others put there
    has_cell: bool
    has_fourth: bool  # a fourth coordinate, which is passed over
    free: NDArray[np.int64] | None  # atoms that frames after the first hold; None: all
    offset: int
    frames: int = 0  # whole ones in the file
    torn: bool = False  # whether something follows them

    def layout(self, frame: int) -> np.dtype[Any]:
        """The bytes of a frame: each record between the marks ``<name`` and ``>name``."""
        atoms = self.n_atoms if self.free is None or frame == 0 else len(self.free)
        records = [("cell", f"{self.order}f8", (6,))] if self.has_cell else []
        records += [(name, f"{self.order}f4", (atoms,)) for name in ("x", "y", "z", "w")[: 3 + self.has_fourth]]
        mark = f"{self.order}i{self.marker}"
        fields: list[Any] = []
        for name, kind, shape in records:
            fields += [(f"<{name}", mark), (name, kind, shape), (f">{name}", mark)]
        return np.dtype(fields)

    def place(self, frame: int) -> int:
        """Where a frame begins in the file."""
        if frame == 0:
            return self.offset
        return self.offset + self.layout(0).itemsize + (frame - 1) * self.layout(1).itemsize


def read_header(file: int, path: Path) -> Header:
    """Read the header; count the frames by the file's size."""
    head = os.pread(file, 8 + COUNTERS, 0)
    kinds = [(order, marker) for order in "<>" for marker in (4, 8) if _mark(head, order, marker) == COUNTERS]
    kinds = [(order, marker) for order, marker in kinds if head[marker : marker + 4] in (b"CORD", b"VELD")]
    if not kinds:
        raise Refusal("The file is no DCD", str(path), "Check its name")
    order, marker = kinds[0]
    records = _Records(file, path, order, marker)
    first = records.next("counters", COUNTERS)
    if first[:4] == b"VELD":
        raise Refusal("The file holds velocities, not positions", str(path), "Give the DCD of the positions")
    n = struct.unpack(f"{order}20i", first[4:])
    charmm = n[19] != 0  # X-PLOR keeps its time step in double precision where CHARMM's flags stand
    by_lammps = BY_LAMMPS in records.next("title")
    (n_atoms,) = struct.unpack(f"{order}i", records.next("number of atoms", 4))
    fixed = n[8]
    if n_atoms < 1 or not 0 <= fixed < n_atoms:
        raise Refusal("The header is damaged", f"{path}: {n_atoms} atoms, {fixed} of them fixed", "Copy the file again")
    free = None
    if fixed:
        free = np.frombuffer(records.next("free atoms", 4 * (n_atoms - fixed)), f"{order}i4").astype(np.int64) - 1
        if (np.diff(free) <= 0).any() or free[0] < 0 or free[-1] >= n_atoms:
            raise Refusal(
                "The header is damaged", f"{path}: the atoms that are not fixed are not in order", "Copy it again"
            )
    header = Header(
        order, marker, n_atoms, n[0], n[1], n[2], n[3], by_lammps, n[19], charmm and n[10] != 0,
        charmm and n[11] != 0, free, records.at,
    )  # fmt: skip
    return _counted(header, os.fstat(file).st_size)


def _counted(header: Header, size: int) -> Header:
    first, each = _frame_bytes(header, 0), _frame_bytes(header, 1)
    left = size - header.offset - first
    frames = 0 if left < 0 else 1 + left // each
    torn = size > header.offset if frames == 0 else left % each != 0
    return replace(header, frames=frames, torn=torn or frames == 0)


def _frame_bytes(header: Header, frame: int) -> int:
    """As :meth:`Header.layout` has it, which numpy could not make of a number of atoms that is absurd."""
    atoms = header.n_atoms if header.free is None or frame == 0 else len(header.free)
    records = 3 + header.has_fourth
    return records * (4 * atoms + 2 * header.marker) + header.has_cell * (48 + 2 * header.marker)


def _mark(head: bytes, order: str, marker: int) -> int | None:
    if len(head) < marker:
        return None
    return int.from_bytes(head[:marker], "little" if order == "<" else "big")


class _Records:
    """Walks through the records of the header."""

    def __init__(self, file: int, path: Path, order: str, marker: int) -> None:
        self._file, self._path, self._order, self._marker = file, path, order, marker
        self._left = os.fstat(file).st_size
        self.at = 0

    def next(self, what: str, size: int | None = None) -> bytes:
        """The next record, of ``size`` bytes; of one whose size is not known, what it begins with."""
        marker = self._marker
        length = _mark(os.pread(self._file, marker, self.at), self._order, marker)
        if length is None or length > self._left - self.at - 2 * marker:
            raise Refusal(
                "The file was cut in its header", f"{self._path}: {what}", "Give a file that was written to its end"
            )
        record = os.pread(self._file, min(length, size or TITLE), self.at + marker)
        ending = _mark(os.pread(self._file, marker, self.at + marker + length), self._order, marker)
        if ending != length or size not in (None, length):
            raise Refusal(
                "The header is damaged", f"{self._path}: the record of its {what} is of {length} bytes"
                + (f", not {size}" if size not in (None, length) else ""), "Copy the file again",
            )  # fmt: skip
        self.at += length + 2 * marker
        return record
