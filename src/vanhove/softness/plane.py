"""The plane between two classes in the space of standardised features, and how well it tells them apart."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .model import distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ITERATIONS = 5000


class Plane(NamedTuple):
    """Weights of standardised features, the intercept, and how the features were standardised."""

    weight: Floats
    intercept: float
    mean: Floats
    deviation: Floats

    def of(self, table: Floats) -> Floats:
        """Signed distance of every sample from the plane."""
        return distance(table, self.weight, self.intercept, self.mean, self.deviation)


def one_thread() -> AbstractContextManager[Any]:
    """For many fits: products of such small matrices are done sooner than threads have waited for each other."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def fit(table: Floats, classes: Ints, C: float, balance: bool) -> Plane:
    """The plane between two classes, of features as they are."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = table.mean(axis=0), table.std(axis=0)
    deviation[deviation == 0] = 1.0  # a shell that is alike for all ions tells nothing: its weight stays 0
    found = LogisticRegression(C=C, class_weight="balanced" if balance else None, max_iter=ITERATIONS)
    found.fit((table - mean) / deviation, classes)
    return Plane(np.asarray(found.coef_[0], np.float64), float(found.intercept_[0]), mean, deviation)


def balanced_accuracy(S: Floats, classes: Ints) -> float:
    """Mean of the shares of both classes that lie on their side of the plane; NaN where there is one class only."""
    shares = [float(((S > 0) == bool(code))[classes == code].mean()) for code in (0, 1) if (classes == code).any()]
    return float(np.mean(shares)) if len(shares) == 2 else np.nan
