"""The numbers of softness."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .making_rows import Row, numbers

if TYPE_CHECKING:
    from xarray import Dataset

    from .tasks import Task


def _soft_ions(task: Task, result: Dataset) -> list[Row]:
    each = {"along": "group", "of": "{species}, {label}"}
    return [
        *numbers(task, result, "softness_accuracy", "accuracy"),
        *numbers(task, result, "softness_ranking", "ranking", verdict=""),
        *numbers(task, result, "softness", "mean_S", verdict="", **each),
        *numbers(task, result, "hops_by_softness", "slope"),
        *numbers(task, result, "hop_rate_soft", "soft_rate", verdict=""),
        *numbers(task, result, "hop_rate_hard", "hard_rate", verdict=""),
    ]


SOFTNESS: dict[str, Callable[[Task, Dataset], list[Row]]] = {"softness.soft_ions": _soft_ions}
