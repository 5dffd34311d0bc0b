r"""Correlation functions of ρ(Q,t) and j(Q,t) over all origins, their spectra, and how well a run knows them.

By the Wiener-Khinchin theorem, exactly. Errors need no theory of the material: the Fourier components of a record that
is long against its memory are independent complex Gaussians, so each periodogram scatters by its own height, and
everything here is a sum of periodograms. What does not change during the run (a Bragg peak, the frozen part of a glass)
does not scatter: it counts as known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.trajectory.blocks import cut, in_order
from vanhove.trajectory.budget import thread_count

from .density_modes import series
from .energies import PLANCK, spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .density_modes import Frame
    from .lag_grids import Grids
    from .q_points import Points

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Complexes = NDArray[np.complex128]

ERROR = "scatter of periodograms, each by its own height; what stays the same during the run counts as known"
TEMPORARIES = 3  # times the transforms of a block: what the FFT and its output take
FROZEN = 20  # times the power of a record's slowest changes: what its mean has beyond that is no fluctuation
OWN = 4.0  # of the product of both: what chance has added to such a mean, and a margin of 2
SUMS = 12  # numbers for each frequency of a point: its two sums, and what they become


class Correlated(NamedTuple):
    """(group, pair, point, lag) and (group, pair, point, energy), with standard errors; NaN where a point is empty."""

    by_lag: Floats
    by_lag_error: Floats
    by_energy: Floats
    by_energy_error: Floats


def correlate(
    traj: Trajectory, points: Points, grids: Grids, amplitudes: Floats, pairs: Sequence[tuple[int, int]], *,
    weights: Floats | None = None, reference: Frame = "cell",
) -> Correlated:  # fmt: skip
    """½⟨A(t₀ + t) B*(t₀) + …⟩ / N of amplitudes A, B, over all origins, both directions of time and the vectors.

    Parameters
    ----------
    amplitudes
        (amplitude, species): each is a sum of the species' ρ (of their j) with these factors.
    pairs
        Which amplitudes are A and B.
    weights
        (group, component) of j along Q and two axes across; None for ρ, which is one component and one group.
    """
    from vanhove.kernels.cross_power import add_cross_power

    length = _length(grids)
    groups = np.ones((1, 1)) if weights is None else weights
    both = np.array(pairs, np.int64).reshape(-1, 2)
    sums = _Sums(points, grids, (len(groups), len(both)), length, traj.n_atoms)
    components, species = groups.shape[1], amplitudes.shape[1]

    for part, kept in series(traj, points, moving=weights is not None, reference=reference):
        point = points.point[part]

        def work(block: slice, kept: Complexes = kept, point: Ints = point) -> _Part:
            from scipy.fft import fft

            mine = np.ascontiguousarray(kept[:, :, block])
            here = point[block]
            shape = (here[-1] - here[0] + 1, len(groups), len(both))
            found = _Part(int(here[0]), *(np.zeros((*shape, n)) for n in (length, length, 3)))
            transforms = fft(mine, length, axis=-1)
            add_cross_power(
                transforms,
                _slowest(transforms, grids.frames),
                amplitudes,
                here - here[0],
                groups,
                both,
                found.power,
                found.spread,
                found.still,
            )
            return found

        each = 16 * components * species * (TEMPORARIES * length + traj.n_frames)
        each += SUMS * 8 * len(groups) * len(both) * length  # where every vector is a point of its own
        blocks = cut(len(point), each, fixed=kept.nbytes // thread_count())
        for found in in_order(work, blocks):
            sums.add(found)
    return sums.finish()


class _Part(NamedTuple):
    """Sums over the vectors of a block: of the points from ``first`` on."""

    first: int
    power: Floats  # (point, group, pair, frequency)
    spread: Floats
    still: Floats  # (point, group, pair, 3)


class _Sums:
    """Periodograms by point, turned into correlation functions and spectra as soon as a point has all its vectors."""

    def __init__(self, points: Points, grids: Grids, shape: tuple[int, int], length: int, atoms: int) -> None:
        self._grids, self._length = grids, length
        self._norm = np.where(points.counts > 0, points.counts * float(atoms), np.nan)
        self._open: _Part | None = None
        n = len(points.q)
        lags, energies = (*shape, n, grids.lags), (*shape, n, len(grids.energy))
        self._found = Correlated(*(np.full(size, np.nan) for size in (lags, lags, energies, energies)))
        self._box = np.abs(np.fft.fft(np.ones(grids.frames), length)) ** 4
        self._overlap, self._doubled = _overlap(grids)

    def add(self, part: _Part) -> None:
        """Parts come in the order of their points; only the last point of one may go on in the next."""
        if self._open is not None:
            if self._open.first == part.first:
                for mine, more in zip(self._open[1:], part[1:], strict=True):
                    more[:1] += mine
            else:
                self._close(self._open)
        last = len(part.still) - 1
        if last:
            self._close(_Part(part.first, *(each[:last] for each in part[1:])))
        self._open = _Part(part.first + last, *(each[last:] for each in part[1:]))

    def finish(self) -> Correlated:
        """All points."""
        if self._open is not None:
            self._close(self._open)
        return self._found

    def _close(self, part: _Part) -> None:
        grids, frames = self._grids, self._grids.frames
        here = slice(part.first, part.first + len(part.still))
        norm = self._norm[here, None, None, None]
        origins = frames - np.arange(grids.lags)
        by_lag = _even(part.power, self._length)[..., : grids.lags] / (norm * origins)
        frozen = np.maximum(part.still @ [1.0, -OWN, -(FROZEN**2)], 0.0)
        spread = part.spread - frozen[..., None] * self._box
        # 1/T³ contains that zeros make the frequencies finer than a record of its length has independent ones
        covariance = _even(spread, self._length) / (float(frames) ** 3 * norm**2)
        at = 2 * np.arange(grids.lags) % self._length
        variance = 0.5 * (covariance[..., :1] + covariance[..., at]) * (frames / origins)
        for target, values in zip(
            self._found,
            (
                by_lag,
                np.sqrt(np.maximum(variance, 0.0)),
                spectrum(by_lag, grids.spacing, grids.window) * grids.factor,
                np.sqrt(np.maximum(self._spectral(covariance), 0.0)) * grids.factor,
            ),
            strict=True,
        ):
            target[:, :, here] = np.moveaxis(values, 0, 2)

    def _spectral(self, covariance: Floats) -> Floats:
        """The variance of Σ w(t) F(t) cos Et where F at lags a and b has the covariance ½[c(a - b) + c(a + b)]."""
        from scipy.fft import dct

        grids = self._grids
        last = grids.lags - 1
        product = covariance[..., np.arange(2 * last + 1) % self._length] * self._overlap
        folded = product[..., : last + 1] + product[..., : last - 1 : -1]  # cos Et has the period 2·last in the lag
        folded[..., 0] += product[..., -1]
        half = dct(folded, type=1, axis=-1) * (0.5 * (grids.spacing / PLANCK) ** 2 * self._doubled)
        both: Floats = np.concatenate([half[..., :0:-1], half], axis=-1)
        return both


def _slowest(transforms: Complexes, frames: int) -> Complexes:
    """The mean of every record, and, without it, the first two Fourier components on either side of 0, nearly.

    "Nearly", since the frequencies of a transform with zeros are others: what the mean adds there is taken off.
    """
    length = transforms.shape[-1]
    bins = np.rint(np.array([1, 2, -1, -2]) * length / frames).astype(int)
    constant = np.exp(-2j * np.pi / length * np.outer(np.arange(frames), bins)).sum(axis=0)
    mean = transforms[..., :1] / frames
    return np.concatenate([mean, (transforms[..., bins] - mean * constant) / frames], axis=-1)


def _overlap(grids: Grids) -> tuple[Floats, Floats]:
    """Σ w(t) w(t - d) over lags of both signs, by d from 0 to 2T, and by how much S(E) scatters more about E = 0.

    There its two sides, which are the same number, are one observation. The weights w contain the growth of errors
    with the lag.
    """
    from scipy.signal import fftconvolve

    last = grids.lags - 1
    weights = grids.window.values * np.sqrt(grids.frames / (grids.frames - np.arange(grids.lags)))
    weights[-1] /= 2  # the trapezoid rule's
    even = np.concatenate([weights[:0:-1], weights])
    squares = even[last:-1] ** 2
    around = np.concatenate([squares, 2 * even[-1:] ** 2, squares[:0:-1]])
    at_twice_the_energy = np.fft.fft(around).real[2 * np.arange(grids.lags) % (2 * last)]
    return fftconvolve(even, even)[2 * last :], 1 + at_twice_the_energy / around.sum()


def _even(power: Floats, length: int) -> Floats:
    """The even part of the inverse transform of a two-sided ``power``."""
    from scipy.fft import irfft

    half = 0.5 * power[..., : length // 2 + 1]
    half[..., 0] *= 2
    half[..., 1:] += 0.5 * power[..., : -(length // 2) - 1 : -1]
    even: Floats = irfft(half, length, axis=-1)
    return even


def _length(grids: Grids) -> int:
    """Of the FFTs: zeros enough for the lags that are wanted."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(grids.frames + grids.lags))
