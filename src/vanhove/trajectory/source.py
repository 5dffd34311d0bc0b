"""Where the numbers lie: one small interface for memory, the H5MD store and files not yet read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from vanhove.base.files import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

# positions are lattice-unwrapped: wrapping one with its own frame's cell gives the atom back. In a changing cell
# `correction` is what displacements add to them (see unwrap.py).
Field = Literal["positions", "correction", "velocities"]


class Source(Protocol):
    """Reads blocks of one trajectory; knows frames and atoms, not views, species or times."""

    n_frames: int
    n_atoms: int
    fields: frozenset[str]

    @property
    def fingerprint(self) -> str:
        """Names the numbers: the same in every process."""
        ...

    def read(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """``field`` as (frame, atom, axis) in float64, the chosen frames and atoms only; the caller may write on it."""
        ...


@runtime_checkable
class Lookable(Protocol):
    """A source whose numbers may lie in memory."""

    def look(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """What :meth:`Source.read` gives, not to be written on: of numbers that lie in memory no copy is made."""
        ...


def numbers(source: Source, field: Field, frames: Index, atoms: Index, *, copy: bool) -> Floats:
    """What any ``source`` reads; without ``copy`` see :class:`Lookable`."""
    if not copy and isinstance(source, Lookable):
        return source.look(field, frames, atoms)
    return source.read(field, frames, atoms)


@dataclass(frozen=True)
class Block:
    """Consecutive frames on their way from a reader to memory or to the store; each array (frame, atom, axis)."""

    positions: Floats
    correction: Floats | None = None
    velocities: Floats | None = None


class ArraySource:
    """Positions (and velocities) held in memory."""

    def __init__(self, block: Block, fingerprint: str | None = None) -> None:
        arrays = {"positions": block.positions, "correction": block.correction, "velocities": block.velocities}
        self._arrays = {name: array for name, array in arrays.items() if array is not None}
        self.n_frames, self.n_atoms = block.positions.shape[:2]
        self.fields = frozenset(self._arrays)
        self._known = fingerprint

    @cached_property
    def fingerprint(self) -> str:
        """See :class:`Source`; hashes all numbers when it is first asked for."""
        if self._known is not None:
            return self._known
        frames = {name: [digest(frame.tobytes()) for frame in array] for name, array in self._arrays.items()}
        return digest(sorted(frames.items()))

    def read(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """See :class:`Source`."""
        picked, few = compact(frames), compact(atoms)
        array = self._arrays[field]
        if isinstance(picked, slice) and isinstance(few, slice):
            return array[picked, few].copy()
        return self._picked(array, picked, few)

    def look(self, field: Field, frames: Index, atoms: Index) -> Floats:
        """See :class:`Lookable`."""
        picked, few = compact(frames), compact(atoms)
        array = self._arrays[field]
        if isinstance(picked, slice) and isinstance(few, slice):
            view = array[picked, few]
            view.flags.writeable = False
            return view
        return self._picked(array, picked, few)

    @staticmethod
    def _picked(array: Floats, picked: slice | Index, few: slice | Index) -> Floats:
        if isinstance(picked, slice) or isinstance(few, slice):
            return np.ascontiguousarray(array[picked, few])
        return np.ascontiguousarray(array[np.ix_(picked, few)])


def compact(index: Index) -> slice | Index:
    """The same choice as a slice where it is evenly spaced and rising: a slice reads without copying an index."""
    if len(index) == 0:
        return slice(0, 0)
    if len(index) == 1:
        return slice(int(index[0]), int(index[0]) + 1)
    steps = np.diff(index)
    if steps[0] > 0 and np.all(steps == steps[0]):
        return slice(int(index[0]), int(index[-1]) + 1, int(steps[0]))
    return index
