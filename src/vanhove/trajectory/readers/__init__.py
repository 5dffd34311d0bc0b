"""One file a format. A reader has ``recognises(path, head)`` and ``scan(path, options) -> Contents``.

``path`` may be a folder for formats that are one; its ``head`` is then empty.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from vanhove.base.errors import Refusal, nearest

from .checks import refuse_unused

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from vanhove.trajectory.contents import Contents, Options

# In the order they are asked whether a file is theirs: those that know by a magic number first.
FORMATS = {
    "dcd": "dcd",
    "xtc": "xtc",
    "netcdf": "netcdf",
    "h5md": "h5md",
    "ase": "ase_traj",
    "deepmd": "deepmd_npy",
    "vasprun": "vasprun",
    "lammps-dump": "lammps_dump",
    "cp2k-xyz": "cp2k_xyz",
    "extxyz": "extxyz",
    "xdatcar": "xdatcar",
}


# Which of ``timestep=``, ``units=`` and ``topology=`` each can make use of; the other arguments serve all.
USES = {
    "dcd": {"timestep", "units", "topology"},
    "xtc": {"timestep", "units", "topology"},
    "netcdf": {"timestep", "units", "topology"},
    "h5md": {"timestep", "units"},
    "ase": set[str](),
    "deepmd": set[str](),
    "vasprun": {"timestep"},
    "lammps-dump": {"timestep", "units", "topology"},
    "cp2k-xyz": {"timestep", "units", "topology"},
    "extxyz": {"timestep", "units"},
    "xdatcar": set[str](),
}
NEEDLESS = {"timestep": "counts no steps", "units": "leaves no unit open", "topology": "needs no other file"}


def scan(path: Path, options: Options, format: str | None = None) -> Contents:
    """What ``path`` holds, by the reader of ``format`` or the one that recognises it."""
    name = format or format_of(path)
    reader = reader_named(name)
    for argument, why in NEEDLESS.items():
        if argument not in USES[name]:
            refuse_unused(options, argument, f"{path} is read as {name}, which {why}")
    contents: Contents = reader.scan(path, options)
    return contents


def reader_named(name: str) -> ModuleType:
    """The reader of a format."""
    if name not in FORMATS:
        raise Refusal(f"There is no format '{name}'", "", nearest(name, list(FORMATS)))
    return import_module(f"{__name__}.{FORMATS[name]}")


def format_of(path: Path) -> str:
    """The format whose reader recognises ``path`` by its first bytes and its name."""
    head = b"" if path.is_dir() else head_of(path)
    for name in FORMATS:
        if reader_named(name).recognises(path, head):
            return name
    raise Refusal(
        "No reader recognises the file", str(path), f"Name its format: format={', '.join(map(repr, FORMATS))}"
    )


def head_of(path: Path, size: int = 8192) -> bytes:
    """The first bytes of a file, unpacked where it is packed; of a cut one what there is."""
    from .text import TextFile

    head = bytearray(size)
    with TextFile(path) as file:
        return bytes(head[: file.read_into(0, memoryview(head))])
