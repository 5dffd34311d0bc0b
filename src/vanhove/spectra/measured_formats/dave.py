"""DAVE's grouped ASCII: numbers of energies and groups, the energies, the groups' Q, then each group's S and errors.

Every part stands below a line that begins with ``#``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .table import LOSS, Table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MICRO = re.compile(r"micro|µ|μ|\bu ?ev", re.IGNORECASE)
MILLI = re.compile(r"\bmev\b|milli", re.IGNORECASE)


def recognises(lines: list[str]) -> bool:
    """Whether the text begins like such a file: two whole numbers, each below a comment."""
    head = [line.strip() for line in lines[:4]]
    return len(head) == 4 and all(head[i].startswith("#") and _is_count(head[i + 1]) for i in (0, 2))


def read(path: Path, lines: list[str]) -> Table:
    """All groups of the file."""
    energies, groups = (int(lines[i].split()[0]) for i in (1, 3))
    counts = (energies, groups, *([energies] * groups))
    place, blocks, headers = 4, [], []
    for block, count in enumerate(counts):
        while place < len(lines) and not lines[place].strip():
            place += 1
        if place < len(lines) and lines[place].lstrip().startswith("#"):
            headers.append(lines[place])
            place += 1
        blocks.append(_rows(path, lines, place, count, 1 if block < 2 else 2))
        place += count
    energy, q, *spectra = blocks
    both = np.stack(spectra) if spectra else np.empty((0, energies, 2))
    says = headers[0] if headers else ""
    # the header of energies alone may tell meV from µeV; "meV" in a comment about Q says nothing
    units = "µeV" if MICRO.search(says) else "meV" if MILLI.search(says) else None
    return Table(
        energy[:, 0], both[..., 0], both[..., 1], "DAVE grouped ASCII",
        f"{LOSS} (taken for granted: the file does not say)", q=q[:, 0], energy_units=units,
    )  # fmt: skip


def _rows(path: Path, lines: list[str], start: int, count: int, width: int) -> Floats:
    rows = []
    for place in range(start, start + count):
        words = lines[place].split() if place < len(lines) else []
        try:
            row = [float(word) for word in words[:width]]
        except ValueError:
            row = []
        if len(row) < width:
            raise Refusal(
                f"Line {place + 1} is not {width} numbers: '{lines[place].strip()}'" if place < len(lines)
                else "The file ends too soon",
                f"{path}: {count} lines of {width} numbers are to follow line {start}",
                "Copy it again, or write it again",
            )  # fmt: skip
        rows.append(row)
    return np.array(rows, np.float64).reshape(count, width)


def _is_count(line: str) -> bool:
    words = line.split()
    return bool(words) and words[0].isdigit() and int(words[0]) > 0
