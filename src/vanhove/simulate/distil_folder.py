"""The folder of a distillation.

distil.json           what was asked for
samples/A-600K/       a run of the calculator for every structure and temperature
labels/               energies, forces and virials of its frames
training/             the models
check-416-600K/       the run of the first model in the cell that it is for, and its frames labelled by the calculator
parity.nc             the model beside the calculator, on frames held out
findings.json         how fast, how good
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vanhove.base.files import write_text
from vanhove.base.results import save

from .folder import Folder

if TYPE_CHECKING:
    from xarray import Dataset

DISTIL, SAMPLES, LABELS, TRAINING, CHECK = "distil.json", "samples", "labels", "training", "check"
PARITY, FINDINGS = "parity.nc", "findings.json"


class DistilFolder(Folder):
    """Paths and records of one distillation."""

    holds, record_name = "distillation", DISTIL

    @property
    def samples(self) -> Path:
        """Where the calculator moves atoms."""
        return self.path / SAMPLES

    @property
    def labels(self) -> Path:
        """What it says of the frames."""
        return self.path / LABELS

    @property
    def training(self) -> Path:
        """Of the models."""
        return self.path / TRAINING

    @property
    def check(self) -> Path:
        """Where the model is tried; each trial has a folder of its own in it."""
        return self.path / CHECK

    def write_findings(self, parity: Dataset, speed: Mapping[str, float], verdict: str) -> None:
        """What was found, for those who look at the folder later."""
        save(parity, self.path / PARITY)
        text = json.dumps({"verdict": verdict, "speed": speed, "force_error": parity.attrs["force"]}, indent=1)
        write_text(self.path / FINDINGS, text + "\n")

    def clear(self) -> None:
        """Remove what a distillation left, and nothing else."""
        for name in (SAMPLES, LABELS, TRAINING, CHECK):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (DISTIL, PARITY, FINDINGS):
            (self.path / name).unlink(missing_ok=True)
