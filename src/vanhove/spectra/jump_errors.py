"""What the errors of widths, independent or not, make of those of a jump law: Δχ² at one standard error.

Widths at different Q from one simulation are of the same ions and err together. Each is weighed by its own error all
the same: the law goes through them as if they were independent, and its errors follow from their covariance. Weights
from the covariance itself would gain nothing for D, and would follow what little the widths differ by that is common to
all but no error: a length with a tenth of the error, and a bias as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.95  # of the intervals, and of what counts as fitting as well
UNLIKELY = 0.05  # χ² this improbable means that the errors are too small: they are enlarged
WAYS = {"length": (1.0, 0.0), "tau": (0.0, 1.0), "D": (2.0, -1.0)}  # logarithms in terms of those of length and τ


@dataclass(frozen=True)
class Units:
    """Δχ² of one standard error."""

    of: dict[str, float]  # of each quantity
    covariance: Floats  # of the widths, each over its error
    expected: float  # what errors leave of χ² for each degree of freedom, on average: 1 where they are independent
    scaled: bool  # whether the scatter enlarged them
    quantile: float  # standard errors to either side that hold 95 of 100

    def between(self, lines: Floats, best: Floats) -> Floats:
        """That of one standard error of what tells the ``best`` line from each of ``lines`` (line, q)."""
        off = lines - best
        square = np.maximum((off**2).sum(axis=1), np.finfo(float).tiny)
        ratio: Floats = np.einsum("lq,qp,lp->l", off, self.covariance, off) / square
        return ratio


def units_of(slopes: Floats, chi2: float, correlation: Floats | None, *, with_errors: bool) -> Units:
    """From the derivatives of the law at its best, by ln length and ln τ or by ln D, over the errors of the widths.

    Where χ² is improbably large for errors of this ``correlation``, or there are none, what is too much of it is
    scatter of each width for itself and is added to their covariance.
    """
    from scipy.stats import chi2 as chi2_law
    from scipy.stats import norm, t

    count, free = slopes.shape
    dof = count - free
    inverse = np.linalg.pinv(slopes)
    shared = np.eye(count) if correlation is None else correlation
    rest = np.eye(count) - slopes @ inverse
    left = rest @ shared @ rest
    mean, square = float(np.trace(left)), float((left**2).sum())
    scaled = False
    if dof > 0:
        independent = mean**2 / square  # degrees of freedom that errors with something in common really have
        scaled = not with_errors or bool(chi2_law.sf(chi2 / mean * independent, independent) < UNLIKELY)
    covariance = shared + (chi2 - mean) / dof * np.eye(count) if scaled else shared
    ways = np.array(list(WAYS.values())) if free == len(WAYS["D"]) else np.ones((1, 1))
    by_law = ways @ inverse
    ratio = np.einsum("nq,qp,np->n", by_law, covariance, by_law) / (by_law**2).sum(axis=1)
    upper = 0.5 + LEVEL / 2
    return Units(
        dict(zip(WAYS if len(ways) > 1 else ["D"], ratio.tolist(), strict=True)),
        covariance, mean / dof if dof > 0 else 1.0, scaled, float(t.ppf(upper, dof) if scaled else norm.ppf(upper)),
    )  # fmt: skip
