"""VASP's vasprun.xml, also packed: the structure of every ionic step.

It stands inside ``<calculation>`` or, where a machine-learned force field made the step, outside it. Species and masses
are those of ``<atominfo>``. Times are POTIM · step in molecular dynamics (IBRION = 0), of which VASP writes every step
whatever NBLOCK says; other runs have none, and ``spacing=`` is asked for. Positions may be wrapped. The file has no
velocities but those that a run began with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import Contents, Options

from .checks import check_ending, settle_species, settle_times
from .clocks import by_steps
from .rows import RowFrames
from .text import PIECE, TextFile
from .vasprun_head import Head, read_head

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# XML without comments, declarations and the like has '<' in tags only: these mark all structures there are.
_TAG = re.compile(rb"<(?:(?P<end>/?)structure[\s>]|(?P<last>/modeling)|(?P<other>[!?]))")
_TAG_BYTES = 16
_NAMED = re.compile(rb"<structure\s[^>]*name\s*=")
_BASIS = re.compile(rb"<varray\s[^>]*name\s*=\s*[\"']basis[\"'][^>]*>")
_POSITIONS = re.compile(rb"<varray\s[^>]*name\s*=\s*[\"']positions[\"'][^>]*>")
_VECTOR = re.compile(rb"<v>([^<]*)</v>")
# `<v> x y z </v>`: a row ends at the slash, wherever the file breaks its lines
MARKUP = bytes.maketrans(b"<v>\r\n/", b"     \n")
STRUCTURE_BYTES, ATOM_BYTES = 1 << 16, 1 << 9  # more than a structure takes beside its atoms, and for each of them
REFIT = (6, 4, 3)  # the version from which ML_OUTBLOCK thins vasprun.xml


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` has VASP's root element."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<modeling" in head


def scan(path: Path, options: Options) -> Contents:
    """Read the head and look up where the positions of every step stand; of them none is read."""
    with TextFile(path, "looking through") as file:
        head = read_head(file)
        body = Body(path, len(head.labels))
        torn = "in its head" if head.torn else None
        if head.start is not None:
            torn = body.walk(file, head.start)
        check_ending(path, len(body.cells), torn, cut=file.cut)
    frames = len(body.cells)
    if not frames:
        raise Refusal("The file holds no frame", str(path), "Give the vasprun.xml of a run with ionic steps")
    notes: list[str] = []
    stride = _stride(head)
    counted = by_steps(np.arange(frames) * stride, _counted(head, frames, stride, path, notes), options, path)
    rows = rows_of(body)
    return Contents(
        paths=(path,), format="vasprun", cells=rows.cells, continuous=False, has_velocities=False,
        species=settle_species(np.array(head.labels), options, path, kind="species", masses=head.masses),
        masses=head.masses, frames=rows, times=settle_times(counted, frames, options, path),
        temperature=_temperature(head, notes), notes=notes,
    )  # fmt: skip


@dataclass
class Body:
    """Where the rows of each frame stand, and its cell."""

    path: Path
    n_atoms: int
    cells: list[Floats] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    _basis: bytes = b""  # of the last frame
    _closed: bool = False  # whether </modeling> was met

    def walk(self, file: TextFile, start: int) -> str | None:
        """Take every frame from ``start`` on; what the file ends in, None where it is whole."""
        for offset, block, ended in self._structures(file, start):
            if _NAMED.match(block) is not None:
                continue  # those with a name repeat the first and the last step
            if not ended:
                return f"in the structure of frame {len(self.cells)}"
            self._take(offset, block)
        return None if self._closed else "before </modeling>, where its run would have ended"

    def _structures(self, file: TextFile, start: int) -> Iterator[tuple[int, bytes, bool]]:
        """Where each structure begins in the file, its text, and whether that ends before the file does."""
        room = bytearray(PIECE)
        text, base, at = b"", start, 0
        begin: int | None = None
        while True:
            tag = None if self._closed else _TAG.search(text, at)
            if tag is None:
                done = len(text) if self._closed else max(at, len(text) - _TAG_BYTES)
                if self._closed and text[at:].strip(b"> \t\r\n\0"):
                    raise self._damaged(
                        "Something stands behind the end of the run, </modeling>", base + at,
                        "Give the runs that it may be made of as several files, in their order",
                    )  # fmt: skip
                kept = done if begin is None else begin
                if len(text) - kept > STRUCTURE_BYTES + ATOM_BYTES * self.n_atoms + PIECE:
                    raise self._damaged("A structure is longer than its atoms can make it", base + kept)
                got = file.read_into(base + len(text), memoryview(room))
                if not got:
                    break
                text, base, at = text[kept:] + room[:got], base + kept, done - kept
                begin = None if begin is None else 0
                continue
            at = tag.end()
            if tag["other"]:
                raise self._damaged("A comment, a declaration or the like among the steps", base + tag.start())
            if tag["last"]:
                self._closed = True
            elif bool(tag["end"]) == (begin is None):
                raise self._damaged("A structure begins inside another, or ends twice", base + tag.start())
            elif begin is None:
                begin = tag.start()
            else:
                yield base + begin, text[begin:at], True
                begin = None
        if begin is not None:
            yield base + begin, text[begin:], False

    def _damaged(self, what: str, place: int, do: str = "Check the file there: VASP writes nothing like it") -> Refusal:
        return Refusal(what, f"{self.path}, byte {place}, in or after frame {len(self.cells)}", do)

    def _take(self, offset: int, block: bytes) -> None:
        where = f"{self.path}, frame {len(self.cells)}"
        basis, positions = _BASIS.search(block), _POSITIONS.search(block)
        if basis is None or positions is None:
            raise Refusal("A structure has no basis or no positions", where, "Check the file there")
        vectors = block[basis.end() : block.find(b"</varray", basis.end())]
        if vectors != self._basis:
            self._basis, cell = vectors, _cell(vectors, where)
        else:
            cell = self.cells[-1]
        begin, stop = positions.end(), block.find(b"</varray", positions.end())
        rows = {block.count(tag, begin, stop) for tag in (b"<v>", b"</v>")}
        if rows != {self.n_atoms} or not self.n_atoms:
            raise Refusal(
                f"A structure holds {' or '.join(map(str, sorted(rows)))} positions, not one of each atom",
                f"{where}: <atominfo> lists {self.n_atoms} atoms", "Check the file there",
            )  # fmt: skip
        self.places.append((offset + block.find(b"<v>", begin), offset + block.rfind(b"/", begin, stop) + 1))
        self.cells.append(cell)


def _cell(vectors: bytes, where: str) -> Floats:
    try:
        cell = np.array([[float(word) for word in row.split()] for row in _VECTOR.findall(vectors)]).reshape(3, 3)
    except ValueError:
        cell = np.full((3, 3), np.nan)
    if not np.isfinite(cell).all():
        shown = " ".join(vectors.decode("utf-8", "replace").split())
        raise Refusal("The cell is not three vectors", f"{where}: '{shown[:200]}'", "Check the file there")
    return cell


def rows_of(body: Body) -> RowFrames:
    """The positions of the frames that were found."""
    from vanhove.kernels.parsing import POSITION

    cells, places = np.array(body.cells), np.array(body.places, np.int64)
    return RowFrames(
        body.path, places[:, 0], places[:, 1], POSITION + np.arange(3), body.n_atoms,
        cells[:1] if (cells == cells[0]).all() else cells, np.zeros((len(cells), 3)), fractional=True, markup=MARKUP,
    )  # fmt: skip


def _counted(head: Head, frames: int, stride: int, path: Path, notes: list[str]) -> Floats | None:
    """Times by POTIM (ps); None where the run is no molecular dynamics or does not say."""
    kind, step = head.number("IBRION"), head.number("POTIM")
    if kind not in (None, 0) and frames > 1:
        warn(
            "The run is no molecular dynamics", f"{path}: IBRION={kind:.0f}",
            "Its frames are steps of a relaxation or the like, not of time: use its structures, not its dynamics",
        )  # fmt: skip
    if kind != 0 or step is None or step <= 0:
        return None
    planned = head.number("NSW")
    if planned is not None and (frames - 1) * stride >= planned > 0:
        warn(
            "The file holds more steps than the run was to make, so that its times are not known",
            f"{path}: {frames} frames, NSW={planned:.0f}", "Give spacing= (ps between frames)",
        )  # fmt: skip
        return None
    notes.append(f"times from POTIM: {step:g} fs a step, {stride} steps between frames")
    return np.arange(frames, dtype=np.float64) * np.float64(step * stride / 1e3)


def _stride(head: Head) -> int:
    """Steps between the frames: 1, but for ML_OUTBLOCK where a machine-learned force field makes all steps."""
    version = tuple(int(part) for part in re.findall(r"\d{1,9}", head.settings.get("version", ""))[:3])
    learned = head.settings.get("ML_LMLFF", "F").strip(".").upper().startswith("T")
    predicts = head.settings.get("ML_MODE", "").upper().startswith("RUN") or head.number("ML_ISTART") == 2
    return max(1, int(head.number("ML_OUTBLOCK") or 1)) if learned and predicts and version >= REFIT else 1


def _temperature(head: Head, notes: list[str]) -> float | None:
    """TEBEG (K) where a thermostat held it; without one it is only what the velocities began with."""
    first, last = head.number("TEBEG"), head.number("TEEND")
    if head.number("IBRION") != 0 or first is None or first <= 0:
        return None
    if last not in (None, first):
        notes.append(f"no temperature: it went from TEBEG={first:g} to TEEND={last:g} K")
        return None
    algorithm, mass = head.number("MDALGO") or 0, head.number("SMASS")
    if algorithm in (0, 2):
        held = mass is not None and mass >= -1
    elif algorithm == 1:
        held = (head.number("ANDERSEN_PROB") or 0) > 0
    else:
        held = True
    if not held:
        notes.append(f"no temperature: without a thermostat TEBEG={first:g} K is what the velocities began with")
    return first if held else None
