"""What a running study shows, on a terminal and in a log."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from vanhove.cli import watching
from vanhove.cli.watching import Watch
from vanhove.study.progress import Simulating
from vanhove.study.simulation import RUN
from vanhove.study.tasks import Task

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


SIMULATION = Task(label="1300K", function=RUN, version=1, options={}, run="1300K", temperature=1300.0)
RESULT = Task(label="msd-Na-1300K", function="dynamics.msd", version=1, options={}, inputs=(SIMULATION.key,))


def at(step: int, speed: float = 21.8, label: str = "1300K") -> Simulating:
    return Simulating(label, "produce", 1300.0, step, 55000, speed, 40.0, 130.0)


def test_a_log_gets_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    watch = Watch(log)
    now = [100.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    watch.on_plan([], [SIMULATION, RESULT], Path("demo"))
    watch.on_task(SIMULATION, "started")
    for step in range(0, 55000, 500):  # half a second each
        watch.on_simulation(at(step))
        now[0] += 0.5
    watch.on_task(SIMULATION, "done")
    watch.on_task(RESULT, "started")
    watch.on_task(RESULT, "done")
    lines = log.getvalue().splitlines()
    assert lines[0] == "demo: 1 simulation and 1 result to compute"
    shown = [line for line in lines if "ns/day" in line]
    assert len(shown) == 5
    assert shown[0] == "1300K: produce at 1300 K, 19 % | 21.8 ns/day, 2 min 10 s left"
    assert "1300K: simulated in 55 s" in lines
    assert lines[-1] == "2 of 2 tasks done"
    assert "\r" not in log.getvalue()
    assert "\033" not in log.getvalue()


def test_a_terminal_gets_a_live_line() -> None:
    terminal = Terminal()
    with Watch(terminal) as watch:
        watch.on_plan([RESULT], [SIMULATION], Path("demo"))
        watch.on_task(SIMULATION, "started")
        watch.on_simulation(at(0, speed=0.0))
        watch.on_simulation(at(27500))
        watch.on_task(SIMULATION, "done")
    shown = terminal.getvalue()
    for word in ("1 done already", "produce at 1300 K", "50 %", "21.8 ns/day", "simulated in"):
        assert word in shown, shown
    assert shown.count("\033[?25l") == shown.count("\033[?25h")  # the cursor comes back


def test_nothing_to_do() -> None:
    log = io.StringIO()
    Watch(log).on_plan([SIMULATION, RESULT], [], Path("demo"))
    assert log.getvalue() == "demo: everything is done already\n"


def test_simulations_side_by_side_share_a_line_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    watch = Watch(log)
    now = [100.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    watch.on_plan([], [SIMULATION, RESULT], Path("demo"))
    watch.on_simulation(at(5500))
    now[0] += 11
    watch.on_simulation(at(11000, label="1500K"))
    together = "1300K: produce at 1300 K, 10 % | 1500K: produce at 1300 K, 20 % | 43.6 ns/day, 2 min 10 s left"
    assert log.getvalue().splitlines()[-1] == together


def test_simulations_side_by_side_have_a_live_line_each() -> None:
    terminal = Terminal()
    with Watch(terminal) as watch:
        watch.on_plan([], [SIMULATION, RESULT], Path("demo"))
        watch.on_simulation(at(5500))
        watch.on_simulation(at(11000, label="1500K"))
        watch.on_task(SIMULATION, "done")
        watch.on_simulation(at(22000, label="1500K"))
    shown = terminal.getvalue()
    assert shown.index("1300K: produce") < shown.index("1500K: produce") < shown.index("40 %")
