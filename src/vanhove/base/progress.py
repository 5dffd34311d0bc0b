"""Progress on anything that takes over two seconds: one line on the terminal, overwritten, gone at the end."""

from __future__ import annotations

import os
import sys
import time
from threading import Lock
from typing import Self

QUIET_SECONDS = 2.0  # shorter work says nothing
BETWEEN_LINES = 0.2


def visible() -> bool:
    """Whether a person watches: standard error is a terminal, or ``VANHOVE_PROGRESS=1`` says so (``=0``: nobody)."""
    wish = os.environ.get("VANHOVE_PROGRESS")
    return sys.stderr.isatty() if wish is None else wish != "0"


def overwrite(text: str = "") -> None:
    """Put ``text`` where the line was that is shown now."""
    sys.stderr.write(f"\r\033[K{text}")
    sys.stderr.flush()


class Progress:
    """Counts work done of ``total`` and shows it with the time left; safe to advance from several threads."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, max(total, 1), 0
        self._start = time.monotonic()
        self._shown = 0.0
        self._lock = Lock()
        self._visible = visible()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            overwrite()

    def advance(self, amount: int = 1) -> None:
        """Say that ``amount`` more is done."""
        with self._lock:
            self.done += amount
            now = time.monotonic()
            spent = now - self._start
            if not self._visible or spent < QUIET_SECONDS or now - self._shown < BETWEEN_LINES:
                return
            self._shown = now
            left = spent * (self.total - self.done) / max(self.done, 1)
            overwrite(f"{self.what}: {100 * self.done / self.total:.0f} %, {duration(left)} left")


def duration(seconds: float) -> str:
    """``"1 h 5 min"``, ``"2 min 10 s"``, ``"8 s"``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole} s"
