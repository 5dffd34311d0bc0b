"""A calculator distilled: sampled, labelled, trained on by an environment that pretends to have DeePMD-kit."""

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
from noble import LJ, SAMPLED, solid
from pretended import pretended_environment

from vanhove.base.errors import Refusal
from vanhove.base.results import load
from vanhove.simulate import distil
from vanhove.simulate._potential import potential
from vanhove.simulate.distil_check import (
    Approach,
    Checked,
    Speed,
    _closest,
    _seconds_of_labels,
    _seconds_of_run,
    trial_of,
    verdict_of,
)
from vanhove.simulate.distil_sample import Sampling, named

if TYPE_CHECKING:
    from vanhove.simulate._distil import Distilled
    from vanhove.simulate.training_status import Status

SETTINGS: dict[str, Any] = {
    "base": "small", "report_every": 5, "checkpoint_every": 10, "phases": {"steps": 20, "decay_every": 5}
}  # fmt: skip


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    there = pretended_environment(tmp_path / "there")
    monkeypatch.setenv("VANHOVE_DEEPMD", str(there))
    monkeypatch.setenv("PRETENDED_LOG", str(tmp_path / "log"))
    return there


def distilled(folder: Path, **changed: Any) -> Distilled:
    given = {**SAMPLED, "settings": SETTINGS, "check": False, **changed}
    return distil(solid(), LJ, folder, **given)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VANHOVE_DEEPMD", str(pretended_environment(folder / "there")))
        patched.setenv("PRETENDED_LOG", str(folder / "log"))
        distilled(folder / "d")
    return folder / "d"


def labels_of(folder: Path) -> dict[str, Any]:
    """By the frame's fingerprint."""
    found = {}
    for path in sorted((folder / "labels" / "frames").glob("*.npz")):
        with np.load(path) as file:
            found[path.name] = np.concatenate([np.ravel(file[name]) for name in ("energy", "forces", "virial")])
    return found


def test_from_a_calculator_to_a_model(undisturbed: Path, tmp_path: Path) -> None:
    found = distilled(undisturbed)  # whole: nothing is done again
    assert not (tmp_path / "log").exists()
    assert found.data.names == ("A-200K", "A-400K")
    assert [system.frames for system in found.data] == [10, 10]
    assert found.committee.held_out.frames == 2
    assert found.committee.train.frames < 19  # with a gap
    assert found.potential().species == ["Li", "S"]
    assert found.check is None
    assert found.speed == {}
    assert found.verdict.startswith("On frames held out forces err by ")
    assert found.verdict.endswith("The model was not tried.")
    assert repr(found).startswith("Distilled(Committee(1 trained")
    told = json.loads((undisturbed / "findings.json").read_text())
    assert told["verdict"] == found.verdict
    assert load(undisturbed / "parity.nc").attrs["force"] == found.parity.attrs["force"]


def test_labels_are_those_of_the_calculator(undisturbed: Path) -> None:
    from vanhove.simulate.calling import made

    system = distilled(undisturbed).data.systems[1]
    for frame in (0, 3):  # the second is strained
        atoms = solid()
        atoms.set_cell(system.cell[frame])
        atoms.positions = system.positions[frame]
        atoms.calc = made(LJ.factory, LJ.options)
        assert atoms.get_potential_energy() == pytest.approx(system.energy[frame], abs=1e-9)
        np.testing.assert_allclose(atoms.get_forces(), system.forces[frame], atol=1e-9)
        assert system.virial is not None
        virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
        np.testing.assert_allclose(virial, system.virial[frame], atol=1e-9)


def test_every_fourth_frame_is_strained(undisturbed: Path) -> None:
    for system in distilled(undisturbed).data:
        strain = np.linalg.solve(np.array(solid().cell), system.cell) - np.eye(3)
        largest = np.abs(strain).max(axis=(1, 2))
        assert (largest[[3, 7]] > 1e-3).all()
        assert largest.max() <= 0.02
        np.testing.assert_allclose(strain, strain.transpose(0, 2, 1), atol=1e-12)
        assert (np.delete(largest, [3, 7]) < 1e-12).all()


