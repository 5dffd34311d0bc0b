"""Power of Fourier transforms in time, summed over the vectors Q that are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .compile import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Complexes = NDArray[np.complex128]


@kernel
def add_cross_power(
    transforms: Complexes, means: Floats, slow: Floats, point: Ints, weights: Floats, pairs: Ints,
    power: Floats, spread: Floats, still: Floats,
) -> None:  # fmt: skip
    r"""Add w Re A_a A_b* of every vector to ``power``, and what is expected of its variance to ``spread``.

    A Fourier component of a long record is a complex Gaussian: Re A_a A_b* then has the variance ½|A_a|²|A_b|² in the
    mean. The constant part of a record is no such thing; ``still`` collects what it takes to tell and to leave it out.

    Parameters
    ----------
    transforms
        (component, species, vector, frequency).
    means, slow
        M = |m|² of the records' means, and the same of the Fourier components next to them, L.
    point
        To which sum each vector goes.
    weights
        (group, component): of a component in each group; 0 leaves it out.
    pairs
        (pair, 2): a and b.
    power, spread
        (point, group, pair, frequency).
    still
        (point, group, pair, 3): ½w² times M_a M_b, M_a L_b + L_a M_b and L_a L_b.
    """
    for q in range(transforms.shape[2]):
        for g in range(weights.shape[0]):
            for i in range(weights.shape[1]):
                weight = weights[g, i]
                if weight == 0:
                    continue
                for n in range(pairs.shape[0]):
                    a, b = pairs[n, 0], pairs[n, 1]
                    half = 0.5 * weight**2
                    at = point[q]
                    still[at, g, n, 0] += half * means[i, a, q] * means[i, b, q]
                    still[at, g, n, 1] += half * (means[i, a, q] * slow[i, b, q] + slow[i, a, q] * means[i, b, q])
                    still[at, g, n, 2] += half * slow[i, a, q] * slow[i, b, q]
                    _add(transforms[i, a, q], transforms[i, b, q], weight, power[at, g, n], spread[at, g, n])


@kernel
def _add(a: Complexes, b: Complexes, weight: float, power: Floats, spread: Floats) -> None:
    half = 0.5 * weight * weight
    for w in range(a.size):
        power[w] += weight * (a[w].real * b[w].real + a[w].imag * b[w].imag)
        spread[w] += half * (a[w].real ** 2 + a[w].imag ** 2) * (b[w].real ** 2 + b[w].imag ** 2)
