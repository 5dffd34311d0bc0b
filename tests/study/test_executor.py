"""Who runs beside whom, and what an error or Ctrl-C does to those under way."""

from __future__ import annotations

import threading
import time

import pytest

from vanhove.study import executor
from vanhove.study.executor import Local
from vanhove.study.tasks import Task


def task(label: str, inputs: tuple[str, ...] = (), cores: int = 0) -> Task:
    return Task(label, "test", 1, {"label": label}, inputs, cores=cores)


class Diary:
    """Writes down when tasks begin and end, and how many are under way together."""

    def __init__(self, seconds: float = 0.05, fails: str = "") -> None:
        self.seconds, self.fails = seconds, fails
        self.lines: list[str] = []
        self.together = self.most = 0
        self.threads: dict[str, str] = {}
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, task: Task) -> None:
        with self._lock:
            self.lines.append(f"+{task.label}")
            self.together += 1
            self.most = max(self.most, self.together)
            self.threads[task.label] = threading.current_thread().name
        if task.label == self.fails:
            raise KeyboardInterrupt
        until = time.monotonic() + self.seconds
        while time.monotonic() < until and not self.stopped.is_set():
            time.sleep(0.005)
        with self._lock:
            self.lines.append(f"-{task.label}")
            self.together -= 1


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "cores", lambda: 4)


def test_simulations_run_side_by_side_as_far_as_the_cores_go() -> None:
    diary = Diary()
    Local().execute([task(f"s{n}", cores=2) for n in range(5)], diary, diary.stopped.set)
    assert diary.most == 2
    assert sorted(diary.lines) == sorted([f"{sign}s{n}" for n in range(5) for sign in "+-"])


def test_a_task_waits_for_its_inputs_and_an_observable_runs_alone_where_ctrl_c_reaches_it() -> None:
    glass = task("glass", cores=1)
    runs = [task(f"run{n}", (glass.key,), cores=1) for n in range(2)]
    results = [task(f"msd{n}", (run.key,)) for n, run in enumerate(runs)]
    diary = Diary()
    Local().execute([glass, *runs, *results], diary, diary.stopped.set)
    assert diary.lines[:2] == ["+glass", "-glass"]
    assert set(diary.lines[2:4]) == {"+run0", "+run1"}
    assert diary.lines[6:] == ["+msd0", "-msd0", "+msd1", "-msd1"]
    assert {diary.threads[f"msd{n}"] for n in range(2)} == {threading.current_thread().name}


def test_more_cores_than_there_are_is_all_of_them() -> None:
    diary = Diary()
    Local().execute([task("a", cores=16), task("b", cores=16)], diary, diary.stopped.set)
    assert diary.most == 1


def test_an_error_stops_those_under_way_and_begins_nothing_more() -> None:
    diary = Diary(seconds=30.0, fails="bad")
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Local().execute([task("long", cores=1), task("bad", cores=1), task("later")], diary, diary.stopped.set)
    assert time.monotonic() - began < 20
    assert diary.stopped.is_set()
    assert "+later" not in diary.lines
