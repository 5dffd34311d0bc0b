"""Held atoms and rigid bodies under LAMMPS: they do what is asked, at the temperature that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from argyrodite import argyrodite, made_up

from vanhove.base.errors import Refusal
from vanhove.base.units import K_B, U_A2_PER_PS2_IN_MEV
from vanhove.simulate._constrain import CONSTRAINTS, constrain
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol, Ramp
from vanhove.simulate._run import run
from vanhove.simulate.constraints import held_in_stages
from vanhove.simulate.polyanions import find_polyanions
from vanhove.simulate.thermo import Log

pytestmark = pytest.mark.usefixtures("lammps")
KELVIN = 600.0


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory, lammps: Any) -> Any:
    """The argyrodite at rest, its tetrahedra whole."""
    atoms = run(argyrodite(), made_up(), [Minimise()], tmp_path_factory.mktemp("cell")).structure
    units = find_polyanions(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array)
    assert np.bincount(units.unit).tolist() == [32, 5, 5, 5, 5]
    return atoms


@pytest.fixture(scope="module")
def done(cell: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The trajectory of each constraint, in several legs: a minimisation, 1 ps to warm up, 3 ps."""
    found = {}
    for kind in CONSTRAINTS:
        protocol = Protocol(
            (Minimise(), Hold(KELVIN, 1.0), Produce(KELVIN, 3.0, 0.02, velocities=True)), constrain=constrain(kind)
        )
        found[kind] = run(cell, made_up(), protocol, tmp_path_factory.mktemp(kind), leg_steps=700, ranks=1)
    return found


def units_of(atoms: Any) -> list[Any]:
    found = find_polyanions(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array).unit
    return [np.flatnonzero(found == number) for number in range(1, 5)]


def between(positions: Any) -> Any:
    """All vectors between the atoms of a unit, frame by frame: the images follow the first frame."""
    return positions[:, :, None] - positions[:, None, :]


@pytest.mark.parametrize("kind", ["rigid-polyanions", "no-rotation"])
def test_rigid_units_keep_their_distances(cell: Any, done: dict[str, Any], kind: str) -> None:
    positions = done[kind].trajectory.positions
    start = find_polyanions(cell.get_chemical_symbols(), cell.positions, cell.cell.array)
    whole = cell.positions + start.image @ cell.cell.array
    for unit in units_of(cell):
        lengths = np.linalg.norm(between(positions[:, unit]), axis=-1)
        assert np.ptp(lengths, axis=0).max() < 1e-9
        # the minimisation of the run has not bent them either
        assert lengths[0] == pytest.approx(np.linalg.norm(between(whole[None, unit])[0], axis=-1), abs=1e-6)
        assert np.linalg.norm(np.diff(positions[:, unit[0]], axis=0), axis=-1).min() > 1e-4  # and they do move


def test_units_that_may_not_turn_keep_their_orientation(cell: Any, done: dict[str, Any]) -> None:
    turning, still = (done[kind].trajectory.positions for kind in ("rigid-polyanions", "no-rotation"))
    for unit in units_of(cell):
        bonds = between(still[:, unit])
        assert np.abs(bonds - bonds[0]).max() < 1e-9
        bonds = between(turning[:, unit])
        assert np.abs(bonds - bonds[0]).max() > 0.1


@pytest.mark.parametrize("kind", ["fixed-polyanions", "fixed-anions", "fixed-framework"])
def test_fixed_atoms_do_not_move_at_all(cell: Any, done: dict[str, Any], kind: str) -> None:
    trajectory = done[kind].trajectory
    protocol = Protocol((Hold(KELVIN, 1.0),), constrain=constrain(kind))
    held = held_in_stages(protocol, cell.get_chemical_symbols(), cell.positions, cell.cell.array, {})[0][0]
    positions = trajectory.positions
    assert (positions[:, held.fixed] == positions[0, held.fixed]).all()
    assert (trajectory.velocities[:, held.fixed] == 0).all()
    moved = positions[0, held.fixed] - cell.positions[held.fixed]
    edges = cell.cell.lengths()
    assert np.abs(moved - edges * np.round(moved / edges)).max() < 1e-12
    assert np.abs(np.diff(positions[:, ~held.fixed], axis=0)).max(axis=(0, 2)).min() > 0.01


