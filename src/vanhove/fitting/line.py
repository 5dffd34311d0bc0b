"""A straight line with what it says, and how surely, at any point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .gls import gls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """y = intercept + slope · x with the covariance of both; NaN where the points can't say."""

    intercept: float
    slope: float
    covariance: Floats  # (2, 2) of intercept and slope
    chi2: float  # with the given errors; NaN without
    dof: int
    scaled: bool  # the covariance rests on the points' own scatter, with ``dof`` degrees of freedom

    @property
    def slope_error(self) -> float:
        """One standard error of the slope."""
        return float(self.covariance[1, 1] ** 0.5)

    @property
    def intercept_error(self) -> float:
        """One standard error of the intercept."""
        return float(self.covariance[0, 0] ** 0.5)

    def at(self, x: Floats) -> tuple[Floats, Floats]:
        """The line and its standard error at ``x``."""
        basis = np.stack([np.ones_like(x), x])
        variance = np.einsum("i...,ij,j...->...", basis, self.covariance, basis)
        return self.intercept + self.slope * x, np.sqrt(np.maximum(variance, 0.0))

    def quantile(self, level: float) -> float:
        """Standard errors to either side that hold the truth with probability ``level``: Student's t where scaled."""
        from scipy.stats import norm, t

        upper = 0.5 + level / 2
        return float(t.ppf(upper, self.dof) if self.scaled and self.dof > 0 else norm.ppf(upper))


def straight_line(x: Floats, y: Floats, errors: Floats | None = None) -> Line:
    """Least squares of y = a + b x through two points or more.

    With ``errors`` (one standard error of each y) the points weigh 1/error² and the covariance follows from them
    alone. Without, all weigh the same and the covariance is scaled by the scatter, Σ residual² / (n - 2): NaN for two
    points.
    """
    design = np.stack([np.ones_like(x), x], axis=1)
    sigma = np.ones_like(y) if errors is None else errors
    fit = gls(design, y, np.diag(sigma**2))
    intercept, slope = (float(value) for value in fit.parameters)
    if errors is not None:
        return Line(intercept, slope, fit.covariance, fit.chi2, fit.dof, scaled=False)
    scatter = fit.chi2 / fit.dof if fit.dof > 0 else np.nan
    return Line(intercept, slope, fit.covariance * scatter, np.nan, fit.dof, scaled=True)
