"""Intensity of a density of states in a window, and how much more there is than in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .jackknife import standard_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from xarray import DataArray, Dataset

    Floats = NDArray[np.float64]


class Intensity(NamedTuple):
    """∫g over a window with one standard error, NaN where it is unknown."""

    value: Floats
    error: Floats


def excess(dos: Dataset, reference: Dataset, window: Sequence[float]) -> Intensity:
    """∫(g - g_reference) dE over ``window`` (meV), by species where both have them; the two runs are independent."""
    here, there = intensity(dos, window), intensity(reference, window)
    return Intensity(here.value - there.value, np.hypot(here.error, there.error))


def intensity(dos: Dataset, window: Sequence[float]) -> Intensity:
    """∫g dE over ``window`` (meV), g straight between its energies; NaN ones (masked) are passed over.

    The error is from the parts of the run where the density of states has them; else values have independent errors,
    as those of a measurement.
    """
    energy, weights = _weights(dos, window)
    value = _sum(dos.g, weights, energy)
    if "g_without" in dos:
        return Intensity(value, standard_error(_sum(dos.g_without, weights, energy)))
    if "g_error" not in dos:
        return Intensity(value, np.full_like(value, np.nan))
    return Intensity(value, np.sqrt(_sum(dos.g_error**2, weights**2, energy)))


def _weights(dos: Dataset, window: Sequence[float]) -> tuple[Floats, Floats]:
    """Energies that have values, and the weight of each in the integral."""
    shown = np.isfinite(dos.g.transpose(..., "energy").values.reshape(-1, dos.sizes["energy"])).any(axis=0)
    energy = dos.energy.values[shown]
    fine = np.unique(np.concatenate([energy[(energy > window[0]) & (energy < window[1])], list(window)]))
    steps = np.diff(fine)
    trapezoid = (np.append(steps, 0.0) + np.insert(steps, 0, 0.0)) / 2
    weights = np.array([np.interp(fine, energy, unit) @ trapezoid for unit in np.eye(len(energy))])
    return energy, weights


def _sum(values: DataArray, weights: Floats, energy: Floats) -> Floats:
    array = values.sel(energy=energy).transpose(..., "energy").values
    return np.asarray(array @ weights, np.float64)
