"""What the result of ``soft_ions`` keeps besides its answers: the model, and the softness of every sample."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vanhove.base import results
from vanhove.base.errors import Refusal
from vanhove.base.results import Column

from .model import SoftnessModel

if TYPE_CHECKING:
    from xarray import Dataset

MODEL, SAMPLE = "model_", "sample_"  # what their variables and attributes begin with in the result
OWN = ("observable", "version")  # attributes that the result has of its own
COORDINATES = ("pair", "r", "frame", "atom", "time", "place_a", "place_b", "place_c")


def columns(model: SoftnessModel, scores: Dataset) -> tuple[dict[str, Column], dict[str, str | float]]:
    """The variables and attributes that :func:`model_of` and :func:`scores_of` make model and scores of again."""
    found: dict[str, Column] = {}
    told: dict[str, str | float] = {}
    for prefix, source in ((MODEL, model.data), (SAMPLE, scores)):
        for name, one in source.variables.items():
            if source is scores or "sample" not in one.dims:  # those that the model was trained on stay behind
                dims = tuple(str(dim) for dim in one.dims)
                found[f"{prefix}{name}"] = Column(dims, one.values, one.attrs["units"], one.attrs["long_name"])
        told |= {f"{prefix}{name}": value for name, value in source.attrs.items() if name not in OWN}
    return found, told


def model_of(given: Any) -> SoftnessModel:
    """A model as it is, that in a result of ``soft_ions``, or that in a file of either."""
    if isinstance(given, SoftnessModel):
        return given
    data = results.load(given) if isinstance(given, str | os.PathLike) else given
    observable = getattr(data, "attrs", {}).get("observable")
    if observable == "softness.soft_ions" and f"{MODEL}weight" in data:
        return SoftnessModel(_taken(data, MODEL, "softness.weights"))
    if observable == "softness.weights" and "weight" in data:
        return SoftnessModel(data)
    raise Refusal(
        "trained_on= holds no model", f"it is of {observable}" if observable else f"it is a {type(given).__name__}",
        "Give the result of soft_ions of another run, a model that train gave, or a file of one",
    )  # fmt: skip


def holds_scores(result: Any) -> bool:
    """Whether it is a result of ``soft_ions``, with the softness of its samples."""
    return getattr(result, "attrs", {}).get("observable") == "softness.soft_ions" and f"{SAMPLE}S" in result


def scores_of(result: Dataset) -> Dataset:
    """The softness of every sample in a result of ``soft_ions``, as a model's ``score`` gives it."""
    return _taken(result, SAMPLE, "softness.score")


def _taken(result: Dataset, prefix: str, observable: str) -> Dataset:
    names = {str(name): str(name).removeprefix(prefix) for name in result.data_vars if str(name).startswith(prefix)}
    taken = result[list(names)].rename(names)
    taken = taken.set_coords([name for name in COORDINATES if name in taken])
    taken.attrs = {"observable": observable} | {
        name.removeprefix(prefix): value for name, value in result.attrs.items() if name.startswith(prefix)
    }
    return taken
