"""What was run and with what: tables of the runs, their stages, settings and versions, from their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .numbers import plain, subscripts

if TYPE_CHECKING:
    from vanhove.study.results import Results, RunRecord


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    head: list[str]
    rows: list[list[str]]


def table(columns: Mapping[str, Iterable[str]]) -> Table | None:
    """A table from its columns; columns that are all empty are left out, and None when nothing is left."""
    filled = {head: list(cells) for head, cells in columns.items()}
    filled = {head: cells for head, cells in filled.items() if any(cells)}
    if not filled:
        return None
    rows = [[cell or "–" for cell in row] for row in zip(*filled.values(), strict=True)]
    return Table(list(filled), rows)


def runs_table(results: Results) -> Table | None:
    """One row a run."""
    runs = results.runs
    return table(
        {
            "Run": [run.name for run in runs],
            "Temperature": [_with(run.temperature, "K") for run in runs],
            "Replica": [str(run.replica) if len({r.replica for r in runs}) > 1 else "" for run in runs],
            "Atoms": [str(run.atoms) for run in runs],
            "Composition": [composition(run) for run in runs],
            "Density": [_with(run.details.get("density_g_cm3"), "g/cm³") for run in runs],
            "Largest hole": [_with(run.details.get("check", {}).get("hole"), "Å") for run in runs],
            "Length": [_with(_length(run), "ps") for run in runs],
            "Frames": [str(run.details.get("frames", "")) for run in runs],
            "Between frames": [_with(_spacing(run), "ps") for run in runs],
            "Cell": [_cell(run.details.get("cell")) for run in runs],
            "From": ["simulated here" if run.kind == "simulated" else _files(run) for run in runs],
        }
    )


def composition(run: RunRecord) -> str:
    """``"160 Na, 80 Si, 240 S"``."""
    counts = run.details.get("composition", {})
    return ", ".join(f"{number} {name}" for name, number in counts.items()) if isinstance(counts, dict) else ""


def what_ran(results: Results) -> str:
    """The runs in one line."""
    runs = results.runs
    if not runs:
        return "No run is recorded."
    material = results.settings.get("material", {})
    known = sorted({run.temperature for run in runs if run.temperature is not None})
    lengths = sorted({round(length, 6) for run in runs if (length := _length(run)) is not None})
    parts = [
        subscripts(str(material.get("formula", ""))) or _in_words(material.get("structure", "")),
        _span(sorted({run.atoms for run in runs}), "atoms"),
        _with(material.get("density"), "g/cm³"),
        f"potential {_in_words(material['potential'])}" if material.get("potential") else "",
        f"{_counted(len(runs), 'run')} at {', '.join(f'{t:g}' for t in known)} K"
        if known
        else _counted(len(runs), "run"),
        f"{_span(lengths, 'ps')} each" if lengths else "",
        f"{_counted(replicas, 'replica')}" if (replicas := len({run.replica for run in runs})) > 1 else "",
    ]
    return " · ".join(part for part in parts if part)


def facts(results: Results) -> list[tuple[str, str]]:
    """What all simulated runs share: engine, potential and protocol; and how the positions of each were unwrapped."""
    details: dict[str, Any] = next((run.details for run in results.runs if run.kind == "simulated"), {})
    return [*(_simulated(results, details) if details else []), *_unwrapped(results.runs)]


def _unwrapped(runs: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """One entry where all runs are alike, else one each."""
    told = {run.name: str(run.details.get("unwrapping", "")) for run in runs}
    ways = set(told.values()) - {""}
    if len(ways) == 1:
        return [("Positions", ways.pop())]
    return [(f"Positions of run {name}", way) for name, way in told.items() if way]


def _simulated(results: Results, details: Mapping[str, Any]) -> list[tuple[str, str]]:
    material, asked = results.settings.get("material", {}), results.settings.get("simulate", {})
    engine, mix, quench = details.get("engine", {}), asked.get("mix", {}), asked.get("quench", {})
    glass = quench.get("to") or min(asked.get("temperatures", [0.0]))
    told = [
        ("Engine", " ".join(str(engine[key]) for key in ("name", "version") if engine.get(key))),
        ("Processes", str(engine.get("ranks", ""))),
        ("Structure", _in_words(material.get("structure", ""))),
        ("Potential", _in_words(material.get("potential", ""))),
        ("Short-range cutoff", _with(material.get("cutoff"), "Å")),
        ("Long-range accuracy", _with(material.get("accuracy"), "")),
        ("Ensemble", _ensemble(asked.get("stages", []))),
        ("Held", str(asked.get("constrain", {}).get("kind", ""))),
        ("Time step", _with(asked.get("timestep"), "ps")),
        ("Melt", f"{mix['temperature']:g} K for {mix['time']:g} ps" if mix else ""),
        ("Quench", f"{quench['rate']:g} K/ps to {glass:g} K" if quench and glass else ""),
        ("Equilibration", _with(asked.get("equilibrate"), "ps at each temperature")),
        ("Seed", str(material.get("seed", ""))),
    ]
    return [(name, value) for name, value in told if value]


def _in_words(said: Any) -> str:
    """``"na2s-sis2"``; of a table ``"glass_ceramic beta-li3ps4, fraction 0.5, ..."``, of a file its name."""
    if not isinstance(said, dict):
        return str(said)
    return ", ".join(f"{key.replace('_', '-')} {_value(value)}" for key, value in said.items() if value not in ({}, []))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_value(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return " × ".join(str(one) for one in value)
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else str(value)


def _ensemble(stages: Sequence[Mapping[str, Any]]) -> str:
    if any("pressure" in stage for stage in stages):
        return "constant temperature; the cell follows the pressure of the stages that name one (NPT), else NVT"
    return "constant volume and temperature (NVT)"


def stages_table(results: Results) -> Table | None:
    """The stages of the runs: what was asked, and the temperature that came out of it."""
    timestep = results.settings.get("simulate", {}).get("timestep")
    rows = [(run.name, stage) for run in results.runs for stage in run.details.get("stages", [])]
    return table(
        {
            "Run": [run for run, _ in rows],
            "Stage": [str(stage.get("name", "")) for _, stage in rows],
            "Length": ["" if timestep is None else _with(stage.get("steps", 0) * timestep, "ps") for _, stage in rows],
            "Temperature asked": [_asked(stage.get("target", [])) for _, stage in rows],
            "Mean temperature": [_with(stage.get("measured"), "K") for _, stage in rows],
            "Pressure asked": [_with(stage.get("pressure_target"), "bar") for _, stage in rows],
            "Mean pressure": [
                _with(stage.get("pressure") if "pressure_target" in stage else None, "bar") for _, stage in rows
            ],
        }
    )


def versions(results: Results) -> list[tuple[str, str]]:
    """Programs and their versions."""
    return [(name, str(value)) for name, value in results.versions.items()]


def datasets_table(results: Results) -> Table | None:
    """One row a dataset."""
    kept = results.results
    return table(
        {
            "Dataset": [record.label for record in kept],
            "Observable": [record.observable for record in kept],
            "Run": [record.run for record in kept],
            "Species": [record.species for record in kept],
            "File": [record.file for record in kept],
            "Key": [record.key for record in kept],
        }
    )


def _asked(target: list[float]) -> str:
    ends = [f"{kelvin:g}" for kelvin in dict.fromkeys(target)]
    return f"{' to '.join(ends)} K" if ends else ""


def _length(run: RunRecord) -> float | None:
    first, last = run.details.get("first_ps"), run.details.get("last_ps")
    return None if first is None or last is None else float(last) - float(first)


def _spacing(run: RunRecord) -> float | None:
    length, frames = _length(run), run.details.get("frames", 0)
    return None if length is None or frames < 2 else length / (frames - 1)


def _with(value: Any, unit: str) -> str:
    if value is None or value == "":
        return ""
    text = f"{float(value):.4g}"
    return f"{plain(float(value)) if 'e' in text else text} {unit}".strip()


def _span(values: list[Any], unit: str) -> str:
    if not values:
        return ""
    ends = [f"{value:g}" for value in (values[0], values[-1])]
    return f"{ends[0]} {unit}" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} {unit}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cell(cell: Any) -> str:
    if not isinstance(cell, list) or len(cell) != 3:
        return ""
    lengths = [sum(x * x for x in vector) ** 0.5 for vector in cell]
    edges = [f"{length:.2f}" for length in lengths]
    return f"{edges[0]} Å" if len(set(edges)) == 1 else f"{' × '.join(edges)} Å"


def _files(run: RunRecord) -> str:
    return ", ".join(path.rpartition("/")[2] for path in run.paths)
