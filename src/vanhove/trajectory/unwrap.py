"""Unwrapping, decided once when a file is read.

The stored positions are *lattice-unwrapped*: x = w + n h with integers n, so that wrapping x with its own frame's cell
h gives the atom w back, and g(r), density or regions never see anything else. In a changing cell their differences are
not displacements: an atom n cells away moves by n (h' - h) although nothing moved. The *toroidal-view-preserving* path
(Kulke and Vermaas 2022, doi 10.1021/acs.jctc.2c00327) adds only what the wrapped atom did,

    u(f+1) = u(f) + w(f+1) - w(f) + [n(f+1) - n(f)] h(f+1),

which with x = w + n h is u = x + c with the running sum  c(f+1) = c(f) - n(f) [h(f+1) - h(f)].
The array c is kept beside x; displacements use x + c and structure uses x. In the first frame x is the file's own
position and c is zero.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

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
STORED = "as stored"


def how_unwrapped(history: Iterable[Mapping[str, Any]]) -> str:
    """How a trajectory's positions came to be continuous; of a store, how they did before it was written."""
    told = [str(entry["parameters"]["unwrapping"]) for entry in history if "unwrapping" in entry["parameters"]]
    before = [text for text in told if text != STORED]
    return before[-1] if before else "continuous as they were written"


class Unwrapper:
    """Turns raw blocks, given in order, into lattice-unwrapped positions and their correction.

    ``breaks`` are frames that begin another file: there the shortest image joins what the file's own image flags may
    not, whatever the mode.
    """

    def __init__(self, mode: Unwrap, *, constant_cell: bool, breaks: Collection[int] = ()) -> None:
        self.corrects = not constant_cell and mode in ("file", "tor")
        self._searches = mode in ("tor", "fractional")
        self._idle = mode == "none" or (mode == "file" and constant_cell and not breaks)
        self._breaks = np.array(sorted(breaks) if mode == "file" else [], np.int64)
        self._done = 0
        self._last_cell = np.eye(3)
        self._state = np.zeros((4, 0, 3))

    def step(self, raw: Floats, cells: Floats, origins: Floats, velocities: Floats | None = None) -> Block:
        """The next frames: ``raw`` (frame, atom, axis; written on) with one cell and one origin a frame."""
        if self._idle:
            return Block(raw, None, velocities)
        from vanhove.kernels.lattice import unwrap

        frames, atoms = raw.shape[:2]
        if self._done == 0:
            self._state = np.zeros((4, atoms, 3))
        search = np.full(frames, self._searches) | np.isin(np.arange(self._done, self._done + frames), self._breaks)
        correction = np.empty_like(raw if self.corrects else raw[:0])
        wrapped, numbers, offsets, running = self._state
        unwrap(
            raw, np.ascontiguousarray(cells), np.ascontiguousarray(origins), search, self._done > 0, self._last_cell,
            wrapped, numbers, offsets, running, correction,
        )  # fmt: skip
        self._done += frames
        return Block(raw, correction if self.corrects else None, velocities)
