"""The tasks of a study on the workers of a Dask cluster.

Workers read trajectories themselves, at the paths that the study names, and simulate in the results folder; so both lie
on a disk that all machines share. The results of analysis come back over the network: as everywhere, one process alone
keeps them. A task whose worker is lost is given to another one by Dask.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from vanhove.base.errors import Refusal, VanhoveWarning, warn
from vanhove.base.files import file_identity

from .folder import LOCK
from .graph import is_done
from .simulation import simulates
from .versions import differences, versions
from .worker import Order, Outcome, carry_out

if TYPE_CHECKING:
    from distributed import Client, Future

    from .errand import Errand
    from .executor import Work
    from .tasks import Task

ANSWER_WITHIN = 10.0  # s, for a scheduler
LOOK_AGAIN = 2.0  # s between looks at the connection, when nothing is heard
APPEAR_WITHIN = 120.0  # s; a network's file system may show what another machine wrote a little later


class Cluster:
    """Sends tasks to the workers of a Dask scheduler; see :class:`vanhove.study.executor.Executor`.

    Simulations and results alike go wherever a worker is free: as many side by side as the workers have threads.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Client | None = None

    def __enter__(self) -> Self:
        self._client = _connected(self.address)
        try:
            _check_workers(self._client)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def client(self) -> Client:
        """The connection, while there is one."""
        if self._client is None:
            raise ValueError("a cluster is used in a with statement")
        return self._client

    def execute(self, tasks: Sequence[Task], work: Work, stop: Callable[[], None]) -> None:
        """See :class:`vanhove.study.executor.Executor`."""
        if not tasks:
            return
        if not self.client.scheduler_info()["workers"]:
            warn(
                "The scheduler has no workers yet", self.address,
                "The study waits for them: start some with `dask worker`",
            )  # fmt: skip
        orders = _Orders(self.client, work)
        try:
            orders.through(list(tasks))
        except BaseException:
            stop()
            raise
        finally:
            orders.close()


class _Orders:
    """The tasks of one execution: what waits, what is out, and what is heard of it."""

    def __init__(self, client: Client, work: Work) -> None:
        self._client, self._work = client, work
        self._name = f"vanhove-{uuid4().hex[:12]}"
        self._heard: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self._out: dict[str, tuple[Future[Outcome], Errand]] = {}
        self._where: dict[str, str] = {}  # the worker that began with it
        client.subscribe_topic(self._name, lambda event: self._heard.put(("said", event[1])))

    def through(self, waiting: list[Task]) -> None:
        """Carry out all; the first error ends it."""
        while waiting or self._out:
            missing = {task.key for task in waiting} | {errand.task.key for _, errand in self._out.values()}
            for task in [task for task in waiting if not missing.intersection(task.inputs)]:
                waiting.remove(task)
                self._send(task)
            try:
                kind, what = self._heard.get(timeout=LOOK_AGAIN)
            except Empty:
                self._still_there()
                continue
            if kind == "said":
                self._listen(*what)
            elif what in self._out:
                self._receive(what)

    def close(self) -> None:
        """Call back what is out: a worker's simulation ends when it is next asked how far it is."""
        if self._client.status == "running":
            self._client.cancel([future for future, _ in self._out.values()])
            self._client.unsubscribe_topic(self._name)

    def _send(self, task: Task) -> None:
        errand = self._work.errand(task)
        key = f"{self._name}-{task.name}"
        holder = (errand.folder / LOCK).read_text(encoding="utf-8") if simulates(task) else ""
        identities = {str(path): file_identity(path) for path in errand.files() if path.is_file()}
        order = Order(key, self._name, errand, versions(), holder, identities)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)  # the inputs are what they are
            future = self._client.submit(carry_out, order, key=key, pure=False)
        self._out[key] = future, errand
        future.add_done_callback(partial(self._ended, key))

    def _ended(self, key: str, _: Future[Outcome]) -> None:
        self._heard.put(("ended", key))

    def _listen(self, key: str, worker: str, now: tuple[Any, ...]) -> None:
        if key not in self._out:
            return  # a word that was overtaken by the result
        task = self._out[key][1].task
        if key in self._where and self._where[key] != worker:
            warn(f"{task.label} begins again", f"worker {self._where[key]} is lost", f"{worker} has it now")
        if key not in self._where:
            self._work.started(task)
        self._where[key] = worker
        if now:
            self._work.simulating(task, *now)

    def _receive(self, key: str) -> None:
        future, errand = self._out[key]
        task = errand.task
        outcome = self._outcome(future, task)
        for message in outcome.warnings:
            warnings.warn(VanhoveWarning(message), stacklevel=2)
        if key not in self._where:
            self._work.started(task)
        if simulates(task):
            _wait_for(errand)
        self._work.ended(task, outcome.result)
        del self._out[key]
        future.release()

    def _outcome(self, future: Future[Outcome], task: Task) -> Outcome:
        from distributed import CancelledError, KilledWorker

        try:
            outcome: Outcome = future.result()
        except KilledWorker as error:
            raise Refusal(
                f"Several workers were lost over one task, the last was {error.last_worker.address}",
                f"[{task.label}]",
                "Look into their logs; often it is memory: give workers more, or set VANHOVE_MEMORY for them",
            )
        except CancelledError:
            raise _lost()
        return outcome

    def _still_there(self) -> None:
        if self._client.status != "running":
            raise _lost()


def _lost() -> Refusal:
    return Refusal(
        "The scheduler is lost", "", "Start it and the workers, and run the study again: what is done is kept"
    )


def _connected(address: str) -> Client:
    from distributed import Client
    from distributed.comm import resolve_address

    try:
        said = json.loads(Path(address).read_text("utf-8"))["address"] if os.path.isfile(address) else address
        resolve_address(said)  # a client that is given no address at all never ends
        return Client(said, timeout=ANSWER_WITHIN, set_as_default=False, name="vanhove")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise Refusal(
            "There is no scheduler to be reached",
            f"{address}: {str(error).strip() or 'no answer'}",
            "Give the address that `dask scheduler` says when it starts, like tcp://machine:8786, or its file",
        )


def _check_workers(client: Client) -> None:
    """Refuse workers that would give other numbers, or none."""
    mine = versions()
    for worker, theirs in client.run(versions, on_error="return").items():
        if isinstance(theirs, BaseException):
            raise Refusal(
                "A worker can't load vanhove", f"{worker}: {theirs}", f"Install version {mine['vanhove']} where it runs"
            )
        wrong = differences(mine, theirs, simulates=False)
        if wrong:
            raise Refusal(
                "A worker has other versions than this process", f"{worker}: {', '.join(wrong)}",
                "Start workers from the same environment, or one made with the same constraints.txt",
            )  # fmt: skip


def _wait_for(errand: Errand) -> None:
    until = time.monotonic() + APPEAR_WITHIN
    while not is_done(errand.task, errand.folder):
        if time.monotonic() > until:
            raise Refusal(
                "A worker has simulated and its files are not here", f"{errand.folder} [{errand.task.label}]",
                "Keep the results folder on a disk that all machines share",
            )  # fmt: skip
        time.sleep(0.5)
