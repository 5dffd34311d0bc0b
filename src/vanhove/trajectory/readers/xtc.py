"""XTC, as GROMACS and LAMMPS write it: nm and ps become Å and ps; frames are unpacked by several threads.

Positions are rounded to the precision that the file states, mostly 0.01 Å. Which atoms they are of the file does not
say: give ``topology=``, the LAMMPS data file of the run, or ``species=`` one label for every atom; nor whether they
were wrapped: the shortest image between frames unwraps them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import in_order
from vanhove.trajectory.contents import Contents, Options, RawBlock

from .atoms import atoms_of
from .binary import check_block, frames_at_once, opened, read_exactly
from .cells import note_corner, once_if_constant
from .checks import check_ending, refuse_unused, settle_times
from .clocks import by_steps, first_of_repeated, unrounded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MAGIC, WIDE_MAGIC = 1995, 2023  # the second counts its bytes in 64 bits
NM = 10.0  # Å
BITS_AT_LEAST = 2  # that an atom takes
HEAD = np.dtype(
    [("magic", ">i4"), ("atoms", ">i4"), ("step", ">i4"), ("time", ">f4"), ("cell", ">f4", (3, 3)), ("again", ">i4")]
)
MOST = 100  # bytes before the packed ones, at most


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` begins an XTC."""
    return int.from_bytes(head[:4], "big") in (MAGIC, WIDE_MAGIC)


@dataclass
class _Index:
    """Where the whole frames are."""

    starts: Ints
    stops: Ints
    heads: NDArray[np.void]
    torn: str | None


def scan(path: Path, options: Options) -> Contents:
    """Walk from frame to frame by their heads; of the positions none is unpacked."""
    with opened(path) as file:
        index = _index(path, file)
        check_ending(path, len(index.starts), index.torn)
        heads = index.heads
        precision = _precision(file, int(index.starts[0]), int(heads["atoms"][0]))
    notes = ["positions may be wrapped or not: an XTC does not say"]
    notes.append("single precision" if precision is None else f"positions rounded to {NM / precision:g} Å")
    keep = _kept(heads, path, notes)
    steps, times = heads["step"][keep], heads["time"][keep].astype(np.float32)
    if not np.isfinite(times).all():
        frame = int(np.flatnonzero(keep)[np.argmin(np.isfinite(times))])
        raise Refusal(f"The time of frame {frame} is not a finite number", str(path), "Use the frames before it")
    own = unrounded(times, steps) if np.ptp(times) > 0 or len(times) == 1 else None
    counts = bool((np.diff(steps) > 0).all()) and len(steps) > 1
    if not counts and len(steps) > 1:
        refuse_unused(options, "timestep", f"{path}: the steps of its frames do not rise")
    if options.topology is None:
        refuse_unused(options, "units", f"{path} is in nm, as every XTC")
    counted = by_steps(steps, own, options, path) if counts else own
    atoms = atoms_of(options, int(heads["atoms"][0]), path, notes)
    with np.errstate(invalid="ignore"):
        cells = once_if_constant(heads["cell"][keep].astype(np.float64) * NM)
    note_corner(cells, notes)
    frames = XtcFrames(
        path, index.starts[keep], index.stops[keep], np.flatnonzero(keep), int(heads["atoms"][0]),
        int(heads["magic"][0]) == WIDE_MAGIC,
    )  # fmt: skip
    return Contents(
        paths=(path,), format="xtc", species=atoms.species, times=settle_times(counted, len(steps), options, path),
        cells=cells, continuous=False, has_velocities=False, frames=frames, masses=atoms.masses,
        charges=atoms.charges, clock="timestep" if counts and own is None else "spacing", notes=notes,
    )  # fmt: skip


