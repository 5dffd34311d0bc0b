"""Phonons against formulas, against phonopy called directly, and against central differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lattices import SPRINGS, STEP, chain, chain_forces, molecules

import vanhove as vh
from vanhove import Refusal
from vanhove.base.errors import VanhoveWarning
from vanhove.base.units import HBAR, U_A2_PER_PS2_IN_MEV
from vanhove.lattice._instantaneous_modes import dynamical_matrix
from vanhove.lattice.forces import forces_of
from vanhove.lattice.spectrum import normal_modes

PER = HBAR**2 * 1e3 / U_A2_PER_PS2_IN_MEV  # meV² of 1 eV/Å²/u
THZ = 4.135667696  # meV


def of_chain(**options: Any) -> Any:
    return vh.lattice.phonons(chain(), chain_forces(), (6, 1, 1), **options)


def formula(q: Any) -> Any:
    """ħω (meV) of the six branches of the chain at q (r.l.u.)."""
    light, heavy = chain().get_masses()
    both = 1 / light + 1 / heavy
    root = np.sqrt(both**2 - 4 * np.sin(np.pi * np.asarray(q)[:, None]) ** 2 / (light * heavy))
    squares = np.concatenate([SPRINGS * (both - root), SPRINGS * (both + root)], axis=1)
    return np.sqrt(PER * np.sort(squares, axis=1))


def test_a_chain_of_two_atoms_has_its_formula() -> None:
    found = of_chain(mesh=(12, 1, 1))
    q = found.q_vector.values[::6, 0]
    np.testing.assert_allclose(found.frequencies.values.reshape(-1, 6), formula(q), atol=1e-4)
    assert found.weight.sum() == pytest.approx(6)
    assert found.attrs["imaginary_modes"] == 0


def test_the_dispersion_of_the_chain_has_its_formula() -> None:
    found = vh.lattice.dispersion(of_chain(mesh=(2, 1, 1)), "GX", points=21, special={"G": (0, 0, 0), "X": (0.5, 0, 0)})
    np.testing.assert_allclose(found.frequencies.values, formula(found.q_vector.values[:, 0]), atol=2e-3)
    assert found.letter.values[[0, -1]].tolist() == ["G", "X"]
    assert float(found.distance[-1]) == pytest.approx(np.pi / (2 * STEP))
    vh.draw(found)


def test_the_density_of_states_of_the_chain() -> None:
    """It is the share of the formula's branches in each interval, ends at its edges, and is whole."""
    found = of_chain(mesh=(400, 1, 1), resolution=0.2)
    energy = found.energy.values
    np.testing.assert_allclose(np.trapezoid(found.g, energy, axis=1), 1, atol=1e-6)
    branches = formula(np.linspace(-0.5, 0.5, 20001)).ravel()
    edges = np.linspace(0, 45, 16)  # far from the edges of the bands, or the resolution would show
    counted = np.histogram(branches, edges)[0] / branches.size
    total = found.g.sel(species="total").values
    held = np.concatenate([[0], np.cumsum(np.diff(energy) * (total[1:] + total[:-1]) / 2)])
    mine = np.diff(np.interp(edges, energy, held))
    np.testing.assert_allclose(mine, counted, atol=0.01)


def test_the_second_moment_is_the_curvature_of_each_species() -> None:
    r"""∫E²g_k dE = ħ² tr Φ_kk/3m_k; what each line's width adds is known."""
    found = of_chain(mesh=(10, 1, 1), resolution=0.3)
    sigma = 0.3 / np.sqrt(8 * np.log(2))
    second = np.trapezoid(found.g * found.energy**2, found.energy, axis=1) - sigma**2
    expected = PER * 2 * SPRINGS.sum() / 3 / chain().get_masses()
    # the three translations at the zone centre, of 60 modes, are left out of what g is normalised by
    motion = (found["share"] * found.weight).sum("mode").values / 3
    np.testing.assert_allclose(second[:2] * motion, expected, rtol=1e-5)


