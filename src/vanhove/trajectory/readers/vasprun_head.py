"""The head of a vasprun.xml: what the run was told, which atoms it holds, and where its first frame begins.

Expat reads it event by event: nothing is built that grows with the file, and nothing recurses. A document type is
refused where it begins, since only there can entities be declared, which grow without end or fetch other files; VASP
writes none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .text import TextFile

    Floats = NDArray[np.float64]

PIECE = 1 << 16  # bytes given to expat at once
LONGEST = 1 << 20  # bytes that a tag may have: expat keeps what is unfinished
LONGEST_VALUE = 256  # characters of an element that is read
DEEPEST = 64  # elements inside each other
MOST_ATOMS = 1_000_000
SETTINGS = {
    "version", "NSW", "IBRION", "POTIM", "TEBEG", "TEEND", "SMASS", "MDALGO", "ANDERSEN_PROB", "ML_LMLFF", "ML_MODE",
    "ML_ISTART", "ML_OUTBLOCK", "NELM", "PSTRESS", "ENMAX", "GGA", "IVDW",
}  # fmt: skip


@dataclass
class Head:
    """What stands before the first frame."""

    start: int | None = None  # where the first frame's tag begins; None: the file has none
    torn: bool = False  # whether the file ends inside its head
    settings: dict[str, str] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)  # of each atom: a number that counts the rows of ``type_masses``
    type_masses: list[str] = field(default_factory=list)

    @property
    def masses(self) -> Floats | None:
        """Mass of every atom (u), as the potentials or POMASS gave it; None where the file does not say."""
        try:
            table = {str(number): float(mass) for number, mass in enumerate(self.type_masses, 1)}
            masses = np.array([table[name] for name in self.types])
        except (KeyError, ValueError):
            return None
        return masses if np.isfinite(masses).all() and (masses > 0).all() else None

    def number(self, name: str) -> float | None:
        """A setting as a number; None where it is missing or none."""
        try:
            value = float(self.settings[name])
        except (KeyError, ValueError):
            return None
        return value if np.isfinite(value) else None


def read_head(file: TextFile) -> Head:
    """The head of ``file``, up to its first ``<calculation>`` or nameless ``<structure>``."""
    reader = _Reader(file.path)
    fed, room = 0, bytearray(PIECE)
    try:
        while reader.head.start is None:
            got = file.read_into(fed, memoryview(room))
            reader.parser.Parse(bytes(room[:got]), not got)
            if not got:
                return reader.head
            fed += got
            if fed - reader.parser.CurrentByteIndex > LONGEST + PIECE:
                raise _too_long(file.path, reader.parser.CurrentLineNumber)
    except expat.ExpatError as error:
        if reader.head.start is not None:
            return reader.head  # the rest of the piece is no part of it
        if fed and not got:
            reader.head.torn = True
            return reader.head
        raise Refusal(
            f"The XML can't be read: {expat.ErrorString(error.code)}",
            f"{file.path}, line {error.lineno}, column {error.offset}",
            "Check the file there: '&' and '<' in INCAR's comments are the usual cause",
        )
    return reader.head


def _too_long(path: Path, line: int) -> Refusal:
    return Refusal("A tag or a value does not end", f"{path}, line {line}", "Check the file there")


class _Reader:
    """Takes from expat's events what :class:`Head` holds."""

    def __init__(self, path: Path) -> None:
        self.head, self._path = Head(), path
        self._inside: list[str] = []
        self._kept: list[str] | None = None  # pieces of the text of an element that is read
        self._size = 0
        self._name = ""  # of the setting that is read
        self._array = ""  # name of the array of atoms or of types
        self._fields: list[str] = []
        self._row: list[str] = []
        self._resolved: set[str] = set()  # settings that <parameters> gave: what VASP made of INCAR
        self.parser = expat.ParserCreate("ISO-8859-1")  # as VASP writes, whatever is declared: a byte is a letter
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise Refusal(
            "The file declares a document type, which may hold entities without end or names of other files",
            f"{self._path}, line {self.parser.CurrentLineNumber}",
            "VASP writes none: look at where the file comes from",
        )

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if self.head.start is not None:
            return
        if len(self._inside) >= DEEPEST:
            raise Refusal("The elements lie too deep in each other", f"{self._path}: {DEEPEST}", "Check the file")
        frame = name == "calculation" or (name == "structure" and "name" not in attributes)
        if frame and len(self._inside) == 1:
            self.head.start = self.parser.CurrentByteIndex
            return
        self._inside.append(name)
        self._kept = None
        if name == "array":
            self._array, self._fields = attributes.get("name", ""), []
        elif name == "rc":
            self._row = []
        setting = name == "i" and attributes.get("name", "") in SETTINGS
        if setting or (name in ("c", "field") and "atominfo" in self._inside):
            self._name, self._kept, self._size = attributes.get("name", ""), [], 0

    def _text(self, text: str) -> None:
        if self._kept is not None:
            self._kept.append(text)
            self._size += len(text)
            if self._size > LONGEST_VALUE:
                raise _too_long(self._path, self.parser.CurrentLineNumber)

    def _end(self, name: str) -> None:
        if self.head.start is not None:
            return
        self._inside.pop()
        if self._kept is not None:
            self._take(name, "".join(self._kept).strip())
            self._kept = None
        elif name == "rc":
            self._take_row(dict(zip(self._fields, self._row, strict=False)))

    def _take(self, name: str, value: str) -> None:
        if name == "c":
            self._row.append(value)
        elif name == "field":
            self._fields.append(value)
        elif "parameters" in self._inside:
            self._resolved.add(self._name)
            self.head.settings[self._name] = value
        elif self._name not in self._resolved:
            self.head.settings[self._name] = value

    def _take_row(self, row: dict[str, str]) -> None:
        if self._array == "atoms":
            self.head.labels.append(row.get("element", ""))
            self.head.types.append(row.get("atomtype", ""))
            if len(self.head.labels) > MOST_ATOMS:
                raise Refusal("The file lists more atoms than a run can hold", f"{self._path}: {MOST_ATOMS}")
        elif self._array == "atomtypes":
            self.head.type_masses.append(row.get("mass", ""))
