"""The native store: H5MD, so that other tools open it, in chunks that serve blocks of frames and blocks of atoms alike.

Layout (H5MD 1.1): ``/particles/all/{position, velocity, species, mass, charge, box}``. Two additions that other readers
pass over: ``/particles/all/displacement_correction`` (what toroidal displacements add to a position in a changing cell)
and ``/vanhove`` (temperature, history).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import file_identity, whole
from vanhove.base.version import __version__

from .budget import memory_budget
from .source import Block, Field, compact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

CHUNK_FRAMES, CHUNK_ATOMS = 128, 512  # 1.5 MB: 8.6 GB/s by frames and 6.9 by atoms where (1, N, 3) gives 0.43 by atoms
NAMES: dict[Field, str] = {
    "positions": "position",
    "velocities": "velocity",
    "correction": "displacement_correction",
}
UNITS: dict[Field, str] = {"positions": "Angstrom", "velocities": "Angstrom ps-1", "correction": "Angstrom"}


def write_blocks(
    path: str | os.PathLike[str],
    blocks: Iterable[Block],
    *,
    species: Sequence[str],
    masses: Floats,
    charges: Floats | None,
    cells: Floats,
    times: Floats,
    temperature: float | None,
    history: Sequence[dict[str, Any]],
) -> None:
    """Stream ``blocks`` of consecutive frames into an H5MD file, whole or not at all.

    ``cells`` is (1, 3, 3) or (frame, 3, 3), ``times`` (frame,) in ps. The blocks must bring
    exactly ``len(times)`` frames.
    """
    import h5py

    frames, atoms = len(times), len(species)
    _check_room(path, frames * atoms * 24)
    with whole(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        _write_header(file, history, temperature)
        group = file.create_group("particles/all")
        _write_atoms(group, species, masses, charges)
        _write_box(group, cells, times)
        done = 0
        for block in blocks:
            arrays: dict[Field, Floats | None] = {
                "positions": block.positions,
                "correction": block.correction,
                "velocities": block.velocities,
            }
            for field, array in arrays.items():
                if array is None:
                    continue
                if NAMES[field] not in group:
                    _create(group, field, frames, atoms, times)
                group[NAMES[field]]["value"][done : done + len(array)] = array
            done += len(block.positions)
        if done != frames:
            raise Refusal(
                f"{done} frames came where {frames} were announced", str(path), "The source changed while read"
            )


def _write_header(file: Any, history: Sequence[dict[str, Any]], temperature: float | None) -> None:
    h5md = file.create_group("h5md")
    h5md.attrs["version"] = np.array([1, 1])
    h5md.create_group("author").attrs["name"] = "vanhove"
    creator = h5md.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = "vanhove", __version__
    ours = file.create_group("vanhove")
    ours["history"] = json.dumps(list(history))  # a data set: an attribute holds 64 kB at most
    if temperature is not None:
        ours.attrs["temperature"] = float(temperature)


def _write_atoms(group: Any, species: Sequence[str], masses: Floats, charges: Floats | None) -> None:
    import h5py

    labels = sorted(set(species))
    number = {label: index for index, label in enumerate(labels)}
    kind = h5py.enum_dtype(number, basetype="i4")
    group.create_dataset("species", data=np.array([number[label] for label in species], "i4"), dtype=kind)
    group["mass"] = np.asarray(masses, float)
    group["mass"].attrs["unit"] = "u"
    if charges is not None:
        group["charge"] = np.asarray(charges, float)
        group["charge"].attrs["unit"] = "e"


def _write_box(group: Any, cells: Floats, times: Floats) -> None:
    box = group.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = np.array([b"periodic"] * 3)
    if len(cells) == 1:
        box["edges"] = cells[0]
        box["edges"].attrs["unit"] = "Angstrom"
        return
    edges = box.create_group("edges")
    edges["step"] = np.arange(len(times))
    edges["time"] = times
    edges["value"] = cells
    edges["value"].attrs["unit"], edges["time"].attrs["unit"] = "Angstrom", "ps"


def _create(group: Any, field: Field, frames: int, atoms: int, times: Floats) -> None:
    element = group.create_group(NAMES[field])
    if "_time" not in group.attrs:
        element["step"] = np.arange(frames)
        element["time"] = times
        element["time"].attrs["unit"] = "ps"
        group.attrs["_time"] = element.name  # where the other elements' hard links point; dropped by readers
    else:
        first = group[group.attrs["_time"]]
        element["step"], element["time"] = first["step"], first["time"]
    fits = max(
        1, int(memory_budget() / 4 / (24 * max(atoms, 1)))
    )  # frames of a chunk row within a quarter of the budget
    chunk = (min(CHUNK_FRAMES, frames, fits), min(CHUNK_ATOMS, atoms), 3)
    element.create_dataset("value", shape=(frames, atoms, 3), dtype="f8", chunks=chunk)
    element["value"].attrs["unit"] = UNITS[field]


def _check_room(path: str | os.PathLike[str], needed: int) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise Refusal(
            f"Writing {os.path.basename(path)} takes {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free",
            folder,
            "Free some space, or point VANHOVE_CACHE at a larger disk",
        )


class StoreSource:
    """Blocks read from one H5MD file; opened once, picklable (it opens again where it lands)."""

    def __init__(self, path: str | os.PathLike[str], group: str = "particles/all") -> None:
        self.path, self.group = os.path.abspath(path), group
        self._open()
        self.fingerprint = file_identity(self.path)

    def _open(self) -> None:
        import h5py

        self._file = h5py.File(self.path, "r")
        particles = self._file[self.group]
        self._data = {field: particles[name]["value"] for field, name in NAMES.items() if name in particles}
        self.fields: frozenset[str] = frozenset(self._data)
        self.n_frames, self.n_atoms = self._data["positions"].shape[:2]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "group": self.group, "fingerprint": self.fingerprint}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def read(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """See ``Source``. Scattered atoms are picked out of a few frames at a time, so that no large copy is made."""
        data = self._data[field]
        picked, few = compact(frames), compact(atoms)
        if isinstance(picked, slice) and isinstance(few, slice) and (few.step or 1) == 1:
            whole_block: Floats = data[picked, few].astype(np.float64, copy=False)
            return whole_block
        low, high = int(atoms.min()), int(atoms.max()) + 1
        result = np.empty((len(frames), len(atoms), 3))
        for start in range(0, len(frames), CHUNK_FRAMES):
            part = frames[start : start + CHUNK_FRAMES]
            first, last = int(part.min()), int(part.max()) + 1
            block = data[first:last, low:high]
            result[start : start + len(part)] = block[part - first][:, atoms - low]
        return result
