"""Sums of squared displacements over blocks of ions: every lag by FFT, chosen lags directly, in parts and groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.trajectory.blocks import add_blocks, cut_atoms
from vanhove.trajectory.budget import memory_budget, thread_count

from .tiles import TILE, fields_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .pairs_by_lag import PairsByLag

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PARTS = 16  # consecutive parts of the time origins
GROUPS = 32  # groups of ions


@dataclass(frozen=True)
class Squares:
    """Squared displacements of N ions, summed."""

    table: Floats  # (axis, part, group, table lag)
    all_lags: Floats | None  # (axis, lag), every lag from 0


@dataclass(frozen=True)
class PairSquares:
    """Squared displacements of N ions between frames that are not evenly spaced, summed."""

    table: Floats  # (axis, part, group, few lags)
    by_group: Floats  # (axis, group, lag)


def group_of(n_ions: int) -> Ints:
    """The group of every ion: neighbours in the list go together, so that what they do together stays in one group."""
    groups = min(GROUPS, n_ions)
    return np.arange(n_ions) * groups // n_ions


def sum_squares(ions: Trajectory, drift: Floats | None, lags: Ints, *, every_lag: bool) -> Squares:
    """Squared displacements of ``ions`` relative to the path ``drift`` over all origins.

    The table holds the positive ``lags`` (in frames) by part of the origins and group of ions. ``every_lag`` adds all
    lags at once by the Wiener-Khinchin theorem: with x about its mean and D(t) = x²,

        Σ_t [x(t + m) - x(t)]² = Σ_{t ≥ m} D(t) + Σ_{t < T - m} D(t) - 2 Σ_t x(t) x(t + m) ,

    whose last sum is the inverse transform of Σ |F|² over all ions: one inverse an axis, however many ions there are.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    from vanhove.kernels.correlate import add_power, add_squared_steps, add_squares, centred_rows

    frames = ions.n_frames
    path = np.zeros((frames, 3)) if drift is None else drift
    groups = group_of(ions.n_atoms)
    length = next_fast_len(2 * frames - 1, real=True) if every_lag else frames
    row_bytes = 8 * (length + 2 * (length // 2 + 1))  # a row and its spectrum
    tile = int(np.clip(memory_budget() / thread_count() / 4 // (3 * row_bytes), 1, TILE))

    def work(atoms: slice) -> Sums:
        block = ions.read_paths(atoms=atoms, copy=False)
        mine = groups[atoms]
        rows = np.zeros((3 * tile, length))
        table = np.zeros((3, PARTS, groups[-1] + 1, len(lags)))
        squares, power = np.zeros((3, frames)), np.zeros((3, length // 2 + 1))
        for first in range(0, len(mine), tile):
            last = min(first + tile, len(mine))
            part = rows[: 3 * (last - first)]
            centred_rows(block, first, last, path, part)
            add_squared_steps(part, frames, lags, mine[first:last], table)
            if every_lag:
                add_squares(part, squares)
                add_power(rfft(part, axis=1), power)
        return {"table": table, "squares": squares, "power": power} if every_lag else {"table": table}

    results = 8 * 3 * (PARTS * (groups[-1] + 1) * len(lags) + every_lag * (frames + length // 2 + 1))
    blocks = cut_atoms(ions, 24 * frames * fields_of(ions), fixed=3 * tile * row_bytes + 3 * results)
    total = _sums(blocks, work)
    if not every_lag:
        return Squares(total["table"], None)
    products = irfft(total["power"], length, axis=1)[:, :frames]
    before = np.cumsum(total["squares"], axis=1)[:, ::-1]  # Σ D(t) over t < T - m
    after = np.cumsum(total["squares"][:, ::-1], axis=1)[:, ::-1]  # over t ≥ m
    sums_of_squares = np.maximum(before + after - 2 * products, 0.0)  # rounding may leave a still axis below zero
    sums_of_squares[:, 0] = 0.0
    return Squares(total["table"], sums_of_squares)


def sum_squares_from_first(ions: Trajectory, drift: Floats | None, lags: Ints, table_lags: Ints) -> Squares:
    """The same with the first frame as the only origin; ``all_lags`` then holds ``lags``."""
    frames = ions.n_frames
    path = np.zeros((frames, 3)) if drift is None else drift
    groups = group_of(ions.n_atoms)

    def work(atoms: slice) -> Sums:
        steps = ions.read_paths(atoms=atoms)
        steps -= path[:, None]
        steps -= steps[0].copy()
        np.square(steps, out=steps)
        table = np.zeros((3, 1, groups[-1] + 1, len(table_lags)))
        np.add.at(table[:, 0].transpose(1, 2, 0), groups[atoms], steps[table_lags].transpose(1, 0, 2))
        return {"table": table, "lags": steps.sum(axis=1)[lags].T}

    blocks = cut_atoms(ions, 24 * frames * 4, fixed=0)
    total = _sums(blocks, work)
    return Squares(total["table"], total["lags"])


def sum_squared_pairs(ions: Trajectory, drift: Floats | None, pairs: PairsByLag) -> PairSquares:
    """The same over all pairs of frames behind every lag; the table holds the lags that ``pairs.few()`` names."""
    from vanhove.kernels.correlate import centred_rows
    from vanhove.kernels.intervals import add_squared_pairs

    frames, lags, few = ions.n_frames, len(pairs.lags), pairs.few()
    path = np.zeros((frames, 3)) if drift is None else drift
    groups = group_of(ions.n_atoms)
    parts = 1 if pairs.first_only else PARTS
    place = np.full(lags, -1)
    place[few] = np.arange(len(few))

    def work(atoms: slice) -> Sums:
        block = ions.read_paths(atoms=atoms, copy=False)
        mine = groups[atoms]
        sums, table = np.zeros((3, groups[-1] + 1, lags)), np.zeros((3, parts, groups[-1] + 1, len(few)))
        rows = np.empty((3 * TILE, frames))
        for first in range(0, len(mine), TILE):
            last = min(first + TILE, len(mine))
            part = rows[: 3 * (last - first)]
            centred_rows(block, first, last, path, part)
            add_squared_pairs(
                part, pairs.times, pairs.origins, pairs.lags, pairs.tolerance, mine[first:last], place, sums, table
            )
        return {"table": table, "by_group": sums}

    results = 8 * 3 * (groups[-1] + 1) * (parts * len(few) + lags)
    blocks = cut_atoms(ions, 24 * frames * 3, fixed=8 * 3 * TILE * frames + 3 * results)
    return PairSquares(**_sums(blocks, work))


def _sums(blocks: list[slice], work: Callable[[slice], Sums]) -> dict[str, Floats]:
    total = add_blocks(blocks, work, "mean squared displacement")
    return {name: np.asarray(sums, np.float64) for name, sums in total.items()}
