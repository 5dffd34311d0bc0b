"""The numbers of the structural observables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .making_rows import Row, along
from .results import row

if TYPE_CHECKING:
    from xarray import Dataset

    from .tasks import Task


def _rdf(task: Task, result: Dataset) -> list[Row]:
    from vanhove.structure._rdf import first_peak

    rows = []
    for pair in result["pair"].values.tolist():
        peak = first_peak(result, pair)
        about: Row = {"species": pair, "temperature": task.temperature, "run": task.run}
        rows.append(row("first_peak", peak.position, "Å", **about))
        rows.append(row("coordination", peak.coordination, "1", **about))
    return rows


def _angles(task: Task, result: Dataset) -> list[Row]:
    return along(task, result, "angle", "mean", "triplet")


def _speciation(task: Task, result: Dataset) -> list[Row]:
    about: Row = {"temperature": task.temperature, "run": task.run}
    rows = along(task, result, "unit_share", "fraction", "unit")
    for n in result["n"].values.tolist():
        share, error = (float(result[name].sel(n=n)) for name in ("Qn", "Qn_error"))
        rows.append(row("Qn_share", share, "1", species=f"Q{n}", error=error, **about))
    rows.append(row("bridging", float(result["bridging"]), "1", error=float(result["bridging_error"]), **about))
    return rows


def _voronoi(task: Task, result: Dataset) -> list[Row]:
    return along(task, result, "volume", "mean", "species")


def _steinhardt(task: Task, result: Dataset) -> list[Row]:
    degrees = np.atleast_1d(json.loads(result.attrs["parameters"])["l"]).tolist()
    means, errors = (np.atleast_1d(result[name].values).tolist() for name in ("mean", "mean_error"))
    about: Row = {"temperature": task.temperature, "run": task.run}
    found = zip(degrees, means, errors, strict=True)
    return [row(f"q{degree}", mean, "1", error=error, **about) for degree, mean, error in found]


def _phases(task: Task, result: Dataset) -> list[Row]:
    rows = along(task, result, "phase_share", "fraction", "label", key="phase")
    return rows + (along(task, result, "interface", "interface", "side") if "interface" in result else [])


def _peaks(task: Task, result: Dataset) -> list[Row]:
    said = str(result.attrs.get("verdict", ""))
    rows = along(task, result, "peak", "position", "pair", verdict=said)
    return rows + (along(task, result, "peak_length", "length", "pair", verdict=said) if "length" in result else [])


def _compared(task: Task, result: Dataset) -> list[Row]:
    return [row("R_chi", float(result["R_chi"]), "1", temperature=task.temperature, run=task.run)]


STRUCTURE: dict[str, Callable[[Task, Dataset], list[Row]]] = {
    "structure.rdf": _rdf,
    "structure.angles": _angles,
    "structure.speciation": _speciation,
    "structure.voronoi": _voronoi,
    "structure.steinhardt": _steinhardt,
    "structure.phases": _phases,
    "structure.peaks": _peaks,
    "structure.compare_structure_factor": _compared,
}
