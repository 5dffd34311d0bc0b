"""Constraints: which part of the framework may not move, or not turn, or not bend. Plain data, as a protocol is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal, nearest

CONSTRAINTS = {
    "rigid-polyanions": "each polyanion is a rigid body that moves and turns",
    "no-rotation": "each polyanion is a rigid body that moves and does not turn",
    "fixed-polyanions": "no atom of a polyanion moves",
    "fixed-anions": "no anion outside the polyanions moves",
    "fixed-framework": "nothing but the mobile species moves",
}


@dataclass(frozen=True)
class Constraint:
    """What :func:`constrain` makes."""

    kind: str
    mobile: tuple[str, ...] = ()
    formers: tuple[str, ...] = ()
    anions: tuple[str, ...] = ()
    cutoffs: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON knows it."""
        lists = {name: list(getattr(self, name)) for name in ("mobile", "formers", "anions")}
        cutoffs = {pair: float(reach) for pair, reach in self.cutoffs.items()}
        said = {"kind": self.kind, **lists, "cutoffs": cutoffs}
        return {name: value for name, value in said.items() if value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Constraint:
        """The constraint that :meth:`to_dict` wrote, or that a person did."""
        try:
            return constrain(**data)
        except TypeError as error:  # it names the option that is unknown or missing
            raise Refusal(str(error).replace("constrain() ", ""), "a constraint")


def constrain(
    kind: str,
    *,
    mobile: str | Sequence[str] = (),
    formers: str | Sequence[str] = (),
    anions: str | Sequence[str] = (),
    cutoffs: Mapping[str, float] | None = None,
) -> Constraint:
    """Hold a part of the framework, to see what its motion does for the ions (E4).

    ``"rigid-polyanions"``: each polyanion is a rigid body, free to move and to turn. ``"no-rotation"``: it moves and
    does not turn. ``"fixed-polyanions"``, ``"fixed-anions"``: the atoms of the polyanions do not move, or the anions
    that are in none. ``"fixed-framework"``: nothing but the mobile species moves.

    The polyanions are found in the structure that the run begins with: formers and anions that hang together by bonds,
    whatever their shape. The bodies keep the shape that they have there, so begin with a relaxed structure.
    Temperatures are those of what moves: 3 degrees of freedom for an atom, 6 for a rigid body, 5 for a straight one, 3
    for one that does not turn, less 3 in all where nothing is fixed, since the whole does not drift.

    Parameters
    ----------
    kind
        One of the five.
    mobile
        For ``"fixed-framework"``: the species that move; by default the one that is an alkali metal, silver or copper.
    formers
        Species in the middle of polyanions; by default those of a usual charge of +3 or more (P, Si, B, Ge, Al, ...).
    anions
        Species around them; by default those of a negative charge.
    cutoffs
        Å, how far a bond reaches, ``{"P-S": 2.6}``; by default 1.15 times the sum of the covalent radii (P-S 2.4, P-P
        2.5, Si-O 2.0 Å).
    """
    if kind not in CONSTRAINTS:
        raise Refusal(f"There is no constraint '{kind}'", "", nearest(str(kind), [*CONSTRAINTS]))
    if mobile and kind != "fixed-framework":
        raise Refusal(f"mobile= says nothing for '{kind}'", "", 'Leave it out, or choose "fixed-framework"')
    if kind == "fixed-framework" and (formers or anions or cutoffs):
        raise Refusal("'fixed-framework' looks for no polyanion", "", "Leave formers, anions and cutoffs out")
    reaches = dict(cutoffs or {})
    for pair, reach in reaches.items():
        if not (math.isfinite(reach) and reach > 0):
            raise Refusal(f"The cut-off of {pair} is {reach} Å", "a constraint", "Give a positive length in Å")
    return Constraint(kind, _species(mobile), _species(formers), _species(anions), reaches)


def as_constraint(given: Constraint | str | None) -> Constraint | None:
    """A constraint, given itself or by its kind."""
    if given is None or isinstance(given, Constraint):
        return given
    return constrain(given)


def _species(given: str | Sequence[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if not is_species(name):
            raise Refusal(f"'{name}' is no element or isotope", "a constraint")
    return names
