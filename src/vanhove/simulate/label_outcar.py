"""Labels from VASP's OUTCAR, also packed: every ionic step whose electrons came to rest.

Positions stand there to five decimals, forces to six; where the run's vasprun.xml is at hand it says more. The energy
is the free energy of the electrons (``free  energy   TOTEN``), whose derivative the forces are. Steps of a
machine-learned force field are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.readers.checks import settle_species
from vanhove.trajectory.readers.text import TextFile

from .label_data import System
from .label_text import Asked, Finder, Found, gathered, matrix, none_left, number, rows_of, say_left_out
from .label_vasprun import KBAR

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LINE = rb"[^\r\n]*\r?\n"
_CELL = rb"direct lattice vectors" + _LINE + rb"(?P<cell>(?:[^\r\n]{0,200}\r?\n){3})"
_HEAD = re.compile(
    rb"VRHFIN\s*=\s*(?P<element>[A-Za-z]{1,2})\s*:|TITEL\s*=(?P<title>[^\r\n]{0,80})"
    rb"|ions per type =(?P<counts>[^\r\n]{0,400})|\n\s*NELM\s*=\s*(?P<limit>\d+)|\n\s*ENCUT\s*=\s*(?P<cutoff>[\d.]+)"
    rb"|\n\s*GGA\s*=\s*(?P<functional>[\w-]+)|(?P<begin>\n[ \t]*-{10,} Iteration\s)|" + _CELL
)
_STEP = re.compile(
    rb"\n[ \t]*-{10,} Iteration[ \t]+\d+\([ \t]*(?P<iteration>\d+)\)|(?P<rest>aborting loop because EDIFF is reached)"
    rb"|\n[ \t]+in kB[ \t](?P<stress>[^\r\n]{0,200})(?=\r?\n)"
    rb"|"
    + _CELL
    + rb"|\n[ \t]*POSITION[ \t]+TOTAL-FORCE \(eV/Angst\)(?P<learned>[^\r\n]{0,40})\r?\n[ \t]*-+[ \t]*\r?(?P<table>\n)"
    rb"|free  energy   TOTEN\s*=(?P<energy>[^\r\n]{0,40})eV|(?P<end>General timing and accounting)"
)
_TABLE_END = re.compile(rb"\n[ \t]*-{20,}[ \t]*\r?\n")


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` begins as VASP's output does."""
    return re.match(rb"\s*vasp\.\d", head) is not None


@dataclass
class _Head:
    elements: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    limit: int = 0  # NELM
    cell: Floats | None = None  # for steps that say none
    how: list[str] = field(default_factory=list)


@dataclass
class _Step:
    """What was met of the ionic step that goes on."""

    cell: Floats | None = None  # that of the step before, until the step says its own
    stress: str = ""
    table: tuple[int, int] | None = None
    iterations: int = 0
    at_rest: bool = False


@dataclass
class _Frames:
    """The steps with labels."""

    places: list[tuple[int, int]] = field(default_factory=list)
    cells: list[Floats] = field(default_factory=list)
    stresses: list[str] = field(default_factory=list)
    energies: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    met: int = 0
    learned: list[int] = field(default_factory=list)
    restless: list[int] = field(default_factory=list)
    whole: bool = False  # whether the run ended by itself


def read(path: Path, asked: Asked) -> list[System]:
    """The one system of a run."""
    with TextFile(path, "looking through") as file:
        finder = Finder(file)
        head = _read_head(finder, path)
        frames = _walk(finder, head, path)
        if file.cut:
            frames.whole = False
    say_left_out(frames.learned, "a machine-learned force field made them", path, "They are predictions, not labels")
    unsettled = f"their electrons did not come to rest in NELM={head.limit} steps"
    say_left_out(frames.restless, unsettled, path, "Raise NELM, or choose another ALGO, and compute them again")
    if not frames.numbers:
        raise none_left(path, f"of {frames.met} ionic steps", "Give the OUTCAR of a run that made some")
    if not frames.whole:
        warn(
            "The run did not end by itself, or the file was cut", str(path),
            f"Check whether it is whole: its {len(frames.numbers)} ionic steps with energy and forces are used",
        )  # fmt: skip
    return [_system(path, head, frames, asked)]


