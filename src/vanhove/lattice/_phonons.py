"""Normal modes by finite displacements, and their partial densities of states."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset, step
from vanhove.trajectory.budget import memory_budget

from .forces import evaluate, forces_of, identity_of, named, relaxed
from .mesh import Mesh, mesh_of, over_zone
from .spectrum import broadened, grid
from .subject import Subject, description, read_phonopy, subject_of, supercell_matrix, to_ase, to_phonopy
from .zone_centre import zone_centre

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

TOTAL = "total"
IMAGINARY = 0.01  # meV, that an energy is below zero by at least: less is rounding
RELAX_STEPS = 2000


def phonons(
    atoms: Any,
    calculator: Any = None,
    supercell: ArrayLike = 1,
    *,
    displacement: float = 0.01,
    mesh: Mesh = None,
    relax: bool = True,
    shake: float = 0.0,
    largest_force: float = 1e-3,
    symmetry: bool = True,
    resolution: float = 0.5,
    folder: str | os.PathLike[str] | None = None,
    force_sets: str | os.PathLike[str] | None = None,
    born: str | os.PathLike[str] | None = None,
    frame: int = -1,
) -> Dataset:
    r"""Normal modes of a crystal or a glass by finite displacements, with partial densities of states (D1).

    Force constants :math:`\Phi = -\partial F/\partial u` make the dynamical matrix; for every q and mode j

    .. math::

        \sum_{k'} \frac{\Phi_{kk'}(\mathbf q)}{\sqrt{m_k m_{k'}}}\, \mathbf e_{k'} = \omega_j^2\, \mathbf e_k, \qquad
        g_s(E) = \frac{\sum_{qj} w_{qj} \sum_{k \in s} |\mathbf e_k|^2\, \delta(E - \hbar\omega_{qj})}
        {\sum_{qj} w_{qj} \sum_{k \in s} |\mathbf e_k|^2}, \qquad \int_0^\infty g_s\, dE = 1

    where both sums over modes are over the real ones. phonopy chooses the displacements and makes the constants of the
    forces. They are made symmetric and such that nothing acts on a crystal that is moved as a whole.

    Parameters
    ----------
    atoms
        ``ase.Atoms``; a trajectory, whose last frame is taken; or the path of phonopy's own ``phonopy_params.yaml`` or
        ``phonopy_disp.yaml``, which has forces already.
    calculator
        An ASE calculator; a function that takes ``ase.Atoms`` and returns forces (atom, axis) in eV/Å;
        ``simulate.forces(potential)`` for a potential of LAMMPS; or ``"module:factory"`` of any of these.
    supercell
        Times the cell in which atoms are displaced: ``2``, ``(2, 2, 1)`` or a matrix. It should be wider than twice the
        reach of the forces; 1 for a large disordered cell.
    displacement
        Å, of an atom.
    mesh
        Of q points: ``20``, ``(20, 20, 10)``, or ``"gamma"`` for the zone centre alone, whose eigenvectors are kept.
        By default the zone centre for cells of 100 atoms and more, else a mesh that resolves waves of 60 Å.
    relax
        Whether the atoms are first moved to where no force acts, in the cell that there is.
    shake
        Å: how far atoms are first put aside at random, on average along each axis (the same for the same structure). A
        crystal whose symmetry holds it on a saddle leaves it then, and its symmetry with it.
    largest_force
        eV/Å: up to which they are relaxed, and above which a warning is given.
    symmetry
        Whether the symmetry of the crystal saves displacements. A glass has none.
    resolution
        FWHM (meV) of the Gaussian that each mode is in g.
    folder
        Where forces are kept while they are computed, so that a stopped computation goes on.
    force_sets, born
        phonopy's ``FORCE_SETS`` and ``BORN`` beside the path of a ``phonopy_disp.yaml``. The charges split longitudinal
        from transverse modes.
    frame
        Of a trajectory.

    Returns
    -------
    Dataset
        ``frequencies(mode)`` (meV, ħω), −ħ|ω| where a mode is imaginary, over all q points and branches; ``weight``,
        the share of the zone that a mode stands for (0 for the three translations, which are none); ``q_vector``;
        ``share(mode, atom)`` = |e|²; at the zone centre ``eigenvectors(mode, atom, axis)``, orthonormal.
        ``g(species, energy)`` (1/meV) as of :func:`vanhove.spectra.vdos`, with the total over all atoms, its ``centre``
        (meV), and ``imaginary(species)``, the share of the motion of a species that is in imaginary modes and therefore
        not in g. ``attrs["imaginary_modes"]`` is how many there are at a q point on average. Positions, masses and
        ``force_constants`` are kept for what is computed from a result.

    Notes
    -----
    The cell itself is not relaxed. Modes of a cell with a large force left are those of no minimum.
    """
    _check(displacement, resolution, largest_force, shake, relax=relax)
    matrix = supercell_matrix(supercell)
    if isinstance(atoms, str | os.PathLike):
        if calculator is not None:
            raise Refusal("phonopy's file has forces, a calculator is not used", str(atoms), "Leave it out")
        found = read_phonopy(atoms, force_sets, born)
        read = to_ase(found.primitive)
        subject = Subject(
            read, [str(s) for s in read.symbols], [step("phonopy", path=str(atoms), version=found.version)]
        )
        left = np.nan
    else:
        if force_sets is not None or born is not None:
            raise Refusal("force_sets= and born= belong to phonopy's file", "", "Give the path of its yaml")
        if calculator is None:
            raise Refusal("Phonons need forces", "", "Give calculator=, or the path of a phonopy.yaml that has forces")
        found, subject, left = _by_displacements(
            _shaken(subject_of(atoms, frame), shake), calculator, matrix, displacement, relax=relax,
            largest=largest_force, symmetry=symmetry, folder=folder,
        )  # fmt: skip
    points = mesh_of(mesh, subject.atoms)
    at_gamma = points is None
    parts = _at_zone_centre(found) if points is None else over_zone(found, points)
    given = dict(
        atoms=str(atoms) if isinstance(atoms, str | os.PathLike) else str(subject.atoms.symbols),
        calculator=None if calculator is None else named(calculator), supercell=matrix, displacement=displacement,
        mesh=mesh, relax=relax, shake=shake, largest_force=largest_force, symmetry=symmetry, resolution=resolution,
        folder=None if folder is None else str(folder), force_sets=force_sets, born=born, frame=frame,
    )  # fmt: skip
    return _result(found, subject, parts, resolution, given, at_gamma=at_gamma, left=left)


def _check(displacement: float, resolution: float, largest: float, shake: float, *, relax: bool) -> None:
    for name, value in (("displacement", displacement), ("resolution", resolution), ("largest_force", largest)):
        if not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value!r}", "", "Give a number above 0")
    if not (np.isfinite(shake) and shake >= 0) or (shake and not relax):
        raise Refusal(f"shake={shake!r}", f"relax={relax}", "Give a distance in Å, 0 for none; it wants relax=True")


def _shaken(subject: Subject, shake: float) -> Subject:
    moved = subject.atoms.copy()
    moved.positions += np.random.default_rng(0).normal(scale=shake, size=moved.positions.shape) if shake else 0.0
    return Subject(moved, subject.species, subject.history)


def _by_displacements(
    subject: Subject, calculator: Any, matrix: Any, displacement: float, *, relax: bool, largest: float, symmetry: bool,
    folder: str | os.PathLike[str] | None,
) -> tuple[Any, Subject, float]:  # fmt: skip
    """Phonopy with force constants, the structure that it was done of, and the largest force that was left."""
    cells = round(np.linalg.det(matrix))
    needed = 3 * 8 * (3 * len(subject.atoms)) ** 2 * cells
    if needed > memory_budget():
        raise Refusal(
            f"Force constants of {len(subject.atoms)} atoms in {cells} cells take {needed / 1e9:.1f} GB",
            f"the memory budget is {memory_budget() / 1e9:.1f} GB", "Take a smaller cell, or set VANHOVE_MEMORY",
        )  # fmt: skip
    forces = forces_of(calculator)
    left = float(np.linalg.norm(forces([subject.atoms])[0], axis=1).max())
    if relax and left > largest:
        own = getattr(calculator, "relaxed", None)  # an engine that is dear to start relaxes by itself
        begun = own(subject.atoms, largest) if callable(own) else subject.atoms
        moved, left = relaxed(begun, forces, largest, RELAX_STEPS)
        subject = Subject(moved, subject.species, subject.history)
    if left > largest:
        warn(
            f"A force of {left:.3g} eV/Å is left on an atom",
            f"the structure could not be relaxed in {RELAX_STEPS} steps" if relax else "relax=False",
            "Relax the structure first; modes of no minimum are instantaneous ones",
        )
    found = to_phonopy(subject, matrix, symmetry=symmetry)
    found.generate_displacements(distance=displacement, is_plusminus="auto" if symmetry else True, is_diagonal=symmetry)
    supercells = found.supercells_with_displacements
    identity = identity_of(subject.atoms, matrix.tolist(), displacement, symmetry, named(calculator))
    values = evaluate((to_ase(one) for one in supercells), len(supercells), forces, folder=folder, identity=identity)
    # what acts on the undisplaced structure is no answer to a displacement
    found.forces = values - (0.0 if not symmetry else forces([to_ase(found.supercell)])[0])
    found.produce_force_constants(calculate_full_force_constants=False, show_drift=False)
    found.symmetrize_force_constants(show_drift=False)
    return found, subject, left


Parts = dict[str, Any]


def _at_zone_centre(found: Any) -> Parts:
    """The modes of the cell at q = 0, with eigenvectors; translations are left out."""
    energies, vectors = zone_centre(found)
    modes = len(energies)
    return {
        "frequencies": energies, "weight": np.ones(modes), "q_vector": np.zeros((modes, 3)),
        "share": np.square(vectors).sum(axis=-1), "eigenvectors": vectors, "points": 1, "mesh": "gamma",
    }  # fmt: skip


def _result(
    found: Any, subject: Subject, parts: Parts, resolution: float, given: dict[str, Any], *, at_gamma: bool, left: float
) -> Dataset:
    energies, weight, share = parts["frequencies"], parts["weight"], parts["share"]
    real = energies > -IMAGINARY
    names = list(dict.fromkeys(subject.species))
    member = np.array([[s == name for s in subject.species] for name in names], np.float64)
    motion = np.vstack([member @ share.T, share.sum(axis=1)]) * weight  # (species and total, mode)
    in_real = (motion * real).sum(axis=1, keepdims=True)
    energy = grid(energies[weight > 0], resolution)
    normalised = np.divide(motion * real, in_real, out=np.full_like(motion, np.nan), where=in_real > 0)
    g = broadened(np.abs(energies), normalised, energy, resolution)
    imaginary = 1 - in_real[:, 0] / motion.sum(axis=1)
    mass = [float(np.mean(subject.atoms.get_masses()[member[k] > 0])) for k in range(len(names))]
    of_atoms = member.mean(axis=1)
    row, mode, atom, axis = ("species",), ("mode",), ("atom",), ("axis",)
    vectors = {}
    if at_gamma:
        vectors["eigenvectors"] = Column(
            ("mode", "atom", "axis"), parts["eigenvectors"], "1", "eigenvector of the dynamical matrix"
        )
    constants = np.asarray(found.force_constants)
    return dataset(
        "lattice.phonons",
        {
            "frequencies": Column(mode, energies, "meV", "energy of the mode, below zero where it is imaginary"),
            "weight": Column(mode, weight, "1", "share of the zone that the mode stands for"),
            "q_vector": Column(("mode", "axis"), parts["q_vector"], "1", "wave vector in reciprocal lattice units"),
            "share": Column(("mode", "atom"), share, "1", "share of the atom in the mode"),
            **vectors,
            "g": Column(("species", "energy"), g, "1/meV", "vibrational density of states"),
            "centre": Column(row, np.trapezoid(g * energy, energy), "meV", "mean energy of the density of states"),
            "imaginary": Column(row, imaginary, "1", "share of the motion that is in imaginary modes"),
            "position": Column(("atom", "axis"), subject.atoms.positions, "Å", "position"),
            "cell": Column(("vector", "axis"), subject.atoms.cell.array, "Å", "cell vector"),
            "force_constants": Column(
                ("row_atom", "column_atom", "axis", "column_axis"), constants, "eV/Å²", "force constants"
            ),
            "phonopy": Column((), np.array(description(found)), "1", "phonopy's description of cells and symmetry"),
        },
        {
            "species": Column(row, np.array([*names, TOTAL]), "1", "element or isotope"),
            "energy": Column(("energy",), energy, "meV", "energy"),
            "concentration": Column(row, np.append(of_atoms, 1.0), "1", "share of all atoms"),
            "mass": Column(row, np.append(mass, of_atoms @ mass), "u", "mean mass of an atom"),
            "axis": Column(axis, ["x", "y", "z"], "1", "axis"),
            "atom_species": Column(atom, np.array(subject.species), "1", "species of the atom"),
            "atom_mass": Column(atom, subject.atoms.get_masses(), "u", "mass of the atom"),
        },
        parameters=given,
        history=subject.history,
        title=f"Normal modes of {subject.atoms.get_chemical_formula()}",
        mesh=parts["mesh"],
        q_points=parts["points"],
        resolution_fwhm=float(resolution),
        imaginary_modes=float(weight[~real].sum()),
        lowest=float(energies[weight > 0].min()),
        largest_force=left,
        n_atoms=len(subject.atoms),
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """g(E) of every species and the total; how many modes are imaginary stands in the legend."""
    energy = result.energy.values
    for index, name in enumerate(result.species.values.tolist()):
        total = name == TOTAL
        colour = "#000000" if total else colour_of(element_of(name), index)
        ax.plot(
            energy,
            result.g.sel(species=name),
            label=name,
            color=colour,
            lw=1.2 if total else 1.6,
            ls="--" if total else "-",
        )
    count = result.attrs["imaginary_modes"]
    ax.set_xlim(0, energy[-1])
    ax.set_ylim(bottom=0)
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label("g", "1/meV"))
    ax.legend(loc="best", title=f"{count:.3g} imaginary" if count else None)
