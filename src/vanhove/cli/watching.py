"""Showing a running study: a live line for each simulation on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from vanhove.base.progress import duration

if TYPE_CHECKING:
    from vanhove.study.progress import Simulating, State
    from vanhove.study.tasks import Task

BETWEEN_LINES = 10.0  # s, in a log


class Watch:
    """Listens to a study (:class:`vanhove.study.progress.Progress`) and shows where it is, on standard error."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live: Any = None  # rich's display, while simulations run on a terminal
        self._bars: dict[str, Any] = {}
        self._now: dict[str, Simulating] = {}  # where those under way stand
        self._began: dict[str, float] = {}
        self._said = 0.0
        self._left, self._todo = 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()
        if kind is KeyboardInterrupt:
            self._line("stopped; the same command goes on from here")

    def on_plan(self, kept: Sequence[Task], todo: Sequence[Task], folder: Path) -> None:
        """Say what is to do."""
        from vanhove.study.simulation import simulates

        simulations = sum(simulates(task) for task in todo)
        self._todo = self._left = len(todo)
        if not todo:
            self._line(f"{folder}: everything is done already")
            return
        done = f" ({len(kept)} done already)" if kept else ""
        asked = f"{_count(simulations, 'simulation')} and {_count(len(todo) - simulations, 'result')} to compute"
        self._line(f"{folder}: {asked}{done}")

    def on_task(self, task: Task, state: State) -> None:
        """Say when a simulation has ended; results are only counted, they are quick."""
        from vanhove.study.simulation import simulates

        now = time.monotonic()
        if state == "started":
            self._began[task.key] = now
            return
        self._left -= 1
        if simulates(task):
            self._now.pop(task.label, None)
            self._close()  # the others' lines come back with their next step
            self._line(f"{task.label}: simulated in {duration(now - self._began.get(task.key, now))}")
        elif self._left == 0 or now - self._said > BETWEEN_LINES:
            self._line(f"{self._todo - self._left} of {self._todo} tasks done")

    def on_simulation(self, now: Simulating) -> None:
        """Show how far the simulations under way are."""
        self._now[now.label] = now
        if self._stream.isatty():
            self._show(now)
        elif time.monotonic() - self._said > BETWEEN_LINES:
            places = [f"{one.label}: {_place(one)}, {_share(one):.0f} %" for one in self._now.values()]
            self._line(f"{' | '.join(places)} | {self._pace(now)}")

    def _pace(self, now: Simulating) -> str:
        speed = sum(one.ns_per_day for one in self._now.values())
        if not (speed > 0 and now.seconds_left_in_all == now.seconds_left_in_all):
            return "starting"  # no pace yet: the first moment, or the energy is being minimised
        rounded = f"{speed:.1f}" if speed >= 1 else f"{speed:.1g}"  # a calculator's are below 1
        return f"{rounded} ns/day, {duration(now.seconds_left_in_all)} left"

    def _show(self, now: Simulating) -> None:
        if self._live is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            self._live = Progress(
                TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[pace]}"), console=Console(file=self._stream), transient=True,
            )  # fmt: skip
            self._live.start()
        if now.label not in self._bars:
            self._bars[now.label] = self._live.add_task("", total=now.total, pace="")
        text = f"{now.label}: {_place(now)}"
        self._live.update(
            self._bars[now.label], description=text, completed=now.step, total=now.total, pace=self._pace(now)
        )

    def _line(self, text: str) -> None:
        self._said = time.monotonic()
        print(text, file=self._stream, flush=True)

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._bars.clear()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _place(now: Simulating) -> str:
    """Without a temperature while there is none: at the start, and while the energy is minimised."""
    return f"{now.stage} at {now.temperature:.0f} K" if now.temperature > 0 else now.stage


def _share(now: Simulating) -> float:
    return 100 * now.step / max(now.total, 1)
