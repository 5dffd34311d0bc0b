"""One spectrum on the grid of another: areas are kept in energy, straight lines drawn in Q."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from .rebinning import Spectrum, edges_of, in_bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ALIKE = 1e-6  # relative: grids that differ by rounding are one grid


def on_grid(given: Spectrum, like: Spectrum, given_is: str, like_is: str) -> tuple[Floats, Floats | None]:
    """S and error of ``given`` in the bins of energy and at the Q of ``like``; NaN where it was not measured."""
    known = given.known
    S = np.where(known, given.S, np.nan)
    error = None if given.error is None else np.where(known, given.error, np.nan)
    if not _alike(given.energy, like.energy):
        done = in_bins(given, None, edges_of(like.energy), 1.0)
        S, error = done.S, done.error
    if _alike(given.q, like.q):
        return S, error
    if len(given.q) == 1:
        raise Refusal(
            f"The {given_is} is at q = {given.q[0]:g} alone", f"the {like_is} at {len(like.q)} Q from {like.q[0]:g} on",
            "Give both at the same Q",
        )  # fmt: skip
    right = np.clip(np.searchsorted(given.q, like.q), 1, len(given.q) - 1)
    part = (like.q - given.q[right - 1]) / (given.q[right] - given.q[right - 1])
    part = np.where(np.abs(part) < ALIKE, 0.0, np.where(np.abs(part - 1) < ALIKE, 1.0, part))
    inside = (part >= 0) & (part <= 1)
    low, high = (np.where(inside, weight, np.nan)[:, None] for weight in (1 - part, part))
    between = _mixed(low, S[right - 1], high, S[right])
    if error is None:
        return between, None
    return between, np.sqrt(_mixed(low**2, error[right - 1] ** 2, high**2, error[right] ** 2))


def _mixed(low: Floats, left: Floats, high: Floats, right: Floats) -> Floats:
    """low·left + high·right, where a weight of 0 makes its side not count even if that is masked."""
    return np.where(low == 0, 0.0, low * left) + np.where(high == 0, 0.0, high * right)


def _alike(one: Floats, other: Floats) -> bool:
    scale = float(np.abs(other).max()) or 1.0
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=0, atol=ALIKE * scale))
