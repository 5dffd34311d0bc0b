r"""Spectrometers: which Q and E their detectors reach, and the settings that are known by name.

A neutron of energy E has ħ²k²/2m = E, and 2θ between the incident and the scattered wavevector gives
Q² = k_i² + k_f² - 2 k_i k_f cos 2θ. Direct geometry fixes the incident energy, indirect geometry the final one; E > 0
is energy that the neutron loses.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

RECOIL = 2.07212485  # ħ²/2m of the neutron in meV·Å² (CODATA 2018)
EVERY_ANGLE = (0.0, 180.0)


class Geometry(NamedTuple):
    """A spectrometer that fixes one energy and counts neutrons between two scattering angles."""

    energy: float  # meV
    fixed: str  # "e_i" (direct) or "e_f" (indirect)
    two_theta: tuple[float, float]  # degrees

    def reachable(self, q: ArrayLike, energy: ArrayLike) -> Bools:
        """Whether a detector sees momentum transfers ``q`` (1/Å) at energy transfers (meV), by broadcasting."""
        lowest, highest = self.q_range(energy)
        at = np.asarray(q, float)
        inside: Bools = (at >= lowest * (1 - 1e-12)) & (at <= highest * (1 + 1e-12))  # NaN where there is no neutron
        return inside

    def q_range(self, energy: ArrayLike) -> tuple[Floats, Floats]:
        """Lowest and highest Q (1/Å) at energy transfers (meV); NaN where a neutron would have a negative energy."""
        transfer = np.asarray(energy, float)
        other = self.energy - transfer if self.fixed == "e_i" else self.energy + transfer
        fixed = np.sqrt(self.energy / RECOIL)
        free = np.sqrt(np.where(other >= 0, other, np.nan) / RECOIL)
        low, high = (
            np.sqrt(np.maximum(fixed**2 + free**2 - 2 * fixed * free * np.cos(np.radians(angle)), 0.0))
            for angle in self.two_theta
        )
        return low, high

    def __str__(self) -> str:
        which = "direct geometry, E_i" if self.fixed == "e_i" else "indirect geometry, E_f"
        return f"{which} = {self.energy:g} meV, 2θ = {self.two_theta[0]:.4g}° to {self.two_theta[1]:.4g}°"


class Preset(NamedTuple):
    """A spectrometer in a setting that is known by name."""

    name: str
    says: str
    geometry: Geometry
    fwhm: float | None  # meV, of the elastic line; None where the source does not say
    band: tuple[float, float] | None  # meV
    source: str


@cache
def presets() -> dict[str, Preset]:
    """All settings that are known by name."""
    text = (resources.files("vanhove.spectra") / "data" / "instruments.toml").read_text(encoding="utf-8")
    known = {}
    for name, row in tomllib.loads(text).items():
        fixed = "e_i" if "e_i" in row else "e_f"
        angles = tuple(row.get("two_theta", EVERY_ANGLE))
        if "q_elastic" in row:
            angles = elastic_angles(row[fixed], row["q_elastic"])
        band = tuple(row["band"]) if "band" in row else None
        known[name] = Preset(
            name, row["says"], Geometry(row[fixed], fixed, angles), row.get("fwhm"), band, row["source"]
        )
    return known


def preset(name: str) -> Preset:
    """The setting ``name``, in any case of letters."""
    known = {key.lower(): value for key, value in presets().items()}
    if name.lower() not in known:
        raise Refusal(f"There is no instrument (nor file) '{name}'", "", nearest(name, list(presets())))
    return known[name.lower()]


def elastic_angles(energy: float, q: Sequence[float]) -> tuple[float, float]:
    """The scattering angles (degrees) under which elastically scattered neutrons of ``energy`` (meV) have these Q."""
    k = np.sqrt(energy / RECOIL)
    low, high = (float(2 * np.degrees(np.arcsin(value / (2 * k)))) for value in q)
    return low, high


def geometry_of(
    known: Preset | None, e_i: float | None, e_f: float | None, two_theta: Sequence[float] | None
) -> Geometry | None:
    """The geometry of a preset with what is given put in its place; None where nothing says."""
    if e_i is not None and e_f is not None:
        raise Refusal(f"e_i={e_i} and e_f={e_f}", "a spectrometer fixes one of the two", "Give one")
    base = known.geometry if known is not None else None
    energy, fixed = (e_i, "e_i") if e_i is not None else (e_f, "e_f")
    if energy is None:
        if base is None:
            if two_theta is not None:
                raise Refusal("two_theta without an energy", "", "Give e_i (direct) or e_f (indirect geometry) in meV")
            return None
        energy, fixed = base.energy, base.fixed
    if not (np.isfinite(energy) and energy > 0):
        raise Refusal(f"{fixed}={energy}", "", "Give a positive energy in meV")
    angles = two_theta if two_theta is not None else base.two_theta if base is not None else EVERY_ANGLE
    if len(angles) != 2 or not 0 <= angles[0] < angles[1] <= 180:
        raise Refusal(f"two_theta={two_theta!r}", "", "Give the lowest and the highest scattering angle in degrees")
    return Geometry(float(energy), fixed, (float(angles[0]), float(angles[1])))
