"""Paths whose mean squared displacement is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

import vanhove as vh

Floats = NDArray[np.float64]
SPACING = 0.1  # ps
LENGTH = 50.0  # Å


def ions(paths: Floats, species: list[str] | None = None, **options: Any) -> vh.Trajectory:
    """A trajectory of Li (or of ``species``) on these (frame, atom, axis) paths, 0.1 ps apart."""
    labels = species or ["Li"] * paths.shape[1]
    return vh.from_arrays(paths, LENGTH, labels, SPACING * np.arange(len(paths)), wrapped=False, **options)


def brownian(rng: np.random.Generator, frames: int, n: int, step: float = 1.0) -> Floats:
    """A random walk of Gaussian steps: D = step²/2 a frame."""
    return np.cumsum(rng.normal(scale=step, size=(frames, n, 3)), axis=0)


def cage(rng: np.random.Generator, frames: int, n: int, relaxation: float, width: float) -> Floats:
    """Brownian motion in a harmonic cage (Ornstein-Uhlenbeck): the MSD ends at 6 width²."""
    keep = np.exp(-1 / relaxation)
    kicks = rng.normal(scale=width * np.sqrt(1 - keep**2), size=(frames, n, 3))
    kicks[0] /= np.sqrt(1 - keep**2)
    return np.asarray(lfilter([1], [1, -keep], kicks, axis=0))


def hops(rng: np.random.Generator, frames: int, n: int, rate: float, length: float) -> Floats:
    """Jumps of one length in random directions at random times: D = rate · length²/6 a frame."""
    jumps = rng.poisson(rate, size=(frames, n))
    directions = rng.normal(size=(frames, n, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    return np.cumsum(directions * (length * np.sqrt(jumps))[..., None], axis=0)


def fractional(rng: np.random.Generator, frames: int, n: int, exponent: float) -> Floats:
    """Fractional Brownian motion, MSD = 3 t^exponent, exact by embedding the step covariance in a circle."""
    k = np.arange(frames)
    step = 0.5 * ((k + 1.0) ** exponent - 2.0 * k**exponent + np.abs(k - 1.0) ** exponent)
    eigenvalues = np.fft.fft(np.concatenate([step, [0.0], step[:0:-1]])).real.clip(0)
    size = len(eigenvalues)
    noise = rng.normal(size=(3 * n, size)) + 1j * rng.normal(size=(3 * n, size))
    steps = np.fft.fft(noise * np.sqrt(eigenvalues / size), axis=1)[:, :frames].real
    return np.cumsum(steps, axis=1).T.reshape(frames, n, 3)
