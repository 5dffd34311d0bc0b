"""How well the softness of ions agrees with what they did, for a model that was trained elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .by_atoms import blocks_of
from .labelling import LEFT_OUT
from .plane import balanced_accuracy

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Agreement(NamedTuple):
    """Numbers from 0.5, by guessing, to 1, and their standard errors from the spread between ions."""

    accuracy: float  # balanced
    accuracy_error: float
    ranking: float
    ranking_error: float


def agreement(scores: Dataset, classes: Ints) -> Agreement:
    """Of the samples that have a label."""
    S, block = scores["S"].values, blocks_of(scores)
    known = (classes != LEFT_OUT) & np.isfinite(S)
    S, classes, block = S[known], classes[known], block[known]
    return Agreement(*_with_error(balanced_accuracy, S, classes, block), *_with_error(ranking, S, classes, block))


def ranking(S: Floats, classes: Ints) -> float:
    """The share of pairs of a mobile and an immobile sample whose mobile one is the softer; NaN without either."""
    from scipy.stats import rankdata

    mobile = int((classes == 1).sum())
    pairs = mobile * (len(classes) - mobile)
    if pairs == 0:
        return np.nan
    return float((rankdata(S)[classes == 1].sum() - mobile * (mobile + 1) / 2) / pairs)


def _with_error(
    measure: Callable[[Floats, Ints], float], S: Floats, classes: Ints, block: Ints
) -> tuple[float, float]:  # fmt: skip
    """The measure of all samples, and the jackknife's error over blocks of ions."""
    blocks = np.unique(block)
    without = np.array([measure(S[block != one], classes[block != one]) for one in blocks])
    error = float(np.sqrt((len(blocks) - 1) * np.var(without))) if len(blocks) > 1 else np.nan
    return measure(S, classes), error
