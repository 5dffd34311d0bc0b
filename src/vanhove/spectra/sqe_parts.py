"""The spectra that a density of states is read from: which of their points count, and their averages over Q."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

from .given_numbers import range_of
from .multiphonon import States, several, thermal
from .rebinning import ROUNDING, Spectrum, edges_of, in_bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SMOOTHED = 4  # energies to either side over which variances are averaged for the weights
ZERO = 1e-9  # of the largest |E|: an energy of 0 that was written by adding steps
FEWEST = 3  # spectra from whose scatter an error is read


class Part(NamedTuple):
    """Spectra against |E|, one row for each Q and each side of the elastic line."""

    q: Floats  # (row,)
    side: Floats  # (row,): +1 loss, -1 gain
    energy: Floats  # (energy,) > 0
    S: Floats  # (row, energy), 0 where not used
    variance: Floats | None  # the same
    used: NDArray[np.bool_]
    weights: Floats  # 1 over the smoothed variance; 1 without errors


class Average(NamedTuple):
    """scale · (ħ²/2m) g, averaged over rows: with its standard error and the number of rows."""

    value: Floats
    error: Floats
    rows: NDArray[np.int64]


def part_of(
    spectrum: Spectrum, side: str, elastic: tuple[float, float], window: tuple[float, float], q: tuple[float, float]
) -> Part:
    """The spectrum's points outside ``elastic``, in a ``window`` of |E| and with Q in ``q``."""
    low, high = elastic
    chosen = (spectrum.q >= q[0] - ROUNDING) & (spectrum.q <= q[1] + ROUNDING) & (spectrum.q > 0)
    if not chosen.any():
        raise Refusal(f"No spectrum lies within q={q}", f"Q go from {spectrum.q[0]:g} to {spectrum.q[-1]:g} 1/Å",
                      "Give a wider range")  # fmt: skip
    clear = spectrum.known & ~((spectrum.energy >= low) & (spectrum.energy <= high))
    S = np.where(clear, spectrum.S, np.nan)
    error = None if spectrum.error is None else np.where(clear, spectrum.error, np.nan)
    loss = _half(Spectrum(spectrum.q, spectrum.energy, S, error, ""))
    gain = _half(
        Spectrum(spectrum.q, -spectrum.energy[::-1], S[:, ::-1], None if error is None else error[:, ::-1], "")
    )
    halves = {"loss": (loss,), "gain": (gain,), "both": (loss, gain)}[side]
    if any(len(half.energy) < 2 for half in halves):
        raise Refusal(f"There are no energies on the side side={side!r}", "", "Give the other side")
    energy = halves[0].energy
    rows = [half if half is halves[0] else _moved(half, energy) for half in halves]
    signs = {"loss": (1.0,), "gain": (-1.0,), "both": (1.0, -1.0)}[side]
    S = np.concatenate([row.S[chosen] for row in rows])
    used = np.isfinite(S) & (energy >= window[0]) & (energy <= window[1])
    variance = None
    weights = np.ones_like(S)
    if all(row.error is not None for row in rows):
        sigma = np.concatenate([row.error[chosen] for row in rows if row.error is not None])
        variance = np.where(used, sigma, 0.0) ** 2
        weights = 1 / _smooth(variance, used)
    return Part(
        np.tile(spectrum.q[chosen], len(rows)), np.repeat(signs, int(chosen.sum())), energy, np.where(used, S, 0.0),
        variance, used, weights,
    )  # fmt: skip


def _half(spectrum: Spectrum) -> Spectrum:
    above = spectrum.energy > ZERO * np.abs(spectrum.energy).max()
    error = None if spectrum.error is None else spectrum.error[:, above]
    return Spectrum(spectrum.q, spectrum.energy[above], spectrum.S[:, above], error, "")


def _moved(half: Spectrum, energy: Floats) -> Spectrum:
    """The other side of the elastic line in the bins of the first."""
    if len(half.energy) == len(energy) and np.allclose(half.energy, energy, rtol=1e-9):
        return half
    done = in_bins(half, None, edges_of(energy), 1.0)
    return Spectrum(half.q, energy, done.S, done.error, "")


def _smooth(variance: Floats, used: NDArray[np.bool_]) -> Floats:
    """Variances averaged over the neighbouring energies that are used.

    Where the variance is read from the counts themselves, 1/σ² would favour the points that came out low.
    """
    kernel = np.ones(2 * SMOOTHED + 1)
    total, count = (
        np.apply_along_axis(np.convolve, 1, values, kernel, "same") for values in (variance, used.astype(float))
    )
    # neighbours may be fewer than the kernel is long: numpy then returns the longer of the two
    total, count = (values[:, : variance.shape[1]] for values in (total, count))
    return np.where(used, total / np.maximum(count, 1.0), 1.0)


def kernel(part: Part, exponent: Floats, temperature: float, *, classical: bool) -> Floats:
    """What (ħ²/2m) g is multiplied by in the one-phonon scattering: e^{-2W} Q² b(E)."""
    b = thermal(part.side[:, None] * part.energy, temperature, classical=classical)
    return np.exp(-exponent)[:, None] * part.q[:, None] ** 2 * b


def average(part: Part, one: Floats, taken: Floats) -> Average:
    r"""Σ w (S - taken) / Σ w k over the rows, k the ``kernel``: w = k/σ², or 1 without errors.

    Errors are propagated; without any, they are those of the scatter over the rows (leaving out one after another).
    """
    w = np.where(part.used, part.weights * (one if part.variance is not None else 1.0), 0.0)
    above, below = (w * (part.S - np.where(part.used, taken, 0.0))), w * one
    top, bottom = above.sum(axis=0), below.sum(axis=0)
    rows = part.used.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(rows > 0, top / bottom, np.nan)
        if part.variance is not None:
            error = np.where(rows > 0, np.sqrt((w**2 * part.variance).sum(axis=0)) / bottom, np.nan)
        else:
            without = np.where(part.used, (top - above) / (bottom - below), 0.0)
            mean = without.sum(axis=0) / rows
            square = (np.where(part.used, without - mean, 0.0) ** 2).sum(axis=0)
            error = np.where(rows >= FEWEST, np.sqrt(square * (rows - 1) / rows), np.nan)
    return Average(value, error, rows)


def beyond_one(part: Part, states: States, u2: float, factor: float) -> Floats:
    """Multiphonon scattering, with ``factor`` - 1 times itself of multiple scattering, for scale 1."""
    return factor * several(states, part.q**2 * u2 / 3, part.side[:, None] * part.energy)


def windows_of(windows: Sequence[tuple[float, float]] | None, number: int) -> list[tuple[float, float]]:
    """From where to where (|E|) each spectrum counts."""
    if number == 1 and windows is None:
        return [(0.0, np.inf)]
    if windows is None or len(windows) != number:
        raise Refusal(
            f"{number} spectra are joined with {'no' if windows is None else len(windows)} windows", "",
            "Give windows=, the energies (low, high) that each counts in; neighbours have to overlap",
        )  # fmt: skip
    pairs = [range_of(pair, "windows", "meV") for pair in windows]
    for (low, high), (next_low, next_high) in pairwise(pairs):
        if not (low <= next_low < high < next_high):
            raise Refusal(
                f"The windows {low:g}–{high:g} and {next_low:g}–{next_high:g} meV don't join", "",
                "Give the spectra by rising energy, with windows of which neighbours overlap",
            )  # fmt: skip
    return pairs
