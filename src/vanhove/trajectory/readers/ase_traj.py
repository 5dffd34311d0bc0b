"""ASE's trajectory files (``ase.io.Trajectory``): positions, cells, momenta, masses and charges of every frame.

Times are those of a run of ``ase.md`` that was given ``trajectory=``, whose file tells its time step and how many of
them lie between frames; else ``spacing=`` says. Momenta are in ASE's units, √(u eV). Positions may be wrapped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.progress import Progress
from vanhove.trajectory.contents import Contents, Options, RawBlock

from .binary import check_block, frames_at_once, opened, read_exactly
from .checks import check_ending, settle_species, settle_times
from .extxyz import ASE_SPEED
from .text import Torn
from .ulm import Array, Item, damaged, read_array, read_item, read_list, tag_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TAG = b"ASE-Trajectory"
PICKLED = b"PickleTrajectory"  # what ASE wrote before 3.10


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` is that of an ASE trajectory."""
    return tag_of(head) == TAG or head.startswith(PICKLED)


@dataclass
class _Index:
    path: Path
    numbers: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    masses: Floats | None = None
    charges: Floats | None = None
    periodic: bool = True
    description: dict[str, Any] = field(default_factory=dict)
    kind: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))
    starts: list[int] = field(default_factory=list)  # of the positions
    momenta: list[int] = field(default_factory=list)  # of the momenta; -1 where there are none
    cells: list[Floats] = field(default_factory=list)
    said: object = None  # the cell before, as its frame said it
    torn: str | None = None


@dataclass(frozen=True)
class TrajFrames:
    """Where the positions and momenta of every frame lie; called, it gives the raw blocks."""

    path: Path
    starts: Ints
    momenta: Ints | None
    n_atoms: int
    kind: np.dtype[Any]
    speed: Floats  # (atom, 1): of momenta in ASE's units, Å/ps

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        size = frames_at_once(memory, 24 * self.n_atoms * (1 + (self.momenta is not None)))
        with opened(self.path) as file:
            for first in range(0, len(self.starts), size):
                frames = np.arange(first, min(first + size, len(self.starts)))
                positions = self._read(file, self.starts[frames])
                check_block(positions, "position", self.path, frames)
                velocities = None
                if self.momenta is not None:
                    velocities = self._read(file, self.momenta[frames]) * self.speed
                    check_block(velocities, "velocity", self.path, frames)
                yield RawBlock(positions, velocities)

    def _read(self, file: int, starts: Ints) -> Floats:
        block = np.empty((len(starts), self.n_atoms, 3))
        each = self.n_atoms * 3 * self.kind.itemsize
        for frame, start in enumerate(starts.tolist()):
            raw = read_exactly(file, start, start + each, self.path)
            block[frame] = np.frombuffer(raw, self.kind).reshape(-1, 3)
        return block


def scan(path: Path, options: Options) -> Contents:
    """Read the small text of every frame, and where its arrays lie; of the positions none is read."""
    with opened(path) as file:
        if os.pread(file, len(PICKLED), 0) == PICKLED:
            raise Refusal(
                "Trajectories that ASE pickled are not read: opening one can run what was hidden in it", str(path),
                "If you trust it, convert it: python -m ase.io.trajectory FILE",
            )  # fmt: skip
        index = _walk(path, file)
        notes: list[str] = []
        counted, keep = _clock(index, file, notes)
    frames = len(keep)
    if not index.periodic:
        warn(
            "The cell is not periodic along every axis", f"{path}: pbc",
            "It is taken as periodic: distances and volumes across that boundary mean nothing",
        )  # fmt: skip
    labels, species = _species(index, options)
    moving = min(index.momenta) >= 0
    if max(index.momenta) >= 0 and not moving:
        notes.append("the velocities are left out: some frames have no momenta")
    cells = np.array(index.cells)[keep]
    if not cells.any():
        raise Refusal("The frames have no cell", str(path), "Give atoms a cell (atoms.cell, atoms.pbc = True)")
    from vanhove.trajectory.opening import masses_of

    weights = masses_of(labels) if index.masses is None else index.masses
    return Contents(
        paths=(path,), format="ase", species=species, times=settle_times(counted, frames, options, path),
        cells=cells[:1] if (cells == cells[0]).all() else cells, continuous=False, has_velocities=moving,
        frames=TrajFrames(
            path, np.array(index.starts)[keep], np.array(index.momenta)[keep] if moving else None, len(labels),
            index.kind, ASE_SPEED / weights[:, None],
        ),
        masses=index.masses, charges=index.charges, notes=notes,
    )  # fmt: skip


def _walk(path: Path, file: int) -> _Index:
    places, count = read_list(file, path)
    index = _Index(path)
    with Progress(f"looking through {path.name}", len(places)) as progress:
        try:
            for frame, start in enumerate(places.tolist()):
                item = read_item(file, start, f"{path}, frame {frame}")
                if frame == 0:
                    _begin(index, item, file)
                _take(index, item, file)
                progress.advance()
        except Torn:
            index.torn = f"in frame {len(index.starts)}"
    if len(places) < count:
        index.torn = f"in its list of frames, of which it announces {count}"
    check_ending(path, len(index.starts), index.torn)
    if not index.starts:
        raise Refusal("The file holds no frame", str(path), "Give a trajectory with frames")
    return index


