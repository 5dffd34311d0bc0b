"""Labels from CP2K: the output of single points, or a run's ``X-pos-1.xyz`` and ``X-frc-1.xyz`` with its output.

A run's energies stand in the titles of its positions (hartree), its forces in ``X-frc-1.xyz`` (hartree/bohr), its cells
in ``X-1.cell``, ``X-1.restart`` or the input. Whether the electrons came to rest, and the stress, is known from the
output alone: give that, and the other files are found beside it by the names that it says. Calculations that did not
converge are left out. ``X-1.stress`` is not read: the motion of the atoms is in it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.units import BOHR, HARTREE
from vanhove.trajectory.readers import cp2k_xyz
from vanhove.trajectory.readers.checks import settle_species
from vanhove.trajectory.readers.cp2k_frames import PairedFrames, read_index
from vanhove.trajectory.readers.packing import GZIP, ZSTD, bare_name
from vanhove.trajectory.readers.rows import RowFrames
from vanhove.trajectory.readers.text import TextFile

from .cp2k_output import Calculation, Output, read_output
from .label_data import System
from .label_text import Asked, Finder, gathered, none_left, number, say_left_out

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_NAME = re.compile(r"(.*)-(pos|frc)-(\d+)\.xyz")
_TITLE = re.compile(rb"\n?\s*i\s*=\s*\d+\s*,[^\r\n]*?E\s*=\s*(?P<energy>[-+\d.EeDd]+)[^\r\n]*\r?\n")
SAME_ENERGY = 2e-7  # eV: an energy is printed with ten decimals of a hartree
MOVES = {"MD", "MOLECULAR_DYNAMICS", "GEO_OPT", "CELL_OPT", "GEOMETRY_OPTIMIZATION", "MC", "BAND"}
AGAIN = "Compute them again: more steps of the SCF, another minimiser or a finer mesh"

recognises = cp2k_xyz.recognises


def read(path: Path, asked: Asked) -> list[System]:
    """The one system of a run, from the positions that it wrote."""
    return [_run(path, None, asked)]


def read_of_output(path: Path, asked: Asked) -> list[System]:
    """The one system that an output tells of; a run's frames are in the files that it names."""
    output = read_output(path)
    if not output.calculations:
        raise none_left(path, "no energy was printed", "Give the output of a calculation that came to its end")
    if output.run.upper() in MOVES:
        positions = _beside(path, f"{output.project}-pos-1.xyz")
        if positions is None:
            raise Refusal(
                "The positions of the run are not beside its output", f"{path}: there is no {output.project}-pos-1.xyz",
                "Put X-pos-1.xyz and X-frc-1.xyz beside it, or give the former",
            )  # fmt: skip
        return [_run(positions, output, asked)]
    return [_point(output, asked)]


def _point(output: Output, asked: Asked) -> System:
    """A single point: all is in the output."""
    path, calculation = output.path, output.calculations[-1]
    if calculation.converged is False:
        raise none_left(path, "its electrons did not come to rest", AGAIN)
    if output.positions is None or calculation.forces is None:
        what = "atoms" if output.positions is None else "forces"
        raise none_left(
            path,
            f"it prints no {what}",
            "Compute ENERGY_FORCE with &PRINT &FORCES ON in &FORCE_EVAL, at PRINT_LEVEL MEDIUM",
        )
    if len(output.calculations) > 1:
        warn("The output holds several calculations", f"{path}: {len(output.calculations)}", "The last one is used")
    cell, said = _cell(output)
    stress = calculation.stress
    return System(
        asked.name or bare_name(path.name).rpartition(".")[0] or path.absolute().parent.name,
        tuple(_species(np.array(output.species), asked, path)), cell[None], output.positions[None],
        np.array([calculation.energy]), calculation.forces[None],
        None if stress is None else stress[None] * abs(np.linalg.det(cell)), source=f"{path}: {_how(output)}{said}",
    )  # fmt: skip


def _cell(output: Output) -> tuple[Floats, str]:
    """That of the input where it is there, since the output prints three decimals."""
    path = _beside(output.path, output.input) if output.input else None
    if path is not None:
        from vanhove.trajectory.readers.cp2k_cells import read_setup

        try:
            cell = read_setup(path).cells[0]
        except Refusal:
            cell = None  # an input with variables or included files
        if cell is not None and (output.cell is None or np.allclose(cell, output.cell, atol=2e-3)):
            return cell, f", cell from {path.name}"
    if output.cell is None:
        raise none_left(output.path, "it prints no cell", "Put the input beside it, or print at PRINT_LEVEL MEDIUM")
    return output.cell, ", cell to the three decimals of the output"


