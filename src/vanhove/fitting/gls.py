"""Generalised least squares: a linear model fitted to values whose errors are correlated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RIDGES = (0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4)  # added to a correlation matrix's diagonal until it factorises


@dataclass(frozen=True)
class Fit:
    """Parameters of a linear model with the covariance that follows from that of the values."""

    parameters: Floats
    covariance: Floats
    weights: Floats  # (parameter, value): parameters = weights @ values; puts other values through the same fit
    chi2: float
    dof: int

    @property
    def errors(self) -> Floats:
        """One standard error of each parameter."""
        return np.sqrt(np.diag(self.covariance))


def gls(design: Floats, values: Floats, covariance: Floats) -> Fit:
    """The best linear unbiased estimate of p in ``values`` = ``design`` @ p + errors of the given ``covariance``.

    p = (Aᵀ C⁻¹ A)⁻¹ Aᵀ C⁻¹ y with the covariance (Aᵀ C⁻¹ A)⁻¹. C is brought to a correlation matrix and factorised by
    Cholesky; where rounding leaves it singular a ridge of up to 1e-4 of the diagonal is added, which can only widen the
    errors.
    """
    n, p = design.shape
    scale = np.sqrt(np.diag(covariance))
    if n < p or not (np.isfinite(values).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise Refusal(f"{n} values with finite, positive errors are needed for {p} parameters", "least squares")
    factor = _cholesky(covariance / np.outer(scale, scale))
    # whitened: errors of unit variance, then an ordinary least-squares problem solved by QR. Not scipy's triangular
    # solver: it starts threads for a few dozen numbers, and takes a hundred times longer on a busy machine
    white = np.linalg.solve(factor, np.column_stack([design, values]) / scale[:, None])
    q, r = np.linalg.qr(white[:, :p])
    inverse = np.linalg.inv(r)
    weights = (np.linalg.solve(factor.T, q @ inverse.T) / scale[:, None]).T
    parameters = weights @ values
    residual = white[:, p] - white[:, :p] @ parameters
    return Fit(parameters, inverse @ inverse.T, weights, float(residual @ residual), n - p)


def _cholesky(correlation: Floats) -> Floats:
    for ridge in RIDGES:
        try:
            return np.asarray(np.linalg.cholesky(correlation + ridge * np.eye(len(correlation))), np.float64)
        except np.linalg.LinAlgError:
            continue
    # far from a covariance at all: its nearest positive part is what can be used of it
    eigenvalues, vectors = np.linalg.eigh(correlation)
    positive = (vectors * np.maximum(eigenvalues, RIDGES[-1])) @ vectors.T
    return np.asarray(np.linalg.cholesky(positive), np.float64)
