r"""From a correlation function to its spectrum: grid of energies, window over the lags, detailed balance.

Conventions of the whole room: E > 0 is energy that the neutron loses; a spectrum is two-sided and its integral over the
whole line is the correlation function at lag 0; widths of lines are HWHM, resolutions FWHM, both in meV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR, K_B

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PLANCK = 2 * np.pi * HBAR  # meV·ps
FWHM_OVER_SIGMA = 2 * np.sqrt(2 * np.log(2))


class Window(NamedTuple):
    """What a correlation function is multiplied by before it is transformed, and what that does to a line."""

    values: Floats  # (lag,), 1 at lag 0
    fwhm: float  # meV, of the line that a constant becomes
    name: str  # for people: "Hann" or "Gaussian"


def lag_window(lags: int, spacing: float, resolution: float | None = None) -> Window:
    r"""The window over lags 0 … T = (``lags`` - 1)·``spacing``.

    Without a ``resolution`` that of von Hann, cos²(πt/2T), which ends at 0 and whose line is h/T wide (FWHM; 4.14 µeV
    for 1 ns). With one (FWHM, meV) the Gaussian exp(-½(σt/ħ)²), σ = FWHM/2√(2 ln 2), of a Gaussian line; finer than h/T
    is refused.
    """
    longest = (lags - 1) * spacing
    if lags < 2:
        raise Refusal("A spectrum needs two lags or more", f"{lags} given", "Give a longer trajectory or max_lag")
    t = np.arange(lags) * spacing
    finest = PLANCK / longest
    if resolution is None:
        return Window(np.cos(np.pi * t / (2 * longest)) ** 2, finest, "Hann")
    if not resolution > 0:
        raise Refusal(f"A resolution of {resolution:g} meV", "it is a full width at half maximum", "Give one above 0")
    if resolution < finest * (1 - 1e-9):
        raise Refusal(
            f"A resolution of {resolution:g} meV (FWHM) needs lags up to {PLANCK / resolution:.4g} ps",
            f"they go to {longest:.4g} ps, which gives {finest:.4g} meV",
            "Give a longer trajectory or max_lag, or a coarser resolution",
        )
    sigma = resolution / FWHM_OVER_SIGMA
    values: Floats = np.exp(-0.5 * (sigma * t / HBAR) ** 2)
    return Window(values, resolution, "Gaussian")


def energy_grid(lags: int, spacing: float) -> Floats:
    """Two-sided energies (meV) of :func:`spectrum`: steps of h/2T up to h/2Δt on either side."""
    step = PLANCK / (2 * (lags - 1) * spacing)
    grid: Floats = step * np.arange(-(lags - 1), lags, dtype=np.float64)
    return grid


def spectrum(correlation: Floats, spacing: float, window: Window) -> Floats:
    r"""S(E) (1/meV) of a real, even correlation function, its last axis the lags 0, Δt, 2Δt … (``spacing``, ps).

    .. math:: S(E) = \frac{1}{2\pi\hbar} \int w(t)\, F(t)\, e^{-iEt/\hbar} \, dt

    by the trapezoid rule, exactly and in one cosine transform; its sum over :func:`energy_grid` by the trapezoid rule
    is F(0).
    """
    from scipy.fft import dct

    half = dct(correlation * window.values, type=1, axis=-1) * (spacing / PLANCK)
    both: Floats = np.concatenate([half[..., :0:-1], half], axis=-1)
    return both


def detailed_balance(energy: Floats, temperature: float) -> Floats:
    r"""What turns a classical spectrum into one with detailed balance (C5): βE / (1 - exp(-βE)).

    Its first moment is then that of a free recoil: ∫E S dE = ½ β ∫E² S_cl dE.
    """
    x = np.asarray(energy, float) / (K_B * temperature)
    size = np.maximum(np.abs(x), 1e-12)  # at 0 the limit, 1
    factor: Floats = size / -np.expm1(-size) * np.exp(np.minimum(x, 0.0))  # nothing overflows on the side of gain
    return factor
