"""LAMMPS dumps of style atom and custom: text, also gzip; columns and boxes of any kind, rows in any order.

Positions are taken from ``xu yu zu`` or ``xsu ysu zsu``, else from ``x y z`` or ``xs ys zs`` with the image flags
``ix iy iz`` where they are there. Atoms are sorted by their id in every frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import is_species
from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import Contents, Options

from .atoms import Atoms, atoms_by_id, settled_charges
from .checks import check_ending, settle_species, settle_times
from .clocks import by_steps, first_of_repeated
from .lammps_header import Index, read_index
from .lammps_units import UnitStyle, unit_style
from .rows import RowFrames
from .text import Lines, TextFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Labels = NDArray[np.str_]

# Kinds of coordinates, best first: the columns, whether they are fractional, whether they are unwrapped.
KINDS = [
    (("xu", "yu", "zu"), False, True),
    (("xsu", "ysu", "zsu"), True, True),
    (("x", "y", "z"), False, False),
    (("xs", "ys", "zs"), True, False),
]
FLAGS = ("ix", "iy", "iz")
SPEEDS = ("vx", "vy", "vz")
NAMING = ("type", "typelabel", "element")  # columns that say what an atom is
STARTS = (b"ITEM: TIMESTEP", b"ITEM: UNITS", b"ITEM: TIME\n", b"ITEM: TIME\r")


def recognises(_path: Path, head: bytes) -> bool:
    """Whether ``head`` begins a text dump."""
    return head.lstrip().startswith(STARTS)


def scan(path: Path, options: Options) -> Contents:
    """Walk through the headers and count the rows; of the positions none is read."""
    with TextFile(path, "looking through") as file:
        index = read_index(path, Lines(file))
        check_ending(path, len(index.steps), index.torn, cut=file.cut)
    notes: list[str] = []
    keep = first_of_repeated(np.array(index.steps), path, notes)
    units = options.units or index.units
    style = None if units is None else unit_style(units, str(path))
    frames, kind = _frames(index, keep, style, notes)
    atoms, frames = _atoms(index, frames, options, notes)
    if "q" in index.columns:
        atoms = atoms._replace(charges=_charges(index, frames, units or "", notes))
    counted = _times(index, keep, style, options)
    length = 1.0 if style is None else style.length
    times = settle_times(counted, len(frames.starts), options, path)
    _check_boundary(index)
    return Contents(
        paths=(path,), format="lammps-dump", species=atoms.species, times=times,
        cells=frames.cells * length, continuous=kind, has_velocities=frames.moving, frames=frames,
        origins=frames.origins * length, masses=atoms.masses, charges=atoms.charges,
        clock="timestep", notes=notes,
    )  # fmt: skip


def _frames(index: Index, keep: NDArray[np.bool_], style: UnitStyle | None, notes: list[str]) -> tuple[RowFrames, bool]:
    """The frames to read, and whether their positions are continuous."""
    from vanhove.kernels.parsing import ID, IMAGE, POSITION, VELOCITY

    columns = index.columns
    where = f"{index.path} has the columns '{' '.join(columns)}'"
    if "id" not in columns:
        raise Refusal(
            "The dump has no ids, so atoms can't be followed from frame to frame", where, "Dump the column id"
        )
    found = [kind for kind in KINDS if set(kind[0]) <= set(columns)]
    if not found:
        raise Refusal("The dump has no full set of positions", where, "Dump xu yu zu, or x y z (with ix iy iz)")
    names, fractional, unwrapped = found[0]
    images = not unwrapped and set(FLAGS) <= set(columns)
    moving = set(SPEEDS) <= set(columns)
    if moving and style is None:
        moving = False
        notes.append("the velocities are left out: their unit is not known; give units= (real, metal, ...)")
    roles = np.zeros(len(columns), np.int64)
    roles[columns.index("id")] = ID
    for wanted, names_, role in ((True, names, POSITION), (moving, SPEEDS, VELOCITY), (images, FLAGS, IMAGE)):
        for axis, name in enumerate(names_):
            if wanted:
                roles[columns.index(name)] = role + axis
    boxes = [box for box, kept in zip(index.boxes, keep.tolist(), strict=True) if kept]
    cells, origins = np.array([box.cell for box in boxes]), np.array([box.origin for box in boxes])
    rows = np.array(index.rows, np.int64)[keep]
    notes.append(f"positions from {' '.join(names)}{' and image flags' if images else ''}")
    frames = RowFrames(
        index.path, rows[:, 0], rows[:, 1], roles, index.n_atoms, cells[:1] if (cells == cells[0]).all() else cells,
        origins, fractional=fractional, images=images, moving=moving, length=1.0 if style is None else style.length,
        speed=1.0 if style is None else style.speed, numbers=np.flatnonzero(keep), steps=np.array(index.steps)[keep],
    )  # fmt: skip
    return frames, unwrapped or images


def _atoms(index: Index, frames: RowFrames, options: Options, notes: list[str]) -> tuple[Atoms, RowFrames]:
    """The atoms in the order of their ids, and the frames that know this order."""
    from vanhove.kernels.parsing import ID, LABEL, MASS, SKIP

    columns = index.columns
    naming = [name for name in NAMING if name in columns]

    def roles(label: str | None) -> Ints:
        wanted = {"id": ID, "mass": MASS, label: LABEL}
        return np.array([wanted.get(name, SKIP) for name in columns], np.int64)

    first = frames.first(roles(naming[0] if naming else None))
    order = np.argsort(first.ids, kind="stable")
    ids = first.ids[order]
    twice = np.flatnonzero(np.diff(ids) == 0)
    if len(twice):
        raise Refusal(
            f"Atom {ids[twice[0]]} stands twice in a frame", f"{index.path}, {frames.name(0)}", "Check the file"
        )
    masses = first.masses[order] if "mass" in columns else None
    called = {name: frames.first(roles(name)).labels[order] for name in naming[1:]}
    called = {naming[0]: first.labels[order], **called} if naming else {"atom": np.full(len(ids), "?")}
    kind = _naming(called, options)
    if kind != next(iter(called)):
        notes.append(f"species by the column {kind}")
    if options.topology is None:
        atoms = Atoms(settle_species(called[kind], options, index.path, kind=kind, masses=masses), masses, None)
    else:
        if options.species is None and all(is_species(name) for name in set(called[kind].tolist())):
            options = replace(options, species=called[kind].tolist())
        atoms = atoms_by_id(options, ids, called.get("type"), index.path, notes, masses)
    if not naming:
        return atoms, replace(frames, ids=ids)
    followed = frames.roles.copy()
    followed[columns.index(naming[0])] = LABEL
    return atoms, replace(frames, ids=ids, hashes=first.hashes[order], roles=followed)


def _charges(index: Index, frames: RowFrames, units: str, notes: list[str]) -> Floats | None:
    """Charges in e by the column q, where they are the same in the first and the last frame."""
    from vanhove.kernels.parsing import ID, MASS, SKIP

    wanted = {"id": ID, "q": MASS}
    roles = np.array([wanted.get(name, SKIP) for name in index.columns], np.int64)
    rows = [frames.first(roles, frame) for frame in (0, len(frames.starts) - 1)]
    first, last = (row.masses[np.argsort(row.ids, kind="stable")] for row in rows)
    return settled_charges(first, last, units, index.path, notes)


def _naming(called: dict[str, Labels], options: Options) -> str:
    """The column to go by, of all that say what the atoms are ``called``.

    The first of which ``species=`` names a label; else the one that holds elements, ``element`` before ``typelabel``;
    else the first. LAMMPS itself writes C for every type where no elements were given to it.
    """
    first, *others = called
    given = options.species
    if isinstance(given, Mapping):
        said = {str(key) for key in given}
        found = [name for name, labels in called.items() if said & set(labels.tolist())]
        if found:
            return found[0]
    elif given is not None:  # a list of the types, or of all atoms
        return first
    for name in reversed(others):
        names = set(called[name].tolist())
        if all(is_species(label) for label in names) and (names != {"C"} or len(set(called[first].tolist())) == 1):
            return name
    return first


def _times(index: Index, keep: NDArray[np.bool_], style: UnitStyle | None, options: Options) -> Floats | None:
    """Times that the file itself counts, in ps: by ``timestep``, else by ITEM: TIME in known units; None without."""
    own = None
    if style is not None and len(index.times) == len(index.steps):
        own = np.array(index.times)[keep] * style.time
    return by_steps(np.array(index.steps)[keep], own, options, index.path)


def _check_boundary(index: Index) -> None:
    flags = index.boxes[0].boundary
    loose = [axis for axis, flag in zip("xyz", flags, strict=False) if flag != "pp"]
    if loose:
        warn(
            f"The box is not periodic along {', '.join(loose)}", f"{index.path}: {' '.join(flags)}",
            "It is taken as periodic: distances and volumes across that boundary mean nothing",
        )  # fmt: skip
