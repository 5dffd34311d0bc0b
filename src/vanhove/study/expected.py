"""What a paper found, beside what a study finds: ``expected.toml``, compared with the summary number by number.

::

    source = "Authors, journal, volume, page (year), doi"   # of everything that does not name its own

    [[quantity]]
    name = "E_a"            # as in summary.json
    species = "Na"          # temperature and phase too; without a temperature, the lowest that was run is compared
    value = 0.258
    error = 0.01            # where the paper gives one
    unit = "eV"
    where = "section 3.1"
    note = "fit from 900 to 1600 K"

    [[overlay]]             # points that are drawn into a figure of the report
    file = "tracer.csv"     # relative to this file; a head line, then numbers
    figure = "diffusion-all"   # the figure's name; * stands for anything
    x = "temperature"
    y = "D"
    label = "22Na tracer"
"""

from __future__ import annotations

import csv
import json
import math
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import write_text

from .mistakes import mistakes_of, refusal

EXPECTED = "expected.json"  # in the results folder
SAME = 0.5  # K: temperatures that are the same
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quantity(_Table):
    """A number of the paper."""

    name: str
    species: str = ""
    temperature: Finite | None = None  # K
    phase: str = ""
    value: Finite
    error: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    unit: str
    source: str = ""
    where: str = ""
    note: str = ""


class Overlay(_Table):
    """Points of the literature for a figure of the report."""

    file: str
    figure: str
    x: str
    y: str
    error: str = ""  # a column, where there is one
    label: str
    source: str = ""
    where: str = ""
    points: list[tuple[Finite, Finite, float | None]] = []  # x, y, error: read from the file


class Expected(_Table):
    """A whole ``expected.toml``."""

    source: str = ""
    quantity: list[Quantity] = []
    overlay: list[Overlay] = []


@dataclass(frozen=True)
class Comparison:
    """A number of the paper with ours: a value, an upper bound, or nothing."""

    theirs: Quantity
    ours: Mapping[str, Any] | None  # a row of the summary

    @property
    def value(self) -> float | None:
        """Ours, where there is one."""
        return None if self.ours is None else self.ours["value"]

    @property
    def sigmas(self) -> float | None:
        """Difference over the standard error of both, where there is any."""
        if self.ours is None or self.value is None:
            return None
        error = math.hypot(self.ours["error"] or 0.0, self.theirs.error or 0.0)
        return (self.value - self.theirs.value) / error if error > 0 else None

    @property
    def factor(self) -> float | None:
        """Ours over theirs, where both are positive."""
        if self.value is None or self.value <= 0 or self.theirs.value <= 0:
            return None
        return self.value / self.theirs.value


def read_expected(path: str | os.PathLike[str]) -> Expected:
    """Read and check an ``expected.toml`` with the points that it names; sources are filled in."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
        expected = Expected.model_validate(tomllib.loads(text))
    except (FileNotFoundError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refusal("What is expected can't be read", f"{file}: {error}", "Correct it, or leave expected = out")
    except ValidationError as error:
        raise refusal(file, text, mistakes_of(error, Expected))
    quantities = [one.model_copy(update={"source": one.source or expected.source}) for one in expected.quantity]
    overlays = [
        one.model_copy(update={"source": one.source or expected.source, "points": _points(one, file.parent)})
        for one in expected.overlay
    ]
    return Expected(source=expected.source, quantity=quantities, overlay=overlays)


def _points(overlay: Overlay, folder: Path) -> list[tuple[float, float, float | None]]:
    path = folder / overlay.file
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("The points of an overlay can't be read", f"{path}: {error}", "Correct file =")
    reader = csv.DictReader(lines, skipinitialspace=True)
    columns = list(reader.fieldnames or [])
    for column in filter(None, (overlay.x, overlay.y, overlay.error)):
        if column not in columns:
            raise Refusal(f"There is no column '{column}'", str(path), nearest(column, columns))
    try:
        return [
            (float(row[overlay.x]), float(row[overlay.y]), float(row[overlay.error]) if overlay.error else None)
            for row in reader
        ]
    except (TypeError, ValueError) as error:
        raise Refusal("A line of an overlay is no row of numbers", f"{path}: {error}", "Correct it")


def keep(expected: Expected | None, folder: Path) -> None:
    """Lay what is expected beside the results, so that their report needs no other file."""
    path = folder / EXPECTED
    if expected is None:
        path.unlink(missing_ok=True)
    else:
        write_text(path, json.dumps(expected.model_dump(), indent=1, ensure_ascii=False) + "\n")


def kept(folder: str | os.PathLike[str]) -> Expected | None:
    """What lies beside the results in ``folder``."""
    path = Path(folder) / EXPECTED
    if not path.is_file():
        return None
    try:
        return Expected.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # pydantic's and json's are such
        raise Refusal("What is expected can't be read", f"{path}: {error}", "Run the study again; done tasks are kept")


def compare(summary: Sequence[Mapping[str, Any]], expected: Expected) -> list[Comparison]:
    """Each number of the paper with the row of the summary that is the same quantity; the mean where replicas ran."""
    return [Comparison(quantity, _row(summary, quantity)) for quantity in expected.quantity]


def _row(summary: Iterable[Mapping[str, Any]], quantity: Quantity) -> Mapping[str, Any] | None:
    labels = {quantity.species}
    if quantity.name == "first_peak":  # the same distance in either order
        labels.add("-".join(reversed(quantity.species.split("-"))))
    found = [
        row
        for row in summary
        if row["name"] == quantity.name and row["species"] in labels and row["phase"] == quantity.phase
    ]
    wanted = quantity.temperature
    if wanted is None:  # laws have none; of what has, the coldest
        wanted = min((row["temperature"] for row in found if row["temperature"] is not None), default=None)
        if any(row["temperature"] is None for row in found):
            wanted = None
    same = [row for row in found if _same(row["temperature"], wanted)]
    return next((row for row in same if not row["run"]), same[0] if same else None)


def _same(ours: float | None, wanted: float | None) -> bool:
    if ours is None or wanted is None:
        return ours is wanted
    return abs(ours - wanted) < SAME
