"""The engine computes what the potential says: energies against sums of our own, units against the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from scipy.special import erfc

from vanhove.base.units import KCAL_MOL_IN_EV, U_A2_PER_PS2_IN_MEV
from vanhove.simulate._crystal import crystal
from vanhove.simulate._packing import packing
from vanhove.simulate._potential import buckingham, potential
from vanhove.simulate._protocol import Minimise, Produce, Protocol
from vanhove.simulate._run import run
from vanhove.simulate.pairwise import COULOMB_KCAL_A, Pairwise
from vanhove.simulate.thermo import Log

pytestmark = pytest.mark.usefixtures("lammps")


def first_energy(atoms: Atoms, forces: Pairwise[Any], folder: Path) -> float:
    run(atoms, forces, [Minimise(iterations=1)], folder)  # its log begins with the start
    return Log(next((folder / "legs").glob("*/log.lammps"))).read()[0].potential


def own_energy(atoms: Any, forces: Pairwise[Any], alpha: float = 0.4) -> float:
    """Ewald's sum and the short-range terms over all images, plainly."""
    cell, volume = atoms.cell.array, atoms.get_volume()
    symbols = np.array(atoms.get_chemical_symbols())
    charges = np.array([forces.charges[label] for label in symbols])
    reach = 12.0  # erfc(0.4·12) is 1e-11
    assert forces.cutoff <= reach
    counts = np.ceil(reach * np.linalg.norm(np.linalg.inv(cell), axis=0)).astype(int) + 1
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in counts], indexing="ij"), -1).reshape(-1, 3)
    real = short = 0.0
    pairs = {(a, b): (symbols[:, None] == a) & (symbols == b) for a in set(symbols) for b in set(symbols)}
    between = atoms.positions[:, None] - atoms.positions[None]
    for shift in grid @ cell:
        distance = np.linalg.norm(between + shift, axis=-1)
        distance[distance < 1e-9] = np.inf
        if distance.min() > reach:
            continue
        real += 0.5 * float((np.outer(charges, charges) * erfc(alpha * distance) / distance).sum())
        for (a, b), are in pairs.items():
            met = distance[are & (distance < forces.cutoff)]
            short += 0.5 * float(forces.term(f"{a}-{b}").energy(met).sum())
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    most = np.ceil(2 * alpha * 5.2 * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    waves = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing="ij"), -1).reshape(-1, 3) @ reciprocal
    waves = waves[np.linalg.norm(waves, axis=1) > 1e-9]
    square = (waves**2).sum(-1)
    amplitude = np.exp(1j * waves @ atoms.positions.T) @ charges
    long = 2 * np.pi / volume * float((np.exp(-square / (4 * alpha**2)) / square * np.abs(amplitude) ** 2).sum())
    itself = alpha / np.sqrt(np.pi) * float((charges**2).sum())
    return COULOMB_KCAL_A * (real + long - itself) + short


def first_forces(atoms: Any, forces: Pairwise[Any], folder: Path) -> Any:
    """The forces (kcal/mol/Å) on resting atoms: they move by F dt²/2m in the first step."""
    atoms.set_velocities(np.zeros((len(atoms), 3)))
    plan = Protocol((Produce(3000, 0.002, 0.001, thermostat=None),))
    moved = run(atoms, forces, plan, folder).trajectory.positions
    pull = 2 * (moved[1] - moved[0]) / 0.001**2 * atoms.get_masses()[:, None]  # u·Å/ps²
    return pull * U_A2_PER_PS2_IN_MEV / 1000 / KCAL_MOL_IN_EV


def rocksalt() -> Any:
    """Sodium oxide's ions on a disturbed lattice of rock salt, half of sodium's places empty."""
    generator = np.random.default_rng(8)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    odd = grid.sum(1) % 2 == 1
    oxygen = np.flatnonzero(odd)[::2]
    sodium = np.flatnonzero(~odd)
    places = np.concatenate([sodium, oxygen])
    symbols = ["Na"] * len(sodium) + ["O"] * len(oxygen)
    positions = grid[places] * 2.4 + generator.normal(size=(len(places), 3)) * 0.1
    return Atoms(symbols, positions=positions, cell=[9.6] * 3, pbc=True)


