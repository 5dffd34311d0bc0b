"""CP2K's trajectories: X-pos-1.xyz with the velocities of X-vel-1.xyz and the cells of X-1.cell beside it, also packed.

Frames are matched by the step that each file counts. ``topology=`` names another file of cells, or the input or restart
file of a run whose cell stays. Times are in fs, positions in Å; velocities in bohr per atomic unit of time unless the
input, or ``units=``, says otherwise. Positions count as wrapped: CP2K lets them run on, but what a run was started from
may have been wrapped, and the shortest image between frames is right for both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import Contents, Options

from .cells import once_if_constant
from .checks import settle_species, settle_times
from .clocks import by_steps, first_of_repeated
from .cp2k_cells import Setup, read_setup
from .cp2k_frames import TITLE, Index, PairedFrames, read_index, times_of
from .cp2k_input import SPEED, unit
from .lammps_units import unit_style
from .packing import GZIP, ZSTD, bare_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.contents import RawBlock

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Labels = NDArray[np.str_]

_NAME = re.compile(r"(.*)-(pos|vel|frc)-(\d+)\.xyz")
_KIND = re.compile(r"([A-Z][a-z]?)[\d_].*")
SLOW = 2.0  # fs: between frames so close, velocities are what the positions do
OTHER_UNIT = 2.0  # more than this ratio between the two is no physics


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` begins with a number of atoms and CP2K's title of a step."""
    lines = head.decode("utf-8", "replace").splitlines()[:2]
    if len(lines) < 2 or not lines[0].strip().isdecimal() or "Lattice=" in lines[1]:
        return False
    return TITLE.match(lines[1]) is not None


def scan(path: Path, options: Options) -> Contents:
    """Walk through the titles of every file and count the rows; of the positions none is read."""
    named = _NAME.fullmatch(bare_name(path.name))
    if named is not None and named[2] != "pos":
        raise Refusal(
            f"The file holds {'velocities' if named[2] == 'vel' else 'forces'}, not positions", str(path),
            f"Open {named[1]}-pos-{named[3]}.xyz: velocities beside it are found by their name",
        )  # fmt: skip
    notes: list[str] = []
    index = read_index(path)
    chosen = np.flatnonzero(first_of_repeated(np.array(index.steps), path, notes))
    setup = _setup(path, options, named)
    chosen, cells = _cells(index, chosen, setup)
    speeds, chosen_speeds = None, chosen
    beside = None if named is None else _beside(path, f"{named[1]}-vel-{named[3]}.xyz")
    if beside is not None:
        speeds = read_index(beside)
        chosen, chosen_speeds = _matched(index, chosen, speeds, notes)
    cells = once_if_constant(cells[: len(chosen)])
    rows = index.frames(chosen, cells, setup.length or 1.0)
    first = rows.first(rows.roles)
    rows = replace(rows, hashes=first.hashes)
    frames: Callable[[int], Iterator[RawBlock]] = rows
    paths = [path, setup.path]
    if speeds is not None and len(chosen_speeds):
        factor, said = _speed(setup, options, path)
        notes.append(f"velocities from {speeds.path.name}, {said}")
        paired = PairedFrames(rows, replace(speeds.frames(chosen_speeds, cells[:1], factor), hashes=first.hashes))
        _check_speed(paired, index, chosen, cells)
        frames, paths = paired, [path, speeds.path, setup.path]
    notes += [setup.note, "positions unwrapped by the shortest image: unwrap='none' takes them as CP2K let them run"]
    times = by_steps(np.array(index.steps)[chosen], times_of(index, chosen), options, path)
    labels = _elements(first.labels, options, notes)
    return Contents(
        paths=tuple(paths), format="cp2k-xyz", species=settle_species(labels, options, path, kind="kind"),
        times=settle_times(times, len(chosen), options, path), cells=cells, continuous=False,
        has_velocities=frames is not rows, frames=frames, temperature=setup.temperature, notes=notes,
    )  # fmt: skip


def _beside(path: Path, name: str) -> Path | None:
    """The file of that name, packed or not, if it is there and not empty, as killed runs leave some."""
    found = (path.with_name(name + suffix) for suffix in ("", GZIP.suffix, ZSTD.suffix))
    return next((candidate for candidate in found if candidate.is_file() and candidate.stat().st_size), None)


def _setup(path: Path, options: Options, named: re.Match[str] | None) -> Setup:
    known = options.topology
    if known is None and named is not None:
        known = _beside(path, f"{named[1]}-{named[3]}.cell")
    if known is not None:
        return read_setup(known)
    restart = None if named is None else _beside(path, f"{named[1]}-{named[3]}.restart")
    raise Refusal(
        "The positions come without a cell",
        f"{path}: there is no {f'{named[1]}-{named[3]}' if named else 'X-1'}.cell beside it",
        "Give the cell file or, if the cell stays, the input or restart file of the run: "
        f"topology='{restart.name if restart else 'run.inp'}'",
    )


