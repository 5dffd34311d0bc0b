"""The variables of a netCDF file, block by block: classic (CDF-1, CDF-2, CDF-5) by its header, netCDF-4 through HDF5.

The classic formats are read here since scipy's reader does not know CDF-5, which LAMMPS writes, and maps the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.links import inner

from .binary import opened, read_exactly

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Attributes = Mapping[str, str | Array]

HDF5 = b"\x89HDF\r\n\x1a\n"
LONGEST_HEADER, HEADER_PIECE = 1 << 24, 1 << 16
DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
KINDS = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: "u1", 8: ">u2", 9: ">u4", 10: ">i8", 11: ">u8"}
PACKED_AT_MOST = 1100  # times smaller than it is, by HDF5's own filters


class Variable(Protocol):
    """One array of a file: (frame, ...), or anything else."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first dimension, as many as are whole."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """What it holds."""
        ...

    @property
    def attributes(self) -> Attributes:
        """Text or numbers by name."""
        ...

    def read(self, first: int, stop: int) -> Array:
        """What stands from ``first`` to ``stop`` of the first dimension."""
        ...


@dataclass(frozen=True)
class NetCDF:
    """An open file."""

    variables: Mapping[str, Variable]
    attributes: Attributes
    declared: int | None = None  # frames that the header counts; None: the arrays say it


@contextmanager
def open_netcdf(path: Path) -> Iterator[NetCDF]:
    """Open either kind."""
    with opened(path) as file:
        head = os.pread(file, 8, 0)
        if head[:3] == b"CDF":
            yield _classic(file, path)
        elif head == HDF5:
            with _hdf5(path) as found:
                yield found
        else:
            raise Refusal("The file is no netCDF", str(path), "Check its name")


# netCDF-4


@dataclass(frozen=True)
class _Dataset:
    data: Any
    attributes: Attributes

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        kind: np.dtype[Any] = self.data.dtype
        return kind

    def read(self, first: int, stop: int) -> Array:
        return np.asarray(self.data[first:stop])


