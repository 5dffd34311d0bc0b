"""The cache of trajectories: H5MD stores named by what decides their numbers, written once whoever asks first.

The ones unused for longest go when it grows beyond ``VANHOVE_CACHE_SIZE`` (default 20 GB). A store that can't be read,
or is not what its name says, is written again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from vanhove.base.errors import Refusal

from .budget import parse_size

if TYPE_CHECKING:
    from .store import StoreSource

DEFAULT_CACHE_SIZE = "20GB"
_OUR_THREADS = Lock()
STALE_SECONDS = 24 * 3600  # a half-written store this old belongs to a run that was killed


def kept_store(
    folder: Path,
    name: str,
    size: int,
    opened: Callable[[Path], StoreSource | None],
    written: Callable[[Path], None],
) -> StoreSource:
    """The store called ``name`` in ``folder``: ``opened`` where it is whole, else ``written`` first.

    A second process that asks for it meanwhile waits instead of writing it too.
    """
    path = folder / f"{name}.h5md"
    with _locked(folder / "lock", int(name[:12], 16)):
        found = opened(path) if path.exists() else None
        if found is None:
            path.unlink(missing_ok=True)
            for part in folder.glob(f".{path.name}.*.part"):  # nobody else writes it while we hold the lock
                part.unlink(missing_ok=True)
            _make_room(folder, size)
            written(path)
            found = opened(path)
        if found is None:
            raise Refusal("The cache does not keep what is written to it", str(path), "Point VANHOVE_CACHE elsewhere")
        with contextlib.suppress(OSError):  # read-only, or removed by another run: it is open already
            os.utime(path)  # used now: the last to go
        return found


@contextlib.contextmanager
def _locked(path: Path, number: int) -> Iterator[None]:
    """Hold lock ``number`` of a file, across threads and processes; without where the file system knows no locks."""
    with _OUR_THREADS, open(path, "a+b") as file:  # a record lock is the process's: its threads would all hold it
        with contextlib.suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_EX, 1, number)
        yield  # closing the file gives the lock back


def _make_room(folder: Path, needed: int) -> None:
    """Remove the stores unused for longest until ``needed`` more bytes stay under the cache's bound."""
    bound = parse_size(os.environ.get("VANHOVE_CACHE_SIZE", DEFAULT_CACHE_SIZE), "VANHOVE_CACHE_SIZE")
    if needed > bound:
        raise Refusal(
            f"The trajectory takes {needed / 1e9:.1f} GB and the cache may hold {bound / 1e9:.1f} GB",
            str(folder),
            "Raise VANHOVE_CACHE_SIZE",
        )
    total = needed
    for path, status in sorted(_files(folder, "*.h5md"), key=lambda item: -item[1].st_mtime):
        total += status.st_size
        if total > bound:
            path.unlink(missing_ok=True)
    for path, status in _files(folder, ".*.part"):
        if time.time() - status.st_mtime > STALE_SECONDS:
            path.unlink(missing_ok=True)


def _files(folder: Path, pattern: str) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # another run may make room at the same moment
            found.append((path, path.stat()))
    return found
