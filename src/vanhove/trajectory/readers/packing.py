"""How packed text files are unpacked: gzip and zstd, a piece at a time and never more of one than was asked for.

A packed file is a row of *members* (``cat a.gz b.gz``; zstd calls them frames), each unpacked by its own unpacker.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from vanhove.base.errors import Refusal

ZSTD_WINDOW = 27  # powers of two: 128 MB to look back over, the most that zstd itself unpacks without being told to


class Damaged(Exception):
    """Packed data that can't be unpacked; caught where the file's name is known."""


class Member(Protocol):
    """One member on its way out."""

    @property
    def ended(self) -> bool:
        """Whether its last byte is out."""
        ...

    @property
    def hungry(self) -> bool:
        """Whether nothing more comes out before more is put in."""
        ...

    def unpack(self, packed: bytes, size: int) -> tuple[bytes, bytes]:
        """At most ``size`` bytes, and what of ``packed`` is to be given again (to the next member when it ended)."""
        ...


class _Gzip:
    hungry = True  # what it does not take it gives back

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)

    @property
    def ended(self) -> bool:
        return self._unpacker.eof

    def unpack(self, packed: bytes, size: int) -> tuple[bytes, bytes]:
        try:
            part = self._unpacker.decompress(packed, size)
        except zlib.error as error:
            raise Damaged(str(error))
        return part, self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail


class _Zstd:
    def __init__(self) -> None:
        try:
            if sys.version_info >= (3, 14):
                from compression import zstd
            else:
                from backports import zstd
        except ImportError:
            raise Refusal("The file is packed with zstd, and nothing here unpacks it", "", "pip install backports.zstd")
        self._error = zstd.ZstdError
        self._unpacker = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW})

    @property
    def ended(self) -> bool:
        return self._unpacker.eof

    @property
    def hungry(self) -> bool:
        return self._unpacker.needs_input

    def unpack(self, packed: bytes, size: int) -> tuple[bytes, bytes]:
        try:
            part = self._unpacker.decompress(packed, size)
        except self._error as error:
            raise Damaged(str(error))
        return part, self._unpacker.unused_data if self._unpacker.eof else b""


class Packing(NamedTuple):
    """One way of packing."""

    name: str
    suffix: str
    member: Callable[[], Member]
    otherwise: str  # what else to try with data that can't be unpacked


GZIP = Packing("gzip", ".gz", _Gzip, "unpack what it holds with gzip -dc")
ZSTD = Packing("zstd", ".zst", _Zstd, "unpack it with zstd -d --long=31")


def packing_of(head: bytes) -> Packing | None:
    """How a file that begins with ``head`` (4 bytes) is packed; None when it is not."""
    if head.startswith(b"\x1f\x8b"):
        return GZIP
    skippable = head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5  # a zstd member that holds no data
    return ZSTD if skippable or head == b"\x28\xb5\x2f\xfd" else None


def bare_name(name: str) -> str:
    """A file's name without the suffix of its packing."""
    return name.removesuffix(GZIP.suffix).removesuffix(ZSTD.suffix)
