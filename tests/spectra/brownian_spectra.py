"""Spectra of what is known in closed form, as an observable would return them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vanhove.base.results import Column, dataset
from vanhove.base.units import HBAR
from vanhove.spectra.energies import detailed_balance, energy_grid, lag_window, spectrum

if TYPE_CHECKING:
    from xarray import Dataset

Floats = NDArray[np.float64]


def simulated(
    correlation: ArrayLike, q: ArrayLike, spacing: float, *, resolution: float | None = None,
    temperature: float = 600.0, correction: str = "classical", error: float | None = None, with_f: bool = True,
    **attributes: Any,
) -> Dataset:  # fmt: skip
    """The result that ``incoherent`` would return for this F(q, lag)."""
    F, q = np.asarray(correlation, float), np.asarray(q, float)
    lags = F.shape[1]
    window, energy = lag_window(lags, spacing, resolution), energy_grid(lags, spacing)
    S = spectrum(F, spacing, window)
    if correction == "detailed-balance":
        S = S * detailed_balance(energy, temperature)
    variables = {"S": Column(("q", "energy"), S, "1/meV", "S(Q,E)")}
    if error is not None:
        variables["S_error"] = Column(("q", "energy"), np.full_like(S, error), "1/meV", "standard error of S(Q,E)")
    coords = {
        "q": Column(("q",), q, "1/Å", "wavevector"),
        "energy": Column(("energy",), energy, "meV", "energy transfer"),
    }
    if with_f:
        variables["F"] = Column(("q", "lag"), F, "1", "F(Q,t)")
        coords["lag"] = Column(("lag",), spacing * np.arange(lags), "ps", "lag")
    return dataset(
        "spectra.incoherent", variables, coords, parameters={}, history=[], title="made up", temperature=temperature,
        resolution_fwhm=window.fwhm, window=window.name, correction=correction, nyquist=float(energy[-1]), species="Li",
        **attributes,
    )  # fmt: skip


def brownian(q: ArrayLike, D: float, spacing: float, lags: int, **options: Any) -> Dataset:
    """A walker of diffusion coefficient ``D`` (Å²/ps): lines of HWHM ħDQ²."""
    q = np.asarray(q, float)
    return simulated(np.exp(-D * np.outer(q**2, spacing * np.arange(lags))), q, spacing, **options)


def width(q: ArrayLike, D: float) -> Floats:
    """HWHM of that line, meV."""
    return HBAR * D * np.asarray(q, float) ** 2
