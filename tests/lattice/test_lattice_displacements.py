"""u²(E) by closed forms, from both of its sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from lattices import chain, chain_forces, molecules

import vanhove as vh
from vanhove import Refusal
from vanhove.base.units import HBAR, K_B, U_A2_PER_PS2_IN_MEV
from vanhove.lattice._displacements import quanta

PS_MEV = HBAR**2 / U_A2_PER_PS2_IN_MEV


@pytest.fixture(scope="module")
def glass() -> xr.Dataset:
    atoms, forces = molecules()
    return vh.lattice.phonons(atoms, forces, mesh="gamma", symmetry=False)


def test_modes_add_up_to_the_covariance_of_the_atoms(glass: xr.Dataset) -> None:
    """Classical, at high temperature: ⟨u_i u_i⟩ = k_BT (Φ⁻¹)_ii, with Φ's inverse on what is no translation."""
    constants = glass.force_constants.values.transpose(0, 2, 1, 3).reshape(144, 144)
    masses = glass.atom_mass.values
    root = np.repeat(np.sqrt(masses), 3)
    inverse = np.linalg.pinv(constants / np.outer(root, root), rcond=1e-9, hermitian=True) / np.outer(root, root)
    each = 1e5 * K_B / 1e3 * np.diag(inverse).reshape(-1, 3).sum(axis=1)
    found = vh.lattice.displacements(glass, 1e5)
    expected = [each[glass.atom_species.values == name].mean() for name in found.species.values]
    np.testing.assert_allclose(found.total, expected, rtol=1e-4)  # the rest is quantum: (E/k_BT)²/12


def test_at_zero_temperature_half_a_quantum_is_left(glass: xr.Dataset) -> None:
    found = vh.lattice.displacements(glass, 0)
    energy, share = glass.frequencies.values, glass["share"].values
    lithium = glass.atom_species.values == "Li"
    expected = (PS_MEV / (2 * energy[:, None] * 6.94) * share[:, lithium]).sum() / lithium.sum()
    assert float(found.total.sel(species="Li")) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(quanta(np.array([1.0]), 0), 1)


def test_sums_agree(glass: xr.Dataset) -> None:
    found = vh.lattice.displacements(glass, 300)
    np.testing.assert_allclose(found.u2_mode.sum("mode"), found.total, rtol=1e-12)
    np.testing.assert_allclose(found["cumulative"][:, -1], found.total, rtol=1e-5)
    np.testing.assert_allclose(np.trapezoid(found.u2, found.energy, axis=1), found.total, rtol=1e-5)
    assert (np.diff(found["cumulative"], axis=1) >= 0).all()
    vh.draw(found)


def test_groups_are_averages_of_their_atoms(glass: xr.Dataset) -> None:
    labels = vh.lattice.polyhedron_labels(glass, "P", "S")
    assert sorted(set(labels)) == ["Li", "P Q0", "S Q0"]
    plain, grouped = (vh.lattice.displacements(glass, 300, groups=g) for g in (None, labels))
    np.testing.assert_allclose(grouped.total, plain.total)
    xr.testing.assert_equal(vh.lattice.displacements(glass, 300, formers="P", anions="S"), grouped)
    alone = vh.lattice.displacements(glass, 300, groups=[f"Li {k}" if s == "Li" else "" for k, s in enumerate(labels)])
    assert float(alone.total.mean()) == pytest.approx(float(plain.total.sel(species="Li")))


def test_a_density_of_states_gives_what_its_modes_give() -> None:
    """An oscillating trajectory of one energy, far above the resolution."""
    E0, kelvin, mass = 20.0, 400.0, 22.98976928
    times = np.arange(4000) * 0.004
    rng = np.random.default_rng(5)
    phase = rng.uniform(0, 2 * np.pi, (1, 40, 3))
    moves = 0.1 * np.sin(E0 / HBAR * times[:, None, None] + phase)
    traj = vh.from_arrays(moves + 5, 10.0, ["Na"] * 40, times, wrapped=False, temperature=kelvin)
    found = vh.lattice.displacements(vh.spectra.vdos(traj, "Na", 0.5), cut=2.0)
    expected = 3 * PS_MEV / (2 * mass * E0) / np.tanh(E0 / (2 * K_B * kelvin))
    assert float(found.total[0]) == pytest.approx(expected, rel=0.02)
    assert found.attrs["temperature"] == kelvin
    assert float(found["cumulative"].sel(energy=15, method="nearest")[0]) < 0.02 * expected
    vh.draw(found)


