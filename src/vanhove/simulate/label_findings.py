"""What a check of labelled frames says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "doubt", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "doubt", "note")
MOST_LISTED = 8


@dataclass(frozen=True)
class Finding:
    """One thing that was found in the frames of a system.

    ``error`` spoils a training, ``doubt`` wants a look, ``note`` is good to know. ``frames`` are counted from 0 within
    the system, as ``select`` takes them.
    """

    severity: Severity
    kind: str  # "units", "duplicates", "forces", "energies", "contacts", "jumps", "virial", "composition"
    system: str
    what: str
    do: str
    frames: tuple[int, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.frames[:MOST_LISTED]))
        more = f" and {len(self.frames) - MOST_LISTED} more" if len(self.frames) > MOST_LISTED else ""
        frames = f" (frames {shown}{more})" if self.frames else ""
        return f"{self.severity}: {self.system}: {self.what}{frames}. {self.do}."
