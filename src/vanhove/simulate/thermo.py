"""What an engine says while it runs: its log, followed line by line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vanhove.base.units import KCAL_MOL_IN_EV

from .supervise import TORN

COLUMNS = ["Step", "Temp", "PotEng", "TotEng", "Press"]
MORE = ["Volume", "Econserve"]  # what an engine may add
WORDS = ("step", "temp", "pe", "etotal", "press", "vol", "econserve")  # LAMMPS's for them
ATM_IN_BAR = 1.01325
TAIL_LINES = 6
TRACEBACK = "Traceback (most recent call last)"
SIGNAL = 128  # exit codes above it are signals
_ERROR = re.compile(r"^\s*ERROR(?: on proc \d+)?:\s*(.*)$", re.MULTILINE)
_SOURCE = re.compile(r"\s*\((?:src/)?[\w./-]+\.(?:cpp|h):\d+\)\s*$")

LOOSE = "Check the potential and the start, shorten the time step, or mix at a lower temperature"
# what LAMMPS's words mean for somebody who does not know its code, and what to do
MEANINGS = [
    ("Lost atoms", "atoms moved farther than a cell between two steps", LOOSE),
    ("Out of range atoms", "atoms moved farther than a cell between two steps", LOOSE),
    ("Non-numeric", "positions or energies are no longer numbers", LOOSE),
    ("Neighbor list overflow", "atoms fell together", LOOSE),
    ("Domain too large", "the cell blew up", LOOSE),
    ("tilted box too far", "the cell fell over", LOOSE),
    ("Failed to allocate", "the machine has not enough memory", "Use a smaller structure or fewer ranks"),
    (
        "SCF run NOT converged",
        "the forces of this step are not to be used",
        'Give simulate.cp2k(..., minimizer="cg", max_scf=100) and run again: it goes on where it was',
    ),
    ("Cannot open file", "a file could not be written or read", "Check the disk and the folder's permissions"),
]


class End(NamedTuple):
    """Why an engine ended, what to do about it, and its last lines."""

    why: str
    do: str
    tail: str


class Row(NamedTuple):
    """One line of thermodynamic output: K, kcal/mol, atm, Å³; ``conserved`` is what the equations of motion keep."""

    step: int
    temperature: float
    potential: float
    total: float
    pressure: float
    volume: float = math.nan
    conserved: float = math.nan


class Log:
    """Follows a log that grows; :meth:`read` gives the rows that came since the last call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0
        self._table = False

    def read(self) -> list[Row]:
        """New whole rows."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._at)
                new = file.read()
        except FileNotFoundError:
            return []
        end = new.rfind(b"\n") + 1
        self._at += end
        rows = []
        for line in new[:end].decode(errors="replace").splitlines():
            words = line.split()
            if words in (COLUMNS, COLUMNS + MORE):
                self._table = True
            elif self._table:
                row = _row(words)
                if row is not None:
                    rows.append(row)
                elif not line.startswith("WARNING"):
                    self._table = False
        return rows


def _row(words: list[str]) -> Row | None:
    try:
        return Row(int(words[0]), *map(float, words[1:]))
    except (ValueError, TypeError, IndexError):  # no numbers, or too few or too many
        return None


def means(rows: Sequence[Row], n_atoms: int, ps: float) -> dict[str, float]:
    """What a leg was like: mean temperature (K), pressure (bar) and volume (Å³), and the drift of what is conserved.

    ``ps`` is the length of a step; the drift is in meV per atom and ps. What the engine does not say is left out.
    """
    later = rows[1:] or rows  # a leg begins with what the one before ended with
    told = {
        "temperature": _mean([row.temperature for row in later]),
        "pressure": _mean([row.pressure for row in later]) * ATM_IN_BAR,
        "volume": _mean([row.volume for row in later]),
    }
    if len(rows) > 1 and rows[-1].step > rows[0].step:
        change = (rows[-1].conserved - rows[0].conserved) * KCAL_MOL_IN_EV * 1000
        told["drift"] = change / n_atoms / ((rows[-1].step - rows[0].step) * ps)
    return {name: value for name, value in told.items() if math.isfinite(value)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def explain(code: int, *logs: Path) -> End:
    """Why an engine ended, from its exit code and its logs."""
    texts = [path.read_text(errors="replace") for path in logs if path.exists()]
    for text in texts:
        found = _ERROR.search(text)
        if found:
            said = _SOURCE.sub("", found.group(1))
            for words, meaning, do in MEANINGS:
                if words in said:
                    return End(f"{said}, which means that {meaning}", do, _tail(text))
            return End(said, "Read its log", _tail(text))
        if TRACEBACK in text:
            said = text.strip().splitlines()[-1]
            return End(f"Python says: {said}", "Check the calculator, its options and the start", _tail(text))
    tail = _tail(texts[-1]) if texts else ""
    if code == TORN or code > SIGNAL:
        how = f"by signal {code - SIGNAL}" if code > SIGNAL else "in part"
        return End(f"it was killed {how} from outside", "Run again: it goes on where it was (is memory short?)", tail)
    return End("it does not say why", "Read its log and output", tail)


def _tail(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-TAIL_LINES:])