def test_without_strain_and_with_several_structures(tmp_path: Path) -> None:
    found = distil(
        {"one": solid(), "two": solid()}, LJ, tmp_path / "d",
        **{**SAMPLED, "temperatures": [300], "settings": SETTINGS, "strain": 0, "check": False, "held_out": 0.2},
    )  # fmt: skip
    assert found.data.names == ("one-300K", "two-300K")
    for system in found.data:
        np.testing.assert_array_equal(system.cell, np.tile(np.array(solid().cell), (10, 1, 1)))
    one, two = found.data.systems
    assert not np.allclose(one.positions[0], two.positions[0])  # seeds of their own


def test_another_distillation_in_the_folder_is_refused(undisturbed: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="holds another distillation: it differs in sampling"):
        distilled(undisturbed, every=0.03)
    with pytest.raises(Refusal, match="differs in settings"):
        distilled(undisturbed, settings={**SETTINGS, "frames": 2})
    once = distilled(tmp_path / "d")
    (tmp_path / "d" / "mine.txt").write_text("kept")
    again = distilled(tmp_path / "d", seed=2, restart=False)
    assert again.data.fingerprint != once.data.fingerprint
    assert (tmp_path / "d" / "mine.txt").exists()


def test_stopped_in_the_training_it_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    def enough(status: Status) -> None:
        if status.step >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distilled(tmp_path / "d", progress=enough)
    assert not (tmp_path / "d" / "findings.json").exists()
    found = distilled(tmp_path / "d")
    assert found.data.fingerprint == distilled(undisturbed).data.fingerprint


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_distil import distilled
distilled(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("reached", ["samples/A-200K/legs/*", "samples/A-400K/legs/*", "labels/frames/*.npz"])
def test_killed_it_goes_on_and_ends_with_the_same_frames(
    reached: str, undisturbed: Path, tmp_path: Path, processes: Callable[[Path], dict[int, str]]
) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "d"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen([sys.executable, str(script), str(folder)], env=environment)
    until = time.monotonic() + 300
    while not any(folder.glob(reached)):
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    while processes(folder):
        assert time.monotonic() < until
        time.sleep(0.05)
    distilled(folder)
    found, expected = labels_of(folder), labels_of(undisturbed)
    assert found.keys() == expected.keys()  # the frames' bits
    for name in expected:  # ASE sums in the order of a neighbour list that remembers the frame before
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-10)


def test_what_can_not_be_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(match: str, atoms: Any = None, engine: Any = LJ, **changed: Any) -> None:
        given = {**SAMPLED, "check": False, **changed}
        with pytest.raises(Refusal, match=match):
            distil(solid() if atoms is None else atoms, engine, tmp_path / "d", **given)
        assert not (tmp_path / "d").exists()

    refused("is no calculator to distil.*simulate.calculator", engine=potential("na2s-sis2"))
    refused("20 frames are 5 for each of 2 structures at 2.*Give at least 40", atoms=[solid(), solid()])
    refused("holds no structures", atoms=[])
    refused("holds no structures", atoms="A.cif")
    refused(r"temperatures=\[\]", temperatures=[])
    refused("above 0 K", temperatures=[0])
    refused("there twice", temperatures=[300, 300])
    refused("every=0", every=0)
    refused("timestep=nan", timestep=float("nan"))
    refused("strain=0.5", strain=0.5)
    refused("check_ps=0", check=True, check_ps=0)
    (tmp_path / "bare/bin").mkdir(parents=True)
    (tmp_path / "bare/bin/python").write_text("")
    (tmp_path / "bare/lib/python3.11/site-packages").mkdir(parents=True)
    monkeypatch.setenv("VANHOVE_DEEPMD", str(tmp_path / "bare"))
    refused("DeePMD is not installed here")


def test_structures_have_names() -> None:
    one = solid()
    assert list(named(one)) == ["A"]
    assert list(named([one, one])) == ["1", "2"]
    assert list(named({"glass": one})) == ["glass"]


def test_the_trial_is_at_a_temperature_of_use() -> None:
    plan = Sampling((900.0, 300.0, 600.0), 90, 0.1, 0.5, 2.0, 0.0, 1)
    assert trial_of(solid(), plan, None, 2.0).temperature == 600
    trial = trial_of(solid(), plan, 450, 2.0)
    assert trial.temperature == 450
    production = trial.protocol.production
    assert production is not None
    assert trial.protocol.steps(production) == 24 * trial.protocol.frame_steps(production)
    assert sum(map(trial.protocol.steps, trial.protocol.stages)) == pytest.approx(1000, rel=0.1)
    one = Sampling((300.0,), 90, 0.1, 0.5, 2.0, 0.0, 1)
    assert trial_of(solid(), one, None, 2.0).temperature == 300


