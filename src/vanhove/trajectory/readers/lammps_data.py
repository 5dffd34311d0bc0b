"""LAMMPS data files, read for what a trajectory does not say: the type, mass and charge of every atom, and the box.

Sections in any order; atom styles atomic, charge, bond, angle, molecular and full, by the hint ``Atoms # full`` or,
without it, by the columns where they leave no doubt. Types by number or by label. Plain or packed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .cells import cells_of
from .rows import FirstFrame, RowFrames
from .text import Lines, TextFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Labels = NDArray[np.str_]

# Columns of each style up to the positions; three image flags may follow.
STYLES = {
    "atomic": ("id", "type", "x", "y", "z"),
    "charge": ("id", "type", "q", "x", "y", "z"),
    "bond": ("id", "mol", "type", "x", "y", "z"),
    "angle": ("id", "mol", "type", "x", "y", "z"),
    "molecular": ("id", "mol", "type", "x", "y", "z"),
    "full": ("id", "mol", "type", "q", "x", "y", "z"),
}
# The unit styles whose masses are in u and whose charges are in e; no style is stated in older files.
IN_U = {"", "real", "metal", "electron"}
IN_E = {*IN_U, "nano"}

_COUNT = re.compile(r"\s*[0-9]{1,18}\s+atoms\s*")
_WHOLE = re.compile(r"[0-9]{1,18}")
_STATED = re.compile(r"\bunits = (\w+)")
_BOX = {"xlo xhi": 2, "ylo yhi": 2, "zlo zhi": 2, "xy xz yz": 3, "avec": 3, "bvec": 3, "cvec": 3, "abc origin": 3}
WRITE = "Write it with LAMMPS's write_data"


@dataclass(frozen=True)
class DataFile:
    """The atoms of a data file in the order of their ids; ``types`` are numbers, written out."""

    path: Path
    ids: Ints
    types: Labels
    charges: Floats | None  # e; None where the style has none, or all are zero
    masses: dict[str, float]  # by type, in u
    names: dict[str, list[str]]  # by type: what its label and the comment behind its mass call it
    cell: Floats | None  # as LAMMPS restricts it: a along x, b in the xy plane
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Rows(RowFrames):
    """The rows of a section, in the place of a frame."""

    def name(self, frame: int) -> str:  # noqa: ARG002 - there is one
        """What a person calls it."""
        return "section Atoms"


class _Ended(TextFile):
    """A text file whose last line ends: many are typed by hand, and a row that was cut is seen by its columns."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._end: int | None = None

    def read_into(self, start: int, room: memoryview) -> int:
        """See :class:`TextFile`."""
        if self._end is not None and start > self._end:
            return 0
        done = super().read_into(start, room)
        if done == len(room):
            return done
        self._end = start + done
        room[done] = 10
        return done + 1


@dataclass
class _Found:
    """What was found on the way through the file."""

    path: Path
    units: str
    counts: dict[str, int] = field(default_factory=dict)
    box: dict[str, list[float]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)  # number of a type by its label
    masses: dict[str, float] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    style: str = ""
    rows: tuple[int, int] | None = None
    first_row: str = ""


def read_data(path: Path, units: str | None = None) -> DataFile:
    """Read a data file; ``units`` is its unit style, where it does not state one itself."""
    with _Ended(path) as file:
        lines = Lines(file)
        title = lines.line() or ""
        stated = _STATED.search(title)
        found = _Found(path, units or (stated.group(1) if stated else ""))
        if _COUNT.fullmatch(title):  # LAMMPS passes over the first line, but files without a title are about
            found.counts["atoms"] = int(title.split()[0])
        section = _header(lines, found)
        while section is not None and not (found.rows and found.masses):
            section = _section(lines, section, found)
    if found.rows is None:
        raise Refusal("The data file has no atoms", f"{path}: no section Atoms", WRITE)
    return _atoms(found, _columns(found))


def _header(lines: Lines, found: _Found) -> str | None:
    """Take the counts and the box; give the line that begins the first section."""
    while True:
        line = lines.line()
        if line is None or line.lstrip()[:1].isalpha():
            break
        words = line.partition("#")[0].split()
        for keyword, numbers in _BOX.items():
            if words[numbers:] == keyword.split():
                found.box[keyword] = [_number(word, f"{found.path}: '{line[:80]}'") for word in words[:numbers]]
        if len(words) > 1 and _WHOLE.fullmatch(words[0]):
            found.counts[" ".join(words[1:])] = int(words[0])
    if line is None or not found.counts.get("atoms"):
        raise Refusal(
            "The file is no LAMMPS data file", f"{found.path}: no number of atoms stands above its first section",
            "Give topology= the file that read_data or write_data used for this run",
        )  # fmt: skip
    return line


def _section(lines: Lines, title: str, found: _Found) -> str | None:
    """Take a section, or pass over it; give the line that begins the next one."""
    name, _, hint = (part.strip() for part in title.partition("#"))
    following = lines.peek()
    while following is not None and not following.strip():
        lines.line()
        following = lines.peek()
    if name in ("Atoms", "Velocities"):
        rows = lines.skip(found.counts["atoms"])
        if rows is None:
            raise Refusal(
                "The data file was cut", f"{found.path} ends in its section {name} of {found.counts['atoms']} atoms",
                "Copy it again",
            )  # fmt: skip
        if name == "Atoms":
            found.style, found.rows, found.first_row = hint, rows, following or ""
    elif name in ("Masses", "Atom Type Labels"):
        for _ in range(found.counts.get("atom types", 0)):
            _type(lines.line(), name, found)
    line = lines.line()
    while line is not None and not line.lstrip()[:1].isalpha():
        line = lines.line()
    return line


