"""Whether values with errors agree, which don't, and what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

UNLIKELY = 0.05  # chance of a χ² that large, below which values do not agree


class Agreement(NamedTuple):
    """The weighted mean of values that agree, NaN where they don't, and which ones stand apart (by place)."""

    mean: float
    error: float
    chi2: float
    apart: list[int]
    agree: bool


def scores(values: Floats, errors: Floats) -> Floats:
    """How many standard errors each value is above each other; NaN where neither has an error."""
    both = np.sqrt(errors[:, None] ** 2 + errors**2)
    z: Floats = (values[:, None] - values) / np.where(both > 0, both, np.nan)
    return z


def agreement(values: Floats, errors: Floats, groups: Sequence[str]) -> Agreement:
    """The weighted mean if χ² about it is not larger than it is in 5 of 100 cases.

    Values of one group (the same trajectory) are not independent: together they say no more than the best of them.
    Else the one furthest from the mean of the others is set apart, and the next, until the rest agree; of two values
    both stand apart.
    """
    usable = np.flatnonzero(np.isfinite(values) & (errors > 0)).tolist()
    if len(usable) < 2:
        return Agreement(np.nan, np.nan, np.nan, [], agree=False)
    mean, error, chi2 = _mean(values, errors, groups, usable)
    if _likely(chi2, len(usable)):
        return Agreement(mean, error, chi2, [], agree=True)
    left: list[int] = list(usable)
    apart: list[int] = []
    while len(left) > 1 and not _likely(_mean(values, errors, groups, left)[2], len(left)):
        if len(left) == 2:
            return Agreement(np.nan, np.nan, chi2, sorted(apart + left), agree=False)
        remaining = [_mean(values, errors, groups, [k for k in left if k != out])[2] for out in left]
        apart.append(left.pop(int(np.argmin(remaining))))
    return Agreement(np.nan, np.nan, chi2, sorted(apart), agree=False)


def _likely(chi2: float, count: int) -> bool:
    from scipy.stats import chi2 as distribution

    return count < 2 or bool(distribution.sf(chi2, count - 1) >= UNLIKELY)


def _mean(values: Floats, errors: Floats, groups: Sequence[str], which: list[int]) -> tuple[float, float, float]:
    weights = 1 / errors[which] ** 2
    mean = float(weights @ values[which] / weights.sum())
    chi2 = float(weights @ (values[which] - mean) ** 2)
    best: dict[str, float] = {}
    for k in which:
        own = groups[k] or f"only {k}"
        best[own] = min(best.get(own, np.inf), float(errors[k]))
    return mean, float(sum(error**-2 for error in best.values()) ** -0.5), chi2
