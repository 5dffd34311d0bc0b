"""Trainings by DeePMD-kit itself; skipped where it is not installed (``VANHOVE_DEEPMD`` may name its environment)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from labels import pushing

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.simulate import deepmd, deviation, labelled, parity, train
from vanhove.simulate._labelled import Labelled
from vanhove.simulate._protocol import Hold, Produce, Protocol
from vanhove.simulate._run import run
from vanhove.simulate.deepmd_evaluate import Frames, evaluate, frames_of
from vanhove.simulate.deepmd_home import find_deepmd
from vanhove.simulate.deepmd_training import last_checkpoint

if TYPE_CHECKING:
    from vanhove.simulate._train import Committee

pytestmark = pytest.mark.slow

PHASE: dict[str, Any] = {
    "steps": 200, "rate": [3e-3, 1e-4], "decay_every": 20,
    "energy": [0.02, 1], "force": [100, 1], "virial": [0.02, 0.1],
}  # fmt: skip
SETTINGS: dict[str, Any] = {
    "base": "small", "report_every": 20, "checkpoint_every": 40,
    "network": {"cutoff": 5.0, "embedding": [4, 8], "axis": 2, "fitting": [16, 16], "precision": "float64"},
    "phases": [{**PHASE, "wall": "closest"}, {**PHASE, "steps": 100}],
}  # fmt: skip


def data() -> Labelled:
    """Atoms that push each other away; none of them meets a wall."""
    return Labelled.of([pushing("one", 80, seed=1), pushing("two", 40, seed=2)])


@pytest.fixture(scope="module", autouse=True)
def _there() -> None:
    try:
        find_deepmd()
    except Refusal as refusal:
        pytest.skip(str(refusal))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Committee:
    """Two models in two phases."""
    return train(data(), tmp_path_factory.mktemp("t") / "t", settings=SETTINGS, models=2, threads=1)


def test_what_is_trained_is_learned(trained: Committee) -> None:
    found = parity(trained, trained.held_out, threads=1)
    spread = float(np.sqrt((trained.held_out.systems[0].forces ** 2).mean()))
    assert found.attrs["force"] < 0.5 * spread
    curve = trained.curves
    assert curve.step.values.tolist() == list(range(0, 301, 20))
    assert (curve.force_held_out[:, -1] < curve.force_held_out[:, 0]).all()
    for one in trained.summary:
        assert [phase["steps"] for phase in one["phases"]] == [200, 100]
        assert all(phase["seconds_per_step"] > 0 and phase["device"] for phase in one["phases"])


def test_compressed_it_is_the_same_model(trained: Committee) -> None:
    whole = deepmd(trained.directory / "model-0/model.pb")
    assert whole.species == ["Li", "S"]
    assert trained.models[0].name == "compressed.pb"
    (one,), (other,) = evaluate([whole, trained.potential(0)], frames_of(trained.held_out.select("one")), 1)
    np.testing.assert_allclose(one.energy, other.energy, atol=1e-4)
    np.testing.assert_allclose(one.forces, other.forces, atol=1e-3)


def test_forces_and_virials_are_derivatives_of_the_energy(trained: Committee) -> None:
    system = trained.held_out.systems[0]
    position, cell, step = system.positions[0], system.cell[0], 1e-4
    moved = np.repeat(position[None], 4, axis=0)
    moved[0, 1, 2] += step
    moved[1, 1, 2] -= step
    cells = np.repeat(cell[None], 4, axis=0)
    strain = np.eye(3)
    for number, sign in ((2, 1), (3, -1)):
        strain = np.eye(3)
        strain[0, 0] += sign * step
        cells[number], moved[number] = cell @ strain, position @ strain
    frames = Frames("moved", system.species, np.concatenate([position[None], moved]),
                    np.concatenate([cell[None], cells]), np.arange(5))  # fmt: skip
    found = evaluate([trained.potential(0)], [frames], 1)[0][0]
    along = (found.energy[1] - found.energy[2]) / (2 * step)
    assert found.forces[0, 1, 2] == pytest.approx(-along, rel=1e-3, abs=1e-3)
    strained = (found.energy[3] - found.energy[4]) / (2 * step)
    assert found.virial[0, 0, 0] == pytest.approx(-strained, rel=1e-3, abs=1e-3)


def test_deepmd_says_the_same_model_deviation(trained: Committee, tmp_path: Path) -> None:
    """Against ``dp model-devi``, which writes it for folders of data."""
    found = deviation(trained, trained.held_out.select("one"), threads=1)
    home = find_deepmd()
    words = ["model-devi", "-m", *map(str, trained.models), "-s", str(trained.directory / "data/held-out/one"),
             "-o", str(tmp_path / "devi.out")]  # fmt: skip
    subprocess.run(home.dp(*words), env=home.environment(1), check=True, capture_output=True)
    table = np.loadtxt(tmp_path / "devi.out", ndmin=2)
    np.testing.assert_allclose(found.deviation_max, table[:, 4], rtol=1e-4)
    np.testing.assert_allclose(found.deviation_mean, table[:, 6], rtol=1e-4)
    np.testing.assert_allclose(found.deviation_min, table[:, 5], rtol=1e-3, atol=1e-5)


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from test_training_deepmd import SETTINGS, data
from vanhove.simulate import train
train(data(), sys.argv[1], settings=SETTINGS, threads=1)
"""


