"""Eigenvectors as files that other programs show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.files import write_text

from .zone_centre import vectors_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

ARROW = "0.15 255   0   0 0"  # radius in Å, colour and style of an arrow in VESTA


def arrows(phonons: Dataset, mode: int, amplitude: float) -> tuple[float, Floats]:
    """The energy (meV) of a mode and the displacements (Å) of its atoms, the largest as long as ``amplitude``."""
    energies, vectors = vectors_of(phonons)
    if not -len(energies) <= mode < len(energies):
        raise Refusal(f"There is no mode {mode}", f"the zone centre has {len(energies)}", "Count from 0")
    if not (np.isfinite(amplitude) and amplitude > 0):
        raise Refusal(f"amplitude={amplitude!r}", "", "Give the length of the longest arrow in Å")
    moved: Floats = vectors[mode] / np.sqrt(phonons.atom_mass.values)[:, None]
    return float(energies[mode]), moved * (amplitude / np.linalg.norm(moved, axis=1).max())


def write_mode(
    phonons: Dataset, mode: int, path: str | os.PathLike[str], *, amplitude: float = 1.0, frames: int = 1
) -> None:
    r"""Write a mode at the zone centre for other programs: ``.vesta`` (arrows), ``.xyz`` or ``.extxyz``.

    Displacements are u_k = e_k/√m_k, scaled so that the longest is ``amplitude``. Extended XYZ has them as the vector
    ``displacement`` of each atom, which OVITO shows as arrows; with ``frames`` above 1 the file is a period of the
    vibration, r_k + u_k sin(2πt/T), that any viewer plays.

    Parameters
    ----------
    phonons
        The result of ``lattice.phonons``, or of one with a mesh: the zone centre is computed then.
    mode
        Its number from 0, in order of energy, imaginary ones first.
    path
        The file's name, whose ending says which format.
    amplitude
        Å.
    frames
        Of one period.
    """
    ending = Path(path).suffix.lower()
    energy, moved = arrows(phonons, mode, amplitude)
    if frames < 1:
        raise Refusal(f"frames={frames}", "", "Give 1 or more")
    if ending in (".xyz", ".extxyz"):
        write_text(path, "".join(_xyz(phonons, moved, mode, energy, frame, frames) for frame in range(frames)))
    elif ending == ".vesta":
        if frames != 1:
            raise Refusal("VESTA shows one structure", f"frames={frames}", "Write .xyz for an animation")
        write_text(path, _vesta(phonons, moved, mode, energy))
    else:
        raise Refusal(f"'{ending}' is no format of modes", str(path), "Give a name that ends in .vesta or .xyz")


def _elements(phonons: Dataset) -> list[str]:
    return [element_of(str(name)) for name in phonons.atom_species.values]


def _xyz(phonons: Dataset, moved: Floats, mode: int, energy: float, frame: int, frames: int) -> str:
    phase = np.sin(2 * np.pi * frame / frames) if frames > 1 else 0.0
    places = phonons.position.values + phase * moved
    cell = " ".join(f"{x:.10f}" for x in phonons.cell.values.ravel())
    head = (
        f'{len(places)}\nLattice="{cell}" Properties=species:S:1:pos:R:3:displacement:R:3 pbc="T T T" mode={mode} '
        f"energy_meV={energy:.6f}\n"
    )
    rows = np.hstack([places, moved])
    return head + "".join(
        f"{name} {' '.join(f'{x:.8f}' for x in row)}\n" for name, row in zip(_elements(phonons), rows, strict=True)
    )


def _vesta(phonons: Dataset, moved: Floats, mode: int, energy: float) -> str:
    """VESTA's own text: the cell by its lengths and angles, arrows along its edges in Å."""
    from ase.cell import Cell

    made: Any = Cell  # ASE types only some of its methods
    cell = made(phonons.cell.values)
    shape = cell.cellpar()
    fractions = np.linalg.solve(cell.array.T, phonons.position.values.T).T
    along = np.linalg.solve(cell.array.T, moved.T).T * shape[:3]
    numbers = range(1, len(moved) + 1)
    lines = ["#VESTA_FORMAT_VERSION 3.5.4", "", "CRYSTAL", "", "TITLE", f"mode {mode} at {energy:.4f} meV", ""]
    lines += ["GROUP", "1 1 P 1", "SYMOP", " 0.000000  0.000000  0.000000  1  0  0   0  1  0   0  0  1   1"]
    lines += [" -1.0 -1.0 -1.0  0 0 0  0 0 0  0 0 0", "CELLP", " ".join(f"{x:.6f}" for x in shape)]
    lines += [" ".join(["0.000000"] * 6), "STRUC"]
    for n, name, place in zip(numbers, _elements(phonons), fractions, strict=True):
        lines += [f"{n} {name} {name}{n} 1.0 " + " ".join(f"{x:.8f}" for x in place) + " 1 -", " 0.0 0.0 0.0 0.0"]
    lines += [" 0 0 0 0 0 0 0", "VECTR"]
    for n, arrow in zip(numbers, along, strict=True):
        lines += [f"{n} " + " ".join(f"{x:.6f}" for x in arrow) + " 0", f" {n} 0 0 0 0", " 0 0 0 0 0"]
    lines += [" 0 0 0 0 0", "VECTT", *(f"{n} {ARROW}" for n in numbers), " 0 0 0 0 0"]
    return "\n".join(lines) + "\n"
