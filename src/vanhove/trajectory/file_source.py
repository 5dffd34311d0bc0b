"""A file that is read when its positions are first asked for: into memory when small, else once into the cache.

The cache holds H5MD stores named by the content of the files and by everything that decides their positions; the
oldest-used ones go when it grows beyond ``VANHOVE_CACHE_SIZE`` (default 20 GB).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import cache_folder, digest, file_identity
from vanhove.base.progress import Progress
from vanhove.base.version import __version__

from .budget import memory_budget, parse_size
from .source import ArraySource, Block, Field, Source
from .store import StoreSource, write_blocks
from .unwrap import Unwrap, Unwrapper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .contents import Contents

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

DEFAULT_CACHE_SIZE = "20GB"


class FileSource:
    """Reads a scanned file whole at the first request, unwrapping on the way."""

    def __init__(self, contents: Contents, mode: Unwrap, masses: Floats) -> None:
        self._contents, self._mode, self._masses = contents, mode, masses
        self.n_frames, self.n_atoms = len(contents.times), len(contents.species)
        corrected = len(contents.cells) > 1 and mode in ("file", "tor")
        self.fields: frozenset[str] = frozenset(
            ["positions", *["correction"] * corrected, *["velocities"] * contents.has_velocities]
        )
        self.fingerprint = digest(
            __version__, mode, contents.format, contents.species.tolist(), contents.times.tobytes(),
            *(file_identity(path) for path in contents.paths),
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
        with self._lock:
            if self._ready is None:
                self._ready = self._in_memory() if self._bytes <= memory_budget() // 2 else self._in_cache()
        return self._ready.read(field, frames, atoms)

    @property
    def _bytes(self) -> int:
        return self.n_frames * self.n_atoms * 24 * len(self.fields)

    def blocks(self) -> Iterator[Block]:
        """All frames in order, unwrapped."""
        contents = self._contents
        if contents.frames is None:  # pragma: no cover - `open` takes the store of random-access files
            raise AssertionError("a store is read directly")
        unwrapper = Unwrapper(self._mode, constant_cell=len(contents.cells) == 1)
        size = max(1, min(128, memory_budget() // 8 // (24 * self.n_atoms * len(self.fields))))
        done = 0
        with Progress(f"reading {contents.paths[0].name}", self.n_frames) as progress:
            for raw in contents.frames(size):
                n = len(raw.positions)
                cells = contents.cells
                cells = np.broadcast_to(cells[0], (n, 3, 3)) if len(cells) == 1 else cells[done : done + n]
                origins = np.zeros((n, 3)) if contents.origins is None else contents.origins[done : done + n]
                yield unwrapper.step(raw.positions, cells, origins, raw.velocities)
                done += n
                progress.advance(n)

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
        path = folder / f"{self.fingerprint}.h5md"
        if path.exists():
            os.utime(path)  # used now: the last to go
        else:
            _make_room(folder, self._bytes)
            contents = self._contents
            write_blocks(
                path, self.blocks(), species=contents.species.tolist(), masses=self._masses, charges=contents.charges,
                cells=contents.cells, times=contents.times, temperature=contents.temperature, history=[],
            )  # fmt: skip
        return StoreSource(path)


def _make_room(folder: Path, needed: int) -> None:
    """Remove the stores unused for longest until ``needed`` more bytes stay under the cache's bound."""
    bound = parse_size(os.environ.get("VANHOVE_CACHE_SIZE", DEFAULT_CACHE_SIZE), "VANHOVE_CACHE_SIZE")
    if needed > bound:
        raise Refusal(
            f"The trajectory takes {needed / 1e9:.1f} GB and the cache may hold {bound / 1e9:.1f} GB",
            str(folder),
            "Raise VANHOVE_CACHE_SIZE",
        )
    kept = sorted(folder.glob("*.h5md"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = needed
    for path in kept:
        total += path.stat().st_size
        if total > bound:
            with contextlib.suppress(FileNotFoundError):  # another run may make room at the same moment
                path.unlink()