def _run(path: Path, output: Output | None, asked: Asked) -> System:
    named = _NAME.fullmatch(bare_name(path.name))
    if named is not None and named[2] == "frc":
        raise Refusal("The file holds forces alone", str(path), f"Give {named[1]}-pos-{named[3]}.xyz beside it")
    if named is None:
        raise Refusal(
            "The forces can't be found", f"{path} is not called X-pos-1.xyz", "Give the run's files their names"
        )
    forces_path = _beside(path, f"{named[1]}-frc-{named[3]}.xyz")
    if forces_path is None:
        raise none_left(path, f"there is no {named[1]}-frc-{named[3]}.xyz beside it", "Print &MOTION &PRINT &FORCES")
    options = asked.options
    if options.topology is None and _beside(path, f"{named[1]}-{named[3]}.cell") is None:
        inputs = [f"{named[1]}-{named[3]}.restart", output.input if output else "", f"{named[1]}.inp"]
        options = replace(options, topology=next(filter(None, (_beside(path, name) for name in inputs if name)), None))
    contents = cp2k_xyz.scan(path, options)
    rows = contents.frames.positions if isinstance(contents.frames, PairedFrames) else contents.frames
    if not isinstance(rows, RowFrames) or rows.steps is None or rows.numbers is None:  # pragma: no cover
        raise AssertionError("a CP2K run is rows with steps")
    index = read_index(forces_path)
    places = {step: place for place, step in enumerate(index.steps)}
    kept = [n for n, step in enumerate(rows.steps.tolist()) if step in places]
    lost = [int(rows.numbers[n]) for n in range(len(rows.steps)) if rows.steps[n] not in places]
    say_left_out(lost, f"{forces_path.name} has no forces of their step", path, "Print both at the same steps")
    if index.n_atoms != rows.n_atoms or not kept:
        raise none_left(path, f"{forces_path.name} is of other atoms or steps", "Give the two files of one run")
    energies = _energies(path)[rows.numbers[kept]]
    known = _known(output, energies)
    bad = [
        int(rows.numbers[n]) for n, one in zip(kept, known, strict=True) if one is not None and one.converged is False
    ]
    say_left_out(bad, "their electrons did not come to rest", path, AGAIN)
    good = [k for k, one in enumerate(known) if one is None or one.converged is not False]
    if not good:
        raise none_left(path, "no calculation converged", AGAIN)
    frames = [kept[k] for k in good]
    chosen = np.array([places[int(rows.steps[n])] for n in frames])
    forces = index.frames(chosen, np.eye(3)[None], HARTREE / BOHR)
    first = forces.first(forces.roles).labels.tolist()
    if first != rows.first(rows.roles).labels.tolist():
        raise none_left(path, f"{forces_path.name} lists the atoms in another order", "Give the two files of one run")
    cells = np.broadcast_to(contents.cells, (len(contents.times), 3, 3))[frames]
    stresses = [one.stress if one is not None else None for one in (known[k] for k in good)]
    virial = None
    if all(stress is not None for stress in stresses):
        virial = np.array(stresses) * np.abs(np.linalg.det(cells))[:, None, None]
    how = f"{_how(output)}" if output else "CP2K; whether its electrons came to rest is not known without its output"
    return System(
        asked.name or named[1], tuple(contents.species.tolist()), cells, gathered(rows)[0][frames], energies[good],
        gathered(forces)[0], virial, rows.numbers[frames], f"{path}: {how}",
    )  # fmt: skip


def _energies(path: Path) -> Floats:
    """Of every frame, eV, by the titles."""
    energies: list[float] = []
    with TextFile(path) as file:
        finder = Finder(file)
        while (found := finder.find(_TITLE)) is not None:
            energies.append(number(found.text("energy"), f"{path}, frame {len(energies)}"))
    return np.array(energies) * HARTREE


def _known(output: Output | None, energies: Floats) -> list[Calculation | None]:
    """What the output says of each frame, found by its energy."""
    if output is None:
        return [None] * len(energies)
    table = np.array([calculation.energy for calculation in output.calculations])
    order = np.argsort(table)
    places = np.clip(np.searchsorted(table[order], energies), 1, max(len(table) - 1, 1))
    left, right = order[places - 1], order[np.minimum(places, len(table) - 1)]
    nearest = np.where(np.abs(table[left] - energies) <= np.abs(table[right] - energies), left, right)
    there = np.abs(table[nearest] - energies) < SAME_ENERGY
    if not there.all():
        raise Refusal(
            "The positions and the output are not of one run",
            f"{output.path} lacks {int((~there).sum())} energies of the positions: {energies[~there][0]:.6f} eV",
            "Give the positions alone, or the output that belongs to them",
        )  # fmt: skip
    return [output.calculations[k] for k in nearest.tolist()]


def _beside(path: Path, name: str) -> Path | None:
    found = (path.with_name(name + suffix) for suffix in ("", GZIP.suffix, ZSTD.suffix))
    return next((candidate for candidate in found if candidate.is_file()), None)


def _species(labels: NDArray[np.str_], asked: Asked, path: Path) -> list[str]:
    species: list[str] = settle_species(labels, asked.options, path, kind="kind").tolist()
    return species


def _how(output: Output) -> str:
    return ", ".join(filter(None, [output.version or "CP2K", *output.how]))
