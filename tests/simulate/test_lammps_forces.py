"""The engine computes what the potential says: energies against sums of our own, units against the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from scipy.special import erfc

from vanhove.simulate._packing import packing
from vanhove.simulate._potential import Buckingham, buckingham, potential
from vanhove.simulate._protocol import Minimise, Produce, Protocol
from vanhove.simulate.pairwise import COULOMB_KCAL_A
from vanhove.simulate._run import run
from vanhove.simulate.thermo import Log

pytestmark = pytest.mark.usefixtures("lammps")


def first_energy(atoms: Atoms, forces: Buckingham, folder: Path) -> float:
    run(atoms, forces, [Minimise(iterations=1)], folder)  # its log begins with the start
    return Log(next((folder / "legs").glob("*/log.lammps"))).read()[0].potential


def own_energy(atoms: Any, forces: Buckingham, alpha: float = 0.4) -> float:
    """Ewald's sum and the short-range terms over all images, plainly."""
    cell, volume = atoms.cell.array, atoms.get_volume()
    charges = np.array([forces.charges[label] for label in atoms.get_chemical_symbols()])
    reach = 12.0  # erfc(0.4·12) is 1e-11
    counts = np.ceil(reach * np.linalg.norm(np.linalg.inv(cell), axis=0)).astype(int) + 1
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in counts], indexing="ij"), -1).reshape(-1, 3)
    real = short = 0.0
    symbols = atoms.get_chemical_symbols()
    pairs = {(a, b): forces.term(f"{a}-{b}") for a in set(symbols) for b in set(symbols)}
    terms = [np.array([[getattr(pairs[a, b], name) for b in symbols] for a in symbols]) for name in ("A", "rho", "C")]
    between = atoms.positions[:, None] - atoms.positions[None]
    for shift in grid @ cell:
        distance = np.linalg.norm(between + shift, axis=-1)
        distance[distance < 1e-9] = np.inf
        real += 0.5 * float((np.outer(charges, charges) * erfc(alpha * distance) / distance).sum())
        A, rho, C = terms
        inside = np.where(distance < forces.cutoff, A * np.exp(-distance / rho) - C / distance**6, 0.0)
        short += 0.5 * float(inside.sum())
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    most = np.ceil(2 * alpha * 5.2 * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    waves = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in most], indexing="ij"), -1).reshape(-1, 3) @ reciprocal
    waves = waves[np.linalg.norm(waves, axis=1) > 1e-9]
    square = (waves**2).sum(-1)
    amplitude = np.exp(1j * waves @ atoms.positions.T) @ charges
    long = 2 * np.pi / volume * float((np.exp(-square / (4 * alpha**2)) / square * np.abs(amplitude) ** 2).sum())
    itself = alpha / np.sqrt(np.pi) * float((charges**2).sum())
    return COULOMB_KCAL_A * (real + long - itself) + short


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
