"""What LAMMPS is given: the data file of a structure and the input of a leg."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import digest, whole

from ._protocol import Minimise, Produce, Protocol, thermostat

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from .legs import Leg
    from .pairwise import LammpsPotential, Potential

    Floats = NDArray[np.float64]

SKIN = 1.0  # Å; 15 % faster than LAMMPS's 2 Å for liquids of some hundred atoms, and lists are rebuilt when needed
THERMO_PS, CONTACT_PS = 0.1, 1.0  # how often temperature and energy are said, and close contacts looked for
RESTART, END, FRAMES, CONTACTS = "end.restart", "end.bin", "frames.bin", "contacts.bin"
DATA = "start.data"


@dataclass(frozen=True)
class Start:
    """A structure as LAMMPS takes it: cell lower triangular, corner at zero, atoms inside, Å and Å/ps."""

    species: list[str]
    order: list[str]  # type n is the n-th
    masses: Floats
    charges: Floats
    cell: Floats
    positions: Floats
    velocities: Floats | None

    @property
    def types(self) -> NDArray[np.int64]:
        """The type of every atom, from 1."""
        number = {label: n for n, label in enumerate(self.order, 1)}
        return np.array([number[label] for label in self.species], dtype=np.int64)

    @property
    def fingerprint(self) -> str:
        """Names the structure: same fingerprint, same start."""
        moving = b"" if self.velocities is None else self.velocities.tobytes()
        arrays = (self.masses, self.charges, self.cell, self.positions)
        return digest(self.species, *(array.tobytes() for array in arrays), moving)


def start_of(structure: Atoms, potential: Potential) -> Start:
    """Check a structure against a potential and turn it into LAMMPS's frame (a rigid rotation at most)."""
    atoms: Any = structure  # ASE types only some of its methods
    from ase import units

    if len(atoms) == 0:
        raise Refusal("There are no atoms to simulate")
    if not bool(np.all(atoms.pbc)):
        raise Refusal(f"The structure is periodic along {atoms.pbc.tolist()}", "", "Set atoms.pbc = True, with a cell")
    volume = float(np.linalg.det(atoms.cell.array))
    if not volume > 0:
        raise Refusal(f"The cell's volume is {volume:g} Å³", "", "Give three cell vectors that are right-handed")
    species = [str(symbol) for symbol in atoms.get_chemical_symbols()]
    order = list(dict.fromkeys(species))
    for label in order:
        if potential.species is not None and label not in potential.species:
            raise Refusal(f"The potential '{potential.name}' has no {label}", "", nearest(label, potential.species))
    known = potential.charges or dict.fromkeys(order, 0.0)
    charges = np.array([known[label] for label in species])
    if abs(charges.sum()) > 1e-6 * np.abs(charges).sum():
        counts = ", ".join(f"{species.count(label)} {label} ({known[label]:+g})" for label in order)
        raise Refusal(f"The cell has a charge of {charges.sum():+g} e", counts, "Change the composition")
    cell, rotation = _lower_triangular(atoms.cell)
    positions, velocities = atoms.positions @ rotation.T, None
    if not np.isfinite(positions).all():
        raise Refusal("Some positions are not finite numbers")
    if atoms.has("momenta"):
        velocities = atoms.get_velocities() @ rotation.T * (1000 * units.fs)  # Å/ps
        if not np.isfinite(velocities).all():
            raise Refusal("Some velocities are not finite numbers")
    fractions = np.linalg.solve(cell.T, positions.T).T
    inside = (fractions - np.floor(fractions)) @ cell
    return Start(species, order, _masses(atoms, species, order), charges, cell, inside, velocities)


def _masses(atoms: Any, species: list[str], order: list[str]) -> Floats:
    masses = np.asarray(atoms.get_masses(), float)
    labels = np.array(species)
    for label in order:
        of_one = masses[labels == label]
        if np.ptp(of_one) > 0:
            raise Refusal(f"Atoms of {label} have masses from {of_one.min()} to {of_one.max()} u", "", "Give them one")
    return masses


