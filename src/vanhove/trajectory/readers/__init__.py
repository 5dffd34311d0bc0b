"""One file a format. A reader has ``recognises(path, head)`` and ``scan(path, options) -> Contents``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

# In the order they are asked whether a file is theirs: those that know by a magic number first.
FORMATS = {
    "h5md": "h5md",
    "lammps-dump": "lammps_dump",
    "extxyz": "extxyz",
    "xdatcar": "xdatcar",
}


def reader_named(name: str) -> ModuleType:
    """The reader of a format."""
    if name not in FORMATS:
        raise Refusal(f"There is no format '{name}'", "", nearest(name, list(FORMATS)))
    return import_module(f"{__name__}.{FORMATS[name]}")


def reader_for(path: Path) -> ModuleType:
    """The reader that recognises ``path`` by its first bytes and its name."""
    head = _head(path)
    for name in FORMATS:
        reader = reader_named(name)
        if reader.recognises(path, head):
            return reader
    raise Refusal(
        "No reader recognises the file", str(path), f"Name its format: format={', '.join(map(repr, FORMATS))}"
    )


def _head(path: Path, size: int = 8192) -> bytes:
    """The first bytes of a file, decompressed where it is gzip; a cut gzip gives what it has."""
    import gzip
    import zlib

    with open(path, "rb") as file:
        head = file.read(size)
    if head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                return file.read(size)
        except (EOFError, OSError):
            return zlib.decompressobj(wbits=31).decompress(head)[:size]
    return head