@pytest.mark.parametrize("kind", [*CONSTRAINTS])
def test_the_temperature_is_that_of_the_degrees_of_freedom(cell: Any, done: dict[str, Any], kind: str) -> None:
    """From the velocities by hand: m v² over what is free to move; over 3 ps it is 600 K within 10 %."""
    trajectory = done[kind].trajectory
    protocol = Protocol((Hold(KELVIN, 1.0),), constrain=constrain(kind))
    held = held_in_stages(protocol, cell.get_chemical_symbols(), cell.positions, cell.cell.array, {})[0][0]
    twice = (trajectory.masses[:, None] * trajectory.velocities**2).sum((1, 2)) * U_A2_PER_PS2_IN_MEV
    kelvin = twice / (held.freedom * K_B)
    assert kelvin.mean() == pytest.approx(KELVIN, rel=0.1)
    # LAMMPS counts the same degrees of freedom: its log and the frames say the same at the same steps
    rows = [row for log in sorted(done[kind].directory.glob("legs/*-produce/log.lammps")) for row in Log(log).read()]
    assert [row.temperature for row in rows if row.step % 100 == 0] == pytest.approx(
        [kelvin[row.step // 20] for row in rows if row.step % 100 == 0], rel=1e-5
    )


@pytest.mark.parametrize("kind", ["rigid-polyanions", "no-rotation"])
def test_bodies_and_free_atoms_are_equally_warm_and_the_whole_rests(cell: Any, done: dict[str, Any], kind: str) -> None:
    trajectory = done[kind].trajectory
    masses, velocities = trajectory.masses, trajectory.velocities
    assert np.abs((masses[:, None] * velocities).sum(1)).max() < 1e-6
    weights = np.array([masses[unit].sum() for unit in units_of(cell)])
    drift = np.stack([(masses[unit, None] * velocities[:, unit]).sum(1) for unit in units_of(cell)], axis=1)
    translation = (drift**2 / weights[:, None]).sum((1, 2)) * U_A2_PER_PS2_IN_MEV
    freedom = 3 * 4 - 3 * weights.sum() / masses.sum()  # the momentum of the whole is kept
    assert translation.mean() / (freedom * K_B) == pytest.approx(KELVIN, rel=0.35)  # 10 degrees for 3 ps
    free = np.setdiff1d(np.arange(len(masses)), np.concatenate(units_of(cell)))
    lithium = (masses[free, None] * velocities[:, free] ** 2).sum((1, 2)) * U_A2_PER_PS2_IN_MEV
    assert lithium.mean() / (3 * len(free) * K_B) == pytest.approx(KELVIN, rel=0.1)


def test_energy_is_kept_by_rigid_units_without_a_thermostat(cell: Any, tmp_path: Path) -> None:
    protocol = Protocol(
        (Hold(KELVIN, 0.5), Hold(KELVIN, 1.0, "free", thermostat=None)), constrain=constrain("rigid-polyanions")
    )
    forces = made_up(cutoff=11.0)  # at 6.8 Å the energy of P-S jumps by 0.2 kcal/mol
    result = run(cell, forces, protocol, tmp_path, leg_steps=400)
    rows = [row for log in sorted(tmp_path.glob("legs/*-free/log.lammps")) for row in Log(log).read()]
    heat = 0.001987 * KELVIN  # kcal/mol
    assert np.ptp([row.total for row in rows]) < 0.01 * heat * 52  # through two restarts as well
    assert abs(result.summary["stages"][1]["drift"]) < 1.0  # meV per atom and ps


@pytest.mark.parametrize("thermostat", ["langevin", None])
def test_other_thermostats_know_what_is_held(cell: Any, tmp_path: Path, thermostat: str | None) -> None:
    for kind in ("rigid-polyanions", "fixed-framework"):
        protocol = Protocol(
            (Hold(KELVIN, 0.5), Produce(KELVIN, 0.5, 0.1, thermostat=thermostat)), constrain=constrain(kind)
        )
        trajectory = run(cell, made_up(), protocol, tmp_path / kind).trajectory
        positions = trajectory.positions
        if kind == "fixed-framework":
            fixed = np.array(trajectory.species) != "Li"
            assert (positions[:, fixed] == positions[0, fixed]).all()
        for unit in units_of(cell):
            assert np.ptp(np.linalg.norm(between(positions[:, unit]), axis=-1), axis=0).max() < 1e-9


def test_a_region_is_frozen_while_the_rest_melts_and_free_afterwards(cell: Any, tmp_path: Path) -> None:
    atoms = cell.copy()
    crystal = atoms.get_scaled_positions()[:, 2] < 0.5
    atoms.set_array("region", np.where(crystal, "crystal", "glass"))
    held: dict[str, Any] = {"frozen": {"region": "crystal"}}
    making = (Minimise(**held), Hold(1500, 1.0, "melt", **held), Ramp(1500, 600, 900, **held))
    made = run(atoms, made_up(), Protocol(making), tmp_path / "made", leg_steps=600, ranks=1)
    edges = cell.cell.lengths()
    moved = made.structure.positions - atoms.positions
    moved -= edges * np.round(moved / edges)
    assert np.abs(moved[crystal]).max() < 1e-7  # the digits of the file
    assert np.linalg.norm(moved[~crystal], axis=1).mean() > 0.3
    assert (made.structure.get_velocities()[crystal] == 0).all()
    assert made.summary["stages"][1]["measured"] == pytest.approx(1500, rel=0.15)
    # the region is still known, and a run may hold it and let it go: what was frozen begins at the temperature
    assert made.structure.arrays["region"].tolist() == atoms.arrays["region"].tolist()
    freed = run(
        made.structure, made_up(), [Hold(600, 0.5, "frozen", **held), Produce(600, 2.0, 0.02, velocities=True)],
        tmp_path / "freed", ranks=1,
    ).trajectory  # fmt: skip
    twice = (freed.masses[:, None] * freed.velocities**2).sum(2) * U_A2_PER_PS2_IN_MEV
    assert twice[0].sum() / (3 * 51 * K_B) == pytest.approx(600, rel=1e-5)
    assert twice[20:, crystal].sum(1).mean() / (3 * crystal.sum() * K_B) == pytest.approx(600, rel=0.2)
    assert np.abs((freed.masses[:, None] * freed.velocities).sum(1)).max() < 1e-6


def test_another_region_is_another_run(cell: Any, tmp_path: Path) -> None:
    atoms = cell.copy()
    atoms.set_array("region", np.where(atoms.positions[:, 2] < 5, "crystal", "glass"))
    protocol = [Hold(300, 0.05, frozen={"region": "crystal"})]
    run(atoms, made_up(), protocol, tmp_path)
    atoms.arrays["region"][-1] = "glass" if atoms.arrays["region"][-1] == "crystal" else "crystal"
    with pytest.raises(Refusal, match="differs in held"):
        run(atoms, made_up(), protocol, tmp_path)


def test_many_ranks_hold_the_same(cell: Any, tmp_path: Path) -> None:
    """A body that lies on several ranks, and a structure in several cells."""
    atoms = cell * (2, 1, 1)
    protocol = Protocol((Produce(KELVIN, 0.2, 0.02),), constrain=constrain("rigid-polyanions"))
    one, two = (run(atoms, made_up(), protocol, tmp_path / str(n), ranks=n).trajectory for n in (1, 2))
    assert np.abs(one.positions - two.positions).max() < 1e-5
    found = find_polyanions(atoms.get_chemical_symbols(), atoms.positions, atoms.cell.array).unit
    for number in range(1, 9):
        lengths = np.linalg.norm(between(two.positions[:, found == number]), axis=-1)
        assert np.ptp(lengths, axis=0).max() < 1e-9
