r"""Lines as an instrument shows them: δ, Lorentzian and Gaussian of unit area convolved with its resolution.

A measured resolution is a cubic spline through its points, brought to unit area and with its peak at 0. Convolved with
a line it is, on a fine even grid, a sum of narrow triangles each convolved with the line in closed form: nothing is
truncated and nothing wraps around, a line much narrower than a step of the grid is as right as a wide one, and the
tails of a Lorentzian beyond the window are where they belong. What comes out is smooth in width and centre. Analytic
resolutions give closed forms.

Widths of lines are HWHM, of resolutions FWHM, both meV; values are 1/meV.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy.interpolate import CubicSpline

    Floats = NDArray[np.float64]

HWHM_OVER_SIGMA = np.sqrt(2 * np.log(2))  # of a Gaussian
FINE = 64  # steps of the fine grid in a FWHM of the resolution
MOST = 200_000  # steps of it in all
MARGIN = 0.1  # of the resolution's window, beyond which energies are far from all of it
SERIES = 30.0  # steps from a line's centre beyond which a triangle's share is a series, which cancels nothing
FEWEST = 5  # points of a measured resolution
GAP = 0.5  # of the FWHM: a longer hole between points at the peak leaves its shape unknown


class Resolution(Protocol):
    """What an instrument makes of a line. Every line has unit area."""

    @property
    def fwhm(self) -> float:
        """Of the resolution, meV."""

    def delta(self, energy: Floats, centre: float = 0.0) -> Floats:
        """The elastic line, at ``centre``, on any energies."""

    def lorentzian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """A Lorentzian seen through the resolution."""

    def gaussian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """A Gaussian seen through the resolution."""


def lorentzian(energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
    r"""Without resolution: :math:`\frac{1}{\pi} \frac{\Gamma}{(E - c)^2 + \Gamma^2}`."""
    values: Floats = hwhm / np.pi / ((energy - centre) ** 2 + hwhm**2)
    return values


def gaussian(energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
    """Without resolution: the Gaussian of unit area with this half width at half maximum."""
    sigma = hwhm / HWHM_OVER_SIGMA
    values: Floats = np.exp(-0.5 * ((energy - centre) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return values


@dataclass(frozen=True)
class PseudoVoigtResolution:
    """A share of a Lorentzian and the rest a Gaussian, both of one FWHM (meV); share 0 is a Gaussian."""

    fwhm: float
    share: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.fwhm < np.inf:
            raise Refusal(
                f"A resolution of {self.fwhm:g} meV", "it is a full width at half maximum", "Give one above 0"
            )
        if not 0 <= self.share <= 1:
            raise Refusal(f"A Lorentzian share of {self.share:g}", "of a pseudo-Voigt line", "Give one from 0 to 1")

    def delta(self, energy: Floats, centre: float = 0.0) -> Floats:
        """The resolution itself."""
        half = self.fwhm / 2
        return self._mixed(gaussian(energy, half, centre), lorentzian(energy, half, centre))

    def lorentzian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """Of the Gaussian part a Voigt line, of the Lorentzian part a wider Lorentzian."""
        half = self.fwhm / 2
        return self._mixed(_voigt(energy - centre, half, hwhm), lorentzian(energy, hwhm + half, centre))

    def gaussian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """Of the Gaussian part a wider Gaussian, of the Lorentzian part a Voigt line."""
        half = self.fwhm / 2
        return self._mixed(gaussian(energy, np.hypot(hwhm, half), centre), _voigt(energy - centre, hwhm, half))

    def _mixed(self, of_gaussian: Floats, of_lorentzian: Floats) -> Floats:
        values: Floats = (1 - self.share) * of_gaussian + self.share * of_lorentzian
        return values


class MeasuredResolution:
    """A resolution from its measured points.

    Parameters
    ----------
    energy, values
        meV, ascending and as uneven as they come; what they are per does not matter, since the area becomes 1. NaN
        marks points that are masked: they are left out.
    errors
        One standard error of each value, if known: NaN masks, too.
    background
        A constant that is taken off before the area is measured.
    """

    def __init__(self, energy: Floats, values: Floats, errors: Floats | None = None, background: float = 0.0) -> None:
        from scipy.interpolate import CubicSpline

        used = np.isfinite(values) & (True if errors is None else np.isfinite(errors))
        e, r = energy[used], values[used] - background
        if len(e) < FEWEST or not (np.diff(e) > 0).all():
            raise Refusal(
                f"A resolution of {len(e)} usable points", f"{FEWEST} with ascending energies are needed",
                "Check which points are masked",
            )  # fmt: skip
        curve = CubicSpline(e, r)
        area, (left, right) = float(curve.integrate(e[0], e[-1])), _half_maximum(curve)
        if not area > 0 or not right > left:
            raise Refusal(
                "The resolution has no peak in its window",
                f"its area is {area:.3g}; {e[0]:.4g} to {e[-1]:.4g} meV",
                "Check the file, and the background that is taken off",
            )
        self.centre = (left + right) / 2  # where the peak was, between its half maxima
        self.fwhm = right - left
        self.area = area  # of the points as they were, background off
        self.energy: Floats = e - self.centre
        self.values: Floats = r / self.area
        self.errors: Floats | None = None if errors is None else errors[used] / self.area
        hole = float(np.diff(e)[(e[1:] > left) & (e[:-1] < right)].max())
        if hole > GAP * self.fwhm:
            raise Refusal(
                f"The resolution's points at its peak are up to {hole:.3g} meV apart",
                f"where it is {self.fwhm:.3g} meV wide (FWHM)",
                "Give one on a finer grid, or its FWHM as a number",
            )

    def delta(self, energy: Floats, centre: float = 0.0) -> Floats:
        """The points themselves, moved to ``centre``; 0 beyond the window that was measured."""
        at = energy - centre
        inside = (at >= self.energy[0]) & (at <= self.energy[-1])
        values: Floats = np.where(inside, self._spline(np.clip(at, self.energy[0], self.energy[-1])), 0.0)
        return values

    def lorentzian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """Every triangle's share in closed form, summed."""
        return self._convolved(energy - centre, lambda u, h: _triangle_lorentzian(u, hwhm, h))

    def gaussian(self, energy: Floats, hwhm: float, centre: float = 0.0) -> Floats:
        """Every triangle's share in closed form, summed."""
        return self._convolved(energy - centre, lambda u, h: _triangle_gaussian(u, hwhm, h))

    @cached_property
    def _spline(self) -> CubicSpline:
        from scipy.interpolate import CubicSpline

        return CubicSpline(self.energy, self.values)

    @cached_property
    def _fine(self) -> tuple[float, float, Floats]:
        """Start and step of the fine grid, and the area of each of its triangles."""
        first, last = self.energy[0], self.energy[-1]
        steps = int(np.clip(np.ceil((last - first) / self.fwhm * FINE), 2 * FINE, MOST))
        grid, h = np.linspace(first, last, steps + 1, retstep=True)
        values = self._spline(grid)
        # triangles through the points of a curve are too wide by h²/6 in the variance; those of this curve are not
        values[1:-1] -= np.diff(values, 2) / 12
        weights = values * h
        weights[[0, -1]] /= 2
        return float(first), float(h), weights / weights.sum()

    def _convolved(self, at: Floats, kernel: Callable[[Floats, float], Floats]) -> Floats:
        """``kernel(u, h)``, the line convolved with a triangle of base 2h, summed over the triangles."""
        from scipy.signal import fftconvolve

        first, h, weights = self._fine
        width = h * (len(weights) - 1)
        near = (at > first - MARGIN * width) & (at < first + (1 + MARGIN) * width)
        values = np.empty_like(at, dtype=np.float64)
        if near.any():
            place = (at[near] - first) / h  # in steps of the grid, on which the kernels sit
            begin = np.floor(place.min()) - 1
            count = int(np.floor(place.max()) - begin) + 3
            shift = begin + np.arange(count + len(weights) - 1) - (len(weights) - 1)
            values[near] = _between(fftconvolve(kernel(h * shift, h), weights, "valid"), place - begin)
        if not near.all():  # the line changes little from point to point of the resolution
            mass = np.gradient(self.energy) * self.values
            values[~near] = kernel(at[~near, None] - self.energy, h) @ (mass / mass.sum())
        return values


