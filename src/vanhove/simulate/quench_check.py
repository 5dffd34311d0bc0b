"""What a run has made: density, largest hole, anions around its formers. A glass that is none shows here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.units import DENSITY_G_CM3
from vanhove.structure.bonds import longest_bond
from vanhove.structure.neighbours import neighbours_within

from ._composition import FORMAL_CHARGES
from .whole_units import FORMER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# anions around a former in the glasses and crystals that we know; P2S6 has three and a bond between formers
USUAL = {"Si": (4.0, 4.0), "Ge": (4.0, 4.0), "P": (3.0, 4.0), "B": (3.0, 4.0)}
TOLERANCE = 0.1
HOLE = 1.6  # times the distance of two atoms on a cubic grid: 1.25 in a gas of atoms that know nothing of each other
SWOLLEN = 0.1  # of the density


def check(species: Sequence[str], positions: Floats, cell: Floats, masses: Floats, began: Floats) -> dict[str, Any]:
    """Density (g/cm³) now and in the cell where the run ``began``, largest hole (Å), coordination; what is doubtful.

    The hole is the largest sphere that holds no atom's centre, by its radius. The coordination is the mean number of
    anions around each former, of bonds up to 1.15 times the sum of the covalent radii.
    """
    volume = float(np.linalg.det(cell))
    density, before = (float(masses.sum()) * DENSITY_G_CM3 / one for one in (volume, float(np.linalg.det(began))))
    hole = largest_hole(positions, cell)
    coordination = _coordination(np.array(species), positions, cell)
    doubts = []
    usual = HOLE * (volume / len(species)) ** (1 / 3)
    if hole > usual:
        doubts.append(f"There is a hole of {hole:.1f} Å radius, more than the {usual:.1f} Å that a dense structure has")
    if abs(density / before - 1) > SWOLLEN:
        doubts.append(f"The density went from {before:.3g} to {density:.3g} g/cm³")
    for former, number in coordination.items():
        low, high = USUAL.get(element_of(former), (0.0, np.inf))
        if not low - TOLERANCE <= number <= high + TOLERANCE:
            expected = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            doubts.append(
                f"{former} has {number:.2f} anions around it where {expected} are usual: a slower quench, or a longer "
                "time at a high temperature, lets it find them"
            )
    return {
        "density": density, "density_began": before, "hole": hole, "coordination": coordination, "doubts": doubts,
    }  # fmt: skip


def largest_hole(positions: Floats, cell: Floats) -> float:
    """Radius (Å) of the largest sphere without an atom's centre: around a corner where four Voronoi cells meet."""
    from scipy.spatial import Delaunay, cKDTree

    fractions = positions @ np.linalg.inv(cell)
    fractions -= np.floor(fractions)
    widths = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    margin = 2.0 * (np.linalg.det(cell) / len(positions)) ** (1 / 3)
    while True:
        reach = margin / widths
        layers = [range(-int(np.ceil(one)), int(np.ceil(one)) + 1) for one in reach]
        parts = [fractions + np.array(shift) for shift in product(*layers)]
        around = np.concatenate(parts)
        around = around[((around > -reach) & (around < 1 + reach)).all(axis=1)] @ cell
        centres = _circumcentres(around[Delaunay(around).simplices])
        inside = centres[((np.floor(centres @ np.linalg.inv(cell)) == 0).all(axis=1))]
        radius = float(cKDTree(around).query(inside)[0].max()) if len(inside) else np.inf
        if radius < margin:  # no atom beyond the margin could be in that sphere
            return radius
        margin *= 2


def _circumcentres(corners: Floats) -> Floats:
    """Of tetrahedra (tetrahedron, corner, axis); flat ones have none."""
    edges = corners[:, 1:] - corners[:, :1]
    longest = np.linalg.norm(edges, axis=-1).max(axis=-1)
    solid = np.abs(np.linalg.det(edges)) > 1e-9 * longest**3
    edges, first = edges[solid], corners[solid, 0]
    return np.asarray(first + np.linalg.solve(edges, 0.5 * (edges**2).sum(-1)[..., None])[..., 0])


def _coordination(species: NDArray[np.str_], positions: Floats, cell: Floats) -> dict[str, float]:
    charge = {label: FORMAL_CHARGES.get(element_of(label), 0) for label in dict.fromkeys(species.tolist())}
    anions = [label for label, e in charge.items() if e < 0]
    found = {}
    for former in (label for label, e in charge.items() if e >= FORMER):
        centres = species == former
        near = [
            len(neighbours_within(positions, cell, centres, species == anion, longest_bond(f"{former}-{anion}")).i)
            for anion in anions
        ]
        if anions:
            found[former] = sum(near) / int(centres.sum())
    return found
