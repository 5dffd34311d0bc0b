"""Plain columns: energy, S and its error, one block of rows a spectrum, or with the Q in a column before them.

What a layout leaves open is asked for, not guessed: Q where nothing names it, and the meaning of columns that may be
several things.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn

from .table import LOSS, Table, rising

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NAMES = ("q", "energy", "S", "error", "-")
USUAL = {2: ("energy", "S"), 3: ("energy", "S", "error")}
MICRO = re.compile(r"micro-?e|[µμ]eV|\buev\b", re.IGNORECASE)
MILLI = re.compile(r"\bmeV\b", re.IGNORECASE)
NANOMETRES = re.compile(r"nm\s*(\^?\s*\{?-1|⁻¹)|\b1/nm\b", re.IGNORECASE)
Q_OF_BLOCK = re.compile(r"\bq\s*(?:\([^)]*\)\s*)?[=:]\s*([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)", re.IGNORECASE)
HOW = 'Name them: columns=("q", "energy", "S", "error"), "-" for one to leave out'


class Block(NamedTuple):
    """Rows of numbers that stand together."""

    rows: Floats
    line: int  # where they begin, from 1 on
    q: float | None  # that a comment above them gives


def read(path: Path, lines: list[str], q: Sequence[float] | None, columns: Sequence[str] | None) -> Table:
    """All spectra of a text file of columns."""
    where = str(path)
    blocks, comments = _blocks(where, lines)
    width = max((block.rows.shape[1] for block in blocks), key=lambda n: (n > 1, _size(blocks, n)), default=0)
    if width < 2:
        raise Refusal("There is no table of numbers", where, "Give columns of energy, S and its error")
    odd = next((block for block in blocks if block.rows.shape[1] not in (1, width)), None)
    if odd is not None:
        raise Refusal(
            f"Line {odd.line} has {odd.rows.shape[1]} columns, most have {width}", where,
            "Copy the file again if it was cut off; else give one table",
        )  # fmt: skip
    tables = [block for block in blocks if block.rows.shape[1] == width]
    names = _names(where, tables, width, q, columns)
    said = " ".join(comments)
    if NANOMETRES.search(said) and ("q" in names or q is None):
        raise Refusal("A comment speaks of 1/nm", where, "Give Q in 1/Å: a tenth of that in 1/nm")
    spectra = _wide(tables, q) if names[-1] == "*" else _spectra(where, tables, names)
    momenta = _momenta(where, spectra, q)
    energy, S, error = _on_one_grid(where, spectra, momenta)
    return Table(
        energy, S, error, "columns", f"{LOSS} (taken for granted: columns don't say)", q=momenta,
        energy_units="µeV" if MICRO.search(said) else "meV" if MILLI.search(said) else None,
    )  # fmt: skip


def _blocks(where: str, lines: list[str]) -> tuple[list[Block], list[str]]:
    """The rows of numbers that stand together, and the comments between them."""
    found, comments, rows, q, start = [], [], list[list[float]](), None, 0
    for number, line in enumerate([*lines, ""], 1):
        words = re.split(r"[\s,;]+", line.strip().strip(",;"))
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
            _not_a_broken_row(where, number, line, words, len(rows[-1]) if rows else 0)
        if rows and len(row) != len(rows[-1]):
            found.append(Block(np.array(rows), start, q))
            rows, q = [], q if len(rows[0]) == 1 else None
        if row:
            start = start if rows else number
            rows.append(row)
        elif line.strip():
            comments.append(line.strip())
            named = Q_OF_BLOCK.search(line)
            q = float(named.group(1)) if named else q
    return found, comments


def _not_a_broken_row(where: str, number: int, line: str, words: list[str], width: int) -> None:
    """Refuse a row of which only a part is numbers: left out, it would be missed."""
    try:
        float(words[0])
    except ValueError:
        return
    if width > 1:
        raise Refusal(f"Line {number} is not all numbers: '{line.strip()}'", where, "Write nan for what is not known")


def _size(blocks: list[Block], width: int) -> int:
    return sum(len(block.rows) for block in blocks if block.rows.shape[1] == width)


def _names(
    where: str, tables: list[Block], width: int, q: Sequence[float] | None, columns: Sequence[str] | None
) -> tuple[str, ...]:
    """What the columns are; ``("energy", "*")`` for S and error of one spectrum after another."""
    if columns is not None:
        names = tuple(columns)
        known = set(names) <= set(NAMES) and {"energy", "S"} <= set(names)
        twice = any(names.count(name) > 1 for name in NAMES[:-1])
        if len(names) != width or not known or twice:
            raise Refusal(f"columns={names}", f"{where} has {width} columns", HOW)
        return names
    rows = np.concatenate([block.rows for block in tables])
    in_runs = _in_runs(rows)
    if width == 4 and in_runs:
        return ("q", "energy", "S", "error")
    if width == 3 and in_runs:
        return ("q", "energy", "S")
    if width in USUAL:
        return USUAL[width]
    if q is not None and width == 2 * len(q) + 1:
        return ("energy", "*")
    hint = f". For S and error of {width // 2} spectra beside each other, give q= with their {width // 2} Q" * (
        width % 2
    )
    raise Refusal(f"The table has {width} columns, which may mean several things", where, HOW + hint)


def _in_runs(rows: Floats) -> bool:
    """Whether the first column stays while the second rises: the first is Q."""
    if len(rows) < 3:
        return False
    stays = np.diff(rows[:, 0]) == 0
    return bool(stays.mean() > 0.5 and (np.diff(rows[:, 1])[stays] != 0).all())


def _spectra(where: str, tables: list[Block], names: tuple[str, ...]) -> list[tuple[float | None, Floats]]:
    """Each spectrum as (q, rows of energy, S and, where there is one, error)."""
    kept = [names.index(name) for name in ("energy", "S", "error") if name in names]
    spectra: list[tuple[float | None, Floats]] = []
    for block in tables:
        momentum = block.rows[:, names.index("q")] if "q" in names else np.full(len(block.rows), np.nan)
        energy = block.rows[:, kept[0]]
        changes = (momentum[1:] != momentum[:-1]) if "q" in names else _begins_again(energy)
        for first, last in pairwise([0, *(np.flatnonzero(changes) + 1).tolist(), len(energy)]):
            q = float(momentum[first]) if "q" in names else block.q
            spectra.append((q, block.rows[first:last][:, kept]))
    if "q" not in names:
        return spectra
    if not all(np.isfinite(q) for q, _ in spectra if q is not None):
        raise Refusal("The column of Q holds values that are no numbers", where, "Give Q in every row")
    return spectra


def _begins_again(energy: Floats) -> NDArray[np.bool_]:
    """Where a column of energies goes back to about its beginning; smaller steps back are disorder, told later."""
    steps = np.diff(energy)
    if len(steps) == 0:
        return np.zeros(0, bool)
    span = float(np.ptp(energy))
    back: NDArray[np.bool_] = (np.sign(steps) == -np.sign(steps[0])) & (np.abs(steps) > 0.5 * span)
    return back


def _wide(tables: list[Block], q: Sequence[float] | None) -> list[tuple[float | None, Floats]]:
    rows = np.concatenate([block.rows for block in tables])
    return [(momentum, rows[:, [0, 2 * i + 1, 2 * i + 2]]) for i, momentum in enumerate(q or ())]


def _momenta(where: str, spectra: list[tuple[float | None, Floats]], q: Sequence[float] | None) -> Floats:
    if q is not None:
        if len(q) != len(spectra):
            raise Refusal(f"q= has {len(q)} values", f"{where} has {len(spectra)} spectra", "Give one each")
        return np.asarray(q, np.float64)
    if any(momentum is None for momentum, _ in spectra):
        raise Refusal(
            f"The file does not say at which Q its {len(spectra)} spectra are" if len(spectra) > 1
            else "The file does not say at which Q its spectrum is",
            where, "Give q= in 1/Å" + (", one value a spectrum" if len(spectra) > 1 else ""),
        )  # fmt: skip
    return np.array([momentum for momentum, _ in spectra], np.float64)


def _on_one_grid(
    where: str, spectra: list[tuple[float | None, Floats]], q: Floats
) -> tuple[Floats, Floats, Floats | None]:
    """All spectra on the energies of the one with the most; the others' have to be among them."""
    sorted_ = []
    for momentum, (_, rows) in zip(q, spectra, strict=True):
        energy, values, _ = rising(rows[:, 0], rows[:, 1:].T, None, f"{where}, spectrum at q = {momentum:g}")
        sorted_.append((energy, values))
    grid = max((energy for energy, _ in sorted_), key=len)
    filled = np.full((len(sorted_), sorted_[0][1].shape[0], len(grid)), np.nan)
    for momentum, out, (energy, values) in zip(q, filled, sorted_, strict=True):
        place = np.searchsorted(grid, energy)
        if place.max() >= len(grid) or not np.allclose(grid[np.minimum(place, len(grid) - 1)], energy, rtol=1e-9):
            raise Refusal(
                f"The spectrum at q = {momentum:g} has other energies than the longest",
                where, "Rebin the spectra to one grid, or give a file each",
            )  # fmt: skip
        if len(energy) < len(grid):
            warn(
                f"The spectrum at q = {momentum:g} has {len(energy)} of {len(grid)} energies", where,
                "The others are taken as masked; look whether the file was cut off",
            )  # fmt: skip
        out[:, place] = values
    return grid, filled[:, 0], filled[:, 1] if filled.shape[1] > 1 else None
