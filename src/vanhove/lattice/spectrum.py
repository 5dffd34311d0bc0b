"""From force constants to energies, and from energies to densities of states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.units import HBAR, U_A2_PER_PS2_IN_MEV

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

PLANCK = 2 * np.pi * HBAR  # meV·ps, so also meV per THz
FWHM_OVER_SIGMA = 2 * np.sqrt(2 * np.log(2))
STEPS_IN_WIDTH = 5  # energies of the grid in the FWHM of a line: the trapezoid rule is then exact to 1e-7
BEYOND = 4.0  # widths from a line, where it has ended
BLOCK = 4_000_000  # numbers in a block of line shapes


def energies(curvatures: Floats) -> Floats:
    """ħω (meV) of eigenvalues of the dynamical matrix (eV/Å²/u); −ħ|ω| where the curvature is negative."""
    size: Floats = HBAR * np.sqrt(np.abs(curvatures) * 1e3 / U_A2_PER_PS2_IN_MEV)
    signed: Floats = np.sign(curvatures) * size
    return signed


def normal_modes(dynamical: Floats, masses: Floats) -> tuple[Floats, Floats]:
    """Energies (meV) and eigenvectors (mode, atom, axis) of a real dynamical matrix, without the three translations.

    The translations are projected out beforehand, so that no curvature of theirs, which is an error of the forces,
    mixes with soft modes.
    """
    from scipy.linalg import eigh

    n = len(masses)
    uniform = np.kron(np.sqrt(masses / masses.sum())[:, None], np.eye(3))  # (3n, axis), orthonormal
    symmetric = (dynamical + dynamical.T) / 2
    half = symmetric @ uniform
    projected = symmetric - half @ uniform.T - uniform @ half.T + uniform @ (uniform.T @ half) @ uniform.T
    # lifted above all other modes they are the last three, whatever else is soft
    lift = 2 * max(float(np.abs(projected).sum(axis=1).max()), 1.0)
    values, vectors = eigh(projected + lift * uniform @ uniform.T)
    vectors = vectors[:, :-3]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])  # an eigenvector has no sign: one is chosen
    return energies(values[:-3]), np.ascontiguousarray((vectors * signs).T).reshape(-1, n, 3)


def grid(found: Floats, resolution: float) -> Floats:
    """Energies (meV) from 0 to where the last line has ended, in steps that the resolution (FWHM) asks for."""
    step = resolution / STEPS_IN_WIDTH
    top = max(float(found.max(initial=0.0)), 0.0) + BEYOND * resolution
    values: Floats = (step * np.arange(int(np.ceil(top / step)) + 1)).astype(np.float64)
    return values


def broadened(found: Floats, weights: Floats, energy: Floats, resolution: float) -> Floats:
    """Σ weights (row, mode) × Gaussians of that FWHM at the modes' energies, (row, energy).

    What a Gaussian has below 0 is folded back, as the cosine transform of a velocity autocorrelation function does:
    the integral over energies above 0 is that of the weights.
    """
    sigma = resolution / FWHM_OVER_SIGMA
    total = np.zeros((len(weights), len(energy)))
    block = max(1, BLOCK // len(energy))
    for first in range(0, len(found), block):
        part = found[first : first + block, None]
        lines = np.exp(-0.5 * ((energy - part) / sigma) ** 2) + np.exp(-0.5 * ((energy + part) / sigma) ** 2)
        total += weights[:, first : first + block] @ lines
    density: Floats = total / (sigma * np.sqrt(2 * np.pi))
    return density
