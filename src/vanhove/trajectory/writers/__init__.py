"""One file a format that can be written. A writer has ``write(traj, path, wrapped) -> what the format can't hold``."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from vanhove.trajectory.core import Trajectory


class Format(NamedTuple):
    """Where a format's writer is, what its files are called, and what a person calls it."""

    file: str
    suffixes: tuple[str, ...]
    name: str


FORMATS = {
    "h5md": Format("h5md", (".h5md", ".h5", ".hdf5"), "H5MD"),
    "extxyz": Format("extxyz", (".extxyz", ".xyz", ".extxyz.gz", ".xyz.gz"), "extended XYZ"),
    "lammps-dump": Format(
        "lammps_dump", (".lammpstrj", ".dump", ".lammpstrj.gz", ".dump.gz"), "LAMMPS dump"
    ),
}  # fmt: skip


def write(
    traj: Trajectory, path: str | os.PathLike[str], *, format: str | None = None, wrapped: bool = False
) -> list[str]:
    """Write ``traj`` to ``path``, whole or not at all; what the format can't hold is returned, a phrase each.

    Frames are streamed: the memory budget holds however long the trajectory is.

    Parameters
    ----------
    path
        Its suffix says the format: ``.h5md``, ``.extxyz`` or ``.xyz``, ``.lammpstrj`` or ``.dump``, the text formats
        also with ``.gz``.
    format
        ``"h5md"``, ``"extxyz"`` or ``"lammps-dump"``, whatever the suffix.
    wrapped
        Atoms put back into the cell. A dump then has image flags, so that nothing is lost; extended XYZ loses its
        unwrapped positions. Not for H5MD, which holds unwrapped ones.
    """
    target = Path(path)
    name = format_of(target) if format is None else format
    if name not in FORMATS:
        raise Refusal(f"There is no format '{name}' to write", "", nearest(name, list(FORMATS)))
    if target.is_dir():
        raise Refusal("A folder has this name", str(target), "Name a file")
    lost: list[str] = import_module(f"{__name__}.{FORMATS[name].file}").write(traj, target, wrapped)
    return lost


def format_of(path: Path) -> str:
    """The format that a file of this name is written in."""
    name = path.name.lower()
    for format, known in FORMATS.items():
        if name.endswith(known.suffixes):
            return format
    suffixes = [suffix for known in FORMATS.values() for suffix in known.suffixes]
    given = "".join(path.suffixes[-2:]) if name.endswith(".gz") else path.suffix
    raise Refusal(
        f"The name says no format that can be written: '{path.name}'", "",
        nearest(given.lower() or "none", suffixes),
    )  # fmt: skip
