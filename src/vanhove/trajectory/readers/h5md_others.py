"""H5MD as other programs write it: units, clocks, boxes and image flags, brought into ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_by_mass, is_species
from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import Contents, Options, RawBlock
from vanhove.trajectory.links import inner

from .checks import settle_species, settle_times
from .h5md import labels_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LENGTHS = {
    "nm": 10.0,
    "pm": 0.01,
    "a": 1.0,
    "å": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "m": 1e10,
    "bohr": 0.529177210903,
}
TIMES = {"ps": 1.0, "fs": 1e-3, "ns": 1e3, "us": 1e6, "s": 1e12}
_FACTOR = re.compile(r"(/?)\s*([A-Za-zÅåµ]+)\s*\^?\s*([+-]?\d+)?")


def unit_of(data: Any, length: int, time: int) -> float | None:
    """The unit that ``data`` states, in Å^length ps^time; None where it states none or one that is not known.

    H5MD writes powers behind the name, as in ``nm ps-1``; ``nm/ps`` is understood too.
    """
    text = data.attrs.get("unit", data.attrs.get("units"))
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if not isinstance(text, str):
        return None
    value, powers = 1.0, [0, 0]
    for over, name, power in _FACTOR.findall(text):
        exponent = int(power or 1) * (-1 if over else 1)
        for kind, table in enumerate((LENGTHS, TIMES)):
            if name.lower() in table:
                value *= table[name.lower()] ** exponent
                powers[kind] += exponent
                break
        else:
            return None
    return value if powers == [length, time] else None


@dataclass(frozen=True)
class OtherFrames:
    """The positions of another program's H5MD file, block by block, image flags applied."""

    path: Path
    group: str
    cells: Floats  # Å
    length: float
    speed: float | None  # Å/ps; None: velocities are left out
    images: bool

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        import h5py

        with h5py.File(self.path, "r", locking="best-effort") as file:
            group = inner(file, self.group)
            positions = _values(group, "position")
            image = _values(group, "image") if self.images else None
            velocity = _values(group, "velocity") if self.speed is not None else None
            frames, atoms = positions.shape[:2] if positions.ndim == 3 else (1, positions.shape[0])
            size = max(1, memory // (4 * 24 * atoms))
            for first in range(0, frames, size):
                here = slice(first, min(first + size, frames))
                raw = self._part(positions, here, "position") * self.length
                if image is not None:
                    cells = self.cells if len(self.cells) == 1 else self.cells[here]
                    raw += self._part(image, here, "image") @ cells
                speeds = None
                if velocity is not None and self.speed is not None:
                    speeds = self._part(velocity, here, "velocity") * self.speed
                yield RawBlock(raw, speeds)

    def _part(self, data: Any, here: slice, name: str) -> Floats:
        block = np.asarray(data[here] if data.ndim == 3 else data[:][None], np.float64)
        if not np.isfinite(block).all():
            frame, atom, _ = np.argwhere(~np.isfinite(block))[0]
            raise Refusal(
                f"The {name} is not a finite number", f"{self.path}, frame {here.start + frame}, atom {atom}",
                "The simulation went wrong there: use the frames before it, or run it again",
            )  # fmt: skip
        return block


def scan_others(path: Path, file: Any, options: Options) -> Contents:
    """Everything but the positions of a file in the basic layout."""
    name, group = _particles(path, file)
    positions = _values(group, "position")
    if positions.ndim not in (2, 3) or positions.shape[-1] != 3 or positions.dtype.kind not in "fi":
        raise Refusal("The positions are not (frame, atom, 3) numbers", f"{path}: shape {positions.shape}")
    frames, atoms = positions.shape[:2] if positions.ndim == 3 else (1, positions.shape[0])
    if frames == 0 or atoms == 0:
        raise Refusal("The file holds no frame", str(path), "Check that its run wrote positions")
    notes: list[str] = []
    length = unit_of(positions, 1, 0)
    if length is None:
        warn("The file does not state the unit of its positions in words that are known", str(path), "Å is taken")
        length = 1.0
    images = inner(group, "image") is not None
    velocity = inner(group, "velocity")
    speed = None if velocity is None else unit_of(_values(group, "velocity"), 1, -1)
    if velocity is not None and speed is None:
        notes.append("the velocities are left out: their unit is not stated in words that are known")
    for extra in ("image", "velocity"):
        if inner(group, extra) is not None and _values(group, extra).shape != positions.shape:
            raise Refusal(f"'{extra}' and 'position' have different shapes", str(path), "Write both at the same frames")
    _check_ids(path, group)
    cells = _cells(path, group, frames, length)
    masses = _atoms_array(group, "mass", atoms)
    return Contents(
        paths=(path,), format="h5md", species=_species(path, group, atoms, masses, options), cells=cells,
        times=settle_times(_times(group, options), frames, options, path), continuous=images,
        has_velocities=speed is not None, masses=masses, charges=_atoms_array(group, "charge", atoms),
        frames=OtherFrames(path, name, cells, length, speed, images), notes=notes,
    )  # fmt: skip


def _particles(path: Path, file: Any) -> tuple[str, Any]:
    particles = inner(file, "particles")
    names = [] if particles is None else [n for n in particles if inner(particles, f"{n}/position") is not None]
    if "all" in names:
        names = ["all"]
    if len(names) != 1:
        raise Refusal(
            "The file holds no group of particles with positions" if not names else "Several groups hold positions",
            f"{path}: /particles holds {', '.join(particles or []) or 'nothing'}",
            "Write H5MD with /particles/all/position",
        )  # fmt: skip
    return f"particles/{names[0]}", inner(particles, names[0])


def _values(group: Any, name: str) -> Any:
    """The numbers of an element: those of a fixed one, or its values in time."""
    element = inner(group, name)
    values = inner(element, "value")
    return element if values is None else values


def _times(group: Any, options: Options) -> Floats | None:
    """Times in ps by the file's ``time``, else by its ``step`` and ``timestep=``; a single number is an increment."""
    element = inner(group, "position")
    frames = len(_values(group, "position"))
    for name in ("time", "step"):
        clock = inner(element, name)
        if clock is None:
            continue
        factor = unit_of(clock, 0, 1) if name == "time" else options.timestep
        if factor is None:
            continue
        counted = np.asarray(clock[()], np.float64)
        if counted.ndim == 0:
            counted = float(clock.attrs.get("offset", 0.0)) + counted * np.arange(frames)
        return counted.reshape(-1) * factor
    return None


def _cells(path: Path, group: Any, frames: int, length: float) -> Floats:
    box = inner(group, "box")
    edges = None if box is None else inner(box, "edges")
    if edges is None:
        raise Refusal("The file has no box", f"{path}: box/edges", "Write the box, or use vh.from_arrays with cells")
    _check_boundary(path, box)
    values = _values(box, "edges")
    own = unit_of(values, 1, 0)
    table = np.asarray(values[()], np.float64) * (length if own is None else own)
    moving = inner(edges, "value") is not None
    table = table if moving else table[None]
    if table.shape[1:] == (3,):
        table = table[:, :, None] * np.eye(3)
    if table.shape[1:] != (3, 3):
        raise Refusal("The box is not three lengths or three vectors", f"{path}: edges of shape {values.shape}")
    if moving and len(table) != 1:
        table = table[_matching(path, group, edges, frames, len(table))]
    return table[:1] if (table == table[0]).all() else table


def _matching(path: Path, group: Any, edges: Any, frames: int, boxes: int) -> NDArray[np.intp]:
    """Which box belongs to each frame of positions: the one of the same step."""
    steps = [inner(element, "step") for element in (edges, inner(group, "position"))]
    arrays = [np.asarray(step[()]).reshape(-1) if step is not None else np.empty(0) for step in steps]
    if [len(array) for array in arrays] == [boxes, frames]:
        place = np.minimum(np.searchsorted(arrays[0], arrays[1]), boxes - 1)
        if (arrays[0][place] == arrays[1]).all():
            return place.astype(np.intp)
    elif boxes == frames:
        return np.arange(frames)
    raise Refusal(
        "The box is not known at every frame", f"{path}: {boxes} boxes, {frames} frames", "Write both together"
    )


def _check_boundary(path: Path, box: Any) -> None:
    try:
        said = [v.decode() if isinstance(v, bytes) else str(v) for v in np.atleast_1d(box.attrs["boundary"]).tolist()]
    except (KeyError, OSError, TypeError, ValueError):
        said = []
    if len(said) != 3 or not set(said) <= {"periodic", "none"}:
        warn("The boundary can't be read", f"{path}: box/boundary {said}", "Every axis is taken as periodic")
    elif "none" in said:
        warn(
            "The box is not periodic along every axis", f"{path}: {', '.join(said)}",
            "It is taken as periodic: distances and volumes across that boundary mean nothing",
        )  # fmt: skip


def _check_ids(path: Path, group: Any) -> None:
    """Refuse rows that change their atoms or species on the way."""
    for name in ("id", "species"):
        element = inner(group, name)
        if element is None or inner(element, "value") is None:
            continue
        values = inner(element, "value")
        for start in range(0, len(values), 256):
            changed = (values[start : start + 256] != values[0]).any(axis=1)
            if changed.any():
                raise Refusal(
                    f"The atoms' {name} changes", f"{path}, frame {start + int(np.argmax(changed))}",
                    "Write the atoms in an order that stays the same",
                )  # fmt: skip


def _atoms_array(group: Any, name: str, atoms: int) -> Floats | None:
    element = inner(group, name)
    if element is None:
        return None
    values = _values(group, name)
    array = np.asarray(values[()] if inner(element, "value") is None else values[0], np.float64)
    return array if array.shape == (atoms,) and np.isfinite(array).all() else None


def _species(path: Path, group: Any, atoms: int, masses: Floats | None, options: Options) -> NDArray[np.str_]:
    element = inner(group, "species")
    labels = np.full(atoms, "?")
    if element is not None:
        labels = labels_of(element) if inner(element, "value") is None else _first_labels(element)
    if len(labels) != atoms:
        raise Refusal(f"{len(labels)} species for {atoms} atoms", f"{path}: species", "Write one an atom")
    if options.species is None and masses is not None and not all(is_species(name) for name in set(labels.tolist())):
        different, which = np.unique(masses, return_inverse=True)
        found = [element_by_mass(mass) for mass in different.tolist()]
        if None not in found:
            return np.array([str(name) for name in found])[which]
    return settle_species(labels, options, path, kind="species")


def _first_labels(element: Any) -> NDArray[np.str_]:
    return np.asarray(inner(element, "value")[0]).astype(str)
