r"""A spectrometer's resolution at every Q, as a function of lag: what a correlation function is multiplied by.

A convolution in energy is a product over lags, and the area of the resolution is its value at lag 0: with that at 1 the
area of what is convolved stays, whatever the grid of the energies.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR
from vanhove.fitting.convolution import MeasuredResolution, PseudoVoigtResolution

from .energies import FWHM_OVER_SIGMA
from .resolutions import resolutions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]
    Line = PseudoVoigtResolution | MeasuredResolution

FINE = 64  # points in a FWHM at which a measured line is looked at
MOST = 200_000  # of them in all


@dataclass(frozen=True)
class Shape:
    """The line of every Q."""

    lines: tuple[Line, ...]
    name: str  # for people, and in the results

    @property
    def widths(self) -> Floats:
        """FWHM (meV) at every Q."""
        return np.array([line.fwhm for line in self.lines])

    @property
    def share(self) -> float | None:
        """Of a Lorentzian in a line that a formula gives; None for a measured one."""
        line = self.lines[0]
        return line.share if isinstance(line, PseudoVoigtResolution) else None

    @property
    def gaussian(self) -> float | None:
        """The FWHM of a Gaussian that is the same at all Q; None for any other shape."""
        return self.lines[0].fwhm if self.share == 0 else None

    def at_lags(self, lags: int, spacing: float) -> Complexes:
        r"""∫ R(E) exp(iEt/ħ) dE, (q, lag), at lags 0, Δt, 2Δt … (``spacing``, ps): 1 at lag 0."""
        made: dict[int, Complexes] = {}  # Q that share a line share its transform
        for line in self.lines:
            if id(line) not in made:
                made[id(line)] = _transform(line, lags, spacing)
        return np.array([made[id(line)] for line in self.lines])

    def on(self, energy: Floats) -> Floats:
        """R(E) itself, (q, energy) in 1/meV."""
        return np.array([line.delta(energy) for line in self.lines])


def _transform(line: Line, lags: int, spacing: float) -> Complexes:
    t = spacing * np.arange(lags)
    if isinstance(line, PseudoVoigtResolution):
        gaussian = np.exp(-0.5 * (line.fwhm / FWHM_OVER_SIGMA * t / HBAR) ** 2)
        lorentzian = np.exp(-0.5 * line.fwhm * t / HBAR)
        both: Complexes = (line.share * lorentzian + (1 - line.share) * gaussian).astype(complex)
        return both
    from scipy.signal import czt

    first, last = line.energy[0], line.energy[-1]
    grid, h = np.linspace(first, last, int(min(MOST, FINE * np.ceil((last - first) / line.fwhm))) + 1, retstep=True)
    mass = line.delta(grid)
    mass[[0, -1]] /= 2
    waves = czt(mass / mass.sum(), lags, w=np.exp(1j / HBAR * h * spacing))
    result: Complexes = np.exp(1j / HBAR * first * t) * waves
    return result


def shape_of(resolution: Any, q: Floats, background: Literal["flat"] | None) -> Shape:
    """What a number (FWHM of a Gaussian), a pair (FWHM, share of a Lorentzian), a spectrum or its file stands for."""
    if isinstance(resolution, str | os.PathLike):
        from .measured import read_measured

        resolution = read_measured(resolution)
    if hasattr(resolution, "data_vars"):
        import xarray as xr

        wanted = xr.Dataset({"S": (("q", "energy"), np.zeros((len(q), 1)))}, {"q": q, "energy": [0.0]})
        lines = resolutions_of(wanted, resolution, background=background).each
        return Shape(tuple(line for line in lines if isinstance(line, MeasuredResolution)), "measured")
    given = np.atleast_1d(np.asarray(resolution, np.float64))
    if given.shape not in {(1,), (2,)}:
        raise Refusal(f"resolution={resolution!r}", "", "Give a FWHM in meV, or that and the share of a Lorentzian")
    line = PseudoVoigtResolution(*given.tolist())
    name = "Gaussian" if line.share == 0 else f"pseudo-Voigt, {line.share:.3g} of it Lorentzian"
    return Shape((line,) * len(q), name)
