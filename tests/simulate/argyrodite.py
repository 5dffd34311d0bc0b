"""A small argyrodite and a made-up potential that keeps its tetrahedra: what is tested with them is no physics."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from ase.spacegroup import crystal

from vanhove.simulate._potential import Buckingham, buckingham

CELL = 9.859  # Å
SHORT = {  # kcal/mol, Å, kcal·Å⁶/mol
    "Li-S": (4e4, 0.28, 0.0), "Li-Cl": (4e4, 0.29, 0.0), "P-S": (3.99e6, 0.2, 17884.0), "P-Cl": (1e5, 0.3, 0.0),
    "S-S": (3e5, 0.33, 0.0), "S-Cl": (3e5, 0.33, 0.0), "Cl-Cl": (3e5, 0.33, 0.0),
}  # fmt: skip


def argyrodite(seed: int = 1) -> Any:
    """Li6PS5Cl, 52 atoms: of each pair of neighbouring lithium sites one is taken."""
    atoms: Any = crystal(
        ["Cl", "P", "S", "S", "Li"],
        [(0, 0, 0), (0.5, 0.5, 0.5), (0.62, 0.62, 0.62), (0.25, 0.25, 0.25), (0.183, 0.183, 0.024)],
        spacegroup=216, cellpar=[CELL] * 3 + [90] * 3,
    )  # fmt: skip
    distance = atoms.get_all_distances(mic=True)
    left = np.random.default_rng(seed).permutation(np.flatnonzero(atoms.symbols == "Li")).tolist()
    dropped = []
    while left:
        chosen = left.pop(0)
        near = [other for other in left if distance[chosen, other] < 2.0]
        dropped += near
        left = [other for other in left if other not in near]
    del atoms[dropped]
    plain: Any = atoms[:]
    plain.arrays.pop("spacegroup_kinds", None)
    plain.info.clear()
    return plain


def made_up(cutoff: float = 6.8) -> Buckingham:
    """Charges and repulsions of about the right size; a strong P-S bond, and S-S that keeps a fifth S away."""
    charges = {"Li": 0.5, "P": 0.5, "S": -0.6, "Cl": -0.5}
    pairs = {f"{a}-{b}": (0.0, 1.0, 0.0) for a, b in combinations_with_replacement(charges, 2)}
    return buckingham(pairs | SHORT, charges, cutoff=cutoff, name="made up")
