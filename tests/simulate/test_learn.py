"""The whole loop by a trainer that pretends: LAMMPS explores and labels, models agree the better the more they saw."""

from __future__ import annotations

import json
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
from labels import pushing
from pretended_pairs import STRENGTH, lammps_computes_them, pairs_environment, truth

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.base.units import KCAL_MOL_IN_EV
from vanhove.simulate import calculator, labelled, learned
from vanhove.simulate._labelled import Labelled
from vanhove.simulate._learn import Learned, learn

pytestmark = pytest.mark.usefixtures("lammps")

PHASE: dict[str, Any] = {"steps": 10, "rate": [1e-3, 1e-5], "decay_every": 5, "energy": 1, "force": 1, "virial": 1}
SETTINGS: dict[str, Any] = {"base": "small", "report_every": 5, "checkpoint_every": 5, "phases": [PHASE]}
EXPLORE: dict[str, Any] = {"temperatures": [300, 900], "ps": 0.4, "every": 0.02}
TRUST = (0.05, 1.0)
COMMON: dict[str, Any] = {"settings": SETTINGS, "models": 2, "per_round": 8, "threads": 1, "progress": False}


@pytest.fixture(autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path_factory.mktemp("there")
    monkeypatch.setenv("VANHOVE_DEEPMD", str(pairs_environment(there / "environment")))
    monkeypatch.setenv("PRETENDED_LOG", str(there / "log"))
    lammps_computes_them(monkeypatch)


def start() -> Labelled:
    return Labelled.of([pushing("one", 24, seed=1)])


def two() -> Labelled:
    return Labelled.of([pushing("one", 20, seed=1), pushing("two", 12, seed=2)])


def learn_it(folder: Path, **changed: Any) -> Learned:
    given = {"start": start(), **COMMON, "rounds": 2, "trust": TRUST, **changed}
    return learn(explore=EXPLORE, labeller=truth(), directory=folder, **given)


def test_models_agree_the_better_the_more_they_learn(tmp_path: Path) -> None:
    seen: list[str] = []
    after: list[Learned] = []
    found = learn_it(tmp_path / "learn", start=two(), rounds=2, progress=seen.append, each_round=after.append)
    rounds = found.rounds
    assert rounds.sizes["round"] == len(after)
    assert rounds.accurate.values[0] < rounds.accurate.values[-1]
    assert rounds.force.values[-1] < rounds.force.values[0]
    np.testing.assert_allclose(rounds.accurate + rounds.candidate + rounds.failed, 1)
    assert rounds.frames.values[0] == 2 * 2 * 20  # structures, temperatures, frames of a run
    assert 4 <= rounds.labelled.values[0] <= 8
    assert rounds.trained_on.values[1] == rounds.trained_on.values[0] + rounds.labelled.values[0] - 1  # held out
    assert found.data.frames >= two().split(0.1)[0].frames + int(rounds.labelled.sum())
    assert {"one", "two", "one-explored", "two-explored"} <= set(found.data.names)
    assert rounds.attrs["rule"].startswith("Trust levels were given")
    assert found.verdict == rounds.attrs["verdict"]
    assert any("round 1: training" in said for said in seen)
    assert any("round 1: run 2 of 4, one-900K" in said for said in seen)
    again = learned(tmp_path / "learn")
    assert again.rounds.equals(rounds)
    assert again.committee == found.committee
    spread = vh.load(tmp_path / "learn/round-001/deviation.nc")
    assert spread.sizes["frame"] == int(rounds.seen.values[0])
    vh.draw(spread).figure.canvas.draw()
    # the labels are those of the labeller, of the frames that were picked
    record = found.records[0]
    new = labelled(tmp_path / "learn/round-001/train")
    assert {one["structure"] for one in record["picked"]} == {"one", "two"}
    assert sum(system.frames for system in new) == rounds.labelled.values[0] - 1
    assert all("of round 1" in system.source for system in new)


def test_levels_are_found_from_the_data(tmp_path: Path) -> None:
    """The pretended models disagree by a fixed share of the force, so little that all is known."""
    found = learn_it(tmp_path / "learn", trust=None, rounds=5)
    assert found.converged
    assert found.rounds.sizes["round"] == 2
    assert found.verdict.startswith("Converged: 100.0 % and 100.0 % of the frames of rounds 1 and 2 were accurate")
    assert found.rounds.attrs["rule"].startswith("Accurate: below what 95 %")
    low, high = float(found.rounds.trust_low[0]), float(found.rounds.trust_high[0])
    assert 0 < low <= high / 4
    # nothing was learned in the first round, so the second had the same committee
    assert found.committee.directory == tmp_path / "learn/round-001/training"
    assert not (tmp_path / "learn/round-002/training").exists()


def test_called_again_nothing_is_done_again_and_more_may_be_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "learn"
    once = learn_it(folder, rounds=1)
    log = Path(os.environ["PRETENDED_LOG"])
    before, stamps = log.read_text(), _stamps(folder)
    again = learn_it(folder, rounds=1)
    assert log.read_text() == before
    assert _stamps(folder) == stamps
    assert again.committee == once.committee
    assert "Not converged" in once.verdict
    assert once.committee.directory.parent.name == "round-002"  # trained once more after the last round
    more = learn_it(folder, rounds=2)
    assert more.rounds.isel(round=[0]).equals(once.rounds)
    assert _stamps(folder).items() >= {k: v for k, v in stamps.items() if "round-001" in k}.items()
    with pytest.raises(Refusal, match="holds another active learning: it differs in seed"):
        learn_it(folder, seed=2)
    with pytest.raises(Refusal, match="differs in labeller"):
        learn(start(), EXPLORE, calculator("lj"), folder, **{**COMMON, "trust": TRUST})
    fresh = learn_it(folder, seed=2, rounds=1, restart=False)
    assert fresh.rounds.sizes["round"] == 1
    assert not (folder / "round-003").exists()


def _stamps(folder: Path) -> dict[str, int]:
    parts = ("round.json", "model.json", "run.json", "picked.json", "explored.json", ".npz")
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.name.endswith(parts)}


