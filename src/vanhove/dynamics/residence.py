"""Rates and times of staying, with what the beginning and the end of a run cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

UNUSUAL = 0.99  # chance that a spread between ions is smaller where all have one rate
BOUND = 0.95
POINTS = 200  # of a survival curve


def dispersion(counts: NDArray[Any], times: NDArray[Any]) -> float:
    """Factor on a Poisson error: 1, or √(variance/mean) of the ions' counts where chance does not explain it.

    ``counts`` of every ion and the ``times`` that it was watched. Ions that are not alike, and jumps that come in
    bunches, make counts spread more than those of one Poisson process.
    """
    from scipy.stats import chi2

    seen = times > 0
    freedom = int(seen.sum()) - 1
    total = counts[seen].sum()
    if freedom < 1 or total <= freedom / 5:  # too few for the spread to have its distribution
        return 1.0
    expected = times[seen] * total / times[seen].sum()
    spread = float(((counts[seen] - expected) ** 2 / expected).sum() / freedom)
    return float(np.sqrt(spread)) if spread > chi2.ppf(UNUSUAL, freedom) / freedom else 1.0


class Stay(NamedTuple):
    """Mean times of staying (ps): the maximum of the likelihood with the ends of the run as censored stays."""

    mean: Floats
    error: Floats
    least: Floats


def mean_stay(time: NDArray[Any], exits: NDArray[Any], factor: float = 1.0) -> Stay:
    """All time spent / number of exits, its standard error, and a one-sided 95 % bound from below.

    ``factor`` enlarges the Poisson error. Without an exit there is only the bound.
    """
    from scipy.stats import chi2

    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(exits > 0, time / exits, np.nan)
        error = factor * mean / np.sqrt(exits)
    least = np.where(time > 0, time / (chi2.ppf(BOUND, 2 * exits + 2) / 2), np.nan)
    return Stay(mean, error, least)


class Survival(NamedTuple):
    """Share of stays that last longer than ``time`` (ps)."""

    time: Floats
    share: Floats
    error: Floats


def survival(steps: Ints, ended: Bools, spacing: float, longest: int) -> Survival:
    r"""Kaplan-Meier estimate of how long stays last, with Greenwood's error; stays that the run cut off are counted in.

    .. math:: S(t) = \prod_{t_k \le t} \Big(1 - \frac{d_k}{n_k}\Big), \qquad
              \frac{\sigma_S^2}{S^2} = \sum_{t_k \le t} \frac{d_k}{n_k (n_k - d_k)}

    with d_k stays that end after t_k, of n_k that were still watched. Only stays whose beginning was seen belong in.
    """
    ends = np.bincount(steps[ended], minlength=longest + 1)[: longest + 1].astype(float)
    every = np.bincount(steps, minlength=longest + 1)[: longest + 1]
    watched = np.cumsum(every[::-1])[::-1].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.cumprod(np.where(watched > 0, 1 - ends / watched, np.nan))
        terms = np.where(watched > ends, ends / (watched * (watched - ends)), 0.0)
    error = share * np.sqrt(np.cumsum(terms))
    at = np.unique(np.concatenate([[0], np.round(np.geomspace(1, max(longest, 1), POINTS)).astype(int)]))
    at = at[at <= longest]
    return Survival(spacing * at, share[at], error[at])
