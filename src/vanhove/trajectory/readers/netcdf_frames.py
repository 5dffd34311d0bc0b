"""Frames of a netCDF trajectory, sorted by id, in Å and Å/ps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import in_order
from vanhove.trajectory.contents import RawBlock

from .binary import check_block, frames_at_once
from .netcdf_files import open_netcdf
from .rows import SAME_ATOMS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .netcdf_files import NetCDF

    Array = NDArray[np.generic]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

    Piece = tuple[slice, dict[str, Array]]


@dataclass(frozen=True)
class NetCDFFrames:
    """Reads frames ``numbers`` of the variable ``kind``; called, it gives the raw blocks."""

    path: Path
    kind: str
    numbers: NDArray[np.intp]
    n_atoms: int
    cells: Floats  # (1 or frame, 3, 3) in Å
    length: float
    speed: float | None  # None: velocities are left out
    corners: Floats | None  # (frame, 3); of the cells whose fractions the positions are
    flags: tuple[str, ...]  # variables of image flags
    ids: Ints | None  # rising; None: atoms are in order
    types: Ints | None  # which they must have in every frame

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        names = [self.kind, *["velocities"] * (self.speed is not None), *self.flags]
        names += ["id"] * (self.ids is not None) + ["type"] * (self.types is not None)
        with open_netcdf(self.path) as file:
            if any(name not in file.variables for name in names):
                raise Refusal("The file changed while it was read", str(self.path), "Open it again")
            raw = sum(file.variables[name].dtype.itemsize * (1 if name in ("id", "type") else 3) for name in names)
            size = frames_at_once(memory, (raw + 6 * 24) * self.n_atoms)
            yield from in_order(self._block, self._pieces(file, names, size))

    def _pieces(self, file: NetCDF, names: list[str], size: int) -> Iterator[Piece]:
        for begin in range(0, len(self.numbers), size):
            here = slice(begin, min(begin + size, len(self.numbers)))
            first, stop = int(self.numbers[here][0]), int(self.numbers[here][-1]) + 1
            kept = self.numbers[here] - first
            parts = {name: np.asarray(file.variables[name].read(first, stop)) for name in names}
            yield here, parts if len(kept) == stop - first else {name: part[kept] for name, part in parts.items()}

    def _block(self, piece: Piece) -> RawBlock:
        here, parts = piece
        numbers = self.numbers[here]
        order = self._order(parts, numbers)
        positions = _sorted(parts[self.kind], order)
        cells = self.cells if len(self.cells) == 1 else self.cells[here]
        if self.corners is not None:
            positions = positions @ cells + self.corners[here, None]
        elif self.length != 1.0:
            positions *= self.length
        if self.flags:
            images = np.stack([parts[flag].astype(np.float64) for flag in self.flags], axis=2)
            positions += _sorted(images, order) @ cells
        check_block(positions, "position", self.path, numbers)
        velocities = None
        if self.speed is not None:
            velocities = _sorted(parts["velocities"], order)
            velocities *= self.speed
            check_block(velocities, "velocity", self.path, numbers)
        return RawBlock(positions, velocities)

    def _order(self, parts: dict[str, Array], numbers: NDArray[np.intp]) -> NDArray[np.intp] | None:
        """How to sort every frame, (frame, atom); None where all are. Refuses other atoms than the first frame's."""
        ids, order = parts.get("id"), None
        if ids is not None and (ids != self.ids).any():
            order = np.argsort(ids, axis=1, kind="stable")
            other = (np.take_along_axis(ids, order, 1) != self.ids).any(axis=1)
            if other.any():
                raise Refusal(
                    "A frame holds other atoms than the first one",
                    f"{self.path}, frame {numbers[np.argmax(other)]}",
                    SAME_ATOMS,
                )
        types = parts.get("type")
        if types is not None:
            other = (_picked(types, order) != self.types).any(axis=1)
            if other.any():
                raise Refusal(
                    "An atom is of another type than in the first frame",
                    f"{self.path}, frame {numbers[np.argmax(other)]}", SAME_ATOMS,
                )  # fmt: skip
        return order


def _picked(values: Array, order: NDArray[np.intp] | None) -> Array:
    return values if order is None else np.take_along_axis(values, order, 1)


def _sorted(values: Array, order: NDArray[np.intp] | None) -> Floats:
    """A vector for every atom, in float64 and in order."""
    return _picked(values, None if order is None else order[:, :, None]).astype(np.float64)
