"""A view's frames in order, each once, however long the file: what writing and looking through need.

A file that is read whole would first go into memory or into the cache; walked forward it needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.progress import Progress

from .blocks import cut_frames
from .core import Trajectory
from .file_source import FileSource
from .source import Block, compact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]


class Piece(NamedTuple):
    """Consecutive frames of a view, counted within it, and their numbers."""

    frames: slice
    block: Block


def stream(traj: Trajectory, what: str, most: int | None = None) -> Iterator[Piece]:
    """The frames of ``traj`` in order, in pieces within the memory budget; ``what`` is said while it takes long.

    ``most`` bounds the frames of a piece.
    """
    source = traj.system.source
    pieces = _forward(traj, source) if isinstance(source, FileSource) else _by_blocks(traj, what)
    for frames, block in pieces:
        n = len(block.positions)
        for first in range(0, n, most or n):
            part = slice(first, min(first + (most or n), n))
            yield Piece(
                slice(frames.start + part.start, frames.start + part.stop),
                Block(block.positions[part], _cut(block.correction, part), _cut(block.velocities, part)),
            )


def only(traj: Trajectory, frames: Index) -> Trajectory:
    """The view of some frames, rising numbers, of ``traj``."""
    return Trajectory(traj.system, traj.history, traj._frames[frames], traj._atoms)  # noqa: SLF001  as in _forward


def walks_forward(traj: Trajectory) -> bool:
    """Whether frames can only be had in order, from the first on."""
    return isinstance(traj.system.source, FileSource)


def _by_blocks(traj: Trajectory, what: str) -> Iterator[Piece]:
    each = 24 * traj.n_atoms * len(traj.system.source.fields)
    with Progress(what, traj.n_frames) as progress:
        for part in cut_frames(traj, 4 * each):  # the one that is worked on, the next, and what is made of them
            yield Piece(part, _read(traj, part))
            progress.advance(part.stop - part.start)


def _read(traj: Trajectory, part: slice) -> Block:
    fields = traj.system.source.fields
    return Block(
        traj.read("positions", part),
        traj.read("correction", part) if "correction" in fields else None,
        traj.read("velocities", part) if "velocities" in fields else None,
    )


def _forward(traj: Trajectory, source: FileSource) -> Iterator[Piece]:
    frames, atoms = traj._frames, traj._atoms  # noqa: SLF001  what a view is of its source is nobody else's business
    few = None if len(atoms) == source.n_atoms and (np.diff(atoms) == 1).all() else compact(atoms)
    done = 0
    for block in source.blocks():
        n = len(block.positions)
        first, last = np.searchsorted(frames, [done, done + n]).tolist()
        if last > first:
            mine = compact(frames[first:last] - done)
            yield Piece(
                slice(first, last),
                Block(
                    _part(block.positions, mine, few), _maybe(block.correction, mine, few),
                    _maybe(block.velocities, mine, few),
                ),
            )  # fmt: skip
        done += n
        if last == len(frames) and done < source.n_frames:
            return  # what follows is not asked for; at the very end the source checks that nothing was missing


def _cut(array: Floats | None, frames: slice) -> Floats | None:
    return None if array is None else array[frames]


def _maybe(array: Floats | None, frames: slice | Index, atoms: slice | Index | None) -> Floats | None:
    return None if array is None else _part(array, frames, atoms)


def _part(array: Floats, frames: slice | Index, atoms: slice | Index | None) -> Floats:
    chosen = array[frames]
    return chosen if atoms is None else np.ascontiguousarray(chosen[:, atoms])
