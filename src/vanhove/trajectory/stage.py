"""Which part of the periodic structure a picture shows: one cell, or what is around the paths of some ions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .polyhedra import periodic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .paths import Paths

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]


MOST_IMAGES = 5_000_000  # that are looked at to find those near a path


@dataclass(frozen=True)
class Stage:
    """The atoms that are shown, as images of those of the trajectory, and the box that frames them."""

    atoms: Index  # which atom each is
    places: Floats
    low: Floats  # bounds in fractions of the cell
    high: Floats
    origin: Floats  # of the box, Å
    box: Floats  # row vectors
    whole: bool  # paths are drawn in one piece, not wrapped into the cell


def cell_stage(places: Floats, matrix: Floats) -> Stage:
    """Every atom once, where it is in the cell."""
    return Stage(np.arange(len(places)), places, np.zeros(3), np.ones(3), np.zeros(3), matrix, whole=False)


def near_paths(paths: Paths, places: Floats, matrix: Floats, near: float) -> Stage:
    """All images of atoms that are ``near`` Å or less from a point of a path, in whichever cell."""
    from scipy.spatial import cKDTree

    if not (np.isfinite(near) and near > 0):
        raise Refusal(f"near={near}", "", "Give a positive length in Å")
    fractions = (paths.fractions - paths.images(whole=True)).reshape(-1, 3)
    low, high = fractions.min(axis=0), fractions.max(axis=0)
    margin = near * np.linalg.norm(np.linalg.inv(matrix), axis=0)
    images = np.prod(np.ceil(high + margin) - np.floor(low - margin)) * len(places)
    if images > MOST_IMAGES:
        raise Refusal(
            f"The paths reach over {images / len(places):.0f} cells", "near= draws them in one piece",
            "Take fewer ions, or a part of the time: traj[first:last]",
        )  # fmt: skip
    points, _, atoms = periodic(places, matrix, low, high, near)
    ways = fractions @ matrix
    close = cKDTree(ways).query(points, distance_upper_bound=near)[0] <= near
    shown = np.concatenate([points[close], ways])
    first, last = shown.min(axis=0), shown.max(axis=0)
    box = np.diag(np.maximum(last - first, 1.0))
    return Stage(atoms[close], points[close], low - margin, high + margin, first, box, whole=True)
