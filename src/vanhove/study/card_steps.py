"""The steps of a validation: each is done once for what it was asked, and found again after a kill.

DIR/data/NAME.json      what a step found, with the key of what it was asked; written last
DIR/data/NAME-PART.nc   its curves
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.base.files import digest, write_text
from vanhove.base.results import load, plain, save

if TYPE_CHECKING:
    from xarray import Dataset

DATA, RUNS = "data", "runs"
VERSION = 1  # counted up when a step's numbers change: those kept under an older one are computed anew


@dataclass(frozen=True)
class Outcome:
    """What a step found: numbers and words, curves by their names, and what was warned of meanwhile."""

    values: dict[str, Any]
    curves: dict[str, Dataset] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


class Steps:
    """The steps that are done, in one folder."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self.folder, self._tell = folder, tell

    def step(self, name: str, asked: dict[str, Any], make: Callable[[], Outcome]) -> Outcome:
        """What the step found, computed where it is not there or was asked something else."""
        key = digest(VERSION, json.dumps(plain(asked), sort_keys=True))
        there = self._there(name, key)
        if there is not None:
            return there
        self._tell(name)
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always", VanhoveWarning)
            found = make()
        doubts = tuple(dict.fromkeys(str(one.message) for one in heard if issubclass(one.category, VanhoveWarning)))
        for part, curve in found.curves.items():
            save(curve, self.folder / DATA / f"{name}-{part}.nc")
        told = {"key": key, "values": plain(found.values), "curves": list(found.curves), "doubts": doubts}
        write_text(self.folder / DATA / f"{name}.json", json.dumps(told, indent=1, ensure_ascii=False) + "\n")
        return Outcome(dict(told["values"]), found.curves, doubts)

    def run_folder(self, name: str, asked: dict[str, Any]) -> Path:
        """A run's own folder: one that was asked something else has another."""
        return self.folder / RUNS / f"{name}-{digest(VERSION, json.dumps(plain(asked), sort_keys=True))[:10]}"

    def _there(self, name: str, key: str) -> Outcome | None:
        try:
            told = json.loads((self.folder / DATA / f"{name}.json").read_text(encoding="utf-8"))
            if told["key"] != key:
                return None
            curves = {part: load(self.folder / DATA / f"{name}-{part}.nc") for part in told["curves"]}
        except (FileNotFoundError, ValueError, KeyError, Refusal):
            return None
        return Outcome(told["values"], curves, tuple(told["doubts"]))
