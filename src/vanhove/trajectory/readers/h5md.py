"""H5MD: our own stores, read block by block where they lie, and the basic layout as others write it.

Others: ``/particles/<group>/position`` with steps or times, listed or as an increment; a box of edges (three lengths or
three vectors, fixed or one a sampled step); image flags, velocities, ids, species, masses and charges, fixed or in
time; units in words, or those of ``units=`` where none are stated. Nothing outside the file is followed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import Contents, Options
from vanhove.trajectory.links import UNREADABLE, inner
from vanhove.trajectory.store import StoreSource

from .checks import refuse_unused, settle_species, settle_times

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAGIC = b"\x89HDF\r\n\x1a\n"


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` is that of an HDF5 file."""
    return head.startswith(MAGIC)


def scan(path: Path, options: Options) -> Contents:
    """Everything but the positions."""
    import h5py

    try:
        file = h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        raise Refusal("The file can't be read as HDF5", f"{path}: {error}", "Copy it again, or check its name")
    with file:
        try:
            ours = inner(file, "vanhove")
            if ours is not None and "layout" in ours.attrs:
                return _own(path, file, ours, options)
            from .h5md_others import scan_others

            return scan_others(path, file, options)
        except UNREADABLE as error:
            if isinstance(error, Refusal):
                raise
            raise Refusal("The file is damaged, or not laid out as H5MD", f"{path}: {error}", "Write it again")


def labels_of(values: NDArray[Any], kind: Any) -> NDArray[np.str_]:
    """The names of species: of the enumeration that is their ``kind``, their strings, or their numbers."""
    import h5py

    names = h5py.check_enum_dtype(kind)
    if names is not None:
        different, which = np.unique(values, return_inverse=True)
        called = {int(number): str(name) for name, number in names.items()}
        return np.array([called.get(int(number), str(number)) for number in different])[which]
    if values.dtype.kind in "OS":
        return np.array([v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.tolist()])
    return np.asarray(values, np.int64).astype(str)


def _own(path: Path, file: Any, ours: Any, options: Options) -> Contents:
    for argument in ("timestep", "units"):
        refuse_unused(options, argument, f"{path} is a store of vanhove's own, with its times in ps and lengths in Å")
    store = StoreSource(path)
    group = inner(file, "particles/all")
    species = inner(group, "species")
    labels = labels_of(species[:], species.dtype)
    if options.species is not None:
        labels = settle_species(labels, options, path, kind="species")
    times = inner(group, "position/time")[:]
    edges = inner(group, "box/edges")
    cells = inner(edges, "value")[:] if inner(edges, "value") is not None else edges[:][None]
    charge = inner(group, "charge")
    history = json.loads(inner(ours, "history")[()])
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise Refusal("The store's history can't be read", str(path), "Write it again")
    atoms_in_all = ours.attrs.get("atoms_in_all")
    temperature = ours.attrs.get("temperature")
    return Contents(
        paths=(path,), format="h5md", species=labels, times=settle_times(times, len(times), options, path),
        cells=cells, continuous=True, has_velocities="velocities" in store.fields, frames=None,
        masses=inner(group, "mass")[:], charges=None if charge is None else charge[:],
        temperature=None if temperature is None else float(temperature), store=store, history=history,
        atoms_in_all=None if atoms_in_all is None else int(atoms_in_all),
    )  # fmt: skip
