"""The training of one model by ``dp``: one process after the other, resumed at the last whole checkpoint."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import digest, write_text

from .deepmd_input import CHECKPOINT, CURVE, WALL, training_input, wall_table, write_pair
from .learning_curve import CurveFile, Row
from .training_status import Speed

if TYPE_CHECKING:
    from .deepmd_home import Home
    from .deepmd_settings import Settings

INPUT, CLOCK, MODEL, COMPRESSED, RECORD, OUTPUT = (
    "input.json", "clock.json", "model.pb", "compressed.pb", "model.json", "output.txt",
)  # fmt: skip
AGAIN = "Run again: it goes on at the last checkpoint (is memory short?)"
_DEVICE = re.compile(r"Computing Device:\s*(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """What all models of a training share; the systems are folders as seen from a folder two levels down."""

    settings: Settings
    species: tuple[str, ...]
    train: tuple[str, ...]
    held_out: tuple[str, ...]
    shares: tuple[float, ...]  # how often each system is drawn
    seed: int
    neighbours: Mapping[str, int]
    closest: float  # Å


@dataclass
class Task:
    """One process of DeePMD, and what is to be done when it has ended well."""

    doing: str
    folder: Path
    command: list[str]
    then: Callable[[], None]
    phase: int = 0  # from 1
    curve: CurveFile | None = None
    see: Callable[[Row], None] = lambda _: None
    may_fail: bool = False


@dataclass
class Member:
    """One model of a committee: its folder, and what is left to do for it."""

    folder: Path
    number: int
    plan: Plan
    home: Home
    threads: int
    row: Row = field(default_factory=lambda: Row(0, math.nan, {}))
    speed: Speed = field(default_factory=Speed)
    step: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is left to do."""
        return (self.folder / RECORD).exists()

    def phase_folder(self, number: int) -> Path:
        """Of a phase, counted from 1."""
        return self.folder / f"{number}-train"

    def tasks(self) -> Iterator[Task]:
        """What is left, in order; each is asked for when the one before has ended."""
        for number in range(1, len(self.plan.settings.phases) + 1):
            yield from self._train(number)
        last = self.phase_folder(len(self.plan.settings.phases))
        ended = f"{CHECKPOINT}-{self.plan.settings.phases[-1].steps}"
        if not (self.folder / MODEL).exists():
            yield self._made("freezing", MODEL, ("freeze", "-c", f"../{last.name}/{ended}", "-o", MODEL))
        if not (self.folder / COMPRESSED).exists():
            words = ("compress", "-i", f"../{MODEL}", "-o", COMPRESSED, "-t", INPUT)
            task = self._made("compressing", COMPRESSED, words, may_fail=True)
            told = json.loads((last / INPUT).read_text(encoding="utf-8"))
            # compressing asks all data again for the closest two atoms, which is known: two atoms tell it
            pair = write_pair(task.folder, self.plan.species, self.plan.closest)
            told["training"]["training_data"] = {"systems": [pair], "batch_size": 1}
            told["training"].pop("validation_data", None)
            write_text(task.folder / INPUT, json.dumps(told, indent=1) + "\n")
            yield task
        write_text(self.folder / RECORD, json.dumps(self._record(), indent=1) + "\n")

    def _train(self, number: int) -> Iterator[Task]:
        phase = self.plan.settings.phases[number - 1]
        before = sum(one.steps for one in self.plan.settings.phases[: number - 1])
        folder = self.phase_folder(number)
        at = last_checkpoint(folder)
        self.step = before + (at or 0)
        if at == phase.steps:
            return
        if at is None and folder.exists():
            shutil.rmtree(folder)  # killed before its first checkpoint
        folder.mkdir(parents=True, exist_ok=True)
        curve = CurveFile(folder / CURVE)
        curve.cut(at or 0)
        curve.read()  # what was reported before is no news
        told = training_input(
            self.plan.settings, phase, self.plan.species, self.plan.neighbours, (self.plan.train, self.plan.held_out),
            self.plan.shares, self._seeds(number, at or 0),
        )  # fmt: skip
        if phase.wall:
            told["model"]["use_srtab"] = f"../{folder.name}/{WALL}"  # so that compressing finds it beside its folder
            write_text(folder / WALL, wall_table(self.plan.species, self.plan.settings.network.cutoff))
        write_text(folder / INPUT, json.dumps(told, indent=1) + "\n")
        words = ["train", "--skip-neighbor-stat", INPUT]
        if at is not None:
            words += ["--restart", f"{CHECKPOINT}-{at}"]
        elif number > 1:
            steps = self.plan.settings.phases[number - 2].steps
            words += ["--init-model", f"../{self.phase_folder(number - 1).name}/{CHECKPOINT}-{steps}"]

        def check() -> None:
            if last_checkpoint(folder) != phase.steps:
                raise Refusal("The training ended without its last checkpoint", str(folder / OUTPUT), AGAIN)

        clock = _Clock(folder / CLOCK, at or 0)
        self.speed = Speed()
        yield Task(
            "training", folder, self.home.dp(*words), check, number, curve, lambda row: self._see(row, before, clock)
        )

    def _see(self, row: Row, before: int, clock: _Clock) -> None:
        if row.errors and not math.isfinite(row.force):
            raise Refusal(
                f"The training diverged: at step {row.step} the error of the forces is {row.force}",
                f"model {self.number}", "Lower the first rate, or look for wrong forces: data.check()",
            )  # fmt: skip
        self.row, self.step = row, before + row.step
        self.speed.mark(self.step)
        clock.mark(row.step)

    def _made(self, doing: str, name: str, words: Sequence[str], *, may_fail: bool = False) -> Task:
        """A file that a process writes in a folder of its own, and that is moved out when it is whole."""
        folder = self.folder / doing
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()

        def move() -> None:
            if not (folder / name).exists():
                raise Refusal(f"DeePMD ended without writing {name}", str(folder / OUTPUT), "Read its output")
            (folder / name).rename(self.folder / name)
            shutil.rmtree(folder)

        return Task(doing, folder, self.home.dp(*words), move, may_fail=may_fail)

    def _seeds(self, phase: int, step: int) -> tuple[int, int, int]:
        """Of the two networks, and of the order of the frames, which is another one where a training goes on."""
        nets = np.random.SeedSequence([self.plan.seed, self.number]).generate_state(2)
        order = np.random.SeedSequence([self.plan.seed, self.number, phase, step]).generate_state(1)
        return int(nets[0] % 2**31), int(nets[1] % 2**31), int(order[0] % 2**31)

    def _record(self) -> dict[str, Any]:
        phases = []
        for number, phase in enumerate(self.plan.settings.phases, 1):
            folder = self.phase_folder(number)
            clock = _Clock(folder / CLOCK, 0)
            phases.append({"steps": phase.steps, **clock.summary(), "device": _device(folder / OUTPUT)})
        models = {name: digest((self.folder / name).read_bytes()) for name in (MODEL, COMPRESSED)
                  if (self.folder / name).exists()}  # fmt: skip
        return {"deepmd": self.home.version, "threads": self.threads, "phases": phases, "content": models}


