"""Imaginary modes along a run: none in a harmonic crystal, the planted share elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lattices import bonded, chain, chain_forces, molecules, neighbours

import vanhove as vh
from vanhove import Refusal


def shaken(atoms: Any, size: float, frames: int = 4) -> vh.Trajectory:
    rng = np.random.default_rng(2)
    places = atoms.positions + rng.normal(0, size, (frames, len(atoms), 3))
    times = 1.0 * np.arange(frames)
    return vh.from_arrays(places, atoms.cell.array, list(atoms.symbols), times, wrapped=False)


def test_a_harmonic_crystal_has_none_however_hot() -> None:
    found = vh.lattice.instantaneous_modes(shaken(chain(6), 0.4), chain_forces(), frames=3)
    assert float(found.fraction) == 0
    assert float(found.fraction_error) == 0
    assert (found.species_imaginary == 0).all()
    np.testing.assert_allclose(found.frequencies[0], found.frequencies[2], atol=1e-6)
    np.testing.assert_allclose(np.trapezoid(found.g, found.energy), 1, atol=1e-6)


def test_the_planted_share_is_found() -> None:
    """A third of all modes are along the axis whose spring pushes."""
    found = vh.lattice.instantaneous_modes(shaken(chain(6), 0.1), chain_forces(np.array([3.0, 1.0, -2.0])))
    np.testing.assert_array_equal(found.imaginary, 1 / 3)
    atoms = 12
    np.testing.assert_allclose(found.species_imaginary.mean(), (atoms - 1) / (3 * atoms))
    below = found.energy.values <= 0
    assert np.trapezoid(found.g.values[below], found.energy.values[below]) == pytest.approx(1 / 3, abs=0.01)
    vh.draw(found)


def test_anharmonic_bonds_have_more_the_hotter_it_is() -> None:
    from ase.build import bulk

    crystal: Any = bulk("Ar", "fcc", a=5.0, cubic=True).repeat((2, 2, 2))
    i, j, shift = neighbours(crystal, 5.4)
    forces = bonded(crystal, (i, j, shift), np.ones(len(i)))  # at rest none is stretched
    cold, hot = (vh.lattice.instantaneous_modes(shaken(crystal, size, 2), forces) for size in (0.01, 0.9))
    assert float(cold.fraction) == 0
    assert float(hot.fraction) > 0.01


def test_numbers_of_frames() -> None:
    run = shaken(chain(3), 0.01, 5)
    found = vh.lattice.instantaneous_modes(run, chain_forces(), frames=[0, -1])
    assert found.time.values.tolist() == [0.0, 4.0]
    one = vh.lattice.instantaneous_modes(run, chain_forces(), frames=1)
    assert np.isnan(float(one.fraction_error))
    vh.draw(one)
    for frames in (0, []):
        with pytest.raises(Refusal, match="frames"):
            vh.lattice.instantaneous_modes(run, chain_forces(), frames=frames)
    atoms, forces = molecules()
    with pytest.raises(Refusal, match="selection"):
        vh.lattice.instantaneous_modes(shaken(atoms, 0.1).select("Li"), forces)