def _index(path: Path, file: int) -> _Index:
    from vanhove.kernels.xdr import HEAD as UNPACKED_HEAD
    from vanhove.kernels.xdr import PACKED_HEAD, UNPACKED

    size, at, torn = os.fstat(file).st_size, 0, None
    starts: list[int] = []
    stops: list[int] = []
    heads: list[bytes] = []
    magic, atoms = 0, 0
    while at < size:
        frame, head = len(starts), os.pread(file, MOST, at)
        first = (int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big"))
        if frame == 0:
            magic, atoms = first
        if first != (magic, atoms) and len(head) >= 8:
            raise _other(path, frame, first, (magic, atoms))
        wide = 8 if magic == WIDE_MAGIC else 4
        packed = UNPACKED_HEAD + PACKED_HEAD + wide
        if atoms <= UNPACKED:
            begin, stop = at + UNPACKED_HEAD, at + UNPACKED_HEAD + 12 * atoms
        else:
            begin, stop = at + packed, at + packed + int.from_bytes(head[packed - wide : packed], "big")
        if begin > size or stop > size:
            torn = f"in frame {frame}"
            break
        if int.from_bytes(head[52:56], "big") != atoms or (
            atoms > UNPACKED and 8 * (stop - begin) < BITS_AT_LEAST * atoms
        ):
            raise Refusal(
                "The file is damaged", f"{path}, frame {frame}: its numbers of atoms and of bytes do not agree",
                "Copy the file again",
            )  # fmt: skip
        starts.append(at)
        stops.append(stop)
        heads.append(head[: HEAD.itemsize])
        at = begin + (stop - begin + 3) // 4 * 4
    return _Index(np.array(starts, np.int64), np.array(stops, np.int64), np.frombuffer(b"".join(heads), HEAD), torn)


def _other(path: Path, frame: int, found: tuple[int, int], first: tuple[int, int]) -> Refusal:
    if found[0] != first[0] or frame == 0:
        return Refusal(
            "Something stands where a frame should begin", f"{path}, frame {frame}",
            "The file is damaged there: copy it again, or cut it before that frame",
        )  # fmt: skip
    return Refusal(
        f"The number of atoms changes from {first[1]} to {found[1]}", f"{path}, frame {frame}",
        "Write a group of atoms that stays the same",
    )  # fmt: skip


def _precision(file: int, start: int, atoms: int) -> float | None:
    """Steps in a nm; None where positions are not rounded."""
    from vanhove.kernels.xdr import HEAD as UNPACKED_HEAD
    from vanhove.kernels.xdr import UNPACKED

    if atoms <= UNPACKED:
        return None
    precision = float(np.frombuffer(os.pread(file, 4, start + UNPACKED_HEAD), ">f4")[0])
    return precision if np.isfinite(precision) and precision > 0 else None


def _kept(heads: NDArray[np.void], path: Path, notes: list[str]) -> NDArray[np.bool_]:
    """Which frames a restart did not write once more: by their times, else their steps, where either counts."""
    steps, times = heads["step"], heads["time"]
    if (np.diff(steps) > 0).all() and not (np.diff(times) < 0).any():  # equal times may be rounded ones
        return np.full(len(heads), True)
    for what, counted in (("time", times), ("step", steps)):
        if np.ptp(counted) > 0:
            return first_of_repeated(counted, path, notes, what)
    return np.full(len(heads), True)


@dataclass(frozen=True)
class XtcFrames:
    """Unpacks the frames between ``starts`` and ``stops``; ``numbers`` are theirs in the file."""

    path: Path
    starts: Ints
    stops: Ints
    numbers: NDArray[np.intp]
    n_atoms: int
    wide: bool

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        size = frames_at_once(memory, int((self.stops - self.starts).max()) + 24 * self.n_atoms)
        with opened(self.path) as file:
            yield from in_order(self._unpacked, self._pieces(file, size))

    def _pieces(self, file: int, size: int) -> Iterator[tuple[slice, bytearray]]:
        from vanhove.kernels.xdr import PADDING

        for begin in range(0, len(self.starts), size):
            here = slice(begin, min(begin + size, len(self.starts)))
            first, last = int(self.starts[begin]), int(self.stops[here][-1])
            yield here, read_exactly(file, first, last, self.path, room=PADDING)

    def _unpacked(self, piece: tuple[slice, bytearray]) -> RawBlock:
        from vanhove.kernels import xdr

        here, buffer = piece
        data = np.frombuffer(buffer, np.uint8)
        starts, stops = self.starts[here] - self.starts[here.start], self.stops[here] - self.starts[here.start]
        positions = np.empty((len(starts), self.n_atoms, 3))
        if self.n_atoms <= xdr.UNPACKED:
            bytes_of = starts[:, None] + xdr.HEAD + np.arange(12 * self.n_atoms)
            positions[:] = data[bytes_of].view(">f4").reshape(positions.shape)
            positions *= NM
        else:
            fault, frame, atom = xdr.unpack_frames(data, starts, stops, self.wide, positions)
            if fault != xdr.GOOD:
                what = {
                    xdr.SHORT: "its atoms go on behind its end", xdr.NO_BASE: "a step of its packing does not exist",
                    xdr.NO_RANGE: "its range of positions is empty", xdr.NO_PRECISION: "its precision is no number",
                    xdr.OVERRUN: "it has more atoms than it says",
                }[fault]  # fmt: skip
                raise Refusal(
                    "The file is damaged", f"{self.path}, frame {self.numbers[here][frame]}, atom {atom + 1}: {what}",
                    "Use the frames before it, or copy the file again",
                )  # fmt: skip
        check_block(positions, "position", self.path, self.numbers[here])
        return RawBlock(positions)
