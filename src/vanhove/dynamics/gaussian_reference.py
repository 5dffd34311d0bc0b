"""The lengths of displacements with a Gaussian distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STILL = 1e-15  # Å²: no motion but rounding


def tail(msd: Floats, r: Floats) -> Floats:
    """Probability to be further away than ``r`` (Å), (…, r), for a Gaussian in three dimensions of this ``msd`` (Å²).

    With s = r √(3/(2 MSD)), it is erfc(s) + 2 s exp(-s²)/√π.
    """
    from scipy.special import erfc

    mean = np.maximum(np.asarray(msd, np.float64), STILL)[..., None]
    s = r * np.sqrt(1.5 / mean)
    beyond: Floats = erfc(s) + 2 / np.sqrt(np.pi) * s * np.exp(-(s**2))
    return beyond


def density(msd: Floats, edges: Floats) -> Floats:
    """Mean of 4πr²G(r) over the bins between ``edges``, 1/Å, of the same Gaussian."""
    mean: Floats = -np.diff(tail(msd, edges), axis=-1) / np.diff(edges)
    return mean


def tail_scatter(msd: Floats, r: Floats, *, fitted: bool) -> Floats:
    """Standard deviation of :func:`tail` seen in one displacement of the Gaussian itself, (…, r).

    √(p (1 - p)); where the MSD is ``fitted``, taken from the same displacements, what these share with it is taken off:
    p (1 - p) - (8/3π) s⁶ exp(-2s²), since r² holds all that is to be known of the width of a Gaussian.
    """
    mean = np.maximum(np.asarray(msd, np.float64), STILL)[..., None]
    s = r * np.sqrt(1.5 / mean)
    p = tail(msd, r)
    known = 8 / (3 * np.pi) * s**6 * np.exp(-2 * s**2) if fitted else 0.0
    scatter: Floats = np.sqrt(np.maximum(p * (1 - p) - known, 0.0))
    return scatter
