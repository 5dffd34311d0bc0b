"""Second and fourth powers of displacements: the pieces of the FFT over all lags, and direct sums over chosen lags.

Rows are those of :mod:`vanhove.kernels.correlate`: (3 · atom + axis, time). An axis that is left out is a row of zeros
in the direct sums and no row at all in the transforms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .intervals import pairs_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]
    Ints = NDArray[np.int64]


@kernel
def fill_monomials(rows: Floats, axes: Ints, frames: int, fields: Floats, second: Floats, fourth: Floats) -> None:
    """Write what is transformed of each atom into ``fields`` (atom, monomial, time), and add up r² and r⁴ by time.

    The monomials of a path x with d ``axes`` are its d components x_i, the d(d + 1)/2 products x_i x_j (i ≤ j) and the
    d products r² x_i, r² = Σ x_i². What lies past the last frame is left alone.
    """
    d = axes.size
    square = np.empty(frames)
    for atom in range(fields.shape[0]):
        square[:] = 0.0
        for i in range(d):
            row = rows[3 * atom + axes[i], :frames]
            fields[atom, i, :frames] = row
            _add_product(row, row, square)
        place = d
        for i in range(d):
            for j in range(i, d):
                _product(fields[atom, i, :frames], fields[atom, j, :frames], fields[atom, place, :frames])
                place += 1
        for i in range(d):
            _product(square, fields[atom, i, :frames], fields[atom, place + i, :frames])
        _add_powers(square, second, fourth)


@kernel
def _product(a: Floats, b: Floats, out: Floats) -> None:
    for t in range(out.size):
        out[t] = a[t] * b[t]


@kernel
def _add_product(a: Floats, b: Floats, out: Floats) -> None:
    for t in range(out.size):
        out[t] += a[t] * b[t]


@kernel
def _add_powers(square: Floats, second: Floats, fourth: Floats) -> None:
    for t in range(square.size):
        second[t] += square[t]
        fourth[t] += square[t] * square[t]


@kernel
def add_monomial_spectra(transforms: Complexes, d: int, second: Floats, fourth: Floats) -> None:
    """Add to ``second`` and ``fourth`` (frequency) the spectra whose inverses are the sums of products over lags.

    With a = x(t), b = x(t + m), and Σ over t and atoms,

        |a - b|² = |a|² + |b|² - 2 a·b
        |a - b|⁴ = |a|⁴ + |b|⁴ + [2 |a|² |b|² + 4 (a·b)² - 4 (|a|² + |b|²) a·b] ;

    ``second`` becomes that of Σ a·b and ``fourth`` that of the bracket. Both are real: the last term takes both time
    directions, so that its spectrum is a real part.
    """
    n = second.size
    trace = np.empty(n, np.complex128)
    for atom in range(transforms.shape[0]):
        trace[:] = 0.0
        place = d
        for i in range(d):
            for j in range(i, d):
                _add_power(transforms[atom, place], 4.0 if i == j else 8.0, fourth)
                if i == j:
                    trace += transforms[atom, place]
                place += 1
        _add_power(trace, 2.0, fourth)
        for i in range(d):
            _add_power(transforms[atom, i], 1.0, second)
            _add_cross(transforms[atom, place + i], transforms[atom, i], -8.0, fourth)


@kernel
def _add_power(transform: Complexes, weight: float, out: Floats) -> None:
    for w in range(out.size):
        out[w] += weight * (transform[w].real * transform[w].real + transform[w].imag * transform[w].imag)


@kernel
def _add_cross(a: Complexes, b: Complexes, weight: float, out: Floats) -> None:
    for w in range(out.size):
        out[w] += weight * (a[w].real * b[w].real + a[w].imag * b[w].imag)


@kernel
def add_moments(rows: Floats, lags: Ints, origins: Ints, groups: Ints, sums: Floats) -> None:
    """Add r² and r⁴ of the displacements over ``lags`` (frames) to ``sums`` (2, group, lag).

    The first ``origins`` frames of every lag are the origins; ``groups`` says to which group of ions each atom belongs.
    """
    for atom in range(groups.size):
        x, y, z = rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2]
        for k in range(lags.size):
            m, n = lags[k], origins[k]
            second, fourth = _moments(x[m : m + n], y[m : m + n], z[m : m + n], x[:n], y[:n], z[:n])
            sums[0, groups[atom], k] += second
            sums[1, groups[atom], k] += fourth


@kernel
def _moments(x: Floats, y: Floats, z: Floats, x0: Floats, y0: Floats, z0: Floats) -> tuple[float, float]:
    second = fourth = 0.0
    for t in range(x0.size):
        a, b, c = x[t] - x0[t], y[t] - y0[t], z[t] - z0[t]
        square = a * a + b * b + c * c
        second += square
        fourth += square * square
    return second, fourth


@kernel
def add_moments_of_pairs(
    rows: Floats, times: Floats, origins: int, lags: Floats, tolerance: float, groups: Ints, sums: Floats
) -> None:
    """The same between all frames that are a lag (ps) apart, of unevenly spaced ones; see ``add_squared_pairs``."""
    first, second = np.empty(times.size, np.int64), np.empty(times.size, np.int64)
    for k in range(lags.size):
        pairs = pairs_apart(times, origins, lags[k], tolerance, first, second)
        for atom in range(groups.size):
            total = moments_of_pairs(
                rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2], first[:pairs], second[:pairs]
            )
            sums[0, groups[atom], k] += total[0]
            sums[1, groups[atom], k] += total[1]


@kernel
def moments_of_pairs(x: Floats, y: Floats, z: Floats, first: Ints, second: Ints) -> tuple[float, float]:
    """Sums of r² and r⁴ of the displacements of one atom between the frames of each pair."""
    twos = fours = 0.0
    for p in range(first.size):
        i, j = first[p], second[p]
        a, b, c = x[j] - x[i], y[j] - y[i], z[j] - z[i]
        square = a * a + b * b + c * c
        twos += square
        fours += square * square
    return twos, fours
