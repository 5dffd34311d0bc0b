"""DCD, as LAMMPS, NAMD, CHARMM, OpenMM and others write it: either byte order, record markers of 4 or 8 bytes.

A DCD holds positions in single precision and a cell, not which atoms they are: give ``topology=``, the LAMMPS data file
of the run, or ``species=`` one label for every atom. It counts steps; its time step is in units that differ between
programs and is not used: give ``timestep=`` or ``spacing=``. Whether positions were wrapped it does not say either: the
shortest image between frames unwraps them, which leaves what is continuous as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.blocks import in_order
from vanhove.trajectory.contents import Contents, Options, RawBlock

from .atoms import atoms_of
from .binary import check_block, frames_at_once, opened, read_exactly
from .cells import note_corner, once_if_constant
from .checks import check_ending, refuse_unused, settle_times
from .clocks import by_steps
from .dcd_cells import cells_of_dcd
from .dcd_header import Header, read_header
from .lammps_units import unit_style

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` begins a DCD: a record of 84 bytes that says CORD (positions) or VELD (velocities)."""
    return any(head[4 * wide : 4 * wide + 4] in (b"CORD", b"VELD") and 84 in head[: 4 * wide] for wide in (1, 2))


def scan(path: Path, options: Options) -> Contents:
    """Read the header and every frame's cell; of the positions none is read."""
    with opened(path) as file:
        header = read_header(file, path)
        length = 1.0 if options.units is None else unit_style(options.units, str(path)).length
        frames = DcdFrames(path, header, header.frames, length)
        torn = f"in frame {header.frames}" if header.torn else None
        if torn is None and header.declared > header.frames:
            torn = f"after frame {header.frames - 1} of the {header.declared} that its header counts"
        check_ending(path, header.frames, torn)
        raw = frames.cells(file) if header.has_cell else None
    notes = ["single precision", "positions may be wrapped or not: a DCD does not say"]
    atoms = atoms_of(options, header.n_atoms, path, notes)
    paths: tuple[Path, ...] = (path,)
    if raw is not None:
        cells = cells_of_dcd(raw, header.version, path, notes)
    elif atoms.cell is not None and options.topology is not None:
        cells, paths = atoms.cell[None], (path, options.topology)
        notes.append(f"the cell of {options.topology.name} for all frames: the file has none")
    else:
        raise Refusal(
            "The file has no cell",
            str(path),
            "Give topology= a LAMMPS data file with the box, or write the cell with it",
        )
    cells = once_if_constant(cells * length)
    note_corner(cells, notes)
    counted = None
    if header.every <= 0:
        refuse_unused(options, "timestep", f"{path} does not say how many steps lie between its frames")
    else:
        _check_steps(header, path)
        steps = header.start + header.every * np.arange(header.frames)
        counted = by_steps(steps, None, options, path)
    return Contents(
        paths=paths, format="dcd", species=atoms.species, times=settle_times(counted, header.frames, options, path),
        cells=cells, continuous=False, has_velocities=False, frames=frames,
        masses=atoms.masses, charges=atoms.charges, clock="timestep" if header.every > 0 else "spacing", notes=notes,
    )  # fmt: skip


def _check_steps(header: Header, path: Path) -> None:
    """Warn where the header's last step is not the one that evenly spaced frames end at.

    LAMMPS puts there the last frame's step; others do too, or the number of steps of the run, or nothing.
    """
    span, frames = header.every, header.frames
    expected = {header.start + (frames - 1) * span}
    if not header.by_lammps:
        expected |= {0, header.start, header.start + frames * span, frames * span}
    if header.declared == frames and header.last not in expected:
        warn(
            "The frames may not be evenly spaced",
            f"{path}: {frames} frames from step {header.start} on, every {span}, do not end at step {header.last}",
            "Check how they were written: the header says where they end, and a DCD keeps no other times",
        )  # fmt: skip


@dataclass(frozen=True)
class DcdFrames:
    """Reads the frames, all of one size; where atoms are fixed, those after the first hold the others only."""

    path: Path
    header: Header
    n_frames: int
    length: float = 1.0  # of the file's unit, in Å

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        header = self.header
        size = frames_at_once(memory, header.layout(0).itemsize + 24 * header.n_atoms)
        with opened(self.path) as file:
            if header.free is None:
                yield from in_order(self._block, self._pieces(file, 0, size))
                return
            first = self._block((0, read_exactly(file, header.place(0), header.place(1), self.path)))
            still = first.positions[0].copy()
            yield first

            def among_fixed(piece: tuple[int, bytearray]) -> RawBlock:
                moved = self._block(piece).positions
                everything = np.repeat(still[None], len(moved), axis=0)
                everything[:, header.free] = moved
                return RawBlock(everything)

            yield from in_order(among_fixed, self._pieces(file, 1, size))

    def cells(self, file: int) -> Floats:
        """What every frame says of its cell, (frame, 6)."""
        header = self.header
        places = (header.place(frame) + header.marker for frame in range(self.n_frames))
        raw = b"".join(os.pread(file, 48, place) for place in places)
        if len(raw) < 48 * self.n_frames:
            raise Refusal("The file became shorter while it was read", str(self.path), "Open it again")
        return np.frombuffer(raw, f"{header.order}f8").reshape(-1, 6).astype(np.float64)

    def _pieces(self, file: int, first: int, size: int) -> Iterator[tuple[int, bytearray]]:
        for begin in range(first, self.n_frames, size):
            end = min(begin + size, self.n_frames)
            yield begin, read_exactly(file, self.header.place(begin), self.header.place(end), self.path)

    def _block(self, piece: tuple[int, bytearray]) -> RawBlock:
        first, buffer = piece
        layout = self.header.layout(first)
        frames = np.frombuffer(buffer, layout)
        self._check_records(frames, first)
        positions = np.empty((len(frames), layout["x"].shape[0], 3))
        for axis, name in enumerate("xyz"):
            positions[:, :, axis] = frames[name]
        if self.length != 1.0:
            positions *= self.length
        check_block(positions, "position", self.path, first + np.arange(len(frames)))
        return RawBlock(positions)

    def _check_records(self, frames: NDArray[Any], first: int) -> None:
        """Refuse frames whose records do not begin and end where they must."""
        layout = frames.dtype
        for name in layout.names or ():
            if name[0] in "<>":
                bad = np.flatnonzero(frames[name] != layout[name[1:]].itemsize)
                if len(bad):
                    raise Refusal(
                        "The file is damaged", f"{self.path}, frame {first + bad[0]}: its record '{name[1:]}' is not "
                        f"of {layout[name[1:]].itemsize} bytes", "Use the frames before it, or copy the file again",
                    )  # fmt: skip