def test_killed_it_goes_on(tmp_path: Path, processes: Callable[[Path], dict[int, str]]) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "t"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen([sys.executable, str(script), str(folder)], env=environment)
    until = time.monotonic() + 600
    while last_checkpoint(folder / "model-0/1-train") is None:
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    while processes(folder):
        assert time.monotonic() < until
        time.sleep(0.05)
    found = train(data(), folder, settings=SETTINGS, threads=1)
    assert found.curves.step.values.tolist() == list(range(0, 301, 20))
    told = json.loads((folder / "model-0/model.json").read_text())
    assert told["phases"][0]["processes"] == 2


@pytest.mark.usefixtures("lammps")
def test_lammps_runs_what_was_trained(trained: Committee, tmp_path: Path) -> None:
    """The first energy of a run is the model's."""
    from ase import Atoms

    from vanhove.base.units import KCAL_MOL_IN_EV
    from vanhove.simulate.thermo import Log

    system = trained.held_out.systems[0]
    atoms: Any = Atoms(system.species, positions=system.positions[0], cell=system.cell[0], pbc=True)
    atoms = atoms.repeat(2)  # LAMMPS wants a cell of more than a cutoff
    protocol = Protocol((Hold(300, 0.002), Produce(300, 0.005, 0.001)), timestep=0.5)
    found = run(atoms, trained.potential(1), protocol, tmp_path / "run", ranks=1)
    assert "deepmd-kit" in found.summary["engine_versions"][0]
    said = evaluate([trained.potential(1)], frames_of(atoms), 1)[0][0]
    row = Log(next((tmp_path / "run/legs").glob("000*")) / "log.lammps").read()[0]
    assert row.potential * KCAL_MOL_IN_EV == pytest.approx(said.energy[0], rel=1e-6)


GLASS_BOUND = 0.6  # eV/Å, of forces that are 0.8 eV/Å: what a few hundred steps leave


def test_published_frames_are_learned_in_a_minute_or_two(shared_data: Path, tmp_path: Path) -> None:
    """Two glasses of Li2S and P2S5 by DFT: after a few hundred steps the forces are far better than none."""
    if not (shared_data / "lips-dft").is_dir():
        pytest.skip("the frames are not there")
    glasses = labelled(shared_data / "lips-dft").select(["glass-67", "glass-75"])
    short = {"base": "small", "phases": {"steps": 400, "decay_every": 4}, "checkpoint_every": 200}
    found = train(glasses, tmp_path / "t", settings=short)
    compared = parity(found, found.held_out)
    assert compared.system.values.tolist() == ["glass-67", "glass-75"]
    assert (compared.force < GLASS_BOUND).all()
    assert (compared.force_reference > 1.2 * GLASS_BOUND).all()
    vh.draw(compared).figure.canvas.draw()
