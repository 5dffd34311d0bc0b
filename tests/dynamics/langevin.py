"""Particles that obey the Langevin equation, made exactly: no time step's error, every correlation is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.signal import lfilter

import vanhove as vh

Floats = NDArray[np.float64]
LENGTH = 50.0  # Å


def free(
    rng: np.random.Generator, frames: int, n: int, spacing: float, friction: float, speed2: float
) -> tuple[Floats, Floats]:
    """Paths and velocities of particles with dv = -friction · v dt + noise, ⟨v²⟩ an axis = ``speed2``.

    Position and velocity after one step are jointly Gaussian with a covariance in closed form; D = speed2/friction.
    """
    x = friction * spacing
    keep = np.exp(-x)
    var_v = speed2 * (1 - keep**2)
    var_r = speed2 / friction**2 * (2 * x - 3 + 4 * keep - keep**2)
    both = speed2 / friction * (1 - keep) ** 2
    a, b = rng.normal(size=(2, frames, n, 3))
    kick = np.sqrt(var_v) * a
    shift = both / np.sqrt(var_v) * a + np.sqrt(var_r - both**2 / var_v) * b
    start = np.sqrt(speed2) * rng.normal(size=(1, n, 3))
    velocities, _ = lfilter([1], [1, -keep], kick, axis=0, zi=keep * start)
    before = np.concatenate([start, velocities[:-1]])
    paths = np.cumsum((1 - keep) / friction * before + shift, axis=0)
    return paths, velocities


def bound_pairs(
    rng: np.random.Generator, frames: int, n: int, spacing: float, friction: float, speed2: float, spring: float
) -> tuple[Floats, Floats]:
    """``n`` pairs of such particles joined by springs: atoms 0 to n-1 and their partners n to 2n-1.

    The centre of a pair is free (with half of ⟨v²⟩); its relative coordinate is a damped oscillator of the force
    -``spring`` · x per mass, stepped exactly. Charges of +1 and -1 then carry nothing at low frequency; of +1 and +1
    twice what they would on their own.
    """
    centre, centre_v = free(rng, frames, n, spacing, friction, speed2 / 2)
    drift = np.array([[0.0, 1.0], [-spring, -friction]])
    step = expm(drift * spacing)
    equilibrium = np.diag([2 * speed2 / spring, 2 * speed2])  # of x1 - x2 and its velocity, an axis
    root = np.linalg.cholesky(equilibrium - step @ equilibrium @ step.T)
    noise = np.einsum("ij,tjna->tina", root, rng.normal(size=(frames, 2, n, 3)))
    state = np.sqrt(np.diag(equilibrium))[:, None, None] * rng.normal(size=(2, n, 3))
    relative, relative_v = np.empty((2, frames, n, 3))
    for t in range(frames):
        state = np.einsum("ij,jna->ina", step, state) + noise[t]
        relative[t], relative_v[t] = state
    paths = np.concatenate([centre + relative / 2, centre - relative / 2], axis=1)
    velocities = np.concatenate([centre_v + relative_v / 2, centre_v - relative_v / 2], axis=1)
    return paths, velocities


def moving(
    paths: Floats, velocities: Floats | None, spacing: float, species: list[str] | None = None, **options: Any
) -> vh.Trajectory:
    """A trajectory of Li (or of ``species``) on these (frame, atom, axis) paths with these velocities."""
    times = spacing * np.arange(len(paths))
    labels = species or ["Li"] * paths.shape[1]
    return vh.from_arrays(paths, LENGTH, labels, times, wrapped=False, velocities=velocities, **options)
