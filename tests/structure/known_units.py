"""Crystals and molecules whose units are known, as positions in their cells."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

ALONG, UP = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)

# Ccc2 and Pnma of the International Tables, as (rotation, shift); the centring of C is added below.
CCC2 = [((1, 1, 1), (0, 0, 0)), ((-1, -1, 1), (0, 0, 0)), ((1, -1, 1), (0, 0, 0.5)), ((-1, 1, 1), (0, 0, 0.5))]
PNMA = [
    ((1, 1, 1), (0, 0, 0)), ((-1, -1, 1), (0.5, 0, 0.5)), ((-1, 1, -1), (0, 0.5, 0)), ((1, -1, -1), (0.5, 0.5, 0.5)),
    ((-1, -1, -1), (0, 0, 0)), ((1, 1, -1), (0.5, 0, 0.5)), ((1, -1, 1), (0, 0.5, 0)), ((-1, 1, 1), (0.5, 0.5, 0.5)),
]  # fmt: skip


def orbit(place, operations, centring=((0, 0, 0),)):
    """All places that symmetry makes of one, each once."""
    places = [np.array(sign) * place + shift + centre for sign, shift in operations for centre in np.array(centring)]
    rounded = np.round(np.mod(places, 1), 6) % 1
    return np.unique(rounded, axis=0)


def lithium_disilicate():
    """Li2Si2O5, space group Ccc2: cell, positions, species.

    Cell and positions of de Jong et al., Acta Crystallographica B 54 (1998) 568, to the four digits with which they
    stand in the test data of spglib.
    """
    sites = [
        ("Si", (0.1552, 0.1483, 0.1352)), ("O", (0.3295, 0.0718, 0.0491)), ("O", (0.0932, 0.1377, 0.4785)),
        ("O", (0.25, 0.25, 0.0781)), ("Li", (0.3460, 0.0584, 0.6250)),
    ]  # fmt: skip
    return _crystal(np.diag([5.807, 14.582, 4.773]), sites, CCC2, ((0, 0, 0), (0.5, 0.5, 0)))


def beta_thiophosphate():
    """P and S of β-Li3PS4, space group Pnma: cell, positions, species.

    The cell and the space group are those of Homma et al., Solid State Ionics 182 (2011) 53. The positions are ours,
    not theirs: P on the mirror plane, and around it regular PS4 tetrahedra with bonds of 2.05 Å, an edge of which lies
    across the plane.
    """
    cell = np.diag([13.03282, 8.01860, 6.17177])
    centre = np.array([0.088, 0.25, 0.165])
    x, y, z = 2.05 * np.sqrt(2 / 3), 2.05 * np.sqrt(2 / 3), 2.05 / np.sqrt(3)
    inverse = np.linalg.inv(cell)
    across, along = np.array([0, y, z]) @ inverse, np.array([x, 0, -z]) @ inverse
    sites = [
        ("P", centre), ("S", centre + across), ("S", centre + along), ("S", centre + along * np.array([-1, 1, 1])),
    ]  # fmt: skip
    return _crystal(cell, sites, PNMA)


def silica():
    """Ideal β-cristobalite in its primitive cell: Si as in diamond, O halfway between two of them."""
    cell = 7.16 / 2 * np.array([[0, 1.0, 1], [1, 0, 1], [1, 1, 0]])
    oxygen = 7.16 / 8 * np.sqrt(3) * CORNERS
    silicon = np.array([[0, 0, 0], [7.16 / 4] * 3])
    return cell, np.concatenate([silicon, oxygen]), ["Si"] * 2 + ["O"] * 4


def edge_sharing_chain(tetrahedra=2):
    """SiS2: tetrahedra that share opposite edges, in a row along z; the cell holds two of them or more."""
    half = 2.14 / np.sqrt(3)
    cell = np.diag([12.0, 12.0, 2 * half * tetrahedra])
    silicon = [[6.0, 6.0, half * (2 * k + 1)] for k in range(tetrahedra)]
    across = np.sqrt(2) * half
    sulphur = []
    for k in range(tetrahedra):
        side = np.array([across, 0, 0]) if k % 2 else np.array([0, across, 0])
        sulphur += [np.array([6.0, 6.0, 2 * half * k]) + sign * side for sign in (1, -1)]
    return cell, np.array(silicon + sulphur), ["Si"] * tetrahedra + ["S"] * 2 * tetrahedra


def _crystal(cell, sites, operations, centring=((0, 0, 0),)):
    places = [(name, orbit(np.array(place), operations, centring)) for name, place in sites]
    species = [name for name, found in places for _ in found]
    return cell, np.concatenate([found for _, found in places]) @ cell, species


# Molecules by their bonds: (species, place in Å). Lengths are about right, angles a caricature.


def tetrahedron(former="P", anion="S"):
    """PS4."""
    return [(former, np.zeros(3)), *[(anion, 2.05 * corner) for corner in CORNERS]]


def corner_chain(formers, former="P", anion="S"):
    """P2S7 and longer ones: neighbours have one corner in common, all formers four anions."""
    atoms = []
    for k in range(formers):
        here = np.array([3.5 * k, 0, 0])
        atoms += [(former, here), (anion, here + 2.05 * UP), (anion, here - 2.05 * UP)]
        if k < formers - 1:
            atoms.append((anion, here + 1.75 * ALONG))
    return [*atoms, (anion, np.array([-2.05, 0, 0])), (anion, np.array([3.5 * (formers - 1) + 2.05, 0, 0]))]


def dimer():
    """P2S6 with its P-P bond."""
    turns = 2 * np.pi / 3 * np.arange(3)
    ring = 1.9 * np.stack([0 * turns, np.cos(turns), np.sin(turns)], axis=1)
    return [
        ("P", np.zeros(3)), ("P", np.array([2.2, 0, 0])),
        *[("S", side - 0.7 * ALONG) for side in ring], *[("S", side + 2.9 * ALONG) for side in ring],
    ]  # fmt: skip


def edge_pair():
    """P2S6 of two tetrahedra with an edge in common."""
    bridge = [np.array([1.45, 1.5, 0]), np.array([1.45, -1.5, 0])]
    ends = [np.array([x, 0, z]) for x in (-1.2, 4.1) for z in (-1.7, 1.7)]
    return [("P", np.zeros(3)), ("P", np.array([2.9, 0, 0])), *[("S", place) for place in bridge + ends]]


def face_pair():
    """P2S3 of two formers with three anions in common."""
    turns = 2 * np.pi / 3 * np.arange(3)
    ring = np.stack([1.45 + 0 * turns, 1.5 * np.cos(turns), 1.5 * np.sin(turns)], axis=1)
    return [("P", np.zeros(3)), ("P", np.array([2.9, 0, 0])), *[("S", place) for place in ring]]


def scattered(molecules, seed, spacing=24.0):
    """Molecules on places of a leaning lattice, turned at random, atoms in any order, in any image of the cell.

    Gives the cell, positions and species.
    """
    rng = np.random.default_rng(seed)
    side = int(np.ceil(len(molecules) ** (1 / 3)))
    cell = spacing * side * np.array([[1.0, 0, 0], [0.3, 0.95, 0], [-0.25, 0.2, 0.95]])
    slots = np.indices((side,) * 3).reshape(3, -1).T[: len(molecules)] / side @ cell
    turns = Rotation.random(len(molecules), random_state=seed).as_matrix()
    species, places = [], []
    for atoms, slot, turn in zip(molecules, slots, turns, strict=True):
        for name, place in atoms:
            species.append(name)
            places.append(slot + turn @ place)
    order = rng.permutation(len(species))
    positions = np.array(places)[order] + rng.integers(-2, 3, (len(order), 3)) @ cell
    return cell, positions, np.array(species)[order]
