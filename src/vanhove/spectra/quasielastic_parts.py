"""A simulated spectrum with each part of its run left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .energies import detailed_balance
from .jackknife import FEWEST_PARTS
from .transformed import transform_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]


def parts_of(spectra: Dataset) -> Floats | None:
    """S (part, q, energy) with one part left out each; None where the spectra don't tell, as measured ones.

    From ``S_without``, or from ``F_without`` by the transform that made S.
    """
    if spectra.sizes.get("part", 0) < FEWEST_PARTS:
        return None
    if "S_without" in spectra:
        return np.asarray(spectra["S_without"].transpose("part", "q", "energy").values, np.float64)
    transform = transform_of(spectra)
    if "F_without" not in spectra or transform is None or len(transform.lags) != spectra.sizes["lag"]:
        return None
    energy = np.asarray(spectra["energy"].values, np.float64)
    F = np.asarray(spectra["F_without"].transpose("part", "q", "lag").values, np.float64)
    found = transform.seen(energy, F)
    if spectra.attrs.get("correction") == "detailed-balance":
        found = found * detailed_balance(energy, float(spectra.attrs["temperature"]))
    return found
