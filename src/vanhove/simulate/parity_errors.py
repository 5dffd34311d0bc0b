"""How far two sets of labels lie apart: root mean squares, with errors from blocks of frames that follow each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .label_data import Labelled, System

    Floats = NDArray[np.float64]

BLOCKS = 10  # frames near each other err alike: an error from blocks of them, not from frames
FEWEST_BLOCKS = 2


@dataclass(frozen=True)
class Compared:
    """One system: what a model says minus what the reference says."""

    system: System
    energy: Floats  # (frame,) eV an atom
    forces: Floats  # (frame, atom, 3) eV/Å
    virial: Floats | None  # (frame, 3, 3) eV an atom

    @property
    def force_squares(self) -> Floats:
        """(frame,) mean square of a force component."""
        return np.asarray((self.forces**2).mean(axis=(1, 2)))

    def force_of(self, species: str) -> float:
        """Root mean square of a force component on a species; NaN where there is none of it."""
        chosen = np.array([one == species for one in self.system.species])
        return float(np.sqrt((self.forces[:, chosen] ** 2).mean())) if chosen.any() else math.nan


def compare(model: Labelled, reference: Labelled) -> list[Compared]:
    """System by system; refused where the two are not of the same frames."""
    known = {system.name: system for system in model}
    found = []
    for system in reference:
        other = known.get(system.name)
        same = other is not None and other.species == system.species and other.frames == system.frames
        if other is None or not same or not np.allclose(other.positions, system.positions, rtol=0, atol=1e-6):
            raise Refusal(
                "The two are not labels of the same frames", f"system '{system.name}'", "Label these very frames"
            )
        virial = None
        if other.virial is not None and system.virial is not None:
            virial = (other.virial - system.virial) / system.atoms
        energy = (other.energy - system.energy) / system.atoms
        found.append(Compared(system, energy, other.forces - system.forces, virial))
    return found


def root_mean_square(squares: Floats) -> tuple[float, float]:
    r"""Of frames' mean squares, with its standard error from blocks.

    .. math:: \delta R = \frac{s}{2 R \sqrt{B}}

    with s the standard deviation of the means of B blocks of frames that follow each other, at most ten; NaN for fewer
    than two frames.
    """
    value = math.sqrt(float(squares.mean()))
    blocks = min(BLOCKS, len(squares))
    if blocks < FEWEST_BLOCKS or value == 0:
        return value, math.nan if value else 0.0
    means = np.array([block.mean() for block in np.array_split(squares, blocks)])
    return value, float(means.std(ddof=1) / math.sqrt(blocks) / (2 * value))


def all_together(found: Sequence[Compared], what: str) -> tuple[float, float]:
    """Over all systems: every frame counts by its number of force components, or as one for energies and virials."""
    values, errors, counts = [], [], []
    for one in found:
        squares = one.force_squares if what == "force" else (one.energy**2 if what == "energy" else None)
        if what == "virial":
            squares = (one.virial**2).mean(axis=(1, 2)) if one.virial is not None else None
        if squares is None:
            continue
        value, error = root_mean_square(squares)
        values.append(value)
        errors.append(error)
        counts.append(one.system.frames * (one.system.atoms if what == "force" else 1))
    if not values:
        return math.nan, math.nan
    weights, R = np.array(counts) / sum(counts), np.array(values)
    together = math.sqrt(float((weights * R**2).sum()))
    spread = float(np.sqrt(((weights * R * np.array(errors)) ** 2).sum()))
    return together, spread / together if together else 0.0


def worst_frames(found: Sequence[Compared], count: int) -> list[tuple[str, int, float, float]]:
    """System, frame in its source, root mean square and largest error of a force component, the worst first."""
    rows = [
        (one.system.name, int(number), float(np.sqrt(square)), float(np.abs(forces).max()))
        for one in found
        for number, square, forces in zip(one.system.frame_of, one.force_squares, one.forces, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))[:count]
