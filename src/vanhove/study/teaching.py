"""A model that is trained on one run of a study and taken to the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal, nearest
from vanhove.base.rooms import names_file

if TYPE_CHECKING:
    from .planned import PlannedRun

TRAINED_ON = "trained_on"  # the option that names the run, or a file that holds a model


def run_that_teaches(
    observable: str, options: dict[str, Any], runs: Sequence[PlannedRun], run: PlannedRun
) -> PlannedRun | None:
    """The run that ``options`` names, whose model ``run`` takes over; None where it is its own, or that of a file.

    The name is taken out of the options: whose model it is, the key of that result says.
    """
    name = options.get(TRAINED_ON)
    if name is None or names_file(name):
        return None
    options[TRAINED_ON] = None
    found = next((one for one in runs if one.name == name), None)
    if found is None:
        where = f"{TRAINED_ON} of [observables] {observable.rpartition('.')[2]}"
        raise Refusal(f"There is no run '{name}'", where, nearest(str(name), [one.name for one in runs]))
    return None if found is run else found
