"""A file that is read when its positions are first asked for: into memory when small, else once into the cache."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import cache_folder, digest, file_identity
from vanhove.base.progress import Progress
from vanhove.base.version import __version__

from .budget import memory_budget
from .cache import kept_store
from .source import ArraySource, Block, Field, Source, numbers
from .store import LAYOUT, StoreSource, write_blocks
from .unwrap import Unwrap, Unwrapper

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from .contents import Contents

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]


class FileSource:
    """Reads a scanned file whole at the first request, unwrapping on the way.

    ``units`` is the unit style that was asked for: with the files and the way of unwrapping it decides the numbers.
    """

    def __init__(self, contents: Contents, mode: Unwrap, units: str, masses: Floats) -> None:
        self._contents, self._mode, self._masses = contents, mode, masses
        self.files = contents.paths  # all that the numbers come from
        self.n_frames, self.n_atoms = len(contents.times), len(contents.species)
        corrected = len(contents.cells) > 1 and mode in ("file", "tor")
        self.fields: frozenset[str] = frozenset(
            ["positions", *["correction"] * corrected, *["velocities"] * contents.has_velocities]
        )
        # species and times are not among what decides the numbers: a view's own fingerprint holds them
        self.fingerprint = digest(
            __version__, LAYOUT, contents.format, mode, units, self.n_frames, self.n_atoms, contents.breaks,
            sorted(self.fields), *(file_identity(path) for path in contents.paths),
        )  # fmt: skip
        self._ready: Source | None = None
        self._lock = Lock()

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_ready")}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._ready, self._lock = None, Lock()

    def read(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """See ``Source``."""
        return self._settled().read(field, frames, atoms)

    def look(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """See ``Lookable``."""
        return numbers(self._settled(), field, frames, atoms, copy=False)

    def _settled(self) -> Source:
        with self._lock:
            if self._ready is None:
                self._ready = self._in_memory() if self._bytes <= memory_budget() // 2 else self._in_cache()
        return self._ready

    @property
    def _bytes(self) -> int:
        return self.n_frames * self.n_atoms * 24 * len(self.fields)

    def blocks(self) -> Iterator[Block]:
        """All frames in order, unwrapped."""
        contents = self._contents
        if contents.frames is None:  # pragma: no cover - `open` takes the store of random-access files
            raise AssertionError("a store is read directly")
        unwrapper = Unwrapper(self._mode, constant_cell=len(contents.cells) == 1, breaks=contents.breaks)
        done = 0
        with Progress(f"reading {contents.paths[0].name}", self.n_frames) as progress:
            for raw in contents.frames(memory_budget() // 4):
                n = len(raw.positions)
                cells = contents.cells
                cells = np.broadcast_to(cells[0], (n, 3, 3)) if len(cells) == 1 else cells[done : done + n]
                origins = np.zeros((n, 3)) if contents.origins is None else contents.origins[done : done + n]
                yield unwrapper.step(raw.positions, cells, origins, raw.velocities)
                done += n
                progress.advance(n)
        if done != self.n_frames:
            raise Refusal(
                f"{done} frames came where {self.n_frames} were found when the file was opened",
                str(contents.paths[0]), "Open it again",
            )  # fmt: skip

    def _in_memory(self) -> ArraySource:
        shape = (self.n_frames, self.n_atoms, 3)
        positions = np.empty(shape)
        correction = np.empty(shape) if "correction" in self.fields else None
        velocities = np.empty(shape) if "velocities" in self.fields else None
        done = 0
        for block in self.blocks():
            here = slice(done, done + len(block.positions))
            positions[here] = block.positions
            if correction is not None:
                correction[here] = block.correction
            if velocities is not None:
                velocities[here] = block.velocities
            done = here.stop
        return ArraySource(Block(positions, correction, velocities), self.fingerprint)

    def _in_cache(self) -> StoreSource:
        folder = cache_folder("trajectories")
        if folder is None:
            raise Refusal(
                f"The file is larger than the memory budget ({self._bytes / 1e9:.1f} GB) and no cache can be written",
                str(self._contents.paths[0]),
                "Set VANHOVE_CACHE to a writable folder, or raise VANHOVE_MEMORY",
            )
        return kept_store(folder, self.fingerprint, self._bytes, self._opened, self._written)

    def _opened(self, path: Path) -> StoreSource | None:
        """The store at ``path`` when it is ours and whole."""
        try:
            store = StoreSource(path)
        except (OSError, KeyError, TypeError, ValueError):
            return None
        same = (store.n_frames, store.n_atoms, store.fields) == (self.n_frames, self.n_atoms, self.fields)
        return store if same else None

    def _written(self, path: Path) -> None:
        contents = self._contents
        write_blocks(
            path, self.blocks(), species=contents.species.tolist(), masses=self._masses, charges=contents.charges,
            cells=contents.cells, times=contents.times, temperature=contents.temperature, history=[],
        )  # fmt: skip