def _begin(index: _Index, item: Item, file: int) -> None:
    """What the first frame says of all."""
    numbers = item.array("numbers")
    if numbers is None or len(numbers.shape) != 1 or numbers.shape[0] == 0:
        raise damaged(f"{item.where}: numbers")
    index.numbers = read_array(file, numbers, np.int64)
    masses, charges = _an_atom(item, file, "masses", numbers.shape), _an_atom(item, file, "charges", numbers.shape)
    index.masses = masses if masses is not None and (masses > 0).all() else None
    index.charges = charges if charges is not None and charges.any() else None
    description = item.values.get("description")
    index.description = description if isinstance(description, dict) else {}
    positions = item.array("positions")
    index.kind = index.kind if positions is None else positions.dtype


def _an_atom(item: Item, file: int, name: str, shape: tuple[int, ...]) -> Floats | None:
    array = item.array(name)
    if array is None or array.shape != shape:
        return None
    values = read_array(file, array, np.float64)
    return values if np.isfinite(values).all() else None


def _take(index: _Index, item: Item, file: int) -> None:
    numbers = item.array("numbers")
    if numbers is not None and index.starts:
        same = numbers.shape == index.numbers.shape and (read_array(file, numbers, np.int64) == index.numbers).all()
        if not same:
            raise Refusal(
                "The atoms change", f"{item.where} has other atoms than frame 0, or another order of them",
                "Give frames of one system: a set of different structures is no trajectory",
            )  # fmt: skip
    positions, momenta = _vectors(index, item, "positions"), _vectors(index, item, "momenta")
    if positions is None:
        raise damaged(f"{item.where}: positions")
    flags = item.values.get("pbc", True)
    index.periodic &= all(flags) if isinstance(flags, list) else bool(flags)
    index.cells.append(_cell(index, item, file))
    index.momenta.append(-1 if momenta is None else momenta.start)
    index.starts.append(positions.start)  # last: so many frames are whole


def _vectors(index: _Index, item: Item, name: str) -> Array | None:
    array = item.array(name)
    if array is None or (array.shape == (len(index.numbers), 3) and array.dtype == index.kind):
        return array
    raise Refusal(
        f"The {name} are not those of {len(index.numbers)} atoms, of one type of number",
        f"{item.where}: {array.shape} of {array.dtype}", "Give frames of one system",
    )  # fmt: skip


def _cell(index: _Index, item: Item, file: int) -> Floats:
    array, said = item.array("cell"), item.values.get("cell", [])
    if array is None and said == index.said and index.cells:
        return index.cells[-1]
    index.said = said if array is None else None
    try:
        cell = np.array(said, np.float64) if array is None else read_array(file, array, np.float64)
    except (TypeError, ValueError):
        raise damaged(f"{item.where}: cell")
    if cell.shape == (3,):
        return np.diag(cell)
    if cell.shape != (3, 3):
        raise damaged(f"{item.where}: cell")
    return cell


def _species(index: _Index, options: Options) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """The elements that the file names, and the species that the atoms are."""
    import periodictable

    known = np.array(["X", *(str(element.symbol) for element in periodictable.elements if element.number > 0)])
    if not ((index.numbers >= 0) & (index.numbers < len(known))).all():
        raise damaged(f"{index.path}, frame 0: atomic numbers")
    labels = known[index.numbers]
    return labels, settle_species(labels, options, index.path, kind="species", masses=index.masses)


def _clock(index: _Index, file: int, notes: list[str]) -> tuple[Floats | None, NDArray[np.intp]]:
    """Times that the run tells, in ps, and the frames they belong to.

    A run that is appended to its file writes the frame once more that it starts from: it is left out.
    """
    every = np.arange(len(index.starts))
    step, interval = index.description.get("timestep"), index.description.get("interval")
    if index.description.get("type") != "molecular-dynamics" or not isinstance(step, int | float) or not step > 0:
        return None, every
    step_ps = step / ASE_SPEED  # ASE counts in Å √(u/eV)
    if not isinstance(interval, int) or interval < 1:
        notes.append(
            f"the run's time step was {step_ps * 1e3:.4g} fs; the file does not say how many lie between frames"
        )
        return None, every
    keep = every[[frame == 0 or not _repeats(index, file, frame) for frame in every.tolist()]]
    notes.append(f"times from the run's time step, {step_ps * 1e3:.4g} fs, and {interval} of them between frames")
    if len(keep) < len(every):
        notes.append(f"left out as repeated when the run was started again: {len(every) - len(keep)} frames")
    return np.arange(len(keep)) * interval * step_ps, keep


def _repeats(index: _Index, file: int, frame: int) -> bool:
    """Whether a frame is the one before it: first by an atom, then by all, and by the momenta too."""
    each = len(index.numbers) * 3 * index.kind.itemsize
    for places in (index.starts, index.momenta):
        before, here = places[frame - 1], places[frame]
        if (before < 0) != (here < 0):
            return False
        for size in (3 * index.kind.itemsize, each):
            if before >= 0 and os.pread(file, size, before) != os.pread(file, size, here):
                return False
    return True
