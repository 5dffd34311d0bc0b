"""The size of a cage from the share of the line that stays narrow, the EISF."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .jump_laws import sphere_form_factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SMALLEST, LARGEST = 0.1, 6.0  # Q·a of the radii tried: of the smallest at the largest Q, of the largest at the smallest
TRIALS = 400
ALIKE = 3.84  # Δχ² within which another radius fits as well (95 %)


class Elastic(NamedTuple):
    """EISF by Q, without what is not a number."""

    q: Floats
    share: Floats
    error: Floats | None


class Cage(NamedTuple):
    """Radius of a sphere that ions are confined to, with what else the EISF says; NaN where it says nothing."""

    radius: float  # Å
    radius_error: float
    moving: float  # share of the ions that move in a cage
    verdict: str


def cage_of(elastic: Elastic | None) -> Cage:
    """Least squares of EISF = 1 - p + p[3j₁(Qa)/Qa]², 0 < p ≤ 1."""
    if elastic is None or len(elastic.q) < 3:
        known = 0 if elastic is None else len(elastic.q)
        return Cage(np.nan, np.nan, np.nan, f"no radius from the EISF, which is known at {known} Q")
    weights = np.ones_like(elastic.q) if elastic.error is None else 1 / elastic.error
    trial = np.geomspace(SMALLEST / elastic.q.max(), LARGEST / elastic.q.min(), TRIALS)
    basis = (sphere_form_factor(trial[:, None] * elastic.q) - 1) * weights
    seen = (elastic.share - 1) * weights
    moving = np.clip(basis @ seen / (basis**2).sum(axis=1), 0.0, 1.0)
    chi2 = ((seen - moving[:, None] * basis) ** 2).sum(axis=1)
    best = int(np.argmin(chi2))
    dof = len(seen) - 2
    unit = max(1.0, chi2[best] / dof) if elastic.error is not None else chi2[best] / dof
    fits = np.flatnonzero(chi2 - chi2[best] <= ALIKE * unit)
    if fits[0] == 0 or fits[-1] == TRIALS - 1 or moving[best] == 0:
        return Cage(np.nan, np.nan, np.nan, "no radius from the EISF: it does not fall enough with Q, or too early")
    return _refined(elastic, weights, float(trial[best]), float(moving[best]), unit)


def _refined(elastic: Elastic, weights: Floats, radius: float, moving: float, unit: float) -> Cage:
    import lmfit

    parameters = lmfit.Parameters()
    parameters.add("radius", value=radius)
    parameters.add("moving", value=moving, vary=moving < 1)  # at its bound it has no error of its own

    def residual(p: lmfit.Parameters) -> Floats:
        share = 1 - p["moving"].value * (1 - sphere_form_factor(elastic.q * p["radius"].value))
        values: Floats = (share - elastic.share) * weights
        return values

    found = lmfit.minimize(residual, parameters, scale_covar=False)
    a, p = found.params["radius"], found.params["moving"]
    error = float(a.stderr) * unit**0.5 if found.errorbars else np.nan
    told = f"radius from the EISF: {a.value:.3g} ± {error:.2g} Å, with {p.value:.3g} of the ions moving"
    return Cage(float(a.value), error, float(p.value), told)
