"""Labels from VASP's vasprun.xml, also of a run that was killed: energies, forces and stresses of its ionic steps.

Positions and cells are those that the reader of trajectories finds. The energy is the free energy of the electrons
(``e_fr_energy``), whose derivative the forces are, less the work of PSTRESS that VASP puts into it. Steps that a
machine-learned force field made stand outside ``<calculation>`` and are left out, as are those whose electrons did not
come to rest within NELM steps. VASP's stress is positive under pressure: the virial is that times the volume.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.units import GPA_IN_EV_A3
from vanhove.trajectory.readers import vasprun
from vanhove.trajectory.readers.checks import check_ending, settle_species
from vanhove.trajectory.readers.text import TextFile
from vanhove.trajectory.readers.vasprun_head import Head, read_head

from .label_data import System
from .label_text import Asked, Finder, Found, gathered, matrix, none_left, number, rows_of, say_left_out

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KBAR = 0.1 * GPA_IN_EV_A3  # eV/Å³
_QUOTE = rb"\s*=\s*[\"']%s[\"'][^>]*>"
_TAGS = re.compile(
    rb"<(?:(?P<begin>calculation)[\s>]|(?P<end>/calculation>)|(?P<electrons>scstep)[\s>]|(?P<rest>/scstep>)"
    rb"|(?P<forces>varray\s[^>]{0,80}?name" + _QUOTE % b"forces" + rb")"
    rb"|varray\s[^>]{0,80}?name" + _QUOTE % b"stress" + rb"(?P<stress>.{0,800}?)</varray>"
    rb"|i\s[^>]{0,80}?name" + _QUOTE % b"e_fr_energy" + rb"(?P<energy>[^<]{0,80})</i>)",
    re.DOTALL,
)
_ROWS_END = re.compile(rb"/v>\s*</varray")
_VECTOR = re.compile(rb"<v>([^<]*)</v>")

recognises = vasprun.recognises


@dataclass
class _Step:
    """One ``<calculation>``."""

    start: int
    stop: int = 0
    forces: tuple[int, int] | None = None
    stress: bytes | None = None
    energy: str = ""
    electrons: int = 0  # steps of theirs
    inside: bool = field(default=False, repr=False)  # of one of these


def read(path: Path, asked: Asked) -> list[System]:
    """The one system of a run."""
    with TextFile(path, "looking through") as file:
        head = read_head(file)
        body = vasprun.Body(path, len(head.labels))
        torn: str | None = "in its head"
        if head.start is not None:
            torn = body.walk(file, head.start)
        check_ending(path, len(body.cells), torn if head.torn or head.start is not None else None, cut=file.cut)
        steps = _steps(file, head.start) if head.start is not None else []
    frames = _matched(body, steps, head, path)
    cells = np.array(body.cells)[list(frames)]
    positions = gathered(vasprun.rows_of(body))[0][list(frames)]
    where = f"{path}, frame"
    forces = rows_of(path, *_forces(frames), body.n_atoms, list(frames), markup=vasprun.MARKUP)
    volume = np.abs(np.linalg.det(cells))
    work = (head.number("PSTRESS") or 0.0) * KBAR * volume
    energy = np.array([number(step.energy, f"{where} {n}") for n, step in frames.items()]) - work
    species = settle_species(
        np.array(head.labels), asked.options, path, kind="species", masses=head.masses
    ).tolist()  # fmt: skip
    name = asked.name or path.absolute().parent.name or "vasp"
    return [
        System(
            name, tuple(species), cells, positions, energy, gathered(forces)[0], _virial(frames, volume, where),
            np.array(list(frames)), f"{path}: {_how(head)}",
        )
    ]  # fmt: skip


def _steps(file: TextFile, start: int) -> list[_Step]:
    """Every calculation, whole or not."""
    finder, steps = Finder(file, start), list[_Step]()
    while (found := finder.find(_TAGS)) is not None:
        if found.name == "begin":
            steps.append(_Step(found.start))
        elif steps and not steps[-1].stop:
            _take(steps[-1], found, finder)
    return steps


def _take(step: _Step, found: Found, finder: Finder) -> None:
    if found.name == "end":
        step.stop = found.stop
    elif found.name in ("electrons", "rest"):
        step.inside = found.name == "electrons"
        step.electrons += step.inside
    elif found.name == "forces":
        last = finder.find(_ROWS_END)
        step.forces = None if last is None else (found.stop, last.start + 1)
    elif found.name == "stress":
        step.stress = found.match["stress"]
    elif not step.inside:
        step.energy = found.text("energy")


def _matched(body: vasprun.Body, steps: list[_Step], head: Head, path: Path) -> dict[int, _Step]:
    """The frames that have labels, by their number."""
    begins = np.array([step.start for step in steps], np.int64)
    limit, frames = head.number("NELM"), dict[int, _Step]()
    learned, bare, restless = list[int](), list[int](), list[int]()
    for frame, (first, _) in enumerate(body.places):
        place = int(np.searchsorted(begins, first)) - 1
        step = steps[place] if place >= 0 else None
        if step is None or (step.stop and first > step.stop):
            learned.append(frame)
        elif not step.stop or step.forces is None or not step.energy:
            bare.append(frame)
        elif limit and step.electrons >= limit > 1:
            restless.append(frame)
        else:
            frames[frame] = step
    say_left_out(learned, "a machine-learned force field made them", path, "They are predictions, not labels")
    say_left_out(bare, "they have no energy or no forces", path, "Check whether the run was killed there")
    unsettled = f"their electrons did not come to rest in NELM={limit or 0:g} steps"
    say_left_out(restless, unsettled, path, "Raise NELM, or choose another ALGO, and compute them again")
    if not frames:
        raise none_left(path, f"of {len(body.places)} structures", "Give the vasprun.xml of a run that made some")
    return frames


def _forces(frames: dict[int, _Step]) -> tuple[list[tuple[int, int]], list[int]]:
    from vanhove.kernels.parsing import POSITION

    return [step.forces or (0, 0) for step in frames.values()], [POSITION, POSITION + 1, POSITION + 2]


def _virial(frames: dict[int, _Step], volume: Floats, where: str) -> Floats | None:
    if any(step.stress is None for step in frames.values()):
        return None
    rows = [b" ".join(_VECTOR.findall(step.stress or b"")) for step in frames.values()]
    stress = np.array([matrix(text, f"{where} {n}, stress") for n, text in zip(frames, rows, strict=True)])
    return stress.reshape(-1, 3, 3) * (KBAR * volume)[:, None, None]


def _how(head: Head) -> str:
    said = head.settings
    parts = [f"VASP {said.get('version', '')}".strip()]
    parts += [f"{key} {said[key]}" for key in ("GGA", "IVDW") if said.get(key, "--") not in ("--", "0")]
    cutoff = head.number("ENMAX")
    return ", ".join([*parts, *([f"{cutoff:g} eV"] if cutoff else [])])
