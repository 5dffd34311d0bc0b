"""Trajectories whose truth is known, and files of them written by hand."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ORTHOGONAL = np.diag([9.0, 11.0, 13.0])
TRICLINIC = np.array([[9.0, 0, 0], [2.5, 11.0, 0], [-3.0, 1.5, 13.0]])  # as LAMMPS restricts it
GENERAL = np.array([[8.0, 1.0, -0.5], [2.0, 10.0, 1.0], [-1.0, 2.0, 12.0]])
NAMES = {1: "Na", 2: "Si", 3: "S"}


@dataclass(frozen=True)
class Truth:
    """What an honest reader must find."""

    unwrapped: Floats  # (frame, atom, axis)
    velocities: Floats
    cells: Floats  # (frame, 3, 3)
    origins: Floats  # (frame, 3)
    ids: NDArray[np.int64]
    types: NDArray[np.int64]

    @cached_property
    def fractional(self) -> Floats:
        return np.einsum("fai,fij->faj", self.unwrapped - self.origins[:, None], np.linalg.inv(self.cells))

    @cached_property
    def images(self) -> Floats:
        return np.floor(self.fractional)

    @cached_property
    def scaled(self) -> Floats:
        return self.fractional - self.images

    @cached_property
    def wrapped(self) -> Floats:
        return self.unwrapped - np.einsum("fai,fij->faj", self.images, self.cells)

    @cached_property
    def species(self) -> list[str]:
        return [NAMES[t] for t in self.types.tolist()]


def walk(cells: Floats, frames: int = 6, atoms: int = 20, seed: int = 7, step: float = 1.2) -> Truth:
    """Atoms that walk a good part of the cell in a few frames; ``cells`` fixed or one a frame, their corner not 0."""
    rng = np.random.default_rng(seed)
    per_frame = np.broadcast_to(cells, (frames, 3, 3)).copy()
    origin = np.array([-1.5, 0.25, 3.0])
    scaled = rng.uniform(0, 1, (atoms, 3)) + np.cumsum(rng.normal(size=(frames, atoms, 3)) * step / 12, axis=0)
    unwrapped = origin + np.einsum("fai,fij->faj", scaled, per_frame)
    ids = rng.permutation(np.arange(1, 10 * atoms, 7)[:atoms])
    ids = np.sort(ids)
    return Truth(
        np.round(unwrapped, 6), np.round(rng.normal(size=(frames, atoms, 3)), 6), per_frame,
        np.broadcast_to(origin, (frames, 3)).copy(), ids, rng.integers(1, 4, atoms),
    )  # fmt: skip


COLUMNS = {
    "xu": "id type xu yu zu",
    "xsu": "id type xsu ysu zsu",
    "x": "id type x y z",
    "xs": "id type xs ys zs",
    "x+i": "id type x y z ix iy iz",
    "xs+i": "id type xs ys zs ix iy iz",
}


def column(truth: Truth, name: str, frame: int) -> NDArray[np.generic]:
    """One column of a dump, an atom each in the order of ids."""
    axis = "xyz".find(name.strip("uisv")[:1]) if name not in ("id", "type") else 0
    tables = {"u": "unwrapped", "s": "scaled", "su": "fractional", "": "wrapped"}
    if name == "id":
        return truth.ids
    if name == "type":
        return truth.types
    if name.startswith("i"):
        return truth.images[frame, :, "xyz".index(name[1])].astype(int)
    if name.startswith("v"):
        return truth.velocities[frame, :, "xyz".index(name[1])]
    table: NDArray[np.generic] = getattr(truth, tables[name[1:]])[frame, :, axis]
    return table


def box_lines(cell: Floats, origin: Floats, *, general: bool = False) -> list[str]:
    """The box of a dump as LAMMPS prints it."""
    if general:
        rows = [f"{a:.16e} {b:.16e} {c:.16e} {o:.16e}" for (a, b, c), o in zip(cell, origin, strict=True)]
        return ["ITEM: BOX BOUNDS abc origin pp pp pp", *rows]
    high = origin + np.diag(cell)
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    if xy == xz == yz == 0:
        return ["ITEM: BOX BOUNDS pp pp pp", *(f"{a:.16e} {b:.16e}" for a, b in zip(origin, high, strict=True))]
    low = origin + np.array([min(0, xy, xz, xy + xz), min(0, yz), 0])
    high = high + np.array([max(0, xy, xz, xy + xz), max(0, yz), 0])
    tilts = (xy, xz, yz)
    return [
        "ITEM: BOX BOUNDS xy xz yz pp pp pp",
        *(f"{a:.16e} {b:.16e} {t:.16e}" for a, b, t in zip(low, high, tilts, strict=True)),
    ]


def dump_text(
    truth: Truth, columns: str = COLUMNS["xu"], *, shuffle: bool = True, general: bool = False,
    steps: list[int] | None = None, before: str = "",
) -> str:  # fmt: skip
    """A text dump; rows shuffled anew in every frame."""
    rng = np.random.default_rng(3)
    lines = [before] if before else []
    names = columns.split()
    for frame in range(len(truth.unwrapped)):
        step = 100 * frame if steps is None else steps[frame]
        lines += ["ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", str(len(truth.ids))]
        lines += box_lines(truth.cells[frame], truth.origins[frame], general=general)
        lines.append(f"ITEM: ATOMS {columns}")
        table = [column(truth, name, frame).tolist() for name in names]
        order = rng.permutation(len(truth.ids)) if shuffle else range(len(truth.ids))
        lines += [" ".join(f"{values[i]!r}" for values in table) for i in order]
    return "\n".join(lines) + "\n"


def put(path: Path, text: str) -> Path:
    """Write ``text``, packed where the name says so."""
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def new_cache(folder: Path) -> Path:
    """An empty cache that knows the compiled kernels already, for processes that should not compile them again."""
    from vanhove.kernels import compile as compiling

    folder.mkdir()
    kernels = compiling._folder()
    if kernels is not None:
        (folder / "kernels").symlink_to(Path(kernels).parent)
    return folder


def moved(paths: Floats) -> Floats:
    """Displacements from the first frame."""
    return paths - paths[:1]
