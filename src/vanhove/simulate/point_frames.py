"""The structures that are to be labelled, in any of the forms that people have them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import digest
from vanhove.trajectory import Trajectory

from .label_data import Labelled

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BLOCK = 64  # frames of a trajectory that are read at once


@dataclass(frozen=True, eq=False)
class Frame:
    """One structure: Å; ``number`` counts within what it came from, ``system`` is the name that was given to that."""

    system: str
    number: int
    species: tuple[str, ...]
    cell: Floats
    positions: Floats

    def fingerprint(self, settings: Mapping[str, Any]) -> str:
        """Names the structure and what computes it: same fingerprint, same label."""
        said = json.dumps(settings, sort_keys=True)
        return digest(said, self.species, self.cell.tobytes(), self.positions.tobytes())

    def atoms(self) -> Atoms:
        """The same for ASE, at rest."""
        from ase import Atoms as AseAtoms

        from vanhove.base.elements import element_of

        symbols = [element_of(label) for label in self.species]
        return AseAtoms(symbols, positions=self.positions, cell=self.cell, pbc=True)


def frames_of(structures: Any) -> list[Frame]:
    """``ase.Atoms``, a sequence of them, a trajectory, labelled frames, or a mapping of names to any of these."""
    if isinstance(structures, Mapping):
        frames = [frame for name, each in structures.items() for frame in _frames(each, str(name))]
    else:
        frames = list(_frames(structures, ""))
    if not frames:
        raise Refusal("There is no structure to label", "", "Give ase.Atoms, a list of them, or a trajectory")
    for frame in frames:
        _check(frame)
    return frames


def _frames(given: Any, name: str) -> Iterator[Frame]:
    from ase import Atoms as AseAtoms

    if isinstance(given, Labelled):
        for system in given:
            each = zip(system.frame_of, system.cell, system.positions, strict=True)
            for number, cell, positions in each:
                yield Frame(name or system.name, int(number), system.species, cell, positions)
    elif isinstance(given, Trajectory):
        yield from _of_trajectory(given, name)
    elif isinstance(given, AseAtoms):
        yield _of_atoms(given, 0, name)
    elif isinstance(given, Sequence) and all(isinstance(each, AseAtoms) for each in given):
        for number, atoms in enumerate(given):
            yield _of_atoms(atoms, number, name)
    else:
        raise Refusal(
            f"A {type(given).__name__} is no structure to label", name,
            "Give ase.Atoms, a list of them, a trajectory of vh.open(...), or labelled frames",
        )  # fmt: skip


def _of_trajectory(given: Trajectory, name: str) -> Iterator[Frame]:
    if given.whole_system.n_atoms != given.n_atoms:
        raise Refusal("A selection of atoms can't be labelled", name, "Give the trajectory of all atoms")
    species = tuple(str(label) for label in given.species)
    for first in range(0, given.n_frames, BLOCK):
        block = given.read("positions", slice(first, min(first + BLOCK, given.n_frames)))
        for number, positions in enumerate(block, first):
            yield Frame(name, number, species, np.array(given.cells[number]), np.array(positions))


def _of_atoms(given: Atoms, number: int, name: str) -> Frame:
    atoms: Any = given  # ASE types only some of its methods
    if not np.all(atoms.pbc):
        raise Refusal(
            f"The structure is periodic along {atoms.pbc.tolist()}",
            f"structure {number}",
            "Set atoms.pbc = True, with a cell",
        )
    species = tuple(str(symbol) for symbol in atoms.get_chemical_symbols())
    return Frame(name, number, species, np.array(atoms.cell.array, float), np.array(atoms.positions, float))


def _check(frame: Frame) -> None:
    where = f"structure {frame.number}{f' of {frame.system}' if frame.system else ''}"
    if not frame.species:
        raise Refusal("There are no atoms to label", where)
    if not (np.isfinite(frame.positions).all() and np.isfinite(frame.cell).all()):
        raise Refusal("Some positions or the cell are not finite numbers", where)
    volume = float(np.linalg.det(frame.cell))
    if not volume > 0:
        raise Refusal(f"The cell's volume is {volume:g} Å³", where, "Give three cell vectors that are right-handed")
