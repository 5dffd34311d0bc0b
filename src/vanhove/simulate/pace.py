"""How fast a run goes and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .legs import Leg
    from .thermo import Row

# stage, temperature (K), steps done, steps in all, ns/day, seconds left
Progress = Callable[[str, float, int, int, float, float], None]

REMEMBER = 30.0  # s over which the speed is taken
BETWEEN = 0.25  # s


class Pace:
    """Counts steps against the clock and tells whoever wants to know."""

    def __init__(self, progress: Progress | None, total: int, timestep: float) -> None:
        self._progress, self._total, self._timestep = progress, total, timestep
        self._marks: deque[tuple[float, int]] = deque()  # when, steps of the run done by then
        self._told = 0.0

    def begin(self, leg: Leg) -> None:
        """A leg begins."""
        self._leg = leg
        if not self._marks:
            self._marks.append((time.monotonic(), leg.done_before))

    def tell(self, row: Row | None) -> None:
        """Say where the run is, at most a few times a second."""
        now = time.monotonic()
        if self._progress is None or now - self._told < BETWEEN:
            return
        self._told = now
        leg = self._leg
        moving = row is not None and leg.stage_steps > 0
        done = leg.done_before + (row.step - leg.start if row is not None and moving else 0)
        if done > self._marks[-1][1]:
            self._marks.append((now, done))
        elif done == 0:
            self._marks[0] = (now, 0)  # the time of a minimisation says nothing about the rest
        while len(self._marks) > 2 and self._marks[0][0] < now - REMEMBER:
            self._marks.popleft()
        (then, before), (last, reached) = self._marks[0], self._marks[-1]
        speed = (reached - before) / (last - then) if last > then else 0.0  # steps/s
        left = (self._total - done) / speed if speed else float("nan")
        temperature = row.temperature if row is not None and moving else 0.0
        self._progress(leg.stage.name, temperature, done, self._total, speed * self._timestep * 0.0864, left)
