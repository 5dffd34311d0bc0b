"""Text files, plain or packed, walked forward a piece at a time: never more of one in memory than was asked for.

Pieces are read, not mapped: the pages of a mapped file count as this process's own memory, and a file that is cut while
it is read would end the process.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Self

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.progress import Progress

from .packing import Damaged, packing_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PIECE = 1 << 20  # bytes read at once while looking for frames
PACKED = 1 << 18  # compressed bytes taken at once
MARGIN = 1  # line end that every piece given to a kernel has behind it
MOST_LINES = 1 << 60  # no file has as many, and a compiled loop can count them
LONGEST = 1 << 24  # bytes of a line: more is no text of frames, and a small packed file can hold any amount of it
WIDEST = 1 << 12  # bytes that a row of numbers may have, taken over those of a frame
_INK = re.compile(rb"\S")


class TextFile:
    """The bytes of a file, unpacked where they are packed. Going forward is cheap; back, a packed file starts anew.

    ``what`` is said on the terminal, with how far it is, when walking through the file takes long.
    """

    def __init__(self, path: Path, what: str = "") -> None:
        self.path = path
        self._progress = Progress(f"{what} {path.name}", path.stat().st_size) if what else None
        self.cut = False  # whether a packed file was found to lack its end
        self._file = os.open(path, os.O_RDONLY)
        self._packing = packing_of(os.pread(self._file, 4, 0))
        try:
            self._rewind()
        except Refusal as refusal:
            os.close(self._file)
            raise Refusal(refusal.what, str(path), refusal.do)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        if self._progress is not None:
            self._progress.__exit__()

    def read_into(self, start: int, room: memoryview) -> int:
        """Fill ``room`` with the bytes from ``start`` on; fewer where the file ends."""
        done = 0
        while done < len(room):
            if self._packing is not None:
                part = self._unpack(start + done, len(room) - done)
                count = len(part)
                room[done : done + count] = part
            else:
                count = os.preadv(self._file, [room[done:]], start + done)
                self._advance(count)
            if count == 0:
                break
            done += count
        return done

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The bytes from ``start`` to ``stop`` and a line end behind them."""
        room = np.empty(stop - start + MARGIN, np.uint8)
        done = self.read_into(start, room.data[: stop - start])
        room[done] = 10
        if done < stop - start - MARGIN:  # the last line may have borrowed its end from the margin
            raise Refusal("The file became shorter while it was read", str(self.path), "Open it again")
        return room

    def _rewind(self) -> None:
        self._member = None if self._packing is None else self._packing.member()
        self._taken = 0  # packed bytes read so far
        self._waiting = b""  # packed bytes read and not yet unpacked
        self._ready = b""  # unpacked bytes from self._at on
        self._at = 0

    def _unpack(self, start: int, size: int) -> bytes:
        """At most ``size`` unpacked bytes from ``start`` on; none at the end."""
        if start < self._at:
            self._rewind()
        while True:
            if start < self._at + len(self._ready):
                return self._ready[start - self._at :][:size]
            self._at += len(self._ready)
            self._ready = self._next()
            if not self._ready:
                return b""

    def _next(self) -> bytes:
        while True:
            if self._member is None or (self._member.ended and not self._next_member()):
                return b""
            packed = self._waiting
            if not packed and self._member.hungry:
                packed = self._more()
                if not packed:
                    self.cut = True
                    return b""
            try:
                part, self._waiting = self._member.unpack(packed, PIECE)
            except Damaged as error:
                raise self._damage(error)
            if part:
                return part

    def _next_member(self) -> bool:
        """Whether another member follows, as after ``cat a.gz b.gz``; zeros between them are padding."""
        self._waiting = self._waiting.lstrip(b"\0")
        while not self._waiting and (more := self._more()):
            self._waiting = more.lstrip(b"\0")
        if self._waiting and self._packing is not None:
            self._member = self._packing.member()
        return bool(self._waiting)

    def _damage(self, error: Damaged) -> Refusal:
        name, otherwise = ("", "") if self._packing is None else (self._packing.name, self._packing.otherwise)
        return Refusal(f"The {name} data is damaged", f"{self.path}: {error}", f"Copy the file again, or {otherwise}")

    def _more(self) -> bytes:
        part = os.pread(self._file, PACKED, self._taken)
        self._taken += len(part)
        self._advance(len(part))
        return part

    def _advance(self, amount: int) -> None:
        if self._progress is not None:
            self._progress.advance(amount)


