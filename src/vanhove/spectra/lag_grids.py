"""Lags and energies of a run whose correlation functions become spectra, and what is told of them in a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column

from .energies import PLANCK, Window, detailed_balance, energy_grid, lag_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

Correction = Literal["classical", "detailed-balance"]


class Grids(NamedTuple):
    """Lags and energies of a run, and what the one is weighted with to become the other."""

    frames: int
    spacing: float  # ps
    lags: int
    window: Window
    energy: Floats  # meV
    factor: Floats  # of the spectrum: 1, or what gives it detailed balance
    correction: Correction

    @classmethod
    def of(
        cls, traj: Trajectory, max_lag: float | None, resolution: float | None, correction: Correction,
        temperature: float | None,
    ) -> Grids:  # fmt: skip
        """Those of ``traj``: lags up to ``max_lag`` ps, by default half the run."""
        spacing = traj.spacing
        longest = (traj.n_frames - 1) * spacing
        asked = longest / 2 if max_lag is None else max_lag
        lags = int(asked / spacing * (1 + 1e-9)) + 1 if np.isfinite(asked) else 0
        if not 2 <= lags <= traj.n_frames:
            raise Refusal(
                f"max_lag={max_lag} ps"
                if max_lag is not None
                else f"{traj.n_frames} frames are no correlation function",
                f"the run is {longest:g} ps long, its frames {spacing:g} ps apart",
                f"Give a max_lag from {spacing:g} to {longest:g} ps" if max_lag is not None else "Give a longer run",
            )
        window = lag_window(lags, spacing, resolution)
        energy = energy_grid(lags, spacing)
        return cls(traj.n_frames, spacing, lags, window, energy, _factor(energy, correction, temperature), correction)

    @property
    def lag(self) -> Floats:
        """All lags, ps."""
        lag: Floats = self.spacing * np.arange(self.lags, dtype=np.float64)
        return lag

    @property
    def coordinates(self) -> dict[str, Column]:
        """Of a result."""
        return {
            "lag": Column(("lag",), self.lag, "ps", "lag"),
            "energy": Column(("energy",), self.energy, "meV", "energy that the neutron loses"),
        }

    @property
    def attributes(self) -> dict[str, str | float]:
        """Of a result."""
        return {
            "window": self.window.name,
            "resolution_fwhm": float(self.window.fwhm),
            "nyquist": PLANCK / (2 * self.spacing),
            "correction": self.correction,
            "max_lag": float(self.lag[-1]),
        }


def _factor(energy: Floats, correction: Correction, temperature: float | None) -> Floats:
    if correction == "classical":
        return np.ones_like(energy)
    if correction != "detailed-balance":
        raise Refusal(f"correction={correction!r}", "", 'Pass "classical" or "detailed-balance"')
    if temperature is None:
        raise Refusal(
            "Detailed balance needs the temperature, and this trajectory has none", "",
            "Give temperature= to vh.open, or traj.at_temperature(600)",
        )  # fmt: skip
    return detailed_balance(energy, temperature)
