"""What a training says while it goes on: a status for whoever asks, and one line on the terminal."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from vanhove.base.progress import duration

BETWEEN = 0.2  # s between lines
REMEMBER = 60.0  # s over which the speed is taken


class Status(NamedTuple):
    """How far the training of a model has come."""

    doing: str  # "counting neighbours", "training", "freezing", "compressing"
    model: int  # from 0
    models: int
    phase: int  # from 1; 0 outside of training
    step: int  # of this model, over all phases
    steps: int
    force: float  # eV/Å, root mean square, of the frames trained on just now
    force_held_out: float
    steps_per_second: float  # of this model
    seconds_left: float  # until all models are trained


Tell = Callable[[Status], None]


class Speed:
    """Steps a second of the last minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, step: int) -> None:
        """So far has it come by now."""
        now = time.monotonic()
        self._marks.append((now, step))
        while len(self._marks) > 2 and self._marks[0][0] < now - REMEMBER:
            self._marks.popleft()

    @property
    def value(self) -> float:
        """NaN until there are two marks."""
        if len(self._marks) < 2:
            return math.nan
        (then, before), (now, step) = self._marks[0], self._marks[-1]
        return (step - before) / (now - then) if now > then else math.nan


def line(status: Status) -> str:
    """One line for people."""
    who = f"model {status.model + 1} of {status.models}" if status.models > 1 else "the model"
    if status.doing != "training":
        return f"{status.doing}, {who}"
    said = [f"training {who}, step {status.step} of {status.steps}"]
    if math.isfinite(status.force):
        held = f", {status.force_held_out:.3f} held out" if math.isfinite(status.force_held_out) else ""
        said.append(f"forces {status.force:.3f}{held} eV/Å")
    if math.isfinite(status.steps_per_second):
        left = f", {duration(status.seconds_left)} left" if math.isfinite(status.seconds_left) else ""
        said.append(f"{status.steps_per_second:.3g} steps/s{left}")
    return " | ".join(said)


class LiveLine:
    """Shows the last status in one line, overwritten, gone at the end.

    Shown when standard error is a terminal, or always with ``VANHOVE_PROGRESS=1`` and never with ``=0``.
    """

    def __init__(self) -> None:
        wish = os.environ.get("VANHOVE_PROGRESS")
        self._visible = sys.stderr.isatty() if wish is None else wish != "0"
        self._shown = 0.0

    def __call__(self, status: Status) -> None:
        """Show it, at most a few times a second."""
        now = time.monotonic()
        if self._visible and now - self._shown >= BETWEEN:
            self._shown = now
            sys.stderr.write(f"\r\033[K{line(status)}")
            sys.stderr.flush()

    def close(self) -> None:
        """Wipe the line."""
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