def test_structures_are_sampled_and_labelled_first(tmp_path: Path) -> None:
    system = pushing("one", 1, seed=1)
    atoms = Atoms(system.species, positions=system.positions[0], cell=system.cell[0], pbc=True)
    found = learn({"box": atoms}, {**EXPLORE, "pressures": [0]}, truth(), tmp_path / "learn", rattled=12, rounds=1,
                  **{**COMMON, "trust": TRUST})  # fmt: skip
    begun = labelled(tmp_path / "learn/start/train")
    assert begun.names == ("box",)
    assert begun.frames + labelled(tmp_path / "learn/start/held-out").frames >= 10
    runs = found.records[0]["runs"]
    assert [(one["structure"], one["temperature"], one["pressure"]) for one in runs] == [
        ("box", 300, 0),
        ("box", 900, 0),
    ]


def test_runs_that_fly_apart_are_failed_and_not_the_end(tmp_path: Path) -> None:
    """Atoms that only push each other away leave the cell when it may grow: the guards stop that."""
    wild = {"temperatures": [3000], "pressures": [-1e6], "ps": 3, "every": 0.02, "timestep": 4.0}
    found = learn(start(), wild, truth(), tmp_path / "learn", rounds=1, **{**COMMON, "trust": (0.05, 50.0)})
    (told,) = found.records
    assert all(run["stopped"] for run in told["runs"])
    assert all(run["seen"] < run["frames"] for run in told["runs"])
    assert all(run["failed"] >= run["frames"] - run["seen"] for run in told["runs"])
    assert found.rounds.stopped.values.tolist() == [1]
    assert float(found.rounds.failed[0]) > 0.3


