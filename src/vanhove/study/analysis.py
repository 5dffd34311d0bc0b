"""Carrying out one task of analysis: the observable's function on a trajectory, a result, or the values of several."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .options import entry_of

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .tasks import Task


def compute(task: Task, inputs: Sequence[Dataset], trajectory: Callable[[], Trajectory]) -> Dataset:
    """The dataset of ``task``; ``inputs`` are the datasets that it is made from."""
    from vanhove.registry import function

    called = function(task.function)
    options = dict(task.options)
    takes = entry_of(task.function).takes
    if takes == "trajectory":
        if inputs:  # what a conductivity is made from
            options["diffusion"] = {str(each.attrs["species"]): each for each in inputs}
        return called(trajectory(), **options)
    if takes == "dataset":
        return called(inputs[0], **options)
    of, temperatures = options.pop("of"), options.pop("temperatures")
    pairs = [_followed(each, **of) for each in inputs]
    units = str(inputs[0][of["value"]].attrs["units"])
    return called(
        temperatures, [value for value, _ in pairs], [error for _, error in pairs], **{**options, "units": units}
    )


def _followed(result: Dataset, value: str, species: str) -> tuple[float, float]:
    """A value and its error in one dataset, NaN where it has none.

    A total counts only where all species are in it: else a species that begins to diffuse would bend the law.
    """
    if "species" not in result[value].dims:
        return float(result[value]), float(result[f"{value}_error"])
    if species:
        if species not in result["species"].values:
            return math.nan, math.nan
        one = result.sel(species=species)
        return float(one[value]), float(one[f"{value}_error"])
    if not np.isfinite(result[value]).all():
        return math.nan, math.nan
    return float(result[f"{value}_total"]), float(result[f"{value}_total_error"])
