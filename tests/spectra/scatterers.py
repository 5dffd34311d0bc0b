"""Spectra that are known in closed form: harmonic incoherent scatterers, and what counting makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.results import Column, dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

KB = 0.08617333262
RECOIL_OF_1U = 2.09008  # ħ²/2m in meV·Å² for 1 u: (0.6582119569)²/(2·0.10364269656)


def sqe(
    q: Floats, energy: Floats, S: Floats, error: Floats | None = None, units: str = "1", **attrs: object
) -> Dataset:
    variables = {"S": Column(("q", "energy"), S, units, "dynamic structure factor")}
    if error is not None:
        variables["S_error"] = Column(("q", "energy"), error, units, "its standard error")
    coords = {
        "q": Column(("q",), q, "1/Å", "momentum transfer"),
        "energy": Column(("energy",), energy, "meV", "energy transfer"),
    }
    history = [{"function": "made", "parameters": {}, "version": "0", "date": ""}]
    return dataset("spectra.read_measured", variables, coords, parameters={}, history=history, title="made", **attrs)


def counted(S: Floats, counts: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Poisson counts of ``counts``·S with the errors that a reduction gives them, back on the scale of S."""
    n = rng.poisson(np.maximum(counts * S, 0.0))
    return n / counts, np.sqrt(n) / counts


def peaks(energy: Floats) -> Floats:
    """A smooth density of states: E² below, two broad peaks, nothing above 40 meV."""
    x = np.abs(energy)
    floor = 0.4 / (1 + np.exp(np.minimum((x - 30) / 1.2, 500)))
    return x**2 / (x**2 + 64) * (floor + np.exp(-(((x - 12) / 3.5) ** 2)) + 1.4 * np.exp(-(((x - 24) / 4.5) ** 2)))


class Harmonic:
    """Incoherent scattering of one harmonic atom, all phonons: F(Q, t) = exp(-2W + 2W a(t)), by Fourier transform."""

    def __init__(self, shape: Callable[[Floats], Floats], mass: float, temperature: float, *, classical: bool = False):
        self.step, half = 0.02, 16384
        self.energy = self.step * np.arange(-half, half)
        self.beta = 1 / (KB * temperature)
        positive = self.energy[self.energy > 0]
        self.norm = shape(positive).sum() * self.step
        self.shape = shape
        E = np.where(self.energy == 0, 1e-4, self.energy)
        b = 1 / (self.beta * E**2) if classical else 1 / (E * -np.expm1(-np.clip(self.beta * E, -500, 500)))
        weight = self.g(E) * b
        self.gamma = weight.sum() * self.step
        self.recoil = RECOIL_OF_1U / mass
        self.u2 = 3 * self.recoil * self.gamma
        self.a = np.fft.fft(np.fft.ifftshift(weight / weight.sum()))

    def g(self, energy: Floats) -> Floats:
        return self.shape(np.abs(energy)) / self.norm

    def exponent(self, q: Floats) -> Floats:
        return q**2 * self.recoil * self.gamma

    def spectrum(self, q: Floats, energy: Floats, fwhm: float, *, orders: int | None = None) -> Floats:
        """S(q, energy) with a Gaussian resolution, elastic line and all, or one phonon only (``orders=1``)."""
        sigma = fwhm / np.sqrt(8 * np.log(2))
        t_like = np.fft.fftfreq(len(self.energy), self.step)
        blur = np.exp(-2 * (np.pi * sigma * t_like) ** 2)
        rows = []
        for q1 in q:
            w = self.exponent(q1)
            F = np.exp(-w) * (1 + w * self.a) if orders == 1 else np.exp(-w + w * self.a)
            S = np.fft.fftshift(np.fft.ifft(F * blur).real) / self.step
            rows.append(np.interp(energy, self.energy, S))
        return np.array(rows)
