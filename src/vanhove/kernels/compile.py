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

from vanhove.base.files import cache_folder
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
