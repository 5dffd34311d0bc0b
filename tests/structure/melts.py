"""Small liquids with structure in them, for checks that need one."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

import vanhove as vh

Floats = NDArray[np.float64]
CELLS = {
    "cube": 13.0 * np.eye(3),
    "triclinic": np.array([[13.5, 0.0, 0.0], [3.5, 13.2, 0.0], [-2.0, 3.0, 13.4]]),
}
SMALL, LARGE = 2.1, 2.6  # Å
CUT = 5.4  # Å, within half the smallest width of both cells


def forces(positions: Floats, cell: Floats, inverse: Floats, sigma: Floats) -> Floats:
    """Of a Lennard-Jones mixture, every pair at its nearest image."""
    apart = positions[:, None] - positions[None]
    apart -= np.rint(apart @ inverse) @ cell
    square = np.maximum((apart**2).sum(axis=-1), 0.6 * sigma**2)  # the first steps start from a poor guess
    np.fill_diagonal(square, np.inf)
    s6 = np.where(square < CUT**2, (sigma**2 / square) ** 3, 0.0)
    return ((24 * (2 * s6**2 - s6) / square)[..., None] * apart).sum(axis=1)


@cache
def melt(shape: str, frames: int = 60, every: int = 15) -> vh.Trajectory:
    """48 Na and 77 S that repel and attract each other, hot: what a thermostatted simulation gives."""
    cell = CELLS[shape]
    rng = np.random.default_rng(20261120)
    inverse = np.linalg.inv(cell)
    positions = (np.indices((5, 5, 5)).reshape(3, -1).T + rng.uniform(-0.1, 0.1, (125, 3))) / 5 @ cell
    species = np.array(["Na", "S"])[(rng.permutation(125) >= 48).astype(int)]
    size = np.where(species == "Na", SMALL, LARGE)
    sigma = 0.5 * (size[:, None] + size[None])
    temperature, step, friction = 1.5, 0.02, 0.5  # of the potential's depth; σ√(m/ε); its inverse
    velocities = rng.normal(scale=np.sqrt(temperature), size=positions.shape)
    force, kept = forces(positions, cell, inverse, sigma), []
    keep = np.exp(-friction * step)
    for n in range(400 + frames * every):
        velocities += 0.5 * step * force
        positions = positions + 0.5 * step * velocities
        velocities = keep * velocities + np.sqrt(temperature * (1 - keep**2)) * rng.normal(size=positions.shape)
        positions = positions + 0.5 * step * velocities
        force = forces(positions, cell, inverse, sigma)
        velocities += 0.5 * step * force
        if n >= 400 and (n - 400) % every == 0:
            kept.append(positions)
    return vh.from_arrays(np.array(kept), cell, species, 0.1 * np.arange(frames), wrapped=False, temperature=1000)
