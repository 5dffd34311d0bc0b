"""Autocorrelations of directions and squared displacements of many series at chosen lags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .compile import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@kernel
def legendre_at_lags(directions: Floats, lags: Ints, first: Floats, second: Floats) -> None:
    """Mean P_1 and P_2 of the cosine between unit vectors (series, frame, axis) some frames apart: (series, lag)."""
    frames = directions.shape[1]
    for s in range(directions.shape[0]):
        for k in range(lags.size):
            lag = lags[k]
            one, two = 0.0, 0.0
            for f in range(frames - lag):
                cosine = (
                    directions[s, f, 0] * directions[s, f + lag, 0]
                    + directions[s, f, 1] * directions[s, f + lag, 1]
                    + directions[s, f, 2] * directions[s, f + lag, 2]
                )
                one += cosine
                two += cosine * cosine
            first[s, k] = one / (frames - lag)
            second[s, k] = 1.5 * two / (frames - lag) - 0.5


@kernel
def squares_at_lags(paths: Floats, lags: Ints, result: Floats) -> None:
    """Mean squared displacement of every series, (series, frame, axis), over ``lags`` frames: (series, lag)."""
    frames = paths.shape[1]
    for s in range(paths.shape[0]):
        for k in range(lags.size):
            lag = lags[k]
            total = 0.0
            for f in range(frames - lag):
                for x in range(3):
                    total += (paths[s, f + lag, x] - paths[s, f, x]) ** 2
            result[s, k] = total / (frames - lag)
