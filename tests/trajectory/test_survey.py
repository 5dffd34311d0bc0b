"""The closest atoms against all their images, and temperatures against what they are bounded by."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

import vanhove as vh
from vanhove.base.elements import mass_of
from vanhove.base.units import K_B, U_A2_PER_PS2_IN_MEV
from vanhove.trajectory import closest as closest_
from vanhove.trajectory.closest import closest
from vanhove.trajectory.survey import survey


@settings(deadline=None)  # the oracle takes its time in small skewed cells
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_the_closest_atoms_in_any_cell(seed: int, atoms: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(4, 9, 3)) + np.tril(rng.normal(0, 5, (3, 3)), -1)  # often skewed far
    positions = rng.uniform(-2, 2, (atoms, 3)) @ cell
    species = rng.choice(["Na", "S", "H"], atoms)
    found = closest(positions, cell, species)
    assert found is not None
    i, j, d = neighbor_list("ijd", Atoms("X" * atoms, positions, cell=cell, pbc=True), 8.0)
    shortest, tightest = found
    assert shortest.distance == pytest.approx(d.min(), abs=1e-9)
    radii = {"Na": 1.66, "S": 1.05, "H": 0.31}
    bonds = d / np.array([radii[species[a]] + radii[species[b]] for a, b in zip(i, j, strict=True)])
    assert tightest.bonds == pytest.approx(bonds.min(), rel=1e-9) or tightest.bonds > bonds.min() > 0.5
    pair = np.sort([i, j], axis=0)[:, np.argmin(d)]
    assert shortest.atoms == tuple(pair.tolist())


def test_atoms_on_one_another_and_alone() -> None:
    cell, species = 10.0 * np.eye(3), np.array(["Na", "Na", "S"])
    found = closest(np.array([[1.0, 1, 1], [5, 5, 5], [1.0, 1, 1]]), cell, species)
    assert found is not None
    assert found[0][::2] == (0.0, (0, 2))
    alone = closest(np.zeros((1, 3)), 4.0 * np.eye(3), species[:1])
    assert alone is not None
    assert alone[0].atoms == (0, 0)  # its own image
    assert alone[0][:2] == pytest.approx((4.0, 4.0 / 3.32))
    assert closest(np.zeros((1, 3)), 50.0 * np.eye(3), species[:1]) is None


def test_of_many_atoms_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    positions = rng.uniform(0, 20, (4000, 3))
    positions[3] = positions[7] + [0.001, 0, 0]
    positions[[3, 7], 2] = 0.2  # in the slice
    monkeypatch.setattr(closest_, "MOST_ATOMS", 500)
    found = closest(positions, np.diag([20.0, 20.0, 30.0]), np.array(["Li"] * 4000))
    assert found is not None
    assert found[0].atoms == (3, 7)


@pytest.mark.parametrize("spacing", [0.002, 0.01, 0.03, 0.1, 0.5])
def test_steps_between_frames_bound_the_temperature_from_below(spacing: float) -> None:
    """Oscillators of 10 THz and flying atoms: the mean velocity over a step is never above the root mean square."""
    rng = np.random.default_rng(8)
    atoms, kelvin = 400, 500.0
    speed = np.sqrt(K_B * kelvin / U_A2_PER_PS2_IN_MEV / mass_of("Si"))
    times = spacing * np.arange(50)
    amplitude = rng.normal(0, speed * 2**0.5, (atoms, 3))
    omega, phase = 2 * np.pi * 10.0, rng.uniform(0, 2 * np.pi, (atoms, 3))
    amplitude[::2] /= 2**0.5
    turning = omega * times[:, None, None] + phase
    positions, velocities = amplitude / omega * np.sin(turning), amplitude * np.cos(turning)
    positions[:, ::2] = amplitude[::2] * times[:, None, None]
    velocities[:, ::2] = amplitude[::2]
    positions += rng.uniform(0, 30, (atoms, 3))
    found = survey(vh.from_arrays(positions, 30.0, ["Si"] * atoms, times, wrapped=False, velocities=velocities))
    assert found.kinetic.mean() == pytest.approx(kelvin, rel=0.1)
    assert np.median(found.least) <= found.kinetic.mean() * 1.01
    if spacing <= 0.01:
        assert np.median(found.least) == pytest.approx(found.kinetic.mean(), rel=0.1)


def test_the_kinetic_temperature_leaves_the_centres_motion_out() -> None:
    rng = np.random.default_rng(9)
    masses = np.array([mass_of("Li")] * 5 + [mass_of("S")] * 5)
    velocities = rng.normal(size=(2000, 10, 3)) * np.sqrt(K_B * 300 / U_A2_PER_PS2_IN_MEV / masses)[:, None]
    velocities -= np.einsum("fai,a->fi", velocities, masses)[:, None] / masses.sum()
    velocities += [30.0, -4.0, 1.0]
    positions = rng.uniform(0, 9, (2000, 10, 3))
    traj = vh.from_arrays(
        positions, 9.0, ["Li"] * 5 + ["S"] * 5, np.arange(2000.0), wrapped=False, velocities=velocities
    )
    assert survey(traj).kinetic.mean() == pytest.approx(300, rel=0.02)


def test_drift_and_the_fastest_species() -> None:
    rng = np.random.default_rng(10)
    walk = np.cumsum(rng.normal(0, 0.3, (100, 20, 3)), axis=0)
    rest = rng.normal(0, 0.05, (100, 20, 3))
    positions = rng.uniform(0, 12, (40, 3)) + np.concatenate([rest, walk], axis=1)
    positions += 0.02 * np.arange(100)[:, None, None]
    found = survey(vh.from_arrays(positions, 12.0, ["S"] * 20 + ["Li"] * 20, np.arange(100.0), wrapped=False))
    assert found.species[found.fastest] == "Li"
    np.testing.assert_allclose(found.middles[-1, 1] - found.middles[0, 1], 0.02 * 99, atol=0.1)
    assert found.longest is not None
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=2)
    assert found.longest.distance == pytest.approx(steps.max())
    assert (found.longest.frame - 1, found.longest.atom) == np.unravel_index(np.argmax(steps), steps.shape)


def test_steps_that_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 in free flight, the cosine of a vibration's phase between frames, 0 in a walk; however the frames are cut."""
    rng = np.random.default_rng(12)
    times = 0.01 * np.arange(80)[:, None, None]
    phase, places = rng.uniform(0, 2 * np.pi, (60, 3)), rng.uniform(0, 9, (60, 3))
    cases = {
        1.0: times * rng.normal(size=(60, 3)), np.cos(0.6): np.sin(0.6 * times / 0.01 + phase),
        0.0: np.cumsum(rng.normal(0, 0.1, (80, 60, 3)), axis=0),
    }  # fmt: skip
    for expected, moved in cases.items():
        flying = places + moved + [3.0, 0, 0] * times  # whatever the drift
        traj = vh.from_arrays(flying, 9.0, ["Li"] * 60, times.ravel(), wrapped=False)
        whole = survey(traj).straight
        assert whole == pytest.approx(expected, abs=0.05)
        with monkeypatch.context() as small:
            small.setenv("VANHOVE_MEMORY", "1MB")
            assert survey(traj).straight == pytest.approx(whole, rel=1e-9)
