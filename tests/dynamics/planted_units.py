"""Rigid tetrahedra that move as planted."""

from __future__ import annotations

import numpy as np

import vanhove as vh
from vanhove.dynamics.orientations import product_of, rotated

BOND = 2.05
TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3) * BOND
A = 7.0  # Å between units
DT = 0.05  # ps


def turn(vectors):
    """Quaternions of rotation vectors (radians)."""
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.concatenate([np.cos(angle / 2), np.sinc(angle / 2 / np.pi) / 2 * vectors], axis=-1)


def noise(rng, frames, *shape, memory=0.3, spacing=DT):
    """Gaussian, variance 1, with a memory of so many ps."""
    from scipy.signal import lfilter

    a = np.exp(-spacing / memory)
    raw = rng.normal(size=(frames, *shape))
    raw[1:] *= np.sqrt(1 - a * a)
    return lfilter([1.0], [1.0, -a], raw, axis=0)


def random_walk(rng, frames, units, diffusion, spacing):
    """Orientations that diffuse, from a random beginning."""
    quaternions = np.empty((frames, units, 4))
    now = rng.normal(size=(units, 4))
    now /= np.linalg.norm(now, axis=-1, keepdims=True)
    for f in range(frames):
        quaternions[f] = now
        now = product_of(turn(rng.normal(size=(units, 3)) * np.sqrt(2 * diffusion * spacing)), now)
    return quaternions


def lattice(n):
    return np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3) * A


def tetrahedra(quaternions, centres, n, ions=None, spacing=DT, rng=None, shake=0.0, cell=None):
    """A trajectory of PS4 at (frame, unit, axis) centres, each P before its S, and Li after them."""
    frames, units, _ = quaternions.shape
    arms = rotated(quaternions[:, :, None], TETRAHEDRON[None, None])
    centres = np.broadcast_to(centres, (frames, units, 3))
    positions = np.concatenate([centres[:, :, None], centres[:, :, None] + arms], axis=2).reshape(frames, -1, 3)
    if shake:
        positions = positions + rng.normal(0, shake, positions.shape)
    species = ["P", "S", "S", "S", "S"] * units
    if ions is not None:
        positions, species = np.concatenate([positions, ions], axis=1), species + ["Li"] * ions.shape[1]
    cell = np.eye(3) * A * n if cell is None else cell
    return vh.from_arrays(positions, cell, species, spacing * np.arange(frames), wrapped=False, temperature=600)
