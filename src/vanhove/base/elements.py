"""Elements and isotopes: their names and masses. Masses are periodictable's (IUPAC 2021 and AME)."""

from __future__ import annotations

import re
from functools import cache

from .errors import Refusal, nearest

_LABEL = re.compile(r"^(\d*)([A-Z][a-z]?)$")


def element_of(label: str) -> str:
    """The element of a species label: ``"7Li"`` → ``"Li"``."""
    found = _LABEL.match(label)
    return found.group(2) if found else label


@cache
def mass_of(label: str) -> float:
    """Mass in u of an element (``"Li"``, natural mixture) or isotope (``"7Li"``)."""
    import periodictable

    found = _LABEL.match(label)
    if found:
        number, symbol = found.groups()
        try:
            element = getattr(periodictable, symbol)
            mass = element[int(number)].mass if number else element.mass
            return float(mass)
        except (AttributeError, KeyError):
            pass
    symbols = [str(element.symbol) for element in periodictable.elements if element.number > 0]
    raise Refusal(f"'{label}' is no element or isotope", "", nearest(label, symbols))


@cache
def is_species(label: str) -> bool:
    """Whether ``label`` names an element or isotope."""
    try:
        mass_of(label)
    except Refusal:
        return False
    return True


def element_by_mass(mass: float, tolerance: float = 0.1) -> str | None:
    """The element whose mass is within ``tolerance`` u of ``mass``; None where none or several are."""
    import periodictable

    close = [str(e.symbol) for e in periodictable.elements if e.number > 0 and abs(float(e.mass) - mass) <= tolerance]
    return close[0] if len(close) == 1 else None
