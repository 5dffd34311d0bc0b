"""What single atoms scatter: powder averages by way of the lengths of displacements, and phases exp(iQ·r) along time.

Rows are those of :mod:`vanhove.kernels.correlate`: (3 · atom + axis, time). Lengths are counted as in
:mod:`vanhove.kernels.displacement_histogram`, but each on the nearest multiple of a small length, so that what has not
moved is counted at 0; and the histogram of a lag is turned into sums over displacements at once, so that none is kept.
"""

from __future__ import annotations

from math import factorial, pi
from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .displacement_histogram import TURNS, bins_of_pairs, bins_of_steps, tally
from .intervals import pairs_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]
    Ints = NDArray[np.int64]
    Places = NDArray[np.int32]
    Counts = NDArray[np.uint32]

NEAREST = 0.5  # added before the fraction is cut off: a length goes to the nearest place of the table


@kernel
def add_powder_steps(
    rows: Floats, lags: Ints, origins: Ints, scale: float, table: Floats, wave_numbers: Floats, sums: Floats
) -> None:
    """Add Σ sin(Qr)/(Qr) over the displacements r of ``lags`` (frames) to ``sums`` (lag, Q).

    The first ``origins`` frames of every lag are its origins. ``scale`` is the inverse of the length whose multiples
    are counted. Of its first multiples ``table`` (multiple, 2 Q) has for every Q the value and then the derivative by
    r², by which the values are moved from the counted lengths to the true ones; what went further is summed one by one.
    """
    places = np.empty(rows.shape[1], np.int32)
    turns = np.zeros((TURNS, table.shape[0] + 1), np.uint32)
    both = np.empty(table.shape[1])
    far_possible = _reaches(rows, (table.shape[0] - 1) / scale)
    for k in range(lags.size):
        m, n = lags[k], origins[k]
        squares = 0.0
        for atom in range(rows.shape[0] // 3):
            x, y, z = rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2]
            squares += bins_of_steps(
                x[m : m + n],
                y[m : m + n],
                z[m : m + n],
                x[:n],
                y[:n],
                z[:n],
                scale,
                NEAREST,
                table.shape[0],
                places[:n],
            )
            tally(places[:n], turns)
            if far_possible:
                for t in range(n):
                    if places[t] == table.shape[0]:
                        far = (x[t + m] - x[t]) ** 2 + (y[t + m] - y[t]) ** 2 + (z[t + m] - z[t]) ** 2
                        squares -= far
                        _add_one(np.sqrt(far), wave_numbers, sums[k])
        _add_counted(turns, squares * scale * scale, scale, table, both, sums[k])


@kernel
def add_powder_pairs(
    rows: Floats, times: Floats, origins: int, stride: int, lags: Floats, tolerance: float, scale: float, table: Floats,
    wave_numbers: Floats, sums: Floats,
) -> None:  # fmt: skip
    """The same between all frames that are a lag (ps) apart, whose earlier one is a multiple of ``stride``."""
    first, second = np.empty(times.size, np.int64), np.empty(times.size, np.int64)
    places = np.empty(times.size, np.int32)
    turns = np.zeros((TURNS, table.shape[0] + 1), np.uint32)
    both = np.empty(table.shape[1])
    for k in range(lags.size):
        n = _every(pairs_apart(times, origins, lags[k], tolerance, first, second), stride, first, second)
        squares = 0.0
        for atom in range(rows.shape[0] // 3):
            x, y, z = rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2]
            squares += bins_of_pairs(x, y, z, first[:n], second[:n], scale, NEAREST, table.shape[0], places[:n])
            tally(places[:n], turns)
            for p in range(n):
                if places[p] == table.shape[0]:
                    i, j = first[p], second[p]
                    far = (x[j] - x[i]) ** 2 + (y[j] - y[i]) ** 2 + (z[j] - z[i]) ** 2
                    squares -= far
                    _add_one(np.sqrt(far), wave_numbers, sums[k])
        _add_counted(turns, squares * scale * scale, scale, table, both, sums[k])


