"""What LAMMPS is given: the data file of a structure and the input of a leg."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import digest, whole

from . import lammps_motion
from ._protocol import Minimise, Produce, Protocol
from .constraints import Held, free, held_in_stages
from .thermo import WORDS

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
ARRAYS = {"numbers", "positions", "momenta", "masses", "initial_charges", "initial_magmoms"}  # ASE's own


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
    held: tuple[Held, ...] = ()  # of each stage, where any holds something
    image: NDArray[np.int64] | None = None  # (atom, axis) the cells that put a rigid body's atoms beside each other
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # the structure's own arrays: "region"

    def held_in(self, stage: int) -> Held:
        """What a stage holds."""
        return self.held[stage] if self.held else free(len(self.species))

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


def start_of(structure: Atoms, potential: Potential, protocol: Protocol | None = None) -> Start:
    """Check a structure against a potential and turn it into LAMMPS's frame (a rigid rotation at most).

    The protocol says what is held.
    """
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
    cell, rotation = turned(atoms.cell)
    positions, velocities = atoms.positions @ rotation.T, None
    if not np.isfinite(positions).all():
        raise Refusal("Some positions are not finite numbers")
    if atoms.has("momenta"):
        velocities = atoms.get_velocities() @ rotation.T * (1000 * units.fs)  # Å/ps
        if not np.isfinite(velocities).all():
            raise Refusal("Some velocities are not finite numbers")
    fractions = np.linalg.solve(cell.T, positions.T).T
    inside = (fractions - np.floor(fractions)) @ cell
    values = {name: np.asarray(value) for name, value in atoms.arrays.items() if name not in ARRAYS}
    held, image = ((), None) if protocol is None else held_in_stages(protocol, species, inside, cell, values)
    masses = _masses(atoms, species, order)
    return Start(species, order, masses, charges, cell, inside, velocities, held, image, values)


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
        # in its body's own cell LAMMPS finds the centre of a body that the boundary cuts
        images = [] if start.image is None else [start.image]
        table = np.column_stack([number, start.types, start.charges, start.positions, *images])
        np.savetxt(file, table, fmt=["%d", "%d", *["%.17g"] * 4, *["%d"] * (3 * len(images))])
        if start.velocities is not None:
            file.write("\nVelocities\n\n")
            table = np.column_stack([number, start.velocities / 1000])  # Å/fs
            np.savetxt(file, table, fmt=["%d", "%.17g", "%.17g", "%.17g"])


def turned(cell: Any) -> tuple[Floats, Floats]:
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
        lines += ["atom_modify map yes"] if start.held else []  # files that say what is held name atoms by number
        lines += ["box tilt large"] if _tilted(start.cell) else []
        lines += [f"read_data ../../{DATA}"]
    else:
        lines += [f"read_restart ../{previous.name}/{RESTART}"]
    if leg.start == 0:
        lines += ["reset_timestep 0"]
    held = start.held_in(leg.stage_number)
    lines += lammps_motion.skewed(leg.stage)
    lines += lammps_motion.groups(start.held, leg.stage_number, first=previous is None) if start.held else []
    lines += potential.commands(start.order)
    lines += [
        f"neighbor {SKIN} bin",
        "neigh_modify every 1 delay 0 check yes",
        f"timestep {float(protocol.timestep)!r}",
    ]
    lines += _velocities(leg, previous, start, held, seed)
    lines += [
        f"thermo {steps_of(THERMO_PS, protocol)}",
        f"thermo_style custom {' '.join(WORDS)}",
        "thermo_modify flush yes lost error norm no format float %.10g",
    ]
    lines += _motion(leg, held, protocol, seed)
    lines += [f"write_restart {RESTART}", f"write_dump all custom {END} id type xu yu zu vx vy vz"]
    return "\n".join(lines) + "\n"


def begins_at_rest(leg: Leg, previous: Leg | None, start: Start) -> bool:
    """Whether atoms that are to move have no velocities yet."""
    if previous is None:
        return start.velocities is None
    before, now = (start.held_in(one.stage_number).fixed for one in (previous, leg))
    return isinstance(previous.stage, Minimise) or bool((before & ~now).any())  # what was frozen is at rest


def _velocities(leg: Leg, previous: Leg | None, start: Start, held: Held, seed: int) -> list[str]:
    if leg.start > 0 or isinstance(leg.stage, Minimise):
        return []
    at_rest = begins_at_rest(leg, previous, start)
    return lammps_motion.velocities(leg, held, drawn_from("velocities", seed, leg.stage_number) if at_rest else None)


def _motion(leg: Leg, held: Held, protocol: Protocol, seed: int) -> list[str]:
    stage = leg.stage
    lines = lammps_motion.warmth(held)
    if isinstance(stage, Minimise):
        limits = f"{float(stage.energy)!r} {float(stage.force)!r} {stage.iterations} {10 * stage.iterations}"
        return [*lines, *lammps_motion.minimise_held(held), f"minimize {limits}"]
    # each leg draws its noise anew from its own seed, so a leg done again after a kill has the same
    lines += lammps_motion.integration(leg, held, protocol, drawn_from("noise", seed, leg.number))
    lines += [f"dump contacts all custom {steps_of(CONTACT_PS, protocol)} {CONTACTS} id type xu yu zu"]
    if isinstance(stage, Produce):
        columns = "id type xu yu zu" + (" vx vy vz" if stage.velocities else "")
        lines += [f"dump frames all custom {protocol.frame_steps(stage)} {FRAMES} {columns}"]
    return [*lines, f"run {leg.stop - leg.start}"]


def drawn_from(*what: object) -> int:
    """A seed that an engine takes, of what it is for."""
    return 1 + int(digest(*what), 16) % 900_000_000


def steps_of(ps: float, protocol: Protocol) -> int:
    """Time steps in ``ps``, at least one."""
    return max(1, round(ps * 1000 / protocol.timestep))