def _cells(index: Index, chosen: Ints, setup: Setup) -> tuple[Ints, Floats]:
    """The frames whose cells are known, and these cells, by their steps."""
    if setup.steps is None:
        return chosen, setup.cells
    steps = np.array(index.steps)[chosen]
    known = steps <= setup.steps[-1]
    if not known.all() and known.any():
        warn(
            "The cell file ends before the positions",
            f"{setup.path} at step {setup.steps[-1]}, {index.path} at step {steps[-1]}",
            f"The {int((~known).sum())} frames after it are left out",
        )
        chosen, steps = chosen[known], steps[known]
    places = np.minimum(np.searchsorted(setup.steps, steps), len(setup.steps) - 1)
    missing = np.flatnonzero(setup.steps[places] != steps)
    if len(missing):
        raise Refusal(
            f"The cell at step {steps[missing[0]]} is not known, nor at {len(missing) - 1} other frames",
            f"{setup.path} does not have the step of frame {missing[0]} of {index.path}",
            "Print the cell as often as the positions: the same EACH in &PRINT &CELL and &PRINT &TRAJECTORY",
        )
    return chosen, setup.cells[places]


def _matched(index: Index, chosen: Ints, speeds: Index, notes: list[str]) -> tuple[Ints, Ints]:
    """The frames to take, and the frames of velocities at the same steps: none where they were printed otherwise."""
    if speeds.n_atoms != index.n_atoms:
        raise Refusal(
            "Positions and velocities are not of the same atoms",
            f"{index.path}: {index.n_atoms} atoms, {speeds.path}: {speeds.n_atoms}", "Move the velocities elsewhere",
        )  # fmt: skip
    kept = np.flatnonzero(first_of_repeated(np.array(speeds.steps), speeds.path, notes))
    steps, theirs = np.array(index.steps)[chosen], np.array(speeds.steps)[kept]
    places = np.minimum(np.searchsorted(theirs, steps), len(theirs) - 1)
    there = theirs[places] == steps
    if len(steps) > 1 and there[:-1].all() and not there[-1] and theirs[-1] < steps[-1]:
        warn(
            "The velocities end one frame before the positions",
            f"{speeds.path} at step {theirs[-1]}, {index.path} at step {steps[-1]}", "The last frame is left out",
        )  # fmt: skip
        return chosen[:-1], kept[places[:-1]]
    if not there.all():
        step = steps[np.argmin(there)]
        notes.append(f"the velocities are left out: {speeds.path.name} does not have step {step} of the positions")
        return chosen, kept[:0]
    return chosen, kept[places]


def _speed(setup: Setup, options: Options, path: Path) -> tuple[float, str]:
    """The unit of the velocities in Å/ps, and where it is known from."""
    if options.units is not None:
        return unit_style(options.units, str(path)).speed, f"in the unit of units='{options.units}'"
    if setup.speed is not None:
        return setup.speed, f"in the unit that {setup.path.name} says"
    return unit(SPEED, path, per_time=1), f"taken to be in CP2K's default unit, {SPEED}"


def _check_speed(frames: PairedFrames, index: Index, chosen: Ints, cells: Floats) -> None:
    """Warn where velocities are not what the positions do between two frames that lie close together."""
    times, steps = np.array(index.times)[chosen], np.array(index.steps)[chosen]
    apart = np.diff(times)
    near = np.flatnonzero((apart > 0) & (apart <= SLOW))
    if not len(near):
        return
    at = int(near[0])
    pair = [rows.part(slice(at, at + 2)) for rows in (frames.positions, frames.velocities)]
    blocks = list(PairedFrames(*pair)(1 << 20))
    before, after = np.concatenate([block.positions for block in blocks])
    cell = cells[at if len(cells) > 1 else 0]
    moved = (after - before) @ np.linalg.inv(cell)
    moved = (moved - np.round(moved)) @ cell / (apart[at] / 1e3)
    said = np.concatenate([block.velocities for block in blocks if block.velocities is not None]).mean(axis=0)
    fast, faster = np.sqrt((moved**2).mean()), np.sqrt((said**2).mean())
    if fast > 0 and not fast / OTHER_UNIT <= faster <= fast * OTHER_UNIT:
        warn(
            "The velocities are not what the positions do",
            f"{frames.velocities.path}: {faster / fast:.3g} times as fast from step {steps[at]} to {steps[at + 1]}",
            "They may be printed in another unit: give topology= the input, whose &VELOCITIES names it, or units= "
            "(real: Å/fs, metal: Å/ps)",
        )


def _elements(labels: Labels, options: Options, notes: list[str]) -> Labels:
    """Elements of kinds such as Li1 or S_a, where they begin with one and ``species=`` does not name them."""
    given = {str(key) for key in options.species} if isinstance(options.species, Mapping) else set()
    kinds, which = np.unique(labels, return_inverse=True)
    names = []
    for kind in map(str, kinds):
        found = None if kind in given or is_species(kind) else _KIND.fullmatch(kind)
        names.append(found[1] if found and is_species(found[1]) else kind)
        if names[-1] != kind:
            notes.append(f"kind {kind} is taken as {names[-1]}")
    return np.array(names)[which]
