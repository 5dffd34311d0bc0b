"""Several files that follow each other, as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import RawBlock

from .checks import later_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory.contents import Contents, Options

    Floats = NDArray[np.float64]


def join(parts: list[Contents], options: Options) -> Contents:
    """One :class:`Contents` of several files in the order given.

    Files that count keep their own times; where a run was started again from earlier, the file that it wrote replaces
    the frames that it repeats. Files that count nothing go on ``spacing`` ps after the last frame.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    for part in parts[1:]:
        _check_same(first, part)
    times = [first.times]
    for part in parts[1:]:
        offset = times[-1][-1] + options.spacing - part.times[0] if options.spacing is not None else 0.0
        times.append(part.times + offset)
    kept = _kept(parts, times)
    notes = [note for part in parts for note in part.notes]
    left_out = sum(len(part.times) for part in parts) - sum(kept)
    if left_out:
        notes.append(f"left out as repeated by the file that follows: {left_out} frames")
    cells = first.cells
    if any(len(p.cells) > 1 or (p.cells[0] != cells[0]).any() for p in parts):
        cells = np.concatenate(
            [np.broadcast_to(p.cells, (len(p.times), 3, 3))[:n] for p, n in zip(parts, kept, strict=True)]
        )
    origins = None
    if any(p.origins is not None for p in parts):
        every = [np.zeros((len(p.times), 3)) if p.origins is None else p.origins for p in parts]
        origins = np.concatenate([part[:n] for part, n in zip(every, kept, strict=True)])
    sources = [p.frames for p in parts if p.frames is not None]
    return replace(
        first, paths=tuple(path for p in parts for path in p.paths), cells=cells, origins=origins, notes=notes,
        times=np.concatenate([when[:n] for when, n in zip(times, kept, strict=True)]),
        frames=JoinedFrames(tuple(sources), tuple(kept)), breaks=tuple(np.cumsum(kept)[:-1].tolist()),
    )  # fmt: skip


@dataclass(frozen=True)
class JoinedFrames:
    """The first ``kept`` frames of each source in turn."""

    sources: tuple[Callable[[int], Iterator[RawBlock]], ...]
    kept: tuple[int, ...]

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        for source, kept in zip(self.sources, self.kept, strict=True):
            left = kept
            for block in source(memory):
                speeds = block.velocities
                yield RawBlock(block.positions[:left], None if speeds is None else speeds[:left])
                left -= len(block.positions)
                if left <= 0:
                    break


def _check_same(first: Contents, part: Contents) -> None:
    where = f"{first.paths[0]} and {part.paths[0]}"
    if len(part.species) != len(first.species) or (part.species != first.species).any():
        raise Refusal("The files do not hold the same atoms in the same order", where, "Join runs of one system only")
    if part.store is not None or first.store is not None:
        raise Refusal("Stores are not joined", where, "Open each, or convert them into one")
    if (part.continuous, part.has_velocities) != (first.continuous, first.has_velocities):
        raise Refusal("The files do not have the same columns", where, "Join runs that wrote the same columns")


def _kept(parts: list[Contents], times: list[Floats]) -> list[int]:
    """How many of each part's frames lie before the parts that follow."""
    if any(np.isnan(when).any() for when in times):
        return [len(when) for when in times]
    keep = np.split(later_frames(np.concatenate(times)), np.cumsum([len(when) for when in times])[:-1])
    for number, (part, kept) in enumerate(zip(parts, keep, strict=True)):
        path, left_out = part.paths[0], int((~kept).sum())
        if not kept.any():
            after = parts[number + 1].paths[0]
            raise Refusal(
                "A file begins before the file that it should follow",
                f"{after} begins at {times[number + 1][0]:g} ps, {path} at {times[number][0]:g} ps",
                "Give the files in the order of time; where the second counts from zero again, give spacing=",
            )
        if left_out > 1:
            warn(
                f"The last {left_out} frames of a file are left out", f"{path}: the next file starts again from "
                f"{times[number][kept][-1]:g} ps", "Check that the second run was restarted there",
            )  # fmt: skip
    return [int(kept.sum()) for kept in keep]