def _half_maximum(curve: CubicSpline) -> tuple[float, float]:
    """Where the highest peak passes half of its height, on either side; NaN where it does not."""
    energy, values = curve.x, curve(curve.x)
    top = int(np.argmax(values))
    half = values[top] / 2
    crossings = curve.solve(half, extrapolate=False)
    left, right = crossings[crossings < energy[top]], crossings[crossings > energy[top]]
    return (float(left[-1]), float(right[0])) if len(left) and len(right) else (np.nan, np.nan)


def _between(values: Floats, place: Floats) -> Floats:
    """``values`` of an even grid at ``place``, counted in its steps from 1 on, by cubics through four points."""
    k = np.minimum(place.astype(np.int64), len(values) - 3)
    t = place - k
    found: Floats = (
        values[k - 1] * (-t * (t - 1) * (t - 2) / 6)
        + values[k] * ((t + 1) * (t - 1) * (t - 2) / 2)
        + values[k + 1] * (-(t + 1) * t * (t - 2) / 2)
        + values[k + 2] * ((t + 1) * t * (t - 1) / 6)
    )
    return found


def _voigt(x: Floats, gaussian_hwhm: float, lorentzian_hwhm: float) -> Floats:
    from scipy.special import voigt_profile

    return np.asarray(voigt_profile(x, gaussian_hwhm / HWHM_OVER_SIGMA, lorentzian_hwhm), np.float64)


