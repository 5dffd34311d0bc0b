"""Numbers as people write them."""

from __future__ import annotations

import numpy as np


def with_error(value: float, error: float) -> str:
    """``"2.70 ± 0.05"``: the error to two digits where they begin with 1, else to one, the value as far as it."""
    if not (np.isfinite(error) and error > 0):
        return f"{value:.3g}"
    power = int(np.floor(np.log10(error)))
    decimals = max(0, -power + (error / 10.0**power < 2))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"
