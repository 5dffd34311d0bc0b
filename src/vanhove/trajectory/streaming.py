"""A view's frames in order, each once, however long the file: what writing and looking through need.

A file that is read whole would first go into memory or into the cache; walked forward it needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.progress import Progress

from .blocks import cut_frames
from .file_source import FileSource
from .source import Block, compact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .core import Trajectory

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]


class Piece(NamedTuple):
    """Consecutive frames of a view, counted within it, and their numbers."""

    frames: slice
    block: Block


def stream(traj: Trajectory, what: str) -> Iterator[Piece]:
    """The frames of ``traj`` in order, in pieces within the memory budget; ``what`` is said while it takes long."""
    source = traj.system.source
    if isinstance(source, FileSource):
        yield from _forward(traj, source)
        return
    each = 24 * traj.n_atoms * len(source.fields)
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


def _maybe(array: Floats | None, frames: slice | Index, atoms: slice | Index | None) -> Floats | None:
    return None if array is None else _part(array, frames, atoms)


def _part(array: Floats, frames: slice | Index, atoms: slice | Index | None) -> Floats:
    chosen = array[frames]
    return chosen if atoms is None else np.ascontiguousarray(chosen[:, atoms])
