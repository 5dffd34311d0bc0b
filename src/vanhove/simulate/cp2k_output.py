"""What CP2K's output says of each calculation, from version 6 on: energy, forces, stress, whether it converged.

Units are those that the output names; where it names none (forces up to version 2024) they are atomic. The stress is
that of the electrons and cores alone, positive under pressure; the motion of atoms has no part in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import BOHR, GPA_IN_EV_A3, HARTREE
from vanhove.trajectory.readers.text import TextFile

from .label_text import Finder, Found, gathered, matrix, number, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Place = tuple[int, int]

HARTREES = {"a.u.", "hartree"}
PRESSURES = {"bar": 1e-4, "kbar": 0.1, "gpa": 1.0, "mpa": 1e-3, "pa": 1e-9, "atm": 1.01325e-4}  # GPa
LENGTHS = {"angstrom": 1.0, "bohr": BOHR}
_LINE = rb"[^\r\n]{0,300}\r?\n"
_MARKS = re.compile(
    rb"CP2K\| version string:[ \t]+(?P<version>[^\r\n]+)|CP2K\| Input file name[ \t]+(?P<input>\S+)"
    rb"|GLOBAL\| Project name[ \t]+(?P<project>\S+)|GLOBAL\| Run type[ \t]+(?P<run>\S+)"
    rb"|FUNCTIONAL\| (?P<functional>[\w-]+):|(?P<dispersion>DFT-D\d)"
    rb"|QS\| Density cutoff \[a\.u\.\]:[ \t]+(?P<cutoff>[\d.]+)"
    rb"|\n CELL\| Vector [abc] \[(?P<unit>\w+)\]:(?P<cell>[^\r\n]+)(?=\r?\n)"
    rb"|ATOMIC COORDINATES IN (?P<length>\w+)\s+Atom +Kind +Element" + _LINE + rb"(?:[ \t]*\r?\n)?(?P<atoms>)"
    rb"|(?P<bad>SCF run NOT converged|outer SCF loop FAILED|Leaving inner SCF loop after reaching)"
    rb"|(?P<good>SCF run converged in|outer SCF loop converged in)"
    rb"|ENERGY\| Total FORCE_EVAL [^\r\n]{0,40}energy [\[(](?P<scale>[^\])]+)[\])]:?[ \t]+(?P<energy>\S+)(?=\s)"
    rb"|(?P<old>ATOMIC FORCES) in \[a\.u\.\]\s+# Atom" + _LINE
    + rb"|FORCES\| Atomic forces \[(?P<new>[^\]]+)\]\s+FORCES\|[ \t]+Atom" + _LINE + rb"(?P<forces>)"
    rb"|STRESS\| Analytical stress tensor \[(?P<pressure>\w+)\]\s+STRESS\|" + _LINE
    + rb"(?P<stress>(?:[ \t]*STRESS\|[ \t]+[xyz][^\r\n]{0,100}\r?\n){3})"
    rb"|\n STRESS TENSOR \[(?P<kind>\w+)\]\s+X\s+Y\s+Z\s+(?P<tensor>(?:[XYZ][^\r\n]{0,100}\r?\n\s*){3})"
    rb"|(?P<ended>PROGRAM ENDED AT)",
    re.IGNORECASE,
)  # fmt: skip
_BLANK = re.compile(rb"\n[ \t]*\r?\n")
_SUM = re.compile(rb"\n[ \t]*(?:SUM OF ATOMIC FORCES|FORCES\|[ \t]+Sum)")


@dataclass
class Calculation:
    """One energy, and what belongs to it."""

    energy: float  # eV
    converged: bool | None  # None: the output does not say
    forces: Floats | None = None  # (atom, 3) eV/Å
    stress: Floats | None = None  # (3, 3) eV/Å³, positive under pressure


@dataclass
class Output:
    """An output file."""

    path: Path
    version: str = ""
    input: str = ""  # the name of the input file
    project: str = ""
    run: str = ""  # "ENERGY_FORCE", "MD", ...
    how: list[str] = field(default_factory=list)
    cell: Floats | None = None  # (3, 3) Å, to the three decimals that are printed
    species: tuple[str, ...] = ()
    positions: Floats | None = None  # (atom, 3) Å, of the first calculation
    calculations: list[Calculation] = field(default_factory=list)
    ended: bool = False  # whether the run came to its end


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` begins as CP2K's output does."""
    return re.match(rb"\s*(DBCSR\||CP2K\||\*{2,4} \*{2,4} \*{6})", head) is not None


def read_output(path: Path) -> Output:
    """All that the output says; a calculation that is not whole lacks what is missing."""
    reader = _Reader(path)
    with TextFile(path, "looking through") as file:
        finder = Finder(file)
        while (found := finder.find(_MARKS)) is not None:
            reader.take(found, finder)
    return reader.finished()


