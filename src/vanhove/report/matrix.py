"""D and the conductivity by temperature: a row a run, or of replicas a row for their mean, with the runs behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .findings import carriers, said_of_conductivity
from .numbers import at_most, finite, kelvin, shared_power, times, with_error
from .sections import mobile_of, species_of

if TYPE_CHECKING:
    from vanhove.study.results import Results

    from .findings import Coefficient, Conductivity, Findings

D_UNIT = "cm²/s"


@dataclass(frozen=True)
class Cell:
    """One number, or the bound in its place."""

    text: str
    badge: str = ""
    kind: str = ""  # of the badge: "good" or "bad"


@dataclass(frozen=True)
class Row:
    """The numbers of one run."""

    name: str
    cells: list[Cell | None]


@dataclass(frozen=True)
class Matrix:
    """Numbers by temperature: a row a run, a column a species, and the conductivity."""

    heads: list[str]
    rows: list[Row]
    note: str
    runs: Matrix | None = None  # where the rows are means: what they are the means of


def by_temperature(results: Results, found: Findings) -> Matrix | None:
    """D of every species and the conductivity."""
    runs = _by_run(results, found)
    means = _by_group(results, found)
    return runs if means is None else Matrix(means.heads, means.rows, means.note, runs)


def known_means(results: Results, name: str, species: str) -> list[dict[str, Any]]:
    """The rows of the means of replicas, cold to hot."""
    return sorted(results.rows(name, of=species, run=""), key=lambda row: row["temperature"] or 0.0)


def _by_run(results: Results, found: Findings) -> Matrix | None:
    """D of every species and the conductivity, in every run."""
    runs: dict[str, float | None] = {one.run: one.temperature for one in found.coefficients}
    runs.update({one.run: one.temperature for one in found.conductivities})
    if not runs:
        return None
    known = list(runs.values())
    alone = len(set(known)) == len(known) and None not in known  # a temperature names its run
    heads, columns = ["Temperature" if alone else "Run"], []
    for name in species_of(results):
        mine = {one.run: one for one in found.coefficients if one.species == name}
        if mine:
            power = shared_power([one.value if one.given else one.upper for one in mine.values()])
            heads.append(f"D({name}) / {f'{times(power)[2:]} ' if power else ''}{D_UNIT}")
            columns.append({run: _diffusion_cell(one, power) for run, one in mine.items()})
    for name in carriers(found, mobile_of(results)):
        carried = {one.run: one for one in found.conductivities if one.species == name}
        if carried:
            heads.append(f"σ({name}) / mS/cm" if name else "σ / mS/cm")
            columns.append({run: _conductivity_cell(one) for run, one in carried.items()})
    rows = [
        Row(kelvin(temperature) if alone else run, [column.get(run) for column in columns])
        for run, temperature in runs.items()
    ]
    note = "± is one standard error."
    if any(not one.given for one in found.coefficients):
        note += " A D that its run does not support is replaced by an upper bound (95 %)."
    if found.conductivities:
        note += f" {said_of_conductivity(found)}"
    return Matrix(heads, rows, note)


def _by_group(results: Results, found: Findings) -> Matrix | None:
    """The means of replicas, and beside them the runs that are alone at their temperature; None without replicas."""
    asked = [("D", name, f"D({name})", D_UNIT) for name in species_of(results)]
    asked += [("sigma", name, f"σ({name})" if name else "σ", "mS/cm") for name in carriers(found, mobile_of(results))]
    columns, heads = [], []
    for quantity, species, head, unit in asked:
        means = known_means(results, quantity, species)
        if not means:
            continue
        groups = {(row["temperature"], _size(row)) for row in means}
        singles = [
            row for row in results.rows(quantity, of=species)
            if row["run"] and not any(row["temperature"] == kelvins for kelvins, _ in groups)
        ]  # fmt: skip
        power = shared_power([_shown(row) for row in (*means, *singles)]) if quantity == "D" else 0
        heads.append(f"{head} / {f'{times(power)[2:]} ' if power else ''}{unit}")
        columns.append({(row["temperature"], _size(row)): _mean_cell(row, power) for row in (*means, *singles)})
    if not columns:
        return None
    lines = sorted({line for column in columns for line in column}, key=lambda line: (line[0] or 0.0, line[1]))
    rows = [
        Row(
            ", ".join(filter(None, [kelvin(temperature), size])),
            [column.get((temperature, size)) for column in columns],
        )
        for temperature, size in lines
    ]
    note = (
        "Means of replicas with their standard errors, from the errors of the runs or, where it is larger, from the "
        "spread between them (Student's t). There is a mean where every run has a value, else an upper bound (95 %)."
    )
    if found.conductivities:
        note += f" {said_of_conductivity(found)}"
    return Matrix(["Temperature", *heads], rows, note)


def _size(row: dict[str, Any]) -> str:
    """``"480 atoms"`` where systems of several sizes have means at the same temperature."""
    found = re.search(r" runs of (\d+ atoms)", row["verdict"])
    return found[1] if found else ""


def _shown(row: dict[str, Any]) -> float:
    number = row["value"] if row["value"] is not None else row["upper"]
    return float("nan") if number is None else float(number)


def _mean_cell(row: dict[str, Any], power: int) -> Cell:
    scale = 10.0**-power
    counted = re.search(r"(\d+ of )?(\d+) runs", row["verdict"])  # "mean of 3 runs", "2 of 3 runs diffuse, so …"
    if row["value"] is not None:
        error = None if row["error"] is None else scale * row["error"]
        return Cell(with_error(scale * row["value"], error), f"{counted[2]} runs" if counted else "1 run", "good")
    text = at_most(scale * row["upper"]) if row["upper"] is not None else "no value"
    return Cell(text, f"{counted[1]}{counted[2]} diffuse" if counted and counted[1] else "not diffusive", "bad")


def _diffusion_cell(one: Coefficient, power: int) -> Cell:
    scale = 10.0**-power
    if one.diffusive:
        return Cell(with_error(scale * one.value, scale * one.error), "diffusive", "good")
    if one.given:
        return Cell(with_error(scale * one.value, scale * one.error), "doubtful", "bad")
    return Cell(at_most(scale * one.upper) if finite(one.upper) else "no value", "not diffusive", "bad")


def _conductivity_cell(one: Conductivity) -> Cell:
    if finite(one.value):
        return Cell(with_error(one.value, one.error))
    return Cell(at_most(one.upper) if finite(one.upper) else "no value")
