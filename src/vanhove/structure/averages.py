"""Averages over the frames of a run, with errors from the spread of its blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Numbers = NDArray[Any]

TIME_BLOCKS = 10  # stretches of the run whose spread gives the error


def time_blocks(frames: int) -> Ints:
    """The block of the run that each frame belongs to; each frame is one in a run of few."""
    numbers: Ints = np.arange(frames) * min(TIME_BLOCKS, frames) // frames
    return numbers


def block_sums(values: Numbers, block_of: Ints, blocks: int) -> Numbers:
    """Values of some frames, (frame, …), added up by the block of the run that each frame belongs to: (block, …)."""
    sums = np.zeros((blocks, *values.shape[1:]), values.dtype)
    np.add.at(sums, block_of, values)
    return sums


def ratio(parts: Numbers, wholes: Numbers) -> tuple[Floats, Floats]:
    """The parts' share of the wholes, from their sums over blocks of the run, (block, …), and its standard error.

    ``wholes`` is broadcast against ``parts``. Both are NaN where there is no whole, the error with a single block too.
    """
    bottom = np.broadcast_to(np.asarray(wholes, float), parts.shape)
    total = bottom.sum(axis=0)
    known = np.where(total > 0, total, np.nan)
    mean = parts.sum(axis=0) / known
    blocks = len(parts)
    if blocks < 2:
        return mean, np.full_like(mean, np.nan)
    apart = (parts - mean * bottom) / known
    error: Floats = np.sqrt((apart**2).sum(axis=0) * blocks / (blocks - 1))
    return mean, error
