"""Folders of DeePMD's training data: ``type.raw``, ``type_map.raw`` and ``set.*/`` with ``coord.npy`` and ``box.npy``.

The sets follow each other in the order of their names; one of them alone may be given. The frames count nothing:
``spacing=`` says how far they are apart, where they follow each other in time at all. Positions may be wrapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.contents import Contents, Options, RawBlock

from .binary import check_block, frames_at_once, opened
from .checks import check_ending, settle_species, settle_times
from .npy import Npy, read_header

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SAMPLED = 200  # steps between frames that are looked at
SAMPLE_BYTES = 1 << 26
JUMP = 0.1  # of the cell's narrowest width: no step of a run is as long, for half of the atoms
LARGEST_TEXT = 1 << 28  # bytes of type.raw
NOTE = "frames of training data need not follow each other in time: then displacements between them mean nothing"


def recognises(path: Path, _head: bytes) -> bool:
    """Whether ``path`` is such a folder, or one of its sets."""
    return path.is_dir() and bool(sets_of(path))


@dataclass(frozen=True)
class SetFrames:
    """The positions of one set after the other, (frame, 3 × atom) in each; called, it gives the raw blocks."""

    sets: tuple[Npy, ...]
    n_atoms: int

    def __call__(self, memory: int) -> Iterator[RawBlock]:
        """See :class:`vanhove.trajectory.contents.Contents`."""
        size = frames_at_once(memory, 2 * 24 * self.n_atoms)
        for coords in self.sets:
            with opened(coords.path) as file:
                for first in range(0, coords.rows, size):
                    frames = np.arange(first, min(first + size, coords.rows))
                    positions = coords.read(file, first, first + len(frames)).reshape(-1, self.n_atoms, 3)
                    check_block(positions, "position", coords.path, frames)
                    yield RawBlock(positions)


def scan(path: Path, options: Options) -> Contents:
    """Types, boxes and the sizes of the sets; of the positions a few frames, to see whether they jump."""
    sets = sets_of(path)
    if not sets:
        raise Refusal("The folder holds no set.*/coord.npy", str(path), "Give a folder of DeePMD training data")
    folder = path if sets[0].parent == path else path.parent
    check_kind(folder, sets)
    labels = labels_of(folder)
    coords, boxes = _arrays(path, sets, len(labels))
    cells = np.concatenate([box.read_all().reshape(-1, 3, 3) for box in boxes])
    frames = SetFrames(tuple(coords), len(labels))
    from vanhove.trajectory.opening import check_cells

    check_cells(cells, str(path))
    _check_steps(path, coords, cells, len(labels))
    named = [file for file in (folder / "type.raw", folder / "type_map.raw") if file.exists()]
    return Contents(
        paths=(*(array.path for array in (*coords, *boxes)), *named), format="deepmd",
        species=settle_species(labels, options, path), times=settle_times(None, len(cells), options, path),
        cells=cells[:1] if (cells == cells[0]).all() else cells, continuous=False, has_velocities=False, frames=frames,
        notes=[NOTE],
    )  # fmt: skip


def sets_of(path: Path) -> list[Path]:
    """The sets of a folder in the order of their names, or the one set that it is itself."""
    if (path / "coord.npy").is_file():
        return [path]
    found = [folder for folder in path.glob("set.*") if (folder / "coord.npy").is_file()]
    return sorted(found, key=lambda folder: (len(folder.name), folder.name))  # set.9 before set.10


def check_kind(folder: Path, sets: list[Path]) -> None:
    """Refuse data without a cell, of changing compositions, or without types."""
    if (folder / "nopbc").exists():
        raise Refusal("The frames have no cell", str(folder / "nopbc"), "Give data of a periodic system")
    for each in sets:
        if (each / "real_atom_types.npy").exists():
            raise Refusal(
                "Data of mixed types holds another composition in every frame, which is no trajectory",
                str(each / "real_atom_types.npy"), "Give the data of one system (dpdata writes them as deepmd/npy)",
            )  # fmt: skip
    if not (folder / "type.raw").is_file():
        raise Refusal("The types of the atoms are missing", str(folder / "type.raw"), "Copy the whole folder")


def labels_of(folder: Path) -> NDArray[np.str_]:
    """What each atom is called: by the names of ``type_map.raw``, else by its number."""
    path, names_path = folder / "type.raw", folder / "type_map.raw"
    for file in (path, names_path):
        if file.exists() and file.stat().st_size > LARGEST_TEXT:
            raise Refusal("The file is too large for what it should hold", str(file), "Check the folder")
    words = path.read_text("utf-8", "replace").split()
    if not words or not all(word.isdecimal() and len(word) < 10 for word in words):
        raise Refusal("The types are not whole numbers, one an atom", str(path), "Check the file")
    types = np.array(words, np.int64)
    if not names_path.exists():
        return types.astype(str)
    names = names_path.read_text("utf-8", "replace").split()
    if types.max() >= len(names):
        raise Refusal(f"Type {types.max()} has no name", f"{names_path} names {len(names)} types", "Check both files")
    return np.array(names)[types]


def _arrays(path: Path, sets: list[Path], n_atoms: int) -> tuple[list[Npy], list[Npy]]:
    """Positions and boxes of the sets, of as many frames as both have whole."""
    coords, boxes, torn = list[Npy](), list[Npy](), None
    for each in sets:
        if not (each / "box.npy").is_file():
            raise Refusal("The frames have no cell", str(each / "box.npy"), "Give data of a periodic system")
        coord, box = read_header(each / "coord.npy"), read_header(each / "box.npy")
        for array, widths in ((coord, ((3 * n_atoms,), (n_atoms, 3))), (box, ((9,), (3, 3)))):
            if array.shape[1:] not in widths:
                raise Refusal(
                    f"The array does not hold {' × '.join(map(str, widths[0]))} numbers a frame",
                    f"{array.path}: shape {array.shape}, with {n_atoms} atoms in type.raw", "Check the folder",
                )  # fmt: skip
        if coord.shape[0] != box.shape[0]:
            raise Refusal(
                "Positions and boxes are not of as many frames", f"{each}: {coord.shape[0]} and {box.shape[0]}",
                "Copy the folder again",
            )  # fmt: skip
        if torn is not None:
            raise Refusal("A set that others follow was cut", torn, "Copy the folder again")
        whole = min(coord.rows, box.rows)
        if whole < coord.shape[0]:
            torn = f"{each}, frame {whole} of {coord.shape[0]}"
        coords.append(coord._replace(rows=whole))
        boxes.append(box._replace(rows=whole))
    frames = sum(array.rows for array in coords)
    check_ending(path, frames, None if torn is None else f"in {torn}")
    if frames == 0:
        raise Refusal("The folder holds no frame", str(path), "Give a folder of DeePMD training data")
    return coords, boxes


def _check_steps(path: Path, coords: list[Npy], cells: Floats, n_atoms: int) -> None:
    """Warn where half of the atoms move a good part of the cell between two frames, by the shortest image."""
    many = max(1, min(SAMPLED, SAMPLE_BYTES // (8 * 24 * n_atoms)))
    behind = np.cumsum([array.rows for array in coords])
    steps = int(behind[-1]) - 1
    if steps < 1:
        return
    between_sets = behind[(behind > 0) & (behind <= steps)] - 1
    firsts = np.unique([*np.linspace(0, steps - 1, min(many, steps)).astype(int), *between_sets[:many]])

    def frame(number: int) -> Floats:
        which = int(np.searchsorted(behind, number, side="right"))
        array = coords[which]
        row = number - int(behind[which]) + array.rows
        with opened(array.path) as file:
            return array.read(file, row, row + 1).reshape(n_atoms, 3)

    inverse = np.linalg.inv(cells)
    pairs = np.array([[frame(first), frame(first + 1)] for first in firsts.tolist()])
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused where it is read
        scaled = pairs @ np.stack([inverse[firsts], inverse[firsts + 1]], axis=1)
        moved = scaled[:, 1] - scaled[:, 0]
        moved = (moved - np.rint(moved)) @ cells[firsts + 1]
        typical = np.median(np.sqrt((moved**2).sum(axis=2)), axis=1)
    farthest = int(np.argmax(typical))
    width = float(1 / np.linalg.norm(inverse[firsts[farthest]], axis=0).max())
    if typical[farthest] > JUMP * width:
        warn(
            f"The frames jump: half of the atoms move {typical[farthest]:.1f} Å or more between two of them",
            f"{path}, frames {firsts[farthest]} and {firsts[farthest] + 1}, in a cell {width:.1f} Å wide",
            "Their structure can be used; what follows atoms in time (msd, diffusion, spectra) means nothing",
        )  # fmt: skip