@contextmanager
def _hdf5(path: Path) -> Iterator[NetCDF]:
    import h5py

    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            found = {name: inner(file, name) for name in file}
            variables = {n: _Dataset(d, _attributes(d)) for n, d in found.items() if isinstance(d, h5py.Dataset)}
            most = PACKED_AT_MOST * (path.stat().st_size + 4096)
            for name, variable in variables.items():
                if math.prod(variable.shape) * variable.dtype.itemsize > most:
                    raise Refusal("A variable is larger than its file can hold", f"{path}: {name}{variable.shape}")
            yield NetCDF(variables, _attributes(file))
    except (AttributeError, KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal("The file is damaged", f"{path}: {error}", "Copy it again")


def _attributes(node: Any) -> Attributes:
    found: dict[str, str | Array] = {}
    for name in ("Conventions", "program", "units", "scale_factor"):
        value = node.attrs.get(name)
        if value is not None:
            plain = value.item() if getattr(value, "shape", None) == (1,) and value.dtype.kind in "SO" else value
            text = plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain
            found[name] = text if isinstance(text, str) else np.asarray(text)
    return found


# classic


@dataclass(frozen=True)
class _Classic:
    """A variable in a classic file: item k of its first dimension begins ``k * stride`` bytes behind ``begin``."""

    file: int
    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Attributes
    begin: int
    stride: int

    @property
    def each(self) -> int:
        """Bytes of one item of the first dimension."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def read(self, first: int, stop: int) -> Array:
        count, each = stop - first, self.each
        if self.stride == each:
            buffer = read_exactly(self.file, self.begin + first * each, self.begin + stop * each, self.path)
        else:
            buffer = bytearray(count * each)
            view = memoryview(buffer)
            for item in range(count):
                place = self.begin + (first + item) * self.stride
                done = os.preadv(self.file, [view[item * each : (item + 1) * each]], place)
                if done < each:  # the file became shorter, or a system call was cut short
                    view[item * each : (item + 1) * each] = read_exactly(self.file, place, place + each, self.path)
        return np.frombuffer(buffer, self.dtype).reshape(count, *self.shape[1:])


class _Header:
    """Walks through the header of a classic file."""

    def __init__(self, file: int, path: Path) -> None:
        self._file, self._path = file, path
        self._bytes = os.pread(file, HEADER_PIECE, 0)
        self.at = 4
        version = self._bytes[3] if len(self._bytes) > 3 else 0
        if version not in (1, 2, 5):
            raise Refusal(f"There is no netCDF format CDF-{version}", str(path), "Copy the file again")
        self.wide = 8 if version == 5 else 4  # bytes of a count
        self.far = 4 if version == 1 else 8  # and of a place in the file

    def take(self, size: int) -> bytes:
        """The next bytes."""
        while self.at + size > len(self._bytes) < LONGEST_HEADER:
            more = os.pread(self._file, HEADER_PIECE, len(self._bytes))
            if not more:
                break
            self._bytes += more
        part = self._bytes[self.at : self.at + size]
        if len(part) < size:
            raise Refusal("The file was cut in its header", str(self._path), "Give a file that was written to its end")
        self.at += size
        return part

    def number(self, size: int | None = None) -> int:
        """The next count, or whole number of ``size`` bytes."""
        return int.from_bytes(self.take(size or self.wide), "big")

    def padded(self, size: int) -> bytes:
        """The next bytes, and what fills them up to a multiple of four."""
        return self.take(size + -size % 4)[:size]

    def name(self) -> str:
        """The next name."""
        return self.padded(self.number()).decode("utf-8", "replace")

    def items(self, tag: int) -> range:
        """How many items of a kind follow."""
        found, count = self.number(4), self.number()
        if found not in (0, tag) or (found == 0 and count):
            raise self.damaged()
        return range(count)

    def attributes(self) -> Attributes:
        """The attributes that follow."""
        found: dict[str, str | Array] = {}
        for _ in self.items(ATTRIBUTES):
            name, kind = self.name(), self.kind()
            data = self.padded(self.number() * kind.itemsize)
            text = kind.kind == "S"
            found[name] = data.rstrip(b"\0").decode("utf-8", "replace") if text else np.frombuffer(data, kind)
        return found

    def kind(self) -> np.dtype[Any]:
        """The next kind of numbers."""
        number = self.number(4)
        if number not in KINDS:
            raise self.damaged()
        return np.dtype(KINDS[number])

    def damaged(self) -> Refusal:
        """What to say when the header makes no sense."""
        return Refusal("The header is damaged", f"{self._path}, at byte {self.at}", "Copy the file again")


def _classic(file: int, path: Path) -> NetCDF:
    header = _Header(file, path)
    records = header.number()
    sizes = []
    for _ in header.items(DIMENSIONS):
        header.name()
        sizes.append(header.number())
    attributes = header.attributes()
    found: list[tuple[_Classic, bool]] = []
    for _ in header.items(VARIABLES):
        name = header.name()
        used = [header.number() for _ in range(header.number())]
        if any(number >= len(sizes) for number in used):
            raise header.damaged()
        said = header.attributes()
        kind = header.kind()
        header.number()  # its bytes, which large variables can't say
        shape = tuple(sizes[number] for number in used)
        variable = _Classic(file, path, name, shape, kind, said, header.number(header.far), 0)
        found.append((variable, bool(shape) and shape[0] == 0))  # the record dimension has the size 0
    many = sum(recorded for _, recorded in found) > 1
    stride = sum(v.each + (-v.each % 4 if many else 0) for v, recorded in found if recorded)
    size = os.fstat(file).st_size
    unknown = records == (1 << 8 * header.wide) - 1  # of a file that was streamed
    variables = {}
    for variable, recorded in found:
        step = stride if recorded else variable.each
        room = size - variable.begin - variable.each
        fits = 0 if room < 0 or step == 0 else 1 + room // step
        declared = (fits if unknown else records) if recorded else (variable.shape or (0,))[0]
        variables[variable.name] = replace(variable, stride=step, shape=(min(fits, declared), *variable.shape[1:]))
    return NetCDF(variables, attributes, None if unknown else records)
