"""Trajectories of ions that hop, made so that every number in their spectra is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import vanhove as vh

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BOX = 60.0  # Å; nothing depends on it


def directions(rng: np.random.Generator, count: int) -> Floats:
    """Unit vectors, uniform over the sphere."""
    vectors = rng.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_flights(
    rng: np.random.Generator, ions: int, frames: int, spacing: float, length: float, tau: float
) -> Floats:
    """Paths (frame, ion, axis) of ions that wait exponentially, τ on average, and jump ``length`` in any direction.

    Jumps between two frames are then Poisson distributed, whatever went before:
    F(Q, t) = exp(-(t/τ)(1 - sin Qd/Qd)).
    """
    jumps = rng.poisson(spacing / tau, (frames - 1, ions)).ravel()
    path = np.concatenate([np.zeros((1, 3)), np.cumsum(length * directions(rng, int(jumps.sum())), axis=0)])
    ends = np.concatenate([[0], np.cumsum(jumps)])
    steps = (path[ends[1:]] - path[ends[:-1]]).reshape(frames - 1, ions, 3)
    start = rng.uniform(0, BOX, (1, ions, 3))
    return np.concatenate([start, start + np.cumsum(steps, axis=0)])


def caged_flights(
    rng: np.random.Generator, ions: int, frames: int, spacing: float, *,
    radius: float, hop: float, length: float, escape: float,
) -> Floats:  # fmt: skip
    """Ions that hop anywhere in a sphere, every ``hop`` ps, whose centre makes a random flight every ``escape`` ps.

    F(Q, t) = exp(-(t/τ_e)(1 - sin QL/QL)) · [A + (1 - A) exp(-t/τ_h)] with A = [3 j₁(Qa)/Qa]².
    """
    hopped = rng.poisson(spacing / hop, (frames - 1, ions)) > 0
    places = directions(rng, frames * ions) * (radius * rng.uniform(0, 1, (frames * ions, 1)) ** (1 / 3))
    # where an ion did not hop it is still at the place of its last hop
    last = np.concatenate([np.zeros((1, ions), int), np.where(hopped, np.arange(1, frames)[:, None], 0)])
    last = np.maximum.accumulate(last, axis=0)
    inside = places.reshape(frames, ions, 3)[last, np.arange(ions)]
    return inside + random_flights(rng, ions, frames, spacing, length, escape)


def as_trajectory(
    rng: np.random.Generator, paths: Sequence[Floats], spacing: float, species: str = "Li"
) -> vh.Trajectory:
    """One trajectory of all these ions, of one species, in an order that says nothing of them."""
    positions = np.concatenate(list(paths), axis=1)[:, rng.permutation(sum(path.shape[1] for path in paths))]
    frames, ions = positions.shape[:2]
    return vh.from_arrays(positions, BOX, [species] * ions, spacing * np.arange(frames), wrapped=False, temperature=600)
