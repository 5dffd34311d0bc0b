"""The native store: H5MD, so that other tools open it, in chunks that serve blocks of frames and blocks of atoms alike.

Layout (H5MD 1.1): ``/particles/all/{position, velocity, species, mass, charge, box}``. Two additions that other readers
pass over: ``/particles/all/displacement_correction`` (what toroidal displacements add to a position in a changing cell)
and ``/vanhove`` (temperature, history).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import file_identity, whole
from vanhove.base.version import __version__

from .budget import memory_budget
from .links import UNREADABLE, inner
from .source import Block, Field, compact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

LAYOUT = 1  # counted up when the meaning of what is stored changes
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
    atoms_in_all: int | None = None,
) -> None:
    """Stream ``blocks`` of consecutive frames into an H5MD file, whole or not at all.

    ``cells`` is (1, 3, 3) or (frame, 3, 3), ``times`` (frame,) in ps. The blocks must bring exactly ``len(times)``
    frames, all with the same fields, of finite numbers. ``atoms_in_all`` says of how many atoms these are a part.
    """
    import h5py

    frames, atoms = len(times), len(species)
    coming = iter(blocks)
    first = next(coming, None)
    if first is None:
        raise Refusal("There is no frame to write", str(path))
    fields = list(_arrays(first))
    _check_room(path, frames * atoms * 24 * len(fields))
    with whole(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        _write_header(file, history, temperature, atoms_in_all)
        group = file.create_group("particles/all")
        _write_atoms(group, species, masses, charges)
        for field in fields:
            _create(group, field, frames, atoms, times, _row_frames(atoms, len(fields)))
        _write_box(group, cells)
        done = 0
        coming = chain([first], coming)
        del first  # it goes as soon as it is written
        for arrays in _by_rows(coming, _row_frames(atoms, len(fields))):
            count = len(arrays["positions"])
            if done + count > frames:
                raise Refusal(f"More frames came than the {frames} announced", str(path))
            for field, array in arrays.items():
                if not np.isfinite(array.sum()):
                    frame = done + int(np.argmin(np.isfinite(array).all(axis=(1, 2))))
                    raise Refusal(f"The {field} of frame {frame} are not finite numbers", str(path))
                group[NAMES[field]]["value"][done : done + count] = array
            done += count
        if done != frames:
            raise Refusal(
                f"{done} frames came where {frames} were announced", str(path), "The source changed while read"
            )


def _row_frames(atoms: int, fields: int) -> int:
    """Frames of a row of chunks: those of all fields take a quarter of the budget at most."""
    fits = int(memory_budget() / 4 / (24 * max(atoms, 1) * fields))
    return max(1, min(CHUNK_FRAMES, fits))


def _by_rows(blocks: Iterable[Block], frames: int) -> Iterator[dict[Field, Floats]]:
    """The same frames, so many at once as a row of chunks has: part of one would be read, changed and written again."""
    room: dict[Field, Floats] = {}
    filled = 0
    for block in blocks:
        arrays = _arrays(block)
        start = 0
        while start < len(block.positions):
            count = min(frames - filled, len(block.positions) - start)
            for field, array in arrays.items():
                if field not in room:
                    room[field] = np.empty((frames, *array.shape[1:]))
                room[field][filled : filled + count] = array[start : start + count]
            start, filled = start + count, filled + count
            if filled == frames:
                yield room
                filled = 0
    if filled:
        yield {field: array[:filled] for field, array in room.items()}


def _arrays(block: Block) -> dict[Field, Floats]:
    arrays: dict[Field, Floats | None] = {
        "positions": block.positions,
        "correction": block.correction,
        "velocities": block.velocities,
    }
    return {field: array for field, array in arrays.items() if array is not None}


def _write_header(
    file: Any, history: Sequence[dict[str, Any]], temperature: float | None, atoms_in_all: int | None
) -> None:
    h5md = file.create_group("h5md")
    h5md.attrs["version"] = np.array([1, 1])
    h5md.create_group("author").attrs["name"] = "vanhove"
    creator = h5md.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = "vanhove", __version__
    ours = file.create_group("vanhove")
    ours.attrs["layout"] = LAYOUT
    # a data set, since an attribute holds 64 kB at most; of fixed length: a damaged heap of strings can hang HDF5
    ours["history"] = np.bytes_(json.dumps(list(history)))
    if temperature is not None:
        ours.attrs["temperature"] = float(temperature)
    if atoms_in_all is not None:
        ours.attrs["atoms_in_all"] = int(atoms_in_all)


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


def _write_box(group: Any, cells: Floats) -> None:
    box = group.create_group("box")
    box.attrs["dimension"] = 3
    box.attrs["boundary"] = np.array([b"periodic"] * 3)
    if len(cells) == 1:
        box["edges"] = cells[0]
        box["edges"].attrs["unit"] = "Angstrom"
        return
    edges = box.create_group("edges")
    edges["value"] = cells
    edges["value"].attrs["unit"] = "Angstrom"
    edges["step"], edges["time"] = group["position/step"], group["position/time"]


def _create(group: Any, field: Field, frames: int, atoms: int, times: Floats, row: int) -> None:
    element = group.create_group(NAMES[field])
    if field == "positions":
        element["step"] = np.arange(frames)
        element["time"] = times
        element["time"].attrs["unit"] = "ps"
    else:  # hard links: one clock for all
        element["step"], element["time"] = group["position/step"], group["position/time"]
    chunk = (min(row, frames), min(CHUNK_ATOMS, atoms), 3)
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
    """Blocks read from one H5MD file of ours; opened once, picklable (it opens again where it lands)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self._open()
        self.fingerprint = file_identity(self.path)

    def _open(self) -> None:
        import h5py

        self._data: dict[Field, Any] = {}
        try:
            self._file = h5py.File(self.path, "r", locking="best-effort")
            for field, name in NAMES.items():
                data = inner(self._file, f"particles/all/{name}/value")
                if data is not None:
                    _check_chunks(data)
                    self._data[field] = data
        except UNREADABLE as error:
            raise error if isinstance(error, Refusal) else self._damaged(error)
        shape: tuple[int, ...] = self._data["positions"].shape if "positions" in self._data else ()
        if len(shape) != 3 or shape[2] != 3 or any(d.shape != shape or d.dtype != "f8" for d in self._data.values()):
            raise Refusal("The store's arrays are not (frame, atom, axis) numbers of one shape", self.path)
        self.fields: frozenset[str] = frozenset(self._data)
        self.n_frames, self.n_atoms, _ = shape

    def _damaged(self, error: Exception) -> Refusal:
        return Refusal(
            "The store can't be read, it is damaged or gone", f"{self.path}: {error}",
            "Convert the trajectory again; a file in the cache is made again once it is removed",
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "fingerprint": self.fingerprint}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def read(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """See ``Source``. Scattered frames or atoms are picked out of one chunk after the other: each is read once."""
        try:
            return self._read(self._data[field], frames, atoms)
        except (OSError, RuntimeError) as error:
            raise self._damaged(error)

    def _read(self, data: Any, frames: Index, atoms: Index) -> Floats:
        picked, few = compact(frames), compact(atoms)
        if isinstance(picked, slice) and isinstance(few, slice) and (few.step or 1) == 1:
            whole_block: Floats = data[picked, few]
            return whole_block
        rows, columns = (data.chunks or (CHUNK_FRAMES, CHUNK_ATOMS))[:2]
        result = np.empty((len(frames), len(atoms), 3))
        for t in _in_chunks(frames, rows):
            for a in _in_chunks(atoms, columns):
                first, low = frames[t.start], atoms[a.start]
                chunk = data[first : frames[t.stop - 1] + 1, low : atoms[a.stop - 1] + 1]
                result[t, a] = chunk[frames[t] - first][:, atoms[a] - low]
        return result


def _check_chunks(data: Any) -> None:
    """Look through the list of chunks, a few ms for a hundred GB: what is not in the file would be read as zeros."""
    if data.chunks is not None:
        expected = prod(-(-length // chunk) for length, chunk in zip(data.shape, data.chunks, strict=True))
        found = data.id.get_num_chunks()
        if found != expected:
            raise OSError(f"{data.name} has {found} chunks of {expected}")


def _in_chunks(index: Index, size: int) -> list[slice]:
    """Stretches of a rising ``index`` (as every view's is) that lie in one chunk each."""
    edges = [0, *(np.flatnonzero(np.diff(index // size)) + 1).tolist(), len(index)]
    return [slice(begin, end) for begin, end in pairwise(edges)]