def test_equal_to_phonopy_called_directly() -> None:
    from ase.build import bulk
    from ase.calculators.emt import EMT
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    crystal = bulk("Cu", "fcc", a=3.6)
    direct = Phonopy(
        PhonopyAtoms(["Cu"], cell=crystal.cell.array, scaled_positions=[[0, 0, 0]]), np.eye(3) * 3,
        primitive_matrix=np.eye(3),
    )  # fmt: skip
    direct.generate_displacements(distance=0.01)
    forces = []
    for cell in direct.supercells_with_displacements:
        from ase import Atoms

        copy = Atoms(cell.symbols, scaled_positions=cell.scaled_positions, cell=cell.cell, pbc=True, calculator=EMT())
        forces.append(copy.get_forces())
    direct.forces = forces
    direct.produce_force_constants()
    direct.symmetrize_force_constants(show_drift=False)
    direct.run_mesh([4, 4, 4], with_eigenvectors=True, is_mesh_symmetry=False)
    found = vh.lattice.phonons(crystal, EMT(), 3, mesh=4)
    np.testing.assert_allclose(found.frequencies.values.reshape(-1, 3), direct.mesh.frequencies * THZ, atol=1e-5)
    direct.run_thermal_displacements(temperatures=[300], freq_min=1e-3)
    theirs = direct.thermal_displacements.thermal_displacements[0].sum()
    mine = vh.lattice.displacements(found, 300)
    assert float(mine.total[0]) == pytest.approx(theirs, rel=1e-6)
    assert float(mine.u2_mode.sum()) == pytest.approx(theirs, rel=1e-6)
    assert float(mine["cumulative"][0, -1]) == pytest.approx(theirs, rel=1e-5)


def test_reference_data_of_phonopy(shared_data: Path) -> None:
    data = shared_data / "phonons"
    charges = {"force_sets": data / "FORCE_SETS_NaCl", "born": data / "BORN_NaCl"}
    centre = vh.lattice.phonons(data / "phonopy_disp_NaCl.yaml", mesh="gamma", **charges)
    np.testing.assert_allclose(centre.frequencies / THZ, 4.6164, atol=1e-4)
    salt = vh.lattice.displacements(vh.lattice.phonons(data / "phonopy_disp_NaCl.yaml", mesh=24, **charges), 300)
    np.testing.assert_allclose(salt.per_axis.sel(species=["Na", "Cl"]), [0.024876, 0.019690], atol=1e-6)
    silicon = vh.lattice.displacements(vh.lattice.phonons(data / "phonopy_params_Si.yaml", mesh=24), 300)
    assert float(silicon.per_axis[0]) == pytest.approx(0.009012, abs=1e-6)


def test_a_large_cell_without_symmetry_is_its_own_matrix_of_central_differences() -> None:
    atoms, forces = molecules()
    atoms.rattle(1e-6, seed=3)
    found = vh.lattice.phonons(atoms, forces, mesh="gamma", symmetry=False)
    energies, _ = normal_modes(dynamical_matrix(atoms, forces_of(forces), 0.01), atoms.get_masses())
    # phonopy's constants are made symmetric and free of what acts on the crystal as a whole
    np.testing.assert_allclose(found.frequencies, energies, atol=2e-3 * energies.max())
    flat = found.eigenvectors.values.reshape(len(energies), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(energies)), atol=1e-10)
    uniform = np.sqrt(atoms.get_masses())
    np.testing.assert_allclose(np.einsum("mka,k->ma", found.eigenvectors, uniform), 0, atol=1e-8)
    assert len(energies) == 3 * len(atoms) - 3
    np.testing.assert_allclose(np.trapezoid(found.g, found.energy, axis=1), 1, atol=1e-6)


def test_imaginary_modes_are_kept_below_zero_and_counted() -> None:
    springs = np.array([3.0, 1.0, -1.0])
    found = vh.lattice.phonons(chain(), chain_forces(springs), (4, 1, 1), mesh=(5, 1, 1), symmetry=False)
    with pytest.warns(VanhoveWarning, match="imaginary"):
        vh.lattice.displacements(found, 300)
    assert found.attrs["imaginary_modes"] == pytest.approx(2, abs=0.21)  # of the translation at q = 0 none is counted
    assert float(found.frequencies.min()) == pytest.approx(-formula([0.0]).max() / np.sqrt(3), rel=1e-4)
    np.testing.assert_allclose(found.imaginary, 1 / 3, atol=0.05)
    np.testing.assert_allclose(np.trapezoid(found.g, found.energy, axis=1), 1, atol=1e-6)