class Torn(Exception):
    """A file ends before the line that is needed; caught by the readers, never seen outside."""


class Lines:
    """Walks a file's lines: header lines as text, rows of numbers by counting line ends."""

    def __init__(self, file: TextFile) -> None:
        self._file = file
        self._piece = bytearray()
        self._base = 0  # where the piece starts in the file
        self._at = 0  # where we stand in the piece

    @property
    def offset(self) -> int:
        """Where the next line starts in the file."""
        return self._base + self._at

    def line(self) -> str | None:
        """The next line without its end; None when no *whole* line is left."""
        end = self._piece.find(b"\n", self._at)
        while end < 0:
            searched = len(self._piece) - self._at
            if not self._extend(self._at):
                return None
            end = self._piece.find(b"\n", self._at + searched)
        text = self._piece[self._at : end].decode("utf-8", "replace")
        self._at = end + 1
        return text.rstrip("\r")

    def need(self) -> str:
        """The next line; :class:`Torn` where no whole one is left."""
        text = self.line()
        if text is None:
            raise Torn
        return text

    def begin(self) -> str | None:
        """The line that begins a frame, blank ones passed over; None at the end, :class:`Torn` inside a last line."""
        while (ink := _INK.search(self._piece, self._at)) is None:
            if not self._extend(len(self._piece)):
                return None
        self._at = max(self._at, self._piece.rfind(b"\n", 0, ink.start()) + 1)
        text = self.line()
        if text is None:
            self.end()
        return text

    def end(self) -> None:
        """:class:`Torn` where something stands behind the last line end, once :meth:`line` has given None."""
        if self._piece[self._at :].strip():
            raise Torn

    def peek(self) -> str | None:
        """The next line, which :meth:`line` gives again."""
        text = self.line()
        if text is not None:
            self._at = self._piece.rfind(b"\n", 0, self._at - 1) + 1
        return text

    def skip(self, lines: int) -> tuple[int, int] | None:
        """Pass over ``lines`` lines: where they start and stop in the file, or None when it ends before.

        A last line without its line end is taken when nothing of it can be missing; it stops one byte after the file.
        """
        from vanhove.kernels.parsing import skip_lines

        start, left = self.offset, min(lines, MOST_LINES)
        while True:
            text = np.frombuffer(self._piece, np.uint8)
            at, left = skip_lines(text, self._at, text.size, left)
            del text  # a view keeps the piece from growing
            if left == 0:
                self._at = at
                return start, self.offset
            if self._base + at - start > lines * WIDEST + LONGEST:
                raise Refusal(
                    f"{lines} rows take more than {(lines * WIDEST + LONGEST) >> 20} MB",
                    f"{self._file.path}, from byte {start}", "This is no text file of frames",
                )  # fmt: skip
            begun = self._piece.rfind(b"\n", 0) + 1  # the line that the piece ends in
            self._at = max(begun, self._at)
            before = self._piece.rfind(b"\n", 0, max(begun - 1, 0)) + 1
            if not self._extend(min(before, self._at)):
                break
        if left == 1 and not self._file.cut and self._unended_is_whole():
            self._at = len(self._piece) + 1
            return start, self.offset
        return None

    def _unended_is_whole(self) -> bool:
        """Whether the last line has as many columns and, in its last one, as many decimals as the line before it."""
        *_, before, last = [b"", *bytes(self._piece).rsplit(b"\n", 2)[-2:]]
        model, columns = before.split(), last.split()
        if not columns or len(columns) != len(model):
            return False
        return _decimals(columns[-1]) >= max(_decimals(column) for column in (*columns, model[-1]))

    def _extend(self, keep: int) -> bool:
        """Put the next piece of the file behind what stands from ``keep`` on; False at the end of the file."""
        kept = self._piece[keep:]
        if len(kept) > LONGEST:
            raise Refusal(
                f"A line goes on for more than {LONGEST >> 20} MB", f"{self._file.path}, from byte {self._base + keep}",
                "This is no text file of frames",
            )  # fmt: skip
        piece = bytearray(len(kept) + PIECE)
        piece[: len(kept)] = kept
        done = self._file.read_into(self._base + len(self._piece), memoryview(piece)[len(kept) :])
        del piece[len(kept) + done :]
        if done == 0:
            return False
        self._piece, self._base, self._at = piece, self._base + keep, self._at - keep
        return True


def _decimals(number: bytes) -> int:
    """Characters after the point; an exponent counts as some."""
    return len(number.partition(b".")[2])
