"""Who the atoms are, where the trajectory itself does not say: by a LAMMPS data file, else by ``species=``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.elements import element_by_mass, is_species, mass_of
from vanhove.base.errors import Refusal, warn

from .checks import settle_species
from .lammps_data import IN_E, DataFile, read_data

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.contents import Options

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Labels = NDArray[np.str_]

MASS_TOLERANCE = 1.0  # u: a name and a mass further apart than isotopes of one element are not of one atom


class Atoms(NamedTuple):
    """What is known of every atom, in the trajectory's order."""

    species: Labels
    masses: Floats | None
    charges: Floats | None
    cell: Floats | None = None  # of the data file, for a trajectory that has none


def atoms_of(options: Options, n_atoms: int, path: Path, notes: list[str]) -> Atoms:
    """The atoms of a trajectory that holds positions only, in the order of the data file's ids."""
    if options.topology is None:
        if options.species is None or isinstance(options.species, Mapping) or len(options.species) != n_atoms:
            raise Refusal(
                "The file does not say which atoms it holds", f"{path} has positions of {n_atoms} atoms and no types",
                "Give topology= the LAMMPS data file of the run (on the command line --topology FILE), "
                "or species= one label for every atom",
            )  # fmt: skip
        return Atoms(settle_species(np.full(n_atoms, "?"), options, path), None, None)
    data = read_data(options.topology, options.units)
    if len(data.ids) != n_atoms:
        raise Refusal(
            "The topology is not of these atoms", f"{path} has {n_atoms} atoms, {data.path} has {len(data.ids)}",
            "Give the data file of this run; of a group of atoms only, write a dump with their ids",
        )  # fmt: skip
    return _of_data(data, np.arange(n_atoms), options, notes)


def atoms_by_id(
    options: Options, ids: Ints, types: Labels | None, path: Path, notes: list[str], masses: Floats | None = None
) -> Atoms:
    """The atoms with these ids, as the data file of ``options.topology`` has them.

    ``types`` and ``masses`` are the trajectory's own, where it has them: types of another run are noticed, masses are
    taken before those of the data file.
    """
    assert options.topology is not None  # what calls this has looked
    data = read_data(options.topology, options.units)
    which = np.minimum(np.searchsorted(data.ids, ids), len(data.ids) - 1)
    strange = np.flatnonzero(data.ids[which] != ids)
    if len(strange):
        raise Refusal(
            f"The topology has no atom {ids[strange[0]]}", f"{path} has it, {data.path} has {len(data.ids)} others",
            "Give the data file of this run",
        )  # fmt: skip
    other = np.empty(0, int) if types is None else np.flatnonzero(data.types[which] != types)
    if types is not None and len(other):
        raise Refusal(
            "The topology is not of these atoms", f"atom {ids[other[0]]} is of type {types[other[0]]} in {path} and of "
            f"type {data.types[which][other[0]]} in {data.path}", "Give the data file of this run",
        )  # fmt: skip
    return _of_data(data, which, options, notes, masses)


def settled_charges(first: Floats, last: Floats, units: str, path: Path, notes: list[str]) -> Floats | None:
    """Charges of the atoms, in e, from those of the ``first`` frame; None where they say nothing or do not stay."""
    what = f"the charges of {path.name} are left out"
    if units not in IN_E:
        notes.append(f"{what}: in units {units} they are not in e")
    elif not np.isfinite(first).all() or not first.any():
        notes.append(f"{what}: all of them are zero, or some are no numbers")
    elif not np.allclose(first, last, rtol=1e-6, atol=1e-9):
        notes.append(
            f"{what}: they change, by up to {np.abs(last - first).max():.3g} e from the first frame to the last"
        )
    else:
        return first
    return None


def _of_data(
    data: DataFile, which: NDArray[np.intp], options: Options, notes: list[str], masses: Floats | None = None
) -> Atoms:
    notes.extend([f"atoms from {data.path.name}", *data.notes])
    types = data.types[which]
    kinds, of_kind = np.unique(types, return_inverse=True)
    if masses is None and set(kinds.tolist()) <= set(data.masses):
        masses = np.array([data.masses[kind] for kind in kinds.tolist()])[of_kind]
    if options.species is None or isinstance(options.species, Mapping):
        said = set() if options.species is None else {str(key) for key in options.species}
        types = np.array([_called(data, kind, said) for kind in kinds.tolist()])[of_kind]
    species = settle_species(types, options, data.path, masses=masses)
    return Atoms(species, masses, None if data.charges is None else data.charges[which], data.cell)


def _called(data: DataFile, kind: str, said: set[str]) -> str:
    """A type's number or label where the person ``said`` what that is; else its element by label, comment or mass."""
    names, mass = data.names.get(kind, []), data.masses.get(kind)
    for name in (kind, *names):
        if name in said:
            return name
    for name in names:
        if is_species(name):
            if mass is not None and abs(mass_of(name) - mass) > MASS_TOLERANCE:
                warn(
                    f"Type {kind} is called {name} and weighs {mass:g} u",
                    f"{data.path}: {name} weighs {mass_of(name):.3f} u",
                    "It is taken as called; name it with species= if that is wrong",
                )
            return name
    reduced = set(data.masses.values()) == {1.0}  # a model without elements, not hydrogen
    return (None if mass is None or reduced else element_by_mass(mass)) or kind
