"""Several files that follow each other, as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from vanhove.trajectory.contents import Contents, Options, RawBlock


def join(parts: list[Contents], options: Options) -> Contents:
    """One :class:`Contents` of several files in the order given.

    Files that count steps keep their own times. Files that count nothing go on ``spacing`` ps after the last frame.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    for part in parts[1:]:
        where = f"{first.paths[0]} and {part.paths[0]}"
        if len(part.species) != len(first.species) or (part.species != first.species).any():
            raise Refusal(
                "The files do not hold the same atoms in the same order", where, "Join runs of one system only"
            )
        if part.store is not None or first.store is not None:
            raise Refusal("Stores are not joined", where, "Open each, or convert them into one")
        if (part.continuous, part.has_velocities) != (first.continuous, first.has_velocities):
            raise Refusal("The files do not have the same columns", where, "Join runs that wrote the same columns")
    times = [first.times]
    for part in parts[1:]:
        offset = times[-1][-1] + options.spacing - part.times[0] if options.spacing is not None else 0.0
        times.append(part.times + offset)
    cells = first.cells
    if any(len(p.cells) > 1 or (p.cells[0] != cells[0]).any() for p in parts):
        cells = np.concatenate([np.broadcast_to(p.cells, (len(p.times), 3, 3)) for p in parts])
    origins = None
    if any(p.origins is not None for p in parts):
        origins = np.concatenate([np.zeros((len(p.times), 3)) if p.origins is None else p.origins for p in parts])

    def frames(size: int) -> Iterator[RawBlock]:
        for part in parts:
            if part.frames is not None:
                yield from part.frames(size)

    return replace(
        first, paths=tuple(path for p in parts for path in p.paths), times=np.concatenate(times), cells=cells,
        origins=origins, frames=frames, notes=[note for p in parts for note in p.notes],
    )  # fmt: skip
