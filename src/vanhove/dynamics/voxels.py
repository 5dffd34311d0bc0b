"""Where ions are, counted on a grid of fractions of the cell, in the frame of reference of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.progress import Progress
from vanhove.structure.averages import time_blocks
from vanhove.trajectory.blocks import add_blocks, cut_frames, in_order
from vanhove.trajectory.blocks import drift as drift_of
from vanhove.trajectory.budget import memory_budget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

VOXEL_BYTES = 130  # of counts, density, free energy, their order, smoothing, and what percolation joins
REACH = 4.0  # standard deviations that the smoothing extends over: no farther, or everything percolates
WIDEST = 0.5 / REACH  # of the cell's smallest width: no ion is smoothed into its own image


@dataclass(frozen=True)
class Grid:
    """Voxels centred on the fractions k/n of the mean cell, and where the others are on average."""

    cell: Floats  # (3, 3) row vectors, Å
    shape: tuple[int, int, int]
    shifts: Floats  # (frame, 3) fractions that the frame of reference has moved by, their mean taken off
    others: Floats  # (atom, 3) mean fractions of what is not counted
    other_species: NDArray[np.str_]

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def voxel(self) -> float:
        """Volume of a voxel (Å³)."""
        return abs(float(np.linalg.det(self.cell))) / self.size


def lay_grid(ions: Trajectory, spacing: float, drift: Literal["cell", "framework"] | None) -> Grid:
    """A grid of at most ``spacing`` (Å) along each lattice vector of the mean cell."""
    if not (np.isfinite(spacing) and spacing > 0):
        raise Refusal(f"spacing={spacing}", "", "Give a positive length in Å")
    everything = ions.whole_system
    mobile = sorted(set(ions.species.tolist()))
    drift_of(ions[:1], drift, mobile)  # refuses what is no frame of reference
    counted = np.isin(everything.species, mobile)
    if drift == "cell":
        weights = everything.masses / everything.masses.sum()
    else:
        weights = ~counted / max(1, int((~counted).sum()))
    centre = np.zeros((everything.n_frames, 3))
    cells = everything.cells

    def work(frames: slice) -> Sums:
        fractions = np.einsum("fai,fij->faj", everything.read("positions", frames), np.linalg.inv(cells[frames]))
        centre[frames] = np.einsum("faj,a->fj", fractions, weights)
        return {"others": fractions[:, ~counted].sum(axis=0)}

    summed = add_blocks(cut_frames(everything, 4 * 24 * everything.n_atoms), work, "frame of reference")["others"]
    cell = np.asarray(cells.mean(axis=0), np.float64)
    shape = np.maximum(1, np.ceil(np.linalg.norm(cell, axis=1) / spacing - 1e-9)).astype(int)
    needed, budget = float(np.prod(shape.astype(float))) * VOXEL_BYTES, memory_budget()
    if needed > budget:
        raise Refusal(
            f"A grid of {' × '.join(map(str, shape))} voxels takes {needed / 1e9:.1f} GB",
            f"the memory budget is {budget / 1e9:.1f} GB",
            "Give a wider spacing, or raise VANHOVE_MEMORY",
        )
    shifts = centre - centre.mean(axis=0) if drift else np.zeros_like(centre)
    return Grid(
        cell, (int(shape[0]), int(shape[1]), int(shape[2])), shifts,
        np.asarray(summed, np.float64) / everything.n_frames, everything.species[~counted],
    )  # fmt: skip


def _voxels_of(ions: Trajectory, grid: Grid, what: str) -> Iterator[tuple[slice, Ints]]:
    """Blocks of frames with the voxel of every ion in them, (frame · ion)."""
    from vanhove.kernels.voxels import voxel_numbers

    shape, cells = np.array(grid.shape), ions.cells

    def work(frames: slice) -> tuple[slice, Ints]:
        positions = ions.read("positions", frames)
        numbers = np.empty(positions.shape[0] * positions.shape[1], np.int64)
        inverses = np.ascontiguousarray(np.linalg.inv(cells[frames]))
        voxel_numbers(positions, inverses, grid.shifts[frames], shape, numbers)
        return frames, numbers

    blocks = cut_frames(ions, (2 * 24 + 8) * ions.n_atoms)
    with Progress(what, len(blocks)) as progress:
        for found in in_order(work, blocks):
            yield found
            progress.advance()


def count(ions: Trajectory, grid: Grid) -> Ints:
    """How often an ion was seen in each voxel, in all frames, (x, y, z)."""
    from vanhove.kernels.voxels import tally

    counts = np.zeros(grid.size, np.int64)
    for _, numbers in _voxels_of(ions, grid, "density"):
        tally(numbers, counts)
    return counts.reshape(grid.shape)


def count_near(ions: Trajectory, grid: Grid, places: Ints, smoothing: Floats | None) -> Floats:
    """What ten consecutive blocks of the run add to some voxels, (block, place), smoothed as the density is."""
    block_of = time_blocks(ions.n_frames)
    sums = np.zeros((block_of[-1] + 1, len(places)))
    near = [_weights_around(grid, place, smoothing) for place in places.tolist()]
    for frames, numbers in _voxels_of(ions, grid, "density's error"):
        rows = np.repeat(block_of[frames], ions.n_atoms)
        for k, (voxels, weights) in enumerate(near):
            at = np.minimum(np.searchsorted(voxels, numbers), len(voxels) - 1)
            hit = voxels[at] == numbers
            sums[:, k] += np.bincount(rows[hit], weights[at[hit]], minlength=len(sums))
    return sums


def _weights_around(grid: Grid, place: int, smoothing: Floats | None) -> tuple[Ints, Floats]:
    """The voxels that a smoothed one is made of, rising, and their weights."""
    if smoothing is None:
        return np.array([place]), np.ones(1)
    around = np.roll(smoothing, np.unravel_index(place, grid.shape), axis=(0, 1, 2)).ravel()
    voxels = np.flatnonzero(around)
    return voxels, around[voxels]


def gaussian(grid: Grid, sigma: float) -> Floats:
    """A Gaussian around voxel 0 and its images, cut off at four standard deviations (Å); its sum is 1."""
    widths = 1 / np.linalg.norm(np.linalg.inv(grid.cell), axis=0)
    if not (np.isfinite(sigma) and 0 < sigma <= WIDEST * widths.min()):
        raise Refusal(
            f"sigma={sigma}", f"the cell is {widths.min():.3g} Å wide",
            f"Give a length in Å from 0 (no smoothing) to {WIDEST * widths.min():.2g}",
        )  # fmt: skip
    reach = np.ceil(REACH * sigma / widths * np.array(grid.shape)).astype(int)
    steps = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    squares = ((steps / np.array(grid.shape) @ grid.cell) ** 2).sum(axis=-1)
    near = squares <= (REACH * sigma) ** 2
    weights = np.zeros(grid.shape)
    np.add.at(weights, tuple((steps[near] % np.array(grid.shape)).T), np.exp(-squares[near] / (2 * sigma**2)))
    return np.asarray(weights / weights.sum(), np.float64)


def smoothed(counts: Ints, weights: Floats) -> Floats:
    """Counts convolved with ``weights``; what no count reaches is zero, not a rounding error."""
    transformed = np.fft.rfftn(counts) * np.fft.rfftn(weights)
    wide: Floats = np.fft.irfftn(transformed, counts.shape, axes=(0, 1, 2))
    wide[wide < 0.5 * weights[weights > 0].min()] = 0.0
    wide *= counts.sum() / wide.sum()
    return wide
