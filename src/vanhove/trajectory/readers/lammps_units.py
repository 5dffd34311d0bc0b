"""What LAMMPS's unit styles mean in Å, ps and Å/ps."""

from __future__ import annotations

from typing import NamedTuple

from vanhove.base.errors import Refusal, nearest
from vanhove.base.units import BOHR


class UnitStyle(NamedTuple):
    """One of the style's length (Å), velocity (Å/ps) and time (ps)."""

    length: float
    speed: float
    time: float


STYLES = {
    "real": UnitStyle(1.0, 1e3, 1e-3),  # Å, Å/fs, fs
    "metal": UnitStyle(1.0, 1.0, 1.0),  # Å, Å/ps, ps
    "electron": UnitStyle(BOHR, BOHR / 1.03275e-3, 1e-3),  # Bohr, Bohr in 1.03275e-15 s (LAMMPS's own value), fs
    "nano": UnitStyle(10.0, 1e-2, 1e3),  # nm, nm/ns, ns
    "micro": UnitStyle(1e4, 1e-2, 1e6),  # µm, µm/µs, µs
    "si": UnitStyle(1e10, 1e-2, 1e12),  # m, m/s, s
    "cgs": UnitStyle(1e8, 1e-4, 1e12),  # cm, cm/s, s
}


def unit_style(name: str, where: str) -> UnitStyle:
    """The style of that name; ``lj`` is refused, since nothing says what its σ is in Å."""
    if name == "lj":
        raise Refusal(
            "Reduced units (lj) have no length in Å", where,
            "Scale the file to a real system, or name the units its numbers stand for with units=",
        )  # fmt: skip
    if name not in STYLES:
        raise Refusal(f"There is no unit style '{name}'", where, nearest(name, list(STYLES)))
    return STYLES[name]
