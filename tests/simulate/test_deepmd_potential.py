from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from vanhove.base.errors import Refusal
from vanhove.base.units import KCAL_MOL_IN_EV
from vanhove.simulate import _deepmd
from vanhove.simulate._deepmd import deepmd
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Hold, Produce, Protocol
from vanhove.simulate._run import run
from vanhove.simulate.engines import leg_atom_steps
from vanhove.simulate.thermo import Log


def frozen(text: bytes) -> bytes:
    """A part of a frozen graph: a node of another name, and the constant that holds the type map."""
    tensor = b"\x08\x07\x12\x00B" + bytes([len(text)]) + text
    value = b"\n\x05value\x12" + bytes([len(tensor) + 2]) + b"B" + bytes([len(tensor)]) + tensor
    node = b"\n\x0fmodel_attr/tmap\x12\x05Const*\x0b\n\x05dtype\x12\x020\x07*" + bytes([len(value)]) + value
    return b"\n(\n\x11descrpt_attr/rcut\x12\x05Const" + bytes(range(256)) + node + b"\nB\n\x15model_attr/model_type"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "a model.pb"
    path.write_bytes(frozen(b"Li P S"))
    return path


def li3ps4(seed: int = 0) -> Any:
    """One formula unit thrown into a cell, nothing closer than 1.7 Å."""
    generator = np.random.default_rng(seed)
    while True:
        atoms: Any = Atoms("Li3PS4", positions=generator.random((8, 3)) * 6.5, cell=[6.5] * 3, pbc=True)
        if atoms.get_all_distances(mic=True)[np.triu_indices(8, 1)].min() > 1.7:
            return atoms


def test_the_model_says_which_species_it_knows(model: Path) -> None:
    found = deepmd(model)
    assert found.species == ["Li", "P", "S"]
    assert deepmd(model, species=["S", "Li"]).species == ["S", "Li"]
    assert found.charges is None
    for word in ("a model.pb", "Li, P, S", "charges: none", "trained on"):
        assert word in found.describe()


def test_commands_name_the_species_in_the_order_of_the_types(model: Path) -> None:
    assert deepmd(model).commands(["S", "P", "Li"]) == [f'pair_style deepmd "{model}"', "pair_coeff * * S P Li"]


