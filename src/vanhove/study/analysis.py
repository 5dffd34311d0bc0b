"""Carrying out one task of analysis: the observable's function on a trajectory, a result, or the values of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .followed import means_over
from .options import CALCULATOR, PHASES, entry_of
from .teaching import TRAINED_ON

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .tasks import Task


def compute(
    task: Task, inputs: Sequence[Dataset], trajectory: Callable[[], Trajectory], calculator: Callable[[], Any]
) -> Dataset:
    """The dataset of ``task``; ``inputs`` are the datasets that it is made from, ``calculator`` the study's own."""
    from vanhove.registry import function

    called = function(task.function)
    options = dict(task.options)
    if isinstance(options.get(CALCULATOR), Mapping):  # the study's potential in words, not a name given instead
        options[CALCULATOR] = calculator()
    takes = entry_of(task.function).takes
    if takes in ("trajectory", "structure"):
        made_from = [each for each in inputs if each.attrs["observable"] != PHASES]
        for phases in (each for each in inputs if each.attrs["observable"] == PHASES):
            options["phases"] = phases
        if made_from and TRAINED_ON in options:
            options[TRAINED_ON] = made_from[0]
        elif made_from:  # what a conductivity is made from
            options["diffusion"] = {str(each.attrs["species"]): each for each in made_from}
        return called(trajectory(), **options)
    if takes == "dataset":
        return called(*inputs, **options)
    of = options.pop("of")
    temperatures, values, errors, units = means_over(
        inputs, of["value"], of["species"], options.pop("temperatures"), options.pop("groups")
    )
    return called(temperatures, values, errors, **{**options, "units": units})
