"""The frames of another program's H5MD file, block by block: image flags applied, atoms in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import RawBlock
from vanhove.trajectory.links import inner

from .h5md_elements import Element, element

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

CACHE, LARGEST_CACHE = 1 << 20, 1 << 28  # bytes of chunks that HDF5 keeps unpacked


@dataclass(frozen=True)
class OtherFrames:
    """What is read beside the positions, and how; called, it gives the raw blocks.

    ``rows`` has the elements that change in time, with their row at each frame. ``ids`` and ``species`` are those of
    the first frame, the ids rising and the species in their order; both None where the order is the file's own.
    """

    path: Path
    group: str
    frames: int
    n_atoms: int
    cells: Floats  # Å
    length: float  # Å
    speed: float  # Å/ps
    rows: Mapping[str, Rows]
    periodic: NDArray[np.bool_]  # along an open boundary an image flag means nothing
    ids: NDArray[Any] | None = None
    order: Rows | None = None  # that sorts the first frame by its ids
    species: NDArray[Any] | None = None
    chunk_frames: int = 1  # of the chunks that positions are stored in

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        import h5py

        size, cache = self._at_once(memory)
        with h5py.File(self.path, "r", locking="best-effort", rdcc_nbytes=cache) as file:
            group = inner(file, self.group)
            parts = {name: element(self.path, group, name) for name in self.rows}
            for first in range(0, self.frames, size):
                here = np.arange(first, min(first + size, self.frames))
                order = self._order(parts, here)
                raw = self._vectors(parts, "position", here, order) * self.length
                if "image" in self.rows:
                    cells = self.cells if len(self.cells) == 1 else self.cells[here]
                    raw += (self._vectors(parts, "image", here, order) * self.periodic) @ cells
                moving = "velocity" in self.rows
                yield RawBlock(raw, self._vectors(parts, "velocity", here, order) * self.speed if moving else None)

    def _at_once(self, memory: int) -> tuple[int, int]:
        """Frames of a block, and bytes that HDF5 may keep so that no chunk is unpacked twice."""
        size = max(1, memory // (4 * 24 * self.n_atoms))
        if size >= self.chunk_frames:
            return size - size % self.chunk_frames, CACHE
        return size, min(self.chunk_frames * self.n_atoms * 32 + CACHE, memory // 4, LARGEST_CACHE)

    def _read(self, parts: Mapping[str, Element | None], name: str, here: Rows) -> NDArray[Any]:
        part = parts[name]
        if part is None:
            raise Refusal("The file changed while it was read", f"{self.path}: {name}", "Open it again")
        return part.rows(self.rows[name][here])

    def _vectors(self, parts: Mapping[str, Element | None], name: str, here: Rows, order: Rows | None) -> Floats:
        block = np.asarray(self._read(parts, name, here), np.float64)
        if not np.isfinite(block.sum()) and not np.isfinite(block).all():
            frame, atom, _ = np.argwhere(~np.isfinite(block))[0]
            raise Refusal(
                f"The {name} is not a finite number", f"{self.path}, frame {here[frame]}, atom {atom}",
                "The simulation went wrong there: use the frames before it, or run it again",
            )  # fmt: skip
        return block if order is None else np.take_along_axis(block, order[:, :, None], axis=1)

    def _order(self, parts: Mapping[str, Element | None], here: Rows) -> Rows | None:
        """How to sort each frame by its ids; None where its order is kept. Refuses atoms that become others."""
        order = None
        if "id" in self.rows:
            ids = self._read(parts, "id", here)
            order = np.argsort(ids, axis=1, kind="stable")
            self._check(np.take_along_axis(ids, order, axis=1) != self.ids, here, "id")
            if "species" not in self.rows and self.species is not None:
                self._check(self.species[order] != self.species[self.order], here, "order")
        if "species" in self.rows:
            species = self._read(parts, "species", here)
            species = species if order is None else np.take_along_axis(species, order, axis=1)
            self._check(species != self.species, here, "species")
        return order

    def _check(self, changed: NDArray[np.bool_], here: Rows, what: str) -> None:
        frames = changed.any(axis=1)
        if frames.any():
            raise Refusal(
                f"The atoms' {what} changes", f"{self.path}, frame {here[np.argmax(frames)]}",
                "Write a group of atoms that stays the same, with ids and species of every frame",
            )  # fmt: skip
