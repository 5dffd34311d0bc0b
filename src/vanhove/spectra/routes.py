"""What each route to a diffusion coefficient says, whatever it comes as."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest
from vanhove.base.results import load
from vanhove.base.units import CM2_S_PER_A2_PS, HBAR, K_B, U_A2_PER_PS2_IN_MEV

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

PLAIN = re.compile(r"^\s*([-+\d.eE]+)\s*(?:(?:±|\+/?-)\s*([\d.eE+-]+))?\s*$")  # "5.0e-6 ± 0.4e-6", the error if known
WORDS = {"D", "D_error", "g0", "g0_error"}  # of a route given as a mapping
KELVIN = 0.5  # by which temperatures of one table may differ


@dataclass(frozen=True)
class Route:
    """D (cm²/s) with one standard error and a one-sided 95 % bound; NaN where the route doesn't say."""

    label: str
    D: float
    error: float = np.nan
    upper: float = np.nan
    said: str = "given"
    temperature: float | None = None
    species: str | None = None
    origin: str = ""  # names the trajectory; empty for what is none's


@dataclass(frozen=True)
class Ion:
    """Whose D it is, and where g(0) needs it its mass (u) and temperature (K)."""

    species: str | None
    mass: float | None
    temperature: float | None

    @property
    def g_over_d(self) -> float:
        r"""g(0)/D = 2m/(πħk_BT) in 1/meV for each cm²/s, of g(E) whose integral over E ≥ 0 is 1; NaN if not known."""
        if self.mass is None or self.temperature is None:
            return np.nan
        return 2 * self.mass * U_A2_PER_PS2_IN_MEV / (np.pi * HBAR * K_B * self.temperature) / CM2_S_PER_A2_PS


def opened(label: str, given: Any) -> Any:
    """What a text stands for: the result in a .nc file, a value, or a value with its error; all else as it is."""
    if not isinstance(given, str | os.PathLike):
        return given
    if str(given).endswith(".nc"):
        return load(given)
    found = PLAIN.match(str(given))
    try:
        return [float(part) for part in found.groups() if part] if found else float(str(given))
    except ValueError:
        raise Refusal(f"The route '{label}' is '{given}'", "", 'Write it like "5.0e-6 ± 0.4e-6", or name a .nc file')


def read_route(label: str, given: Any, ion: Ion) -> Route:
    """One route from a result, a number, a pair (value, error), or a mapping."""
    if hasattr(given, "data_vars"):
        return _from_result(label, given, ion)
    if isinstance(given, Mapping):
        return _from_mapping(label, given, ion)
    numbers = np.atleast_1d(np.asarray(given, np.float64))
    if numbers.shape not in {(1,), (2,)}:
        raise Refusal(f"The route '{label}' is {given!r}", "", "Give a result, a value, or (value, error) in cm²/s")
    return Route(label, *_checked(label, *numbers.tolist()))


def _from_mapping(label: str, given: Mapping[str, Any], ion: Ion) -> Route:
    unknown = [name for name in given if name not in WORDS]
    if unknown or ("D" in given) == ("g0" in given):
        raise Refusal(f"The route '{label}' has {sorted(given)}", "", "Give D or g0, with D_error or g0_error if known")
    if "D" in given:
        return Route(label, *_checked(label, float(given["D"]), float(given.get("D_error", np.nan))))
    factor = ion.g_over_d
    if not np.isfinite(factor):
        raise Refusal(
            f"The route '{label}' gives g(0)", "D follows from it with a mass and a temperature",
            'Pass species="7Li" or mass=, and temperature=',
        )  # fmt: skip
    value, error = _checked(label, float(given["g0"]), float(given.get("g0_error", np.nan)))
    return Route(label, value / factor, error / factor, said="given as g(0)")


def _checked(label: str, value: float, error: float = np.nan) -> tuple[float, float]:
    if np.isinf(value) or value <= 0 or error < 0 or np.isinf(error):
        raise Refusal(f"The route '{label}' is {value:g} ± {error:g}", "", "Give a positive D and its standard error")
    return value, error


