"""H5MD's elements: numbers that are fixed, or one row for every step at which they were sampled."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.budget import memory_budget
from vanhove.trajectory.links import inner

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Element:
    """One element of a group of particles."""

    path: Path
    name: str
    node: Any  # the data set, or the group of value, step and time
    data: Any  # the data set of its numbers
    moving: bool  # whether there is a row for every sampled step

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        whole: tuple[int, ...] = self.data.shape
        return whole[1:] if self.moving else whole

    def clock(self, name: str) -> Any:
        """Its ``step`` or ``time``; None where it has none."""
        return inner(self.node, name) if self.moving else None

    def counted(self, name: str, rows: int) -> NDArray[Any] | None:
        """``step`` or ``time`` of every row: as listed, or counted from ``offset`` by a fixed increment."""
        clock = self.clock(name)
        if clock is None:
            return None
        check_chunks(self.path, f"{self.name}'s {name}", clock)
        counted: NDArray[Any] | None = None
        if clock.shape == ():
            counted = np.asarray(clock.attrs.get("offset", 0)).item() + clock[()] * np.arange(rows)
        elif len(clock) >= rows:
            counted = np.asarray(clock[:rows]).reshape(-1)
        return counted

    def matched(self, position: Element, frames: int) -> Rows | None:
        """Its row at each of the first ``frames`` frames: the one of the same step; None where one has none."""
        rows = self.written()
        own, steps = self.counted("step", rows), position.counted("step", frames)
        if own is None or steps is None:
            return np.arange(frames) if rows >= frames else None
        if rows >= frames and (own[:frames] == steps).all():
            return np.arange(frames)
        if rows == 0 or (np.diff(own) <= 0).any() or (np.diff(steps) <= 0).any():
            return None
        place = np.minimum(np.searchsorted(own, steps), rows - 1)
        return place if (own[place] == steps).all() else None

    def rows(self, numbers: Rows) -> NDArray[Any]:
        """Rising rows; the numbers of a fixed element as its only one."""
        first, last = int(numbers[0]), int(numbers[-1]) + 1
        try:
            if not self.moving:
                return np.asarray(self.data[()])[None]
            return np.asarray(self.data[first:last] if last - first == len(numbers) else self.data[numbers])
        except (OSError, RuntimeError) as error:
            raise Refusal(
                f"The {self.name} can't be read",
                f"{self.path}, frames {first} to {last - 1}: {error}",
                "Write it again",
            )

    def written(self) -> int:
        """How many of its rows were written whole, those before the first that was not."""
        rows = int(self.data.shape[0])
        chunks = self.data.chunks
        if chunks is None:
            there = min(self.data.id.get_storage_size(), self.path.stat().st_size)
            return min(rows, int(there // max(1, prod(self.data.shape[1:]) * self.data.dtype.itemsize)))
        in_a_row = prod(-(-size // chunk) for size, chunk in zip(self.data.shape[1:], chunks[1:], strict=True))
        if self.data.id.get_num_chunks() >= in_a_row * -(-rows // chunks[0]):
            return rows
        in_row: dict[int, int] = {}

        def count(chunk: Any) -> None:
            number = chunk.chunk_offset[0] // chunks[0]
            in_row[number] = in_row.get(number, 0) + 1

        self.data.id.chunk_iter(count)
        whole = 0
        while in_row.get(whole) == in_a_row:
            whole += 1
        return min(rows, whole * int(chunks[0]))


def element(path: Path, group: Any, name: str) -> Element | None:
    """The element called ``name``; None where there is none."""
    node = inner(group, name)
    if node is None:
        return None
    values = inner(node, "value")
    data = node if values is None else values
    if not hasattr(data, "shape") or data.shape is None:
        raise Refusal(
            f"'{name}' holds no values", str(path), "Write it as H5MD: a data set, or value with step and time"
        )
    check_chunks(path, name, data)
    moving = values is not None or (name == "position" and len(data.shape) == 3)  # frames, but no clock
    return Element(path, name, node, data, moving)


def check_chunks(path: Path, name: str, data: Any) -> None:
    """Refuse chunks too large for the memory: each is read whole."""
    size = 0 if data.chunks is None else prod(data.chunks) * data.dtype.itemsize
    if size > memory_budget() // 2:
        raise Refusal(
            f"The {name} is stored in chunks of {size / 1e9:.2g} GB, each of which is read whole", str(path),
            "Repack it with smaller ones (h5repack -l CHUNK=...), or raise VANHOVE_MEMORY",
        )  # fmt: skip
