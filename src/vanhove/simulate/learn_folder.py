"""The folder of an active learning.

learn.json           what was asked for
lock                 held by the process that works
start/               the frames to begin with: labels/ where they were made here, train/, held-out/
round-001/           of each round:
  training/          its committee; missing where no frame came after the round before
  explore/NAME-900K-50bar/   a run; explored.json says how it ended
  deviation.nc       how much the models disagree, of every frame
  picked.json        shares, trust levels, and the frames that were picked
  labels/            theirs
  train/, held-out/  what the next round is trained on besides, and tested with
  round.json         all of that in numbers; it is there when the round is whole
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from vanhove.base.errors import Refusal
from vanhove.base.files import write_text

from ._labelled import Labelled, labelled
from .folder import Folder

LEARN, ROUND, PICKED, EXPLORED = "learn.json", "round.json", "picked.json", "explored.json"
TRAIN, HELD_OUT = "train", "held-out"


class RoundFolder:
    """Paths and records of one round."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.training, self.explore, self.labels = path / "training", path / "explore", path / "labels"
        self.deviation = path / "deviation.nc"

    def run(self, name: str) -> Path:
        """Where a run of it lies."""
        return self.explore / name

    def record(self, name: str = ROUND) -> dict[str, Any] | None:
        """What one of its records says; None where there is none."""
        return read_record(self.path / name)

    def write(self, record: dict[str, Any], name: str = ROUND) -> None:
        """Write it, whole or not at all."""
        write_record(self.path / name, record)


class LearnFolder(Folder):
    """Paths and records of an active learning."""

    holds, record_name = "active learning", LEARN

    @property
    def start(self) -> Path:
        """Of the frames to begin with."""
        return self.path / "start"

    def round(self, number: int) -> RoundFolder:
        """Of a round, counted from 1."""
        return RoundFolder(self.path / f"round-{number:03d}")

    def whole_rounds(self) -> list[dict[str, Any]]:
        """The records of the rounds that are whole, in order."""
        found: list[dict[str, Any]] = []
        while (record := self.round(len(found) + 1).record()) is not None:
            found.append(record)
        return found

    def frames(self, part: str, number: int) -> Labelled:
        """The frames to train on, or those held out, that round ``number`` has: of the start and all rounds before."""
        places = [self.start, *(self.round(before).path for before in range(1, number))]
        parts = [labelled(place / part) for place in places if (place / part).is_dir()]
        found = parts[0]
        for more in parts[1:]:
            found = found + more
        return found

    def training(self, number: int) -> Path:
        """Where the committee of round ``number`` lies: where frames came last."""
        while number > 1 and not (self.round(number - 1).path / TRAIN).is_dir():
            number -= 1
        return self.round(number).training

    def clear(self) -> None:
        """Remove what an active learning left; nothing that is not one's."""
        for folder in (self.start, *self.path.glob("round-[0-9][0-9][0-9]")):
            shutil.rmtree(folder, ignore_errors=True)
        (self.path / LEARN).unlink(missing_ok=True)


def read_record(path: Path) -> dict[str, Any] | None:
    """A JSON record; None where there is none."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Refusal("A record can't be read", f"{path}: {error}", "Remove the file: that part is done again")
    return told


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write a JSON record, whole or not at all."""
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
