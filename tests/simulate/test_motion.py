from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vanhove.base.units import K_B_EV
from vanhove.simulate.motion import PER_EV, Motion

N = 24
MASSES = np.where(np.isin(np.arange(N) % 7, (0, 1, 3, 4)), 7.0, 12.0)  # in no order, so that no mode keeps its energy


def chain(stiffness: float = 0.2, bending: float = 10.0) -> Any:
    """Atoms on a ring of springs (eV/Å², eV/Å⁴), far from harmonic at 300 K: a chain of thermostats needs that."""

    def forces(positions: Any) -> tuple[float, Any]:
        stretch = np.roll(positions, -1, axis=0) - positions
        square = (stretch**2).sum(1, keepdims=True)
        energy = float((stiffness * square / 2 + bending * square**2).sum())
        tension = (stiffness + 4 * bending * square) * stretch
        return energy, tension - np.roll(tension, 1, axis=0)

    return forces


def moving(temperature: float = 300.0, timestep: float = 0.001, **options: Any) -> Motion:
    motion = Motion(np.zeros((N, 3)), np.zeros((N, 3)), MASSES, chain(), timestep, **options)
    motion.draw(temperature, np.random.default_rng(5))
    return motion


def test_the_units_are_those_of_a_clock() -> None:
    """One spring, two equal masses: the period is 2π √(m / 2k)."""
    k, m, timestep = 2.0, 7.0, 1e-4

    def spring(positions: Any) -> tuple[float, Any]:
        stretch = positions[1] - positions[0] - np.array([2.0, 0, 0])
        return float(k * (stretch**2).sum() / 2), np.array([k * stretch, -k * stretch])

    motion = Motion(np.array([[0.0, 0, 0], [2.2, 0, 0]]), np.zeros((2, 3)), np.array([m, m]), spring, timestep)
    period = 2 * np.pi * np.sqrt(m / (2 * k * PER_EV))
    for _ in range(round(period / timestep)):
        motion.step()
    assert motion.positions[1, 0] - motion.positions[0, 0] == pytest.approx(2.2, abs=1e-5)
    assert motion.energy + motion.kinetic == pytest.approx(k * 0.2**2 / 2, rel=1e-5)


def test_the_energy_error_is_of_second_order() -> None:
    errors = []
    for timestep in (0.004, 0.002):
        motion = moving(timestep=timestep)
        energies = []
        for _ in range(round(2.0 / timestep)):
            motion.step()
            energies.append(motion.energy + motion.kinetic)
        errors.append(np.std(energies))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)


def test_the_same_way_back() -> None:
    motion = moving()
    start = motion.positions.copy()
    for _ in range(200):
        motion.step()
    assert np.abs(motion.positions - start).max() > 0.1
    motion.velocities *= -1
    for _ in range(200):
        motion.step()
    assert motion.positions == pytest.approx(start, abs=1e-11)


@pytest.mark.parametrize("kind", ["nose-hoover", "langevin"])
@pytest.mark.parametrize("fixed", [0, 4])
def test_a_thermostat_keeps_the_canonical_distribution(kind: str, fixed: int) -> None:
    """Mean T, and the spread of the kinetic energy: √(2/N_f) of the mean."""
    held = np.arange(N) < fixed
    motion = moving(timestep=0.0015, fixed=held if fixed else None)
    noise = np.random.default_rng(6)
    assert motion.degrees == 3 * (N - fixed) - (0 if fixed else 3)
    seen, kinds = [], {label: [] for label in (7.0, 12.0)}
    for step in range(40_000):
        if kind == "nose-hoover":
            motion.step_chain(300.0, 0.05)
        else:
            motion.step_langevin(300.0, 0.05, noise)
        if step >= 2000:
            seen.append(motion.temperature)
            for mass, own in kinds.items():
                own.append(mass * (motion.velocities[(mass == MASSES) & ~held] ** 2).mean() / (K_B_EV * PER_EV))
    # T is new after some 0.05 ps: 1200 values with a spread of 17 %, hence a mean to 0.5 %
    assert np.mean(seen) == pytest.approx(300, rel=0.02)
    assert np.std(seen) / np.mean(seen) == pytest.approx(np.sqrt(2 / motion.degrees), rel=0.08)
    for mass, own in kinds.items():  # each kind has its share, less that of the centre of mass, which rests
        assert np.mean(own) == pytest.approx(300 * (1 if fixed else 1 - mass / MASSES.sum()), rel=0.03)
    if fixed:
        assert (motion.velocities[held] == 0).all()
        assert (motion.positions[held] == 0).all()
    else:
        assert np.abs((MASSES[:, None] * motion.velocities).sum(0)).max() < 1e-6


@pytest.mark.parametrize("kind", ["nose-hoover", "langevin"])
def test_what_the_thermostat_took_closes_the_books(kind: str) -> None:
    motion = moving(timestep=0.001)
    noise, start = np.random.default_rng(7), motion.conserved
    kept, total = [], []
    for _ in range(3000):
        if kind == "nose-hoover":
            motion.step_chain(600.0, 0.05)
        else:
            motion.step_langevin(600.0, 0.05, noise)
        kept.append(motion.conserved)
        total.append(motion.energy + motion.kinetic)
    assert np.ptp(total) > 1.0
    assert np.abs(np.array(kept) - start).max() < 0.005 * np.ptp(total)


def test_drawn_velocities_have_the_temperature_and_no_drift() -> None:
    motion = moving(450.0)
    assert motion.temperature == pytest.approx(450)
    assert np.abs((MASSES[:, None] * motion.velocities).sum(0)).max() < 1e-9
