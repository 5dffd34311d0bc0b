"""Trajectories whose spectra are known: harmonic crystals in their normal modes, Brownian and ideal gases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import vanhove as vh
from vanhove.base.units import HBAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def mode_energy(m: Floats | int, cells: int, highest: float) -> Floats:
    """Energy (meV) of the ``m``-th mode of a chain of equal atoms with springs between neighbours."""
    return np.asarray(highest * np.abs(np.sin(np.pi * np.asarray(m) / cells)))


def crystal(
    cells: tuple[int, int, int], modes: list[tuple[tuple[int, int, int], tuple[float, float, float], float]], *,
    edge: float = 4.0, frames: int = 4000, spacing: float = 0.02, amplitude: float = 0.02, seed: int = 1,
    temperature: float | None = 300.0,
) -> vh.Trajectory:  # fmt: skip
    """A simple cubic crystal in which plane waves run: (h, k, l of the supercell, polarisation, energy in meV)."""
    rng = np.random.default_rng(seed)
    sites = np.indices(cells).reshape(3, -1).T * edge
    size = np.array(cells) * edge
    times = spacing * np.arange(frames)
    moved = np.zeros((frames, len(sites), 3))
    velocities = np.zeros_like(moved)
    for hkl, polarisation, energy in modes:
        q = 2 * np.pi * np.array(hkl) / size
        phase = sites @ q - (energy / HBAR) * times[:, None] + rng.uniform(0, 2 * np.pi)
        along = np.array(polarisation) / np.linalg.norm(polarisation)
        moved += amplitude * np.cos(phase)[..., None] * along
        velocities += amplitude * energy / HBAR * np.sin(phase)[..., None] * along
    return vh.from_arrays(
        sites + moved, np.diag(size), ["S"] * len(sites), times, wrapped=False, velocities=velocities,
        temperature=temperature,
    )  # fmt: skip


def brownian(
    seed: int, *, frames: int = 400, numbers: tuple[int, int] = (15, 25), step: float = 0.15, length: float = 10.0
) -> vh.Trajectory:
    """Li and S that walk independently of each other, frames 0.1 ps apart."""
    rng = np.random.default_rng(seed)
    atoms = sum(numbers)
    positions = np.cumsum(rng.normal(0, step, (frames, atoms, 3)), axis=0) + rng.random((atoms, 3)) * length
    species = ["Li"] * numbers[0] + ["S"] * numbers[1]
    return vh.from_arrays(positions, length, species, 0.1 * np.arange(frames), wrapped=False, temperature=500.0)


def skewed(frames: int = 120, atoms: int = 40, seed: int = 3) -> vh.Trajectory:
    """Two species that walk in a triclinic cell, with velocities that have nothing to do with it."""
    rng = np.random.default_rng(seed)
    cell = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [-3.0, 1.5, 10.0]])
    positions = np.cumsum(rng.normal(0, 0.2, (frames, atoms, 3)), axis=0) + rng.random((atoms, 3)) @ cell
    velocities = rng.normal(0, 3, (frames, atoms, 3))
    species = ["Li"] * (atoms // 3) + ["S"] * (atoms - atoms // 3)
    return vh.from_arrays(
        positions, cell, species, 0.05 * np.arange(frames), wrapped=False, velocities=velocities, temperature=400.0
    )