class _Clock:
    """Seconds that steps took, from report to report, kept in a file: a kill loses no more than a report."""

    def __init__(self, path: Path, step: int) -> None:
        self._path, self._last = path, (math.nan, step)
        try:
            self._told = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            self._told = {"seconds": 0.0, "timed_steps": 0, "processes": 0}
        self._new = True

    def mark(self, step: int) -> None:
        """A report of this step has come."""
        now = time.monotonic()
        then, before = self._last
        if self._new:
            self._told["processes"] += 1
            self._new = False
        elif math.isfinite(then):
            self._told["seconds"] += now - then
            self._told["timed_steps"] += step - before
        self._last = (now, step)
        write_text(self._path, json.dumps(self._told) + "\n")

    def summary(self) -> dict[str, Any]:
        """Seconds a step, and in how many processes they were made."""
        steps = self._told["timed_steps"]
        each = self._told["seconds"] / steps if steps else None
        return {
            "seconds": round(self._told["seconds"], 1),
            "seconds_per_step": each,
            "processes": self._told["processes"],
        }


def last_checkpoint(folder: Path) -> int | None:
    """The step of the last checkpoint of which every part is there; None where there is none."""
    whole = []
    for index in folder.glob(f"{CHECKPOINT}-*.index"):
        stem = index.name.removesuffix(".index")
        step = stem.rpartition("-")[2]
        # DeePMD writes the arrays, then the index, then the graph, each under another name first
        if step.isdigit() and (folder / f"{stem}.meta").exists() and any(folder.glob(f"{stem}.data-*")):
            whole.append(int(step))
    return max(whole, default=None)


def _device(output: Path) -> str | None:
    """What DeePMD says that it computes on, ``"CPU:0"``."""
    found = _DEVICE.search(output.read_text(encoding="utf-8", errors="replace")) if output.exists() else None
    return found.group(1) if found else None
