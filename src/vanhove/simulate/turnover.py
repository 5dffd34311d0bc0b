"""Where a pair energy stops holding two atoms apart.

A Buckingham term goes to minus infinity at r = 0 when C > 0 (and a Coulomb attraction always does), behind a finite
barrier. Two atoms that come closer than the barrier's top, the inner turnover radius, fall into each other and the
simulation is lost. The turning points are the zeros of the slope

    dV/dr = -(A/ρ) exp(-r/ρ) + 6 C / r⁷ - k q q' / r²,

found as changes of sign on a fine logarithmic grid and refined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Curve = Callable[[Floats], Floats]

CLOSEST, FARTHEST = 1e-4, 20.0  # Å; below the first no atom ever comes, beyond the second no short-range term acts
POINTS = 20_000


@dataclass(frozen=True)
class Turnover:
    """How one pair energy behaves at short range; energies in kcal/mol, radii in Å.

    ``radius`` and ``barrier`` are the place and height of the innermost maximum: 0 and infinity where the energy rises
    all the way in (or turns below 1e-4 Å), infinity and NaN where it falls all the way in and nothing holds the
    atoms apart. ``climb`` is the barrier above the lowest energy outside of it. ``minimum_radius`` and ``minimum`` are
    the deepest minimum outside the barrier, NaN where there is none.
    """

    pair: str
    radius: float
    barrier: float
    climb: float
    minimum_radius: float
    minimum: float


def turnover(pair: str, energy: Curve, slope: Curve, *, collapses: bool) -> Turnover:
    """The turning points of ``energy``; ``collapses`` says that it goes to minus infinity at r = 0."""
    grid = np.geomspace(CLOSEST, FARTHEST, POINTS)
    sign = np.sign(slope(grid))
    maxima = _zeros(slope, grid, sign, rising_inside=True)
    minima = _zeros(slope, grid, sign, rising_inside=False)
    if not collapses or (len(maxima) == 0 and sign[0] < 0):
        radius, barrier = 0.0, np.inf
    elif len(maxima) == 0:
        radius, barrier = np.inf, np.nan
    else:
        radius = float(maxima[0])
        barrier = float(energy(maxima[:1])[0])
    outside = grid[grid > radius]
    climb = barrier - float(np.min(energy(outside))) if len(outside) else np.nan
    wells = minima[minima > radius]
    if len(wells) == 0:
        return Turnover(pair, radius, barrier, climb, np.nan, np.nan)
    depths = energy(wells)
    deepest = int(np.argmin(depths))
    return Turnover(pair, radius, barrier, climb, float(wells[deepest]), float(depths[deepest]))


def _zeros(slope: Curve, grid: Floats, sign: Floats, *, rising_inside: bool) -> Floats:
    """Radii where the slope goes from + to - (a maximum) or from - to + (a minimum), inner first."""
    from scipy.optimize import brentq

    before = 1 if rising_inside else -1
    # a point of zero slope belongs to the side it came from
    settled = np.where(sign == 0, before, sign)
    places = np.flatnonzero((settled[:-1] == before) & (settled[1:] == -before))
    return np.array([brentq(lambda r: float(slope(np.array([r]))[0]), grid[i], grid[i + 1]) for i in places])
