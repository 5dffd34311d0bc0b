"""Labelled frames as folders of DeePMD's npy data: read, and written with where they came from.

DIRECTORY/systems.json           of every system its source, how many frames, and what names its numbers
DIRECTORY/NAME/type.raw, type_map.raw, frame_of.npy
DIRECTORY/NAME/set.000/          coord, box, energy, force and, where there are, virial: .npy, float64
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.version import __version__
from vanhove.trajectory.readers.checks import settle_species
from vanhove.trajectory.readers.deepmd_npy import check_kind, labels_of, sets_of
from vanhove.trajectory.readers.npy import read_header

from .label_data import Labelled, System

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .label_text import Asked

    Floats = NDArray[np.float64]

RECORD, FRAMES, SET = "systems.json", "frame_of.npy", "set.000"
FORM = "labelled frames of vanhove"
FILES = {"coord": "positions", "box": "cell", "energy": "energy", "force": "forces", "virial": "virial"}
DEEPEST = 6  # folders inside each other that are looked through


def is_saved(path: Path) -> bool:
    """Whether :func:`save` wrote the folder."""
    return (path / RECORD).is_file()


def systems_in(path: Path) -> list[Path]:
    """The folders of DeePMD's data in a folder, itself or below it, by their names."""
    if (path / "type.raw").is_file() or (path / "coord.npy").is_file():
        return [path]
    found = []
    for folder, inside, files in os.walk(path):
        if "type.raw" in files:
            found.append(Path(folder))
        if "type.raw" in files or len(Path(folder).relative_to(path).parts) >= DEEPEST:
            inside.clear()
    return sorted(found)


def read(path: Path, asked: Asked) -> list[System]:
    """The system in one folder of DeePMD's data."""
    sets = sets_of(path)
    if not sets:
        raise Refusal("The folder holds no set.*/coord.npy", str(path), "Give a folder of DeePMD training data")
    folder = path if sets[0].parent == path else path.parent
    check_kind(folder, sets)
    species = settle_species(labels_of(folder), asked.options, folder).tolist()
    parts = [_set(each, len(species)) for each in sets]
    present = [set(part) for part in parts]
    if any(names != present[0] for names in present):
        warn(
            "Some sets have virials and some have not",
            str(path),
            "All are read without: give the sets one by one to keep them",
        )
    arrays = {
        FILES[name]: np.concatenate([part[name] for part in parts])
        for name in FILES
        if all(name in names for names in present)
    }
    name = asked.name or folder.absolute().name
    return [
        System(name, tuple(species), source=f"{path}: DeePMD npy, {len(sets)} set{'s' * (len(sets) > 1)}", **arrays)
    ]


def _set(folder: Path, atoms: int) -> dict[str, Floats]:
    """The arrays of a set, whole or refused."""
    shapes = dict(coord=(atoms, 3), box=(3, 3), energy=(), force=(atoms, 3), virial=(3, 3))
    arrays: dict[str, Floats] = {}
    for name, shape in shapes.items():
        file = folder / f"{name}.npy"
        if not file.is_file():
            if name == "virial":
                continue
            raise Refusal(
                f"The frames have no {FILES[name]}", str(file), "Give labelled data: coord, box, energy, force"
            )
        header = read_header(file)
        if header.rows < header.shape[0]:
            raise Refusal(f"The file was cut: {header.rows} of {header.shape[0]} frames", str(file), "Copy it again")
        numbers = header.row_bytes // header.dtype.itemsize
        if numbers != int(np.prod(shape)):
            raise Refusal(
                f"The array does not hold {int(np.prod(shape))} numbers a frame",
                f"{file}: shape {header.shape}, with {atoms} atoms in type.raw", "Check the folder",
            )  # fmt: skip
        arrays[name] = header.read_all().reshape(-1, *shape)
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise Refusal("The arrays are not of as many frames", f"{folder}: {said}", "Copy the folder again")
    return arrays


def load(path: Path) -> list[System]:
    """What :func:`save` wrote, and nothing that was changed since."""
    record = _record(path)
    systems = []
    for entry in record["systems"]:
        folder = path / entry["name"]
        if not (folder / SET / "coord.npy").is_file():
            raise Refusal(f"The system '{entry['name']}' is missing", str(folder), "Copy the whole directory again")
        labels = labels_of(folder)
        arrays = {FILES[name]: array for name, array in _set(folder / SET, len(labels)).items()}
        numbers = read_header(folder / FRAMES).read_all().astype(np.int64)
        system = System(
            entry["name"], tuple(labels.tolist()), frame_of=numbers, source=entry["source"], **arrays
        )  # fmt: skip
        if system.fingerprint != entry["fingerprint"]:
            raise Refusal(
                "The numbers are not those that were saved", str(folder),
                f"Read the folder itself, without {RECORD}, if they were changed on purpose",
            )  # fmt: skip
        systems.append(system)
    return systems


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        if record["form"] != FORM or not all(isinstance(entry["name"], str) for entry in record["systems"]):
            raise ValueError("it is no record of labelled frames")  # noqa: TRY301 - said once, below
        known = {(entry["name"], entry["source"], entry["fingerprint"]) for entry in record["systems"]}
        if not known or any("/" in name or name.startswith(".") for name, *_ in known):
            raise ValueError("it names no system, or one outside of the directory")  # noqa: TRY301
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("The record can't be read", f"{path / RECORD}: {error}", "Copy the whole directory again")
    return dict(record)


def save(data: Labelled, directory: str | os.PathLike[str]) -> Path:
    """See :meth:`vanhove.simulate.Labelled.save`."""
    target = Path(directory)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        if target.is_dir() and is_saved(target) and tuple(load(target)) == data.systems:
            return target
        raise Refusal("Something else is there", str(target), "Choose another directory, or remove it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        for system in data.systems:
            _write(system, temporary / system.name, data.species)
        entries = [
            dict(
                name=system.name, formula=system.formula, frames=system.frames, virial=system.virial is not None,
                source=system.source, fingerprint=system.fingerprint,
            )
            for system in data.systems
        ]  # fmt: skip
        record = dict(form=FORM, version=__version__, units="Å, eV, eV/Å; virial -dE/dε in eV", systems=entries)
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (temporary / RECORD).write_text(text, encoding="utf-8")
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)  # mkdtemp gives 0700; the person's own rule decides
        os.rename(temporary, target)  # onto an empty directory, too
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _write(system: System, folder: Path, order: Sequence[str]) -> None:
    (folder / SET).mkdir(parents=True)
    types = [order.index(symbol) for symbol in system.species]
    (folder / "type.raw").write_text("".join(f"{number}\n" for number in types), encoding="utf-8")
    (folder / "type_map.raw").write_text("".join(f"{symbol}\n" for symbol in order), encoding="utf-8")
    np.save(folder / FRAMES, system.frame_of)
    for name, what in FILES.items():
        array = getattr(system, what)
        if array is not None:
            np.save(folder / SET / f"{name}.npy", array.reshape(system.frames, -1) if array.ndim > 1 else array)
