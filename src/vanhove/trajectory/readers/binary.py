"""What the readers of binary trajectories share: bytes of a file, and a look at the numbers that came of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.budget import thread_count

from .packing import packing_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FARTHEST = 1e8  # Å: what lies beyond was never written (netCDF's fill is 1e37), or was damaged
BLOCK_BYTES = 1 << 22  # that one thread takes at a time: blocks end at about the same time and stay in its cache


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A descriptor of the file, for ``os.pread``."""
    file = os.open(path, os.O_RDONLY)
    try:
        if packing_of(os.pread(file, 4, 0)) is not None:
            raise Refusal("A packed binary file is not read as it is", str(path), "Unpack it: gunzip FILE, unzstd FILE")
        yield file
    finally:
        os.close(file)


def read_exactly(file: int, start: int, stop: int, path: Path, room: int = 0) -> bytearray:
    """The bytes from ``start`` to ``stop``, and ``room`` zeros behind them."""
    buffer = bytearray(stop - start + room)
    view, done = memoryview(buffer), 0
    while done < stop - start:
        count = os.preadv(file, [view[done : stop - start]], start + done)
        if count == 0:
            raise Refusal("The file became shorter while it was read", str(path), "Open it again")
        done += count
    return buffer


def frames_at_once(memory: int, bytes_each: int) -> int:
    """Frames in a block, so that all blocks on their way take about ``memory`` bytes."""
    in_flight = thread_count() + 2  # worked on, waiting to be taken, and the one taken
    return max(1, min(memory // in_flight, BLOCK_BYTES) // bytes_each)


def check_block(values: Floats, what: str, path: Path, frames: NDArray[np.intp]) -> None:
    """Refuse what is not finite or was never written; ``frames`` are the numbers of those in the block."""
    if values.max() < FARTHEST and values.min() > -FARTHEST:  # NaN is neither
        return
    frame, atom, axis = np.argwhere(~(np.abs(values) < FARTHEST))[0]
    raise Refusal(
        f"A {what} is {values[frame, atom, axis]:g}", f"{path}, frame {frames[frame]}, atom {atom + 1} in order",
        "The simulation went wrong there, or the frame was not written whole: use the frames before it",
    )  # fmt: skip
