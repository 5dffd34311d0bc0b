"""The headers of a LAMMPS text dump: steps, times, boxes, columns, and where the rows of every whole frame stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .text import Lines, Torn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """Row vectors and corner of a frame's cell, in the file's unit of length, and the flag of each boundary."""

    cell: Floats
    origin: Floats
    boundary: tuple[str, ...]


@dataclass
class Header:
    """What stands above the rows of one frame."""

    step: int = 0
    time: float | None = None
    units: str | None = None
    n_atoms: int | None = None
    box: Box | None = None
    columns: tuple[str, ...] = ()


@dataclass
class Index:
    """All whole frames of a dump."""

    path: Path
    steps: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    rows: list[tuple[int, int]] = field(default_factory=list)  # where each frame's rows start and stop
    n_atoms: int = 0
    columns: tuple[str, ...] = ()
    units: str | None = None
    torn: str | None = None  # what the file ended in, when not after a frame


def read_index(path: Path, lines: Lines) -> Index:
    """Walk through a whole dump: headers are parsed, rows only counted."""
    index = Index(path)
    headers = _Headers(path, lines)
    while True:
        frame = len(index.steps)
        try:
            header = headers.next(frame)
        except Torn:
            index.torn = f"in the header of frame {frame}"
            return index
        if header is None:
            return index
        box = _check(index, header)
        rows = lines.skip(index.n_atoms)
        if rows is None:
            index.torn = f"in the rows of frame {frame} (step {header.step})"
            return index
        index.rows.append(rows)
        index.steps.append(header.step)
        index.boxes.append(box)
        index.units = index.units or header.units
        if header.time is not None:
            index.times.append(header.time)


class _Headers:
    """Reads one header after the other; a box that is said again is not parsed again."""

    def __init__(self, path: Path, lines: Lines) -> None:
        self._path, self._lines = path, lines
        self._said: list[str] = []
        self._box: Box | None = None

    def next(self, frame: int) -> Header | None:
        """The header before the rows that follow; None where the file ends."""
        title = self._lines.begin()
        if title is None:
            return None
        header = Header()
        while True:
            if not title.startswith("ITEM:"):
                raise Refusal(
                    "A line stands where a frame should begin", f"{self._path}, before frame {frame}: '{title[:80]}'",
                    "NUMBER OF ATOMS is not the number of rows, or the file is damaged there",
                )  # fmt: skip
            name = title[5:].strip()
            if name.startswith("ATOMS"):
                header.columns = tuple(name.split()[1:])
                return header
            self._take(name, header, f"{self._path}, frame {frame}")
            title = self._lines.need()

    def _take(self, name: str, header: Header, where: str) -> None:
        if name == "TIMESTEP":
            header.step = _whole(self._lines.need(), where)
        elif name == "TIME":
            header.time = _number(self._lines.need(), where)
        elif name == "UNITS":
            header.units = self._lines.need().strip()
        elif name == "NUMBER OF ATOMS":
            header.n_atoms = _whole(self._lines.need(), where)
        elif name.startswith("BOX BOUNDS"):
            said = [name, self._lines.need(), self._lines.need(), self._lines.need()]
            if said != self._said:
                self._said, self._box = said, parse_box(said, where)
            header.box = self._box
        else:
            raise Refusal(f"'ITEM: {name[:80]}' is no part of a dump of atoms", where, "Dump style atom or custom")


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refusal(f"'{text[:40]}' is not a number", f"{where}, header", "Check the file there")


def _whole(text: str, where: str) -> int:
    number = _number(text, where)
    if number != number // 1:
        raise Refusal(f"'{text[:40]}' is no whole number", f"{where}, header", "Check the file there")
    return int(number)


def _check(index: Index, header: Header) -> Box:
    frame = len(index.steps)
    where = f"{index.path}, frame {frame} (step {header.step})"
    if header.n_atoms is None or header.box is None:
        raise Refusal("A frame does not say how many atoms it has, or its box", where, "Check the file there")
    if frame == 0:
        index.n_atoms, index.columns = header.n_atoms, header.columns
        if header.n_atoms < 1:
            raise Refusal("The first frame holds no atom", where, "Dump a group that has atoms")
    if header.n_atoms != index.n_atoms:
        raise Refusal(
            f"The number of atoms changes from {index.n_atoms} to {header.n_atoms}", where,
            "Dump a group of atoms that stays the same, and check for lost atoms",
        )  # fmt: skip
    if header.columns != index.columns:
        raise Refusal(
            "The columns change", f"{where}: '{' '.join(header.columns)}' after '{' '.join(index.columns)}'",
            "Join runs that wrote the same columns",
        )  # fmt: skip
    return header.box


def parse_box(said: list[str], where: str) -> Box:
    """The cell of ``ITEM: BOX BOUNDS``: its name and its three lines.

    Orthogonal: lo hi. Triclinic (xy xz yz): the bounds of the *enclosing* box and a tilt each, so that
    lo = bound - min(0, xy, xz, xy + xz) and hi = bound - max(0, xy, xz, xy + xz) along x, min(0, yz) and max(0, yz)
    along y. General (abc origin): a vector and a component of the corner each.
    """
    words = said[0].split()[2:]
    rows = [[_number(word, where) for word in line.split()] for line in said[1:]]
    boundary = tuple(word for word in words if len(word) == 2 and set(word) <= set("pfsm"))
    columns = 4 if "abc" in words else 3 if "xy" in words else 2
    if any(len(row) < columns for row in rows):
        raise Refusal("The box has too few numbers", f"{where}: {' / '.join(said[1:])}", "Check the file there")
    table = np.array([row[:columns] for row in rows])
    if columns == 4:
        return Box(table[:, :3].copy(), table[:, 3].copy(), boundary)
    low, high = table[:, 0], table[:, 1]
    xy, xz, yz = table[:, 2] if columns == 3 else np.zeros(3)
    low = low - [min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0]
    high = high - [max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0]
    if not (high > low).all():
        raise Refusal("The box ends before it begins", f"{where}: {' / '.join(said[1:])}", "Check the file there")
    lx, ly, lz = high - low
    return Box(np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]), low, boundary)
