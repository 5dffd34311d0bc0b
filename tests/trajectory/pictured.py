"""A trajectory whose picture is known: one ion that jumps once, others that rest, and a network."""

from __future__ import annotations

import numpy as np

import vanhove as vh

CELL, FRAMES, SPACING = 10.0, 400, 0.1
JUMPER, JUMP_AT = 3, 20.0  # ps
FROM, TO = np.array([5.0, 2.0, 3.0]), np.array([5.0, 6.0, 3.0])
SPECIES = ["S", "S", "Li", "Li", "Li", "P"]


def hopping(cell: object = CELL) -> vh.Trajectory:
    """Six atoms of three species, none of them first by accident; a Li goes along y in the middle of the run."""
    places = np.array([[1, 1, 1], [8, 8, 8], [2, 7, 5], FROM, [7, 2, 8], [5, 5, 5]], dtype=float)
    frames = np.broadcast_to(places, (FRAMES, 6, 3)).copy()
    frames[round(JUMP_AT / SPACING) :, JUMPER] = TO
    return vh.from_arrays(frames, cell, SPECIES, SPACING * np.arange(FRAMES), wrapped=False, temperature=600)
