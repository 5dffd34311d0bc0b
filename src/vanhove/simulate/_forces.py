"""Forces, energies and virials by a potential of LAMMPS of structures that one has, for what needs these and no run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import GPA_IN_EV_A3, KCAL_MOL_IN_EV

from . import dump
from .deck import DATA, Start, start_of, turned, write_data
from .engine import Process
from .engines import LammpsEngine, find_engine
from .pairwise import Pairwise
from .point_store import Point
from .thermo import ATM_IN_BAR, explain

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from .pairwise import LammpsPotential

    Floats = NDArray[np.float64]

ASKED, FOUND = "asked.lammpstrj", "found.bin"
POLL = 0.05  # s
SAME_CELL = 1e-9  # Å
RELAX_STEPS = 3000
ATM_IN_EV_A3 = ATM_IN_BAR * 1e-4 * GPA_IN_EV_A3
ROW = 8  # step, energy, six of the virial
TENSOR = [[0, 3, 4], [3, 1, 5], [4, 5, 2]]  # LAMMPS's xx, yy, zz, xy, xz, yz


@dataclass(frozen=True)
class LammpsForces:
    """Forces (eV/Å) by LAMMPS: of one structure when called, of many in one process by :meth:`many`."""

    potential: LammpsPotential
    ranks: int | None = None

    @property
    def name(self) -> str:
        """The potential's, with all that decides the forces."""
        return f"{self.potential.name}: {self.potential.to_dict()}"

    def __call__(self, atoms: Atoms) -> Floats:
        """The forces (atom, axis) on every atom."""
        return self.many([atoms])[0]

    def many(self, structures: Sequence[Atoms]) -> list[Floats]:
        """The forces on structures of the same atoms in the same cell."""
        if not structures:
            return []
        values, rotation, _ = self._rerun(structures, [])
        return [each @ rotation for each in values]

    def points(self, structures: Sequence[Atoms]) -> list[Point]:
        """Energy, forces and virial of structures of the same atoms in the same cell."""
        if not structures:
            return []
        said = " ".join(f"c_virial[{n}]" for n in range(1, 7))
        tell = [
            "compute virial all pressure NULL virial",
            f"thermo_style custom step pe {said}",
            "thermo_modify format float %.17g",
            "thermo 1",
        ]
        values, rotation, log = self._rerun(structures, tell)
        first: Any = structures[0]
        found = []
        for forces, row in zip(values, _rows(log, len(structures)), strict=True):
            # LAMMPS's pressure is -dE/dε over the volume, in its own frame
            virial = row[2:][TENSOR] * (ATM_IN_EV_A3 * abs(first.cell.volume))
            found.append(Point(float(row[1] * KCAL_MOL_IN_EV), forces @ rotation, rotation.T @ virial @ rotation))
        return found

    def _rerun(self, structures: Sequence[Atoms], commands: list[str]) -> tuple[Floats, Floats, str]:
        """Forces in LAMMPS's frame (structure, atom, axis), the rotation into that frame, and the log."""
        from ase import Atoms as AseAtoms

        first: Any = structures[0]
        starts = []
        for each in structures:
            one: Any = each
            apart = np.abs(one.cell.array - first.cell.array).max()
            if not np.array_equal(one.numbers, first.numbers) or apart > SAME_CELL:
                raise Refusal("The structures differ in their atoms or their cell", "", "Give displaced copies of one")
            still = AseAtoms(first.symbols, one.positions, cell=first.cell, pbc=one.pbc, masses=first.get_masses())
            starts.append(start_of(still, self.potential))
        commands = [
            *commands,
            f"dump out all custom 1 {FOUND} id type fx fy fz",
            f"rerun {ASKED} dump x y z box no",
        ]
        values, log = self._run(starts, commands)
        return values * KCAL_MOL_IN_EV, turned(first.cell)[1], log

    def relaxed(self, atoms: Atoms, largest_force: float = 1e-3) -> Atoms:
        """The structure where no force is larger than that (eV/Å), its cell as it is; by LAMMPS's own minimiser."""
        structure: Any = atoms
        moved = structure.copy()
        start = start_of(moved, self.potential)
        limit = largest_force / KCAL_MOL_IN_EV
        commands = [
            "timestep 1.0",
            "min_style fire",  # goes by forces: the energy jumps where a pair passes the cut-off
            "min_modify norm max",
            f"minimize 0 {limit!r} {RELAX_STEPS} {10 * RELAX_STEPS}",
            f"write_dump all custom {FOUND} id type xu yu zu",
        ]
        values = self._run([start], commands)[0][0]
        rotation = turned(structure.cell)[1]
        away = (values - start.positions) @ rotation
        moved.positions += away - np.rint(away @ np.linalg.inv(structure.cell.array)) @ structure.cell.array
        return moved  # type: ignore[no-any-return]

    def _run(self, starts: list[Start], commands: list[str]) -> tuple[Floats, str]:
        """What LAMMPS wrote, (structure, atom, axis), and its log."""
        engine = find_engine(self.potential)
        if not isinstance(engine, LammpsEngine):
            raise Refusal(f"'{self.potential.name}' is not computed by LAMMPS", "", "Pass its ASE calculator itself")
        start = starts[0]
        with tempfile.TemporaryDirectory(prefix="vanhove-forces-") as name:
            folder = Path(name)
            write_data(start, folder / DATA)
            _write_asked(starts, folder / ASKED)
            tilted = bool(np.any(start.cell[[1, 2, 2], [0, 0, 1]] != 0))
            lines = ["units real", "atom_style charge", "boundary p p p", "atom_modify map yes"]
            lines += ["box tilt large"] if tilted else []
            lines += [f"read_data {DATA}", *self.potential.commands(start.order)]
            lines += ["neighbor 2.0 bin", "neigh_modify every 1 delay 0 check yes", "thermo 1000", *commands]
            (folder / engine.script).write_text("\n".join(lines) + "\n", encoding="utf-8")
            ranks = self.ranks or engine.ranks(len(start.species))
            held = os.open(folder, os.O_RDONLY)
            try:
                with Process(engine.command(ranks), folder, engine.environment(ranks), held) as process:
                    while (code := process.wait(POLL)) is None:
                        pass
            finally:
                os.close(held)
            if code != 0:
                end = explain(code, folder / engine.log, folder / "output.txt")
                raise Refusal(f"LAMMPS ended with code {code}: {end.why}", "while it computed forces", end.do)
            found = dump.open_dump(folder / FOUND)
            if found is None or found.n_frames != len(starts):
                raise Refusal("LAMMPS wrote fewer forces than were asked for", str(self.potential.name), "Run it again")
            return found.read(0, found.n_frames)[1], (folder / engine.log).read_text(errors="replace")


