"""What lattice dynamics is done of: a structure in any of the forms that people have, as phonopy takes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.results import step
from vanhove.trajectory import Trajectory

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


class Subject(NamedTuple):
    """A structure with the labels of its species and the history that it comes from."""

    atoms: Any  # ase.Atoms
    species: list[str]
    history: list[dict[str, Any]]


def subject_of(given: Any, frame: int = -1) -> Subject:
    """``ase.Atoms``, or a frame of a trajectory (isotopes keep their masses and labels)."""
    from ase import Atoms

    if isinstance(given, Trajectory):
        whole = given.whole_system
        if whole.n_atoms != given.n_atoms:
            raise Refusal("A selection has no lattice dynamics", "", "Give the trajectory of all atoms")
        at = range(given.n_frames)[frame]
        cell = given.cells[at] if len(given.cells) > 1 else given.cells[0]
        species = [str(name) for name in given.species]
        positions = given.read("positions", slice(at, at + 1))[0]
        atoms = Atoms([element_of(name) for name in species], positions, cell=cell, pbc=True, masses=given.masses)
        return Subject(atoms, species, list(given.history))
    if not isinstance(given, Atoms):
        raise Refusal(
            f"Lattice dynamics of a {type(given).__name__}", "",
            "Give ase.Atoms, a trajectory, or the path of a phonopy.yaml",
        )  # fmt: skip
    structure: Any = given  # ASE types only some of its methods
    atoms = structure.copy()
    if len(atoms) == 0 or not abs(float(atoms.cell.volume)) > 0:
        raise Refusal("The structure has no atoms or no cell", "", "Give a periodic structure")
    if not np.all(atoms.pbc):
        raise Refusal(f"The structure is periodic along {atoms.pbc.tolist()}", "", "Set atoms.pbc = True, with a cell")
    return Subject(atoms, [str(name) for name in atoms.symbols], [step("ase.Atoms", formula=str(atoms.symbols))])


def supercell_matrix(given: ArrayLike) -> NDArray[np.int64]:
    """``2``, ``(2, 2, 1)`` or a matrix of whole numbers."""
    values = np.asarray(given)
    matrix = np.eye(3) * values if values.ndim < 2 and values.size in (1, 3) else values
    if matrix.shape != (3, 3) or not np.array_equal(matrix, np.rint(matrix)) or not np.linalg.det(matrix) > 0.5:
        raise Refusal(f"supercell={given!r}", "", "Give a whole number, three of them, or a matrix of them")
    whole: NDArray[np.int64] = np.rint(matrix).astype(np.int64)
    return whole


def to_phonopy(subject: Subject, supercell: NDArray[np.int64], *, symmetry: bool) -> Any:
    """Phonopy of the structure as it stands: its cell is the unit cell, none is reduced."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    atoms = subject.atoms
    unit = PhonopyAtoms(
        symbols=[str(name) for name in atoms.symbols], cell=atoms.cell.array,
        scaled_positions=atoms.get_scaled_positions(), masses=atoms.get_masses(),
    )  # fmt: skip
    return Phonopy(unit, supercell, primitive_matrix=np.eye(3), is_symmetry=symmetry)


def to_ase(cell: Any) -> Any:
    """Phonopy's atoms as ASE's."""
    from ase import Atoms

    return Atoms(cell.symbols, scaled_positions=cell.scaled_positions, cell=cell.cell, masses=cell.masses, pbc=True)


def read_phonopy(
    path: str | os.PathLike[str], force_sets: str | os.PathLike[str] | None, born: str | os.PathLike[str] | None
) -> Any:
    """Phonopy of its own files, with force constants."""
    import phonopy

    for name in (path, force_sets, born):
        if name is not None and not Path(name).is_file():
            raise Refusal("There is no such file", str(name), "Check the path")
    # phonopy would else look for a file of charges in the working folder
    charged = born is not None or "born_effective_charge" in Path(path).read_text(encoding="utf-8")
    found = phonopy.load(path, force_sets_filename=force_sets, born_filename=born, is_nac=charged, log_level=0)
    if found.force_constants is None:
        raise Refusal("The file has no forces", str(path), "Give force_sets=, phonopy's FORCE_SETS")
    return found


def description(found: Any) -> str:
    """Phonopy's own description of cells, symmetry and charges, without forces: what :func:`rebuilt` needs."""
    nothing = {"force_sets": False, "displacements": False, "force_constants": False, "born_effective_charge": True,
               "dielectric_constant": True}  # fmt: skip
    return str(found.to_phonopy_yaml(settings=nothing))


def rebuilt(result: Any) -> Any:
    """Phonopy of a result of ``lattice.phonons``."""
    import io

    import phonopy

    if result.attrs.get("observable") != "lattice.phonons":
        said = result.attrs.get("observable", "no result of vanhove")
        raise Refusal(f"This is {said}", "", "Give a result of lattice.phonons")
    text = str(result["phonopy"].item())
    found = phonopy.load(io.StringIO(text), produce_fc=False, is_nac="born_effective_charge" in text, log_level=0)
    found.force_constants = np.ascontiguousarray(result["force_constants"].values)
    return found
