"""Ions whose mobility is planted in their surroundings."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import xarray as xr

import vanhove as vh

SPACING = 8.0  # Å between ions
SIDE = 13  # ions along each axis


class Planted(NamedTuple):
    """Ions on a grid, each with one sulfur: far from it they are mobile, near to it not."""

    traj: vh.Trajectory
    mobile: np.ndarray
    distance: np.ndarray


def planted(seed: int, share: float = 0.3, blur: float = 0.08, side: int = SIDE) -> Planted:
    """Mobile ions have their S at 3.1 Å, the others at 2.5 Å, give or take ``blur``."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3) * SPACING + 2.0
    mobile = rng.random(len(grid)) < share
    distance = np.where(mobile, 3.1, 2.5) + rng.normal(0, blur, len(grid))
    direction = rng.normal(size=grid.shape)
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    positions = np.concatenate([grid, grid + direction * distance[:, None]])
    species = ["Li"] * len(grid) + ["S"] * len(grid)
    traj = vh.from_arrays(positions[None], SPACING * side, species, [0.0], wrapped=True, temperature=300)
    return Planted(traj, mobile, distance)


@cache
def features(seed: int = 8, blur: float = 0.08) -> tuple[xr.Dataset, np.ndarray]:
    """Features of planted ions, 2197 of them, and which are mobile."""
    made = planted(seed, blur=blur)
    return vh.softness.features(made.traj, "Li", cutoff=6.0), made.mobile


@cache
def model(seed: int = 8, blur: float = 0.3) -> vh.softness.SoftnessModel:
    """A model of ions that can't all be told apart."""
    return vh.softness.train(*features(seed, blur))


def walking(frames: int, ions: int, held: int, seed: int) -> tuple[xr.Dataset, np.ndarray]:
    """Features that stay what they are for ``held`` frames, and labels by chance that stay as long."""
    rng = np.random.default_rng(seed)
    stretches = -(-frames // held)
    G = np.repeat(rng.poisson(3.0, (stretches, ions, 40)), held, axis=0)[:frames].reshape(frames * ions, 40)
    classes = np.repeat(rng.integers(0, 2, (stretches, ions)), held, axis=0)[:frames].ravel()
    told = {"units": "1", "long_name": "made"}
    made = xr.Dataset(
        {
            "G": (("sample", "feature"), G.astype(float), told),
            "shell": ("feature", np.ones(40), told),
            "density": ("feature", np.ones(40), told),
        },
        {
            "pair": ("feature", ["Li-S"] * 40, told),
            "r": ("feature", 0.1 + 0.2 * np.arange(40), told),
            "frame": ("sample", np.repeat(np.arange(frames), ions), told),
            "atom": ("sample", np.tile(np.arange(ions), frames), told),
            "time": ("sample", np.repeat(0.5 * np.arange(frames), ions), told),
        },
        {"species": "Li", "width": 0.2, "cutoff": 8.0, "history": "[]"},
    )
    return made, classes
