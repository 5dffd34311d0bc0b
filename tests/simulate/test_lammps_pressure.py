"""Stages with a pressure: the cell follows, and the trajectory knows it frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate._guards import Guards
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Hold, Produce, Protocol
from vanhove.simulate._run import Finished, run
from vanhove.simulate.thermo import Log

pytestmark = pytest.mark.usefixtures("lammps")
COUPLINGS = ["isotropic", "anisotropic", "triclinic"]
BAR = 30_000.0


@pytest.fixture(scope="module")
def melt(_relaxed: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("melt")
    return run(_relaxed.copy(), potential("na2s-sis2", cutoff=7.0), [Hold(1500, 1.0)], folder).structure


@pytest.fixture(scope="module")
def done(melt: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finished]:
    """A melt under pressure, each way of coupling, in several legs."""
    found = {}
    for coupling in COUPLINGS:
        how: dict[str, Any] = {"pressure": BAR, "coupling": coupling}
        stages = (Hold(1500, 1.0, **how), Produce(1500, 3.0, 0.02, velocities=True, **how))
        protocol = Protocol(stages, pressure_damping=500)
        folder = tmp_path_factory.mktemp(coupling)
        found[coupling] = run(melt, potential("na2s-sis2", cutoff=7.0), protocol, folder, leg_steps=700, ranks=1)
    return found


def rows_of(result: Finished, stage: str) -> list[Any]:
    logs = sorted(result.directory.glob(f"legs/*-{stage}/log.lammps"))
    return [row for log in logs for row in Log(log).read()]


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_every_frame_has_its_own_cell(done: dict[str, Finished], coupling: str) -> None:
    trajectory = done[coupling].trajectory
    assert not trajectory.constant_cell
    cells = trajectory.cells
    assert cells.shape == (151, 3, 3)
    rows = {row.step: row.volume for row in rows_of(done[coupling], "produce")}
    steps = [step for step in rows if step % 20 == 0]
    assert len(steps) > 30
    assert np.linalg.det(cells[[step // 20 for step in steps]]) == pytest.approx(
        [rows[step] for step in steps], rel=1e-8
    )
    lengths = np.linalg.norm(cells, axis=2)
    angles = cells[:, [1, 2, 2], [0, 0, 1]]
    if coupling == "isotropic":
        assert np.ptp(lengths / lengths[:, :1], axis=0).max() < 1e-12
    else:
        assert np.ptp(lengths / lengths[:, :1], axis=0).max() > 0.01
    assert (np.abs(angles).max() > 0.1) if coupling == "triclinic" else (angles == 0).all()
    assert np.abs(np.diff(cells, axis=0)).max() < 0.5  # no jump where legs meet, no flip


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_the_pressure_is_the_one_asked_for(done: dict[str, Finished], coupling: str) -> None:
    stage = done[coupling].summary["stages"][1]
    assert stage["pressure_target"] == BAR
    assert stage["pressure"] == pytest.approx(BAR, rel=0.15)  # 3 ps of 96 atoms, whose pressure swings by 8000 bar
    assert stage["measured"] == pytest.approx(1500, rel=0.1)
    assert stage["volume"] == pytest.approx(np.linalg.det(done[coupling].trajectory.cells).mean(), rel=0.01)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_displacements_leave_out_the_motion_of_the_cell(melt: Any, tmp_path: Path, coupling: str) -> None:
    """The correction by a plain loop: an atom n cells away does not move when the cell grows by h' - h."""
    stage = Produce(1500, 0.5, 0.004, velocities=True, pressure=BAR, coupling=coupling)
    protocol = Protocol((stage,), pressure_damping=300)
    trajectory = run(melt, potential("na2s-sis2", cutoff=7.0), protocol, tmp_path, leg_steps=200, ranks=1).trajectory
    frames, atoms = np.arange(trajectory.n_frames), np.arange(trajectory.n_atoms)
    positions, cells = trajectory.positions, trajectory.cells
    edges = np.diagonal(cells, axis1=1, axis2=2)
    corner = (melt.cell.lengths() - edges) / 2  # the middle of the cell is what stays
    assert np.ptp(corner, axis=0).max() > 0.05
    away = np.floor(np.einsum("fax,fxy->fay", positions - corner[:, None], np.linalg.inv(cells)))
    assert np.abs(away).max() >= 1
    correction = np.zeros_like(positions)
    for f in range(1, len(positions)):
        correction[f] = correction[f - 1] - away[f - 1] @ (cells[f] - cells[f - 1])
    stored = trajectory.system.source.read("correction", frames, atoms)
    assert np.abs(stored - correction).max() < 1e-6
    # the path of an atom is what its velocity says and what the cell does to it, whatever its number of cells
    path = positions + correction
    moved = path[1:] - path[:-1]
    inside = positions - np.einsum("fax,fxy->fay", away, cells) - corner[:, None]
    stretch = np.linalg.inv(cells[:-1]) @ (cells[1:] - cells[:-1])
    mean = (trajectory.velocities[1:] + trajectory.velocities[:-1]) / 2 * 0.004
    moved -= np.einsum("fax,fxy->fay", inside[:-1], stretch) + np.diff(corner, axis=0)[:, None]
    assert np.sqrt(np.mean((moved - mean) ** 2) / np.mean(mean**2)) < 0.02


