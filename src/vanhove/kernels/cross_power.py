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
    transforms: Complexes, means: Complexes, point: Ints, weights: Floats, pairs: Ints,
    power: Floats, spread: Floats, still: Floats,
) -> None:  # fmt: skip
    r"""Add w Re A_a A_b* of every vector to ``power``, and what is expected of its variance to ``spread``.

    A Fourier component of a long record is a complex Gaussian: Re A_a A_b* then has the variance ½|A_a|²|A_b|² in the
    mean. A constant part m is no such thing; ``still`` collects w²½|m_a|²|m_b|², to be taken off.

    Parameters
    ----------
    transforms, means
        (component, species, vector, frequency), and their constant parts without the last axis.
    point
        To which sum each vector goes.
    weights
        (group, component): of a component in each group; 0 leaves it out.
    pairs
        (pair, 2): a and b.
    power, spread
        (point, group, pair, frequency).
    still
        (point, group, pair).
    """
    for q in range(transforms.shape[2]):
        for g in range(weights.shape[0]):
            for i in range(weights.shape[1]):
                weight = weights[g, i]
                if weight == 0:
                    continue
                for n in range(pairs.shape[0]):
                    a, b = pairs[n, 0], pairs[n, 1]
                    one, other = means[i, a, q], means[i, b, q]
                    square = (one.real**2 + one.imag**2) * (other.real**2 + other.imag**2)
                    still[point[q], g, n] += 0.5 * weight**2 * square
                    _add(transforms[i, a, q], transforms[i, b, q], weight, power[point[q], g, n], spread[point[q], g, n])


@kernel
def _add(a: Complexes, b: Complexes, weight: float, power: Floats, spread: Floats) -> None:
    half = 0.5 * weight * weight
    for w in range(a.size):
        power[w] += weight * (a[w].real * b[w].real + a[w].imag * b[w].imag)
        spread[w] += half * (a[w].real**2 + a[w].imag**2) * (b[w].real**2 + b[w].imag**2)
