"""Coordination polyhedra in a periodic cell: which atoms surround which, and the outer faces of each."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

BOND_STRETCH = 1.25  # a ligand is bonded up to so many times the usual shortest distance
LONGEST_BOND = 5.0  # Å
CELL = np.array([[0.0, 0, 0], [1, 1, 1]])  # from corner to corner, in fractions
MOST_CORNERS = 20  # of a polyhedron; the work goes with their fourth power


def periodic(
    places: Floats, matrix: Floats, low: Floats = CELL[0], high: Floats = CELL[1], reach: float = LONGEST_BOND
) -> tuple[Floats, NDArray[np.bool_], Index]:
    """All images up to ``reach`` Å outside of a part of space; which lie outside the cell, and of which atom each is.

    ``low`` and ``high`` bound the part in fractions of the cell: the cell itself, usually, and one bond around it.
    """
    inverse = np.linalg.inv(matrix)
    margin = reach * np.linalg.norm(inverse, axis=0)  # as a fraction of the distance between opposite faces
    first, last = np.floor(low - margin).astype(int), np.ceil(high + margin).astype(int)
    steps = [np.arange(a, b) for a, b in zip(first, last, strict=True)]
    shifts = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    fractions = places @ inverse + shifts
    near = ((fractions > low - margin) & (fractions < high + margin)).all(axis=2)
    outside = np.broadcast_to((shifts != 0).any(axis=2), near.shape)
    origin = np.broadcast_to(np.arange(len(places)), near.shape)
    return fractions[near] @ matrix, outside[near], origin[near]


def bonds(centres: Floats, points: Floats, cutoff: float | None) -> Index:
    """(bond, [centre, point]), sorted by centre."""
    from scipy.spatial import cKDTree

    tree = cKDTree(points)
    if cutoff is None:
        shortest = tree.query(centres, distance_upper_bound=LONGEST_BOND)[0]
        cutoff = BOND_STRETCH * float(np.median(shortest))
    if not cutoff <= LONGEST_BOND:
        raise Refusal("No polyhedra can be drawn", f"the bonds are longer than {LONGEST_BOND:g} Å", "Give closer pairs")
    pairs = cKDTree(centres).sparse_distance_matrix(tree, cutoff, output_type="ndarray")
    found = np.stack([pairs["i"], pairs["j"]], axis=1)
    found = found[pairs["v"] > 1e-6]  # an atom is not its own ligand
    ordered: Index = found[np.lexsort((found[:, 1], found[:, 0]))]
    return ordered


def most_corners(number: int, centre: str, ligand: str) -> None:
    """Refuse polyhedra of too many corners to be looked at."""
    if number > MOST_CORNERS:
        raise Refusal(
            f"A {centre} has {number} {ligand} around it, which is no polyhedron to look at", "",
            f'Give a shorter cutoff, as in ("{centre}", "{ligand}", 2.5)',
        )  # fmt: skip


def hulls(corners: Floats) -> Floats:
    """The outer triangles (face, corner, axis) of polyhedra that have equally many corners (polyhedron, corner, axis).

    Three corners are a face when all others lie on one side of them.
    """
    triples = np.array(list(combinations(range(corners.shape[1]), 3)))
    origin = corners[:, triples[:, 0]]
    normal = np.cross(corners[:, triples[:, 1]] - origin, corners[:, triples[:, 2]] - origin)
    height = np.einsum("ptx,pctx->ptc", normal, corners[:, :, None] - origin[:, None])
    slack = 1e-9 * np.abs(height).max()
    outer = (height <= slack).all(axis=2) | (height >= -slack).all(axis=2)
    faces: Floats = corners[:, triples][outer]
    return faces