def _system(path: Path, head: _Head, frames: _Frames, asked: Asked) -> System:
    from vanhove.kernels.parsing import POSITION, VELOCITY

    names = head.elements if len(head.elements) == len(head.counts) else head.titles
    if len(names) != len(head.counts) or not names:
        raise Refusal(
            "The species of the atoms can't be read", f"{path}: {len(names)} potentials, {len(head.counts)} counts",
            "Give the whole OUTCAR, or the run's vasprun.xml",
        )  # fmt: skip
    labels = np.repeat(np.array(names), head.counts)
    columns = [*(POSITION + np.arange(3)).tolist(), *(VELOCITY + np.arange(3)).tolist()]
    rows = rows_of(path, frames.places, columns, len(labels), frames.numbers, moving=True)
    positions, forces = gathered(rows)
    cells = np.array(frames.cells)
    where = [f"{path}, ionic step {number + 1}" for number in frames.numbers]
    virial = None
    if all(frames.stresses):
        xx, yy, zz, xy, yz, zx = np.array([
            matrix(text.encode(), f"{place}, stress", 6)
            for text, place in zip(frames.stresses, where, strict=True)
        ]).T  # fmt: skip
        stress = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]]).transpose(2, 0, 1)
        virial = stress * (KBAR * np.abs(np.linalg.det(cells)))[:, None, None]
    energy = np.array([number(text, place) for text, place in zip(frames.energies, where, strict=True)])
    species = settle_species(labels, asked.options, path, kind="species").tolist()
    name = asked.name or path.absolute().parent.name or "vasp"
    how = ", ".join(head.how)
    return System(
        name, tuple(species), cells, positions, energy, forces, virial, np.array(frames.numbers), f"{path}: {how}"
    )


def _read_head(finder: Finder, path: Path) -> _Head:
    """What stands before the first electronic step."""
    head = _Head()
    version = finder.find(re.compile(rb"vasp\.(?P<version>\d[\d.]*\d)"))
    head.how.append(f"VASP {version.text('version')}" if version else "VASP")
    while (found := finder.find(_HEAD)) is not None and found.name != "begin":
        if found.name == "element":
            head.elements.append(found.text("element"))
        elif found.name == "title":
            words = found.text("title").split()
            head.titles.append((words[1] if len(words) > 1 else "?").split("_")[0])
        elif found.name == "counts":
            head.counts = [int(word) for word in found.text("counts").split() if word.isdecimal()]
        elif found.name == "limit":
            head.limit = int(found.text("limit"))
        elif found.name == "cell":
            head.cell = _cell(found, path, 0)
        elif found.name == "cutoff":
            head.how.append(f"{float(found.text('cutoff')):g} eV")
        elif found.text("functional") != "--":
            head.how.append(f"GGA {found.text('functional')}")
    if found is None:
        raise Refusal("The file ends in its head", str(path), "Give an OUTCAR with ionic steps")
    finder.back_to(found)
    return head


def _walk(finder: Finder, head: _Head, path: Path) -> _Frames:
    frames, step = _Frames(), _Step(head.cell)
    while (found := finder.find(_STEP)) is not None:
        if found.name == "iteration":
            step.iterations = int(found.text("iteration"))
        elif found.name == "rest":
            step.at_rest = True
        elif found.name == "stress":
            step.stress = found.text("stress")
        elif found.name == "cell":
            step.cell = _cell(found, path, frames.met)
        elif found.name == "table":
            last = finder.find(_TABLE_END)
            if last is None:
                break
            step.table = found.stop, last.start + 1
            if found.text("learned"):
                frames.learned.append(frames.met)
                frames.met += 1
                step = _Step(step.cell)
        elif found.name == "end":
            frames.whole = True
        elif step.table is not None:
            _keep(frames, step, found, head)
            step = _Step(step.cell)
    return frames


def _keep(frames: _Frames, step: _Step, found: Found, head: _Head) -> None:
    if step.cell is not None and step.table is not None:
        if not step.at_rest and step.iterations >= head.limit > 1:
            frames.restless.append(frames.met)
        else:
            frames.places.append(step.table)
            frames.cells.append(step.cell)
            frames.stresses.append(step.stress)
            frames.energies.append(found.text("energy"))
            frames.numbers.append(frames.met)
    frames.met += 1


def _cell(found: Found, path: Path, step: int) -> Floats:
    where = f"{path}, cell of ionic step {step + 1}"
    rows = [b" ".join(line.split()[:3]) for line in found.match["cell"].splitlines()]
    return matrix(b" ".join(rows), where).reshape(3, 3)
