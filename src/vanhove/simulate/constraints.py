"""What may not move freely in each stage: the frozen atoms of the stage, and what the run's constraint holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import digest

from ._protocol import thermostat
from .polyanions import Polyanions, find_polyanions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._constrain import Constraint
    from ._protocol import Protocol, Stage
    from .selection import Selection

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

MOBILE = ("Li", "Na", "K", "Rb", "Cs", "Ag", "Cu")
RIGID = ("rigid-polyanions", "no-rotation")
STRAIGHT = 1e-7  # of the largest extent squared: what is thinner has no moment around its axis (as for LAMMPS)


@dataclass(frozen=True)
class Held:
    """What does not move freely: ``fixed`` atoms do not move, ``body`` numbers the rigid bodies from 1 (0: none).

    ``freedom`` is the number of degrees of freedom, the three of the whole left out where nothing is fixed.
    """

    fixed: Bools
    body: Ints
    turning: bool
    freedom: int

    @property
    def anything(self) -> bool:
        """Whether any atom is held."""
        return bool(self.fixed.any() or self.body.any())

    @property
    def bodies(self) -> int:
        """How many rigid bodies there are."""
        return len(np.unique(self.body[self.body > 0]))

    @property
    def fingerprint(self) -> str:
        """Names what is held."""
        return digest(self.fixed.tobytes(), self.body.tobytes(), self.turning)


def free(n_atoms: int) -> Held:
    """Nothing is held."""
    return Held(np.zeros(n_atoms, bool), np.zeros(n_atoms, np.int64), True, 3 * n_atoms - 3)


def held_in_stages(
    protocol: Protocol, species: Sequence[str], positions: Floats, cell: Floats, values: Mapping[str, Any]
) -> tuple[tuple[Held, ...], Ints | None]:
    """What is held in each stage, empty where nothing is; and the cells that put a body's atoms beside each other.

    ``values`` are the structure's arrays that a stage may name, as ``{"region": ...}``.
    """
    fixed, units = np.zeros(len(species), bool), None
    if protocol.constrain is not None:
        fixed, units = _constrained(protocol.constrain, species, positions, cell)
    image = np.zeros((len(species), 3), np.int64) if units is None else units.image
    stages = tuple(
        _held(protocol, stage, fixed | frozen_atoms(stage, species, values), units, positions + image @ cell)
        for stage in protocol.stages
    )
    return stages if any(held.anything for held in stages) else (), None if units is None else image


def frozen_atoms(stage: Stage, species: Sequence[str], values: Mapping[str, Any]) -> Bools:
    """The atoms that a stage freezes."""
    found = np.zeros(len(species), bool)
    asked: Selection = getattr(stage, "frozen", None)
    if asked is None:
        return found
    where = f"frozen of stage '{stage.name}'"
    if isinstance(asked, Mapping):
        found[:] = True
        for name, wanted in asked.items():
            if name not in values:
                raise Refusal(
                    f"The structure has no array '{name}'", where, nearest(name, sorted(values)) if values else ""
                )
            found &= np.isin(np.asarray(values[name]), np.asarray(wanted))
    elif all(isinstance(one, str) for one in asked):
        absent = [one for one in asked if one not in species]
        if absent:
            raise Refusal(f"The structure has no {', '.join(map(str, absent))}", where, "Name its elements")
        found = np.isin(np.array(species), [str(one) for one in asked])
    else:
        numbers = np.array(asked, np.int64)
        if numbers.max() >= len(species):
            raise Refusal(f"There is no atom {numbers.max()}", f"{where}; atoms count from 0", "Name other atoms")
        found[numbers] = True
    if not found.any():
        raise Refusal("No atom is frozen by what is asked for", f"{where}: {asked}", "Change it, or leave it out")
    return found


def _constrained(
    constraint: Constraint, species: Sequence[str], positions: Floats, cell: Floats
) -> tuple[Bools, Polyanions | None]:
    """The atoms that the constraint fixes, and the bodies that it makes."""
    labels = np.array(species)
    if constraint.kind == "fixed-framework":
        return ~np.isin(labels, _mobile(constraint, species)), None
    units = find_polyanions(
        species, positions, cell, formers=constraint.formers, anions=constraint.anions, cutoffs=constraint.cutoffs
    )
    nothing = np.zeros(len(species), bool)
    if constraint.kind in RIGID:
        if units.endless.any():
            raise Refusal(
                "A polyanion goes on through the whole cell, so it is no rigid body",
                f"constraint '{constraint.kind}'",
                'Choose "fixed-polyanions", or give cutoffs= where the bonds are not meant',
            )
        return nothing, units
    if constraint.kind == "fixed-polyanions":
        return units.unit > 0, None
    alone = (units.unit == 0) & np.isin(labels, constraint.anions or _anions(species))
    if not alone.any():
        raise Refusal("All anions are in polyanions", "constraint 'fixed-anions'", "Choose another constraint")
    return alone, None


def _mobile(constraint: Constraint, species: Sequence[str]) -> list[str]:
    present = list(dict.fromkeys(species))
    found = list(constraint.mobile) or [label for label in present if element_of(label) in MOBILE]
    absent = [label for label in found if label not in present]
    if absent or (not constraint.mobile and len(found) != 1):
        what = f"The structure has no {', '.join(absent)}" if absent else "Which species is mobile is not said"
        raise Refusal(what, f"it holds {', '.join(present)}", 'Give mobile=, for example mobile="Li"')
    return found


def _anions(species: Sequence[str]) -> list[str]:
    from ._composition import FORMAL_CHARGES

    return [label for label in dict.fromkeys(species) if FORMAL_CHARGES.get(element_of(label), 0) < 0]


def _held(protocol: Protocol, stage: Stage, fixed: Bools, units: Polyanions | None, positions: Floats) -> Held:
    turning = protocol.constrain is None or protocol.constrain.kind != "no-rotation"
    body = np.zeros(len(fixed), np.int64)
    if units is not None:
        touched = np.unique(units.unit[fixed & (units.unit > 0)])
        if not np.isin(np.flatnonzero(np.isin(units.unit, touched)), np.flatnonzero(fixed)).all():
            raise Refusal(
                "A part of a rigid body is frozen and a part is not", f"stage '{stage.name}'", "Freeze whole polyanions"
            )
        body = np.where(fixed, 0, units.unit)
    moving = ~fixed
    if not moving.any():
        raise Refusal("No atom is left to move", f"stage '{stage.name}'", "Freeze fewer atoms")
    if thermostat(stage) == "nose-hoover" and not (moving & (body == 0)).any():
        raise Refusal(
            "All atoms are in rigid bodies, and the thermostat acts on the others", f"stage '{stage.name}'",
            'Set thermostat="langevin"',
        )  # fmt: skip
    count = 3 * int((moving & (body == 0)).sum())
    for number in np.unique(body[body > 0]):
        count += 3 + (_axes(positions[body == number]) if turning else 0)
    return Held(fixed, body, turning, count if fixed.any() else count - 3)


def _axes(positions: Floats) -> int:
    """How many ways a body can turn in: 3, or 2 where its atoms are on a line."""
    extent = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False) ** 2
    return 2 if extent[1] < STRAIGHT * extent[0] else 3
