"""What a reader tells about its files before any position is parsed, and how its raw frames come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from .source import Source
    from .unwrap import Unwrap

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """What the person said about the files; each None is "what the file says"."""

    species: Mapping[int | str, str] | Sequence[str] | None = None
    timestep: float | None = None  # ps per step, for files that count steps
    spacing: float | None = None  # ps between frames, for files that count nothing
    units: str | None = None  # LAMMPS unit style, for velocities
    unwrap: Unwrap | None = None
    topology: Path | None = None  # a file that says what the trajectory does not


@dataclass(frozen=True)
class RawBlock:
    """Consecutive frames as the file has them, in Å and Å/ps: (frame, atom, axis), atoms as ``species``."""

    positions: Floats
    velocities: Floats | None = None


@dataclass(frozen=True)
class Contents:
    """One file (or several in a row), scanned: everything but the positions.

    ``paths`` begins with the file that was named; others that its numbers come from (velocities, cells) follow.
    ``continuous`` says that raw positions are unwrapped already (unwrapped columns, or image flags that the reader
    applied); else they may be wrapped. ``frames(memory)`` gives the raw frames in order, in blocks of which all that
    are on their way take about ``memory`` bytes, and refuses what is not finite with the file and frame; it can be
    pickled, and the caller may write on its blocks. ``store`` is there instead when the file is random access itself
    and already unwrapped (our own H5MD).
    """

    paths: tuple[Path, ...]
    format: str
    species: NDArray[np.str_]
    times: Floats  # (frame,) ps; NaN where the file counts nothing and no spacing was given
    cells: Floats  # (1, 3, 3) or (frame, 3, 3)
    continuous: bool
    has_velocities: bool
    frames: Callable[[int], Iterator[RawBlock]] | None
    origins: Floats | None = None  # (frame, 3) corner of the cell; None: at zero
    masses: Floats | None = None
    charges: Floats | None = None
    temperature: float | None = None
    store: Source | None = None
    atoms_in_all: int | None = None  # of the system, where the file holds some of its atoms only
    clock: str = "spacing"  # the argument of ``open`` that would give missing times
    breaks: tuple[int, ...] = ()  # frames that begin another file
    history: Sequence[dict[str, object]] = ()
    notes: Sequence[str] = field(default_factory=tuple)  # what a person should know of how it was read
