"""``@kernel``: numba's ``njit``, serial, without the GIL, cached so that an edit anywhere in the kernels is seen.

numba stamps its cache with the one file that holds a function; a kernel that calls another file's kernel would go on
giving the old number after an edit there. The cache folder's name therefore holds the hash of every kernel file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event

from vanhove.base.files import cache_folder
from vanhove.base.progress import overwrite, visible
from vanhove.base.version import __version__

Function = TypeVar("Function", bound=Callable[..., Any])

# Reassociation and contraction let reductions vectorise; "nnan" and "ninf" stay out, or isnan() would be false.
REASSOCIATE = {"reassoc", "contract", "arcp", "nsz"}


@cache
def _folder() -> str | None:
    source = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    name = f"{__version__}-{hashlib.blake2b(source, digest_size=8).hexdigest()}"
    folder = cache_folder("kernels", name)
    return str(folder) if folder else None


class _Told(event.Listener):  # type: ignore[misc]  # numba has no types
    """Says that a kernel is being compiled: a pause of seconds, once for every version on a machine."""

    def __init__(self) -> None:
        self._under_way = 0  # a kernel compiles those that it calls; numba compiles in one thread at a time

    def on_start(self, event: Any) -> None:
        if _is_ours(event):
            self._under_way += 1
            if self._under_way == 1 and visible():
                often = (
                    "this once" if _folder() else "at every start: set VANHOVE_CACHE to a folder that can be written"
                )
                overwrite(f"compiling {event.data['dispatcher'].py_func.__name__.strip('_')}, {often}")

    def on_end(self, event: Any) -> None:
        if _is_ours(event):
            self._under_way -= 1
            if self._under_way == 0 and visible():
                overwrite()


def _is_ours(event: Any) -> bool:
    return str(event.data["dispatcher"].py_func.__module__).startswith("vanhove.")


event.register("numba:compile", _Told())


def kernel(function: Function) -> Function:
    """Compile ``function``: serial, ``nogil``, cached where anything can be written, uncached elsewhere.

    Threads are made by ``trajectory.blocks`` alone, so no kernel is ``parallel``.
    """
    folder = _folder()
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = folder or before
    try:
        compiled: Function = numba.njit(nogil=True, fastmath=REASSOCIATE, cache=folder is not None)(function)
    finally:
        numba.config.CACHE_DIR = before  # other packages in this process keep their own
    return compiled
