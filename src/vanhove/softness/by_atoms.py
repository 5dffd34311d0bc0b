"""Averages over samples with errors from the spread between ions: frames of one ion say much the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.structure.averages import ratio

from .kept import holds_scores, scores_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_BLOCKS = 50  # of ions


def blocks_of(scores: Dataset) -> Ints:
    """The block of ions that each sample belongs to; neighbours in number go to different ones."""
    numbers: Ints = np.unique(scores["atom"].values, return_inverse=True)[1] % MOST_BLOCKS
    return numbers


def means(values: Floats, place: Ints, bins: int, block: Ints) -> tuple[Floats, Floats, Ints]:
    """Mean of the samples in each bin (a place below 0 is none), its standard error, and how many they are."""
    known = (place >= 0) & np.isfinite(values)
    blocks = int(block.max(initial=0)) + 1
    flat = block[known] * bins + place[known]
    sums = np.bincount(flat, values[known], minlength=blocks * bins).reshape(blocks, bins)
    counts = np.bincount(flat, minlength=blocks * bins).reshape(blocks, bins)
    mean, error = ratio(sums, counts)
    seen = counts.sum(axis=0)
    error[(counts > 0).sum(axis=0) < 2] = np.nan
    return mean, error, seen


def known_scores(scores: Any) -> Dataset:
    """What a model's ``score`` gave, or what ``soft_ions`` keeps of it; or a refusal."""
    if holds_scores(scores):
        return scores_of(scores)
    if hasattr(scores, "held_out") and hasattr(scores, "score"):
        raise Refusal("A model was given", "", "Give model.score(features), or model.held_out")
    if not hasattr(scores, "data_vars") or "S" not in scores or "atom" not in scores.coords:
        raise Refusal("There is no S in what was given", "", "Give what model.score(features) returned")
    found: Dataset = scores
    return found


def of_samples(values: Any, scores: Dataset, what: str) -> NDArray[Any]:
    """One value a sample from an array of the samples, or a result with a value an atom."""
    atoms = scores["atom"].values
    if hasattr(values, "data_vars"):
        name = next((n for n, v in values.data_vars.items() if v.dims == ("atom",)), None)
        if name is None:
            raise Refusal(f"{what}= has no value for each atom", f"it has {list(values.data_vars)}", "Give another")
        column: NDArray[Any] = np.asarray(values[name].values)
        if "index" in values.coords:
            place = np.full(int(max(values["index"].max(), atoms.max())) + 1, -1)
            place[values["index"].values] = np.arange(len(column))
            atoms = place[atoms]
        if atoms.min() < 0 or atoms.max() >= len(column):
            raise Refusal(f"{what}= is not about all ions that have a softness", "", "Compute it of the same ions")
        found: NDArray[Any] = column[atoms]
        return found
    given = np.asarray(values)
    if given.shape != (len(atoms),):
        raise Refusal(f"{what} of shape {given.shape} for {len(atoms)} samples", "", "Give one value for each sample")
    return given
