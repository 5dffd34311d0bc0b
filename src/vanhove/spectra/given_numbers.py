"""Numbers as a person gives them, or a refusal that names the argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def numbers_of(given: Any, called: str, do: str) -> Floats:
    """A number, or several, as an array; ``do`` says what to give instead of anything else."""
    try:
        return np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise Refusal(f"{called}={given!r}", "these are no numbers", do)


def range_of(given: Any, called: str, unit: str) -> tuple[float, float]:
    """Two numbers, the lower first; None is the whole line."""
    if given is None:
        return -np.inf, np.inf
    do = f"Give two numbers in {unit}, (low, high)"
    ends = numbers_of(given, called, do)
    if ends.shape != (2,) or np.isnan(ends).any():
        raise Refusal(f"{called}={given!r}", "", do)
    return float(ends.min()), float(ends.max())
