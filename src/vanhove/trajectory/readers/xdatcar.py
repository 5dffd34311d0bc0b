"""VASP's XDATCAR, also packed: the cell once at the head, or a header before every frame (NPT), or runs appended.

Fractional (``Direct``) or Cartesian rows; a negative scale is a volume. Headers of VASP 4 name no elements: then
``species=`` gives one a group. The file has no times: ``spacing=`` says how far its frames are apart; their numbers say
where some are missing. Positions may be wrapped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import Contents, Options

from .checks import check_ending, settle_species, settle_times
from .rows import RowFrames
from .text import Lines, TextFile, Torn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


_NUMBER = re.compile(r"=\s*([0-9]{1,18})\s*$")
MOST_BLANK = 10_000  # lines in a row: a small packed file can hold any number of them


@dataclass(frozen=True)
class _Header:
    cell: Floats
    scale: Floats  # of Cartesian rows, an axis each
    counts: tuple[int, ...]
    symbols: tuple[str, ...]  # empty where VASP 4 wrote none


def recognises(path: Path, head: bytes) -> bool:
    """Whether ``head`` begins as a POSCAR does, with frames after it; the name may say so too."""
    lines = head.decode("utf-8", "replace").splitlines()[:9]
    if len(lines) < 7 or not _numbers(lines[1]) or any(len(_numbers(line)) < 3 for line in lines[2:5]):
        return False
    return "XDATCAR" in path.name.upper() or any(_title(line) is not None for line in lines[6:9])


def scan(path: Path, options: Options) -> Contents:
    """Walk through the headers and count the rows; of the positions none is read."""
    from vanhove.kernels.parsing import POSITION

    headers: list[_Header] = []
    places: list[tuple[int, int]] = []
    numbers: list[int] = []
    fractional: bool | None = None
    torn = None
    with TextFile(path, "looking through") as file:
        lines = Lines(file)
        walker = _Walker(path, lines)
        try:
            while (found := walker.next(len(places))) is not None:
                header, title = found
                direct = _fractional(title)
                if direct != (direct if fractional is None else fractional):
                    raise Refusal(
                        "The frames are now fractional, now Cartesian", f"{path}, frame {len(places)}",
                        "Join runs that wrote the same kind",
                    )  # fmt: skip
                fractional = direct
                place = lines.skip(sum(header.counts))
                if place is None:
                    torn = f"in the rows of frame {len(places)}"
                    break
                headers.append(header)
                places.append(place)
                numbered = _NUMBER.search(title)
                numbers.append(int(numbered[1]) if numbered else -1)
        except Torn:
            torn = f"in the header of frame {len(places)}"
        check_ending(path, len(places), torn, cut=file.cut)
    if not places:
        raise Refusal("The file holds no frame", str(path), "Give an XDATCAR with frames after its header")
    notes: list[str] = []
    _check_numbers(np.array(numbers), path, notes)
    first = headers[0]
    if not fractional and any((header.scale != first.scale).any() for header in headers):
        raise Refusal("Cartesian rows with a scale that changes", str(path), "Write fractional (Direct) positions")
    cells, rows = np.array([header.cell for header in headers]), np.array(places, np.int64)
    frames = RowFrames(
        path, rows[:, 0], rows[:, 1], POSITION + np.arange(3), sum(first.counts),
        cells[:1] if (cells == cells[0]).all() else cells, np.zeros((len(rows), 3)), fractional=bool(fractional),
        length=1.0 if fractional else first.scale, loose=True,
    )  # fmt: skip
    return Contents(
        paths=(path,), format="xdatcar", species=_species(first, options, path), cells=frames.cells, frames=frames,
        times=settle_times(None, len(rows), options, path), continuous=False, has_velocities=False,
        notes=notes,
    )  # fmt: skip


def _species(header: _Header, options: Options, path: Path) -> NDArray[np.str_]:
    groups = [str(k + 1) for k in range(len(header.counts))]
    listed = options.species is not None and not isinstance(options.species, Mapping)
    by_group = not header.symbols or (listed and len(options.species or ()) == len(groups))
    labels = np.repeat(np.array(groups if by_group else header.symbols), header.counts)
    return settle_species(labels, options, path, kind="group" if by_group else "species")


def _check_numbers(numbers: NDArray[np.int64], path: Path, notes: list[str]) -> None:
    """Warn where the numbers of the frames jump, or go back but not to the first one, as those of another run do.

    -1 stands for a frame without a number. VASP counts the steps between frames too, as many as NBLOCK says.
    """
    known = int(np.argmin(numbers >= 0)) if (numbers < 0).any() else len(numbers)  # it runs out of digits
    numbers = numbers[:known]
    steps = np.diff(numbers)
    if not len(steps):
        return
    anew = steps <= 0
    apart, often = np.unique(steps[~anew], return_counts=True)
    rule = int(apart[np.argmax(often)]) if len(apart) else 1
    own_first = np.append(steps[1:], 0)  # a run that writes every tenth step begins with 10
    if anew.any():
        notes.append(f"{1 + int(anew.sum())} runs one after the other, as their numbers begin anew")
    if rule > 1:
        notes.append(f"the frames' numbers are {rule} apart")
    strange = np.where(anew, ~np.isin(numbers[1:], (1, numbers[0])) & (numbers[1:] != own_first), steps != rule)
    if strange.any():
        frame, more = int(np.argmax(strange)), int(strange.sum()) - 1
        warn(
            "Frames may be missing, or be there twice",
            f"{path}: frames {frame} and {frame + 1} are numbered {numbers[frame]} and {numbers[frame + 1]}, where "
            f"{rule} apart is the rule{f', and {more} more are such' if more else ''}",
            "With one spacing= their times are wrong from there on: check how the file was put together",
        )  # fmt: skip


class _Walker:
    """Gives the header that holds for one frame after the other, and the line above its rows."""

    def __init__(self, path: Path, lines: Lines) -> None:
        self._path, self._lines = path, lines
        self._header: _Header | None = None

    def next(self, frame: int) -> tuple[_Header, str] | None:
        """What stands before the rows that follow; None where the file ends."""
        line, blank = self._lines.line(), 0
        if self._header is not None:
            while line is not None and not line.strip():
                blank += 1
                if blank > MOST_BLANK:
                    raise Refusal(
                        f"More than {MOST_BLANK} blank lines stand one after the other",
                        f"{self._path}, after frame {frame - 1}", "The file is damaged there: copy it again",
                    )  # fmt: skip
                following = self._lines.peek()
                if following is not None and len(_numbers(following)) == 3:
                    return self._header, ""  # the oldest style: a blank line before each frame
                if following is not None and len(_numbers(following)) == 1:
                    break  # a header whose comment is blank
                line = self._lines.line()
            if line is not None and _title(line) is not None:
                return self._header, line
        if line is None:
            self._lines.end()
            return None
        known, self._header = self._header, self._read(line, frame)
        if known is not None and (known.counts, known.symbols) != (self._header.counts, self._header.symbols):
            raise Refusal(
                "The number or the species of the atoms changes", f"{self._path}, frame {frame}",
                "Join runs of one system only",
            )  # fmt: skip
        title = self._lines.need()
        if title.strip() and _title(title) is None:
            raise Refusal(
                "A frame does not begin with 'Direct configuration=' or the like",
                f"{self._path}, frame {frame}: '{title[:80]}'", "Check the file there",
            )  # fmt: skip
        return self._header, title

    def _read(self, comment: str, frame: int) -> _Header:
        """The lines after the comment: scale, three vectors, symbols (not in VASP 4), counts."""
        where = f"{self._path}, header of frame {frame} ('{comment.strip()[:40]}')"
        said = [self._lines.need() for _ in range(5)]
        scale, vectors, names = _numbers(said[0]), [_numbers(line)[:3] for line in said[1:4]], said[4].split()
        counts = said[4]
        symbols: tuple[str, ...] = ()
        if names and not names[0].isdigit():
            symbols = tuple(name.split("_")[0].split("/")[0] for name in names)  # Li_sv, Li/3f2a…
            counts = self._lines.need()
        numbers = [int(word) for word in counts.split() if word.isdigit()]
        sound = len(scale) in (1, 3) and all(len(vector) == 3 for vector in vectors) and numbers
        if not sound or (symbols and len(symbols) != len(numbers)):
            raise Refusal(
                "The header can't be read: scale, three vectors, symbols and counts are expected", where,
                "Check the file there: the number of rows before it may not be that of the atoms",
            )  # fmt: skip
        cell = np.array(vectors)
        factors = np.array(scale * (3 // len(scale)))
        if len(scale) == 1 and scale[0] < 0:  # the volume
            factors = np.full(3, (-scale[0] / abs(np.linalg.det(cell))) ** (1 / 3))
        return _Header(cell * factors, factors, tuple(numbers), symbols)


def _fractional(title: str) -> bool:
    """Whether the rows below a frame's title are; in the oldest style it is blank."""
    return _title(title) is not False


def _title(line: str) -> bool | None:
    """Whether a line above a frame's rows says fractional; None when it is no such line."""
    words = line.strip().lower()
    if words.startswith(("direct", "konfig")):
        return True
    return False if words.startswith(("cart", "kart")) else None


def _numbers(line: str) -> list[float]:
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        return []
