"""The exact route to S(Q): sums over the vectors Q of every frame's own reciprocal lattice, in shells of |Q|."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.trajectory.blocks import add_blocks, cut_frames
from vanhove.trajectory.budget import memory_budget, thread_count

from .averages import block_sums, time_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SEED = 20261120  # of the draw of vectors: the same ones in every run of the program
FEWEST_DRAWN = 500  # vectors of a shell and frame that are used where there are more, and …
ALL_DRAWN = 100_000  # … of a shell over the whole run, so that a run of few frames uses more of each
ACCURACY = 1e-7  # of the Fourier sums on a grid, of the largest of them
DIRECT = 0.085  # ns an atom and vector take as direct sums, …
GRID = 60.0  # … a point of the grid of a species, …
SPREAD = 600.0  # … and an atom spread on it: measured, to choose the faster way
GRID_BYTES = 16 * 3  # of a point: the sum, and the finer grid behind it


class ShellSums(NamedTuple):
    """Sums over the frames of each block of the run."""

    products: Floats  # (block, pair, q): Re ρ_a ρ_b*
    counts: Ints  # (block, q): vectors, one of Q and -Q
    lengths: Floats  # (block, q): of these vectors


def full_up_to(traj: Trajectory, width: float, q_vectors: Literal["all"] | int | None) -> tuple[float, int]:
    """Up to which |Q| every vector is used, and how many of a shell and frame beyond (0: all)."""
    if q_vectors == "all":
        return np.inf, 0
    drawn = q_vectors or max(FEWEST_DRAWN, -(-ALL_DRAWN // traj.n_frames))
    # half the lattice has V q² w / 4π² points in a shell of the width w
    return 2 * np.pi * np.sqrt(drawn / (float(traj.volumes.mean()) * width)), drawn


def reciprocal_sums(
    traj: Trajectory, order: Ints, starts: Ints, width: float, bins: int, q_full: float
) -> tuple[ShellSums, str]:
    """The sums over all frames, and by which way they were done."""
    from vanhove.kernels.shells import shell_sums

    species = len(starts) - 1
    pairs = species * (species + 1) // 2
    block_of = time_blocks(traj.n_frames)
    blocks = int(block_of[-1]) + 1
    cells = traj.cells
    on_grid = q_full >= bins * width and _grid_is_faster(traj, species, bins * width)

    def work(frames: slice) -> Sums:
        positions = traj.read("positions", frames)
        mine = np.ascontiguousarray(cells[frames])
        if on_grid:
            products, counts, lengths = _on_grid(positions, mine, order, starts, width, bins)
        else:
            seeds = SEED + np.arange(traj.n_frames)[frames]
            products, counts, lengths = shell_sums(positions, mine, order, starts, width, bins, q_full, seeds)
        of = block_of[frames]
        return {
            "products": block_sums(products, of, blocks),
            "counts": block_sums(counts, of, blocks),
            "lengths": block_sums(lengths, of, blocks),
        }

    table = 8 * bins * (pairs + 2)
    modes = _modes(_reduced(traj.cells[:1])[0], bins * width)
    scratch = GRID_BYTES * species * math.prod(modes) if on_grid else _direct_bytes(modes, species)
    parts = cut_frames(traj, 2 * 24 * traj.n_atoms + 2 * table, fixed=4 * blocks * table + scratch)
    total = add_blocks(parts, work, "S(Q)")
    way = "non-uniform FFT" if on_grid else "direct sums"
    counts: Ints = total["counts"].astype(np.int64)
    return ShellSums(total["products"].astype(float), counts, total["lengths"].astype(float)), way


def smallest_vector(traj: Trajectory) -> float:
    """Length of the shortest vector of the first frame's reciprocal lattice (1/Å)."""
    from vanhove.kernels.lattice import reduce_cell

    reciprocal = 2 * np.pi * np.linalg.inv(traj.cells[0]).T
    shortest = reduce_cell(np.ascontiguousarray(reciprocal))[0]
    return float(np.linalg.norm(shortest, axis=1).min())


def _modes(cells: Floats, q_max: float) -> tuple[int, int, int]:
    """How many points of the reciprocal lattice lie along each axis of the largest of these (reduced) cells."""
    most = np.linalg.norm(cells, axis=2).max(axis=0) * q_max / (2 * np.pi)
    a, b, c = (2 * int(n + 1e-9) + 1 for n in most)
    return a, b, c


def _direct_bytes(modes: tuple[int, int, int], species: int) -> int:
    """What the direct sums keep at hand: rows of vectors, tables of phases, sums of a chunk."""
    from vanhove.kernels.shells import CHUNK, TILE

    return 8 * (5 * modes[0] * modes[1] + 3 * TILE * max(modes) + 4 * species * (CHUNK + modes[2]))


def _grid_is_faster(traj: Trajectory, species: int, q_max: float) -> bool:
    """Whether sums on a grid take less time than direct ones; never where the grids don't fit the memory budget."""
    points = math.prod(_modes(_reduced(traj.cells[:1])[0], q_max))
    if GRID_BYTES * species * points * thread_count() > memory_budget() / 2:
        return False
    vectors = float(traj.volumes[0]) * q_max**3 / (12 * np.pi**2)
    return SPREAD * traj.n_atoms + GRID * species * points < DIRECT * traj.n_atoms * vectors


def _reduced(cells: Floats) -> tuple[Floats, Floats]:
    from vanhove.kernels.shells import reciprocal_into

    reduced, reciprocal = np.empty_like(cells), np.empty_like(cells)
    for cell, short, vectors in zip(cells, reduced, reciprocal, strict=True):
        reciprocal_into(cell, short, vectors)
    return reduced, reciprocal


def _on_grid(
    positions: Floats, cells: Floats, order: Ints, starts: Ints, width: float, bins: int
) -> tuple[Floats, Ints, Floats]:
    """What ``shell_sums`` gives, all vectors, by finufft: the sums of each frame on a grid of h, k, l."""
    import finufft

    from vanhove.kernels.shells import grid_sums

    frames, species = len(positions), len(starts) - 1
    reduced, reciprocal = _reduced(cells)
    inverses = np.linalg.inv(reduced)
    modes = _modes(reduced, bins * width)
    products = np.zeros((frames, species * (species + 1) // 2, bins))
    counts, lengths = np.zeros((frames, bins), np.int64), np.zeros((frames, bins))
    rho = np.empty((species, *modes), np.complex128)
    # the coarser of its two finer grids takes a quarter of the memory, and of the time in what is worked on here
    plan = finufft.Plan(1, modes, eps=ACCURACY, isign=1, nthreads=1, upsampfac=1.25)
    for f in range(frames):
        phases = 2 * np.pi * ((positions[f][order] @ inverses[f]) % 1.0) - np.pi
        for a in range(species):
            x, y, z = np.ascontiguousarray(phases[starts[a] : starts[a + 1]].T)
            plan.setpts(x, y, z)
            plan.execute(np.ones(len(x), np.complex128), out=rho[a])
        grid_sums(rho, reciprocal[f], width, products[f], counts[f], lengths[f])
    return products, counts, lengths
