"""How far an ion has to go to have jumped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vanhove.trajectory import Trajectory

FEWEST_IONS = 8
FARTHEST = 8.0  # Å
WIDTH = 0.1  # Å, of a bin
MOST_FRAMES = 20
WORK = 2e7  # pairs of ions looked at, all frames together: a small part of what the MSD costs
LOWEST = 1.2  # height of a first peak; in an ideal gas noise makes peaks of about 1


def jump_length(ions: Trajectory) -> float:
    """The first peak of the ions' own g(r) in Å, from a few frames along the run; NaN where there is none to see."""
    from vanhove.structure._rdf import first_peak, rdf

    labels = set(ions.species.tolist())
    if len(labels) > 1 or ions.n_atoms < FEWEST_IONS:
        return float("nan")
    frames = int(np.clip(2 * WORK / ions.n_atoms**2, 1, MOST_FRAMES))
    pair = "-".join([labels.pop()] * 2)
    few = ions.every(max(1, ions.n_frames // frames))
    return float(first_peak(rdf(few, pair, FARTHEST, WIDTH), pair, LOWEST).position)