def _triangle_lorentzian(u: Floats, hwhm: float, h: float) -> Floats:
    r"""A Lorentzian convolved with a triangle of unit area and base 2h: (G(u+h) - 2G(u) + G(u-h))/h², G'' = L.

    Far from the centre L + h²L''/12 + h⁴L''''/360: the differences would cancel to nothing there.
    """
    x2, w2 = u**2, hwhm**2
    q = 1 / (x2 + w2)
    step = (h * q) ** 2
    values: Floats = hwhm / np.pi * q
    values *= 1 + step * ((3 * x2 - w2) / 6 + step * (5 * x2**2 - 10 * x2 * w2 + w2**2) / 15)
    near = x2 + w2 < (SERIES * h) ** 2

    def twice_integrated(x: Floats) -> Floats:
        result: Floats = (x * np.arctan(x / hwhm) - hwhm / 2 * np.log(x**2 + hwhm**2)) / np.pi
        return result

    close = u[near]
    second = twice_integrated(close + h) - 2 * twice_integrated(close) + twice_integrated(close - h)
    values[near] = second / h**2
    return values


def _triangle_gaussian(u: Floats, hwhm: float, h: float) -> Floats:
    """A Gaussian convolved with a triangle of unit area and base 2h, by second differences of its second integral."""
    from scipy.special import erf

    sigma = hwhm / HWHM_OVER_SIGMA

    def twice_integrated(x: Floats) -> Floats:
        y = x / (sigma * np.sqrt(2))
        result: Floats = 0.5 * x * erf(y) + sigma / np.sqrt(2 * np.pi) * np.exp(-(y**2))
        return result

    if sigma > SERIES * h:  # far wider than the triangle: the differences would cancel
        y2 = (u / sigma) ** 2
        values: Floats = gaussian(u, hwhm) * (1 + (h / sigma) ** 2 * (y2 - 1) / 12)
        return values
    differences: Floats = (twice_integrated(u + h) - 2 * twice_integrated(u) + twice_integrated(u - h)) / h**2
    return differences
