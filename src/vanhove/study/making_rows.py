"""Rows of the summary from the variables of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .results import row

if TYPE_CHECKING:
    from xarray import Dataset

    from .tasks import Task

Row = dict[str, Any]


def along(
    task: Task, result: Dataset, name: str, variable: str, along: str, *, key: str = "species", **about: Any
) -> list[Row]:
    """A row of every value along a dimension, with its error; ``key`` is the column that the labels go to.

    An observable that was asked for one thing only may have given no dimension to it.
    """
    unit = str(result[variable].attrs["units"])
    about = {"temperature": task.temperature, "run": task.run, "phase": task.phase, **about}
    columns = (np.ravel(result[one].values).tolist() for one in (along, variable, f"{variable}_error"))
    return [
        row(name, value, unit, **{**about, key: str(label), "error": error})
        for label, value, error in zip(*columns, strict=True)
    ]


def numbers(
    task: Task,
    result: Dataset,
    name: str,
    variable: str,
    *,
    along: str = "",
    of: str = "{species}, {label}",
    verdict: str | None = None,
    **columns: str,
) -> list[Row]:
    """A row of a number of the task's species, or one for each label along a dimension.

    ``of`` is what such a row's ``species`` says; ``columns`` are the variables behind the columns ``error`` (that of
    the variable by default), ``low`` and ``upper``. A dataset without the variable gives none.
    """
    if variable not in result:
        return []
    about: Row = {"temperature": task.temperature, "run": task.run, "phase": task.phase}
    about["verdict"] = str(result.attrs.get("verdict", "")) if verdict is None else verdict
    unit, values = str(result[variable].attrs["units"]), np.ravel(result[variable].values).tolist()
    names = {"error": f"{variable}_error", **columns}
    found = {column: np.ravel(result[one].values).tolist() for column, one in names.items() if one in result}
    labels = np.ravel(result[along].values).tolist() if along else [""]
    rows = []
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        said = f"{label:g}" if isinstance(label, float) else str(label)
        told = bool(along) and (len(labels) > 1 or not task.species)
        species = of.format(species=task.species, label=said) if told else task.species
        rows.append(row(name, value, unit, species=species, **about, **{key: one[place] for key, one in found.items()}))
    return rows
