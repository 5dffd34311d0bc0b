"""The numbers of the spectra."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .making_rows import Row, numbers
from .results import row

if TYPE_CHECKING:
    from xarray import Dataset

    from .tasks import Task


def _vdos(task: Task, result: Dataset) -> list[Row]:
    each = {"along": "species", "of": "{label}"}
    rows = numbers(task, result, "band_centre", "centre", verdict="", **each)
    ions = result.sel(species=[name for name in result["species"].values.tolist() if name != "total"])
    told = ions["verdict"].values.tolist()
    zero = numbers(task, ions, "D_vdos", "D_zero", upper="D_zero_upper", verdict="", **each)
    return rows + [{**one, "verdict": str(said)} for one, said in zip(zero, told, strict=True)]


def _low_energy_law(task: Task, result: Dataset) -> list[Row]:
    rows = numbers(task, result, "low_energy_power", "power", along="species", of="{label}", verdict="")
    told = np.ravel(result["verdict"].values).tolist()
    return [{**one, "verdict": str(said)} for one, said in zip(rows, told, strict=True)]


def _fit_qens(task: Task, result: Dataset) -> list[Row]:
    """Half widths by Q, the narrowest line first, and the elastic share where there is one."""
    about: Row = {"temperature": task.temperature, "run": task.run}
    momenta = [float(q) for q in np.atleast_1d(result["q"].values)]
    rows = []
    for place, q in enumerate(momenta):
        said = str(np.atleast_1d(result["verdict"].values)[place])
        here = result.isel(q=place)
        for line in range(result.sizes["component"]):
            one = here.isel(component=line)
            value, error, upper = (float(one[name]) for name in ("width", "width_error", "width_upper"))
            if not (np.isfinite(value) or np.isfinite(upper)):
                continue
            of = ", ".join(filter(None, [task.species, f"Q = {q:.3g} 1/Å", f"line {line + 1}" if line else ""]))
            rows.append(row("qens_width", value, "meV", species=of, error=error, upper=upper, verdict=said, **about))
    return rows


def _fit_jump_model(task: Task, result: Dataset) -> list[Row]:
    return [
        *numbers(task, result, "D_qens", "D"),
        *numbers(task, result, "residence_qens", "tau"),
        *numbers(task, result, "jump_length_qens", "length"),
    ]


def _fit_oscillator(task: Task, result: Dataset) -> list[Row]:
    first = result.isel(component=0)
    each = {"along": "q", "of": "{species}, Q = {label} 1/Å" if task.species else "Q = {label} 1/Å"}
    return [
        *numbers(task, first, "oscillator_energy", "E0", **each),
        *numbers(task, first, "oscillator_hwhm", "hwhm", **each),
    ]


def _dos_from_sqe(task: Task, result: Dataset) -> list[Row]:
    return numbers(task, result, "mean_energy", "mean_energy")


SPECTRA: dict[str, Callable[[Task, Dataset], list[Row]]] = {
    "spectra.vdos": _vdos,
    "spectra.low_energy_law": _low_energy_law,
    "spectra.fit_qens": _fit_qens,
    "spectra.fit_jump_model": _fit_jump_model,
    "spectra.fit_oscillator": _fit_oscillator,
    "spectra.dos_from_sqe": _dos_from_sqe,
}
