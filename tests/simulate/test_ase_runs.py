"""Runs by an ASE calculator: the same folders, trajectories, guards and resumption as LAMMPS's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from vanhove.base.errors import Refusal
from vanhove.simulate import _run
from vanhove.simulate._calculator import calculator
from vanhove.simulate._constrain import constrain
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol
from vanhove.simulate._run import run
from vanhove.simulate.contacts import bounds
from vanhove.simulate.thermo import Log

SCRIPT = """
import sys
import numpy as np
from ase.build import bulk
from vanhove.simulate import Hold, Minimise, Produce, Protocol, Ramp, calculator, run

atoms = bulk("Cu", cubic=True) * (2, 2, 2)
atoms.positions += np.random.default_rng(3).normal(size=atoms.positions.shape) * 0.05
protocol = Protocol((Minimise(), Hold(400, 0.1), Ramp(400, 800, 4000), Hold(800, 0.2, "noisy", "langevin"),
                     Produce(800, 0.6, 0.02, velocities=True)), timestep=2.0)
run(atoms, calculator("emt"), protocol, sys.argv[1], leg_steps=100, ranks=1)
"""


def copper(repeat: int = 2) -> Any:
    atoms: Any = bulk("Cu", cubic=True) * (repeat, repeat, repeat)
    atoms.positions += np.random.default_rng(3).normal(size=atoms.positions.shape) * 0.05
    return atoms


def argon() -> Any:
    atoms: Any = bulk("Ar", cubic=True, a=5.3) * (2, 2, 2)
    return atoms


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "run_it.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(scope="module")
def undisturbed(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    return folder


def rows(folder: Path, stage: str) -> list[Any]:
    return [row for leg in sorted(folder.glob(f"legs/*-{stage}")) for row in Log(leg / "log.ase").read()]


def test_the_run_is_whole_and_its_history_is_kept(undisturbed: Path) -> None:
    import vanhove as vh

    trajectory = vh.open(undisturbed / "trajectory.h5md")
    assert trajectory.composition == {"Cu": 32}
    assert trajectory.charges is None
    assert trajectory.times == pytest.approx(np.arange(31) * 0.02)
    kelvin = (trajectory.masses[:, None] * (trajectory.velocities / (1000 * units.fs)) ** 2).sum((1, 2))
    kelvin /= 3 * 31 * units.kB
    record = json.loads((undisturbed / "run.json").read_text())
    assert record["engine"]["name"] == "ase"
    assert record["engine"]["version"].startswith("ase 3")
    assert record["asked"]["potential"] == {"form": "calculator", "factory": "ase.calculators.emt:EMT", "options": {}}
    assert kelvin.mean() == pytest.approx(record["finished"]["stages"][-1]["measured"], rel=0.05)
    assert kelvin.mean() == pytest.approx(800, rel=0.15)
    last = max((undisturbed / "legs").iterdir())
    assert {path.name for path in last.iterdir()} == {"in.json", "log.ase", "output.txt", "leg.json", "end.restart"}


def test_a_run_killed_three_times_ends_with_the_same_bits(
    script: Path, undisturbed: Path, tmp_path: Path, processes: Callable[[Path], dict[int, str]]
) -> None:
    import h5py

    folder = tmp_path / "run"
    for leg in ("000-minimise.attempt", "002-quench.attempt", "005-produce.attempt"):
        process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.PIPE)
        until = time.monotonic() + 120
        while not (folder / "legs" / leg).exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.kill()
        process.wait()
        until = time.monotonic() + 5
        while processes(folder) and time.monotonic() < until:
            time.sleep(0.05)
        assert processes(folder) == {}
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    with h5py.File(undisturbed / "trajectory.h5md") as one, h5py.File(folder / "trajectory.h5md") as other:
        for name in ("position", "velocity"):
            assert np.array_equal(one[f"particles/all/{name}/value"][:], other[f"particles/all/{name}/value"][:])
    assert (undisturbed / "final.extxyz").read_text() == (folder / "final.extxyz").read_text()


def test_energy_is_kept_without_a_thermostat(tmp_path: Path) -> None:
    """1000 steps of 2 fs: the error stays below a hundredth of kT an atom, and there is no trend."""
    stages = (Minimise(), Hold(300, 0.4), Produce(300, 2.0, 0.004, velocities=True, thermostat=None))
    done = run(copper(), calculator("emt"), Protocol(stages, timestep=2.0), tmp_path, ranks=1, leg_steps=1000)
    seen = rows(tmp_path, "produce")
    total = np.array([row.total for row in seen])
    assert len(total) == 21
    thermal = 0.0019872 * 300 * 32  # kcal/mol, of all atoms
    assert np.ptp(total) < 0.01 * thermal
    positions, velocities = done.trajectory.positions, done.trajectory.velocities
    change = (positions[2:] - positions[:-2]) / 0.008
    assert np.sqrt(np.mean((change - velocities[1:-1]) ** 2) / np.mean(change**2)) < 0.01
    assert [row.conserved for row in seen] == pytest.approx(total - total[0] + seen[0].conserved)


def test_what_moves_under_a_thermostat_has_its_temperature(tmp_path: Path) -> None:
    """Argon: the spread of T is that of 3N - 3 degrees of freedom."""
    options = {"sigma": 3.4, "epsilon": 0.0104, "rc": 7.0, "smooth": True}
    stages = (Hold(80, 2.0, "hold", "langevin"), Produce(80, 20.0, 0.1, velocities=True, thermostat="langevin"))
    result = run(
        argon(), calculator("lj", **options), Protocol(stages, timestep=10.0, damping=300.0), tmp_path, ranks=1,
        leg_steps=5000,
    )  # fmt: skip
    trajectory = result.trajectory
    kelvin = (trajectory.masses[:, None] * (trajectory.velocities / (1000 * units.fs)) ** 2).sum((1, 2))
    kelvin /= 3 * 31 * units.kB
    # some 130 values that are new, with a spread of 15 %
    assert kelvin.mean() == pytest.approx(80, rel=0.04)
    assert kelvin.std() / kelvin.mean() == pytest.approx(np.sqrt(2 / 93), rel=0.25)


def test_a_minimisation_goes_downhill_to_no_force(tmp_path: Path) -> None:
    result = run(copper(), calculator("emt"), [Minimise(energy=1e-12, force=1e-3)], tmp_path, ranks=1)
    energies = [row.potential for row in rows(tmp_path, "minimise")]
    assert energies[-1] == min(energies)
    from ase.calculators.emt import EMT

    atoms: Any = result.structure
    atoms.calc = EMT()
    assert np.abs(atoms.get_forces()).max() < 1e-3


def test_fixed_atoms_stay(tmp_path: Path) -> None:
    stages = (Minimise(frozen=[0, 5]), Produce(500, 0.2, 0.02, frozen=[0, 5], velocities=True))
    start = copper()
    trajectory = run(start, calculator("emt"), Protocol(stages, timestep=2.0), tmp_path, ranks=1).trajectory
    moved = np.abs(np.diff(trajectory.positions, axis=0)).max(axis=(0, 2))
    assert list(np.flatnonzero(moved == 0)) == [0, 5]
    first = trajectory.positions[0, [0, 5]] - start.positions[[0, 5]]
    lattice = np.linalg.solve(start.cell.array.T, first.T)
    assert lattice == pytest.approx(np.round(lattice), abs=1e-12)


def test_a_temperature_that_runs_away_is_stopped(tmp_path: Path) -> None:
    plan = Protocol((Hold(300, 20.0),), timestep=60.0)
    with pytest.raises(Refusal, match=r"Stage 'hold' was stopped: .*(5 times|energy is|Python says|Cu-Cu)"):
        run(copper(), calculator("emt"), plan, tmp_path, ranks=1)


def test_atoms_that_come_too_close_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bounds(calculator("emt"), ["Cu"]) == {"Cu-Cu": pytest.approx(1.32)}  # half a bond of covalent radii
    atoms = copper()
    atoms.positions[1] = atoms.positions[0] + [0.9, 0, 0]
    with pytest.raises(Refusal, match=r"Cu-Cu atoms 0 and 1 at 0.900 Å, inside the 1.320 Å below which"):
        run(atoms, calculator("emt"), [Minimise()], tmp_path / "before")
    monkeypatch.setattr(_run, "bounds", lambda *_: {"Cu-Cu": 2.5})
    with pytest.raises(Refusal, match=r"Stage 'hold' was stopped: there are Cu-Cu atoms"):
        run(copper(), calculator("emt"), Protocol((Hold(600, 5.0),), timestep=5.0), tmp_path / "while", ranks=1)


def test_what_the_calculator_says_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(
        Refusal, match=r"Stage 'hold' was stopped: The calculator's process ended .*NotImplementedError"
    ):
        run(argon(), calculator("emt"), [Hold(80, 0.1)], tmp_path / "element", ranks=1)
    with pytest.raises(Refusal, match=r"AttributeError: module 'ase.calculators.emt' has no attribute 'EMTT'"):
        run(copper(), calculator("ase.calculators.emt:EMTT"), [Hold(80, 0.1)], tmp_path / "name", ranks=1)
    with pytest.raises(Refusal, match=r"Python says: TypeError: "):
        run(argon(), calculator("lj", rc="far"), [Hold(80, 0.1)], tmp_path / "option", ranks=1)


def test_a_package_that_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refusal, match=r"package nowhere_to_be_found is not installed here"):
        run(copper(), calculator("nowhere_to_be_found.there:Calculator"), [Hold(80, 0.1)], tmp_path / "one")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Refusal, match=r'pip install "vanhove\[chgnet\]"'):
        run(copper(), calculator("chgnet"), [Hold(80, 0.1)], tmp_path / "two")
    assert not (tmp_path / "two" / "run.json").exists()


def test_calculators_of_ones_own_are_found_as_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_forces.py").write_text(
        "from ase.calculators.lj import LennardJones\n"
        "def made(strength):\n    return LennardJones(sigma=3.4, epsilon=strength, rc=7.0)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = calculator("my_forces:made", source="this test", strength=0.01)
    assert "this test" in mine.describe()
    run(argon(), mine, Protocol((Hold(50, 0.05),), timestep=5.0), tmp_path / "run", ranks=1)


def test_what_can_not_be_done_is_refused_before_anything(tmp_path: Path, relaxed: Any) -> None:
    copperish = calculator("emt")
    with pytest.raises(Refusal, match=r"names no calculator.*Did you mean 'chgnet'"):
        calculator("chgnett")
    with pytest.raises(Refusal, match="can't be written down"):
        calculator("lj", sigma={1, 2})
    with pytest.raises(Refusal, match="'lammps' does not compute the potential 'emt'"):
        run(copper(), copperish, [Hold(300, 0.1)], tmp_path / "run", engine="lammps")
    with pytest.raises(Refusal, match="'ase' does not compute the potential 'na2s-sis2'"):
        run(relaxed, potential("na2s-sis2"), [Hold(300, 0.1)], tmp_path / "run", engine="ase")
    with pytest.raises(Refusal, match="cell that is kept"):
        run(copper(), copperish, [Hold(300, 0.1, pressure=1.0)], tmp_path / "run")
    rigid = Protocol((Hold(300, 0.1),), constrain=constrain("rigid-polyanions", formers="P"))
    with pytest.raises(Refusal, match="rigid bodies, which only LAMMPS moves"):
        run(copper(), copperish, rigid, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_description_and_key() -> None:
    text = calculator("chgnet", use_device="cpu").describe()
    for word in ("chgnet.model.dynamics:CHGNetCalculator(use_device='cpu')", "charges: none", "too soft", "1031"):
        assert word in text
    one, other = calculator("lj", sigma=3, source="a"), calculator("lj", sigma=3, source="b")
    assert one.to_dict() == other.to_dict()
    assert one.to_dict() != calculator("lj", sigma=4).to_dict()
