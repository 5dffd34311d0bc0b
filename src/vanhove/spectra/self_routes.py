r"""Two ways from the paths of single atoms to F(Q,t), and which of them is quicker.

By displacements: the average of exp(iQ·r) over all directions of Q is sin(Qr)/(Qr), so that F is a sum over
displacements of a function of their lengths, which are counted in a fine histogram: all Q at once, exact in the
directions. A lag takes a time that goes with its origins, all lags one that goes with the square of the run.

By transforms: the correlation of exp(iQ·r(t)) with itself, at all lags and origins at once by the Wiener–Khinchin
theorem, for one direction of Q after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .self_directions import half_sphere

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .self_lags import SelfLags

    Floats = NDArray[np.float64]

TURN_COUNTED = 0.02  # rad, most of Q times the length whose multiples displacements are counted at, …
COARSEST = 0.02  # Å, … and the longest that this is
SCATTER = 1e-5  # of F, about what counting at multiples may add: it is 0.13 Q times their length for one displacement
MOST_MULTIPLES = 1 << 14  # of it that are counted; further displacements are summed one by one
TILE_BYTES = 1 << 19  # of phases that are transformed in one call: they stay in the cache

COUNTING = 0.9  # ns a displacement takes to be counted, …
TRANSFORM = 0.35  # … a point of a transform for each doubling of its length, …
POINT = 0.3  # … a point in the power spectrum, …
PHASE = 0.75  # … and a phase: measured, to choose the quicker way


@dataclass(frozen=True)
class Route:
    """A way to go: rows of atoms (3 · atom + axis, frame) become Σ over atoms of the mean over origins, (q, lag)."""

    name: str
    sums: Callable[[Floats], Floats]
    bytes_beside: int  # that it takes beside the rows
    seconds: float  # of computing an atom, as measured elsewhere: for comparison only
    directions: int = 0  # of Q that are averaged over, at the Q with most


def by_displacements(q: Floats, lags: SelfLags, atoms: int) -> Route:
    """The exact powder average at the lengths ``q``, over so many ``atoms`` in all."""
    from vanhove.kernels.self_scattering import add_powder_pairs, add_powder_steps

    pairs, steps = lags.pairs, lags.steps
    of_a_lag = atoms * float(pairs.n_origins.mean())  # the more displacements, the less it matters how each is rounded
    unit = min(COARSEST, min(TURN_COUNTED, SCATTER / 0.13 * of_a_lag**0.5) / float(q.max()))

    @cache
    def table(multiples: int) -> Floats:
        return _table(q, unit, multiples)

    def sums(rows: Floats) -> Floats:
        reach = float(np.sqrt(np.square(np.ptp(rows, axis=1)).reshape(-1, 3).sum(axis=1).max()))
        # few sizes, so that few tables are made; which one is used changes nothing
        multiples = min(MOST_MULTIPLES, 1 << max(6, int(np.ceil(np.log2(reach / unit + 3)))))
        found = np.zeros((len(pairs.lags), len(q)))
        if steps is not None and lags.stride == 1:
            add_powder_steps(rows, steps, pairs.n_origins, 1 / unit, table(multiples), q, found)
        else:
            add_powder_pairs(
                rows, pairs.times, pairs.origins, lags.stride, pairs.lags, pairs.tolerance, 1 / unit, table(multiples),
                q, found,
            )  # fmt: skip
        means: Floats = (found / pairs.n_origins[:, None]).T
        return means

    seconds = 1e-9 * COUNTING * float(pairs.n_origins.sum())
    return Route("displacements", sums, 8 * 2 * len(q) * (2 * MOST_MULTIPLES + len(pairs.lags)), seconds)


def _table(q: Floats, unit: float, multiples: int) -> Floats:
    r"""(multiple, 2 q): what stands for a displacement that is counted at a multiple of ``unit``, and its slope by r².

    With h(r²) = j₀(Qr) the mean of h over the true lengths is that over the counted ones, moved by h' times the
    difference of their mean squares, and by -(unit²/6) r² h'', what a smooth density has within ± unit/2 beyond that:
    r² h'' = (Q²/4) j₂(Qr) and h' = -(Q²/2) j₁(Qr)/Qr. What is left is of the order (Q unit)⁴.
    """
    from scipy.special import spherical_jn

    x = np.arange(multiples)[:, None] * unit * q
    values = spherical_jn(0, x) - (q * unit) ** 2 / 24 * spherical_jn(2, x)
    by_x = np.divide(spherical_jn(1, x), x, out=np.full_like(x, 1 / 3), where=x > 0)
    return np.ascontiguousarray(np.concatenate([values, -0.5 * q**2 * by_x], axis=1))


def by_phase_pairs(vectors: Floats, lags: SelfLags) -> Route:
    """Single wavevectors (q, axis), one pair of frames after the other: for frames at any times."""
    from vanhove.kernels.self_scattering import add_phase_pairs

    pairs, cycles = lags.pairs, vectors / (2 * np.pi)

    def sums(rows: Floats) -> Floats:
        found = np.zeros((len(pairs.lags), len(cycles)))
        add_phase_pairs(rows, pairs.times, pairs.origins, lags.stride, pairs.lags, pairs.tolerance, cycles, found)
        means: Floats = (found / pairs.n_origins[:, None]).T
        return means

    seconds = 1e-9 * COUNTING * float(pairs.n_origins.sum()) * len(vectors)
    return Route("displacements", sums, 8 * 2 * len(vectors) * (len(pairs.times) + len(pairs.lags)), seconds)


def by_transforms(vectors: list[Floats], weights: list[Floats], lags: SelfLags) -> Route:
    """For each q the ``vectors`` (direction, axis) with their ``weights``; all lags and origins of even frames."""
    from scipy.fft import next_fast_len

    steps, n_origins = lags.steps, lags.pairs.n_origins
    assert steps is not None
    frames = len(lags.pairs.times)
    length = next_fast_len(frames + int(steps[-1]))
    cycles, shares = np.concatenate(vectors) / (2 * np.pi), np.concatenate(weights)
    into = np.repeat(np.arange(len(vectors)), list(map(len, vectors)))
    tile = max(1, TILE_BYTES // (16 * length))

    def sums(rows: Floats) -> Floats:
        from scipy.fft import fft, irfft

        from vanhove.kernels.self_scattering import add_powers, fill_phases_of

        power = np.zeros((len(vectors), length))
        buffer = np.empty((tile, 2 * length))
        for first in range(0, len(rows) // 3, tile):
            part = rows[3 * first : 3 * (first + tile)]
            atoms = len(part) // 3
            at_once = tile // atoms
            for start in range(0, len(cycles), at_once):
                few = slice(start, start + at_once)
                phases = buffer[: atoms * len(cycles[few])]
                fill_phases_of(part, cycles[few], phases)
                transforms = fft(phases.view(np.complex128), axis=1, overwrite_x=True)
                add_powers(transforms, atoms, shares[few], into[few], power)
        half = power[:, : length // 2 + 1].copy()  # its even part has the real part of the transform
        half[:, 1:] += power[:, : -(length // 2) - 1 : -1]
        half[:, 1:] *= 0.5
        products: Floats = irfft(half, length, axis=1)[:, steps] / n_origins
        return products

    count = sum(map(len, vectors))
    seconds = 1e-9 * count * (length * (TRANSFORM * np.log2(length) + POINT) + PHASE * frames)
    beside = 16 * length * (3 * tile + 3 * len(vectors))
    return Route("fft", sums, beside, float(seconds), max(map(len, vectors)))


def over_directions(q: Floats, orders: list[int], lags: SelfLags) -> Route:
    """Powder averages at the lengths ``q`` over the directions of the rules of these ``orders``."""
    rules = [half_sphere(order) for order in orders]
    vectors = [length * directions for length, (directions, _) in zip(q.tolist(), rules, strict=True)]
    return by_transforms(vectors, [weights for _, weights in rules], lags)
