"""Running a study: what is done is kept, what is missing is made, and the numbers are written down at the end."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

from vanhove.base.results import load, save
from vanhove.trajectory.unwrap import how_unwrapped

from . import simulation
from .errand import Errand
from .executor import Executor, Local
from .expected import keep, read_expected
from .folder import held
from .graph import Plan, is_done, plan_of
from .progress import Progress, Quiet, Simulating
from .rehearsal import rehearse
from .replicas import rows_of_means
from .results import ResultRecord, Results, RunRecord, read_results, write_lock, write_summary
from .schema import Study, read_study
from .summary import density_of, rows_of_result, rows_of_run
from .versions import versions

if TYPE_CHECKING:
    from xarray import Dataset

    from .planned import PlannedRun
    from .tasks import Task

RESULTS = "results"  # the folder beside a study file


def run(
    study: str | os.PathLike[str] | Study,
    out: str | os.PathLike[str] | None = None,
    *,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Results:
    """Run a study; what its results folder holds already is not done again.

    Nothing is written before the whole study has been checked; before a simulation, its analysis is tried on a few
    atoms. Stopped at any moment, by Ctrl-C or worse, it goes on
    where it was when it is run again, and ends with the same summary.

    Parameters
    ----------
    study
        A ``study.toml``, or what :func:`read_study` made of one.
    out
        Results folder; by default ``results`` beside the study file.
    progress
        Who is told what happens; see :class:`vanhove.study.progress.Progress`.
    executor
        Who carries out the tasks; this process by default.
    """
    plan, folder = _prepared(study, out)
    tell = progress or Quiet()
    if any(simulation.simulates(task) for task in plan.todo(folder)):
        rehearse(plan)
    with held(folder):
        todo = plan.todo(folder)
        tell.on_plan(_kept(plan, todo, folder), todo, folder)
        work = _Work(plan, folder, tell, todo)
        (executor or Local()).execute(todo, work, work.stop)
        _write_down(plan, folder)
    return read_results(folder)


def preview(
    study: str | os.PathLike[str] | Study, out: str | os.PathLike[str] | None = None
) -> tuple[list[Task], list[Task]]:
    """What :func:`run` would find done and what it would do; nothing is written."""
    plan, folder = _prepared(study, out)
    todo = plan.todo(folder)
    return _kept(plan, todo, folder), todo


def _prepared(study: str | os.PathLike[str] | Study, out: str | os.PathLike[str] | None) -> tuple[Plan, Path]:
    if isinstance(study, Study):
        return plan_of(study), Path(out or RESULTS)
    return plan_of(read_study(study)), Path(out) if out is not None else Path(study).parent / RESULTS


def _kept(plan: Plan, todo: Sequence[Task], folder: Path) -> list[Task]:
    missing = {task.key for task in todo}
    return [task for task in plan.tasks if task.key not in missing and is_done(task, folder)]


class _Stopped(Exception):
    """The study ends: a simulation under way is left where it is, to go on another time."""


class _Work:
    """Carries out one task, telling how it goes; simulations may be under way in several threads."""

    def __init__(self, plan: Plan, folder: Path, tell: Progress, todo: Sequence[Task]) -> None:
        self._plan, self._folder, self._tell = plan, folder, tell
        self._steps = {task.key: simulation.steps(task) for task in todo if simulation.simulates(task)}  # to come
        self._speeds: dict[str, float] = {}  # steps/s of those under way
        self._lock, self._stopped = Lock(), Event()

    def stop(self) -> None:
        """End the simulations under way; they can be taken up again."""
        self._stopped.set()

    def __call__(self, task: Task) -> None:
        self.started(task)
        told = partial(self.simulating, task)
        result = self.errand(task).carry_out(told, lambda: self._plan.trajectory(task.run, self._folder))
        self.ended(task, result)

    def errand(self, task: Task) -> Errand:
        """See :class:`vanhove.study.executor.Work`."""
        made_from = [self._plan.by_key[key] for key in task.inputs if key in self._plan.by_key]
        if simulation.simulates(task):
            return Errand(task, self._plan.study, self._folder.absolute(), before=tuple(made_from))
        inputs = [load(self._folder / other.file) for other in made_from if not simulation.simulates(other)]
        run = self._plan.run(task.run) if task.run else None
        return Errand(task, self._plan.study, self._folder.absolute(), run=run, inputs=tuple(inputs))

    def started(self, task: Task) -> None:
        """See :class:`vanhove.study.executor.Work`."""
        with self._lock:
            self._tell.on_task(task, "started")

    def simulating(
        self, task: Task, stage: str, temperature: float, step: int, total: int, ns_per_day: float, left: float
    ) -> None:
        """See :class:`vanhove.study.executor.Work`."""
        if self._stopped.is_set():
            raise _Stopped
        with self._lock:
            self._steps[task.key] = total - step
            self._speeds[task.key] = (total - step) / left if left > 0 else 0.0
            speed = sum(self._speeds.values())
            in_all = sum(self._steps.values()) / speed if speed > 0 else math.nan
            self._tell.on_simulation(Simulating(task.label, stage, temperature, step, total, ns_per_day, left, in_all))

    def ended(self, task: Task, result: Dataset | None) -> None:
        """See :class:`vanhove.study.executor.Work`."""
        if result is not None:
            save(result, self._folder / task.file)
        with self._lock:
            self._steps.pop(task.key, None)
            self._speeds.pop(task.key, None)
            self._tell.on_task(task, "done")


def _write_down(plan: Plan, folder: Path) -> None:
    records = tuple(_run_record(plan, run, folder) for run in plan.runs)
    rows = [row for run in plan.runs for row in rows_of_run(run.name, plan.trajectory(run.name, folder))]
    kept = [task for task in plan.tasks if not simulation.simulates(task)]
    for task in kept:
        rows += rows_of_result(task, load(folder / task.file))
    rows += rows_of_means(rows, plan.runs)
    results = Results(
        folder=folder,
        title=plan.study.title,
        runs=records,
        results=tuple(
            ResultRecord(
                task.label, task.function, task.run, task.species, task.temperature, task.file, task.key, task.phase
            )
            for task in kept
        ),
        summary=rows,
        fingerprint=plan.fingerprint,
        versions=versions(),
        settings=plan.study.resolved(),
    )
    asked = plan.study.report.expected
    keep(None if asked is None else read_expected(asked), folder)
    write_lock(results)
    write_summary(folder, results.fingerprint, rows)


def _run_record(plan: Plan, run: PlannedRun, folder: Path) -> RunRecord:
    traj = plan.trajectory(run.name, folder)
    details = {
        "composition": traj.composition,
        "density_g_cm3": density_of(traj),
        "frames": traj.n_frames,
        "first_ps": float(traj.times[0]),
        "last_ps": float(traj.times[-1]),
        "cell": traj.cells[0].tolist(),
        "unwrapping": how_unwrapped(traj.history),
        **(simulation.details(plan.by_key[run.key], folder) if run.kind == "simulated" else {}),
    }
    paths = tuple(str(folder.resolve() / path) for path in run.paths)
    return RunRecord(
        run.name, run.temperature, run.replica, run.kind, paths, dict(run.open_options), traj.n_atoms, details
    )
