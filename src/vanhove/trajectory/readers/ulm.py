"""ASE's ULM files: a list of items, each a small JSON text beside binary arrays. Read with nothing of ASE.

The file begins with ``- of Ulm``, a tag and where the list of the items' places lies. Of the JSON only plain values are
taken: nothing that a file says makes an object, and no array is read before it was seen to lie within the file.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

from .text import Torn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

STARTS = (b"- of Ulm", b"AFFormat")
HEADER = 48  # bytes: 8 of magic, 16 of tag, and version, number of items, place of their list
LONGEST = 1 << 26  # bytes of an item's JSON: arrays lie beside it
GLANCE = 1 << 12  # read at once where an item begins; most are shorter


class Array(NamedTuple):
    """Where an array lies in the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int

    @property
    def stop(self) -> int:
        """The byte behind it."""
        return self.start + prod(self.shape) * self.dtype.itemsize


@dataclass
class Item:
    """One item's values; ``where`` names it in messages."""

    values: dict[str, Any]
    little_endian: bool
    size: int  # of the file
    where: str

    def array(self, name: str) -> Array | None:
        """The array called ``name``; :class:`~.text.Torn` where the file ends before it does."""
        said = self.values.get(f"{name}.")
        if not isinstance(said, dict) or "ndarray" not in said:
            return None
        try:
            shape, kind, start = said["ndarray"]
            sizes = [int(size) for size in shape]
            dtype = np.dtype(str(kind)).newbyteorder("<" if self.little_endian else ">")
            start = int(start)
        except (TypeError, ValueError, OverflowError, SyntaxError):  # numpy parses the type's name
            raise damaged(f"{self.where}: {name}")
        if dtype.kind not in "fiu" or min([dtype.itemsize - 1, start - HEADER, *sizes]) < 0:
            raise damaged(f"{self.where}: {name}")
        array = Array(tuple(sizes), dtype, start)
        if array.stop > self.size:
            raise Torn
        return array


def damaged(where: str) -> Refusal:
    """What to say of a file whose structure is broken."""
    return Refusal("The file is damaged", where, "Copy it again, or write it again with ase.io.write")


def read_array(file: int, array: Array, dtype: DTypeLike) -> NDArray[Any]:
    """An array's numbers; :class:`~.text.Torn` where the file has become shorter."""
    raw = os.pread(file, array.stop - array.start, array.start)
    if len(raw) < array.stop - array.start:
        raise Torn
    return np.frombuffer(raw, array.dtype).reshape(array.shape).astype(dtype)


def tag_of(head: bytes) -> bytes | None:
    """What kind of ULM file begins with ``head``; None when it is none."""
    return head[8:24].strip() if head.startswith(STARTS) else None


def read_list(file: int, path: Path) -> tuple[NDArray[np.int64], int]:
    """Where the items lie, and how many the file says that it has; fewer places where it was cut."""
    size = os.fstat(file).st_size
    head = os.pread(file, HEADER, 0)
    if len(head) < HEADER or tag_of(head) is None:
        raise damaged(f"{path}, header")
    _, count, start = np.frombuffer(head, "<i8", offset=24).tolist()
    if count < 0 or start < HEADER:
        raise damaged(f"{path}, header")
    there = max(0, min(count, (size - start) // 8))
    return np.frombuffer(os.pread(file, 8 * there, start), "<i8").astype(np.int64), count


def read_item(file: int, start: int, where: str) -> Item:
    """The item that lies at ``start``; :class:`~.text.Torn` where the file ends before it does."""
    size = os.fstat(file).st_size
    if start < HEADER:
        raise damaged(where)
    text = os.pread(file, GLANCE, start)
    if len(text) < 8:
        raise Torn
    length = int.from_bytes(text[:8], "little", signed=True)
    if not 0 < length < LONGEST:
        raise damaged(where)
    if start + 8 + length > size:
        raise Torn
    if len(text) < 8 + length:
        text += os.pread(file, 8 + length - len(text), start + len(text))
    try:
        values = json.loads(text[8 : 8 + length])
    except (ValueError, RecursionError):
        raise damaged(where)
    if not isinstance(values, dict):
        raise damaged(where)
    return Item(values, values.get("_little_endian", True) is not False, size, where)
