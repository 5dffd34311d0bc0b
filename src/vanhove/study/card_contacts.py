"""How close atoms come, pair by pair of species, in frames and in runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.structure.neighbours import neighbours_in_frames
from vanhove.structure.pairs import all_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.simulate._labelled import Labelled
    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

REACHES = (2.5, 4.0, 8.0)  # Å; most pairs meet within the first, whose lists are the shortest
PAIRS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Closest:
    """The closest two atoms of a pair of species: Å, and where they were."""

    pair: str
    distance: float
    system: str
    frame: int  # counted from 0 within the system
    atoms: tuple[int, int]
    vector: tuple[float, float, float]  # from the first to the second (Å)


Block = tuple[str, "NDArray[np.str_]", "Floats", "Floats"]  # name, species, positions (frame, atom, 3), cells


def of_frames(frames: Labelled) -> dict[str, Closest]:
    """Of all labelled frames together."""
    return _closest([(one.name, _elements(one.species), one.positions, one.cell) for one in frames])


def of_trajectory(traj: Trajectory) -> dict[str, Closest]:
    """Of a run."""
    return _closest([("run", _elements(traj.species.tolist()), traj.positions, traj.cells)])


def _elements(species: Sequence[str]) -> NDArray[np.str_]:
    return np.array([element_of(label) for label in species])


def _closest(blocks: Sequence[Block]) -> dict[str, Closest]:
    """By pair; a pair that never comes within the longest reach is left out."""
    counts: dict[str, int] = {}
    for _, species, _, _ in blocks:
        for label in set(species.tolist()):
            counts[label] = max(counts.get(label, 0), int((species == label).sum()))
    found: dict[str, Closest] = {}
    for reach in REACHES:
        missing = [pair for pair in all_pairs(counts) if pair not in found]
        for pair in missing:
            one = _of_pair(pair, blocks, reach)
            if one is not None:
                found[pair] = one
    return {pair: found[pair] for pair in all_pairs(counts) if pair in found}


def _of_pair(pair: str, blocks: Iterable[Block], reach: float) -> Closest | None:
    first, second = pair.split("-")
    best: Closest | None = None
    for name, species, positions, cells in blocks:
        centres, others = np.flatnonzero(species == first), np.flatnonzero(species == second)
        if not len(centres) or not len(others):
            continue
        for start, stop in _pieces(len(centres), len(others), cells, reach):
            near = neighbours_in_frames(positions[start:stop], cells[start:stop], centres, others, reach)
            apart = near.i != near.j  # an atom and its own image say nothing of two atoms
            if not apart.any():
                continue
            squares = np.einsum("px,px->p", near.vector[apart], near.vector[apart])
            k = int(np.argmin(squares))
            distance = float(np.sqrt(squares[k]))
            if best is None or distance < best.distance:
                i, j, frame = (int(array[apart][k]) for array in (near.i, near.j, near.frame))
                x, y, z = near.vector[apart][k].tolist()
                best = Closest(pair, distance, name, start + frame, (i, j), (x, y, z))
    return best


def _pieces(centres: int, others: int, cells: Floats, reach: float) -> Iterator[tuple[int, int]]:
    """Frames whose lists of pairs fit."""
    volume = float(np.abs(np.linalg.det(cells)).min())
    expected = centres * others * (4 / 3 * np.pi * reach**3) / volume + 1
    count = max(1, int(PAIRS_AT_ONCE / expected))
    for start in range(0, len(cells), count):
        yield start, min(start + count, len(cells))
