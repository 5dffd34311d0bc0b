"""Who carries out the tasks. An executor only executes: what is done and what is kept is decided elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from xarray import Dataset

    from .errand import Errand
    from .tasks import Task


class Work(Protocol):
    """What is to be done of a task: all of it where it is called, or in parts by one who sends it elsewhere."""

    def __call__(self, task: Task) -> None:
        """Carry it out here and keep its result."""

    def errand(self, task: Task) -> Errand:
        """What someone else needs to carry it out; the results of its inputs are there."""

    def started(self, task: Task) -> None:
        """Someone has begun with it."""

    def simulating(
        self, task: Task, stage: str, temperature: float, step: int, total: int, ns_per_day: float, left: float
    ) -> None:
        """How far a simulation is that someone carries out."""

    def ended(self, task: Task, result: Dataset | None) -> None:
        """Keep what someone has made of it."""


class Executor(Protocol):
    """Carries out tasks; a task starts when those whose keys are its inputs have ended."""

    def execute(self, tasks: Sequence[Task], work: Work, stop: Callable[[], None]) -> None:
        """Do ``work`` once for each of ``tasks``, which come with inputs first.

        The first error ends it; ``stop`` is called then, and asks what is under way to end soon.
        """


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


class Local:
    """Carries them out here: simulations side by side as far as the cores go, an observable alone.

    A simulation is a process of its own that a thread waits for. An observable's blocks use all cores by themselves, so
    it runs in the thread that called, where Ctrl-C reaches it.
    """

    def execute(self, tasks: Sequence[Task], work: Work, stop: Callable[[], None]) -> None:
        """See :class:`Executor`."""
        waiting, all_cores = list(tasks), cores()
        running: dict[Future[None], Task] = {}
        with ThreadPoolExecutor(all_cores) as pool:
            try:
                while waiting or running:
                    missing = {task.key for task in (*waiting, *running.values())}
                    free = all_cores - sum(min(task.cores or all_cores, all_cores) for task in running.values())
                    ready = [
                        task
                        for task in waiting
                        if not missing.intersection(task.inputs) and min(task.cores or all_cores, all_cores) <= free
                    ]
                    if not ready:
                        ended, _ = wait(running, return_when=FIRST_COMPLETED)
                        for future in ended:
                            running.pop(future)
                            future.result()
                        continue
                    waiting.remove(ready[0])
                    if ready[0].cores:
                        running[pool.submit(work, ready[0])] = ready[0]
                    else:
                        work(ready[0])
            except BaseException:
                stop()
                raise
