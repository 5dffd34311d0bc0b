"""What a worker of a cluster does with a task that it is sent."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.base.files import file_identity
from vanhove.trajectory.budget import memory_budget, thread_count

from .folder import LOCK
from .simulation import with_ranks_for
from .versions import differences, versions

if TYPE_CHECKING:
    from distributed import Worker
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .errand import Errand
    from .planned import PlannedRun

TELL_EVERY = 1.0  # s
MEMORY_PART = 4  # of a worker's memory is for blocks: Dask ends one that comes near to all of it
KEPT_OPEN = 8  # trajectories


@dataclass(frozen=True)
class Order:
    """An errand, and what it takes to be the same here as there."""

    key: str  # Dask's name of the task
    topic: str  # where those listen who sent it
    errand: Errand
    versions: dict[str, str]
    holder: str  # what the results folder's lock says, for a simulation
    identities: dict[str, str]  # of the files that it reads


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    result: Dataset | None
    warnings: tuple[str, ...] = ()


class _Unwanted(Exception):
    """Nobody waits for it any more."""


def carry_out(order: Order) -> Outcome:
    """Carry out an errand as one of the worker's threads, with this thread's share of cores and memory."""
    from distributed import get_worker

    worker, errand = get_worker(), order.errand
    _check(order, worker.address)
    _take_share(worker)
    worker.log_event(order.topic, (order.key, worker.address, ()))
    if errand.simulates:
        errand = replace(errand, task=with_ranks_for(errand.task, errand.study, thread_count()))
    with _collected() as messages:
        result = errand.carry_out(_Teller(worker, order), partial(_trajectory, order))
    return Outcome(result, tuple(messages))


class _Teller:
    """Tells how far a simulation is, and ends it when nobody wants it any more."""

    def __init__(self, worker: Worker, order: Order) -> None:
        self._worker, self._order = worker, order
        self._told = 0.0

    def __call__(self, *now: Any) -> None:
        known = self._worker.state.tasks.get(self._order.key)
        if known is None or known.state != "executing":  # called back, or those who sent it are gone
            raise _Unwanted
        if time.monotonic() - self._told > TELL_EVERY:
            self._told = time.monotonic()
            self._worker.log_event(self._order.topic, (self._order.key, self._worker.address, now))


_warned = threading.local()


def _collect(original: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any) -> None:
    """Keep a warning of a thread that collects them; others go where they went."""
    messages: list[str] | None = getattr(_warned, "messages", None)
    if messages is not None and issubclass(category, VanhoveWarning):
        messages.append(str(message))
    else:
        original(message, category, *where)


@contextmanager
def _collected() -> Iterator[list[str]]:
    """What this thread warns of. Python's own way is one for all threads of a process, and a worker has several."""
    shown = warnings.showwarning
    if not (isinstance(shown, partial) and shown.func is _collect):
        warnings.showwarning = partial(_collect, shown)
    warnings.simplefilter("always", VanhoveWarning)
    _warned.messages = []
    try:
        yield _warned.messages
    finally:
        del _warned.messages


def _check(order: Order, worker: str) -> None:
    """Refuse to work with other versions or other files."""
    errand = order.errand
    wrong = differences(order.versions, versions(), simulates=errand.simulates)
    if wrong:
        raise Refusal(
            "A worker has other versions than the process that sends the tasks", f"{worker}: {', '.join(wrong)}",
            "Start workers from the same environment, or one made with the same constraints.txt",
        )  # fmt: skip
    if errand.simulates and _text(errand.folder / LOCK) != order.holder:
        raise Refusal(
            "A worker does not see the results folder", f"{worker}: {errand.folder}",
            "Keep it on a disk that all machines share, at the same path",
        )  # fmt: skip
    for path, identity in order.identities.items():
        if not os.path.isfile(path) or file_identity(path) != identity:
            state = "is another file" if os.path.isfile(path) else "is not there"
            raise Refusal(
                "A worker does not see a file of the study", f"{worker}: {path} {state}",
                "Keep it on a disk that all machines share, at the same path",
            )  # fmt: skip


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _take_share(worker: Worker) -> None:
    """The threads of a worker share its cores and memory alike, unless the person who started it has said how."""
    limit = worker.memory_manager.memory_limit
    memory = memory_budget() if limit is None else min(memory_budget(), limit // MEMORY_PART)
    for name, value in (
        ("VANHOVE_THREADS", max(1, thread_count() // worker.state.nthreads)),
        ("VANHOVE_MEMORY", memory // worker.state.nthreads),
    ):
        os.environ.setdefault(name, str(value))


def _trajectory(order: Order) -> Trajectory:
    run = order.errand.run
    if run is None:
        raise ValueError(f"{order.errand.task.label} is of no run")
    return _opened(run, order.errand.folder, tuple(order.identities.values()))


@lru_cache(maxsize=KEPT_OPEN)
def _opened(run: PlannedRun, folder: Path, identities: tuple[str, ...]) -> Trajectory:
    del identities  # the same names with other files are another trajectory
    return run.open(folder)
