"""Power of Fourier transforms in time, summed over the vectors Q that are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Complexes = NDArray[np.complex128]


@kernel
def add_cross_power(
    transforms: Complexes, slowest: Complexes, factors: Floats, point: Ints, weights: Floats, pairs: Ints,
    power: Floats, spread: Floats, still: Floats,
) -> None:  # fmt: skip
    r"""Add w Re A_a A_b* of every vector to ``power``, and what is expected of its variance to ``spread``.

    A Fourier component of a long record is a complex Gaussian: Re A_a A_b* then has the variance ½|A_a|²|A_b|² in the
    mean. The constant part of a record is no such thing; ``still`` collects what it takes to tell and to leave it out.

    Parameters
    ----------
    transforms
        (component, species, vector, frequency).
    slowest
        The mean of every record, and Fourier components of what is left without it next to frequency 0.
    factors
        (amplitude, species): what each amplitude A is a sum of.
    point
        To which sum each vector goes.
    weights
        (group, component): of a component in each group; 0 leaves it out.
    pairs
        (pair, 2): a and b.
    power, spread
        (point, group, pair, frequency).
    still
        (point, group, pair, 3): ½w² times M_a M_b, M_a L_b + L_a M_b and L_a L_b with the power of the mean, M, and
        that of the components next to it, L.
    """
    amplitudes, species = factors.shape
    components, _, vectors, frequencies = transforms.shape
    mixed = np.empty((amplitudes, frequencies), np.complex128)
    constant, slow = np.empty(amplitudes), np.empty(amplitudes)
    for q in range(vectors):
        at = point[q]
        for i in range(components):
            for n in range(amplitudes):
                mixed[n] = 0.0
                for a in range(species):
                    if factors[n, a] != 0:
                        _add_scaled(transforms[i, a, q], factors[n, a], mixed[n])
                constant[n], slow[n] = _slow_power(slowest[i, :, q], factors[n])
            for g in range(weights.shape[0]):
                weight = weights[g, i]
                if weight == 0:
                    continue
                half = 0.5 * weight**2
                for n in range(pairs.shape[0]):
                    a, b = pairs[n, 0], pairs[n, 1]
                    still[at, g, n, 0] += half * constant[a] * constant[b]
                    still[at, g, n, 1] += half * (constant[a] * slow[b] + slow[a] * constant[b])
                    still[at, g, n, 2] += half * slow[a] * slow[b]
                    _add_products(mixed[a], mixed[b], weight, power[at, g, n], spread[at, g, n])


@kernel
def add_chunk_products(transforms: NDArray[np.complex64], part_of: Ints, cross: Complexes) -> None:
    """Add Σ F*(chunk) F(chunk + d) over all rows to ``cross`` (part, d, frequency), for every d that it holds.

    ``transforms`` (row, chunk, frequency) are of consecutive chunks of each row; ``part_of`` says to which part of the
    run a chunk belongs. Products are of double precision.
    """
    rows, chunks, _ = transforms.shape
    for row in range(rows):
        for chunk in range(chunks):
            for d in range(min(cross.shape[1], chunks - chunk)):
                _add_conjugated(transforms[row, chunk], transforms[row, chunk + d], cross[part_of[chunk], d])


@kernel
def _add_conjugated(own: NDArray[np.complex64], later: NDArray[np.complex64], cross: Complexes) -> None:
    for w in range(own.size):
        a, b = np.float64(own[w].real), np.float64(own[w].imag)
        c, d = np.float64(later[w].real), np.float64(later[w].imag)
        cross[w] += complex(a * c + b * d, a * d - b * c)


@kernel
def _add_scaled(transform: Complexes, factor: float, mixed: Complexes) -> None:
    for w in range(mixed.size):
        mixed[w] += factor * transform[w]


@kernel
def _add_products(a: Complexes, b: Complexes, weight: float, power: Floats, spread: Floats) -> None:
    half = 0.5 * weight * weight
    for w in range(a.size):
        power[w] += weight * (a[w].real * b[w].real + a[w].imag * b[w].imag)
        spread[w] += half * (a[w].real ** 2 + a[w].imag ** 2) * (b[w].real ** 2 + b[w].imag ** 2)


@kernel
def _slow_power(slowest: Complexes, factors: Floats) -> tuple[float, float]:
    """Power of the mean of an amplitude, and the mean power of the components next to it."""
    constant, slow = 0.0, 0.0
    for k in range(slowest.shape[1]):
        real, imaginary = 0.0, 0.0
        for a in range(factors.size):
            real += factors[a] * slowest[a, k].real
            imaginary += factors[a] * slowest[a, k].imag
        if k == 0:
            constant = real**2 + imaginary**2
        else:
            slow += (real**2 + imaginary**2) / (slowest.shape[1] - 1)
    return constant, slow
