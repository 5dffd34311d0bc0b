"""When frames are: whether they are evenly spaced, which of them are, and which times lie between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

TIME_TOLERANCE = 1e-6  # of the spacing: text files round their times
SAME_LAG = 1e-3  # of the shortest spacing: times between frames that differ by less are the same lag
PAIRS = 1 << 22  # of frames looked at for the lags there are: all of them up to 2900 frames
NEIGHBOURS = 32  # frames in a row whose lags to all later ones are looked at, where there are more
VISITS = 1 << 28  # of frames in the search for an even series: a second
FEWEST = 3  # frames of an even series


def even_spacing(times: Floats) -> float | None:
    """Time between frames (two or more); None where it is not the same all along, or not positive.

    A file that prints its times rounds them, by an amount that does not grow along the run.
    """
    mean = float(times[-1] - times[0]) / (len(times) - 1)
    off = np.abs(times - times[0] - mean * np.arange(len(times)))
    return mean if mean > 0 and off.max() <= TIME_TOLERANCE * mean * len(times) ** 0.5 else None


def lag_tolerance(times: Floats) -> float:
    """Times between frames that differ by less than this are the same lag."""
    return float(max(SAME_LAG * np.diff(times).min(), 8 * np.finfo(float).eps * np.abs(times).max()))


def lags_between(times: Floats) -> tuple[Floats, Ints]:
    """The lags between rising ``times``, rising, and how many pairs of frames are each of them apart.

    Of more than 2900 frames some are taken as origins, in rows of neighbours all along the run; the counts are theirs.
    """
    frames = len(times)
    origins = np.arange(frames)
    if frames * (frames - 1) > 2 * PAIRS:
        row = int(np.clip(PAIRS // frames, 1, NEIGHBOURS))
        starts = np.linspace(0, frames - 1 - row, max(1, PAIRS // (frames * row)))
        origins = np.unique(starts.astype(np.int64)[:, None] + np.arange(row))
    apart = times - times[origins, None]
    return _distinct(apart[apart > 0], lag_tolerance(times))


def even_series(times: Floats, spacing: float | None) -> Ints:
    """The frames of the longest evenly spaced series among rising ``times``: of several the one that lasts longest.

    Spacings are tried in the order of how many pairs of frames are so far apart, which bounds how long their series can
    be. Of more than 2900 frames only pairs of near neighbours are counted: a series that takes less than one frame in
    hundreds (of 20 000 frames) or in four (of a million) can be missed.
    """
    from vanhove.kernels.intervals import longest_series

    frames, tolerance = len(times), lag_tolerance(times)
    candidates, longest = np.array([spacing], np.float64), np.array([frames])
    if spacing is None:
        reach = min(frames - 1, max(1, PAIRS // frames))
        lags, counts = _distinct(np.concatenate([times[k:] - times[:-k] for k in range(1, reach + 1)]), tolerance)
        order = np.lexsort((-lags, -counts))[: VISITS // frames]
        candidates, longest = lags[order], counts[order] + 1
    series, best = np.empty(frames, np.int64), np.zeros(1, np.int64)
    for lag, most in zip(candidates.tolist(), longest.tolist(), strict=True):
        if most < max(len(best), FEWEST):
            break
        rounding = 2 * TIME_TOLERANCE * lag * frames**0.5
        found = series[: longest_series(times, lag, max(rounding, tolerance), series)]
        if len(found) < 2 or even_spacing(times[found]) is None:  # each step is within its rounding, the whole is not
            continue
        if (len(found), np.ptp(times[found])) > (len(best), np.ptp(times[best])):
            best = found.copy()
    return best


def _distinct(lags: Floats, tolerance: float) -> tuple[Floats, Ints]:
    from vanhove.kernels.intervals import distinct

    lags.sort()
    counts = np.empty(len(lags), np.int64)
    found = distinct(lags, tolerance, counts)
    return lags[:found].copy(), counts[:found].copy()
