"""The space that belongs to each atom: periodic Voronoi cells, plain or weighted by the atoms' radii."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .neighbours import PAIR_BYTES, neighbours_in_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FIRST_REACH = 2.2  # of the cube root of the volume per atom: enough for most atoms of a dense structure
LONGER = 1.3  # each further round, for the atoms that have larger cells
ATOM_BYTES = 48 * PAIR_BYTES  # of one atom in one frame, with the neighbours of the first round


def cell_volumes(positions: Floats, cells: Floats, radii: Floats | None = None) -> Floats:
    """Volume of every atom's Voronoi cell (Å³), (frame, atom); they sum to that of the frame's cell.

    Every periodic image counts, an atom's own too. With ``radii`` (atom, Å) the plane between two atoms is where
    :math:`d_i^2 - r_i^2 = d_j^2 - r_j^2` (the radical tessellation, or power diagram); an atom that is buried in a much
    larger one then has no cell.
    """
    from vanhove.kernels.tessellate import cell_volumes as volumes_from_lists

    frames, atoms = positions.shape[:2]
    square = np.zeros(atoms) if radii is None else np.asarray(radii, np.float64) ** 2
    largest = float(square.max())
    size = float(np.abs(np.linalg.det(cells)).max()) / atoms
    bounds = np.linalg.norm(cells, axis=-1).sum(axis=-1) / 2
    volumes, extents = np.zeros((frames, atoms)), np.full((frames, atoms), np.inf)
    reach = FIRST_REACH * size ** (1 / 3)
    missing = extents > 0
    while missing.any():
        centres = np.flatnonzero(missing.any(axis=0))
        pairs = neighbours_in_frames(positions, cells, centres, np.arange(atoms), reach)
        refuse_same_place(pairs.i, pairs.j, pairs.vector)
        row = pairs.frame * len(centres) + np.searchsorted(centres, pairs.i)
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=frames * len(centres)))])
        here, extent = np.zeros(frames * len(centres)), np.zeros(frames * len(centres))
        todo = np.flatnonzero(missing[:, centres])
        volumes_from_lists(
            starts, pairs.vector, square[pairs.i] - square[pairs.j], float(bounds.max()), here, extent, todo
        )
        frame, place = np.divmod(todo, len(centres))
        volumes[frame, centres[place]] = here[todo]
        # a neighbour of the largest radius matters up to this distance
        corner = extent[todo]
        extents[frame, centres[place]] = corner + np.sqrt(corner**2 + largest - square[centres[place]])
        missing = extents > reach
        if missing.any():
            reach = min(LONGER * reach, float(extents[missing].max()) * (1 + 1e-12))
    return volumes


def refuse_same_place(i: NDArray[np.int64], j: NDArray[np.int64], vector: Floats) -> None:
    """Refuse a neighbour at no distance: there is no direction to it."""
    together = ~vector.any(axis=1)
    if together.any():
        first = int(np.argmax(together))
        raise Refusal(
            "Two atoms lie at the same place", f"atoms {i[first]} and {j[first]}", "Check how the trajectory was made"
        )
