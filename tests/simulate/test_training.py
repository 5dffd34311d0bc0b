"""Trainings by an environment that pretends to have DeePMD-kit: what is asked of it, and in which order."""

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
from labels import labels, springs
from pretended import pretended_environment

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import folder
from vanhove.simulate._labelled import Labelled
from vanhove.simulate._train import committee, train
from vanhove.simulate.deepmd_training import last_checkpoint
from vanhove.simulate.folder import Folder

if TYPE_CHECKING:
    from vanhove.simulate.training_status import Status

PHASE: dict[str, Any] = {"steps": 40, "rate": [1e-3, 1e-5], "decay_every": 5, "energy": 1, "force": 1, "virial": 1}
SETTINGS: dict[str, Any] = {
    "base": "small", "report_every": 5, "checkpoint_every": 10,
    "phases": [{**PHASE, "wall": "closest"}, {**PHASE, "steps": 20}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    there = pretended_environment(tmp_path / "there")
    monkeypatch.setenv("VANHOVE_DEEPMD", str(there))
    monkeypatch.setenv("PRETENDED_LOG", str(tmp_path / "log"))
    return there


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What DeePMD was asked for so far."""

    def read() -> list[dict[str, Any]]:
        path = tmp_path / "log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return read


def told(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "input.json").read_text())
    return found


def test_a_model_goes_through_its_phases(tmp_path: Path, calls: Callable[[], list[dict[str, Any]]]) -> None:
    data = labels()
    seen: list[Status] = []
    found = train(data, tmp_path / "t", settings=SETTINGS, threads=1, progress=seen.append)
    asked = calls()
    assert [one["verb"] for one in asked] == ["neighbor-stat", "train", "train", "freeze", "compress"]
    assert asked[2]["rest"][-2:] == ["--init-model", "../1-train/model.ckpt-40"]
    assert {one["threads"] for one in asked[1:]} == {"1"}
    first, second = (told(tmp_path / f"t/model-0/{number}-train") for number in (1, 2))
    assert (first["model"]["sw_rmin"], first["model"]["sw_rmax"]) == (1.2, 1.7)  # of 2 Å, says the counting
    assert "use_srtab" not in second["model"]
    assert first["model"]["descriptor"]["sel"] == [16, 16]  # 12 and some to spare
    assert first["model"]["type_map"] == ["Li", "S"]
    assert found.models == (tmp_path / "t/model-0/compressed.pb",)
    assert found.potential().species == ["Li", "S"]
    assert found.train.frames + found.held_out.frames <= data.frames
    assert found.held_out.frames >= 2
    phases = found.summary[0]["phases"]
    assert [one["steps"] for one in phases] == [40, 20]
    assert {one["device"] for one in phases} == {"CPU:0"}
    assert found.summary[0]["deepmd"] == "9.9"
    assert found.curves.step.values.tolist() == list(range(0, 61, 5))
    assert found.curves.attrs["device"] == "CPU:0"
    assert found.curves.attrs["seconds_per_step"] > 0
    assert repr(found).startswith("Committee(1 trained, of Li, S, in ")
    assert {"counting neighbours", "training", "freezing", "compressing"} == {one.doing for one in seen}
    assert [one.step for one in seen if one.doing == "training"][-1] == 60
    assert vh.draw(found.curves).get_xlabel() == "step"
    assert not (tmp_path / "t/model-0/freezing").exists()


def test_called_again_nothing_is_done_again(tmp_path: Path, calls: Callable[[], list[dict[str, Any]]]) -> None:
    once = train(labels(), tmp_path / "t", settings=SETTINGS)
    before = len(calls())
    again = train(labels(), tmp_path / "t", settings=SETTINGS)
    assert len(calls()) == before
    assert (again.fingerprint, again.models) == (once.fingerprint, once.models)
    assert committee(tmp_path / "t") == again
    more = train(labels(), tmp_path / "t", settings=SETTINGS, models=3, at_once=2)
    assert [one["verb"] for one in calls()[before:]].count("train") == 4
    assert len(more.models) == 3
    assert more.models[0] == once.models[0]
    assert more.fingerprint != once.fingerprint


def test_models_differ_by_their_random_numbers_alone(tmp_path: Path) -> None:
    train(labels(), tmp_path / "t", settings=SETTINGS, models=2)
    one, other = (told(tmp_path / f"t/model-{number}/1-train") for number in (0, 1))
    seeds = [
        (
            each["model"]["descriptor"].pop("seed"),
            each["model"]["fitting_net"].pop("seed"),
            each["training"].pop("seed"),
        )
        for each in (one, other)
    ]
    assert len(set(seeds[0] + seeds[1])) == 6
    assert one == other
    train(labels(), tmp_path / "again", settings=SETTINGS)
    assert told(tmp_path / "again/model-0/1-train")["model"]["descriptor"]["seed"] == seeds[0][0]


def test_another_training_in_the_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "WAIT_FOR_LOCK", 0.2)
    train(labels(), tmp_path / "t", settings=SETTINGS)
    with pytest.raises(Refusal, match="holds another training: it differs in train, held_out"):
        train(labels(k=2.0), tmp_path / "t", settings=SETTINGS)
    with pytest.raises(Refusal, match="differs in settings"):
        train(labels(), tmp_path / "t", settings={**SETTINGS, "frames": 2})
    with Folder(tmp_path / "t").locked(), pytest.raises(Refusal, match="at work on this training"):
        train(labels(), tmp_path / "t", settings=SETTINGS)
    other = train(labels(k=2.0), tmp_path / "t", settings=SETTINGS, restart=False)
    assert float(other.train.systems[0].energy[0]) > 0


def test_a_title_is_no_difference(tmp_path: Path, calls: Callable[[], list[dict[str, Any]]]) -> None:
    train(labels(), tmp_path / "t", settings=SETTINGS)
    before = len(calls())
    train(labels(), tmp_path / "t", settings={**SETTINGS, "title": "mine"})
    assert len(calls()) == before


def test_what_is_held_out_is_chosen(tmp_path: Path) -> None:
    whole = train(labels(), tmp_path / "systems", settings=SETTINGS, held_out=["two"])
    assert whole.train.names == ("one",)
    assert whole.held_out.names == ("two",)
    nothing = train(labels(), tmp_path / "nothing", settings=SETTINGS, held_out=None)
    assert nothing.train.frames == 60
    assert "validation_data" not in told(tmp_path / "nothing/model-0/1-train")["training"]
    with pytest.raises(Refusal, match="Nothing was held out"):
        _ = nothing.held_out
    mine = Labelled.of([springs("mine", seed=9)])
    own = train(labels(), tmp_path / "own", settings=SETTINGS, held_out=mine)
    np.testing.assert_array_equal(own.held_out.systems[0].forces, mine.systems[0].forces)
    strange = Labelled.of([springs("strange", species=("Li", "Li", "P"))])
    with pytest.raises(Refusal, match="held out have P"):
        train(labels(), tmp_path / "strange", settings=SETTINGS, held_out=strange)


def test_data_may_be_a_folder(tmp_path: Path) -> None:
    labels().save(tmp_path / "data")
    assert train(tmp_path / "data", tmp_path / "t", settings=SETTINGS).train.species == ("Li", "S")


def test_a_divergence_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETENDED_ERROR", "nan")
    with pytest.raises(Refusal, match=r"diverged: at step 0 .* nan.*Lower the first rate"):
        train(labels(), tmp_path / "t", settings=SETTINGS)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("neighbor-stat", "could not count neighbours"), ("train", "training failed"), ("freeze", "freezing failed"),
    ],
)  # fmt: skip
def test_what_deepmd_can_not_do_is_said(verb: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETENDED_FAILURE", verb)
    with pytest.raises(Refusal, match=said):
        train(labels(), tmp_path / "t", settings=SETTINGS)
    monkeypatch.delenv("PRETENDED_FAILURE")
    assert train(labels(), tmp_path / "t", settings=SETTINGS).models


def test_a_model_that_can_not_be_made_smaller_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETENDED_FAILURE", "compress")
    with pytest.warns(VanhoveWarning, match="compressing failed.*works without it"):
        found = train(labels(), tmp_path / "t", settings=SETTINGS)
    assert found.models == (tmp_path / "t/model-0/model.pb",)


def test_a_wall_in_the_data_is_said(tmp_path: Path) -> None:
    wall = {"inner": 1.0, "outer": 2.5}
    with pytest.warns(VanhoveWarning, match=r"reaches to 2\.5 Å.*as close as 2\.000 Å"):
        train(labels(), tmp_path / "t", settings={**SETTINGS, "phases": {"wall": wall, "steps": 10}})


def test_without_deepmd_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare/bin").mkdir(parents=True)
    (tmp_path / "bare/bin/python").write_text("")
    (tmp_path / "bare/lib/python3.11/site-packages").mkdir(parents=True)
    monkeypatch.setenv("VANHOVE_DEEPMD", str(tmp_path / "bare"))
    with pytest.raises(Refusal, match=r"not installed here.*deepmd-kit is not in it.*pip install"):
        train(labels(), tmp_path / "t", settings=SETTINGS)
    for name in ("models", "threads", "at_once"):
        with pytest.raises(Refusal, match=f"{name}=0"):
            train(labels(), tmp_path / "t", **{name: 0})
    with pytest.raises(Refusal, match="no trained model"):
        committee(tmp_path / "t")


def test_what_the_watcher_raises_stops_the_training(
    tmp_path: Path, processes: Callable[[Path], dict[int, str]]
) -> None:
    def enough(status: Status) -> None:
        if status.step >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(labels(), tmp_path / "t", settings=SETTINGS, models=2, at_once=2, progress=enough)
    assert not processes(tmp_path / "t")
    assert len(train(labels(), tmp_path / "t", settings=SETTINGS, models=2).models) == 2


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from labels import labels
from test_training import SETTINGS
from vanhove.simulate._train import train
train(labels(), sys.argv[1], settings=SETTINGS, threads=1)
"""


def test_killed_it_goes_on_at_the_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: Callable[[], list[dict[str, Any]]],
    processes: Callable[[Path], dict[int, str]],
) -> None:  # fmt: skip
    script, folder = tmp_path / "script.py", tmp_path / "t"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent)))
    environment = {**os.environ, "PRETENDED_PAUSE": "0.2", "PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen([sys.executable, str(script), str(folder)], env=environment)
    until = time.monotonic() + 60
    while (last_checkpoint(folder / "model-0/1-train") or 0) < 20:
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    while processes(folder):  # the supervisor looks twice a second
        assert time.monotonic() < until
        time.sleep(0.05)
    at = last_checkpoint(folder / "model-0/1-train")
    before = len(calls())
    found = train(labels(), folder, settings=SETTINGS, threads=1)
    resumed = calls()[before:]
    assert [one["verb"] for one in resumed] == ["train", "train", "freeze", "compress"]
    assert resumed[0]["rest"][-2:] == ["--restart", f"model.ckpt-{at}"]
    assert found.curves.step.values.tolist() == list(range(0, 61, 5))
    assert np.isfinite(found.curves.force.values).all()
    assert found.summary[0]["phases"][0]["processes"] == 2


def test_a_torn_checkpoint_is_none(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    for step, endings in ((10, (".index", ".meta", ".data-00000-of-00001")), (20, (".index", ".data-00000-of-00001"))):
        for ending in endings:
            (tmp_path / f"model.ckpt-{step}{ending}").write_text("x")
    (tmp_path / "model.ckpt.index").write_text("x")
    assert last_checkpoint(tmp_path) == 10
