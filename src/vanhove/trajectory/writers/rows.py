"""Text files of rows, a header above each frame: formatted by several threads, written in order, whole or not.

Of a changing cell the reader makes the toroidal correction again, from the cells that each position is away.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.files import whole
from vanhove.trajectory.blocks import in_order
from vanhove.trajectory.budget import memory_budget, thread_count
from vanhove.trajectory.streaming import Piece, stream

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.core import Trajectory
    from vanhove.trajectory.source import Block

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PIECE_BYTES = 1 << 22  # text that one thread formats at a time: pieces end at about the same time
GZIP_LEVEL = 1  # five times as fast as the usual 6, for 8 % more: digits pack badly at any level
DECIMALS = 10  # of Å and Å/ps: what came from text of fewer goes out as it came in


@dataclass(frozen=True)
class Kind:
    """Atoms that share all but their numbers: what stands before and behind these in a row."""

    head: str
    tail: str


@dataclass(frozen=True)
class Layout:
    """How frames are written.

    ``columns(block, cells)`` gives the numbers of the rows, (frame, atom, column), each with its ``decimals``;
    ``header(frame)`` the lines above the rows, line end included. Rows begin with the atom's number where ``numbered``.
    """

    header: Callable[[int], str]
    columns: Callable[[Block, Floats], Floats]
    decimals: tuple[int, ...]
    kinds: list[Kind]
    kind_of: Ints  # (atom,)
    numbered: bool = False


def kinds_of(traj: Trajectory) -> tuple[list[tuple[str, float, float | None]], Ints]:
    """The different (species, mass, charge) of the atoms, and which of them each atom is."""
    labels, which_label = np.unique(traj.species, return_inverse=True)
    charges = np.zeros(traj.n_atoms) if traj.charges is None else traj.charges
    table = np.stack([which_label, traj.masses, charges], axis=1)
    different, which = np.unique(table, axis=0, return_inverse=True)
    kinds = [
        (str(labels[int(label)]), float(mass), None if traj.charges is None else float(charge))
        for label, mass, charge in different
    ]
    return kinds, which.reshape(-1).astype(np.int64)


def lost_in_text(traj: Trajectory) -> list[str]:
    """What rows of text can't hold of ``traj``, a phrase each."""
    lost = []
    if traj.temperature is not None:
        lost.append(f"the temperature, {traj.temperature:g} K")
    isotopes = sorted({label for label in traj.species.tolist() if element_of(label) != label})
    if isotopes:
        lost.append(f"the names of isotopes ({', '.join(isotopes)}; their masses are kept)")
    in_all = traj.system.atoms_in_all or traj.system.source.n_atoms
    if traj.n_atoms < in_all:
        lost.append(f"that these are {traj.n_atoms} of {in_all} atoms (the drift of all is not known from them)")
    if not traj.constant_cell and "correction" not in traj.system.source.fields:
        lost.append("how displacements follow the changing cell (give --unwrap fractional when it is read)")
    return lost


def write_rows(traj: Trajectory, path: Path, layout: Layout) -> None:
    """Format and write all frames; packed where the name ends in ``.gz``."""
    from vanhove.kernels.printing import print_frames

    packed = path.name.endswith(".gz")
    heads, head_stops = _texts([kind.head for kind in layout.kinds])
    tails, tail_stops = _texts([kind.tail for kind in layout.kinds])
    decimals, cells = np.array(layout.decimals, np.int64), traj.cells
    room = 24 + int(np.diff(head_stops, prepend=0).max()) + int(np.diff(tail_stops, prepend=0).max())

    def printed(piece: Piece) -> memoryview | bytes:
        frames, block = piece
        headers, header_stops = _texts([layout.header(frame) for frame in range(frames.start, frames.stop)])
        columns = layout.columns(block, cells[frames])
        largest = max(float(np.abs(columns).max(initial=1.0)), 1.0)
        # digits before the point, sign, point and space; the same again where the numbers are none
        each = int(np.log10(largest)) + 4 if largest < 1e17 else 24
        size = headers.size + columns.shape[0] * columns.shape[1] * (room + int((decimals + each).sum()))
        out = np.empty(size, np.uint8)
        used, frame, atom = print_frames(
            headers, header_stops, heads, head_stops, tails, tail_stops, layout.kind_of, layout.numbered, columns,
            decimals, out,
        )  # fmt: skip
        if used < 0:
            raise Refusal(
                f"A number of atom {atom} in frame {frames.start + frame} can't be written: it is not finite, or huge",
                str(path), "Look at the trajectory there: vanhove inspect",
            )  # fmt: skip
        text = out[:used].data
        return gzip.compress(text, GZIP_LEVEL, mtime=0) if packed else text  # members that follow each other

    each = traj.n_atoms * (decimals.size * (8 + 8 + 24) + 64)  # the numbers, what they are made from, and their text
    size = max(1, min(memory_budget() // 2 // (thread_count() + 2), PIECE_BYTES) // each)
    with whole(path) as temporary, temporary.open("wb") as file:
        for text in in_order(printed, stream(traj, f"writing {path.name}", size)):
            file.write(text)


def wrap(positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
    """Positions within their frame's cell (its corner at zero), and how many cells each was moved by."""
    images = np.floor(positions @ np.linalg.inv(cells))
    return positions - images @ cells, images


def _texts(parts: list[str]) -> tuple[Bytes, Ints]:
    encoded = [part.encode() for part in parts]
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([len(part) for part in encoded])
