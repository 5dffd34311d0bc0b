"""Results: labelled arrays with units and the history of how they came to be.

Attributes are strings and numbers only, so that any netCDF reader opens a saved result; history and parameters are one
JSON string each.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import Refusal
from .files import whole
from .version import __version__

if TYPE_CHECKING:
    from xarray import Dataset


class Column(NamedTuple):
    """One array of a result: its dimensions, values, unit (``"1"`` for a pure number) and what a person calls it."""

    dims: tuple[str, ...]
    values: Any
    units: str
    long_name: str


def step(function: str, **parameters: Any) -> dict[str, Any]:
    """One entry of a history: which function did what with which parameters, version and date."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {"function": function, "parameters": plain(parameters), "version": __version__, "date": now}


def plain(value: Any) -> Any:
    """``value`` as JSON knows it: numpy numbers and arrays become numbers and lists, paths become strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, slice):
        return [value.start, value.stop, value.step]
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def dataset(
    observable: str,
    variables: Mapping[str, Column],
    coords: Mapping[str, Column],
    *,
    parameters: Mapping[str, Any],
    history: list[dict[str, Any]],
    title: str,
    **attributes: str | float,
) -> Dataset:
    """A result of ``observable`` ("dynamics.msd"): enough to draw it, cache it and compute it again."""
    import xarray as xr

    def labelled(columns: Mapping[str, Column]) -> dict[str, Any]:
        return {name: (c.dims, c.values, {"units": c.units, "long_name": c.long_name}) for name, c in columns.items()}

    result = xr.Dataset(labelled(variables), labelled(coords))
    done = [*history, step(observable, **parameters)]
    result.attrs = {
        "observable": observable,
        "title": title,
        "parameters": json.dumps(plain(parameters)),
        "history": json.dumps(done),
        "version": __version__,
        **attributes,
    }
    return result


def history_of(result: Dataset) -> list[dict[str, Any]]:
    """The steps that made ``result``, first to last."""
    steps: list[dict[str, Any]] = json.loads(result.attrs.get("history", "[]"))
    return steps


def save(result: Dataset, path: str | os.PathLike[str]) -> None:
    """Write a result as netCDF 4, whole or not at all."""
    with whole(path) as temporary:
        result.to_netcdf(temporary, engine="h5netcdf")


def load(path: str | os.PathLike[str]) -> Dataset:
    """Read a result that :func:`save` wrote, fully into memory; the file is closed again."""
    import xarray as xr

    if not os.path.exists(path):
        raise Refusal("There is no result file", str(path), "Check the path")
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise Refusal("The file can't be read as a result", f"{path}: {error}", "Give a .nc file that vh.save wrote")
