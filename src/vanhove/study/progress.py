"""What a study tells while it runs; the command draws it, a test counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from .tasks import Task

State = Literal["started", "done"]


@dataclass(frozen=True)
class Simulating:
    """Where a simulation stands."""

    label: str  # of its task
    stage: str  # "mix", "quench", "produce", …
    temperature: float  # K, the thermostat's
    step: int
    total: int  # steps of the task
    ns_per_day: float
    seconds_left: float  # of this task
    seconds_left_in_all: float  # of all simulations to come


class Progress(Protocol):
    """Who listens to a running study."""

    def on_plan(self, kept: Sequence[Task], todo: Sequence[Task], folder: Path) -> None:
        """What is done already and what will be done, before it begins."""

    def on_task(self, task: Task, state: State) -> None:
        """A task begins or has ended."""

    def on_simulation(self, now: Simulating) -> None:
        """A simulation has come further."""


class Quiet:
    """Listens to nothing."""

    def on_plan(self, kept: Sequence[Task], todo: Sequence[Task], folder: Path) -> None:
        """See :class:`Progress`."""

    def on_task(self, task: Task, state: State) -> None:
        """See :class:`Progress`."""

    def on_simulation(self, now: Simulating) -> None:
        """See :class:`Progress`."""
