"""Who carries out the tasks. An executor only executes: what is done and what is kept is decided elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .tasks import Task


class Executor(Protocol):
    """Carries out tasks; a task starts when those whose keys are its inputs have ended."""

    def execute(self, tasks: Sequence[Task], work: Callable[[Task], None]) -> None:
        """Call ``work`` once for each of ``tasks``, which come with inputs first; the first error ends it."""


class Local:
    """One task after another, here: a simulation takes all cores by itself, and so do the blocks of an observable."""

    def execute(self, tasks: Sequence[Task], work: Callable[[Task], None]) -> None:
        """See :class:`Executor`."""
        for task in tasks:
            work(task)
