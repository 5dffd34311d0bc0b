"""The diffusion coefficient from a density of states at zero energy, and whether the resolution lets it be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.units import CM2_S_PER_A2_PS, HBAR
from vanhove.dynamics._diffusion import ONE_SIDED

from .energies import lag_window
from .jackknife import standard_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .energies import Window

    Floats = NDArray[np.float64]

SETTLED = "settled"
CLEAR = 3.0  # standard errors
SMEARED = 0.25  # change of g(0), over itself, when the resolution is made twice as coarse


class ZeroEnergy(NamedTuple):
    """D (cm²/s) by species with one standard error, a one-sided 95 % bound, and what is said of it."""

    value: Floats
    error: Floats
    upper: Floats
    verdict: list[str]


def diffusion_at_zero(g_zero: float, mean_square_velocity: float) -> float:
    """D = πħ⟨v²⟩g(0)/6 in cm²/s, of g (1/meV) whose integral over E ≥ 0 is 1 and ⟨v²⟩ (Å²/ps²)."""
    return np.pi * HBAR * mean_square_velocity * g_zero / 6 * CM2_S_PER_A2_PS


def zero_energy(vacf: Floats, without: Floats, spacing: float, window: Window, species: Sequence[str]) -> ZeroEnergy:
    """D of each row of ``vacf`` (species, lag); ``without`` (part, species, lag) leaves each part of the run out.

    g(0) is an average over the resolution. Where it would change clearly with one twice as coarse, and by more than a
    quarter of itself, it is not the limit that D wants: D is NaN, and where g falls towards zero what was found is an
    upper bound. Else a third of that change is part of the error: what a parabola would leave.
    """
    lags = vacf.shape[-1]
    coarser = lag_window(lags, spacing, 2 * window.fwhm)
    fine, coarse = (
        np.concatenate([vacf[None], without]) @ _trapezoid(values, spacing)
        for values in (window.values, coarser.values)
    )
    change = coarse - fine
    value, scatter = fine[0], standard_error(fine[1:])
    clear = np.abs(change[0]) > CLEAR * np.nan_to_num(standard_error(change[1:]))
    smeared = clear & (np.abs(change[0]) > SMEARED * np.abs(value))
    error = np.hypot(scatter, change[0] / 3)
    upper = np.maximum(np.maximum(value, value - change[0] / 3), 0.0) + ONE_SIDED * error
    verdict = []
    for name, hidden, here, there in zip(species, smeared, value, coarse[0], strict=True):
        if not hidden:
            verdict.append(SETTLED if here != 0 else f"{name} does not move.")
            continue
        bound = "it is an upper bound" if there > here else "and the true one is larger"
        verdict.append(
            f"g(0) of {name} depends on the resolution: it gives D = {here:.3g} cm²/s at {window.fwhm:.3g} meV and "
            f"{there:.3g} at {2 * window.fwhm:.3g} meV, {bound}; ask for a finer resolution, which a longer run has."
        )
    bounded = ~smeared | (change[0] > 0)
    return ZeroEnergy(
        np.where(smeared, np.nan, value), np.where(smeared, np.nan, error), np.where(bounded, upper, np.nan), verdict
    )


def _trapezoid(window: Floats, spacing: float) -> Floats:
    """Weights of each lag in D: ⅓ of the integral over t ≥ 0, which is πħ⟨v²⟩g(0)/6."""
    weights = window * spacing * (CM2_S_PER_A2_PS / 3)
    weights[[0, -1]] /= 2
    return weights