def test_relaxed_before_and_said_where_it_is_not() -> None:
    from ase.build import bulk
    from ase.calculators.emt import EMT

    bent = bulk("Cu", "fcc", a=3.6, cubic=True).repeat((2, 2, 2))
    bent.rattle(0.05, seed=1)
    found = vh.lattice.phonons(bent, EMT(), mesh="gamma", symmetry=False)
    assert found.attrs["largest_force"] < 1e-3
    assert found.attrs["imaginary_modes"] == 0
    with pytest.warns(VanhoveWarning, match="force of"):
        vh.lattice.phonons(bent, EMT(), mesh="gamma", relax=False)


def test_shaken_a_crystal_leaves_the_saddle_that_its_symmetry_holds_it_on() -> None:
    """Two atoms on a spring along x, in a double well along y and a single one along z."""
    from ase import Atoms

    def forces(atoms: Any) -> Any:
        x, y, z = atoms.positions[1] - atoms.positions[0]
        pull = np.array([3 * (x - 2.5), 4 * y**3 - y, z])
        return np.array([pull, -pull])

    atoms = Atoms("NaCl", [[5, 5, 5], [7.5, 5, 5]], cell=[12, 13, 14], pbc=True)
    held = vh.lattice.phonons(atoms, forces, mesh="gamma")
    free = vh.lattice.phonons(atoms, forces, mesh="gamma", shake=0.05)
    assert (held.attrs["imaginary_modes"], free.attrs["imaginary_modes"]) == (1, 0)
    curvature = np.array([1.0, 2.0, 3.0])  # that of −y²/2 + y⁴ is −1 on the saddle and 2 in the wells, at y = ± 1/2
    both = (1 / atoms.get_masses()).sum()
    np.testing.assert_allclose(free.frequencies, np.sqrt(PER * curvature * both), rtol=2e-3)
    with pytest.raises(Refusal, match="relax"):
        vh.lattice.phonons(atoms, forces, relax=False, shake=0.05)


def test_a_stopped_computation_goes_on(tmp_path: Path) -> None:
    atoms, forces = molecules()
    calls = 0

    def stops(structure: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 150:
            raise KeyboardInterrupt
        return forces(structure)

    options: dict[str, Any] = {"mesh": "gamma", "symmetry": False}
    with pytest.raises(KeyboardInterrupt):
        vh.lattice.phonons(atoms, stops, folder=tmp_path / "forces", **options)
    done = calls
    resumed = vh.lattice.phonons(atoms, stops, folder=tmp_path / "forces", **options)
    assert calls - done < 6 * len(atoms) - 90
    np.testing.assert_array_equal(resumed.frequencies, vh.lattice.phonons(atoms, forces, **options).frequencies)
    with pytest.raises(Refusal, match="other displacements"):
        vh.lattice.phonons(atoms, stops, folder=tmp_path / "forces", displacement=0.02, **options)


def test_forces_of_many_structures_in_one_call() -> None:
    class Several:
        calls = 0

        def __call__(self, atoms: Any) -> Any:
            return chain_forces()(atoms)

        def many(self, structures: Any) -> Any:
            self.calls += 1
            return [self(one) for one in structures]

    several = Several()
    found = vh.lattice.phonons(chain(), several, (6, 1, 1), mesh=(4, 1, 1))
    np.testing.assert_array_equal(found.frequencies, of_chain(mesh=(4, 1, 1)).frequencies)
    assert several.calls <= 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mesh": "fine"}, "mesh"), ({"mesh": (2, 2)}, "mesh"), ({"mesh": 2.5}, "mesh"),
        ({"supercell": 1.5}, "supercell"), ({"displacement": 0}, "displacement"),
        ({"calculator": None}, "forces"), ({"calculator": 3}, "no forces"), ({"calculator": "nowhere"}, "names no"),
        ({"calculator": lambda atoms: np.zeros((1, 3))}, "shape"),
        ({"calculator": lambda atoms: np.full((len(atoms), 3), np.nan)}, "finite"),
        ({"atoms": "missing.yaml", "calculator": None}, "no such file"), ({"atoms": [1, 2]}, "Lattice dynamics of"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_said(options: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"atoms": chain(), "calculator": chain_forces(), "supercell": 2} | options
    with pytest.raises(Refusal, match=said):
        vh.lattice.phonons(**given)