@kernel
def _reaches(rows: Floats, length: float) -> bool:
    """Whether an atom can have been ``length`` away from where it was."""
    for atom in range(rows.shape[0] // 3):
        square = 0.0
        for axis in range(3):
            row = rows[3 * atom + axis]
            square += (row.max() - row.min()) ** 2
        if square >= length * length:
            return True
    return False


@kernel
def _add_counted(turns: Counts, squares: float, scale: float, table: Floats, both: Floats, sums: Floats) -> None:
    """Add what was counted to ``sums`` (Q) and empty the counts; ``squares`` is Σ (r · scale)² of the same lengths."""
    both[:] = 0.0
    counted, missing = 0, squares
    for place in range(table.shape[0]):
        n = 0
        for turn in range(TURNS):
            n += turns[turn, place]
        if n > 0:
            counted += n
            missing -= float(n) * float(place) * float(place)
            _add_scaled(float(n), table[place], both)
    turns[:] = 0
    if counted > 0:
        q = sums.size
        _add_scaled(1.0, both[:q], sums)
        _add_scaled(missing / (counted * scale * scale), both[q:], sums)


@kernel
def _add_scaled(factor: float, values: Floats, out: Floats) -> None:
    for q in range(out.size):
        out[q] += factor * values[q]


@kernel
def _add_one(r: float, wave_numbers: Floats, sums: Floats) -> None:
    for q in range(sums.size):
        sums[q] += np.sin(wave_numbers[q] * r) / (wave_numbers[q] * r)


@kernel
def _every(n: int, stride: int, first: Ints, second: Ints) -> int:
    """Keep the pairs whose earlier frame is a multiple of ``stride``, in place: how many."""
    kept = 0
    for p in range(n):
        if first[p] % stride == 0:
            first[kept], second[kept] = first[p], second[p]
            kept += 1
    return kept


# phases

# sin and cos of half an angle, π u with |u| ≤ ½, by their series: 1e-16 there, and one loop without a branch
SIN = tuple((-1) ** n * pi ** (2 * n + 1) / factorial(2 * n + 1) for n in range(10))
COS = tuple((-1) ** n * pi ** (2 * n) / factorial(2 * n) for n in range(11))
S0, S1, S2, S3, S4, S5, S6, S7, S8, S9 = SIN
C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10 = COS


@kernel
def _phases(x: Floats, y: Floats, z: Floats, cycles: Floats, interleaved: Floats) -> None:
    """Cosine and sine of 2π (``cycles`` · r), one after the other."""
    a, b, c = cycles[0], cycles[1], cycles[2]
    for t in range(x.size):
        u = a * x[t] + b * y[t] + c * z[t]
        u -= np.floor(u + 0.5)
        v = u * u
        sine = u * (S0 + v * (S1 + v * (S2 + v * (S3 + v * (S4 + v * (S5 + v * (S6 + v * (S7 + v * (S8 + v * S9)))))))))
        cosine = C0 + v * (
            C1 + v * (C2 + v * (C3 + v * (C4 + v * (C5 + v * (C6 + v * (C7 + v * (C8 + v * (C9 + v * C10))))))))
        )
        interleaved[2 * t] = 1 - 2 * sine * sine
        interleaved[2 * t + 1] = 2 * sine * cosine


@kernel
def fill_phases(rows: Floats, cycles: Floats, out: Floats) -> None:
    """Write exp(2πi ``cycles`` · r) of every atom into ``out`` (atom, 2 · time), real and imaginary parts by turns."""
    frames = rows.shape[1]
    for atom in range(out.shape[0]):
        _phases(rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2], cycles, out[atom, : 2 * frames])


@kernel
def fill_phases_of(rows: Floats, cycles: Floats, out: Floats) -> None:
    """The same for several wavevectors, the rows of ``cycles``; what lies past the last frame is set to 0."""
    atoms, frames = rows.shape[0] // 3, rows.shape[1]
    for n in range(cycles.shape[0]):
        fill_phases(rows, cycles[n], out[n * atoms : (n + 1) * atoms])
    for row in range(out.shape[0]):
        out[row, 2 * frames :] = 0.0


@kernel
def add_powers(transforms: Complexes, atoms: int, weights: Floats, into: Ints, power: Floats) -> None:
    """Add the |F|² of so many ``atoms`` for each wavevector, by its weight, to the row of ``power`` that it goes to."""
    for n in range(weights.size):
        add_weighted_power(transforms[n * atoms : (n + 1) * atoms], weights[n], power[into[n]])


@kernel
def add_weighted_power(transforms: Complexes, weight: float, power: Floats) -> None:
    """Add ``weight`` · |F|² of every row to ``power``."""
    for row in range(transforms.shape[0]):
        _add_power(transforms[row], weight, power)


@kernel
def _add_power(transform: Complexes, weight: float, power: Floats) -> None:
    for w in range(power.size):
        power[w] += weight * (transform[w].real * transform[w].real + transform[w].imag * transform[w].imag)


@kernel
def add_phase_pairs(
    rows: Floats, times: Floats, origins: int, stride: int, lags: Floats, tolerance: float, cycles: Floats, sums: Floats
) -> None:
    """Add Σ cos(Q·Δr) over the frames that are a lag (ps) apart to ``sums`` (lag, Q), Q/2π the rows of ``cycles``.

    Of frames at any times; the earlier one is a multiple of ``stride`` among the first ``origins``.
    """
    first, second = np.empty(times.size, np.int64), np.empty(times.size, np.int64)
    phases = np.empty((cycles.shape[0], 2 * times.size))
    for atom in range(rows.shape[0] // 3):
        for q in range(cycles.shape[0]):
            _phases(rows[3 * atom], rows[3 * atom + 1], rows[3 * atom + 2], cycles[q], phases[q])
        for k in range(lags.size):
            n = _every(pairs_apart(times, origins, lags[k], tolerance, first, second), stride, first, second)
            for q in range(cycles.shape[0]):
                sums[k, q] += _products(phases[q], first[:n], second[:n])


@kernel
def _products(phase: Floats, first: Ints, second: Ints) -> float:
    total = 0.0
    for p in range(first.size):
        i, j = 2 * first[p], 2 * second[p]
        total += phase[i] * phase[j] + phase[i + 1] * phase[j + 1]
    return total
