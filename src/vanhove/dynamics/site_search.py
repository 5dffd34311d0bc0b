"""Sites where ions are most often: the maxima of their density in the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.structure.neighbours import neighbours_within
from vanhove.trajectory.blocks import cut_frames, in_order
from vanhove.trajectory.budget import memory_budget

from .site_list import Sites

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

SPACING = 0.25  # Å of the grid
SMOOTH = 0.35  # Å, standard deviation of the Gaussian: about the vibration of an ion
LOWEST = 0.1  # of the highest maximum
APART = 1.2  # Å: of maxima that are closer the highest is a site
BYTES = 48  # of a point of the grid: counts, waves, the filter and what they become


def sites_from_density(ions: Trajectory, positions: Callable[[slice], Floats]) -> Sites:
    """Maxima of the smoothed density of ``ions``, in fractions of the cell; ``positions`` gives a block of frames."""
    from scipy.fft import irfftn, rfftn
    from scipy.ndimage import maximum_filter

    cell, cells = ions.cells.mean(axis=0), ions.cells
    shape = np.maximum(4, np.ceil(np.linalg.norm(cell, axis=1) / SPACING).astype(int))
    points = int(np.prod(shape))
    if BYTES * points > memory_budget():
        raise Refusal(
            "The cell is too large to look for sites", f"its density takes {BYTES * points / 1e9:.1f} GB",
            "Name the sites, or raise VANHOVE_MEMORY",
        )  # fmt: skip

    def work(frames: slice) -> NDArray[np.int64]:
        inside = positions(frames) @ np.linalg.inv(cells[frames])
        inside -= np.floor(inside)
        at = np.minimum((inside * shape).astype(np.int64), shape - 1).reshape(-1, 3)
        return np.asarray(np.ravel_multi_index(tuple(at.T), tuple(shape)))

    counts = np.zeros(points)
    for at in in_order(work, cut_frames(ions, 200 * ions.n_atoms)):
        np.add.at(counts, at, 1.0)  # a grid for every block would take more than the ions do
    waves = [np.fft.fftfreq(n, 1 / n) for n in shape[:2]] + [np.fft.rfftfreq(shape[2], 1 / shape[2])]
    inverse = np.linalg.inv(cell)
    metric = inverse.T @ inverse  # in any cell: the Gaussian is round in Å
    h = np.meshgrid(*waves, indexing="ij", sparse=True)
    square = sum(metric[i, k] * (h[i] * h[k]) for i in range(3) for k in range(3))
    density = rfftn(counts.reshape(shape), overwrite_x=True)
    density *= np.exp(-0.5 * (2 * np.pi * SMOOTH) ** 2 * np.asarray(square))
    density = irfftn(density, s=tuple(shape), overwrite_x=True)
    tops = (maximum_filter(density, size=3, mode="wrap") == density) & (density > LOWEST * density.max())
    grid = np.argwhere(tops)
    grid = grid[np.argsort(-density[tuple(grid.T)], kind="stable")]
    fractions = _between_points(density, grid) / shape
    found = _apart(fractions, cell)
    return Sites(found - np.floor(found), ["site"] * len(found))


def _between_points(density: Floats, grid: NDArray[np.int64]) -> Floats:
    """Places of maxima finer than the grid: the top of a parabola along each axis; a point is at its cell's middle."""
    found = grid.astype(float) + 0.5
    shape = density.shape
    here = density[tuple(grid.T)]
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        below, above = (density[tuple(((grid + sign * step) % shape).T)] for sign in (-1, 1))
        bend = 2 * here - below - above
        found[:, axis] += np.where(bend > 0, 0.5 * (above - below) / np.where(bend > 0, bend, 1), 0.0)
    return found


def _apart(fractions: Floats, cell: Floats) -> Floats:
    """Those places, highest first, that have no higher one near."""
    number = np.arange(len(fractions))
    pairs = neighbours_within(fractions @ cell, cell, number, number, APART)
    kept = np.ones(len(fractions), bool)
    for i, j in zip(pairs.i.tolist(), pairs.j.tolist(), strict=True):  # by rising i: whether j stays is settled
        if j < i and kept[j]:
            kept[i] = False
    return fractions[kept]
