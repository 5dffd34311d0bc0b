"""Ab-initio dynamics: a run like any other, killed and resumed, stopped where electrons do not come to rest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from vanhove import Refusal
from vanhove.simulate import Hold, Minimise, Produce, Protocol, calculator, cp2k, run
from vanhove.simulate.thermo import Log

Processes = Callable[[Path], dict[int, str]]

SCRIPT = """
import sys
import numpy as np
from ase import Atoms
from vanhove.simulate import Hold, Minimise, Produce, Protocol, cp2k, run

places = np.array(list(np.ndindex(2, 2, 2))) * 3.6 + 0.3
atoms = Atoms("Li4S4", positions=places, cell=[7.5] * 3, pbc=True)
stages = (Minimise(iterations=2), Hold(300, 0.003), Produce(300, 0.008, 0.002, velocities=True))
run(atoms, cp2k("cheap"), Protocol(stages, timestep=0.5), sys.argv[1], leg_steps=8)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "run_it.py"
    path.write_text(SCRIPT)
    return path


def rows(folder: Path, stage: str) -> list[Any]:
    return [row for leg in sorted(folder.glob(f"legs/*-{stage}")) for row in Log(leg / "log.ase").read()]


def test_it_is_a_run_and_leaves_labels(script: Path, pretended: Path, tmp_path: Path, processes: Processes) -> None:
    """Killed twice it ends with the same bits; its labels are those of its own frames."""
    import h5py
    from pretend_cp2k import energy

    from vanhove.simulate._run import Finished

    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run([sys.executable, str(script), str(undisturbed)], check=True)
    slow = {**os.environ, "PRETEND_SECONDS": "0.05"}
    for leg in ("001-hold.attempt", "003-produce.attempt"):
        process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.PIPE, env=slow)
        until = time.monotonic() + 120
        while not (folder / "legs" / leg / "points.bin").exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
        process.wait()
        until = time.monotonic() + 10
        while processes(folder) and time.monotonic() < until:
            time.sleep(0.02)
        assert processes(folder) == {}
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    with h5py.File(undisturbed / "trajectory.h5md") as one, h5py.File(folder / "trajectory.h5md") as other:
        for name in ("position", "velocity"):
            assert np.array_equal(one[f"particles/all/{name}/value"][:], other[f"particles/all/{name}/value"][:])
    whole, resumed = (Finished(path, {}).labels.systems[0] for path in (undisturbed, folder))
    assert whole.fingerprint == resumed.fingerprint

    trajectory = Finished(undisturbed, {}).trajectory
    assert whole.frames == trajectory.n_frames == 5
    np.testing.assert_array_equal(whole.positions, trajectory.read("positions"))
    assert whole.virial is not None
    for frame in range(whole.frames):
        value, slopes, pushing, _ = energy(whole.positions[frame], whole.cell[frame])
        assert whole.energy[frame] == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(whole.forces[frame], slopes, atol=1e-9)
        np.testing.assert_allclose(whole.virial[frame], pushing, atol=1e-9)
    assert "300 and 40 Ry" in whole.source
    left = {path.parent.name for path in undisturbed.glob("legs/*/cp2k-RESTART.wfn")}
    assert left == {"002-produce", "003-produce"}, "electrons that no leg begins with any more are removed"


@pytest.mark.usefixtures("pretended")
def test_energy_is_kept_and_every_step_is_said(tmp_path: Path) -> None:
    atoms = Atoms("H2", positions=[(0, 0, 0), (0.8, 0, 0)], cell=[7.5] * 3, pbc=True)
    plan = Protocol((Produce(300, 0.01, 0.001, thermostat=None),), timestep=0.25)
    finished = run(atoms, cp2k("cheap"), plan, tmp_path / "run")
    kept = np.array([row.conserved for row in rows(tmp_path / "run", "produce")])
    assert len(kept) == 40 + 2  # two legs of 24 and 16 steps, the step between them is said by both
    # Verlet's energy is off by (ωΔt)² at most: 93/ps, from exp(-0.8) eV/Å² between two atoms of hydrogen, and 0.25 fs
    assert np.ptp(kept) < 5e-4 * np.ptp([row.potential for row in rows(tmp_path / "run", "produce")])
    assert finished.labels.systems[0].name == "run"


@pytest.mark.usefixtures("pretended")
def test_electrons_not_at_rest_stop_the_run_and_another_way_goes_on(tmp_path: Path) -> None:
    near = Atoms("H2", positions=[(0, 0, 0), (0.8, 0, 0)], cell=[7.5] * 3, pbc=True)
    plan, folder = Protocol((Hold(300, 0.003), Produce(300, 0.002, 0.001)), timestep=0.5), tmp_path / "run"
    with pytest.raises(Refusal, match=r"SCF run NOT converged.*forces of this step are not to be used.*minimizer=.cg"):
        run(near, cp2k("cheap", max_scf=1), plan, folder)
    assert not list(folder.glob("legs/*/points.bin"))
    assert not (folder / "trajectory.h5md").exists()
    finished = run(near, cp2k("cheap", max_scf=20), plan, folder)
    assert finished.labels.frames == 3


@pytest.mark.parametrize("wrong", ["basis", "cut"])
def test_cp2k_that_ends_is_reported(
    wrong: str, pretended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETEND", wrong)
    atoms = Atoms("H2", positions=[(0, 0, 0), (0.8, 0, 0)], cell=[7.5] * 3, pbc=True)
    said = {"basis": "CP2K gave up: The requested basis", "cut": "not whole"}[wrong]
    with pytest.raises(Refusal, match=said):
        run(atoms, cp2k("cheap"), [Hold(300, 0.002)], tmp_path / "run")


@pytest.mark.usefixtures("pretended")
def test_labels_are_refused_where_there_are_none(tmp_path: Path) -> None:
    from ase.build import bulk

    emt = run(bulk("Cu", cubic=True), calculator("emt"), [Hold(300, 0.002)], tmp_path / "emt", ranks=1)
    with pytest.raises(Refusal, match=r"kept no energies and forces.*simulate\.label"):
        _ = emt.labels
    atoms = Atoms("H2", positions=[(0, 0, 0), (0.8, 0, 0)], cell=[7.5] * 3, pbc=True)
    still = run(atoms, cp2k("cheap"), [Minimise(iterations=2)], tmp_path / "still")
    with pytest.raises(Refusal, match="no production"):
        _ = still.labels
    finished = run(atoms, cp2k("cheap"), Protocol((Produce(300, 0.002, 0.001),), timestep=0.5), tmp_path / "run")
    points = next((tmp_path / "run" / "legs").glob("*/points.bin"))
    points.write_bytes(points.read_bytes()[:-8])
    with pytest.raises(Refusal, match="not whole"):
        _ = finished.labels
    with pytest.raises(Refusal, match="pressure"):
        run(atoms, cp2k("cheap"), [Hold(300, 0.002, pressure=1.0)], tmp_path / "other")
