"""Glass-ceramics with everything planted: a slab of crystal, graded layers on both sides of it, a random rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import vanhove as vh

S = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
NA = [[x, y, z] for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)]
PERIOD = 6.5  # Å, of antifluorite Na2S


class Ceramic(NamedTuple):
    traj: vh.Trajectory
    phase: np.ndarray  # of every atom, as planted
    interfaces: np.ndarray  # Å, middles of the graded layers, lower one first
    height: float


def antifluorite(cells):
    """Positions and species of a perfect crystal of so many unit cells along a, b, c."""
    cubes = np.indices(cells).reshape(3, -1).T
    positions = (cubes[:, None] + np.array(S + NA)).reshape(-1, 3) * PERIOD + 0.37
    return positions, np.tile(["S"] * 4 + ["Na"] * 8, len(cubes))


def ceramic(
    cells=(6, 6, 20), core=(0.3, 0.7), graded=10.0, kind="displaced", frames=3, seed=1, axis=2, thermal=0.15, cell=None
):
    """Crystal at ``core`` of the height, graded layers of a thickness in Å outside it, then atoms at random.

    ``"displaced"``: atoms of a graded layer are displaced by 0 to 0.7 Å (standard deviation per axis), more with their
    distance from the crystal; at 0.7 Å, nothing of the crystal is left in the density's transform but a tenth.
    ``"mixed"``: more and more of them lie at random. ``cell`` is the same cell, tilted.
    """
    rng = np.random.default_rng(seed)
    positions, species = antifluorite(cells)
    straight = np.array(cells) * PERIOD
    height = straight[axis]
    place = positions[:, axis] % height
    low, high = np.array(core) * height
    crystal = (place - low) % height < high - low
    beyond = np.where(crystal, 0.0, np.minimum((low - place) % height, (place - high) % height))
    part = np.clip(beyond / graded, 0, 1) if graded else (beyond > 0).astype(float)
    phase = np.where(crystal, "crystal", np.where(part < 1, "interface", "glass"))
    graded_atoms, glass = phase == "interface", phase == "glass"
    if kind == "displaced":
        positions[graded_atoms] += rng.normal(size=(graded_atoms.sum(), 3)) * 0.7 * part[graded_atoms, None]
    else:
        moved = graded_atoms & (rng.uniform(size=len(part)) < part)
        positions[moved] += rng.uniform(-PERIOD / 2, PERIOD / 2, (moved.sum(), 3))
    size = straight.astype(float).copy()
    size[axis] = height - (high - low) - 2 * graded
    begin = np.zeros(3)
    begin[axis] = high + graded
    positions[glass] = rng.uniform(size=(glass.sum(), 3)) * size + begin
    if cell is not None:
        positions = positions / straight @ cell
    positions = positions + rng.normal(0, thermal, (frames, *positions.shape))
    traj = vh.from_arrays(
        positions, np.diag(straight) if cell is None else cell, species.tolist(), np.arange(frames), wrapped=False
    )
    return Ceramic(traj, phase, np.array([low - graded / 2, high + graded / 2]), height)
