"""Errors from what is left when each part of a run is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.dynamics.plateau import ONE_SIGMA

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_PARTS = 4  # fewer say too little of their spread


def standard_error(without: Floats) -> Floats:
    r"""One standard error of an estimate from its values with each part of the run ``without`` (part, …) left out.

    .. math:: \sigma^2 = \frac{n - 1}{n} \sum_{p=1}^{n} (x_p - \bar x)^2

    times the square of what widens it such that one standard error covers the truth in 68 of 100 also where parts are
    few (Student's t). NaN with fewer than four parts.
    """
    if len(without) < FEWEST_PARTS:
        return np.full(without.shape[1:], np.nan)
    error: Floats = np.sqrt(np.square(without - without.mean(axis=0)).sum(axis=0)) * _widened(len(without))
    return error


def covariance(without: Floats) -> Floats:
    """The covariance of several estimates from their values ``without`` (part, estimate) one of four parts or more.

    Its diagonal is the square of :func:`standard_error`.
    """
    off = without - without.mean(axis=0)
    matrix: Floats = off.T @ off * _widened(len(without)) ** 2
    return matrix


def _widened(n: int) -> float:
    """What the root of a sum of squares over ``n`` parts is multiplied by."""
    from scipy.stats import t

    return float(np.sqrt((n - 1) / n) * t.ppf(ONE_SIGMA, n - 1))
