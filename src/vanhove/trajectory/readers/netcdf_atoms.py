"""Who the atoms of a netCDF trajectory are: by its own ids, types, masses and charges, else by a LAMMPS data file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

from .atoms import Atoms, atoms_by_id, atoms_of, settled_charges
from .checks import settle_species

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.contents import Options

    from .netcdf_files import NetCDF

    Array = NDArray[np.generic]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Followed(NamedTuple):
    """The atoms sorted by id, and what every frame must have of them."""

    atoms: Atoms
    ids: Ints | None  # rising; None: frames are in order
    types: Ints | None  # of every frame; None where it has none


class AtomTable:
    """Reads one number for every atom, sorted by id."""

    def __init__(self, file: NetCDF, n_atoms: int, path: Path) -> None:
        self._file, self._atoms, self._path = file, n_atoms, path

    def column(self, name: str, frame: int = 0) -> Array | None:
        """A variable of frames and atoms, or of atoms alone; None where there is none."""
        values = self._raw(name, frame)
        ids = self._raw("id", frame)
        return values if values is None or ids is None else values[np.argsort(ids, kind="stable")]

    def _raw(self, name: str, frame: int) -> Array | None:
        variable = self._file.variables.get(name)
        if variable is None or variable.dtype.kind not in "iuf":
            return None
        if variable.shape == (self._atoms,):
            return variable.read(0, self._atoms)
        if variable.shape[1:] == (self._atoms,):
            return np.asarray(variable.read(frame, frame + 1)[0])
        return None

    def each_frame(self, name: str) -> Ints | None:
        """What every frame must have in the variable ``name``, by its first."""
        values = self.column(name)
        moves = values is not None and len(self._file.variables[name].shape) == 2
        return values.astype(np.int64) if values is not None and moves else None

    def follow(self, options: Options, notes: list[str]) -> Followed:
        """Settle who the atoms are."""
        ids, kinds = self.each_frame("id"), self.column("type")
        if ids is not None and (np.diff(ids) == 0).any():
            raise Refusal(
                f"Atom {ids[:-1][np.diff(ids) == 0][0]} stands twice in a frame",
                f"{self._path}, frame 0",
                "Check the file",
            )
        labels = None if kinds is None else kinds.astype(np.int64).astype(str)
        return Followed(self._named(options, ids, labels, notes), ids, self.each_frame("type"))

    def _named(self, options: Options, ids: Ints | None, labels: NDArray[np.str_] | None, notes: list[str]) -> Atoms:
        weights = self.column("mass")
        masses = None if weights is None else weights.astype(np.float64)
        if masses is not None and not ((masses > 0) & np.isfinite(masses)).all():
            masses = None
        if options.topology is not None and ids is not None:
            return atoms_by_id(options, ids, labels, self._path, notes)
        if options.topology is not None or (labels is None and masses is None):
            return atoms_of(options, self._atoms, self._path, notes)
        labels = np.full(self._atoms, "?") if labels is None else labels
        return Atoms(settle_species(labels, options, self._path, masses=masses), masses, None)

    def charges(self, frames: int, units: str, notes: list[str]) -> Floats | None:
        """Charges in e, where the file has them and they stay as they are."""
        first, last = self.column("q", 0), self.column("q", frames - 1)
        if first is None or last is None:
            return None
        return settled_charges(first.astype(np.float64), last.astype(np.float64), units, self._path, notes)
