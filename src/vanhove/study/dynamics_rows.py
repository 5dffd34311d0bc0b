"""The numbers of the dynamical observables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .making_rows import Row, along, numbers
from .replicas import DIFFUSIVE
from .results import row

if TYPE_CHECKING:
    from xarray import Dataset

    from .tasks import Task


def _diffusion(task: Task, result: Dataset) -> list[Row]:
    return [
        row(
            "D",
            float(result["D"]),
            "cm²/s",
            species=task.species,
            temperature=task.temperature,
            phase=task.phase,
            run=task.run,
            error=float(result["D_error"]),
            upper=float(result["D_upper"]),
            verdict=result.attrs["verdict"],
        )
    ]


def _conductivity(task: Task, result: Dataset) -> list[Row]:
    about: Row = {"temperature": task.temperature, "run": task.run}
    names = ("sigma", "sigma_error", "sigma_upper")
    verdict = str(result.attrs["verdict"])
    rows = []
    for species in result["species"].values.tolist():
        value, error, upper = (float(result[name].sel(species=species)) for name in names)
        # where some have no value, the verdict is about them; the others were seen to diffuse
        said = verdict if math.isnan(value) or np.isfinite(result["sigma"]).all() else DIFFUSIVE
        rows.append(row("sigma", value, "mS/cm", species=species, error=error, upper=upper, verdict=said, **about))
    value, error, upper = (float(result[name.replace("sigma", "sigma_total")]) for name in names)
    rows.append(row("sigma", value, "mS/cm", error=error, upper=upper, verdict=verdict, **about))
    return rows


def _arrhenius(task: Task, result: Dataset) -> list[Row]:
    quantity, units = task.options["of"]["value"], str(result["value_at"].attrs["units"])
    barrier, error = float(result["E_a"]), float(result["E_a_error"])
    verdict = str(result.attrs["verdict"])
    if math.isnan(barrier) and not task.species:
        used, groups = len(result["temperature"]), task.options["groups"]
        there = len(set(groups))
        of = "runs" if there == len(groups) else "groups of replicas"
        verdict = f"The total is followed where every species diffuses, which is so in {used} of {there} {of}."
    about: Row = {"species": task.species, "phase": task.phase, "verdict": verdict}
    low, high = (float(result["E_a_interval"].sel(level=0.95, end=end)) for end in ("low", "high"))
    name = "E_a" if quantity == "D" else f"E_a_{quantity}"
    rows = [row(name, barrier, "eV", error=error, low=low, high=high, **about)]
    columns = [np.atleast_1d(result[name]) for name in ("at", "value_at", "value_at_low", "value_at_high")]
    for temperature, value, low, high in zip(*columns, strict=True):
        rows.append(row(f"{quantity}_extrapolated", value, units, temperature=temperature, low=low, high=high, **about))
    return rows


def _conductivity_and_haven(task: Task, result: Dataset) -> list[Row]:
    return _conductivity(task, result) + numbers(task, result, "haven_ratio", "haven_ratio")


def _non_gaussian(task: Task, result: Dataset) -> list[Row]:
    said = str(result.attrs.get("peak", ""))
    return [
        *numbers(task, result, "alpha2_peak_time", "peak_time", verdict=said),
        *numbers(task, result, "alpha2_peak", "peak_height", verdict=said),
    ]


def _green_kubo(task: Task, result: Dataset) -> list[Row]:
    return numbers(task, result, "D_green_kubo", "D", upper="D_upper")


def _jumps(task: Task, result: Dataset) -> list[Row]:
    return [
        *numbers(task, result, "jump_rate", "rate", upper="rate_upper"),
        *numbers(task, result, "jump_length", "mean_length"),
        *numbers(task, result, "D_jumps", "D"),
    ]


def _cages(task: Task, result: Dataset) -> list[Row]:
    each = {"along": "radius", "of": "{species} within {label} Å"}
    stay = {"error": "residence_error", "low": "residence_least"}
    return [
        *numbers(task, result, "residence_time", "residence_time", **each, **stay),
        *numbers(task, result, "cage_jump_rate", "rate", **each, upper="rate_upper"),
    ]


def _sites(task: Task, result: Dataset) -> list[Row]:
    return [
        *numbers(task, result, "site_residence_time", "mean_residence"),
        *numbers(task, result, "hop_rate", "class_rate", along="hop_class"),
        *numbers(task, result, "unassigned_share", "unassigned"),
    ]


def _density(task: Task, result: Dataset) -> list[Row]:
    each = {"along": "axis", "of": "{species} along {label}"}
    return numbers(task, result, "percolation_barrier", "barrier", **each, low="barrier_lower")


def _fast_slow(task: Task, result: Dataset) -> list[Row]:
    each = {"along": "ions", "of": "{species}, {label}"}
    return [
        *numbers(task, result, "displacement", "displacement", **each),
        *numbers(task, result, "former_coordination", "former_coordination", **each),
    ]


def _d2min(task: Task, result: Dataset) -> list[Row]:
    return numbers(task, result, "D2min", "mean")


def _rotation(task: Task, result: Dataset) -> list[Row]:
    return [
        *numbers(task, result, "libration", "libration_rms"),
        *numbers(task, result, "reorientation_rate", "rate", upper="rate_upper"),
    ]


def _coupling(task: Task, result: Dataset) -> list[Row]:
    return [
        *numbers(task, result, "coupling_rotation", "effect"),
        *numbers(task, result, "coupling_translation", "translation_effect"),
        *numbers(task, result, "coupling_tilt", "tilt_effect"),
        *numbers(task, result, "coupling_p", "p_any"),
    ]


def _bottleneck(task: Task, result: Dataset) -> list[Row]:
    return [
        *numbers(task, result, "window_area", "mean"),
        *numbers(task, result, "window_spread", "spread"),
        *numbers(task, result, "window_widening", "widening"),
        *numbers(task, result, "window_p", "p_value"),
    ]


def _phase_fraction(task: Task, result: Dataset) -> list[Row]:
    return along(task, result, "ion_share", "mean", "phase", key="phase", species=task.species)


DYNAMICS: dict[str, Callable[[Task, Dataset], list[Row]]] = {
    "dynamics.diffusion": _diffusion,
    "dynamics.conductivity": _conductivity_and_haven,
    "dynamics.arrhenius": _arrhenius,
    "dynamics.non_gaussian": _non_gaussian,
    "dynamics.green_kubo": _green_kubo,
    "dynamics.jumps": _jumps,
    "dynamics.cages": _cages,
    "dynamics.sites": _sites,
    "dynamics.density": _density,
    "dynamics.fast_slow": _fast_slow,
    "dynamics.rotation": _rotation,
    "dynamics.coupling": _coupling,
    "dynamics.bottleneck": _bottleneck,
    "dynamics.d2min": _d2min,
    "dynamics.phase_fraction": _phase_fraction,
}
