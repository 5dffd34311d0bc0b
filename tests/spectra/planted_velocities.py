"""Atoms whose velocities have a density of states that is known: Gaussian noise of a chosen spectrum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vanhove as vh
from vanhove.base.units import K_B, U_A2_PER_PS2_IN_MEV
from vanhove.spectra.energies import PLANCK

Floats = NDArray[np.float64]


def thermal_speed2(mass: float, temperature: float) -> float:
    """⟨v²⟩ of one axis (Å²/ps²)."""
    return K_B * temperature / (mass * U_A2_PER_PS2_IN_MEV)


def with_spectrum(
    rng: np.random.Generator, g: Callable[[Floats], Floats], frames: int, n: int, spacing: float, speed2: float = 1.0
) -> tuple[Floats, Floats]:
    """Paths and velocities (frame, atom, axis) with the density of states ``g`` (any scale), ⟨v²⟩ = 3 ``speed2``.

    A velocity is the sum of waves of random amplitude and phase, periodic over four times the run, so that nothing in
    the run knows of the period; the path is its integral, exactly, wave by wave.
    """
    many = 4 * frames
    omega = 2 * np.pi * np.fft.rfftfreq(many, spacing)
    energy = PLANCK / (2 * np.pi) * omega
    power = np.maximum(g(energy), 0.0)
    power[[0, -1]] = 0.0  # no drift; the Nyquist wave has no phase
    power *= speed2 / (2 * power.sum())
    waves = rng.normal(size=(2, len(omega), n, 3)) * np.sqrt(power / 2)[:, None, None] * many
    amplitude = waves[0] + 1j * waves[1]
    velocities = np.fft.irfft(amplitude, many, axis=0)[:frames]
    there = power[:, None, None] > 0
    integral = np.divide(amplitude, 1j * omega[:, None, None], out=np.zeros_like(amplitude), where=there)
    return np.fft.irfft(integral, many, axis=0)[:frames], velocities


def trajectory(
    paths: Floats, velocities: Floats | None, spacing: float, species: list[str] | None = None, **options: Any
) -> vh.Trajectory:
    """A trajectory of these; Li unless ``species`` says otherwise."""
    labels = species or ["Li"] * paths.shape[1]
    times = spacing * np.arange(len(paths))
    return vh.from_arrays(paths, 40.0, labels, times, wrapped=False, velocities=velocities, **options)
