"""The output folder: one process at a time writes into it, and what a killed one left half-written is swept up."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vanhove.base.errors import Refusal

LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing, for this process alone; it goes again where nothing came into it.

    The lock is the kernel's: it ends with the process, however that ends, so a killed run blocks nobody.
    """
    made = _make(folder)
    handle = _locked(folder)
    try:
        _sweep(folder)
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        os.close(handle)
        for path in [folder / "data", folder / "runs", *made]:
            _remove_empty(path)


def _make(folder: Path) -> list[Path]:
    """Make ``folder`` and its parents; those that are new, innermost first."""
    missing = []
    path = folder.resolve()
    while not path.exists():
        missing.append(path)
        path = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal("The results folder can't be made", str(error), "Choose another one with --out")
    return missing


def _locked(folder: Path) -> int:
    path = folder / LOCK
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise Refusal("The results folder can't be written to", str(error), "Choose another one with --out")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 20).decode(errors="replace").strip()
            os.close(handle)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise Refusal("The results folder can't be locked", str(error), "Choose a folder on a local disk")
            raise Refusal(
                "Another process runs a study in this folder",
                f"{folder}, process {holder or 'unknown'}",
                "Wait for it, stop it, or choose another folder with --out",
            )
        if _still_there(path, handle):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            return handle
        os.close(handle)  # the one who held it removed it between our opening and locking


def _still_there(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _sweep(folder: Path) -> None:
    for place in (folder, folder / "data"):
        for left in place.glob(".*.part"):
            left.unlink(missing_ok=True)


def _remove_empty(path: Path) -> None:
    with suppress(OSError):  # it holds something, or was never made
        path.rmdir()
