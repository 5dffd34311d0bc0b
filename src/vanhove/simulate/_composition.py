"""Composition planning: formulae and mixtures to whole, charge-neutral atom counts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction

from vanhove.base.errors import Refusal

# The charge an element nearly always has in an ion conductor; only used to see that a formula is neutral.
FORMAL_CHARGES = {
    "H": 1, "Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Ag": 1, "Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2, "Zn": 2, "B": 3,
    "Al": 3, "Ga": 3, "In": 3, "Y": 3, "La": 3, "Si": 4, "Ge": 4, "Ti": 4, "Zr": 4, "P": 5, "Ta": 5, "Nb": 5, "N": -3,
    "O": -2, "S": -2, "Se": -2, "Te": -2, "F": -1, "Cl": -1, "Br": -1, "I": -1,
}  # fmt: skip

_COMPONENT = re.compile(r"^\(?\s*(\d+(?:\.\d+)?)?\s*\)?\s*\*?\s*([A-Z][A-Za-z0-9()]*)$")


def composition(
    formula: str, atoms: int | None = None, *, charges: Mapping[str, float] | None = None, n_atoms: int | None = None
) -> dict[str, int]:
    """Atoms of each element in a cell of a formula or mixture.

    The formula unit is the smallest with whole counts: for ``x A - y B`` the coefficients are made whole and divided by
    their greatest common divisor. The number of atoms must be a whole number of formula units.

    Parameters
    ----------
    formula
        ``"Na2SiS3"``, ``"Na2S-SiS2"`` or with shares ``"75 Li2S - 25 P2S5"``.
    atoms
        Number of atoms wanted.
    charges
        Charge of each element (e); the usual formal charges when None.
    n_atoms
        Another name of ``atoms``, as :func:`vanhove.simulate.packing` calls it.
    """
    if (atoms is None) == (n_atoms is None):
        raise Refusal(f"How many atoms of {formula}?", "", "Give atoms=, once")
    wanted = int(atoms if atoms is not None else n_atoms or 0)
    unit = formula_unit(formula)
    _check_neutral(formula, unit, charges)
    size = sum(unit.values())
    units, rest = divmod(wanted, size)
    if wanted < 1 or rest:
        near = [n * size for n in (units, units + 1) if n > 0]
        raise Refusal(
            f"{wanted} atoms are no whole number of formula units",
            f"{formula} is {_written(unit)}, {size} atoms a unit",
            f"Take {' or '.join(str(n) for n in near)} atoms",
        )
    return {element: count * units for element, count in unit.items()}


def formula_unit(formula: str) -> dict[str, int]:
    """The smallest whole counts of a formula or mixture: ``"75Li2S-25P2S5"`` → ``{"Li": 3, "S": 4, "P": 1}``."""
    amounts: dict[str, Fraction] = {}
    for part in re.split(r"\s*[-–+·]\s*", formula.strip()):
        found = _COMPONENT.match(part)
        if not found:
            raise Refusal(f"'{part}' in '{formula}' is no formula", "", 'Write "Na2SiS3" or "50 Na2S - 50 SiS2"')
        share = Fraction(found.group(1) or "1")
        for element, count in _count(found.group(2), formula).items():
            amounts[element] = amounts.get(element, Fraction(0)) + share * count
    amounts = {element: amount for element, amount in amounts.items() if amount}
    if not amounts:
        raise Refusal(f"'{formula}' holds no atoms")
    whole = math.lcm(*(amount.denominator for amount in amounts.values()))
    counts = {element: int(amount * whole) for element, amount in amounts.items()}
    divisor = math.gcd(*counts.values())
    return {element: count // divisor for element, count in counts.items()}


def _count(part: str, formula: str) -> dict[str, int]:
    from ase.formula import Formula

    from vanhove.base.elements import is_species

    try:
        counts: dict[str, int] = Formula(part).count()
    except ValueError as error:
        raise Refusal(f"'{part}' in '{formula}' is no formula", str(error), 'Write it like "Na2SiS3"')
    for element in counts:
        if not is_species(element):
            raise Refusal(f"'{element}' in '{formula}' is no element")
    return counts


def _check_neutral(formula: str, unit: Mapping[str, int], charges: Mapping[str, float] | None) -> None:
    known = FORMAL_CHARGES if charges is None else charges
    missing = [element for element in unit if element not in known]
    if missing:
        raise Refusal(
            f"The charge of {', '.join(missing)} is not known",
            f"needed to see that {formula} is neutral",
            "Give charges={...} for every element",
        )
    total = sum(count * known[element] for element, count in unit.items())
    if abs(total) > 1e-9 * sum(abs(count * known[element]) for element, count in unit.items()):
        said = ", ".join(f"{element} {known[element]:+g}" for element in unit)
        raise Refusal(
            f"{formula} is not charge-neutral: {total:+g} e a unit of {_written(unit)}",
            f"with {said}",
            "Change the shares, or give charges={...} where an element has another charge here",
        )


def _written(unit: Mapping[str, int]) -> str:
    return "".join(f"{element}{count if count > 1 else ''}" for element, count in unit.items())