def _from_result(label: str, result: Dataset, ion: Ion) -> Route:
    name = "D_zero" if "D_zero" in result else "D"
    if name not in result or result[name].attrs.get("units") != "cm²/s":
        raise Refusal(
            f"The route '{label}' is a result without a D", f"it is {result.attrs.get('observable', 'none of ours')}",
            "Pass one of diffusion, green_kubo, vdos or fit_jump_model",
        )  # fmt: skip
    of = str(result.attrs["species"]) if "species" in result.attrs else None
    if "species" in result[name].dims:
        of = _species_of(label, result, ion.species)
        result = result.sel(species=of)
    kelvin = float(result.attrs["temperature"]) if "temperature" in result.attrs else None
    if "temperature" in result[name].dims:
        kelvin = _temperature_of(label, result, ion.temperature)
        result = result.sel(temperature=kelvin)
    if result[name].ndim:
        raise Refusal(f"The route '{label}' has several D", f"along {result[name].dims}", "Choose one with .sel")
    _check_same(label, of, kelvin, ion)
    verdict = next((result[key] for key in (f"{name}_verdict", "verdict") if key in result), None)
    return Route(
        label,
        _number(result[name]),
        _number(result.get(f"{name}_error")),
        _number(result.get(f"{name}_upper")),
        str(result.attrs.get("verdict", "computed") if verdict is None else verdict.item()),
        kelvin,
        of,
        str(result.attrs.get("fingerprint", result.attrs.get("trajectory", ""))),
    )


def _number(value: DataArray | None) -> float:
    return float("nan") if value is None else float(value)


def _species_of(label: str, result: Dataset, wanted: str | None) -> str:
    there = [str(name) for name in result["species"].values]
    if wanted is None and len(there) == 1:
        return there[0]
    same = [name for name in there if wanted is not None and element_of(name) == element_of(wanted)]
    found = [name for name in there if name == wanted] or same
    if len(found) != 1:
        do = 'Pass species="Li"' if wanted is None else nearest(wanted, there)
        raise Refusal(f"The route '{label}' holds {', '.join(there)}", "", do)
    return found[0]


def _temperature_of(label: str, result: Dataset, wanted: float | None) -> float:
    there = np.asarray(result["temperature"].values, float)
    at = np.flatnonzero(np.abs(there - wanted) < KELVIN) if wanted is not None else np.arange(len(there))
    if len(at) != 1:
        listed = ", ".join(f"{kelvin:g}" for kelvin in there)
        raise Refusal(f"The route '{label}' is at {listed} K", "", "Pass temperature=, one of them")
    return float(there[at[0]])


def _check_same(label: str, species: str | None, kelvin: float | None, ion: Ion) -> None:
    if species and ion.species and element_of(species) != element_of(ion.species):
        raise Refusal(f"The route '{label}' is of {species}", f"the table is of {ion.species}", "Leave it out")
    if kelvin is not None and ion.temperature is not None and abs(kelvin - ion.temperature) > KELVIN:
        raise Refusal(
            f"The route '{label}' is at {kelvin:g} K", f"the table is at {ion.temperature:g} K", "Leave it out"
        )


def ion_of(results: Sequence[Any], species: str | None, mass: float | None, temperature: float | None) -> Ion:
    """What is given, else what the first result that knows says; the mass is the species' own."""
    from vanhove.base.elements import is_species, mass_of

    known = [result.attrs for result in results if hasattr(result, "data_vars")]
    if species is None:
        species = next((str(attrs["species"]) for attrs in known if is_species(str(attrs.get("species")))), None)
    if temperature is None:
        temperature = next((float(attrs["temperature"]) for attrs in known if "temperature" in attrs), None)
    if mass is None and species is not None:
        mass = mass_of(species)
    for name, value in (("mass", mass), ("temperature", temperature)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value}", "", "Give a positive number")
    return Ion(species, mass, temperature)
