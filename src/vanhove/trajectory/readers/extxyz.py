"""Extended XYZ, also packed: cells from ``Lattice``, columns from ``Properties``, times from ``Time`` if it is there.

``Time`` (or ``time``) is taken in ps, or in the unit of time of ``units=`` ("real": fs); with ``timestep=`` what counts
is ``Step`` (or ``step``). Velocities: ``momenta`` are in ASE's units, √(u eV); ``vel``, ``velo`` or ``velocities`` in
those of ``units=``, and left out without it, since writers disagree on them. Positions may be wrapped; a column
``unwrapped_position`` is preferred.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.units import U_A2_PER_PS2_IN_MEV
from vanhove.trajectory.contents import Contents, Options

from .checks import check_ending, refuse_unused, settle_species, settle_times
from .clocks import by_steps, first_of_repeated
from .lammps_units import unit_style
from .packing import bare_name
from .rows import RowFrames
from .text import Lines, TextFile, Torn

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Frames = NDArray[np.intp]

_PAIR = re.compile(r"""([A-Za-z_][\w.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|\[([^\]]*)\]|(\S+))""")
PLAIN = "species:S:1:pos:R:3"
LONGEST_STEP = 15  # digits, all of which a float keeps
POSITIONS = ("unwrapped_position", "pos", "positions", "position")
VELOCITIES = ("momenta", "vel", "velo", "velocities", "velocity")
MASSES = ("mass", "masses")
CHARGES = ("initial_charges", "charge", "charges")
IDS = ("id", "ids")
ASE_SPEED = (1e3 / U_A2_PER_PS2_IN_MEV) ** 0.5  # √(eV/u) in Å/ps


def recognises(path: Path, head: bytes) -> bool:
    """Whether ``head`` begins with a number of atoms and a comment, as xyz does."""
    lines = head.decode("utf-8", "replace").splitlines()
    if len(lines) < 2 or not lines[0].strip().isdigit():
        return False
    named = bare_name(path.name).endswith(("xyz", "XYZ"))
    row = lines[2].split() if len(lines) > 2 else []
    return named or "Lattice=" in lines[1] or "Properties=" in lines[1] or (len(row) >= 4 and row[0][:1].isalpha())


@dataclass
class _Index:
    path: Path
    rows: list[tuple[int, int]] = field(default_factory=list)
    cells: list[Floats] = field(default_factory=list)
    origins: list[Floats] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # NaN where a comment says none
    steps: list[float] = field(default_factory=list)  # NaN where a comment says none
    n_atoms: int = 0
    properties: str = PLAIN
    periodic: str = ""
    torn: str | None = None


def scan(path: Path, options: Options) -> Contents:
    """Walk through the comments and count the rows; of the positions none is read."""
    index = _Index(path)
    with TextFile(path, "looking through") as file:
        _walk(index, Lines(file))
        check_ending(path, len(index.rows), index.torn, cut=file.cut)
    if not index.rows:
        raise Refusal("The file holds no frame", str(path), "Give an xyz file with frames")
    if any(word in "F0" for word in index.periodic.replace("False", "F").split()):
        warn(
            "The cell is not periodic along every axis", f"{path}: pbc={index.periodic!r}",
            "It is taken as periodic: distances and volumes across that boundary mean nothing",
        )  # fmt: skip
    columns = _columns(index)
    notes: list[str] = []
    keep, counted = _clock(index, options, notes)
    frames, species, masses, charges = _frames(index, keep, columns, options, notes)
    return Contents(
        paths=(path,), format="extxyz", species=species, times=settle_times(counted, len(keep), options, path),
        cells=frames.cells, continuous=POSITIONS[0] in columns, has_velocities=frames.moving, frames=frames,
        origins=frames.origins, masses=masses, charges=charges, notes=notes,
        clock="timestep" if _counts(index.steps) else "spacing",
    )  # fmt: skip


def _counts(numbers: list[float]) -> bool:
    """Whether every frame has its number, and they are not one for all."""
    return bool(np.isfinite(numbers).all()) and (len(numbers) == 1 or min(numbers) < max(numbers))


def _clock(index: _Index, options: Options, notes: list[str]) -> tuple[Frames, Floats | None]:
    """The frames that no restart repeats, and their times in ps: by ``timestep``, else by Time; None without."""
    keep, own = np.arange(len(index.rows)), None
    if _counts(index.times):
        in_ps = 1.0 if options.units is None else unit_style(options.units, str(index.path)).time
        own = np.array(index.times) * in_ps
        notes.append(f"times from the file's Time, taken in units of {in_ps:g} ps")
    if options.timestep is not None:
        if not _counts(index.steps):
            refuse_unused(options, "timestep", f"{index.path}: not every comment has its own step=")
        steps = np.array(index.steps)
        keep = np.flatnonzero(first_of_repeated(steps, index.path, notes))
        return keep, by_steps(steps[keep], None if own is None else own[keep], options, index.path)
    if own is not None:
        keep = np.flatnonzero(first_of_repeated(own, index.path, notes, "time"))
    return keep, None if own is None else own[keep]


def _walk(index: _Index, lines: Lines) -> None:
    last_comment, keys = "", dict[str, str]()
    while True:
        frame = len(index.rows)
        try:
            line = lines.begin()
            if line is None:
                return
            comment = lines.need()
        except Torn:
            index.torn = f"in the header of frame {frame}"
            return
        if comment != last_comment:
            last_comment, keys = comment, read_comment(comment)
        _take(index, frame, line, keys)
        place = lines.skip(index.n_atoms)
        if place is None:
            index.torn = f"in the rows of frame {frame}"
            for kept in (index.cells, index.origins, index.times, index.steps):
                del kept[frame:]
            return
        index.rows.append(place)


def read_comment(comment: str) -> dict[str, str]:
    """The ``key=value`` pairs of a comment, keys in lower case."""
    return {found[0].lower(): next(filter(None, found[1:]), "") for found in _PAIR.findall(comment)}


def _take(index: _Index, frame: int, line: str, keys: dict[str, str]) -> None:
    where = f"{index.path}, frame {frame}"
    if not line.strip().isdigit() or int(line) < 1:
        raise Refusal(
            "A frame does not begin with its number of atoms", f"{where}: '{line[:80]}'",
            "The number above the frame before may not be that of its rows: check the file there",
        )  # fmt: skip
    n_atoms, properties = int(line), keys.get("properties", PLAIN)
    if frame == 0:
        index.n_atoms, index.properties, index.periodic = n_atoms, properties, keys.get("pbc", "")
    if n_atoms != index.n_atoms:
        raise Refusal(
            f"The number of atoms changes from {index.n_atoms} to {n_atoms}", where,
            "Give frames of one system: a set of different structures is no trajectory",
        )  # fmt: skip
    if properties != index.properties:
        raise Refusal(
            "The columns change", f"{where}: '{properties}' after '{index.properties}'",
            "Join runs that wrote the same columns",
        )  # fmt: skip
    if "lattice" not in keys:
        raise Refusal(
            "The frame has no cell (Lattice=)", where,
            'Write extended XYZ with Lattice="ax ay az bx by bz cx cy cz", or use vh.from_arrays with cells',
        )  # fmt: skip
    lattice = _numbers(keys["lattice"], f"{where}, Lattice")
    origin = _numbers(keys.get("origin", "0 0 0"), f"{where}, Origin")
    if len(lattice) != 9 or len(origin) != 3:
        raise Refusal("Lattice takes nine numbers and Origin three", f"{where}: {keys['lattice']}", "Check the file")
    index.cells.append(np.array(lattice).reshape(3, 3))
    index.origins.append(np.array(origin))
    index.times.append((_numbers(keys.get("time", ""), f"{where}, Time") or [np.nan])[0])
    step = keys.get("step", "")
    index.steps.append(float(step) if step.isdecimal() and len(step) <= LONGEST_STEP else np.nan)


def _numbers(text: str, where: str) -> list[float]:
    try:
        return [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise Refusal(f"'{text[:60]}' is not numbers", where, "Check the file there")


def _columns(index: _Index) -> dict[str, tuple[int, int]]:
    """First column and width of every property, by its name in lower case."""
    words = index.properties.split(":")
    columns: dict[str, tuple[int, int]] = {}
    start = 0
    for name, kind, width in zip(words[::3], words[1::3], words[2::3], strict=False):
        if kind not in ("S", "R", "I", "L") or not width.isdigit():
            break
        columns[name.lower()] = start, int(width)
        start += int(width)
    if 3 * len(columns) != len(words) or "species" not in columns or not any(n in columns for n in POSITIONS):
        raise Refusal(
            "The columns can't be read", f"{index.path}: Properties={index.properties}",
            "Write name:kind:width triples, with species:S:1 and pos:R:3 among them",
        )  # fmt: skip
    columns[""] = start, 0  # how many there are
    return columns


def _frames(
    index: _Index, keep: Frames, columns: dict[str, tuple[int, int]], options: Options, notes: list[str]
) -> tuple[RowFrames, NDArray[np.str_], Floats | None, Floats | None]:
    from vanhove.kernels.parsing import ID, LABEL, MASS, POSITION, SKIP, VELOCITY

    def named(names: tuple[str, ...]) -> str | None:
        return next((name for name in names if name in columns), None)

    known, mass, charge, moving = named(IDS), named(MASSES), named(CHARGES), named(VELOCITIES)
    if moving is not None and moving != "momenta" and options.units is None:
        notes.append(f"'{moving}' is left out: its unit is not known; give units= (real: Å/fs, metal: Å/ps)")
        moving = None
    roles = np.full(columns[""][0], SKIP, np.int64)
    for name, role in ((named(POSITIONS), POSITION), (moving, VELOCITY), ("species", LABEL), (known, ID)):
        if name is not None:
            start, width = columns[name]
            if width != (3 if role in (POSITION, VELOCITY) else 1):
                raise Refusal(f"'{name}' has {width} columns", f"{index.path}: Properties={index.properties}")
            roles[start : start + width] = role + np.arange(width)
    cells, rows = np.array(index.cells)[keep], np.array(index.rows, np.int64)[keep]
    frames = RowFrames(
        index.path, rows[:, 0], rows[:, 1], roles, index.n_atoms, cells[:1] if (cells == cells[0]).all() else cells,
        np.array(index.origins)[keep], moving=moving is not None, loose=index.properties == PLAIN, numbers=keep,
    )  # fmt: skip
    at_first = roles.copy()
    if mass is not None:
        at_first[columns[mass][0]] = MASS
    first = frames.first(at_first)
    order = np.argsort(first.ids, kind="stable")  # as they stand where there are no ids
    ids = first.ids[order]
    if known is not None and (np.diff(ids) == 0).any():
        raise Refusal("An atom stands twice in a frame", f"{index.path}, frame 0", "Check the file")
    masses = first.masses[order] if mass is not None else None
    charges = None
    if charge is not None:
        notes.append(f"charges from {charge} in the first frame")
        only = np.full(columns[""][0], SKIP, np.int64)
        only[columns[charge][0]] = MASS  # one number an atom, as its mass is
        charges = frames.first(only).masses[order]
    species = settle_species(first.labels[order], options, index.path, kind="species")
    frames = replace(frames, ids=ids if known is not None else None, hashes=first.hashes[order])
    if moving == "momenta":
        from vanhove.trajectory.opening import masses_of

        weights = masses_of(first.labels[order]) if masses is None else masses
        frames = replace(frames, speed=ASE_SPEED / weights[:, None])
    elif moving is not None and options.units is not None:
        frames = replace(frames, speed=unit_style(options.units, str(index.path)).speed)
    return frames, species, masses, charges