class _Reader:
    def __init__(self, path: Path) -> None:
        self.output, self._path = Output(path), path
        self._vectors: list[Floats] = []
        self._converged: bool | None = None
        self._atoms: Place | None = None
        self._length = 1.0
        self._forces: list[tuple[int, Place, bool]] = []  # of which calculation, where, whether as from 2025 on

    def take(self, found: Found, finder: Finder) -> None:
        output, name = self.output, found.name
        if name in ("version", "input", "project", "run"):
            setattr(output, name, found.text(name))
        elif name in ("functional", "dispersion"):
            output.how += [found.text(name)] * (found.text(name) not in output.how)
        elif name == "cutoff":
            output.how.append(f"{2 * float(found.text('cutoff')):g} Ry")
        elif name == "cell":
            self._take_vector(found)
        elif name == "atoms":
            self._take_atoms(found, finder)
        elif name in ("good", "bad"):
            self._converged = name == "good"
        elif name == "energy":
            self._take_energy(found)
        elif name in ("old", "forces"):
            self._take_forces(found, finder)
        elif name in ("stress", "tensor"):
            self._take_stress(found)
        elif name == "ended":
            output.ended = True

    def _where(self) -> str:
        return f"{self._path}, calculation {len(self.output.calculations)}"

    def _take_vector(self, found: Found) -> None:
        words = found.match["cell"].replace(b"=", b" ").split()
        values = matrix(b" ".join([*words[:3], *words[-1:]]), f"{self._path}, CELL|", 4)
        vector, length = values[:3], values[3]
        norm = float(np.linalg.norm(vector))
        if norm > 0:  # the length has more decimals than the components
            vector = vector * (length / norm)
        self._vectors = [*self._vectors[-2:], vector * self._length_of(found.text("unit"))]
        if len(self._vectors) == 3:
            self.output.cell = np.array(self._vectors)

    def _length_of(self, name: str) -> float:
        if name.lower() not in LENGTHS:
            raise Refusal(f"The unit {name} is not known", str(self._path), "Print lengths in Å")
        return LENGTHS[name.lower()]

    def _take_atoms(self, found: Found, finder: Finder) -> None:
        end = finder.find(_BLANK)
        if end is not None and self._atoms is None:
            self._atoms, self._length = (found.stop, end.start + 1), self._length_of(found.text("length"))

    def _take_energy(self, found: Found) -> None:
        if found.text("scale").lower() not in HARTREES:
            raise Refusal(f"The energy is in {found.text('scale')}", self._where(), "Give CP2K's own output")
        energy = number(found.text("energy"), self._where()) * HARTREE
        self.output.calculations.append(Calculation(energy, self._converged))
        self._converged = None

    def _take_forces(self, found: Found, finder: Finder) -> None:
        if found.name == "forces" and found.text("new").lower() not in ("hartree/bohr", "a.u."):
            raise Refusal(f"The forces are in {found.text('new')}", self._where(), "Print them in hartree/bohr")
        end = finder.find(_SUM)
        number_ = len(self.output.calculations) - 1
        if end is not None and number_ >= 0:
            self._forces.append((number_, (found.stop, end.start + 1), found.name == "forces"))

    def _take_stress(self, found: Found) -> None:
        old = found.name == "tensor"
        unit = found.text("kind" if old else "pressure").lower()
        if unit not in PRESSURES:
            raise Refusal(f"The stress is in {unit}", self._where(), f"Print it in {', '.join(PRESSURES)}")
        rows = [
            b" ".join(row.split()[0 if old else 1 :][1:4])
            for row in found.match[found.name].splitlines()
            if row.strip()
        ]
        stress = matrix(b" ".join(rows), f"{self._where()}, stress").reshape(3, 3)
        if self.output.calculations:
            self.output.calculations[-1].stress = stress * (PRESSURES[unit] * GPA_IN_EV_A3)

    def finished(self) -> Output:
        from vanhove.kernels.parsing import LABEL, POSITION, SKIP

        output, axes = self.output, [POSITION, POSITION + 1, POSITION + 2]
        if self._atoms is not None:
            columns, atoms = [SKIP, SKIP, LABEL, SKIP, *axes], _count(self._path, self._atoms)
            rows = rows_of(self._path, [self._atoms], columns, atoms, [0])
            output.species = tuple(rows.first(rows.roles).labels.tolist())
            output.positions = gathered(rows)[0][0] * self._length
        for new in (False, True):
            places = {which: place for which, place, as_new in self._forces if as_new == new}
            if places:
                columns = [SKIP, SKIP, *axes] if new else [SKIP, SKIP, LABEL, *axes]
                atoms = len(output.species) or _count(self._path, next(iter(places.values())))
                rows = rows_of(self._path, list(places.values()), columns, atoms, list(places))
                for which, forces in zip(places, gathered(rows)[0], strict=True):
                    output.calculations[which].forces = forces * (HARTREE / BOHR)
        return output


def _count(path: Path, place: Place) -> int:
    with TextFile(path) as file:
        return file.read(*place).tobytes().count(b"\n") - 1  # one line end is put behind what is read
