"""Where sites are: from a structure, a file, or positions; in fractions of the trajectory's cell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.structure.neighbours import neighbours_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

COMMENSURATE = 0.1  # how far the trajectory's cell may be from a whole number of the structure's
SAME = 0.05  # Å: two sites that are one
EDGE = 1e-6  # of a cell
CLOSEST = 20.0  # Å: where a neighbouring site is sought


class Sites(NamedTuple):
    """Sites that go with the cell."""

    fractions: Floats  # (site, axis)
    names: list[str]

    def nearest(self, cell: Floats) -> tuple[Ints, Ints, Floats]:
        """All pairs of sites within a distance that every site has a neighbour in, and their distances (Å)."""
        places = self.fractions @ cell
        number = np.arange(len(places))
        reach = min(CLOSEST, 2.5 * (abs(float(np.linalg.det(cell))) / len(places)) ** (1 / 3))
        pairs = neighbours_within(places, cell, number, number, reach)
        return pairs.i, pairs.j, pairs.distance


def sites_of(
    given: Any, traj: Trajectory, species: Sequence[str], names: Sequence[str] | None, *, fractional: bool
) -> Sites:
    """Sites from ``ase.Atoms``, a file of atoms, positions, or positions by name."""
    cell = traj.cells[0]
    if isinstance(given, str | os.PathLike):
        given = _read(given)
    if hasattr(given, "get_scaled_positions"):
        found = _of_structure(given, cell, species)
    elif isinstance(given, Mapping):
        parts = {str(name): _rows(places, str(name)) for name, places in given.items()}
        labels = [name for name, places in parts.items() for _ in places]
        found = Sites(_fractions(np.concatenate([*parts.values(), np.empty((0, 3))]), cell, fractional), labels)
    else:
        rows = _rows(given, "sites")
        found = Sites(_fractions(rows, cell, fractional), ["site"] * len(rows))
    if len(found.names) == 0:
        raise Refusal("There are no sites", "", 'Give a structure, positions, or "density"')
    if names is not None:
        if len(names) != len(found.names):
            raise Refusal(f"{len(names)} names for {len(found.names)} sites", "", "Give each site a name")
        found = Sites(found.fractions, [str(name) for name in names])
    i, j, distance = found.nearest(cell)
    if len(distance) and distance.min() < SAME:
        k = int(np.argmin(distance))
        raise Refusal(
            f"Sites {i[k]} and {j[k]} are the same", f"they are {distance[k]:.2g} Å apart", "Leave one of them out"
        )
    return found


def _read(path: str | os.PathLike[str]) -> Any:
    from ase.io import ParseError, read
    from ase.io.formats import UnknownFileTypeError

    if not os.path.exists(path):
        raise Refusal(f"sites={os.fspath(path)!r}", "there is no such file", 'Name a structure file, or "density"')
    try:
        return read(os.fspath(path))
    except (OSError, ValueError, LookupError, TypeError, AssertionError, ParseError, UnknownFileTypeError) as error:
        raise Refusal("The sites can't be read", f"{os.fspath(path)}: {error}", "Give a CIF, POSCAR or xyz") from error


def _of_structure(atoms: Any, cell: Floats, species: Sequence[str]) -> Sites:
    """The ions of a structure, or all its atoms where it has none of them; repeated to fill the trajectory's cell."""
    mine = np.isin(atoms.get_chemical_symbols(), list(species))
    if mine.any():
        atoms = atoms[mine]
    if atoms.cell.rank == 3:
        times = cell @ np.linalg.inv(np.array(atoms.cell))
        whole = np.round(times)
        if np.abs(times - whole).max() > COMMENSURATE or abs(np.linalg.det(whole)) < 0.5:
            raise Refusal(
                "The structure's cell does not fit into the trajectory's",
                f"the one is {np.round(times, 2).tolist()} times the other", "Give sites in the trajectory's cell",
            )  # fmt: skip
        shifts = _lattice_points(whole)
        fractions = (atoms.get_scaled_positions() + shifts[:, None]).reshape(-1, 3) @ np.linalg.inv(whole)
        return Sites(fractions, list(atoms.get_chemical_symbols()) * len(shifts))
    return Sites(np.array(atoms.positions) @ np.linalg.inv(cell), list(atoms.get_chemical_symbols()))


def _lattice_points(times: Floats) -> Floats:
    """The cells of a structure that fill a supercell, as whole numbers of its vectors."""
    corners = np.array(list(product([0, 1], repeat=3))) @ times
    low, high = corners.min(axis=0).astype(int), corners.max(axis=0).astype(int)
    points = np.array(list(product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))), float)
    inside = points @ np.linalg.inv(times)
    return np.asarray(points[((inside > -EDGE) & (inside < 1 - EDGE)).all(axis=1)])


def _rows(places: Any, word: str) -> Floats:
    try:
        rows = np.atleast_2d(np.asarray(places, float))
    except (TypeError, ValueError):
        rows = np.empty((0, 0))
    if rows.ndim != 2 or rows.shape[1] != 3 or not np.isfinite(rows).all():
        raise Refusal(f"{word}={places!r} are no positions", "", "Give three finite numbers a site")
    return rows


def _fractions(rows: Floats, cell: Floats, fractional: bool) -> Floats:
    return rows if fractional else np.asarray(rows @ np.linalg.inv(cell))
