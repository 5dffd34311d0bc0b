"""Measured curves: two or three columns of numbers, from a file of any of the usual kinds, or as arrays."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 2  # rows of numbers that make a table
KINDS = {".sq": "S", ".fq": "I", ".gr": "G"}  # what files of these names hold by convention
RAW = {".iq": "counts before any normalisation", ".chi": "counts before any normalisation"}
LARGEST = 100_000_000  # bytes: no curve is as long
NANOMETRES = re.compile(r"nm\s*(\^?\s*\{?-1|⁻¹)|\b1/nm\b", re.IGNORECASE)


class Curve(NamedTuple):
    """A measured curve, by rising x; ``error`` is NaN where none was given."""

    x: Floats
    y: Floats
    error: Floats
    name: str
    kind: str | None = None  # what its file's name says it is


def read_curve(path: str | os.PathLike[str], columns: Sequence[int] | None = None) -> Curve:
    """The longest table of numbers in a text file, whatever stands around it.

    Columns are x, y and the error of y; of four, x, y, and the errors of both (PDFgetX2, PDFgetN). ``columns`` names
    them otherwise, from 0 on.
    """
    file = Path(path)
    where = str(file)
    ending = file.suffix.lower()
    if ending in RAW:
        raise Refusal(f"A file {ending} holds {RAW[ending]}", where, "Give the reduced data: S(Q), F(Q) or G(r)")
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise Refusal(f"A measured curve of {size / 1e6:.0f} MB is none", where, "Check the path")
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as failed:
        raise Refusal("The measured curve can't be read", f"{where}: {failed.strerror or failed}", "Check the path")
    table, header = _longest_table(text.splitlines())
    if table is None:
        raise Refusal("There is no table of numbers", where, "Give columns of x, y and, if known, the error of y")
    x, y, error = _chosen(table, columns, where)
    if NANOMETRES.search(header) and ending != ".gr":
        raise Refusal("The header speaks of 1/nm", where, "Give Q in 1/Å: a tenth of that in 1/nm")
    return sorted_curve(x, y, error, file.name, KINDS.get(ending))


def sorted_curve(x: Any, y: Any, error: Any, name: str, kind: str | None = None) -> Curve:
    """A curve from three arrays, without points that are no numbers; ``error`` may be None."""
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    errors = np.full(xs.shape, np.nan) if error is None else np.asarray(error, float)
    if xs.ndim != 1 or xs.shape != ys.shape or xs.shape != errors.shape:
        raise Refusal(
            f"The measured arrays have the shapes {xs.shape}, {ys.shape} and {errors.shape}", name,
            "Give x, y and, if known, the error of y, of one length",
        )  # fmt: skip
    known = np.isfinite(xs) & np.isfinite(ys)
    if known.sum() < FEWEST:
        raise Refusal(f"The measured curve has {known.sum()} points", name, "Give a longer one")
    order = np.argsort(xs[known], kind="stable")
    return Curve(xs[known][order], ys[known][order], errors[known][order], name, kind)


def _longest_table(lines: list[str]) -> tuple[Floats | None, str]:
    """The longest run of lines with the same number (two or more) of numbers, and the line before it."""
    rows = [_numbers(line) for line in lines]
    widths = [len(row) if row is not None and len(row) >= 2 else 0 for row in rows]
    edges = [0, *(i for i in range(1, len(widths)) if widths[i] != widths[i - 1]), len(widths)]
    runs = [(stop - start, start) for start, stop in pairwise(edges) if stop > start and widths[start]]
    length, start = max(runs, key=lambda run: (run[0], -run[1]), default=(0, 0))
    if length < FEWEST:
        return None, ""
    header = " ".join(line for line in lines[max(0, start - 40) : start] if not line.lstrip().startswith("#C"))
    return np.array(rows[start : start + length], float), header


def _numbers(line: str) -> list[float] | None:
    """The numbers of a line of nothing but numbers."""
    words = re.split(r"[\s,;]+", line.strip().strip(",;"))
    try:
        return [float(word.replace("D", "E").replace("d", "e")) for word in words]
    except ValueError:
        return None


def _chosen(table: Floats, columns: Sequence[int] | None, where: str) -> tuple[Floats, Floats, Floats | None]:
    width = table.shape[1]
    if columns is None:
        if width > 4:
            raise Refusal(
                f"The table has {width} columns", where, "Say which: columns=(x, y) or (x, y, error), from 0 on"
            )
        columns = {2: (0, 1), 3: (0, 1, 2), 4: (0, 1, 3)}[width]
    wanted = [int(column) for column in columns]
    if len(wanted) not in (2, 3) or not all(0 <= column < width for column in wanted):
        raise Refusal(f"columns={wanted}", f"{where} has {width}", "Give (x, y) or (x, y, error), counted from 0")
    return table[:, wanted[0]], table[:, wanted[1]], table[:, wanted[2]] if len(wanted) == 3 else None
