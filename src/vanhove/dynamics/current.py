"""The conductivity from the charge current: the Green-Kubo relation, and its spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.units import HBAR

from .plateau import Level, check_correlated, level, mean_and_error, no_plateau, running_integral
from .velocities import autocorrelation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .carriers import Carriers
    from .plateau import Cut

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Conduction:
    """Integrals of current correlations in mS/cm, from several parts of a run."""

    total: Level
    by_species: list[Level]  # what each species' current adds to the total
    alone: list[Level]  # what each would add if its ions moved independently
    haven: tuple[float, float]  # of the species together, with its error
    running: tuple[Floats, Floats]  # (lag) with error
    single: tuple[Floats, Floats]  # (pair, lag)
    distinct: tuple[Floats, Floats]
    spectrum: tuple[Floats, Floats]  # (energy)
    energy: Floats  # meV
    verdict: str  # empty where there is a plateau


def conduction(traj: Trajectory, carriers: Carriers, currents: Floats, moving: Floats, parts: Cut) -> Conduction:
    """From the ``currents`` of all species, (frame, species, axis) in e·Å/ps, and the velocity of the frame."""
    factor = carriers.collective / 3
    crossed = factor * correlations(currents, parts)
    alone = np.stack([
        factor * charge**2 * number * autocorrelation(traj.select(name), parts, moving)
        for name, charge, number in zip(carriers.species, carriers.charge, carriers.number, strict=True)
    ])  # fmt: skip
    check_correlated(alone.sum(axis=0), parts.spacing)
    total = crossed.sum(axis=(0, 1))
    found = level(total, parts)
    single, distinct = [], []
    for a, b in carriers.pairs:
        mine = alone[a] if a == b else np.zeros_like(total)
        both = crossed[a, b] if a == b else crossed[a, b] + crossed[b, a]
        single.append(mean_and_error(running_integral(mine, parts.spacing)))
        distinct.append(mean_and_error(running_integral(both - mine, parts.spacing)))
    energy, by_energy = spectrum(total, parts)
    return Conduction(
        found,
        [level(each, parts) for each in crossed.sum(axis=1)],
        [level(each, parts) for each in alone],
        _ratio(alone.sum(axis=0), total, parts),
        mean_and_error(running_integral(total, parts.spacing)),
        _stacked(single),
        _stacked(distinct),
        mean_and_error(by_energy),
        energy,
        "" if found.steady else no_plateau(found, parts, 1.0, "mS/cm"),
    )


def correlations(currents: Floats, parts: Cut) -> Floats:
    """½⟨J_a(0)·J_b(t) + J_b(0)·J_a(t)⟩ over all origins inside each part, (a, b, part, lag)."""
    from scipy.fft import irfft, next_fast_len, rfft

    n, lags = parts.frames, len(parts.lags)
    length = next_fast_len(n + lags - 1, real=True)
    species = currents.shape[1]
    found = np.empty((species, species, len(parts.starts), lags))
    for part, start in enumerate(parts.starts.tolist()):
        transforms = rfft(currents[start : start + n], length, axis=0)
        power = np.einsum("wai,wbi->abw", transforms.conj(), transforms).real  # its real part is the even one
        found[:, :, part] = irfft(power, length, axis=-1)[..., :lags]
    return found / (n - np.arange(lags))


def spectrum(correlation: Floats, parts: Cut) -> tuple[Floats, Floats]:
    """Energies (meV) and the windowed cosine transform of each row of ``correlation``: ∫ C(t) cos²(πt/2L) cos ωt dt."""
    from scipy.fft import rfft

    longest = parts.lags[-1]
    cut_off = correlation * np.cos(np.pi * parts.lags / (2 * longest)) ** 2
    both_ways = np.concatenate([cut_off, cut_off[..., -2:0:-1]], axis=-1)
    transformed: Floats = rfft(both_ways, axis=-1).real * (parts.spacing / 2)
    energy: Floats = HBAR * np.pi / longest * np.arange(transformed.shape[-1])
    return energy, transformed


def _ratio(alone: Floats, total: Floats, parts: Cut) -> tuple[float, float]:
    """The Haven ratio over the plateau; both levels come from the same parts, and so does their common error."""
    one, all_ = (running_integral(each, parts.spacing)[:, parts.inside].mean(axis=1) for each in (alone, total))
    ratio = float(one.mean() / all_.mean())
    _, error = mean_and_error(one - ratio * all_)
    return ratio, float(error / abs(all_.mean()))


def _stacked(pairs: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    means, errors = zip(*pairs, strict=True)
    return np.stack(means), np.stack(errors)
