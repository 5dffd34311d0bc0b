r"""A simulated spectrum as a resolution leaves it: back to its correlation function, and forth with another window.

The spectrum of lags 0 … T on energies h/2T apart is one period of a Fourier series, so that without a window nothing is
lost on the way: a constant is one point, not a line with ripples. What the spectrum was smoothed with before is
therefore never smoothed again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.units import HBAR
from vanhove.fitting.convolution import PseudoVoigtResolution

from .energies import PLANCK, Window, detailed_balance, energy_grid, lag_window, spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from .resolution_shape import Shape

    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]

EVEN = 1e-6  # of a step of the energies
BLOCK = 4_000_000  # cosines at a time


@dataclass(frozen=True)
class Simulated:
    """S(Q,E) on even energies from -h/2Δt to h/2Δt, with the window over the lags that its errors belong to."""

    q: Floats
    spacing: float  # ps between lags
    rows: Floats  # (q, energy), smoothed by nothing but ``smoothed``
    error: Floats | None  # (q, energy), of the spectrum under ``window``
    window: Floats  # (lag,)
    smoothed: float  # meV, FWHM of a Gaussian that is in ``rows`` for good; 0 where there is none
    without: Floats | None = None  # (part, q, energy): ``rows`` with each part of the run left out

    @classmethod
    def of(cls, sqe: Dataset) -> Simulated:
        """From the unwindowed F(q, lag) where the result has it, else from its S(q, energy)."""
        _check(sqe)
        q = np.asarray(sqe["q"].values, float)
        S = sqe["S"].transpose("q", "energy").values
        error = sqe["S_error"].transpose("q", "energy").values if "S_error" in sqe else None
        fwhm, window = float(sqe.attrs.get("resolution_fwhm", 0.0)), str(sqe.attrs.get("window", ""))
        if "F" not in sqe:
            return cls(q, _spacing(sqe), S, error, np.ones(S.shape[1] // 2 + 1), fwhm)
        lag = np.asarray(sqe["lag"].values, float)
        spacing = float(lag[-1] - lag[0]) / (len(lag) - 1)
        factor = np.ones(2 * len(lag) - 1)
        if sqe.attrs.get("correction") == "detailed-balance":
            factor = detailed_balance(energy_grid(len(lag), spacing), _temperature(sqe))

        def bare(F: Floats) -> Floats:
            return spectrum(F, spacing, Window(np.ones(len(lag)), 0.0, "none")) * factor

        rows = bare(sqe["F"].transpose("q", "lag").values)
        without = bare(sqe["F_without"].transpose("part", "q", "lag").values) if "F_without" in sqe else None
        used = lag_window(len(lag), spacing, fwhm if window == "Gaussian" else None).values
        return cls(q, spacing, rows, error, used, 0.0, without)

    @property
    def last(self) -> int:
        """The last lag, in steps."""
        return int(self.rows.shape[1]) // 2

    @property
    def energy(self) -> Floats:
        """The energies, meV."""
        return energy_grid(self.last + 1, self.spacing)

    @property
    def finest(self) -> float:
        """h/T: the finest resolution (FWHM, meV) that the longest lag allows."""
        return PLANCK / (self.last * self.spacing)

    @property
    def nyquist(self) -> float:
        """h/2Δt: the highest energy (meV)."""
        return PLANCK / (2 * self.spacing)

    def at_q(self, q: Floats) -> Simulated:
        """Between its own Q, linearly."""
        low, high = self.q.min(), self.q.max()
        outside = (q < low - 1e-9) | (q > high + 1e-9)
        if outside.any():
            raise Refusal(
                f"Q = {q[outside][0]:g} 1/Å is not between those simulated", f"they are {low:g} to {high:g} 1/Å",
                "Simulate more Q",
            )  # fmt: skip
        order = np.argsort(self.q)
        own = self.q[order]
        above = np.clip(np.searchsorted(own, q - 1e-9), min(1, len(own) - 1), len(own) - 1)
        below = np.maximum(above - 1, 0)
        gap = np.where(above > below, own[above] - own[below], 1.0)
        part = ((q - own[below]) / gap)[:, None]

        def between(values: Floats) -> Floats:
            lower, upper = values[order[below]], values[order[above]]
            # an exact hit takes nothing from its neighbour, be that masked
            mixed: Floats = np.where(
                part <= 1e-9, lower, np.where(part >= 1 - 1e-9, upper, lower + part * (upper - lower))
            )
            return mixed

        error = None if self.error is None else between(self.error)
        without = None if self.without is None else np.stack([between(part) for part in self.without])
        return replace(self, q=q, rows=between(self.rows), error=error, without=without)

    def through(self, shape: Shape, energy: Floats | None = None) -> tuple[Floats, Floats | None]:
        """The spectrum convolved with a resolution, and its standard error, on its own energies or on others.

        The error is that of the simulation: the old one's square, spread over the new line, times what the new window
        lets through of a white noise over the lags against the old one.
        """
        n = self.last
        kernel = shape.at_lags(n + 1, self.spacing)
        seen = self._windowed(self.rows, kernel, energy)
        if self.error is None:
            return seen, None
        passed = _power(np.abs(kernel)) / _power(self.window)
        variance = self._windowed(self.error**2, kernel, energy) * passed[:, None]
        return seen, np.sqrt(np.maximum(variance, 0.0))

    def parts_through(self, shape: Shape, energy: Floats | None = None) -> Floats | None:
        """The same (part, q, energy) with each part of the run left out."""
        if self.without is None:
            return None
        kernel = shape.at_lags(self.last + 1, self.spacing)
        return np.stack([self._windowed(rows, kernel, energy) for rows in self.without])

    def _windowed(self, rows: Floats, kernel: Complexes, energy: Floats | None) -> Floats:
        from scipy.fft import fft, ifft

        n = self.last
        cyclic = np.concatenate([rows[:, n:-1], (rows[:, :1] + rows[:, -1:]) / 2, rows[:, 1:n]], axis=1)
        product = ifft(cyclic, axis=1)  # F(t)/h times 2nΔt: lags 0 … n, then -n+1 … -1
        product[:, : n + 1] *= kernel
        product[:, n + 1 :] *= kernel[:, n - 1 : 0 : -1].conj()
        if energy is None:
            result: Floats = fft(product, axis=1).real
            return np.concatenate([result[:, n:], result[:, : n + 1]], axis=1)
        return _waves(product[:, : n + 1], energy, self.spacing)


def smoothing(simulated: Simulated, shape: Shape) -> Shape:
    """What is left to be done of ``shape``: all of it where the correlation function is known.

    Else a Gaussian in a Gaussian leaves a Gaussian of the difference, and anything else is a spectrum smoothed twice,
    which a person is told.
    """
    before = simulated.smoothed
    if before == 0:
        return shape
    if shape.gaussian is not None and shape.gaussian > before:
        left = PseudoVoigtResolution(float((shape.gaussian**2 - before**2) ** 0.5))
        return replace(shape, lines=(left,) * len(shape.lines))
    warn(
        f"The spectrum has a resolution of {before:.4g} meV already, which can't be taken out without F(q, lag)",
        f"lines come out wider than {shape.name}",
        "Pass a result that has F(q, lag)",
    )
    return shape


def _power(window: Floats) -> Floats:
    """Σ w² over lags of both signs."""
    squares = window**2
    total: Floats = 2 * squares.sum(axis=-1) - squares[..., 0] - squares[..., -1]
    return total


def _waves(product: Complexes, energy: Floats, spacing: float) -> Floats:
    """The sum over lags of both signs at any energies: the trapezoid rule, as the fast transform does it."""
    n = product.shape[1] - 1
    weights = np.full(n + 1, 2.0)
    weights[[0, -1]] = 1.0
    terms = product * weights
    result = np.empty((len(product), len(energy)))
    step = max(1, BLOCK // (n + 1))
    t = spacing / HBAR * np.arange(n + 1)
    for first in range(0, len(energy), step):
        some = slice(first, first + step)
        phase = np.multiply.outer(t, energy[some])
        result[:, some] = terms.real @ np.cos(phase) + terms.imag @ np.sin(phase)
    return result


def _check(sqe: Dataset) -> None:
    if sqe.attrs.get("observable") == "spectra.instrument":
        raise Refusal("This spectrum has been through an instrument already", "", "Pass what that was made from")
    if "S" not in sqe or set(sqe["S"].dims) != {"q", "energy"}:
        dims = ", ".join(map(str, sqe["S"].dims)) if "S" in sqe else "no S"
        raise Refusal(
            "An instrument sees one spectrum S(q, energy)", f"this result has {dims}",
            'Weigh it with neutron_sqe, or choose a part of it, like result.sel(pair="Li-Li")',
        )  # fmt: skip


def _temperature(sqe: Dataset) -> float:
    if "temperature" not in sqe.attrs:
        raise Refusal("Detailed balance needs a temperature, and this result has none", "", 'Set attrs["temperature"]')
    return float(sqe.attrs["temperature"])


def _spacing(sqe: Dataset) -> float:
    """The spacing of the lags that energies belong to, which must be even and as many on either side of 0."""
    energy = np.asarray(sqe["energy"].values, float)
    n = len(energy) // 2
    even = len(energy) > 2 and len(energy) % 2 == 1
    if even:
        step = (energy[-1] - energy[0]) / (2 * n)
        even = bool(np.abs(energy - step * np.arange(-n, n + 1)).max() < EVEN * step)
    if not even:
        raise Refusal(
            "A spectrum without F(q, lag) needs even energies, as many on either side of 0",
            f"this one has {len(energy)} from {energy[0]:.4g} to {energy[-1]:.4g} meV",
            "Pass a simulated spectrum; a measured one has its resolution already",
        )
    return float(PLANCK / (2 * energy[-1]))
