"""What the units that an HDF5 file states mean in Å, ps, u and e."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from vanhove.base.units import BOHR

AVOGADRO = 6.02214076e23
LENGTHS = {
    "m": 1e10, "nm": 10.0, "pm": 0.01, "um": 1e4, "a": 1.0, "å": 1.0, "ang": 1.0, "angstrom": 1.0, "angstroms": 1.0,
    "bohr": BOHR,
}  # fmt: skip
TIMES = {"s": 1e12, "ns": 1e3, "ps": 1.0, "fs": 1e-3, "us": 1e6}
MASSES = {"u": 1.0, "amu": 1.0, "da": 1.0, "g": AVOGADRO, "kg": AVOGADRO * 1e3}
CHARGES = {"e": 1.0, "c": 1 / 1.602176634e-19}
PURE = {"mol": AVOGADRO}
TABLES = (LENGTHS, TIMES, MASSES, CHARGES, PURE)
_FACTOR = re.compile(r"(/?)\s*(?:(\d+\.?\d*)|([A-Za-zÅåÅµμ]+))\s*(?:\^|\*\*)?\s*([+-]?\d+)?")


def stated(data: Any) -> str | None:
    """The text of a data set's unit, None where it states none."""
    said = data.attrs.get("unit", data.attrs.get("units"))
    if isinstance(said, np.ndarray) and said.size == 1:
        said = said.item()
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return text if isinstance(text, str) and text.strip() else None


def unit_of(data: Any, *, length: int = 0, time: int = 0, mass: int = 0, charge: int = 0) -> float | None:
    """The unit that ``data`` states, in Å^length ps^time u^mass e^charge; None where it states none, or another kind.

    H5MD writes powers behind the name and at most one number before, as in ``nm ps-1`` or ``60 s``; ``nm/ps`` is
    understood too.
    """
    text = stated(data)
    if text is None or _FACTOR.sub("", text).strip(" *·()"):
        return None
    value, powers = 1.0, [0] * len(TABLES)
    for over, number, name, power in _FACTOR.findall(text):
        exponent = int(power or 1) * (-1 if over else 1)
        if abs(exponent) > 9:
            return None
        if number:
            value *= float(number) ** exponent
            continue
        known = name.lower().replace("µ", "u").replace("μ", "u")
        for kind, table in enumerate(TABLES):
            if known in table:
                value *= table[known] ** exponent
                powers[kind] += exponent
                break
        else:
            return None
    return value if powers[:-1] == [length, time, mass, charge] and np.isfinite(value) and value > 0 else None
