"""Unwrapping, decided once when a file is read.

The stored positions are *lattice-unwrapped*: x = w + n h with integers n, so that wrapping x with its own frame's cell
h gives the atom w back, and g(r), density or regions never see anything else. In a changing cell their differences are
not displacements: an atom n cells away moves by n (h' - h) although nothing moved. The *toroidal-view-preserving* path
(Kulke and Vermaas 2022, doi 10.1021/acs.jctc.2c00327) adds only what the wrapped atom did,

    u(f+1) = u(f) + w(f+1) - w(f) + [n(f+1) - n(f)] h(f+1),

which with x = w + n h is u = x + c with the running sum  c(f+1) = c(f) - n(f) [h(f+1) - h(f)].
The array c is kept beside x; displacements use x + c and structure uses x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from .source import Block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Unwrap = Literal["file", "tor", "fractional", "none"]

MEANING = {
    "file": "unwrapped by the file's own unwrapped coordinates or image flags; displacements toroidal-view preserving",
    "tor": "unwrapped by the shortest image between frames; displacements toroidal-view preserving",
    "fractional": "unwrapped by the shortest image between frames; displacements in the lattice frame of each cell",
    "none": "positions taken as they stand",
}


class Unwrapper:
    """Turns raw blocks, given in order, into lattice-unwrapped positions and their correction."""

    def __init__(self, mode: Unwrap, *, constant_cell: bool) -> None:
        self.mode = mode
        self._corrects = not constant_cell and mode in ("file", "tor")
        self._last_raw: Floats | None = None
        self._shift = np.zeros(0, np.int64)
        self._last_cells = np.zeros(0)
        self._last_numbers = np.zeros(0)
        self._correction = np.zeros(0)

    def step(self, raw: Floats, cells: Floats, origins: Floats, velocities: Floats | None = None) -> Block:
        """The next frames: ``raw`` (frame, atom, axis) with one cell and one origin a frame."""
        positions = raw
        if self.mode in ("tor", "fractional"):
            from vanhove.kernels.lattice import crossings

            first = self._last_raw is None
            previous = raw[0] if self._last_raw is None else self._last_raw
            count = crossings(np.ascontiguousarray(previous), np.ascontiguousarray(raw), np.ascontiguousarray(cells))
            if not first:
                count += self._shift
            self._last_raw, self._shift = raw[-1].copy(), count[-1].copy()
            positions = raw + np.einsum("fai,fij->faj", count.astype(np.float64), cells)
        correction = self._correct(positions, cells, origins) if self._corrects else None
        return Block(positions, correction, velocities)

    def _correct(self, positions: Floats, cells: Floats, origins: Floats) -> Floats:
        inverses = np.linalg.inv(cells)
        numbers = np.floor(np.einsum("fai,fij->faj", positions - origins[:, None], inverses))  # n of x = w + n h
        change = np.empty_like(positions)
        if self._last_cells.size:
            change[0] = self._correction - self._last_numbers @ (cells[0] - self._last_cells)
        else:
            change[0] = 0.0
        change[1:] = -np.einsum("fai,fij->faj", numbers[:-1], np.diff(cells, axis=0))
        correction: Floats = np.cumsum(change, axis=0)
        self._last_cells, self._last_numbers, self._correction = cells[-1].copy(), numbers[-1], correction[-1].copy()
        return correction
