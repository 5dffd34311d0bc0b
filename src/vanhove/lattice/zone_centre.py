"""The modes at the zone centre of a result of ``lattice.phonons``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .spectrum import normal_modes
from .subject import rebuilt

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]


def zone_centre(found: Any) -> tuple[Floats, Floats]:
    """Energies (meV) and eigenvectors (mode, atom, axis) at q = 0 of phonopy's cell, without the translations."""
    constants, primitive = np.asarray(found.force_constants), found.primitive
    n = len(primitive)
    rows = constants if len(constants) == n else constants[primitive.p2s_map]
    of = np.array([primitive.p2p_map[number] for number in primitive.s2p_map])
    summed = np.zeros((n, n, 3, 3))
    for k in range(n):  # an atom of one cell stands for its images in the others
        summed[:, k] = rows[:, of == k].sum(axis=1)
    masses = np.asarray(primitive.masses)
    root = np.repeat(np.sqrt(masses), 3)
    dynamical = summed.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n) / np.outer(root, root)
    return normal_modes(dynamical, masses)


def vectors_of(phonons: Dataset) -> tuple[Floats, Floats]:
    """Energies (meV) and eigenvectors of a result, computed where it has those of other q points."""
    if "eigenvectors" in phonons:
        return phonons.frequencies.values, phonons.eigenvectors.values
    return zone_centre(rebuilt(phonons))
