"""The numbers of a study: a few rows from each dataset, with errors, bounds and verdicts.

=====================  ==========================  ============================================  ======
name                   species                     value                                         unit
=====================  ==========================  ============================================  ======
atoms                                              number of atoms of a run                      1
density                                            mean mass density of a run                    g/cm³
first_peak             a pair, "Si-S"              where its g(r) is first highest               Å
coordination           a pair                      n(r) at the first minimum of g(r)             1
angle                  "S-Si-S"                    mean bond angle                               °
unit_share             a unit, "PS4"               share of the formers that are in such units   1
Qn_share               "Q3"                        share of the formers with so many bridges     1
bridging               anions                      share of the anions that bridge formers       1
volume                 a species                   mean Voronoi volume                           Å³
q4, q6, …              centres                     mean Steinhardt order parameter               1
phase_share            phase: glass, crystal, …    share of the atoms                            1
interface              "lower", "upper"            where the step from glass to crystal is       Å
peak, peak_length      a pair or "total"           peak in the window, and 7.7/Q where it is S   1/Å, Å
R_chi                                              distance from what was measured               1
D                      a species                   diffusion coefficient, or null and an upper   cm²/s
sigma                  a species, "" in all        conductivity                                  mS/cm
E_a                    a species                   activation energy of D, 95 % interval         eV
D_extrapolated         a species                   D at the row's temperature, with interval     cm²/s
E_a_sigma              a species, "" in all        activation energy of σT                       eV
sigma_extrapolated     a species, "" in all        σ at the row's temperature, with interval     mS/cm
=====================  ==========================  ============================================  ======

Rows of one run name it and its temperature; rows that join runs have an empty ``run``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.units import DENSITY_G_CM3

from .replicas import DIFFUSIVE, NORMAL_95
from .results import row

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .tasks import Task

Row = dict[str, Any]


def rows_of_run(run: str, traj: Trajectory) -> list[Row]:
    """What was simulated: number of atoms, density."""
    return [
        row(name, value, unit, run=run, temperature=traj.temperature)
        for name, value, unit in (("atoms", traj.n_atoms, "1"), ("density", density_of(traj), "g/cm³"))
    ]


def density_of(traj: Trajectory) -> float:
    """Mean mass density (g/cm³): ρ = ⟨Σ m / V⟩."""
    return float((traj.masses.sum() / traj.volumes).mean() * DENSITY_G_CM3)


def rows_of_result(task: Task, result: Dataset) -> list[Row]:
    """The numbers of one dataset; none for an observable whose result is a curve."""
    summarise = SUMMARIES.get(task.function)
    return [] if summarise is None else summarise(task, result)


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
    return _along(task, result, "angle", "mean", "triplet")


def _speciation(task: Task, result: Dataset) -> list[Row]:
    about: Row = {"temperature": task.temperature, "run": task.run}
    rows = _along(task, result, "unit_share", "fraction", "unit")
    for n in result["n"].values.tolist():
        share, error = (float(result[name].sel(n=n)) for name in ("Qn", "Qn_error"))
        rows.append(row("Qn_share", share, "1", species=f"Q{n}", error=error, **about))
    rows.append(row("bridging", float(result["bridging"]), "1", error=float(result["bridging_error"]), **about))
    return rows


def _voronoi(task: Task, result: Dataset) -> list[Row]:
    return _along(task, result, "volume", "mean", "species")


def _steinhardt(task: Task, result: Dataset) -> list[Row]:
    degrees = np.atleast_1d(json.loads(result.attrs["parameters"])["l"]).tolist()
    means, errors = (np.atleast_1d(result[name].values).tolist() for name in ("mean", "mean_error"))
    about: Row = {"temperature": task.temperature, "run": task.run}
    found = zip(degrees, means, errors, strict=True)
    return [row(f"q{degree}", mean, "1", error=error, **about) for degree, mean, error in found]


def _phases(task: Task, result: Dataset) -> list[Row]:
    rows = _along(task, result, "phase_share", "fraction", "label", key="phase")
    return rows + (_along(task, result, "interface", "interface", "side") if "interface" in result else [])


def _peaks(task: Task, result: Dataset) -> list[Row]:
    said = str(result.attrs.get("verdict", ""))
    rows = _along(task, result, "peak", "position", "pair", verdict=said)
    return rows + (_along(task, result, "peak_length", "length", "pair", verdict=said) if "length" in result else [])


def _compared(task: Task, result: Dataset) -> list[Row]:
    return [row("R_chi", float(result["R_chi"]), "1", temperature=task.temperature, run=task.run)]


def _along(
    task: Task, result: Dataset, name: str, variable: str, along: str, *, key: str = "species", **about: Any
) -> list[Row]:
    """A row of every value along a dimension, with its error; ``key`` is the column that the labels go to."""
    unit = str(result[variable].attrs["units"])
    about |= {"temperature": task.temperature, "run": task.run}
    columns = (result[one].values.tolist() for one in (along, variable, f"{variable}_error"))
    return [
        row(name, value, unit, **{**about, key: str(label), "error": error})
        for label, value, error in zip(*columns, strict=True)
    ]


def _diffusion(task: Task, result: Dataset) -> list[Row]:
    return [
        row(
            "D",
            float(result["D"]),
            "cm²/s",
            species=task.species,
            temperature=task.temperature,
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
    about: Row = {"species": task.species, "verdict": verdict}
    reach = NORMAL_95 * error  # the values' errors are given, so the interval is the normal one
    name = "E_a" if quantity == "D" else f"E_a_{quantity}"
    rows = [row(name, barrier, "eV", error=error, low=barrier - reach, high=barrier + reach, **about)]
    columns = [np.atleast_1d(result[name]) for name in ("at", "value_at", "value_at_low", "value_at_high")]
    for temperature, value, low, high in zip(*columns, strict=True):
        rows.append(row(f"{quantity}_extrapolated", value, units, temperature=temperature, low=low, high=high, **about))
    return rows


SUMMARIES: dict[str, Callable[[Task, Dataset], list[Row]]] = {
    "structure.rdf": _rdf,
    "structure.angles": _angles,
    "structure.speciation": _speciation,
    "structure.voronoi": _voronoi,
    "structure.steinhardt": _steinhardt,
    "structure.phases": _phases,
    "structure.peaks": _peaks,
    "structure.compare_structure_factor": _compared,
    "dynamics.diffusion": _diffusion,
    "dynamics.conductivity": _conductivity,
    "dynamics.arrhenius": _arrhenius,
}
