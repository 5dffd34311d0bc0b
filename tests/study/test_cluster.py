"""A study on a Dask cluster: the same numbers as here, whoever dies, and what is refused before anything is sent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import slow_observable

import vanhove as vh
from vanhove.base.errors import VanhoveWarning
from vanhove.base.files import file_identity
from vanhove.kernels import compile as compiling
from vanhove.study import Cluster, cluster, run, worker
from vanhove.study.errand import Errand
from vanhove.study.progress import Quiet, Simulating
from vanhove.study.runner import preview
from vanhove.study.schema import Study
from vanhove.study.simulation import GLASS
from vanhove.study.tasks import Task
from vanhove.study.versions import differences, versions

if TYPE_CHECKING:
    from distributed import LocalCluster

Write = Callable[..., Path]
HERE = Path(__file__).parent
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


# processes of their own


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts ``dask ...`` as a person would; ended with the test."""
    processes: list[subprocess.Popen[bytes]] = []
    paths = [str(Path(vh.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = dict(os.environ, VANHOVE_THREADS="1", PYTHONPATH=os.pathsep.join(filter(None, paths)))
    compiled = compiling._folder()
    if compiled is not None:  # this process has compiled already
        environment["VANHOVE_CACHE"] = str(Path(compiled).parents[1])

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"process-{len(processes)}.log").open("wb") as log:
            command = [sys.executable, "-m", "dask", *words]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env=environment))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def scheduler(started: Callable[..., subprocess.Popen[bytes]], tmp_path: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """The file of a scheduler, and its process."""
    file = tmp_path / "scheduler.json"
    process = started(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
    )
    wait_until(file.exists)
    return str(file), process


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


def wait_for_worker(file: str) -> None:
    from distributed import Client

    with Client(scheduler_file=file, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=WITHIN)


def add_worker(started: Callable[..., subprocess.Popen[bytes]], file: str, *more: str) -> subprocess.Popen[bytes]:
    options = ("--scheduler-file", file, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard")
    return started("worker", *options, "--preload", str(HERE / "slow_observable.py"), *more)


@pytest.fixture
def study(write_study: Write, calls: Counter[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Results that hang on each other, and one that waits to be killed."""
    import vanhove.dynamics as room

    monkeypatch.setenv("VANHOVE_THREADS", "1")
    monkeypatch.setitem(room.TABLE, "waiting", None)  # both are taken away again
    monkeypatch.setitem(vars(room), "waiting", None)
    slow_observable.dask_setup(None)
    (tmp_path / "marks").mkdir()
    lines = f'rdf = {{}}\nmsd = {{}}\nwaiting = {{ marks = "{tmp_path / "marks"}" }}\ndiffusion = {{}}'
    return write_study("files", ("counted = { scale = 2.0 }\ndoubled = {}", lines))


@pytest.mark.slow
def test_a_worker_killed_half_way_changes_no_number(
    study: Path, started: Any, scheduler: tuple[str, Any], tmp_path: Path
) -> None:
    begun = tmp_path / "marks" / slow_observable.BEGUN
    begun.touch()
    with pytest.warns(VanhoveWarning, match="has waited"):
        alone = run(study, tmp_path / "alone")
    begun.unlink()
    workers = {process.pid: process for process in (add_worker(started, scheduler[0]) for _ in range(2))}
    killed: list[int] = []

    def kill() -> None:
        wait_until(begun.exists)
        killed.append(int(begun.read_text()))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    wait_for_worker(scheduler[0])
    with Cluster(scheduler[0]) as far, pytest.warns(VanhoveWarning) as warned:
        shared = run(study, tmp_path / "shared", executor=far)
    killer.join()
    assert workers[killed[0]].wait(WITHIN) == -signal.SIGKILL
    said = [str(one.message) for one in warned]
    assert any("begins again" in text and "is lost" in text for text in said)
    assert {"Na has waited. in a test.", "Si has waited. in a test."} <= set(said)
    for name in SUMMARY:
        assert (shared.folder / name).read_bytes() == (alone.folder / name).read_bytes()
    for record in alone.results:
        assert shared.load(record).drop_attrs().identical(alone.load(record).drop_attrs()), record.label
    assert preview(study, tmp_path / "shared")[1] == []


@pytest.mark.slow
def test_a_scheduler_that_is_killed(study: Path, started: Any, scheduler: tuple[str, Any], tmp_path: Path) -> None:
    add_worker(started, scheduler[0])
    wait_for_worker(scheduler[0])
    begun = tmp_path / "marks" / slow_observable.BEGUN

    def kill() -> None:
        wait_until(begun.exists)
        scheduler[1].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with (
        pytest.raises(vh.Refusal, match=r"The scheduler is lost\. .*run the study again"),
        Cluster(scheduler[0]) as far,
    ):
        run(study, tmp_path / "out", executor=far)
    killer.join()


@pytest.mark.slow
def test_workers_of_another_environment(started: Any, scheduler: tuple[str, Any], tmp_path: Path) -> None:
    from distributed import Client

    for name, does, message in (
        ("old", "import vanhove.study.versions as v; v.versions = lambda: {'vanhove': '0.0.1'}", "vanhove 0.0.1"),
        ("none", "import sys; sys.modules['vanhove.study.versions'] = None", "can't load vanhove"),
    ):
        (tmp_path / f"{name}.py").write_text(does)
        process = add_worker(started, scheduler[0], "--preload", str(tmp_path / f"{name}.py"))
        wait_for_worker(scheduler[0])
        with Client(scheduler_file=scheduler[0], set_as_default=False) as client:
            with pytest.raises(vh.Refusal, match=message), Cluster(scheduler[0]):
                pass
            process.kill()
            process.wait()
            wait_until(lambda client=client: not client.scheduler_info()["workers"])