def _rows(log: str, count: int) -> list[Floats]:
    """The rows of the log's last table; where atoms have new neighbours LAMMPS's styles speak between them."""
    lines = log.splitlines()
    heads = [place for place, line in enumerate(lines) if line.split()[:2] == ["Step", "PotEng"]]
    rows = [line.split() for line in lines[heads[-1] + 1 :] if line.split()[:1]] if heads else []
    said = [row for row in rows if len(row) == ROW and row[0].isdigit()][:count]
    try:
        found = [np.array(row, float) for row in said]
    except ValueError:
        found = []
    if len(found) < count:
        raise Refusal("LAMMPS wrote fewer energies than were asked for", "its log", "Run it again")
    return found


def _write_asked(starts: list[Start], path: Path) -> None:
    """LAMMPS's text dump of the positions, to their last digit."""
    cell = starts[0].cell
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell
    bounds = [
        (min(0.0, xy, xz, xy + xz), lx + max(0.0, xy, xz, xy + xz), xy),
        (min(0.0, yz), ly + max(0.0, yz), xz), (0.0, lz, yz),
    ]  # fmt: skip
    tilted = any(tilt != 0 for _, _, tilt in bounds)
    head = "ITEM: BOX BOUNDS xy xz yz pp pp pp\n" if tilted else "ITEM: BOX BOUNDS pp pp pp\n"
    rows = [" ".join(repr(float(x)) for x in (bound if tilted else bound[:2])) for bound in bounds]
    numbers = np.arange(1, len(starts[0].species) + 1)
    with open(path, "w", encoding="utf-8") as file:
        for step, start in enumerate(starts):
            file.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(numbers)}\n{head}")
            file.write("\n".join(rows) + "\nITEM: ATOMS id type x y z\n")
            table = np.column_stack([numbers, start.types, start.positions])
            np.savetxt(file, table, fmt=["%d", "%d", "%.17g", "%.17g", "%.17g"])


def forces(potential: LammpsPotential, *, accuracy: float = 1e-7, ranks: int | None = None) -> LammpsForces:
    """Forces of a potential on structures that one has: the ``calculator`` of :func:`vanhove.lattice.phonons`.

    Called with ``ase.Atoms`` it returns forces (atom, axis) in eV/Å. LAMMPS is a process that is started for a call;
    ``many(structures)`` computes displaced copies of a structure in one, and ``relaxed(atoms)`` moves atoms to where no
    force acts.

    Parameters
    ----------
    potential
        What ``simulate.potential``, ``buckingham``, ``pedone`` or ``deepmd`` returned.
    accuracy
        Of the Coulomb forces, instead of the potential's own: differences of forces want more than a run does.
    ranks
        MPI processes; by default what serves the number of atoms. 1 on a machine that is busy with other work.
    """
    if getattr(potential, "engine", "lammps") != "lammps":
        raise Refusal(f"'{potential.name}' is not computed by LAMMPS", "", "Pass its ASE calculator itself")
    if not (np.isfinite(accuracy) and accuracy > 0):
        raise Refusal(f"accuracy={accuracy!r}", "", "Give a number above 0, such as 1e-7")
    if ranks is not None and ranks < 1:
        raise Refusal(f"ranks={ranks}", "", "Give 1 or more, or leave it out")
    exact: Any = replace(potential, accuracy=float(accuracy)) if isinstance(potential, Pairwise) else potential
    return LammpsForces(exact, ranks)
