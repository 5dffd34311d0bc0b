"""The results folder of a study: what a finished run leaves, and how the report, the command and a person read it.

``study.lock.toml``
    everything resolved: settings, versions, the runs and where their trajectories are, the results and their keys.
``summary.json``, ``summary.csv``
    the numbers with errors and verdicts. No dates and no timings: the same study gives the same bytes.
``data/*.nc``, ``runs/*/``
    the datasets and the simulations.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vanhove.base.errors import Refusal
from vanhove.base.files import write_text
from vanhove.base.results import load, plain

from .toml_text import dumps

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

LOCK = "study.lock.toml"
SUMMARY = "summary.json"
TABLE = "summary.csv"
COLUMNS = (
    "name", "species", "temperature", "phase", "value", "error", "low", "high", "upper", "unit", "verdict", "run",
)  # fmt: skip


@dataclass(frozen=True)
class RunRecord:
    """One trajectory of a study."""

    name: str
    temperature: float | None  # K
    replica: int  # counted from 1
    kind: Literal["simulated", "files"]
    paths: tuple[str, ...]  # absolute; in the lock file those inside the results folder are relative to it
    open_options: dict[str, Any] = field(default_factory=dict)  # of vanhove.open
    atoms: int = 0
    details: dict[str, Any] = field(default_factory=dict)  # composition, density_g_cm3, frames, first_ps, last_ps, …

    def open(self) -> Trajectory:
        """The run's trajectory, lazily."""
        import vanhove as vh

        paths = self.paths[0] if len(self.paths) == 1 else list(self.paths)
        return vh.open(paths, **self.open_options)


@dataclass(frozen=True)
class ResultRecord:
    """One dataset of a study."""

    label: str  # "msd-Na-1100K"
    observable: str  # "dynamics.msd"
    run: str  # a run's name; "" for what joins several runs
    species: str  # "" for what is not of one species
    temperature: float | None  # K
    file: str  # relative to the results folder
    key: str
    phase: str = ""  # of a glass-ceramic; "" for what is not of one phase

    @property
    def of(self) -> str:
        """What it is of, in words: ``"Na"``, ``"Na (glass)"``."""
        return in_words(self.species, self.phase)


def in_words(species: str, phase: str) -> str:
    """A species, and the phase where it is of one: ``"Na (glass)"``."""
    return f"{species} ({phase})" if species and phase else species or phase


@dataclass(frozen=True)
class Results:
    """A finished study, read from its folder."""

    folder: Path
    title: str
    runs: tuple[RunRecord, ...]
    results: tuple[ResultRecord, ...]
    summary: list[dict[str, Any]]  # rows with the names of COLUMNS; what is not known is None
    fingerprint: str
    versions: dict[str, str]
    settings: dict[str, Any]  # the resolved study: material, simulate, analysis, observables, report

    def load(self, record: ResultRecord) -> Dataset:
        """The dataset of ``record``."""
        return load(self.folder / record.file)

    def find(
        self,
        *,
        observable: str | None = None,
        species: str | None = None,
        run: str | None = None,
        of: str | None = None,
    ) -> list[ResultRecord]:
        """The records that match all that is given; ``observable`` may be short (``"msd"``) or full.

        ``species`` is that of the ions whichever their phase, ``of`` what a record says it is of.
        """
        return [
            record
            for record in self.results
            if observable in (None, record.observable, record.observable.split(".")[-1])
            and species in (None, record.species)
            and run in (None, record.run)
            and of in (None, record.of)
        ]

    def run(self, name: str) -> RunRecord:
        """The run of that name."""
        for record in self.runs:
            if record.name == name:
                return record
        raise Refusal(f"There is no run '{name}'", str(self.folder), f"Runs: {', '.join(r.name for r in self.runs)}")

    def rows(self, name: str | None = None, **where: Any) -> list[dict[str, Any]]:
        """The rows of the summary of that name and with those values: ``rows("D", species="Na")``.

        ``of`` is species and phase: ``rows("D", of="Na (glass)")``.
        """
        wanted = dict(where, name=name) if name is not None else where
        return [
            row
            for row in self.summary
            if all(
                (in_words(row["species"], row["phase"]) if key == "of" else row.get(key)) == value
                for key, value in wanted.items()
            )
        ]


