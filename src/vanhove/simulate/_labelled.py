"""Labelled frames from files: what ab-initio codes wrote, or what other programs made of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from vanhove.base.errors import Refusal, nearest
from vanhove.trajectory.contents import Options

from .label_data import Labelled, System, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from .label_text import Asked

__all__ = ["Labelled", "System", "labelled"]

PathLike = str | os.PathLike[str]
FORMATS = ("vasprun", "outcar", "cp2k", "cp2k-xyz", "extxyz", "deepmd")


class _Reader(NamedTuple):
    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path, Asked], list[System]]


def labelled(
    paths: PathLike | Sequence[PathLike],
    *,
    species: Mapping[int | str, str] | Sequence[str] | None = None,
    format: str | None = None,
    name: str | None = None,
    keys: Mapping[str, str] | None = None,
) -> Labelled:
    """Frames with energies, forces and virials, to train a potential on or to test one with (E5).

    Parameters
    ----------
    paths
        A file or several, of one kind or many: VASP's ``vasprun.xml`` or ``OUTCAR``, CP2K's output or ``X-pos-1.xyz``,
        extended XYZ; text also packed (.gz, .zst). Or a folder: one of DeePMD's npy data, one with many of those in it,
        or one that :meth:`Labelled.save` wrote.
    species
        Which element each type or kind is, where the file does not say: ``{"0": "Li", "1": "S"}`` or ``["Li", "S"]``.
    format
        Forces a reader: ``"vasprun"``, ``"outcar"``, ``"cp2k"`` (an output), ``"cp2k-xyz"``, ``"extxyz"`` or
        ``"deepmd"``.
    name
        What the system is called, instead of the folder's or the file's name; where there are several it comes first.
    keys
        For extended XYZ, what the labels are called: ``{"energy": "REF_energy", "forces": "REF_forces"}``, and
        ``"virial"`` or ``"stress"``.

    Returns
    -------
    Labelled
        The systems: frames of the same atoms in the same order. Energies are those whose derivatives the forces are, in
        eV; forces in eV/Å; virials W = -dE/dε = -σV in eV. Look at ``check()`` before training on them.

    Nothing is taken on trust: what is cut in the middle, not finite, or does not fit together is refused; a last frame
    that is not whole, frames without labels and calculations whose electrons did not come to rest are left out with a
    warning.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    if not isinstance(given, Sequence) or not all(isinstance(path, str | os.PathLike) for path in given):
        raise Refusal("labelled takes the path of a file or a folder, or several", f"it was given {paths!r}"[:200])
    if not given:
        raise Refusal("No file was named")
    if format is not None and format not in FORMATS:
        raise Refusal(f"There is no format '{format}'", "", nearest(format, list(FORMATS)))
    asked = _asked(species, name, keys)
    systems: list[System] = []
    for path in map(Path, given):
        if not path.exists():
            raise Refusal("There is no such file", str(path), "Check the path")
        if path.is_file() and path.stat().st_size == 0:
            raise Refusal("The file is empty", str(path))
        systems += _of_folder(path, asked) if path.is_dir() else _of_file(path, asked, format)
    if name is not None and len({system.name for system in systems}) > 1:
        stem = f"{name}-"
        systems = [
            one if one.name == name or one.name.startswith(stem) else replace(one, name=stem + one.name)
            for one in systems
        ]
    return joined(systems)


def _asked(
    species: Mapping[int | str, str] | Sequence[str] | None, name: str | None, keys: Mapping[str, str] | None
) -> Asked:
    from .label_text import Asked

    return Asked(Options(species=species), name, keys)


def _of_folder(path: Path, asked: Asked) -> list[System]:
    from . import label_store

    if label_store.is_saved(path):
        return label_store.load(path)
    folders = label_store.systems_in(path)
    if not folders:
        raise Refusal(
            "The folder holds no labelled frames", f"{path}: no type.raw in it or below",
            "Give folders of DeePMD data, or the files themselves: vasprun.xml, OUTCAR, X.out, X-pos-1.xyz, X.xyz",
        )  # fmt: skip
    if folders == [path]:
        return label_store.read(path, asked)
    systems = []
    for folder in folders:
        (system,) = label_store.read(folder, replace(asked, name=None))
        systems.append(replace(system, name="-".join(folder.relative_to(path).parts)))
    return systems


def _of_file(path: Path, asked: Asked, format: str | None) -> list[System]:
    from vanhove.trajectory.readers import head_of

    if format is not None:
        return _reader(format).read(path, asked)
    head = head_of(path)
    for known in FORMATS[:-1]:
        reader = _reader(known)
        if reader.recognises(path, head):
            return reader.read(path, asked)
    raise Refusal(
        "No reader recognises the file", str(path), f"Name its format: format={', '.join(map(repr, FORMATS[:-1]))}"
    )


def _reader(format: str) -> _Reader:
    from . import cp2k_output, label_cp2k, label_extxyz, label_outcar, label_store, label_vasprun

    if format == "cp2k":
        return _Reader(cp2k_output.recognises, label_cp2k.read_of_output)
    if format == "deepmd":
        return _Reader(lambda path, _: path.is_dir(), label_store.read)
    modules: dict[str, ModuleType] = {
        "vasprun": label_vasprun, "outcar": label_outcar, "cp2k-xyz": label_cp2k, "extxyz": label_extxyz
    }  # fmt: skip
    return _Reader(modules[format].recognises, modules[format].read)
