"""The process that moves atoms by an ASE calculator: one leg, in the folder that it is started in.

    python -m vanhove.simulate.ase_child in.json

It writes what LAMMPS would, in the same units and formats, so that all that looks at a run looks at this one too: a
log, frames, close contacts, the end, and the state from which the next leg starts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from vanhove.base.units import KCAL_MOL_IN_EV

from .ase_input import LOG
from .calling import made
from .deck import CONTACTS, END, FRAMES, RESTART
from .dump import DumpWriter
from .motion import Motion
from .thermo import COLUMNS, MORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    State = dict[str, Any]

PLACES, MOVES = ("xu", "yu", "zu"), ("vx", "vy", "vz")
STILL = 20  # iterations in a row with no change of the energy to speak of
PER_FS = 1000.0  # our velocities are Å/ps, those of a dump Å/fs


class NotNumbers(ArithmeticError):
    """The calculator's energy or forces are no numbers."""


def main(script: str) -> None:
    """Do one leg."""
    orders = json.loads(Path(script).read_text(encoding="utf-8"))
    do_leg(orders, made(orders["potential"]["factory"], orders["potential"]["options"]))


def do_leg(orders: dict[str, Any], calculator: Any) -> None:
    """Move the atoms as ordered, and leave what the next leg begins with."""
    with np.load(orders["from"], allow_pickle=False) as file:
        state: State = dict(file)
    atoms = _atoms(state, calculator)
    with open(LOG, "w", encoding="utf-8") as log:
        log.write(" ".join([*COLUMNS, *MORE]) + "\n")
        if orders["minimise"]:
            _minimise(atoms, state, orders, log)
        else:
            _move(atoms, state, orders, log)
    with open(RESTART, "wb") as file:
        np.savez(file, **state)
    table = np.column_stack([state["positions"], state["velocities"] / PER_FS])
    with DumpWriter(Path(END), PLACES + MOVES, state["types"]) as dump:
        dump.write(orders["steps"][1], table)


def _atoms(state: State, calculator: Any) -> Any:
    from ase import Atoms

    atoms: Any = Atoms(state["species"].tolist(), positions=state["positions"], cell=state["cell"], pbc=True)
    atoms.set_masses(state["masses"])
    atoms.calc = calculator
    return atoms


def _minimise(atoms: Any, state: State, orders: dict[str, Any], log: TextIO) -> None:
    """FIRE, until the energy has come to rest, the force is small or the iterations are spent."""
    from ase.constraints import FixAtoms
    from ase.optimize import FIRE

    limits = orders["minimise"]
    fixing: Any = FixAtoms  # ASE types only some of its classes
    atoms.set_constraint(fixing(orders["fixed"]))
    before, still = np.inf, 0
    for iteration, _ in enumerate(FIRE(atoms, logfile=None).irun(fmax=0.0, steps=limits["iterations"])):
        energy, forces = _checked(atoms)
        _say(log, iteration, 0.0, [energy] * 3, atoms.get_volume())
        still = still + 1 if abs(energy - before) <= limits["energy"] * abs(energy) else 0
        if still >= STILL or np.linalg.norm(forces) / KCAL_MOL_IN_EV < limits["force"]:
            break
        before = energy
    state["positions"] = atoms.get_positions()
    state["velocities"] = np.zeros_like(state["positions"])


def _move(atoms: Any, state: State, orders: dict[str, Any], log: TextIO) -> None:
    first, last = orders["steps"]
    begin, end = orders["temperatures"]
    damping = orders["damping"] / 1000
    noise = np.random.default_rng(orders["noise"])

    def forces(positions: Floats) -> tuple[float, Floats]:
        atoms.set_positions(positions)
        return _checked(atoms)

    start = state.get("velocities", np.zeros_like(state["positions"]))
    timestep = orders["timestep"] / 1000
    fixed = np.zeros(len(atoms), bool)
    fixed[orders["fixed"]] = True
    motion = Motion(
        state["positions"],
        start,
        state["masses"],
        forces,
        timestep,
        fixed=fixed,
        bath=state.get("bath"),
        taken=float(state.get("taken", 0.0)),
    )
    if orders["draw"] is not None:
        motion.draw(begin, np.random.default_rng(orders["draw"]))
    columns = PLACES + MOVES if orders["velocities"] else PLACES
    with (
        DumpWriter(Path(CONTACTS), PLACES, state["types"]) as contacts,
        DumpWriter(Path(FRAMES), columns, state["types"]) as frames,
    ):
        for step in range(first, last + 1):
            if step > first:
                target = begin + (end - begin) * (step - first) / (last - first)
                if orders["thermostat"] == "nose-hoover":
                    motion.step_chain(target, damping)
                elif orders["thermostat"] == "langevin":
                    motion.step_langevin(target, damping, noise)
                else:
                    motion.step()
            if step % orders["thermo"] == 0 or step in (first, last):
                energies = [motion.energy, motion.energy + motion.kinetic, motion.conserved]
                _say(log, step, motion.temperature, energies, atoms.get_volume())
            if step % orders["contacts"] == 0:
                contacts.write(step, motion.positions)
            if orders["frames"] and step % orders["frames"] == 0:
                moves = motion.velocities / PER_FS
                frames.write(step, np.column_stack([motion.positions, moves])[:, : len(columns)])
    state.update(positions=motion.positions, velocities=motion.velocities, bath=motion.bath, taken=motion.taken)


def _checked(atoms: Any) -> tuple[float, Floats]:
    energy, forces = float(atoms.get_potential_energy()), np.asarray(atoms.get_forces(), float)
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise NotNumbers("the energy or a force of the calculator is no number")
    return energy, forces


def _say(log: TextIO, step: int, temperature: float, energies: list[float], volume: float) -> None:
    potential, total, conserved = (energy / KCAL_MOL_IN_EV for energy in energies)
    log.write(f"{step} {temperature:.10g} {potential:.12g} {total:.12g} nan {volume:.10g} {conserved:.12g}\n")
    log.flush()


if __name__ == "__main__":
    main(sys.argv[1])
