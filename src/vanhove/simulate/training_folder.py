"""The folder of a training.

training.json       what was asked for, and how many neighbours the data have
lock                held by the process that trains
data/train, data/held-out   the frames, as DeePMD reads them
model-0/            of each model:
  1-train/          of each phase: input.json, lcurve.out, checkpoints, clock.json
  model.pb          as it was trained
  compressed.pb     the same, tabulated: faster, and what a run takes
  model.json        how it went; it is there when the model is whole
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from .deepmd_input import CURVE
from .deepmd_training import COMPRESSED, MODEL, RECORD
from .folder import Folder

TRAINING = "training.json"
DATA, NEIGHBOURS = "data", "neighbours"


class TrainingFolder(Folder):
    """Paths and records of one training."""

    holds, record_name = "training", TRAINING

    @property
    def train(self) -> Path:
        """The frames that it is trained on."""
        return self.path / DATA / "train"

    @property
    def held_out(self) -> Path:
        """Those that are kept for a test."""
        return self.path / DATA / "held-out"

    @property
    def neighbours(self) -> Path:
        """Where neighbours are counted."""
        return self.path / NEIGHBOURS

    def model(self, number: int) -> Path:
        """Of a model, counted from 0."""
        return self.path / f"model-{number}"

    def model_file(self, number: int) -> Path:
        """The model that runs take."""
        compressed = self.model(number) / COMPRESSED
        return compressed if compressed.exists() else self.model(number) / MODEL

    def model_record(self, number: int) -> dict[str, Any] | None:
        """How a model's training went; None where it is not whole."""
        try:
            told: dict[str, Any] = json.loads((self.model(number) / RECORD).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return told if self.model_file(number).exists() else None

    def whole_models(self) -> list[int]:
        """The models that are trained, counted from 0 without a gap."""
        number = 0
        while self.model_record(number):
            number += 1
        return list(range(number))

    def curve_files(self, number: int, phases: int) -> list[Path]:
        """The learning curves of a model's phases."""
        return [self.model(number) / f"{phase}-train" / CURVE for phase in range(1, phases + 1)]

    def clear(self) -> None:
        """Remove what a training left; nothing that is not a training's."""
        for folder in (self.path / DATA, self.neighbours, *self.path.glob("model-[0-9]*")):
            shutil.rmtree(folder, ignore_errors=True)
        (self.path / TRAINING).unlink(missing_ok=True)