def test_energy_of_a_packing_smaller_than_twice_the_cutoff(tmp_path: Path) -> None:
    atoms = packing("Na2SiS3", 2.01, n_atoms=60, min_distance=1.8, seed=4)
    forces = potential("na2s-sis2", cutoff=8.0, accuracy=1e-6)
    assert atoms.cell.lengths()[0] < 2 * forces.cutoff
    assert first_energy(atoms, forces, tmp_path) == pytest.approx(own_energy(atoms, forces), rel=2e-6)


def test_energy_in_a_skewed_cell_that_lies_anyhow(tmp_path: Path) -> None:
    """A general cell is turned into LAMMPS's frame; the energy does not know."""
    generator = np.random.default_rng(3)
    cell = np.array([[9.0, 0, 0], [5.5, 8.0, 0], [-4.0, 3.0, 8.5]])
    turn, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    fractions = np.stack(np.meshgrid(*[np.arange(3) / 3] * 3, indexing="ij"), -1).reshape(-1, 3)[:24]
    positions = fractions @ cell + generator.normal(size=(24, 3)) * 0.1
    atoms = Atoms("Na8Si4S12", positions=positions @ turn, cell=cell @ turn, pbc=True)
    forces = potential("na2s-sis2", cutoff=6.0, accuracy=1e-6)
    assert first_energy(atoms, forces, tmp_path) == pytest.approx(own_energy(atoms, forces), rel=2e-6)


@pytest.mark.parametrize("cutoff", [7.0, 10.0])
def test_energy_of_lithium_disilicate(tmp_path: Path, cutoff: float) -> None:
    atoms = crystal("li2si2o5")
    forces = potential("pedone", cutoff=cutoff, accuracy=1e-6)
    assert first_energy(atoms, forces, tmp_path) == pytest.approx(own_energy(atoms, forces), rel=2e-6)


def test_energy_of_sodium_oxide_and_of_a_uniform_scale(tmp_path: Path) -> None:
    """The energy changes with the lattice as our own sum's does."""
    forces = potential("pedone", cutoff=8.0, accuracy=1e-6)
    for number, scale in enumerate((0.97, 1.0, 1.05)):
        atoms = rocksalt()
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        energy = first_energy(atoms, forces, tmp_path / str(number))
        assert energy == pytest.approx(own_energy(atoms, forces), rel=2e-6)


@pytest.mark.parametrize("name", ["pedone", "na2s-sis2"])
def test_forces_are_the_derivative_of_our_own_sum(tmp_path: Path, name: str) -> None:
    atoms = rocksalt() if name == "pedone" else packing("Na2SiS3", 2.01, n_atoms=36, min_distance=1.9, seed=4)
    forces = potential(name, cutoff=6.0, accuracy=1e-7)
    found = first_forces(atoms.copy(), forces, tmp_path)
    h = 1e-4
    for atom, axis in [(0, 0), (7, 1), (len(atoms) - 1, 2), (len(atoms) - 5, 0)]:
        energies = []
        for way in (h, -h):
            moved = atoms.copy()
            moved.positions[atom, axis] += way
            energies.append(own_energy(moved, forces))
        assert found[atom, axis] == pytest.approx((energies[1] - energies[0]) / (2 * h), rel=1e-4, abs=2e-3)


@pytest.mark.parametrize("distance", [0.9, 2.0, 3.1, 4.7])
def test_energy_of_two_neutral_atoms_is_the_pair_energy(tmp_path: Path, distance: float) -> None:
    forces = buckingham({"S-S": (482620.301, 0.284, 3317.512)}, {"S": 0.0}, cutoff=5.0)
    atoms = Atoms("S2", positions=[[1, 1, 1], [1 + distance, 1, 1]], cell=[20] * 3, pbc=True)
    assert first_energy(atoms, forces, tmp_path) == pytest.approx(float(forces.energy("S-S", distance)), rel=1e-9)


def test_velocities_are_the_change_of_positions(relaxed: Any, tmp_path: Path) -> None:
    forces = potential("na2s-sis2", cutoff=7.0)
    result = run(relaxed, forces, Protocol((Produce(300, 0.1, 0.0005, velocities=True),), timestep=0.5), tmp_path)
    trajectory = result.trajectory
    positions, velocities = trajectory.positions, trajectory.velocities
    change = (positions[2:] - positions[:-2]) / (trajectory.times[2:] - trajectory.times[:-2])[:, None, None]
    error = np.sqrt(np.mean((change - velocities[1:-1]) ** 2) / np.mean(change**2))
    assert error < 1e-3
