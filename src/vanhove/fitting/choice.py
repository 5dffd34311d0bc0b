"""Which of several models the data ask for, and whether what is left over is noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def schwarz(chi2: float, parameters: int, points: float) -> float:
    """Schwarz's criterion χ² + k ln n of a fit with known errors; the lower, the better."""
    return chi2 + parameters * float(np.log(points))


def runs(residuals: Floats) -> float:
    """Probability that independent residuals change their sign so seldom (Wald and Wolfowitz, one-sided)."""
    from scipy.stats import norm

    above = residuals[residuals != 0] > 0
    plus, minus = int(above.sum()), int((~above).sum())
    n = plus + minus
    if min(plus, minus) < 2:
        return 1.0 if n < 10 else 0.0
    found = 1 + int((above[1:] != above[:-1]).sum())
    mean = 1 + 2 * plus * minus / n
    variance = (mean - 1) * (mean - 2) / (n - 1)
    return float(norm.cdf((found + 0.5 - mean) / np.sqrt(variance)))
