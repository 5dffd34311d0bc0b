"""Times between frames that are not evenly spaced: pairs of frames by lag, evenly spaced series, sums over pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@kernel
def distinct(values: Floats, tolerance: float, counts: Ints) -> int:
    """Rising ``values`` become, in place, the means of those that lie within ``tolerance`` of each other: how many.

    ``counts`` gets how many values each mean stands for.
    """
    found, start = 0, 0
    while start < values.size:
        stop, total = start, 0.0
        while stop < values.size and values[stop] - values[start] <= tolerance:
            total += values[stop] - values[start]
            stop += 1
        values[found], counts[found] = values[start] + total / (stop - start), stop - start
        found += 1
        start = stop
    return found


@kernel
def pairs_apart(times: Floats, origins: int, lag: float, tolerance: float, first: Ints, second: Ints) -> int:
    """The frames i, j with times[j] - times[i] = ``lag`` within ``tolerance``, into ``first``, ``second``: how many.

    ``origins`` says how many of the frames, from the first on, may be i.
    """
    found, j = 0, 0
    for i in range(origins):
        while j < times.size and times[j] - times[i] < lag - tolerance:
            j += 1
        if j == times.size:
            break
        if times[j] - times[i] <= lag + tolerance:
            first[found], second[found] = i, j
            found += 1
    return found


@kernel
def longest_series(times: Floats, spacing: float, tolerance: float, series: Ints) -> int:
    """The longest series of frames ``spacing`` apart, each step within ``tolerance``, into ``series``: how many.

    Of several equally long ones the first. No frame is in two series, so one pass from the end on finds them all.
    """
    last = times.size - 1
    following, left = np.full(times.size, -1), np.ones(times.size, np.int64)
    begin, j = last, last
    for i in range(last - 1, -1, -1):
        target = times[i] + spacing
        while j - 1 > i and abs(times[j - 1] - target) <= abs(times[j] - target):
            j -= 1
        if abs(times[j] - target) <= tolerance:
            following[i], left[i] = j, left[j] + 1
        if left[i] >= left[begin]:
            begin = i
    found = 0
    while begin >= 0:
        series[found] = begin
        begin = following[begin]
        found += 1
    return found


@kernel
def add_squared_pairs(
    rows: Floats, times: Floats, origins: int, lags: Floats, tolerance: float, groups: Ints, place: Ints, sums: Floats,
    table: Floats,
) -> None:  # fmt: skip
    """Add the squared displacements between all frames that are a lag apart to ``sums`` (axis, group, lag).

    ``rows`` are (3 · atom + axis, frame). The pairs of every lag are cut into as many equal, consecutive parts as
    ``table`` (axis, part, group, few lags) has; ``place`` says where in it each lag stands (-1: nowhere).
    """
    parts = table.shape[1]
    first, second = np.empty(times.size, np.int64), np.empty(times.size, np.int64)
    for k in range(lags.size):
        pairs = pairs_apart(times, origins, lags[k], tolerance, first, second)
        for r in range(rows.shape[0]):
            group = groups[r // 3]
            for part in range(parts):
                start = part * pairs // parts
                stop = (part + 1) * pairs // parts
                total = squared_pairs(rows[r], first[start:stop], second[start:stop])
                sums[r % 3, group, k] += total
                if place[k] >= 0:
                    table[r % 3, part, group, place[k]] += total


@kernel
def squared_pairs(row: Floats, first: Ints, second: Ints) -> float:
    """Sum of the squared differences of one row between the frames of each pair."""
    total = 0.0
    for p in range(first.size):
        step = row[second[p]] - row[first[p]]
        total += step * step
    return total


@kernel
def overlap(origins: Floats, lag: float) -> float:
    """Σ over all pairs of rising ``origins`` of (1 - |t - t'|/lag)², as far as the two intervals overlap."""
    total, oldest = 0.0, 0
    count, ages, squares = 0, 0.0, 0.0  # of the origins before, by their age as a share of the lag
    for i in range(origins.size):
        if i > 0:
            gone = (origins[i] - origins[i - 1]) / lag
            squares += gone * (2 * ages + gone * count)
            ages += gone * count
        while oldest < i and origins[i] - origins[oldest] >= lag:
            age = (origins[i] - origins[oldest]) / lag
            count, ages, squares = count - 1, ages - age, squares - age * age
            oldest += 1
        if count == 0:
            ages, squares = 0.0, 0.0  # what rounding left behind
        total += 1 + 2 * (count - 2 * ages + squares)
        count += 1
    return total


@kernel
def squared_pair_covariance(knots: Floats, growth: Floats, lags: Floats, origins: Floats, edges: Ints) -> Floats:
    """Sum over all pairs of origins of the squared covariance of two displacements, one over each of two lags.

    As :func:`vanhove.kernels.correlate.squared_step_covariance`, for origins at any times: those of lag a are
    ``origins[edges[a] : edges[a + 1]]``. The mean squared displacement ψ is ``growth`` at the times ``knots``, linear
    between and beyond them. Returns Σ_t Σ_s C_ab(s - t)² / (n_a n_b).
    """
    result = np.zeros((lags.size, lags.size))
    for a in range(lags.size):
        for b in range(a, lags.size):
            i, j = lags[a], lags[b]
            total = 0.0
            low = high = edges[b]
            for p in range(edges[a], edges[a + 1]):
                t = origins[p]
                # beyond these all four values of ψ lie on its straight end, and cancel
                while low < edges[b + 1] and origins[low] < t - (j + knots[-1]):
                    low += 1
                while high < edges[b + 1] and origins[high] <= t + (i + knots[-1]):
                    high += 1
                for q in range(low, high):
                    tau = origins[q] - t
                    covariance = 0.5 * (
                        _grown(knots, growth, abs(tau + j)) + _grown(knots, growth, abs(tau - i))
                        - _grown(knots, growth, abs(tau)) - _grown(knots, growth, abs(tau + j - i))
                    )  # fmt: skip
                    total += covariance * covariance
            pairs = float(edges[a + 1] - edges[a]) * float(edges[b + 1] - edges[b])
            result[a, b] = result[b, a] = total / pairs
    return result


@kernel
def _grown(knots: Floats, growth: Floats, lag: float) -> Any:
    low, high = 0, knots.size - 1
    if lag >= knots[high - 1]:  # the straight end, where most are
        low = high - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= lag:
            low = middle
        else:
            high = middle
    slope = (growth[low + 1] - growth[low]) / (knots[low + 1] - knots[low])
    return growth[low] + (lag - knots[low]) * slope