def test_frames_whose_label_fails_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vanhove.simulate.point_store import Failure, Store

    keep = Store.keep
    count = [0]

    def sometimes(self: Store, name: str, point: Any) -> None:
        count[0] += 1
        if count[0] % 4 == 0:
            self.fail(name, Failure("the electrons did not come to rest", "Try more"), {"max_scf": 1})
        else:
            keep(self, name, point)

    monkeypatch.setattr(Store, "keep", sometimes)
    with pytest.warns(VanhoveWarning, match=r"\d of \d structures have no label"):
        found = learn_it(tmp_path / "learn", rounds=1)
    picked = int(found.rounds.picked[0])
    assert picked >= 4
    assert found.rounds.unlabelled.values.tolist() == [picked // 4]
    assert found.rounds.labelled.values.tolist() == [picked - picked // 4]


TOML = """
[learn]
title = "Li & <b>S</b>"
start = { frames = "frames" }
models = 2
rounds = 1
per_round = 4
threads = 1
trust = [0.05, 1.0]
explore = { temperatures = 900, ps = 0.4, every = 0.02 }

[learn.labeller]
buckingham = { Li-Li = [A, 0.4, 0.0], Li-S = [A, 0.4, 0.0], S-S = [A, 0.4, 0.0] }
charges = { Li = 0.0, S = 0.0 }
cutoff = 3.9

[learn.settings]
base = "small"
report_every = 5
checkpoint_every = 5
phases = [{ steps = 10, rate = [1e-3, 1e-5], decay_every = 5, energy = 1, force = 1, virial = 1 }]
"""


def test_the_command_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typer = pytest.importorskip("typer")
    from vanhove.cli.learning import learn as command

    start().save(tmp_path / "frames")
    file = tmp_path / "learn.toml"
    file.write_text(TOML.replace("A,", f"{STRENGTH / KCAL_MOL_IN_EV!r},"), encoding="utf-8")
    with pytest.raises(typer.Exit) as end:
        command(file, None)
    assert end.value.exit_code == 1  # one round can't be two in a row
    said = capsys.readouterr()
    assert "Not converged: " in said.out
    assert said.err.startswith("round 1  ")
    page = (tmp_path / "learn" / "report.html").read_text(encoding="utf-8")
    assert f"report: {tmp_path / 'learn' / 'report.html'}" in said.out
    assert "Li &amp; &lt;b&gt;S&lt;/b&gt;" in page
    assert learned(tmp_path / "learn").verdict.partition(":")[2] in page
    for words in ("Round 1", "data:image/png", "Trust levels were given", "constant volume"):
        assert words in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


SCRIPT = """
import os, sys
sys.path.insert(0, {here!r})
import test_learn
from pretended_pairs import lammps_computes_them

class Patch:
    setattr = staticmethod(setattr)

lammps_computes_them(Patch)
from pathlib import Path
test_learn.learn_it(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("kills", [3, pytest.param(12, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on(
    kills: int, tmp_path: Path, processes: Callable[[Path], dict[int, str]]
) -> None:
    """Kills in a training, in a run, among labels; what comes out is what an undisturbed learning finds."""
    script = tmp_path / "learn_it.py"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    undisturbed = learn_it(tmp_path / "undisturbed")
    folder, moments = tmp_path / "killed", np.random.default_rng(kills)
    marks = 0
    for _ in range(kills):
        running = subprocess.Popen([sys.executable, str(script), str(folder)], env=environment)
        until = time.monotonic() + 300
        wanted = _marks(folder) + int(moments.integers(1, 5))
        while _marks(folder) < wanted and running.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.5))
        running.kill()
        running.wait()
        while processes(folder):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert _marks(folder) >= marks, "what was finished stays"
        marks = _marks(folder)
    found = learn_it(folder)
    assert found.rounds.drop_attrs().equals(undisturbed.rounds.drop_attrs())
    assert found.data == undisturbed.data
    for one, other in zip(found.records, undisturbed.records, strict=True):
        assert one == other


def _marks(folder: Path) -> int:
    """Parts that are whole."""
    names = ("model.json", "explored.json", "picked.json", "round.json", "systems.json")
    return sum(path.name in names for path in folder.rglob("*.json"))


def test_a_run_that_is_killed_from_outside_is_not_a_failed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vanhove.simulate import _run
    from vanhove.simulate.thermo import End

    monkeypatch.setattr(_run, "explain", lambda *_: End("it was killed by signal 9 from outside", "Run again", ""))
    monkeypatch.setattr(_run.Process, "wait", lambda *_: 137)
    with pytest.raises(Refusal, match="killed by signal 9"):
        learn_it(tmp_path / "learn")
    assert not list(tmp_path.rglob("explored.json"))
    monkeypatch.undo()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    learn_it(tmp_path / "learn", rounds=1)
    record = tmp_path / "learn/round-001/round.json"
    record.write_text(record.read_text()[:100])
    with pytest.raises(Refusal, match=r"can't be read.*round\.json"):
        learned(tmp_path / "learn")
    record.unlink()
    assert learn_it(tmp_path / "learn", rounds=1).rounds.sizes["round"] == 1
    assert json.loads(record.read_text())["round"] == 1
