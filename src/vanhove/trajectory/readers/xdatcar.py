"""VASP's XDATCAR, also packed: the cell once at the head, or a header before every frame (NPT), or runs appended.

Fractional (``Direct``) or Cartesian rows; a negative scale is a volume. Headers of VASP 4 name no elements: then
``species=`` gives one a group. The file counts nothing: ``spacing=`` says how far its frames are apart. Positions may
be wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import Contents, Options

from .checks import check_ending, settle_species, settle_times
from .rows import RowFrames
from .text import Lines, TextFile, Torn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


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
    fractional: bool | None = None
    torn = None
    with TextFile(path, "looking through") as file:
        lines = Lines(file)
        walker = _Walker(path, lines)
        try:
            while (found := walker.next(len(places))) is not None:
                header, direct = found
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
        except Torn:
            torn = f"in the header of frame {len(places)}"
        check_ending(path, len(places), torn, cut=file.cut)
    if not places:
        raise Refusal("The file holds no frame", str(path), "Give an XDATCAR with frames after its header")
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
    )  # fmt: skip


def _species(header: _Header, options: Options, path: Path) -> NDArray[np.str_]:
    groups = [str(k + 1) for k in range(len(header.counts))]
    listed = options.species is not None and not isinstance(options.species, Mapping)
    by_group = not header.symbols or (listed and len(options.species or ()) == len(groups))
    labels = np.repeat(np.array(groups if by_group else header.symbols), header.counts)
    return settle_species(labels, options, path, kind="group" if by_group else "species")


class _Walker:
    """Gives the header that holds for one frame after the other, and whether its rows are fractional."""

    def __init__(self, path: Path, lines: Lines) -> None:
        self._path, self._lines = path, lines
        self._header: _Header | None = None

    def next(self, frame: int) -> tuple[_Header, bool] | None:
        """What stands before the rows that follow; None where the file ends."""
        line = self._lines.line()
        if self._header is not None:
            while line is not None and not line.strip():
                following = self._lines.peek()
                if following is not None and len(_numbers(following)) == 3:
                    return self._header, True  # the oldest style: a blank line before each frame
                if following is not None and len(_numbers(following)) == 1:
                    break  # a header whose comment is blank
                line = self._lines.line()
            direct = None if line is None else _title(line)
            if direct is not None:
                return self._header, direct
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
        direct = True if not title.strip() else _title(title)
        if direct is None:
            raise Refusal(
                "A frame does not begin with 'Direct configuration=' or the like",
                f"{self._path}, frame {frame}: '{title[:80]}'", "Check the file there",
            )  # fmt: skip
        return self._header, direct

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