def write_data(start: Start, path: str | os.PathLike[str]) -> None:
    """LAMMPS's data file, atom style ``charge``, every number to its last digit."""
    number = np.arange(1, len(start.species) + 1)
    first = [start.species.index(label) for label in start.order]
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = start.cell
    with whole(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(f"start of a vanhove run\n\n{len(number)} atoms\n{len(start.order)} atom types\n\n")
        file.writelines(
            f"0 {float(length)!r} {axis}lo {axis}hi\n" for axis, length in zip("xyz", (lx, ly, lz), strict=True)
        )
        if _tilted(start.cell):
            file.write(f"{float(xy)!r} {float(xz)!r} {float(yz)!r} xy xz yz\n")
        file.write("\nMasses\n\n")
        file.writelines(f"{n} {float(start.masses[i])!r}  # {start.species[i]}\n" for n, i in enumerate(first, 1))
        file.write("\nAtoms # charge\n\n")
        table = np.column_stack([number, start.types, start.charges, start.positions])
        np.savetxt(file, table, fmt=["%d", "%d", "%.17g", "%.17g", "%.17g", "%.17g"])
        if start.velocities is not None:
            file.write("\nVelocities\n\n")
            table = np.column_stack([number, start.velocities / 1000])  # Å/fs
            np.savetxt(file, table, fmt=["%d", "%.17g", "%.17g", "%.17g"])


def _lower_triangular(cell: Any) -> tuple[Floats, Floats]:
    """The cell turned so that a lies along x and b in the xy plane, and the rotation that does it."""
    given: Floats = np.array(cell.array, dtype=np.float64)
    if np.all(np.triu(given, 1) == 0) and np.all(np.diag(given) > 0):
        return given, np.eye(3)
    turned, rotation = cell.standard_form()
    turned = np.where(np.abs(turned) < 1e-12 * np.abs(turned).max(), 0.0, turned)
    return turned, rotation


def _tilted(cell: Floats) -> bool:
    return bool(np.any(cell[[1, 2, 2], [0, 0, 1]] != 0))


def leg_input(
    leg: Leg, previous: Leg | None, start: Start, potential: LammpsPotential, protocol: Protocol, seed: int
) -> str:
    """The input of one leg; it stands in the leg's folder beside those of the others."""
    lines = [f"# stage '{leg.stage.name}', steps {leg.start} to {leg.stop} of {leg.stage_steps}"]
    if previous is None:
        lines += ["units real", "atom_style charge", "boundary p p p"]
        lines += ["box tilt large"] if _tilted(start.cell) else []
        lines += [f"read_data ../../{DATA}"]
    else:
        lines += [f"read_restart ../{previous.name}/{RESTART}"]
    if leg.start == 0:
        lines += ["reset_timestep 0"]
    lines += potential.commands(start.order)
    lines += [
        f"neighbor {SKIN} bin",
        "neigh_modify every 1 delay 0 check yes",
        f"timestep {float(protocol.timestep)!r}",
    ]
    lines += [
        f"thermo {steps_of(THERMO_PS, protocol)}",
        "thermo_style custom step temp pe etotal press",
        "thermo_modify flush yes lost error norm no format float %.10g",
    ]
    lines += _motion(leg, previous, start, protocol, seed)
    lines += [f"write_restart {RESTART}", f"write_dump all custom {END} id type xu yu zu vx vy vz"]
    return "\n".join(lines) + "\n"


def _motion(leg: Leg, previous: Leg | None, start: Start, protocol: Protocol, seed: int) -> list[str]:
    stage = leg.stage
    if isinstance(stage, Minimise):
        return [f"minimize {float(stage.energy)!r} {float(stage.force)!r} {stage.iterations} {10 * stage.iterations}"]
    at_rest = start.velocities is None if previous is None else isinstance(previous.stage, Minimise)
    lines = []
    if at_rest:
        drawn = drawn_from("velocities", seed, leg.stage_number)
        lines += [f"velocity all create {leg.target(0)!r} {drawn} mom yes rot no dist gaussian"]
    lines += _integration(leg, protocol, seed)
    lines += [f"dump contacts all custom {steps_of(CONTACT_PS, protocol)} {CONTACTS} id type xu yu zu"]
    if isinstance(stage, Produce):
        columns = "id type xu yu zu" + (" vx vy vz" if stage.velocities else "")
        lines += [f"dump frames all custom {protocol.frame_steps(stage)} {FRAMES} {columns}"]
    return [*lines, f"run {leg.stop - leg.start}"]


def _integration(leg: Leg, protocol: Protocol, seed: int) -> list[str]:
    heat = f"{leg.target(leg.start)!r} {leg.target(leg.stop)!r} {float(protocol.damping)!r}"
    kind = thermostat(leg.stage)
    if kind == "nose-hoover":
        return [f"fix nvt all nvt temp {heat}"]
    if kind == "langevin":
        # each leg draws anew from its own seed, so a leg done again after a kill has the same noise
        return ["fix nve all nve", f"fix noise all langevin {heat} {drawn_from('noise', seed, leg.number)} zero yes"]
    return ["fix nve all nve"]


def drawn_from(*what: object) -> int:
    """A seed that an engine takes, of what it is for."""
    return 1 + int(digest(*what), 16) % 900_000_000


def steps_of(ps: float, protocol: Protocol) -> int:
    """Time steps in ``ps``, at least one."""
    return max(1, round(ps * 1000 / protocol.timestep))