def test_a_model_is_known_by_its_content(model: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.pb"
    moved.write_bytes(model.read_bytes())
    assert deepmd(moved).to_dict() == deepmd(model).to_dict()
    assert json.loads(json.dumps(deepmd(model).to_dict())) == deepmd(model).to_dict()
    moved.write_bytes(frozen(b"Li P S") + b"more")
    assert deepmd(moved).to_dict() != deepmd(model).to_dict()


def test_a_kill_loses_a_minute_of_a_model_too(model: Path) -> None:
    """A model makes some 10 000 atoms and steps a second, a pair potential a million."""
    assert leg_atom_steps(deepmd(model)) <= 60 * 20_000
    assert leg_atom_steps(potential("na2s-sis2")) > leg_atom_steps(deepmd(model))


def test_what_is_no_model_is_refused(tmp_path: Path, model: Path) -> None:
    with pytest.raises(Refusal, match="no model file"):
        deepmd(tmp_path / "absent.pb")
    silent = tmp_path / "silent.pth"
    silent.write_bytes(b"PK\x03\x04")
    with pytest.raises(Refusal, match="does not say which species"):
        deepmd(silent)
    assert deepmd(silent, species=["Li"]).species == ["Li"]
    with pytest.raises(Refusal, match="'Xy' is no element"):
        deepmd(silent, species=["Xy"])
    with pytest.raises(Refusal, match="has no Cl"):
        run(Atoms("NaCl", positions=[[0, 0, 0], [3, 0, 0]], cell=[6] * 3, pbc=True),
            deepmd(silent, species=["Na"]), [Hold(300, 0.1)], tmp_path / "run")  # fmt: skip


@pytest.mark.usefixtures("lammps")
def test_a_missing_extra_is_one_line(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_deepmd, "file_of", lambda *_: None)
    with pytest.raises(Refusal, match=r'DeePMD is not installed here.*pip install "vanhove\[deepmd\]"'):
        run(li3ps4(), deepmd(model), [Hold(300, 0.1)], tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("lammps")
def test_a_model_moves_the_atoms_as_its_own_package_says(tmp_path: Path) -> None:
    """A model of a few steps of training: its energies here and there, and its forces from how the atoms move."""
    pytest.importorskip("deepmd", reason="the extra 'deepmd' is not installed")
    path = trained(tmp_path)
    atoms = li3ps4(7)
    atoms.set_velocities(np.zeros((8, 3)))
    found = run(atoms, deepmd(path), Protocol((Produce(3000, 0.002, 0.001, thermostat=None),)), tmp_path / "run")
    moved = found.trajectory.positions
    pull = 2 * (moved[1] - moved[0]) / 0.001**2 * atoms.get_masses()[:, None] / 9648.5333
    energy = Log(tmp_path / "run/legs/000-produce/log.lammps").read()[0].potential * KCAL_MOL_IN_EV
    code = (
        "import sys, json; from ase.io import read; from deepmd.calculator import DP\n"
        "atoms = read(sys.argv[1]); atoms.calc = DP(model=sys.argv[2])\n"
        "print('RESULT', json.dumps([atoms.get_potential_energy(), atoms.get_forces().tolist()]))"
    )
    atoms.write(tmp_path / "atoms.extxyz")
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path / "atoms.extxyz"), str(path)], env=quiet(),
                          check=True, capture_output=True, text=True).stdout  # fmt: skip
    line = next(line for line in said.splitlines() if line.startswith("RESULT"))
    expected, forces = json.loads(line.removeprefix("RESULT"))
    assert energy == pytest.approx(expected, rel=1e-5)
    assert pull == pytest.approx(np.array(forces), rel=1e-3, abs=1e-4 * np.abs(forces).max())
    assert found.trajectory.charges is None
    assert "deepmd-kit" in found.summary["engine_versions"][0]


def trained(folder: Path) -> Path:
    """A model that was shown ten structures with energies and forces that mean nothing."""
    data = folder / "data"
    (data / "set.000").mkdir(parents=True)
    (data / "type_map.raw").write_text("Li\nP\nS\n")
    (data / "type.raw").write_text("0\n0\n0\n1\n2\n2\n2\n2\n")
    frames = [li3ps4(seed) for seed in range(10)]
    generator = np.random.default_rng(1)
    np.save(data / "set.000/coord.npy", np.array([frame.positions.ravel() for frame in frames]))
    np.save(data / "set.000/box.npy", np.array([frame.cell.array.ravel() for frame in frames]))
    np.save(data / "set.000/energy.npy", generator.normal(size=10) - 100)
    np.save(data / "set.000/force.npy", generator.normal(size=(10, 24)))
    descriptor = {"type": "se_e2_a", "rcut": 5.0, "rcut_smth": 0.5, "sel": [30, 20, 40], "neuron": [4, 8], "seed": 1}
    orders = {
        "model": {"type_map": ["Li", "P", "S"], "descriptor": descriptor, "fitting_net": {"neuron": [8, 8], "seed": 1}},
        "learning_rate": {"type": "exp", "start_lr": 0.001, "stop_lr": 0.0001, "decay_steps": 10},
        "loss": {"type": "ener"},
        "training": {"training_data": {"systems": [str(data)], "batch_size": 1}, "numb_steps": 20, "seed": 1},
    }
    (folder / "input.json").write_text(json.dumps(orders))
    for words in (["train", "--skip-neighbor-stat", "input.json"], ["freeze", "-o", "model.pb"]):
        command = [sys.executable, "-m", "deepmd", "--tf", *words]
        subprocess.run(command, cwd=folder, env=quiet(), check=True, capture_output=True)
    return folder / "model.pb"


def quiet() -> dict[str, str]:
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
