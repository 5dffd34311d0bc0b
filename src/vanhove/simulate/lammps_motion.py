"""LAMMPS commands that move atoms: thermostat, pressure, and what is held."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.files import whole

from .stages import Minimise, pressure, thermostat
from .thermo import ATM_IN_BAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._protocol import Protocol
    from .constraints import Held
    from .legs import Leg
    from .stages import Stage

GROUPS = ("fixed", "bodies", "moving", "free")
COUPLING = {"isotropic": "iso", "anisotropic": "aniso", "triclinic": "tri"}


def held_file(stages: Sequence[Held], number: int) -> str:
    """The file that says what stage ``number`` holds: that of the first stage that holds the same."""
    same = [stage.fingerprint for stage in stages].index(stages[number].fingerprint)
    return f"held-{same:03d}.dat"


def write_held(stages: Sequence[Held], folder: Path) -> None:
    """What each stage holds, atom by atom as LAMMPS counts them: -1 for a fixed one, else the number of its body."""
    for number, held in enumerate(stages):
        if not held.anything:
            continue
        value = np.where(held.fixed, -1, held.body)
        atoms = np.flatnonzero(value)
        with whole(folder / held_file(stages, number)) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(f"{len(atoms)}\n")
            np.savetxt(file, np.column_stack([atoms + 1, value[atoms]]), fmt="%d")


def groups(stages: Sequence[Held], number: int, *, first: bool) -> list[str]:
    """Names for what a stage holds. A restart file keeps groups, so that they are emptied before they are filled."""
    lines = []
    if first and any(held.anything for held in stages):
        lines += [f"group {name} empty" for name in GROUPS]
    if not stages[number].anything:
        return lines
    return [
        *lines,
        f"variable held atomfile ../../{held_file(stages, number)}",
        "variable is_fixed atom v_held<0",
        "variable is_body atom v_held>0",
        *(f"group {name} clear" for name in GROUPS),
        "group fixed variable is_fixed",
        "group bodies variable is_body",
        "group moving subtract all fixed",
        "group free subtract moving bodies",
    ]


def warmth(held: Held) -> list[str]:
    """The temperature of what moves; LAMMPS knows that bodies are rigid, and has to be told that they do not turn."""
    if not held.anything:
        return []
    drift = 0 if held.fixed.any() else 3
    stiff = 0 if held.turning else 3 * held.bodies
    return [
        "compute warmth moving temp",
        f"compute_modify warmth extra/dof {drift + stiff}",
        "thermo_modify temp warmth",
    ]


def velocities(leg: Leg, held: Held, drawn: int | None) -> list[str]:
    """Velocities at the beginning of a stage: drawn where atoms are at rest, none for what is held.

    ``drawn`` is the seed, None where the atoms go on with the velocities they have.
    """
    lines = []
    if drawn is not None and not held.fixed.any():
        lines += [f"velocity all create {leg.target(0)!r} {drawn} mom yes rot no dist gaussian"]
    elif drawn is not None:
        # nothing keeps the momentum of atoms among fixed ones, so it is one of their degrees of freedom
        lines += [
            "compute drawing moving temp",
            "compute_modify drawing extra/dof 0",
            f"velocity moving create {leg.target(0)!r} {drawn} mom no rot no dist gaussian temp drawing",
        ]
    if held.fixed.any():
        lines += ["velocity fixed set 0 0 0"]
    if held.body.any() and not held.turning:
        lines += _still_bodies()
    return lines


def _still_bodies() -> list[str]:
    """Each body's velocity for all of its atoms: without torque it would go on turning as it began."""
    return [
        "compute unit bodies chunk/atom v_held nchunk once ids once",
        "compute drift bodies vcm/chunk unit",
        "compute shared bodies chunk/spread/atom unit c_drift[1] c_drift[2] c_drift[3]",
        *(f"variable shared_{axis} atom c_shared[{n}]" for n, axis in enumerate("xyz", 1)),
        "thermo_style custom step",
        "run 0 post no",  # computes may be asked after a run only
        "velocity bodies set v_shared_x v_shared_y v_shared_z",
    ]


def minimise_held(held: Held) -> list[str]:
    """In a minimisation all that is held stays where it is."""
    return [f"fix still_{name} {name} setforce 0 0 0" for name in ("fixed", "bodies")] if held.anything else []


def integration(leg: Leg, held: Held, protocol: Protocol, noise: int) -> list[str]:
    """The fixes that move the atoms; ``noise`` is the seed of a Langevin thermostat."""
    heat = f"{leg.target(leg.start)!r} {leg.target(leg.stop)!r} {float(protocol.damping)!r}"
    kind, moving, free = thermostat(leg.stage), "all", "all"
    lines = []
    if held.anything:
        moving, free = "moving", "free"
        if held.body.any():
            # rigid/small asks that no body is larger than what a rank sees of its neighbours
            lines += [f"fix bodies bodies rigid custom v_held{'' if held.turning else ' torque * off off off'}"]
    bar = pressure(leg.stage)
    if bar is not None:
        return [_barostat(leg.stage, bar, protocol, heat)]
    if kind == "nose-hoover":
        lines += [f"fix nvt {free} nvt temp {heat}"]
        if held.anything:
            # The bodies take their heat from the free atoms. With a thermostat of their own the two would not be slowed
            # down alike, and the whole would drift; for the same reason that of the free atoms spares their momentum.
            own = ["temp", "compute_modify own extra/dof 0"] if held.fixed.any() else ["temp/com"]
            lines += [f"compute own free {own[0]}", *own[1:], "fix_modify nvt temp own"]
        return lines
    lines += [f"fix nve {free} nve"]
    if kind == "langevin":
        lines += [f"fix noise {moving} langevin {heat} {noise} zero {'no' if held.fixed.any() else 'yes'}"]
    return lines


def skewed(stage: Stage) -> list[str]:
    """A cell whose angles are to change is a triclinic one, even if its angles are right ones so far."""
    if pressure(stage) is None or isinstance(stage, Minimise) or stage.coupling != "triclinic":
        return []
    return ["change_box all triclinic"]


def _barostat(stage: Stage, bar: float, protocol: Protocol, heat: str) -> str:
    """The cell grows from its middle, so that nothing drifts, and is not flipped: its vectors change without a jump."""
    coupling = "isotropic" if isinstance(stage, Minimise) else stage.coupling
    atm = bar / ATM_IN_BAR
    press = f"{COUPLING[coupling]} {atm!r} {atm!r} {float(protocol.pressure_damping)!r}"
    flip = " flip no" if coupling == "triclinic" else ""
    return f"fix npt all npt temp {heat} {press}{flip}"