def row(
    name: str,
    value: float | None,
    unit: str,
    *,
    species: str = "",
    temperature: float | None = None,
    phase: str = "",
    error: float | None = None,
    low: float | None = None,
    high: float | None = None,
    upper: float | None = None,
    verdict: str = "",
    run: str = "",
) -> dict[str, Any]:
    """One row of the summary; a number that is not finite is None."""
    given = dict(
        name=name, species=species, temperature=temperature, phase=phase, value=value, error=error, low=low, high=high,
        upper=upper, unit=unit, verdict=verdict, run=run,
    )  # fmt: skip
    return {key: _finite(plain(given[key])) for key in COLUMNS}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_summary(folder: str | os.PathLike[str], fingerprint: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``summary.json`` and ``summary.csv``, each whole or not at all."""
    listed = [dict(one) for one in rows]
    text = json.dumps({"fingerprint": fingerprint, "results": listed}, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(Path(folder) / SUMMARY, text + "\n")
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in one.items()} for one in listed)
    write_text(Path(folder) / TABLE, table.getvalue())


def write_lock(results: Results) -> None:
    """Write ``study.lock.toml``: all of ``results`` but the summary."""
    text = dumps(
        {
            "title": results.title,
            "fingerprint": results.fingerprint,
            "versions": results.versions,
            "study": results.settings,
            "runs": [_run_table(run, results.folder) for run in results.runs],
            "results": [asdict(record) for record in results.results],
        }
    )
    write_text(results.folder / LOCK, "# Written by vanhove: what was run, with everything resolved.\n" + text)


def _run_table(run: RunRecord, folder: Path) -> dict[str, Any]:
    inside = f"{folder.resolve()}{os.sep}"
    return {**asdict(run), "paths": [path.removeprefix(inside) for path in run.paths]}


def read_results(folder: str | os.PathLike[str]) -> Results:
    """Read the folder that a finished study left."""
    where = Path(folder)
    lock, summary = where / LOCK, where / SUMMARY
    if not lock.is_file() or not summary.is_file():
        raise Refusal(
            "This is no finished study", f"{where} has no {LOCK} with {SUMMARY}", "Run `vanhove run study.toml` first"
        )
    try:
        table = tomllib.loads(lock.read_text(encoding="utf-8"))
        said = json.loads(summary.read_text(encoding="utf-8"))
        results = Results(
            folder=where,
            title=table["title"],
            runs=tuple(_run_record(entry, where) for entry in table.get("runs", [])),
            results=tuple(ResultRecord(**{"temperature": None, **entry}) for entry in table.get("results", [])),
            summary=said["results"],
            fingerprint=table["fingerprint"],
            versions=table.get("versions", {}),
            settings=table.get("study", {}),
        )
        same = said["fingerprint"] == results.fingerprint
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise Refusal("The results can't be read", f"{where}: {error}", "Run the study again; done tasks are kept")
    if not same:
        raise Refusal(
            f"{LOCK} and {SUMMARY} are of different runs",
            str(where),
            "Run the study again; done tasks are kept",
        )
    return results


def _run_record(entry: Mapping[str, Any], folder: Path) -> RunRecord:
    paths: Sequence[str] = entry["paths"]
    options = dict(entry.get("open_options", {}))
    if isinstance(options.get("species"), dict):  # TOML's keys are strings; LAMMPS types are numbers
        options["species"] = {int(k) if k.isdigit() else k: v for k, v in options["species"].items()}
    full = {"temperature": None, **entry, "open_options": options}
    return RunRecord(**{**full, "paths": tuple(str(folder.resolve() / path) for path in paths)})
