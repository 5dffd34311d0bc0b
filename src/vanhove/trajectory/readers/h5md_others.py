"""H5MD as other programs write it: units, clocks, boxes, image flags and orders of atoms, brought into ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import Contents, Options
from vanhove.trajectory.links import inner

from .checks import check_ending, refuse_unused, settle_species, settle_times
from .clocks import by_steps
from .h5md_box import Box, read_box
from .h5md_elements import Element, element
from .h5md_frames import OtherFrames
from .h5md_units import stated, unit_of
from .lammps_units import UnitStyle, unit_style

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

FIRST = np.zeros(1, np.intp)
SAME_UNIT = 1e-3
ACROSS = 1.5  # cells that wrapped atoms never span, and unwrapped ones soon do


@dataclass
class _Group:
    """A group of particles, and what is settled of it on the way."""

    path: Path
    name: str
    node: Any
    position: Element
    frames: int
    atoms: int
    style: UnitStyle | None  # of ``units=``, for what states no unit
    length: float = 1.0
    order: Rows | slice = field(default_factory=lambda: slice(None))  # by the ids of the first frame
    rows: dict[str, Rows] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def element(self, name: str, shape: tuple[int, ...]) -> Element | None:
        """The element called ``name``, refused where its rows have another shape; None where there is none."""
        found = element(self.path, self.node, name)
        if found is not None and found.shape != shape:
            raise Refusal(
                f"'{name}' and 'position' have different shapes",
                f"{self.path}: {found.data.shape} and {self.position.data.shape}", "Write one of each an atom",
            )  # fmt: skip
        return found

    def unit(self, data: Any, asked: float | None, **powers: int) -> float | None:
        """The unit that ``data`` states, else the one that was ``asked`` for; None where neither is known."""
        said = stated(data)
        if said is None:
            return asked
        known = unit_of(data, **powers)
        if known is not None and asked is not None and abs(known / asked - 1) > SAME_UNIT:
            warn(
                "units= is not the unit that the file states", f"{self.path}: {data.name} is in {said}",
                "The file's own is taken: leave units out",
            )  # fmt: skip
        return known


def scan_others(path: Path, file: Any, options: Options) -> Contents:
    """Everything but the positions of a file in the basic layout."""
    group = _group(path, file, options)
    group.length = _length(group)
    box = read_box(path, group.node, group.position, group.frames, group.length)
    continuous = _images(group, box)
    speed = _speed(group)
    ids = _ids(group)
    masses, charges = _an_atom(group, "mass", mass=1), _an_atom(group, "charge", charge=1)
    labels, numbers = _labels(group)
    frames = OtherFrames(
        path, group.name, group.frames, group.atoms, box.cells, group.length, speed, group.rows, box.periodic, ids,
        None if isinstance(group.order, slice) else group.order, numbers, (group.position.data.chunks or (1,))[0],
    )  # fmt: skip
    return Contents(
        paths=(path,), format="h5md", cells=box.cells, continuous=continuous, frames=frames, notes=group.notes,
        species=settle_species(labels, options, path, kind="species", masses=masses), masses=masses, charges=charges,
        times=settle_times(_times(group, options), group.frames, options, path),
        has_velocities="velocity" in group.rows,
        clock="spacing" if group.position.clock("step") is None else "timestep",
    )  # fmt: skip


def _group(path: Path, file: Any, options: Options) -> _Group:
    particles = inner(file, "particles")
    names = [] if particles is None else [n for n in particles if inner(particles, f"{n}/position") is not None]
    if "all" in names:
        names = ["all"]
    if len(names) != 1:
        raise Refusal(
            "Several groups hold positions" if names else "The file holds no group of particles with positions",
            f"{path}: /particles holds {', '.join(particles or []) or 'nothing'}",
            "Copy one into a file of its own (h5copy -p)" if names else "Write H5MD with /particles/all/position",
        )  # fmt: skip
    node = inner(particles, names[0])
    position = element(path, node, "position")
    if position is None or position.data.dtype.kind not in "fiu":
        raise Refusal("The positions are no numbers", str(path), "Write H5MD with /particles/all/position")
    if len(position.shape) != 2 or position.shape[1] != 3:
        raise Refusal("The positions are not (frame, atom, 3) numbers", f"{path}: shape {position.data.shape}")
    frames = int(position.data.shape[0]) if position.moving else 1
    if frames == 0 or position.shape[0] == 0:
        raise Refusal("The file holds no frame", str(path), "Check that its run wrote positions")
    whole = min(position.written(), frames) if position.moving else 1
    for clock in (position.clock("step"), position.clock("time")):
        if clock is not None and clock.shape != ():
            whole = min(whole, len(clock))
    check_ending(path, whole, f"in frame {whole} of {frames}" if whole < frames else None)
    style = None if options.units is None else unit_style(options.units, str(path))
    group = _Group(path, f"particles/{names[0]}", node, position, whole, position.shape[0], style)
    group.rows["position"] = np.arange(whole)
    return group


def _length(group: _Group) -> float:
    known = group.unit(group.position.data, None if group.style is None else group.style.length, length=1)
    if known is None:
        warn(
            "The file does not state the unit of its positions in words that are known",
            f"{group.path}: {stated(group.position.data) or 'no unit'}",
            "Å is taken; units= names a LAMMPS unit style",
        )
    return 1.0 if known is None else known


def _times(group: _Group, options: Options) -> Floats | None:
    """Times in ps: by the file's ``step`` and ``timestep=``, else by its ``time``; None without."""
    own, clock = None, group.position.clock("time")
    factor = None if clock is None else group.unit(clock, None if group.style is None else group.style.time, time=1)
    counted = None if factor is None else group.position.counted("time", group.frames)
    if counted is not None and factor is not None:
        own = np.asarray(counted, np.float64) * factor
    steps = None if group.position.clock("step") is None else group.position.counted("step", group.frames)
    if steps is None:
        refuse_unused(options, "timestep", f"{group.path} does not say at which steps its frames are")
        return own
    return by_steps(np.asarray(steps), own, options, group.path)


