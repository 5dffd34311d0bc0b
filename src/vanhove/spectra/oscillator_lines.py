r"""A damped oscillator as a spectrum shows it.

Of unit area, classically,

.. math:: S_{cl}(E) = \frac{1}{\pi} \frac{\Gamma E_0^2}{(E^2 - E_0^2)^2 + (\Gamma E)^2} \quad\leftrightarrow\quad
    F(t) = e^{-\Gamma t/2\hbar} \left(\cos \Omega t + \frac{\Gamma}{2\hbar\Omega} \sin \Omega t\right), \qquad
    \hbar\Omega = \sqrt{E_0^2 - \Gamma^2/4}

and χ'' = πβE S_cl. Overdamped, Γ > 2E₀, Ω is imaginary, and far beyond that a Lorentzian of HWHM E₀²/Γ is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vanhove.base.units import HBAR

from .energies import detailed_balance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.fitting.convolution import Resolution

    from .transformed import TransformedResolution

    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]

FINE = 16  # cells in a FWHM of the resolution
REACH = 10.0  # FWHM beyond the spectrum from where lines still reach into it
MOST = 60_000  # cells in all


class Lines(Protocol):
    """What is fitted to a spectrum, of unit classical area, at its energies."""

    def oscillator(self, E0: float, gamma: float) -> Floats:
        """A damped oscillator."""

    def delta(self) -> Floats:
        """An elastic line."""


def correlation(lag: Floats, E0: float, gamma: float) -> Floats:
    """F(t) of an oscillator, 1 at lag 0; lags in ps, energies in meV."""
    parts = [c * np.exp(-z * lag / HBAR) for c, z in _poles(E0, gamma)]
    values: Floats = np.sum(parts, axis=0).real
    return values


def density(energy: Floats, E0: float, gamma: float) -> Floats:
    """S_cl (1/meV)."""
    values: Floats = gamma * E0**2 / np.pi / ((energy**2 - E0**2) ** 2 + (gamma * energy) ** 2)
    return values


def below(energy: Floats, E0: float, gamma: float) -> Floats:
    """The area of S_cl below an energy."""
    parts = [c * np.arctan(energy / z) for c, z in _poles(E0, gamma)]
    values: Floats = 0.5 + np.sum(parts, axis=0).real / np.pi
    return values


def _poles(E0: float, gamma: float) -> list[tuple[complex, complex]]:
    """Weights and decay rates (meV) of the two exponentials that F is the sum of."""
    square = E0**2 - gamma**2 / 4
    if abs(square) < 1e-12 * gamma**2:  # critical damping, where the two are one: next to it
        square = 1e-12 * gamma**2
    if square > 0:
        root = square**0.5
        return [(0.5 * (1 - 0.5j * sign * gamma / root), gamma / 2 - 1j * sign * root) for sign in (1, -1)]
    root = (-square) ** 0.5
    fast = gamma / 2 + root
    slow = E0**2 / fast  # not gamma/2 - root, a difference of near equals
    return [(0.5 + gamma / (4 * root), complex(slow)), (0.5 - gamma / (4 * root), complex(fast))]


class SimulatedLines:
    """Through the transform that made a simulated spectrum."""

    def __init__(self, energy: Floats, resolution: TransformedResolution, kelvin: float | None) -> None:
        self._energy, self._resolution = energy, resolution
        self._factor = np.ones_like(energy) if kelvin is None else detailed_balance(energy, kelvin)

    def oscillator(self, E0: float, gamma: float) -> Floats:
        """Exactly what this transform makes of one."""
        correlated = correlation(self._resolution.lags, E0, gamma)
        return self._resolution.seen(self._energy, correlated) * self._factor

    def delta(self) -> Floats:
        """A correlation that stays."""
        return self._resolution.delta(self._energy) * self._factor


class MeasuredLines:
    """Through the resolution of an instrument, which acts on the line with its detailed balance."""

    def __init__(self, energy: Floats, resolution: Resolution, kelvin: float | None) -> None:
        self._energy, self._resolution = energy, resolution
        span = REACH * resolution.fwhm
        low, high = float(energy[0]) - span, float(energy[-1]) + span
        cells = min(int(np.ceil((high - low) / resolution.fwhm * FINE)), MOST)
        self._edges = np.linspace(low, high, cells + 1)
        self._middle = (self._edges[1:] + self._edges[:-1]) / 2
        step = self._edges[1] - self._edges[0]
        self._factor = np.ones(cells) if kelvin is None else detailed_balance(self._middle, kelvin)
        self._kernel = resolution.delta(step * np.arange(1 - cells, cells))

    def oscillator(self, E0: float, gamma: float) -> Floats:
        """The area in each fine cell, in closed form, spread by the resolution."""
        from scipy.interpolate import CubicSpline
        from scipy.signal import fftconvolve

        areas = np.diff(below(self._edges, E0, gamma)) * self._factor
        values: Floats = CubicSpline(self._middle, fftconvolve(areas, self._kernel, "same"))(self._energy)
        return values

    def delta(self) -> Floats:
        """The resolution itself."""
        return self._resolution.delta(self._energy)


class BareLines:
    """As if there were no resolution; for χ'' its classical line times πE, its area that of χ''/πE."""

    def __init__(self, energy: Floats, kelvin: float | None) -> None:
        self._energy = energy
        self._factor = np.ones_like(energy) if kelvin is None else detailed_balance(energy, kelvin)

    def oscillator(self, E0: float, gamma: float) -> Floats:
        """The line itself."""
        return density(self._energy, E0, gamma) * self._factor

    def delta(self) -> Floats:
        """Nothing: an elastic line without width is at no energy."""
        return np.zeros_like(self._energy)


class Response:
    """χ'' = πβE S_cl of lines of S_cl, their areas times β."""

    def __init__(self, energy: Floats, lines: Lines) -> None:
        self._factor, self._lines = np.pi * energy, lines

    def oscillator(self, E0: float, gamma: float) -> Floats:
        """Its static susceptibility is 1."""
        return self._lines.oscillator(E0, gamma) * self._factor

    def delta(self) -> Floats:
        """An elastic line responds to nothing."""
        return np.zeros_like(self._factor)
