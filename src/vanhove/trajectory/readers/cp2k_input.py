"""What a CP2K input or restart file says of the cell, the temperature and the units of the trajectory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.units import BOHR

from .cells import cells_of, cosines_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Words = list[str]
    Section = dict[str, Words]

CELL, DYNAMICS = "FORCE_EVAL/SUBSYS/CELL", "MOTION/MD"
TRAJECTORY, VELOCITIES = "MOTION/PRINT/TRAJECTORY", "MOTION/PRINT/VELOCITIES"
READ = {CELL, DYNAMICS, TRAJECTORY, VELOCITIES, "GLOBAL"}
DEEPEST = 64
AU_TIME = 2.4188843265857e-5  # ps: the atomic unit of time (CODATA 2018)
LENGTHS = {"angstrom": 1.0, "bohr": BOHR, "au_l": BOHR, "nm": 10.0, "pm": 1e-2, "m": 1e10}  # Å
TIMES = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "s": 1e12, "au_t": AU_TIME}  # ps
SPEED = "bohr*au_t^-1"  # of velocities where the input names no unit
_POWER = re.compile(r"([a-z_]+)(?:\^([+-]?\d))?")


@dataclass(frozen=True)
class Said:
    """What the input says."""

    cell: Floats
    temperature: float | None
    length: float  # Å
    speed: float  # Å/ps


def looks_like_input(line: str) -> bool:
    """Whether the first line that is no comment begins a section, or a variable for the preprocessor."""
    return line.lstrip().startswith(("&", "@"))


def read_input(path: Path, lines: Iterable[str]) -> Said:
    """Read the sections of interest; one cell can't stand for a run that changes it."""
    sections = _sections(path, lines)
    dynamics = _only(sections, DYNAMICS)
    ensemble = _word(dynamics, "ENSEMBLE")
    run = _word(_only(sections, "GLOBAL"), "RUN_TYPE")
    if ensemble.startswith(("NPT", "NPE", "MSST", "HYDRO")) or run == "CELL_OPT":
        raise Refusal(
            "The run changes its cell, which is known at one step only",
            f"{path}: {run if run == 'CELL_OPT' else ensemble}",
            "Give topology= the cell file (X-1.cell), which &MOTION &PRINT &CELL writes",
        )  # fmt: skip
    cells = [_cell(section, path) for section in sections.get(CELL, [])]
    if not cells:
        raise Refusal("The input has no &CELL", str(path), "Give CP2K's cell file (X-1.cell) or its restart file")
    if any((cell != cells[0]).any() for cell in cells):
        raise Refusal("The input has several &CELL, which differ", str(path), "Give CP2K's cell file (X-1.cell)")
    held = ensemble.startswith(("NVT", "LANGEVIN")) and not any("ANNEALING" in name for name in dynamics)
    temperature = _numbers(dynamics["TEMPERATURE"], 1, path)[0] if held and "TEMPERATURE" in dynamics else None
    return Said(
        cells[0], temperature, unit(_word(_only(sections, TRAJECTORY), "UNIT") or "angstrom", path),
        unit(_word(_only(sections, VELOCITIES), "UNIT") or SPEED, path, per_time=1),
    )  # fmt: skip


def _sections(path: Path, lines: Iterable[str]) -> dict[str, list[Section]]:
    """The keywords of the sections that are read, in upper case: of each as often as it stands there."""
    found: dict[str, list[Section]] = {}
    inside: list[str] = []
    for line in lines:
        words = re.split("[#!]", line, maxsplit=1)[0].split()
        if not words:
            continue
        name = words[0].upper()
        if name.startswith("&END"):
            del inside[-1:]
        elif name.startswith("&"):
            inside.append(name[1:])
            if len(inside) > DEEPEST:
                raise Refusal("The sections lie too deep in each other", f"{path}: {DEEPEST}", "Check the file")
            if "/".join(inside) in READ:
                found.setdefault("/".join(inside), []).append({})
        elif "/".join(inside) in READ:
            found["/".join(inside)][-1][name] = words[1:]
    return found


def _only(sections: dict[str, list[Section]], name: str) -> Section:
    return sections.get(name, [{}])[0]


def _word(section: Section, name: str) -> str:
    words = section.get(name, [])
    return words[0].strip("[]").upper() if words else ""


def unit(name: str, path: Path, per_time: int = 0) -> float:
    """A unit of length (Å), or of length by time (Å/ps), from CP2K's name of it: ``bohr*au_t^-1``."""
    value, lengths, times = 1.0, 0, 0
    for part in name.lower().split("*"):
        found = _POWER.fullmatch(part)
        power = int(found[2] or 1) if found else 0
        if found and found[1] in LENGTHS:
            value, lengths = value * LENGTHS[found[1]] ** power, lengths + power
        elif found and found[1] in TIMES:
            value, times = value * TIMES[found[1]] ** power, times + power
        else:
            raise Refusal(f"The unit {name} is not known", str(path), "Convert the file, or write it in CP2K's default")
    if (lengths, times) != (1, -per_time):
        raise Refusal(f"{name} is no unit of {'velocity' if per_time else 'length'}", str(path), "Check the input")
    return value


def _cell(section: Section, path: Path) -> Floats:
    """Row vectors from A, B, C, or from ABC and the angles: a along x, b in the plane of x and y."""
    if "ABC" in section:
        angles = section.get("ALPHA_BETA_GAMMA", section.get("ANGLES", ["90", "90", "90"]))
        cosines = cosines_of(np.array([_numbers(angles, 3, path)]))
        cell: Floats = cells_of(np.array([_lengths(section["ABC"], path)]), cosines)[0]
    elif {"A", "B", "C"} <= set(section):
        cell = np.array([_lengths(section[name], path) for name in "ABC"])
    else:
        raise Refusal(
            "&CELL has neither A, B, C nor ABC", str(path), "Give CP2K's restart file (X-1.restart) or its cell file"
        )
    if "MULTIPLE_UNIT_CELL" in section:
        cell = cell * np.array(_numbers(section["MULTIPLE_UNIT_CELL"], 3, path))[:, None]
    periodic = _word(section, "PERIODIC") or "XYZ"
    if periodic != "XYZ":
        warn(
            "The cell is not periodic along every axis", f"{path}: PERIODIC {periodic}",
            "It is taken as periodic: distances and volumes across that boundary mean nothing",
        )  # fmt: skip
    return cell


def _lengths(words: Words, path: Path) -> list[float]:
    scale = unit(words[0].strip("[]"), path) if words and words[0].startswith("[") else 1.0
    return [scale * number for number in _numbers(words, 3, path)]


def _numbers(words: Words, count: int, path: Path) -> list[float]:
    """Exactly ``count`` numbers; a unit in brackets before them is passed over."""
    numbers = words[1:] if words and words[0].startswith("[") else words
    try:
        values = [float(word.lower().replace("d", "e")) for word in numbers]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise Refusal(
            f"'{' '.join(words)[:80]}' is not {count} number{'s' * (count > 1)}", str(path),
            "Where the input uses variables, give the restart file (X-1.restart) instead",
        )  # fmt: skip
    return values
