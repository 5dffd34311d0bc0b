"""What the process that moves atoms by an ASE calculator is given: arrays of the structure, and a leg's orders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import whole

from ._protocol import Minimise, Produce, Protocol, thermostat
from .constraints import RIGID
from .deck import CONTACT_PS, RESTART, THERMO_PS, begins_at_rest, drawn_from, steps_of

if TYPE_CHECKING:
    from .deck import Start
    from .legs import Leg

START, LOG = "start.npz", "log.ase"


def check(protocol: Protocol) -> None:
    """Refuse what only LAMMPS can do."""
    if protocol.changes_cell:
        raise Refusal("A calculator moves atoms in a cell that is kept", "a stage has a pressure", "Leave pressure out")
    if protocol.constrain is not None and protocol.constrain.kind in RIGID:
        raise Refusal(
            f"The constraint '{protocol.constrain.kind}' needs rigid bodies, which only LAMMPS moves",
            "a calculator moves single atoms",
            "Take a constraint that fixes atoms, or a potential that LAMMPS computes",
        )


def write_start(start: Start, path: str | os.PathLike[str]) -> None:
    """The arrays of a structure, as a leg leaves them too."""
    state: dict[str, Any] = {
        "species": np.array(start.species), "types": start.types, "masses": start.masses, "cell": start.cell,
        "positions": start.positions,
    }  # fmt: skip
    if start.velocities is not None:
        state["velocities"] = start.velocities
    with whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **state)


def leg_input(
    leg: Leg, previous: Leg | None, start: Start, potential: dict[str, Any], protocol: Protocol, seed: int
) -> dict[str, Any]:
    """The orders of one leg."""
    stage = leg.stage
    held = start.held_in(leg.stage_number)
    orders: dict[str, Any] = {
        "stage": stage.name,
        "steps": [leg.start, leg.stop],
        "from": f"../../{START}" if previous is None else f"../{previous.name}/{RESTART}",
        "potential": potential,
        "fixed": np.flatnonzero(held.fixed).tolist(),
        "minimise": None,
    }
    if isinstance(stage, Minimise):
        limits = {"energy": stage.energy, "force": stage.force, "iterations": stage.iterations}
        return {**orders, "minimise": limits}
    at_rest = begins_at_rest(leg, previous, start)
    return {
        **orders,
        "draw": drawn_from("velocities", seed, leg.stage_number) if at_rest else None,
        "thermostat": thermostat(stage),
        "temperatures": [leg.target(leg.start), leg.target(leg.stop)],
        # each leg draws anew from its own seed, so a leg done again after a kill has the same noise
        "noise": drawn_from("noise", seed, leg.number),
        "timestep": float(protocol.timestep),
        "damping": float(protocol.damping),
        "thermo": steps_of(THERMO_PS, protocol),
        "contacts": steps_of(CONTACT_PS, protocol),
        "frames": protocol.frame_steps(stage) if isinstance(stage, Produce) else None,
        "velocities": isinstance(stage, Produce) and stage.velocities,
    }
