"""Several files that follow each other, as one; and frames that a restart repeats, in one file or in the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.budget import memory_budget
from vanhove.trajectory.contents import RawBlock

from .checks import later_frames
from .clocks import first_of_repeated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory.contents import Contents, Options

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Frames = Callable[[int], Iterator[RawBlock]]

SAME_PLACE = 1e-5  # Å: files round, and no atom of a run stays so still from frame to frame


def join(parts: list[Contents], options: Options) -> Contents:
    """One :class:`Contents` of one file or several in the order given.

    Files that count keep their own times; where a run was started again from earlier, what it wrote replaces the frames
    that it repeats, whether it went on in the same file or in the next. Files that count nothing go on ``spacing`` ps
    after the last frame; where a file begins with the frame that the one before ended with, that is taken once.
    """
    first = parts[0]
    if len(parts) == 1 and first.store is not None:
        return first
    for part in parts[1:]:
        _check_same(first, part)
    if options.spacing is not None:
        times, keep = _one_after_the_other(parts, options.spacing)
    else:
        times = [part.times for part in parts]
        keep = _rising(parts)
    if len(parts) == 1 and keep[0].all():
        return first
    notes = [note for part in parts for note in part.notes]
    left_out = sum(int((~kept).sum()) for kept in keep)
    if left_out:
        notes.append(f"left out as repeated by what follows: {left_out} frame{'s' * (left_out > 1)}")
    cells = first.cells
    if any(len(p.cells) > 1 or (p.cells[0] != cells[0]).any() for p in parts):
        cells = np.concatenate(
            [np.broadcast_to(p.cells, (len(p.times), 3, 3))[kept] for p, kept in zip(parts, keep, strict=True)]
        )
    origins = None
    if any(p.origins is not None for p in parts):
        every = [np.zeros((len(p.times), 3)) if p.origins is None else p.origins for p in parts]
        origins = np.concatenate([part[kept] for part, kept in zip(every, keep, strict=True)])
    sources = [p.frames for p in parts if p.frames is not None]
    begins = np.cumsum([kept.sum() for kept in keep])[:-1]
    return replace(
        first, paths=tuple(path for p in parts for path in p.paths), cells=cells, origins=origins, notes=notes,
        times=np.concatenate([when[kept] for when, kept in zip(times, keep, strict=True)]),
        frames=JoinedFrames(tuple(sources), tuple(keep)), breaks=tuple(np.unique(begins[begins > 0]).tolist()),
    )  # fmt: skip


@dataclass(frozen=True)
class JoinedFrames:
    """The frames of each source in turn that are to be kept."""

    sources: tuple[Frames, ...]
    keep: tuple[Bools, ...]

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        for source, keep in zip(self.sources, self.keep, strict=True):
            wanted = np.flatnonzero(keep)
            done = 0
            for block in source(memory) if len(wanted) else ():
                kept = keep[done : done + len(block.positions)]
                done += len(block.positions)
                if kept.all():
                    yield block
                elif kept.any():
                    yield RawBlock(block.positions[kept], None if block.velocities is None else block.velocities[kept])
                if done > wanted[-1]:
                    break


@runtime_checkable
class InParts(Protocol):
    """Frames of which some can be read without the ones before them."""

    def part(self, frames: slice) -> Frames:
        """The same, of some frames only."""
        ...


def _check_same(first: Contents, part: Contents) -> None:
    where = f"{first.paths[0]} and {part.paths[0]}"
    if len(part.species) != len(first.species) or (part.species != first.species).any():
        raise Refusal("The files do not hold the same atoms in the same order", where, "Join runs of one system only")
    if part.store is not None or first.store is not None:
        raise Refusal("Stores are not joined", where, "Open each, or convert them into one")
    if (part.continuous, part.has_velocities) != (first.continuous, first.has_velocities):
        raise Refusal("The files do not have the same columns", where, "Join runs that wrote the same columns")


def _one_after_the_other(parts: list[Contents], spacing: float) -> tuple[list[Floats], list[Bools]]:
    """Times of frames that go on from file to file, and which of them to keep."""
    times, keep = [parts[0].times], [np.ones(len(parts[0].times), bool)]
    for before, part in pairwise(parts):
        if _goes_on_with_the_same_frame(before, part):
            keep[-1][-1] = False
        end = np.concatenate([when[kept] for when, kept in zip(times, keep, strict=True)])[-1:]
        times.append(part.times - part.times[0] + (end[0] + spacing if len(end) else 0.0))
        keep.append(np.ones(len(part.times), bool))
    return times, keep


def _goes_on_with_the_same_frame(before: Contents, after: Contents) -> bool:
    """Whether every atom is in the first frame of a file where it was in the last frame of the one before."""
    if before.frames is None or after.frames is None:
        return False
    cell = after.cells[0]
    if np.abs(before.cells[-1] - cell).max() > SAME_PLACE:
        return False
    source: Frames | InParts = before.frames
    if isinstance(source, InParts):
        source = source.part(slice(len(before.times) - 1, len(before.times)))
    *_, ending = (block.positions[-1] for block in source(memory_budget() // 4))
    steps = next(iter(after.frames(1))).positions[0] - ending
    whole = np.round(steps @ np.linalg.inv(cell)) @ cell  # one may be wrapped where the other is not
    return bool(np.abs(steps - whole).max() < SAME_PLACE)


def _rising(parts: list[Contents]) -> list[Bools]:
    """Which frames of each part lie before all that follow."""
    times = [part.times for part in parts]
    if not all(np.isfinite(when).all() for when in times):
        return [np.ones(len(when), bool) for when in times]
    keep = np.split(later_frames(np.concatenate(times)), np.cumsum([len(when) for when in times])[:-1])
    for number, (part, kept) in enumerate(zip(parts, keep, strict=True)):
        path = part.paths[0]
        own = first_of_repeated(part.times, path, [], "time")  # the notes count what is left out of all files
        left_out = int((own & ~kept).sum())
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
    return keep