def test_closest_approaches() -> None:
    """Against ASE's distances of nearest images."""
    atoms = solid()
    atoms.rattle(0.1, seed=3)
    found = _closest([(atoms.get_chemical_symbols(), atoms.positions[None], np.array(atoms.cell)[None])])
    distances, symbols = atoms.get_all_distances(mic=True), np.array(atoms.get_chemical_symbols())
    np.fill_diagonal(distances, np.inf)
    for pair in ("Li-Li", "Li-S", "S-S"):
        a, b = pair.split("-")
        assert found[pair] == pytest.approx(distances[np.ix_(symbols == a, symbols == b)].min())


def test_seconds_a_step(tmp_path: Path) -> None:
    for number, loop in enumerate(("2.5 on 2 procs for 100 steps", "7.5 on 2 procs for 400 steps")):
        log = tmp_path / f"legs/00{number}-hold/log.lammps"
        log.parent.mkdir(parents=True)
        log.write_text(f"Loop time of 0.1 on 2 procs for 0 steps with 8 atoms\nLoop time of {loop} with 8 atoms\n")
    assert _seconds_of_run(tmp_path) == pytest.approx(10 / 500)
    for number, when in enumerate((100.0, 100.5, 101.0, 104.0)):
        file = tmp_path / f"frames/{number}.npz"
        file.parent.mkdir(exist_ok=True)
        file.touch()
        os.utime(file, (when, when))
    assert _seconds_of_labels(tmp_path) == pytest.approx(0.5)


def test_what_a_trial_says(undisturbed: Path) -> None:
    found = distilled(undisturbed)
    speed = Speed(0.5, 2, 0.02, 2, 416)
    assert speed.ratio == pytest.approx(25)

    def said(there: float, near: float) -> str:
        parity = found.parity.assign_attrs(force=there)
        checked = Checked(600.0, parity, speed, (Approach("Li-S", 2.1, near),), None)  # type: ignore[arg-type]
        return verdict_of(found.parity, checked)

    error = found.parity.attrs["force"]
    assert said(error, 2.2).endswith(
        "No two atoms came closer than in the frames labelled. "
        "A step takes 0.5 s by the calculator and 0.02 s by the model, 25 times less."
    )
    assert f"416 atoms at 600 K, they err by {2 * error:.3f} eV/Å, 2.0 times as much: sample more." in said(
        2 * error, 2.2
    )
    assert "closer than in any frame labelled: Li-S 1.50 Å (labelled: 2.10 Å)." in said(error, 1.5)


def test_the_study_shows_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of the README are run with a distillation that only looks at what it is given."""
    import inspect
    import re
    from types import SimpleNamespace

    from vanhove import simulate

    text = (Path(__file__).parents[2] / "studies" / "li6ps5cl" / "README.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.+?)```", text, re.DOTALL) if "simulate.distil(" in block]
    expected, model = inspect.signature(distil), tmp_path / "compressed.pb"
    model.write_bytes(b"a model")
    given: dict[str, Any] = {}

    def looks(*args: Any, **options: Any) -> SimpleNamespace:
        given.update(expected.bind(*args, **options).arguments)
        return SimpleNamespace(verdict="It will do.", committee=SimpleNamespace(models=(model,)))

    monkeypatch.setattr(simulate, "distil", looks)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert (tmp_path / "model.pb").read_bytes() == b"a model"
    assert [len(one) for one in given["atoms"]] == [52] * len(given["atoms"])
    assert len(given["check"]) == 416
    assert given["calculator"].name == "chgnet"
    assert max(given["temperatures"]) > given["target"] == 600
    options = {name: given[name] for name in ("frames", "every", "equilibrate", "timestep") if name in given}
    plan = Sampling(tuple(given["temperatures"]), **{"strain": 0.02, "seed": 1, "equilibrate": 0.5, **options})
    assert plan.of_each(len(given["atoms"])) >= 10
