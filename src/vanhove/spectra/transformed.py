r"""Lines as the transform of a simulated correlation function shows them, exactly.

A spectrum from a trajectory is seen through a window over its lags, with lags a finite step apart. A line that is sent
through the same sum is what that spectrum would be for such a line: resolution, ripples and folding at the end of the
energies are in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR
from vanhove.fitting.convolution import HWHM_OVER_SIGMA

from .energies import PLANCK, Window, energy_grid, lag_window, spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

ON_THE_GRID = 1e-4  # of its step


class TransformedResolution:
    """The window over evenly spaced lags as a resolution; energies are those of its grid.

    Parameters
    ----------
    spacing
        Between lags, ps.
    window
        Over the lags.
    """

    def __init__(self, spacing: float, window: Window) -> None:
        self.fwhm = window.fwhm
        self._spacing, self._window = spacing, window
        self.lags: Floats = spacing * np.arange(len(window.values), dtype=np.float64)  # ps
        self._grid = energy_grid(len(window.values), spacing)

    @property
    def alike(self) -> float:
        """How many neighbours in the spectrum carry what one independent point would: 8/3 for von Hann's window."""
        squares = self._window.values**2
        return float(1 / ((squares.sum() - squares[0] / 2 - squares[-1] / 2) / (len(squares) - 1)))

    def seen(self, energy: Floats, correlation: Floats) -> Floats:
        """The line of any real and even correlation function, given at ``lags`` along its last axis."""
        return self._line(energy, 0.0, correlation)

    def delta(self, energy: Floats, centre: float = 0.0) -> Floats:
        """A correlation that stays 1."""
        return self._line(energy, centre, np.ones_like(self.lags))

    def lorentzian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """A correlation exp(-Γt/ħ)."""
        return self._line(energy, centre, np.exp(-hwhm * self.lags / HBAR))

    def gaussian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """A correlation exp(-½(σt/ħ)²)."""
        return self._line(energy, centre, np.exp(-0.5 * (hwhm / HWHM_OVER_SIGMA * self.lags / HBAR) ** 2))

    def _line(self, energy: Floats, centre: float, correlation: Floats) -> Floats:
        step = self._grid[1] - self._grid[0]
        place = (energy - self._grid[0]) / step
        at = np.rint(place).astype(np.int64)
        if np.abs(place - at).max(initial=0.0) > ON_THE_GRID:
            raise Refusal(
                "The energies are not those of the transform", "", "Give the resolution: its FWHM in meV, or a spectrum"
            )
        moved = spectrum(correlation * np.cos(centre * self.lags / HBAR), self._spacing, self._window)
        if centre != 0:
            moved = moved + self._odd(correlation * np.sin(centre * self.lags / HBAR))
        found: Floats = moved[..., at]
        return found

    def _odd(self, correlation: Floats) -> Floats:
        """The same sum with sines: what moves a line to one side."""
        from scipy.fft import dst

        inner = dst((correlation * self._window.values)[1:-1], type=1) * (self._spacing / PLANCK)
        half = np.concatenate([[0.0], inner, [0.0]])
        return np.concatenate([-half[:0:-1], half])


def transform_of(simulated: Dataset) -> TransformedResolution | None:
    """The transform that made a simulated spectrum, as its attributes tell; None where they don't."""
    known = simulated.attrs
    energy = np.asarray(simulated["energy"].values, np.float64)
    if known.get("window") not in ("Hann", "Gaussian") or "nyquist" not in known or len(energy) < 2:
        return None
    nyquist, step = float(known["nyquist"]), float(energy[1] - energy[0])
    lags = round(nyquist / step) + 1
    if lags < 2 or abs(nyquist / step - (lags - 1)) > ON_THE_GRID * lags:
        return None
    spacing = PLANCK / (2 * nyquist)
    window = lag_window(lags, spacing, None if known["window"] == "Hann" else float(known["resolution_fwhm"]))
    return TransformedResolution(spacing, window)