def _type(line: str | None, section: str, found: _Found) -> None:
    """One row of Masses (a type, its mass, a comment) or Atom Type Labels (a number, its label)."""
    words, _, comment = (line or "").partition("#")
    where = f"{found.path}, section {section}: '{(line or '').strip()[:80]}'"
    if len(words.split()) != 2:
        raise Refusal(f"{found.counts['atom types']} types are announced, and a row has not two columns", where, WRITE)
    key, value = words.split()
    if section == "Atom Type Labels":
        found.labels[value] = key
        found.names.setdefault(key, []).append(value)
        return
    key = found.labels.get(key, key)
    mass = _number(value, where)
    if not 0 < mass < np.inf:
        raise Refusal(f"The mass of type {key} is {value}", where, "Check the file")
    if found.units in IN_U:
        found.masses[key] = mass
    found.names.setdefault(key, []).extend(comment.split()[:1])


def _number(word: str, where: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise Refusal(f"'{word[:40]}' is not a number", where, "Check the file there")


def _columns(found: _Found) -> tuple[str, ...]:
    """The columns of the atoms, by the hint behind ``Atoms``, else by their number and what stands in them."""
    width = len(found.first_row.partition("#")[0].split())
    where = f"{found.path}, section Atoms: '{found.first_row.strip()[:80]}'"
    if found.style:
        columns = STYLES.get(found.style.split()[0])
        if columns is None:
            raise Refusal(f"Atoms of style '{found.style[:40]}' are not read", where, f"Use one of {', '.join(STYLES)}")
        if width not in (len(columns), len(columns) + 3):
            raise Refusal(
                f"A row has {width} columns; style {found.style} has {len(columns)}, or {len(columns) + 3} with images",
                where, "Check the style behind 'Atoms #'",
            )  # fmt: skip
        return columns
    fitting = {c for c in STYLES.values() if width in (len(c), len(c) + 3) and _possible(found, c)}
    if len(fitting) != 1:
        raise Refusal(
            f"The style of the atoms can't be told from {width} columns", where,
            f"Write it behind the section's name, as in 'Atoms # full'; known: {', '.join(STYLES)}",
        )  # fmt: skip
    return fitting.pop()


def _possible(found: _Found, columns: tuple[str, ...]) -> bool:
    """Whether the column that would hold the types holds types in every row."""
    types = set(np.unique(_read(found, columns, "type", "").labels).tolist())
    known = {str(number + 1) for number in range(min(found.counts.get("atom types", 0), 10**6))}
    return types <= known | set(found.labels)


def _read(found: _Found, columns: tuple[str, ...], label: str, value: str) -> FirstFrame:
    """Ids, the column ``label`` as words and the column ``value`` as numbers, in the file's order."""
    from vanhove.kernels.parsing import ID, LABEL, MASS, SKIP

    roles = np.array([{"id": ID, label: LABEL, value: MASS}.get(name, SKIP) for name in columns], np.int64)
    start, stop = (np.array([place], np.int64) for place in found.rows or (0, 0))
    nowhere = np.zeros((1, 3))
    rows = _Rows(
        found.path, start, stop, roles, found.counts["atoms"], np.eye(3)[None], nowhere, loose=True
    )  # what stands behind the positions is passed over
    return rows.first(roles)


def _atoms(found: _Found, columns: tuple[str, ...]) -> DataFile:
    rows = _read(found, columns, "type", "q")
    order = np.argsort(rows.ids, kind="stable")
    ids = rows.ids[order]
    twice = np.flatnonzero(np.diff(ids) == 0)
    if len(twice):
        raise Refusal(f"Atom {ids[twice[0]]} stands twice in the data file", str(found.path), "Check the file")
    labels, which = np.unique(rows.labels[order], return_inverse=True)
    types = np.array([found.labels.get(label, label) for label in labels.tolist()])[which]
    notes = []
    charges = rows.masses[order] if "q" in columns else None
    if charges is not None and found.units not in IN_E:
        charges = None
        notes.append(f"the charges of {found.path.name} are left out: in units {found.units} they are not in e")
    if charges is not None and not charges.any():
        charges = None
        notes.append(f"the charges of {found.path.name} are left out: all of them are zero")
    return DataFile(found.path, ids, types, charges, found.masses, found.names, _cell(found.box), tuple(notes))


def _cell(box: dict[str, list[float]]) -> Floats | None:
    """The cell, from its bounds and tilts or from three vectors, which LAMMPS turns before it runs."""
    if {"avec", "bvec", "cvec"} <= set(box):
        vectors = np.array([box["avec"], box["bvec"], box["cvec"]])
        lengths = np.linalg.norm(vectors, axis=1)
        if not (lengths > 0).all():
            return None
        products = vectors @ vectors.T / np.outer(lengths, lengths)
        return np.asarray(cells_of(lengths[None], products[[1, 0, 0], [2, 2, 1]][None])[0])
    if not {"xlo xhi", "ylo yhi", "zlo zhi"} <= set(box):
        return None
    cell: Floats = np.diag([box[axis][1] - box[axis][0] for axis in ("xlo xhi", "ylo yhi", "zlo zhi")])
    cell[1, 0], cell[2, 0], cell[2, 1] = box.get("xy xz yz", [0.0, 0.0, 0.0])
    return np.asarray(cell)