def test_the_final_cell_is_the_next_run_s(done: dict[str, Finished], tmp_path: Path) -> None:
    structure = done["triclinic"].structure
    assert np.allclose(structure.cell.array, done["triclinic"].trajectory.cells[-1], rtol=0, atol=1e-7)
    forces = potential("na2s-sis2", cutoff=7.0)
    kept = run(structure, forces, [Hold(1500, 0.1), Produce(1500, 0.2, 0.02)], tmp_path / "kept").trajectory
    assert kept.constant_cell
    assert np.allclose(kept.cells[0], structure.cell.array, rtol=0, atol=1e-12)
    again = run(structure, forces, [Produce(1500, 0.2, 0.02, pressure=BAR, coupling="anisotropic")], tmp_path / "again")
    angles = again.trajectory.cells[:, [1, 2, 2], [0, 0, 1]]
    assert np.ptp(angles, axis=0).max() < 0.1  # in a skewed cell only lengths are led


def test_a_production_of_constant_volume_after_a_pressure_has_one_cell(melt: Any, tmp_path: Path) -> None:
    stages = [Hold(1500, 0.5, pressure=BAR), Produce(1500, 0.2, 0.02)]
    result = run(melt, potential("na2s-sis2", cutoff=7.0), stages, tmp_path)
    assert result.trajectory.constant_cell
    cell = result.trajectory.cells[0]
    assert not np.allclose(cell, melt.cell.array)
    assert np.linalg.det(cell) == pytest.approx(rows_of(result, "hold")[-1].volume, rel=1e-9)
    assert np.allclose(result.structure.cell.array, cell, rtol=0, atol=1e-7)


def test_a_cell_that_runs_away_stops_the_run(melt: Any, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"volume is \d+ Å³ where it was 22\d\d Å³"):
        run(
            melt, potential("na2s-sis2", cutoff=7.0), [Hold(1500, 2.0, pressure=-50_000)], tmp_path,
            guards=Guards(volume=0.1), leg_steps=500,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Hold(300, 1, pressure=float("nan")), "in bar"),
        (lambda: Hold(300, 1, pressure="1 bar"), "in bar"),  # type: ignore[arg-type]  # what a person may write
        (lambda: Hold(300, 1, pressure=True), "in bar"),
        (lambda: Hold(300, 1, pressure=1, coupling="isotrop"), "Did you mean 'isotropic'"),
        (lambda: Hold(300, 1, pressure=1, thermostat=None), "Nosé-Hoover thermostat only"),
        (lambda: Protocol((Hold(300, 1),), pressure_damping=0), "pressure_damping=0"),
    ],
)
def test_wrong_pressures_are_refused(wrong: Any, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        wrong()
