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
    """The first bytes of a file, unpacked where it is packed; of a cut one what there is."""
    from .text import TextFile

    head = bytearray(size)
    with TextFile(path) as file:
        return bytes(head[: file.read_into(0, memoryview(head))])
