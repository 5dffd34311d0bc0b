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
MOST_CORNERS = 20  # of a polyhedron; the work goes with their fourth power


def periodic(places: Floats, matrix: Floats) -> tuple[Floats, NDArray[np.bool_], Index]:
    """Atoms in the cell and their images up to one bond outside of it; which are images, and of which atom."""
    inverse = np.linalg.inv(matrix)
    margin = LONGEST_BOND * np.linalg.norm(inverse, axis=0)  # as a fraction of the distance between opposite faces
    reach = [np.arange(-int(np.ceil(m)), int(np.ceil(m)) + 1) for m in margin]
    shifts = np.stack(np.meshgrid(*reach, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    fractions = places @ inverse + shifts
    near = ((fractions > -margin) & (fractions < 1 + margin)).all(axis=2)
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