def test_phonons_and_a_run_of_the_same_harmonic_crystal_agree(tmp_path: Path) -> None:
    """MD of the chain is made of its own modes with classical amplitudes and random phases."""
    chain_of = vh.lattice.phonons(chain(8), chain_forces(), mesh="gamma")
    rng = np.random.default_rng(11)
    times, kelvin = np.arange(6000) * 0.004, 2000.0
    energies, vectors, masses = (chain_of[key].values for key in ("frequencies", "eigenvectors", "atom_mass"))
    amplitude = np.sqrt(2 * K_B * kelvin * PS_MEV) / energies
    swing = amplitude * np.cos(energies / HBAR * times[:, None] + rng.uniform(0, 2 * np.pi, len(energies)))
    moves = np.einsum("tm,mka->tka", swing, vectors) / np.sqrt(masses)[:, None]
    atoms = chain(8)
    places, cell = atoms.positions + moves, atoms.cell.array
    traj = vh.from_arrays(places, cell, list(atoms.symbols), times, wrapped=False, temperature=kelvin)
    vdos = vh.spectra.vdos(traj, resolution=0.5)
    md = vh.lattice.displacements(vdos, cut=2.0).sel(species=["Na", "Cl"])
    lattice = vh.lattice.displacements(chain_of, kelvin)
    # 3 of 48 modes are translations, which stand still here; ∫g = 1 takes the others for all
    moving = vdos.kinetic_temperature.sel(species=["Na", "Cl"]) / kelvin
    np.testing.assert_allclose(md.total * moving, lattice.total, rtol=0.01)
    both = vh.lattice.compare_dos(chain_of, vdos)
    assert both.species.values.tolist() == ["Na", "Cl", "total"]
    assert (both.common > 0.9).all()
    vh.draw(both)
    vh.save(vdos, tmp_path / "vdos.nc")
    beside = vh.lattice.compare_displacements(chain_of, tmp_path / "vdos.nc", cut=2.0)
    assert beside.attrs["temperature"] == kelvin
    np.testing.assert_allclose(beside.total_md, md.total)
    np.testing.assert_allclose(beside.total_lattice, lattice.total)
    np.testing.assert_allclose(beside.below_lattice, 0, atol=1e-12)
    np.testing.assert_allclose(np.trapezoid(beside.u2_lattice, beside.energy, axis=1), lattice.total, rtol=1e-4)
    vh.draw(beside)
    higher = vh.lattice.compare_displacements(chain_of, vdos, cut=float(np.median(chain_of.frequencies)))
    np.testing.assert_allclose(higher.total_lattice + higher.below_lattice, lattice.total)
    assert (higher.total_md < 0.5 * md.total).all()


def test_what_can_not_be_compared(glass: xr.Dataset) -> None:
    chain_of = vh.lattice.phonons(chain(2), chain_forces(), mesh="gamma")
    for compare in (vh.lattice.compare_dos, vh.lattice.compare_displacements):
        with pytest.raises(Refusal, match=r"Give that of spectra\.vdos"):
            compare(glass, chain_of)
        with pytest.raises(Refusal, match=r"Give that of lattice\.phonons"):
            compare(vh.lattice.modes(glass), chain_of)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": None}, "states none"), ({"temperature": -1.0}, "temperature"), ({"cut": 0.0}, "cut"),
        ({"formers": "P"}, "both of the others"),
        ({"groups": ["a"]}, "labels for"), ({"groups": ["a"] * 48}, "holds"), ({"groups": [""] * 48}, "No atom"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_said(glass: xr.Dataset, options: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        vh.lattice.displacements(glass, **({"temperature": 300.0} | options))


def test_of_something_else() -> None:
    with pytest.raises(Refusal, match="by species"):
        vh.lattice.displacements(xr.Dataset(), 300)