def _images(group: _Group, box: Box) -> bool:
    """Whether positions are continuous: by image flags, which are read where they are needed."""
    image = group.element("image", (group.atoms, 3))
    if image is None:
        return False
    rows = image.matched(group.position, group.frames) if image.moving else None
    if rows is None:
        group.notes.append("the image flags are left out: they are not known at every frame")
        return False
    last = group.frames - 1
    cell = box.cells[min(last, len(box.cells) - 1)]
    with np.errstate(all="ignore"):  # cells without volume and numbers that are not finite are refused later
        try:
            scaled = (
                np.asarray(group.position.rows(np.array([last]))[0], np.float64) * group.length @ np.linalg.inv(cell)
            )
        except np.linalg.LinAlgError:
            scaled = np.zeros((group.atoms, 3))
        wrapped = scaled - image.rows(rows[last:])[0]
        both = (np.ptp(scaled, axis=0) > ACROSS).any() and (np.ptp(wrapped, axis=0) < ACROSS).all()
    if both:
        warn(
            "The positions are unwrapped already, though image flags are beside them",
            f"{group.path}, frame {last}: the atoms span {np.ptp(scaled, axis=0).max():.1f} cells",
            "The flags are not applied once more (LAMMPS: leave out dump_modify unwrap, or image)",
        )  # fmt: skip
        return True
    group.rows["image"] = rows
    return True


def _speed(group: _Group) -> float:
    """The unit of velocities in Å/ps; they are read where it is known and there is one at every frame."""
    velocity = group.element("velocity", (group.atoms, 3))
    if velocity is None:
        return 1.0
    speed = group.unit(velocity.data, None if group.style is None else group.style.speed, length=1, time=-1)
    rows = velocity.matched(group.position, group.frames) if velocity.moving else None
    if rows is None and group.frames == 1 and not velocity.moving:
        rows = FIRST
    if speed is None or rows is None:
        why = (
            "their unit is not stated in words that are known" if speed is None else "they are not known at every frame"
        )
        group.notes.append(f"the velocities are left out: {why}")
        return 1.0
    group.rows["velocity"] = rows
    return speed


def _every_frame(group: _Group, found: Element) -> Rows:
    rows = found.matched(group.position, group.frames)
    if rows is None:
        raise Refusal(
            f"The atoms' {found.name} is not known at every frame", str(group.path), "Write it whenever positions are"
        )
    return rows


def _ids(group: _Group) -> NDArray[Any] | None:
    """The ids of the first frame, rising, where every frame has its own: they decide the order of the atoms."""
    found = group.element("id", (group.atoms,))
    if found is None or not found.moving:
        return None
    rows = _every_frame(group, found)
    first = found.rows(rows[:1])[0]
    order = np.argsort(first, kind="stable")
    ids: NDArray[Any] = first[order]
    if (np.diff(ids) == 0).any():
        raise Refusal(
            "An atom stands twice in a frame, or some places hold none", f"{group.path}, frame 0: id",
            "Write a group of atoms that stays the same, each with its own id",
        )  # fmt: skip
    group.rows["id"], group.order = rows, order
    return ids


def _an_atom(group: _Group, name: str, **unit: int) -> Floats | None:
    """One number an atom in the first frame, in u or e where the file does not say otherwise."""
    found = element(group.path, group.node, name)
    if found is None or found.shape != (group.atoms,) or 0 in found.data.shape or found.data.dtype.kind not in "fiu":
        return None
    factor = 1.0 if stated(found.data) is None else unit_of(found.data, **unit)
    if factor is None:
        group.notes.append(f"'{name}' is left out: its unit '{stated(found.data)}' is not known")
        return None
    if found.moving:
        group.notes.append(f"'{name}' is that of the first frame")
    values = np.asarray(found.rows(FIRST)[0], np.float64)[group.order] * factor
    return values if np.isfinite(values).all() else None


def _labels(group: _Group) -> tuple[NDArray[np.str_], NDArray[Any] | None]:
    """The names of the atoms' species in the order of the ids, and what the file has for them."""
    from .h5md import labels_of

    found = element(group.path, group.node, "species")
    if found is None:
        return np.full(group.atoms, "?"), None
    if found.shape != (group.atoms,):
        raise Refusal(
            f"{(*found.shape, 0)[0]} species for {group.atoms} atoms", f"{group.path}: species", "Write one an atom"
        )
    if found.moving:
        group.rows["species"] = _every_frame(group, found)
    values = found.rows(group.rows.get("species", FIRST)[:1])[0]
    numbers = values[group.order] if found.moving else values
    return labels_of(values, found.data.dtype)[group.order], numbers
