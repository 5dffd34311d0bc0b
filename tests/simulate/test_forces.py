"""Forces on given structures: slopes of energies of our own, in any orientation of the cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase import Atoms
from test_lammps_forces import own_energy

import vanhove as vh
from vanhove import Refusal
from vanhove.base.units import KCAL_MOL_IN_EV
from vanhove.simulate import buckingham, calculator, crystal, forces, potential
from vanhove.simulate._forces import _rows

pytestmark = pytest.mark.usefixtures("lammps")


def salt(a: float = 11.0) -> Any:
    """A few Na2S at random in a skewed cell."""
    rng = np.random.default_rng(4)
    cell = np.array([[a, 0, 0], [1.5, a, 0], [0.5, -1.0, a]])
    spots = np.array(list(np.ndindex(3, 2, 2)))[:12] / [3, 2, 2]
    return Atoms("Na8S4", scaled_positions=spots + rng.uniform(-0.03, 0.03, (12, 3)), cell=cell, pbc=True)


def test_they_are_slopes_of_the_energy() -> None:
    atoms, form = salt(), potential("na2s-sis2")
    found = forces(form)(atoms)
    step = 1e-3
    for atom, axis in ((0, 0), (5, 1), (9, 2)):
        energy = []
        for side in (step, -step):
            moved = atoms.copy()
            moved.positions[atom, axis] += side
            energy.append(own_energy(moved, form))
        slope = (energy[1] - energy[0]) / (2 * step) * KCAL_MOL_IN_EV
        assert found[atom, axis] == pytest.approx(slope, abs=2e-4)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-3)


def test_a_turned_crystal_has_turned_forces_and_many_are_as_each() -> None:
    atoms, form = salt(), potential("na2s-sis2")
    turned = atoms.copy()
    turned.rotate(50, (1, 2, 3), rotate_cell=True)
    turn = np.linalg.solve(atoms.cell.array, turned.cell.array)
    several = []
    for k in range(3):
        copy = turned.copy()
        copy.positions[k, 1] += 0.1
        copy.positions[2] += turned.cell.array[0] * k  # wherever the image
        several.append(copy)
    calculated = forces(form)
    np.testing.assert_allclose(calculated(turned), calculated(atoms) @ turn, atol=1e-5)
    for one, each in zip(calculated.many(several), several, strict=True):
        np.testing.assert_allclose(one, calculated(each), atol=1e-5)


def test_relaxed_no_force_is_left() -> None:
    atoms = crystal("li2si2o5")
    calculated = forces(potential("pedone"))
    moved = calculated.relaxed(atoms, 1e-3)
    assert np.linalg.norm(calculated(moved), axis=1).max() < 2e-3
    assert np.abs(moved.positions - atoms.positions).max() < 1.0


def test_phonons_of_a_potential_of_lammps() -> None:
    """Two ions and their images, whose force constants are the pair's own derivatives."""
    term = buckingham({"Na-Na": (2000.0, 0.32, 0.0)}, {"Na": 0.0}, cutoff=5.0)
    atoms = Atoms("Na", cell=[3.4] * 3, pbc=True)
    found = vh.lattice.phonons(atoms, forces(term), 3, mesh=(3, 3, 3), relax=False)
    assert found.attrs["largest_force"] == pytest.approx(0, abs=1e-9)
    # at the zone boundary of a cubic lattice, from the same numbers
    places = np.array([n for n in np.ndindex(5, 5, 5) if n != (2, 2, 2)]) - 2.0
    r = 3.4 * np.linalg.norm(places, axis=1)
    near = r < 5.0
    places, r = places[near], r[near]
    first = np.array([term.slope("Na-Na", x) for x in r])
    second = (np.array([term.slope("Na-Na", x + 1e-4) - term.slope("Na-Na", x - 1e-4) for x in r])) / 2e-4
    unit = places / np.linalg.norm(places, axis=1)[:, None]
    outer = unit[:, :, None] * unit[:, None, :]
    pair = (second - first / r)[:, None, None] * outer + (first / r)[:, None, None] * np.eye(3)
    from vanhove.base.units import HBAR, U_A2_PER_PS2_IN_MEV

    for q, energies in zip(found.q_vector.values[::3], found.frequencies.values.reshape(-1, 3), strict=True):
        dynamical = np.einsum("p,pij->ij", 1 - np.cos(2 * np.pi * places @ q), pair) * KCAL_MOL_IN_EV / 22.98976928
        expected = np.linalg.eigvalsh(dynamical) * HBAR**2 * 1e3 / U_A2_PER_PS2_IN_MEV
        np.testing.assert_allclose(np.sign(energies) * energies**2, expected, atol=0.02 * np.abs(expected).max() + 1e-3)


def test_what_can_not_be_done_is_said() -> None:
    with pytest.raises(Refusal, match="not computed by LAMMPS"):
        forces(calculator("emt"))  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="accuracy"):
        forces(potential("na2s-sis2"), accuracy=0)
    with pytest.raises(Refusal, match="differ"):
        forces(potential("na2s-sis2")).many([salt(), salt(12.0)])


def test_rows_between_which_styles_of_lammps_speak() -> None:
    """It does where atoms have new neighbours: frames far apart have them in every step."""
    row = "{} -17919.02 8881.7 -218.6 11444.7 -6646.4 7767.1 -4681.3"
    said = "Last active /omp style is kspace_style pppm/omp"
    log = "\n".join([
        "   Step         PotEng      c_virial[1]", row.format(0), said, row.format(1), said, row.format(2), "Loop time"
    ])  # fmt: skip
    assert [found[0] for found in _rows(log, 3)] == [0, 1, 2]
    with pytest.raises(Refusal, match="fewer energies"):
        _rows(log, 4)
