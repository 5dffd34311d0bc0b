"""How strongly a model is regularised: chosen by what it says of ions that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal

from .labelling import LEFT_OUT
from .plane import balanced_accuracy, fit
from .splits import split

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from .splits import Fold

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STRENGTHS = (0.001, 0.01, 0.1)  # in real glasses weaker regularisation only cost accuracy, and time
FOLDS = 3  # of what is trained on


def candidates(C: Any) -> list[float]:
    """The given C, one or several, rising."""
    given = np.atleast_1d(np.asarray(C, float)).ravel()
    if len(given) == 0 or not (np.isfinite(given).all() and (given > 0).all()):
        raise Refusal(f"C={C}", "", "Give positive numbers; small ones regularise strongly")
    return sorted(set(given.tolist()))


def chosen(
    strengths: Sequence[float], trained: Bools, features: Dataset, classes: Ints, groups: Any, gap: float, seed: int,
    balance: bool,
) -> float:  # fmt: skip
    """The smallest C within one standard error of the best, by folds of the samples that are trained on.

    What is held out from the model has no part in it, so that its accuracy is as honest as with a C that was given.
    """
    if len(strengths) == 1:
        return strengths[0]
    folds = _folds(features, np.where(trained, classes, LEFT_OUT), groups, gap, seed)
    if not folds:
        return strengths[0]
    table = np.asarray(features["G"].values, np.float64)

    def accuracy(fold: Fold, C: float) -> float:
        plane = fit(table[fold.train], classes[fold.train], C, balance)
        return balanced_accuracy(plane.of(table[fold.test]), classes[fold.test])

    found = np.array([[accuracy(fold, C) for C in strengths] for fold in folds])
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
    best = int(mean.argmax())
    return strengths[int(np.argmax(mean >= mean[best] - error[best]))]


def _folds(features: Dataset, classes: Ints, groups: Any, gap: float, seed: int) -> list[Fold]:
    """Folds like those of the model; of ions where too little is left for that, none where it is for ions, too."""
    for way in (groups, "atoms"):
        apart = gap if isinstance(way, str) and way == "frames" else None
        try:
            found = split(features, classes, way, apart, 0.0, 1 / FOLDS, 1, seed).folds
        except Refusal:
            continue
        if all(len(np.unique(classes[part])) == 2 for fold in found for part in fold):
            return found
    return []
