"""Arrays in numpy's own format, read by rows; a header is believed only as far as the file is long."""

from __future__ import annotations

import os
import tokenize
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from vanhove.base.errors import Refusal

from .binary import opened, read_exactly

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LONGEST = 10_000  # characters of a header: numpy's own limit
UNREADABLE = (OSError, ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError)


class Npy(NamedTuple):
    """Where the numbers of a file lie."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    rows: int  # that are there whole: fewer than the shape says where the file was cut

    @property
    def row_bytes(self) -> int:
        """Bytes from one row to the next."""
        return prod(self.shape[1:]) * self.dtype.itemsize

    def read(self, file: int, first: int, last: int) -> Floats:
        """Rows ``first`` to ``last`` (not included), from the descriptor ``file``."""
        raw = read_exactly(file, self.start + first * self.row_bytes, self.start + last * self.row_bytes, self.path)
        return np.frombuffer(raw, self.dtype).reshape(last - first, *self.shape[1:]).astype(np.float64)

    def read_all(self) -> Floats:
        """All rows that are there."""
        with opened(self.path) as file:
            return self.read(file, 0, self.rows)


def read_header(path: Path) -> Npy:
    """What a file says that it holds; refused where that is no array of plain numbers in rows."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            version = npy_format.read_magic(file)
            if version == (1, 0):
                shape, by_columns, dtype = npy_format.read_array_header_1_0(file, LONGEST)
            else:
                shape, by_columns, dtype = npy_format.read_array_header_2_0(file, LONGEST)
            start = file.tell()
    except UNREADABLE as error:
        raise Refusal(
            "The file is no array of numpy's", f"{path}: {error}", "Copy it again, or write it with numpy.save"
        )
    if dtype.kind not in "fiu" or not shape or min([dtype.itemsize, *shape[1:], shape[0] + 1]) < 1:
        raise Refusal("The array does not hold plain numbers", f"{path}: {dtype} of shape {shape}")
    if by_columns:
        raise Refusal(
            "The array is stored by columns",
            str(path),
            "Write it again: numpy.save(file, numpy.ascontiguousarray(array))",
        )
    found = Npy(path, tuple(shape), dtype, start, 0)
    return found._replace(rows=min(shape[0], (size - start) // found.row_bytes))
