"""What figures of densities of states share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHOWN = 0.995  # of a density of states, that the energy axis of its figure holds


def top_of_axis(energy: Floats, g: Floats) -> float:
    """Where the axis of energies ends: a little above nearly all of every density of states ``g`` (…, energy)."""
    held = np.cumsum(np.clip(np.nan_to_num(g), 0, None), axis=-1)
    last = int((held >= SHOWN * held[..., -1:]).argmax(axis=-1).max())
    return float(energy[min(int(1.05 * last) + 1, len(energy) - 1)])
