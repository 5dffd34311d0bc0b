"""Carrying out one task of analysis: the observable's function on a trajectory, a result, or the values of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .options import entry_of

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .tasks import Task


def compute(task: Task, inputs: Sequence[Dataset], trajectory: Callable[[], Trajectory]) -> Dataset:
    """The dataset of ``task``; ``inputs`` are the datasets that it is made from."""
    from vanhove.registry import function

    called = function(task.function)
    options = dict(task.options)
    takes = entry_of(task.function).takes
    if takes == "trajectory":
        return called(trajectory(), **options)
    if takes == "dataset":
        return called(inputs[0], **options)
    value, error, temperatures = options.pop("value"), options.pop("error"), options.pop("temperatures")
    return called(
        temperatures, [float(each[value]) for each in inputs], [float(each[error]) for each in inputs], **options
    )
