"""A potential of which everything is known and that costs nothing: argon and krypton, without charges."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms

from vanhove import simulate

NUMBERS = {"Ar-Ar": (243240.0, 0.273, 1468.0), "Ar-Kr": (300000.0, 0.280, 2000.0), "Kr-Kr": (400000.0, 0.285, 2800.0)}
TEMPERATURE = 200.0  # K, a fluid


def gas(repulsion: float = 1.0, dispersion: float = 1.0) -> Any:
    """The potential; its A and C times these."""
    pairs = {pair: (A * repulsion, rho, C * dispersion) for pair, (A, rho, C) in NUMBERS.items()}
    return simulate.buckingham(pairs, {"Ar": 0.0, "Kr": 0.0}, cutoff=6.5, name="noble")


def lattice(cells: tuple[int, int, int] = (4, 4, 4), seed: int = 3) -> Atoms:
    """Equal numbers of both on a grid of 3.9 Å."""
    spots = np.array(list(np.ndindex(*cells)))
    kinds = np.array(["Ar", "Kr"] * (len(spots) // 2))
    np.random.default_rng(seed).shuffle(kinds)
    return Atoms(kinds.tolist(), positions=3.9 * (spots + 0.5), cell=3.9 * np.array(cells), pbc=True)
