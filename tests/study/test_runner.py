"""Running a study: done once, resumed where it stopped, the same summary every time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vanhove as vh
from vanhove.study import read_results, run
from vanhove.study.progress import Quiet, Simulating
from vanhove.study.runner import preview
from vanhove.study.toml_text import dumps

if TYPE_CHECKING:
    from vanhove.study.tasks import Task

Write = Callable[..., Path]


class Heard(Quiet):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.todo: list[str] = []
        self.tasks: list[tuple[str, str]] = []
        self.simulating: list[Simulating] = []

    def on_plan(self, kept: Sequence[Task], todo: Sequence[Task], folder: Path) -> None:
        self.kept, self.todo = [task.label for task in kept], [task.label for task in todo]

    def on_task(self, task: Task, state: str) -> None:
        self.tasks.append((task.label, state))

    def on_simulation(self, now: Simulating) -> None:
        self.simulating.append(now)


class Interrupts(Quiet):
    """Ctrl-C when a task begins or has ended."""

    def __init__(self, label: str, state: str) -> None:
        self.when = (label, state)

    def on_task(self, task: Task, state: str) -> None:
        if (task.label, state) == self.when:
            raise KeyboardInterrupt


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_is_done_is_not_done_again(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    path, out = write_study(), tmp_path / "out"
    first = run(path, out)
    assert calls == {"counted": 2, "doubled": 2}
    assert [record.label for record in first.results] == [
        "counted-Na-walk", "counted-Si-walk", "doubled-Na-walk", "doubled-Si-walk",
    ]  # fmt: skip
    assert float(first.load(first.find(observable="doubled", species="Na")[0])["number"]) == 48
    summary = {name: (out / name).read_bytes() for name in ("summary.json", "summary.csv")}
    heard = Heard()
    assert run(path, out, progress=heard) == first
    assert calls == {"counted": 2, "doubled": 2}
    assert (len(heard.kept), heard.todo) == (4, [])
    assert {name: (out / name).read_bytes() for name in summary} == summary


def test_only_what_is_missing_is_made(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    path, out = write_study(), tmp_path / "out"
    first = run(path, out)
    (out / first.find(observable="doubled", species="Si")[0].file).unlink()
    (out / "summary.json").unlink()
    run(path, out)
    assert calls == {"counted": 2, "doubled": 3}
    run(write_study("files", ("doubled = {}", "doubled = { factor = 4 }")), out)
    assert calls == {"counted": 2, "doubled": 5}
    run(write_study(), out)  # going back finds the old results
    assert calls == {"counted": 2, "doubled": 5}


@pytest.mark.parametrize("state", ["started", "done"])
@pytest.mark.parametrize("label", ["counted-Na-walk", "doubled-Na-walk", "doubled-Si-walk"])
def test_it_goes_on_where_it_was_stopped(
    write_study: Write, calls: Counter[str], tmp_path: Path, label: str, state: str
) -> None:
    path = write_study()
    undisturbed = run(path, tmp_path / "undisturbed")
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        run(path, tmp_path / "out", progress=Interrupts(label, state))
    assert not (tmp_path / "out" / "summary.json").exists()
    resumed = run(path, tmp_path / "out")
    assert calls == {"counted": 2, "doubled": 2}
    for name in ("summary.json", "summary.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed.folder / name).read_bytes()
    assert listing(tmp_path / "out") == listing(undisturbed.folder)
    assert resumed.summary == undisturbed.summary


def test_simulations_are_made_once_and_told(
    write_study: Write, calls: Counter[str], engine: Counter[str], tmp_path: Path
) -> None:
    path, out, heard = write_study("simulated"), tmp_path / "out", Heard()
    results = run(path, out, progress=heard)
    assert engine == {"glass": 1, "1000K": 1, "1200K": 1}
    assert [record.name for record in results.runs] == ["1000K", "1200K"]
    assert results.runs[1].temperature == 1200
    assert results.runs[1].open().composition == {"Na": 16, "Si": 8, "S": 24}
    assert results.runs[1].details["density_g_cm3"] == pytest.approx(2.01)
    assert calls == {"counted": 2 + 4}  # two were the rehearsal
    assert results.rows("density", run="1000K")[0]["value"] == pytest.approx(2.01)
    first, last = heard.simulating[0], heard.simulating[-1]
    assert (first.label, first.stage, first.seconds_left) == ("glass", "mix", 1.0)
    assert first.seconds_left_in_all > last.seconds_left_in_all == last.seconds_left
    run(write_study("simulated", ("[1000, 1200]", "[1000, 1100, 1200]")), out)
    assert engine == {"glass": 1, "1000K": 1, "1200K": 1, "1100K": 1}


def test_a_glass_is_not_made_again_for_runs_that_are_there(
    write_study: Write, calls: Counter[str], engine: Counter[str], tmp_path: Path
) -> None:
    import shutil

    path, out = write_study("simulated"), tmp_path / "out"
    run(path, out)
    shutil.rmtree(next((out / "runs").glob("glass-*")))
    run(path, out)
    assert engine["glass"] == 1
    shutil.rmtree(next((out / "runs").glob("1000K-*")))
    run(path, out)
    assert engine == {"glass": 2, "1000K": 2, "1200K": 1}


def test_a_preview_writes_nothing(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    path = write_study()
    before = listing(tmp_path)
    kept, todo = preview(path, tmp_path / "out")
    assert (kept, len(todo)) == ([], 4)
    assert listing(tmp_path) == before
    run(path, tmp_path / "out")
    kept, todo = preview(path, tmp_path / "out")
    assert (len(kept), todo) == (4, [])


def test_a_refused_study_leaves_no_folder(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    path = write_study("files", ("scale", "scael"))
    before = listing(tmp_path)
    with pytest.raises(vh.Refusal):
        run(path, tmp_path / "deep" / "out")
    with pytest.raises(vh.Refusal, match="no such study"):
        run(tmp_path / "none.toml", tmp_path / "deep" / "out")
    assert listing(tmp_path) == before


def test_a_task_that_refuses_is_named_and_leaves_nothing_half(
    write_study: Write, calls: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vanhove.dynamics as room

    def refuses(*_: object, **__: object) -> None:
        raise vh.Refusal("Too short a run", "60 frames", "Run longer")

    path = write_study()
    before = listing(tmp_path)
    refuses.__wrapped__ = room.counted  # type: ignore[attr-defined]  # its signature
    monkeypatch.setitem(vars(room), "counted", refuses)
    with pytest.raises(vh.Refusal, match=r"Too short a run. 60 frames \[counted-Na-walk\]. Run longer"):
        run(path, tmp_path / "deep" / "out")
    assert listing(tmp_path) == before


def test_the_default_folder_is_beside_the_study(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    assert run(write_study()).folder == tmp_path / "results"


def test_what_is_locked_says_what_was_run(write_study: Write, calls: Counter[str], tmp_path: Path) -> None:
    results = run(write_study(), tmp_path / "out")
    assert read_results(tmp_path / "out") == results
    assert results.title == "Walkers"
    assert results.versions["vanhove"] == vh.__version__
    assert results.settings["observables"] == {
        "dynamics.counted": {"scale": 2.0, "mode": "a"},
        "dynamics.doubled": {"factor": 2.0},
    }
    assert results.runs[0].details["frames"] == 60
    said = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [row["name"] for row in said["results"]] == ["atoms", "density"]
    assert "date" not in json.dumps(said)


def test_what_is_locked_is_a_study_again(
    write_study: Write, calls: Counter[str], engine: Counter[str], tmp_path: Path
) -> None:
    change = ("counted = {", 'counted = { mode = "none",')
    results = run(write_study("simulated", change), tmp_path / "out")
    again = tmp_path / "again.toml"
    again.write_text(dumps({"title": results.title, **results.settings}), encoding="utf-8")
    _, todo = preview(again, tmp_path / "out")
    assert todo == []
