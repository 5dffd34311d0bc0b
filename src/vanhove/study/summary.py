"""The numbers of a study: a few rows from each dataset, with errors, bounds and verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vanhove.base.units import DENSITY_G_CM3

from .results import row

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .tasks import Task

Row = dict[str, Any]


def rows_of_run(run: str, traj: Trajectory) -> list[Row]:
    """What was simulated: number of atoms, density."""
    return [
        row(name, value, unit, run=run, temperature=traj.temperature)
        for name, value, unit in (("atoms", traj.n_atoms, "1"), ("density", density_of(traj), "g/cm³"))
    ]


def density_of(traj: Trajectory) -> float:
    """Mean mass density (g/cm³): ρ = ⟨Σ m / V⟩."""
    return float((traj.masses.sum() / traj.volumes).mean() * DENSITY_G_CM3)


def rows_of_result(task: Task, result: Dataset) -> list[Row]:
    """The numbers of one dataset; none for an observable whose result is a curve."""
    summarise = SUMMARIES.get(task.function)
    return [] if summarise is None else summarise(task, result)


SUMMARIES: dict[str, Callable[[Task, Dataset], list[Row]]] = {}
