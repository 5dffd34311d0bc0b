"""Cells from lengths and angles, as the formats write them that keep no vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def cells_of(lengths: Floats, cosines: Floats) -> Floats:
    """Row vectors (frame, 3, 3) with a along x and b in the xy plane.

    From the ``lengths`` a, b, c and the ``cosines`` of α (b, c), β (a, c) and γ (a, b), each (frame, 3):

        a = (a, 0, 0),  b = b (cos γ, sin γ, 0),  c = c (cos β, (cos α - cos β cos γ) / sin γ, the rest).

    Angles that no three vectors have give a cell without volume, which is refused where cells are checked.
    """
    alpha, beta, gamma = cosines.T
    sine = np.sqrt(np.maximum(1 - gamma**2, 0))
    across = np.divide(alpha - beta * gamma, sine, out=np.zeros_like(sine), where=sine > 0)
    cells = np.zeros((len(lengths), 3, 3))
    cells[:, 0, 0] = 1
    cells[:, 1, 0], cells[:, 1, 1] = gamma, sine
    cells[:, 2, 0], cells[:, 2, 1] = beta, across
    cells[:, 2, 2] = np.sqrt(np.maximum(1 - beta**2 - across**2, 0))
    return cells * lengths[:, :, None]


def cosines_of(degrees: Floats) -> Floats:
    """Cosines of angles in degrees; that of 90 is zero."""
    return np.where(degrees == 90, 0.0, np.cos(np.radians(degrees)))


def once_if_constant(cells: Floats) -> Floats:
    """One cell where all frames have the same."""
    return cells[:1] if (cells == cells[0]).all() else cells


def note_corner(cells: Floats, notes: list[str]) -> None:
    """Say that a changing cell is taken to change about zero, in files that keep no corner of it."""
    if len(cells) > 1:
        notes.append("the corner of the cell is taken at zero in every frame: the file does not say it")
