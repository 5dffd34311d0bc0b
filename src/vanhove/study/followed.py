"""Quantities that a study may follow over temperature, and reading them from the datasets of its runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal

from .replicas import Mean, mean_of

if TYPE_CHECKING:
    from xarray import Dataset

FOLLOW = "follow"  # the option of a study that names them


@dataclass(frozen=True)
class Quantity:
    """A variable of an observable's datasets, and how it goes with temperature."""

    observable: str
    variable: str
    error: str
    kind: Literal["rate", "time"] = "rate"
    times_temperature: bool = False  # σT, not σ, is thermally activated


QUANTITIES = {
    "D": Quantity("dynamics.diffusion", "D", "D_error"),
    "sigma": Quantity("dynamics.conductivity", "sigma", "sigma_error", times_temperature=True),
    "peak_time": Quantity("dynamics.non_gaussian", "peak_time", "peak_time_error", "time"),
    "jump_rate": Quantity("dynamics.jumps", "rate", "rate_error"),
    "residence_time": Quantity("dynamics.cages", "residence_time", "residence_error", "time"),
    "soft_rate": Quantity("softness.soft_ions", "soft_rate", "soft_rate_error"),
    "hard_rate": Quantity("softness.soft_ions", "hard_rate", "hard_rate_error"),
    "D_qens": Quantity("spectra.fit_jump_model", "D", "D_error"),
    "residence_qens": Quantity("spectra.fit_jump_model", "tau", "tau_error", "time"),
}


def means_over(
    results: Sequence[Dataset], name: str, species: str, temperatures: Sequence[float], groups: Sequence[int]
) -> tuple[list[float], list[float], list[float], str]:
    """Temperature, value and error of each group of replicas, and the unit: of a single run its own.

    A law is fitted to these means, a point for a temperature, so that the glass that a replica makes of itself, which
    is in all of its runs, does not count as often as there are points.
    """
    quantity = QUANTITIES[name]
    pairs = [_read(result, quantity, species) for result in results]
    kelvins, means = [], []
    for group in dict.fromkeys(groups):
        members = [place for place, other in enumerate(groups) if other == group]
        kelvins.append(temperatures[members[0]])
        means.append(_joined([pairs[place] for place in members]))
    units = str(results[0][quantity.variable].attrs["units"])
    return kelvins, [mean.value for mean in means], [mean.error for mean in means], units


def _joined(pairs: list[tuple[float, float]]) -> Mean:
    if len(pairs) == 1:  # nothing is averaged: the bits stay the same
        value, error = pairs[0]
        return Mean(value, error, math.nan, math.nan)
    return mean_of([value for value, _ in pairs], [error for _, error in pairs])


def _read(result: Dataset, quantity: Quantity, species: str) -> tuple[float, float]:
    """A value and its error in one dataset, NaN where it has none.

    A total counts only where all species are in it: else a species that begins to diffuse would bend the law.
    """
    variable, error = quantity.variable, quantity.error
    if "species" not in result[variable].dims:
        return _only(result[variable], quantity), _only(result[error], quantity)
    if species:
        if species not in result["species"].values:
            return math.nan, math.nan
        one = result.sel(species=species)
        return float(one[variable]), float(one[error])
    if not np.isfinite(result[variable]).all():
        return math.nan, math.nan
    return float(result[f"{variable}_total"]), float(result[f"{variable}_total_error"])


def _only(array: Any, quantity: Quantity) -> float:
    if array.size != 1:
        raise Refusal(
            f"{array.name} can't be followed over temperature",
            f"{quantity.observable} gives {array.size} values a run along {', '.join(map(str, array.dims))}",
            "Ask for one, or leave it out of follow",
        )
    return float(array.values.reshape(-1)[0])
