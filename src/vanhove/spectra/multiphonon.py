r"""Scattering by one phonon and by several at once, in the incoherent approximation.

A harmonic scatterer of mass m with the density of states g (∫₀^∞ g dE = 1) has, per scatterer,

.. math:: S(Q, E) = e^{-2W} \sum_p \frac{(2W)^p}{p!} A_p(E), \qquad A_1 = \frac{g(|E|)\, b(E)}{\gamma}, \qquad
    A_p = A_1 * A_{p-1},

2W = Q²⟨u²⟩/3 = (ħ²Q²/2m) γ, γ = ∫ g b dE over the whole line, with b = 1/(E (1 - e^{-βE})), or k_BT/E² for a classical
spectrum; every A_p has the integral 1. Sjölander, Arkiv Fysik 14, 315 (1958).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.units import HBAR, K_B, U_A2_PER_PS2_IN_MEV

from .rebinning import edges_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEFT_OUT = 1e-6  # of the scattering, in orders that are not computed
MOST_ORDERS = 40
MOST_POINTS = 8192  # of one side of the energy grid on which spectra are folded


def recoil(mass: float) -> float:
    """ħ²/2m (meV·Å²) of a mass in u."""
    return HBAR**2 / (2 * mass * U_A2_PER_PS2_IN_MEV)


def thermal(energy: Floats, temperature: float, *, classical: bool) -> Floats:
    """b(E) (1/meV²): what a density of states is multiplied by in a spectrum; E < 0 is energy gain."""
    kT = K_B * temperature
    with np.errstate(divide="ignore", over="ignore"):
        b: Floats = kT / energy**2 if classical else -1 / (energy * np.expm1(-energy / kT))
    return b


class States(NamedTuple):
    """A density of states on rising energies above 0; below the first it goes as E²."""

    energy: Floats
    g: Floats  # 1/meV
    temperature: float
    classical: bool

    @property
    def gamma(self) -> float:
        """∫ g(|E|) b(E) dE (1/meV) over the whole line.

        The part below the first energy is that of g ∝ E²: a linear law would make it infinite.
        """
        first = self.energy[0]
        edges = edges_of(self.energy)
        edges[0] = first
        both = thermal(self.energy, self.temperature, classical=self.classical)
        both = both + thermal(-self.energy, self.temperature, classical=self.classical)
        return float((self.g * both * np.diff(edges)).sum() + self.g[0] * both[0] * first)

    def one_phonon(self, energy: Floats) -> Floats:
        """A_1 (1/meV) at energies of either sign; 0 above the last of g."""
        size = np.abs(energy)
        first = self.energy[0]
        low = size < first
        g = np.where(low, self.g[0] * (size / first) ** 2, np.interp(size, self.energy, self.g, right=0.0))
        at = np.where(size < 1e-6 * first, 1e-6 * first, energy)  # the limit of g b at 0, where g goes as E²
        g = np.where(size < 1e-6 * first, self.g[0] * 1e-12, g)
        return g * thermal(at, self.temperature, classical=self.classical) / self.gamma


def several(states: States, exponent: Floats, energy: Floats) -> Floats:
    """Σ_{p≥2} e^{-2W} (2W)^p/p! A_p (1/meV) for each 2W of ``exponent``, at its row of ``energy`` (rows, energies)."""
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.special import gammainc

    top = float(states.energy[-1])
    step = max(float(np.diff(states.energy).min()), top / MOST_POINTS)
    orders = 2
    while orders < MOST_ORDERS and gammainc(orders + 1, exponent.max()) > LEFT_OUT:
        orders += 1
    side = int(np.ceil(top / step)) + 1
    length = next_fast_len(2 * orders * side + 1, real=True)
    grid = step * (np.arange(length) - length // 2)
    one = states.one_phonon(grid)
    one = one / (one.sum() * step)
    transformed = rfft(np.fft.ifftshift(one)) * step
    total = np.zeros_like(energy)
    power, weight = transformed, np.exp(-exponent) * exponent
    for order in range(2, orders + 1):
        power, weight = power * transformed, weight * exponent / order
        density = np.fft.fftshift(irfft(power, length)) / step
        total += weight[:, None] * np.interp(energy, grid, density)
    return total
