"""Paths of a few ions at a time, each component a contiguous row of time, and what a transform of them rounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TILE = 16  # ions of one call: their rows stay in the cache
CACHED = 4_000_000  # bytes of rows and spectra that one FFT call works on
ROUNDING = 32 * np.finfo(float).eps  # of the sum of the paths' powers: what a sum over a lag by FFT may be off by
TOLERATED = 1e-8  # of that sum over a lag; lags that the FFT may know worse are summed directly


def tiles(
    ions: Trajectory, path: Floats | None, atoms: slice, tile: int, axes: Ints | None = None
) -> Iterator[tuple[Floats, slice]]:
    """Centred rows (3 · atom + axis, time) of a few ions at a time, relative to ``path``, and which ions they are.

    The rows are overwritten by the next; axes that are not asked for are zero.
    """
    from vanhove.kernels.correlate import centred_rows

    block = ions.read_paths(atoms=atoms, copy=False)
    still = [] if axes is None else [axis for axis in range(3) if axis not in axes]
    drift = np.zeros((ions.n_frames, 3)) if path is None else path
    rows = np.empty((3 * tile, ions.n_frames))
    for first in range(0, block.shape[1], tile):
        last = min(first + tile, block.shape[1])
        part = rows[: 3 * (last - first)]
        centred_rows(block, first, last, drift, part)
        for axis in still:
            part[axis::3] = 0.0
        yield part, slice(atoms.start + first, atoms.start + last)


def fields_of(ions: Trajectory) -> int:
    """Arrays as large as the paths that a block holds while they are read."""
    return 3 if "correction" in ions.system.source.fields else 2
