"""What of a dataset of spectra is fitted: which q, which energies, with which errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

from .energies import detailed_balance
from .quasielastic_model import Spectrum
from .resolutions import SAME_Q, q_of, rows
from .transformed import TransformedResolution

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.fitting.convolution import Resolution

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

FEWEST = 8  # points more than the richest model has parameters


class Measured(NamedTuple):
    """Spectra as arrays, those of the wanted q."""

    q: Floats
    energy: Floats
    values: Floats  # (q, energy)
    errors: Floats | None


def chosen_q(spectra: Dataset, q: float | Sequence[float] | None) -> Dataset:
    """The spectra nearest to ``q``, each once; refused where one is further than half a step of theirs."""
    if q is None:
        return spectra
    there = q_of(spectra)
    reach = float(np.diff(np.sort(there)).max()) / 2 if len(there) > 1 else 0.0
    which: list[int] = []
    for wanted in np.atleast_1d(np.asarray(q, np.float64)):
        k = int(np.argmin(np.abs(there - wanted)))
        if not abs(there[k] - wanted) <= reach + SAME_Q:
            listed = ", ".join(f"{value:.4g}" for value in there)
            raise Refusal(f"There is no spectrum at q = {wanted:g} 1/Å", f"there are {listed}", "Choose of these")
        which.append(k)
    return spectra.isel(q=sorted(set(which))) if "q" in spectra.dims else spectra


def arrays(spectra: Dataset) -> Measured:
    """The spectra's arrays; errors that are not positive mask their points, as NaN does."""
    q, energy = q_of(spectra), np.asarray(spectra["energy"].values, np.float64)
    if len(energy) < 2 or not (np.diff(energy) > 0).all():
        raise Refusal("The energies of the spectra do not ascend", "", "Sort them: spectra.sortby('energy')")
    values = rows(spectra, "S").copy()
    errors = rows(spectra, "S_error").copy() if "S_error" in spectra else None
    if errors is not None:
        masked = ~(np.isfinite(values) & (errors > 0))
        values[masked], errors[masked] = np.nan, np.nan
    return Measured(q, energy, values, errors)


def used(energy: Floats, window: Sequence[float] | None, exclude_elastic: float | None) -> Bools:
    """Which energies are fitted."""
    inside = np.ones(len(energy), bool)
    if window is not None:
        if len(window) != 2 or not window[0] < window[1]:
            raise Refusal(f"window={window!r}", "", "Give the lowest and the highest energy in meV, as (-0.5, 0.5)")
        inside &= (energy >= window[0]) & (energy <= window[1])
    if exclude_elastic is not None:
        if not exclude_elastic > 0:
            raise Refusal(f"exclude_elastic={exclude_elastic!r}", "", "Give half the width in meV that is left out")
        inside &= np.abs(energy) > exclude_elastic
    return inside


def balanced_at(spectra: Dataset, temperature: float | None) -> float | None:
    """The temperature at which lines obey detailed balance; None where they are symmetric."""
    if temperature is not None:
        if not temperature > 0:
            raise Refusal(f"temperature={temperature!r}", "", "Give a positive temperature in K")
        return float(temperature)
    if spectra.attrs.get("correction") == "detailed-balance":
        if "temperature" not in spectra.attrs:
            raise Refusal("The spectra obey detailed balance, but say no temperature", "", "Give temperature=")
        return float(spectra.attrs["temperature"])
    return None


def spectrum_of(
    measured: Measured, row: int, inside: Bools, resolution: Resolution, kelvin: float | None, parameters: int
) -> Spectrum | None:
    """The usable points of one spectrum; None where they are fewer than a fit needs."""
    values = measured.values[row]
    good = inside & np.isfinite(values)
    if good.sum() < parameters + FEWEST:
        return None
    energy = measured.energy[good]
    errors = np.ones(len(energy)) if measured.errors is None else measured.errors[row][good]
    factor = np.ones(len(energy)) if kelvin is None else detailed_balance(energy, kelvin)
    simulated = isinstance(resolution, TransformedResolution)
    alike = resolution.alike if isinstance(resolution, TransformedResolution) else 1.0
    return Spectrum(energy, values[good], errors, resolution, factor, alike, mirrored=simulated)


def centre_of(spectrum: Spectrum) -> float:
    """Where the peak is: the mean energy of what is above half of its height; 0 where that says nothing."""
    tall = spectrum.values > 0.5 * spectrum.values.max()
    centre = float(np.average(spectrum.energy[tall], weights=spectrum.values[tall]))
    return centre if abs(centre) < 0.5 * spectrum.reach else 0.0
