"""Every observable by its name: for ``vanhove list``, the study, the report and :func:`draw`.

Reads the rooms' tables, so that adding an observable is adding a file and its line in the room's table.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base.errors import Refusal, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

    from .base.rooms import Entry, Table

ROOMS = ("structure", "dynamics", "spectra", "softness", "lattice")
MAKES = "simulate"  # its functions make things; some of their results are drawn, too


def observables() -> dict[str, Entry]:
    """``"dynamics.msd"`` → its entry, for every observable of every room."""
    found: dict[str, Entry] = {}
    for room in ROOMS:
        table: Table = import_module(f"vanhove.{room}").TABLE
        found.update({f"{room}.{name}": entry for name, entry in table.items()})
    return found


def full_name(name: str) -> str:
    """``"msd"`` or ``"dynamics.msd"`` → ``"dynamics.msd"``."""
    known = observables()
    if name in known:
        return name
    matches = [full for full in known if full.split(".")[1] == name]
    if matches:
        return matches[0]  # of two rooms that have it the lower one's: displacements are dynamics.displacements
    raise Refusal(f"There is no observable '{name}'", "", nearest(name, [*known, *(k.split(".")[1] for k in known)]))


def function(name: str) -> Callable[..., Dataset]:
    """The observable's function, loaded now."""
    room, short = full_name(name).split(".")
    found: Callable[..., Dataset] = getattr(import_module(f"vanhove.{room}"), short)
    return found


def file_of(name: str) -> Any:
    """The module that holds an observable, or another function whose results are drawn: with its ``draw``."""
    room, _, short = name.partition(".")
    if room == MAKES:
        made: Table = import_module(f"vanhove.{room}").TABLE
        if short in made and hasattr(found := import_module(f"vanhove.{room}.{made[short].file}"), "draw"):
            return found
        raise Refusal(f"What '{name}' returns is not drawn", "", "")
    others: dict[str, str] = getattr(import_module(f"vanhove.{room}"), "OTHERS", {}) if room in ROOMS else {}
    if short in others:
        return import_module(f"vanhove.{room}.{others[short]}")
    full = full_name(name)
    return import_module(f"vanhove.{full.split('.')[0]}.{observables()[full].file}")


def draw(result: Dataset, ax: Axes | None = None) -> Axes:
    """Draw a result on ``ax`` (a new figure's when None), with labels and units."""
    from .base.figures import new_axes, style

    name = result.attrs.get("observable")
    if name is None:
        raise Refusal("This dataset has no attribute 'observable'", "", "Draw what an observable of vanhove returned")
    with style():
        axes = ax if ax is not None else new_axes()
        file_of(name).draw(result, axes)
    return axes
