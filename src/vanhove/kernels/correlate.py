"""Mean squared displacements: the pieces of the exact FFT over all lags, and direct sums over chosen lags.

A tile is a few atoms' paths, each component one contiguous row of time: every loop below then runs over contiguous
memory with one reduction, which is what the compiler turns into vector code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Complexes = NDArray[np.complex128]
    Ints = NDArray[np.int64]


@kernel
def centred_rows(block: Floats, first: int, last: int, drift: Floats, rows: Floats) -> None:
    """Write atoms ``first`` to ``last`` of ``block`` (frame, atom, axis) into ``rows`` (3 · atom + axis, time).

    ``drift`` (frame, axis) is subtracted, and then each row's own mean: squares of small numbers are summed with small
    errors, however far a path has gone. What lies past the last frame (the zeros that an FFT needs) is left alone.
    """
    frames = block.shape[0]
    for t in range(frames):  # a frame is read in one piece; 3 numbers an atom go to rows that wait in the cache
        x, y, z = drift[t, 0], drift[t, 1], drift[t, 2]
        for atom in range(last - first):
            rows[3 * atom, t] = block[t, first + atom, 0] - x
            rows[3 * atom + 1, t] = block[t, first + atom, 1] - y
            rows[3 * atom + 2, t] = block[t, first + atom, 2] - z
    for r in range(3 * (last - first)):
        _subtract_mean(rows[r, :frames])


@kernel
def rows_of(block: Floats, atoms: Ints, drift: Floats, rows: Floats | Singles) -> None:
    """The same of the ``atoms`` of ``block`` that are named one by one, means and all, rounded to what ``rows`` holds.

    ``rows`` are written from their start, as many frames as ``block`` has.
    """
    for t in range(block.shape[0]):
        x, y, z = drift[t, 0], drift[t, 1], drift[t, 2]
        for n in range(atoms.size):
            rows[3 * n, t] = block[t, atoms[n], 0] - x
            rows[3 * n + 1, t] = block[t, atoms[n], 1] - y
            rows[3 * n + 2, t] = block[t, atoms[n], 2] - z


@kernel
def _subtract_mean(row: Floats) -> None:
    mean = 0.0
    for t in range(row.size):
        mean += row[t]
    mean /= row.size
    for t in range(row.size):
        row[t] -= mean


@kernel
def add_squares(rows: Floats, squares: Floats) -> None:
    """Add x² of every row (3 · atom + axis, time) to ``squares`` (axis, time)."""
    for r in range(rows.shape[0]):
        _add_square(rows[r], squares[r % 3])


@kernel
def _add_square(row: Floats, square: Floats) -> None:
    for t in range(square.size):
        square[t] += row[t] * row[t]


@kernel
def add_power(transforms: Complexes, power: Floats) -> None:
    """Add |F|² of every row (3 · atom + axis, frequency) to ``power`` (axis, frequency)."""
    for r in range(transforms.shape[0]):
        _add_power(transforms[r], power[r % 3])


@kernel
def _add_power(transform: Complexes, power: Floats) -> None:
    for w in range(power.size):
        power[w] += transform[w].real * transform[w].real + transform[w].imag * transform[w].imag


@kernel
def add_squared_steps(rows: Floats, frames: int, lags: Ints, groups: Ints, sums: Floats) -> None:
    """Add the squared displacements over ``lags`` (in frames) to ``sums`` (axis, part, group, lag).

    The origins of every lag are cut into as many equal, consecutive parts as ``sums`` has; ``groups`` says to which
    group of ions each atom of the tile belongs.
    """
    parts = sums.shape[1]
    for r in range(rows.shape[0]):
        row = rows[r, :frames]
        group = groups[r // 3]
        for k in range(lags.size):
            lag = lags[k]
            origins = frames - lag
            for part in range(parts):
                start = part * origins // parts
                stop = (part + 1) * origins // parts
                sums[r % 3, part, group, k] += _squared_steps(row[start + lag : stop + lag], row[start:stop])


@kernel
def _squared_steps(later: Floats, earlier: Floats) -> float:
    total = 0.0
    for t in range(earlier.size):
        step = later[t] - earlier[t]
        total += step * step
    return total


@kernel
def squared_step_covariance(growth: Floats, lags: Ints, origins: Ints) -> Floats:
    """Sum over all pairs of origins of the squared covariance of two displacements, one over each of two lags.

    A path with stationary Gaussian steps whose mean squared displacement is ψ (``growth``, one value a frame from 0)
    has displacements over i from t and over j from t + τ with the covariance

        C_ij(τ) = ½ [ψ(|τ + j|) + ψ(|τ - i|) - ψ(|τ|) - ψ(|τ + j - i|)] .

    Returns Σ_t Σ_s C_ij(s - t)² / (n_i n_j), t among the n_i and s among the n_j first frames (``origins``). Beyond the
    end of ``growth`` ψ goes on as a straight line with its last step, where the bracket vanishes.
    """
    last = growth.size - 1
    step = growth[last] - growth[last - 1]
    result = np.empty((lags.size, lags.size))
    for a in range(lags.size):
        for b in range(a, lags.size):
            i, j = lags[a], lags[b]
            total = 0.0
            lowest = max(-(origins[a] - 1), -(j + last))
            highest = min(origins[b] - 1, i + last)
            for tau in range(lowest, highest + 1):
                pairs = min(origins[a], origins[b] - tau) - max(0, -tau)
                covariance = 0.0
                for sign, at in ((0.5, tau + j), (0.5, tau - i), (-0.5, tau), (-0.5, tau + j - i)):
                    lag = abs(at)
                    covariance += sign * (growth[lag] if lag <= last else growth[last] + (lag - last) * step)
                total += pairs * covariance * covariance
            result[a, b] = result[b, a] = total / (float(origins[a]) * float(origins[b]))
    return result
