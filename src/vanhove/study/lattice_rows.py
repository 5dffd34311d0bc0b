"""The numbers of lattice dynamics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .making_rows import Row, numbers
from .results import row

if TYPE_CHECKING:
    from xarray import Dataset

    from .tasks import Task

EACH = {"along": "species", "of": "{label}"}


def _phonons(task: Task, result: Dataset) -> list[Row]:
    about: Row = {"run": task.run, "temperature": task.temperature}
    return [
        row("imaginary_modes", float(result.attrs["imaginary_modes"]), "1", **about),
        row("lowest_mode", float(result.attrs["lowest"]), "meV", **about),
        *numbers(task, result, "lattice_centre", "centre", **EACH),
    ]


def _modes(task: Task, result: Dataset) -> list[Row]:
    said = f"of {result.attrs['low_modes']} modes below {result.attrs['below']:g} meV"
    return [
        *numbers(task, result, "participation", "low_participation", verdict=said),
        *numbers(task, result, "mode_motion", "low_motion", along="motion_kind", of="{label}", verdict=said),
        *numbers(task, result, "unit_activity", "low_activity", along="label", of="{label}", verdict=said),
    ]


def _displacements(task: Task, result: Dataset) -> list[Row]:
    return _at(result, numbers(task, result, "u2", "total", verdict=_above(result), **EACH))


def _compare_displacements(task: Task, result: Dataset) -> list[Row]:
    rows = numbers(task, result, "u2_lattice", "total_lattice", verdict=_above(result), **EACH)
    return _at(result, [*rows, *numbers(task, result, "u2_md", "total_md", verdict=_above(result), **EACH)])


def _above(result: Dataset) -> str:
    return f"of vibrations above {result.attrs['cut']:.3g} meV"


def _at(result: Dataset, rows: list[Row]) -> list[Row]:
    """At the temperature that the vibrations were given, which may be another than that of the run."""
    return [{**one, "temperature": float(result.attrs["temperature"])} for one in rows]


def _compare_dos(task: Task, result: Dataset) -> list[Row]:
    return numbers(task, result, "dos_common", "common", **EACH)


def _instantaneous_modes(task: Task, result: Dataset) -> list[Row]:
    return [
        *numbers(task, result, "imaginary_share", "fraction"),
        *numbers(task, result, "imaginary_share", "species_imaginary", **EACH),
    ]


LATTICE: dict[str, Callable[[Task, Dataset], list[Row]]] = {
    "lattice.phonons": _phonons,
    "lattice.modes": _modes,
    "lattice.displacements": _displacements,
    "lattice.compare_displacements": _compare_displacements,
    "lattice.compare_dos": _compare_dos,
    "lattice.instantaneous_modes": _instantaneous_modes,
}
