"""Which energies a quasielastic line is fitted at, and whether its width hangs on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal

from .quasielastic_input import arrays, chosen_q, used
from .quasielastic_model import Quasielastic
from .resolutions import resolutions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.fitting.convolution import Resolution

    from .quasielastic_input import Measured
    from .quasielastic_model import Fitted

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Window = Sequence[float] | Literal["all"] | None

REACH = 20.0  # FWHM of the resolution on either side: about as far as spectrometers are made to look at such lines
HELD = 0.8  # of the intensity that is alike on both sides, which is within the window in any case
STEPS = 20  # of the energies on either side, at least
SEEN = 2.0  # standard errors by which a width may change with half of the window
INSIDE = 0.5  # of half of such a window, up to which lines are told from a background in it
FEWEST = 8  # points more than parameters, in half of the window


def inside_of(measured: Measured, resolutions: Sequence[Resolution], window: Window, excluded: float | None) -> Bools:
    """Which points (q, energy) are fitted: those of the window, or of each spectrum's own where none is given."""
    if isinstance(window, str) and window != "all":
        raise Refusal(f"window={window!r}", "", 'Give the lowest and the highest energy in meV, or "all"')
    given = None if window is None or isinstance(window, str) else window
    inside = np.tile(used(measured.energy, given, excluded), (len(measured.q), 1))
    if window is None:
        reach = [_reach(measured, row, one) for row, one in enumerate(resolutions)]
        inside &= np.abs(measured.energy) <= np.array(reach)[:, None]
    return inside


def common_window(measured: Dataset, resolution: Dataset | float | None, q: float | Sequence[float] | None) -> Floats:
    """The widest of the windows of each q, for a fit of all together."""
    one = chosen_q(measured.isel(replica=0) if "replica" in measured.dims else measured, q)
    spectra = arrays(one)
    reach = max(_reach(spectra, row, line) for row, line in enumerate(resolutions_of(one, resolution).each))
    return reach * np.array([-1.0, 1.0])


def said_of(inside: Bools, energy: Floats, window: Window) -> str:
    """The window in words."""
    ends = np.array([np.abs(energy[row]).max() for row in inside if row.any()])
    if window is None and len(ends):
        span = f"{ends.min():.3g}" if np.ptp(ends) < 0.01 * ends.max() else f"{ends.min():.3g} to {ends.max():.3g}"
        return f"up to {span} meV from 0, {REACH:g} FWHM of the resolution or {HELD:.0%} of the intensity"
    some = energy[inside.any(axis=0)]
    return f"{some.min():.4g} to {some.max():.4g} meV, {'all there is' if window == 'all' else 'as asked for'}"


def change_with_half(plain: Fitted, fitted: Fitted, model: Quasielastic, scale: float) -> dict[int, tuple[float, bool]]:
    """By how much each width changes with half of the window, and whether that is more than its error and chance.

    Nothing is said of lines that are too wide for half of the window. ``plain`` has the covariance of independent
    points, ``fitted`` that which is told. Of points and of some of them the difference of two fits has the difference
    of their variances.
    """
    whole, values = model.spectrum, fitted.values
    near = (whole.energy >= whole.energy[0] / 2) & (whole.energy <= whole.energy[-1] / 2)
    if near.sum() < model.free + FEWEST:
        return {}
    half = whole._replace(
        energy=whole.energy[near], values=whole.values[near], errors=whole.errors[near], factor=whole.factor[near]
    )
    again = Quasielastic(half, model.terms).fit_from(values)
    changes = {}
    for k, name in enumerate(model.terms.widths, 1):
        error, ratio = scale * fitted.error(name), again.error(name) / plain.error(name)
        if values[name] < INSIDE * half.reach and np.isfinite(error) and np.isfinite(ratio):
            change = again.values[name] - values[name]
            chance = error * np.sqrt(max(ratio**2 - 1, 0.0))
            changes[k] = (change, bool(abs(change) > SEEN * max(error, chance)))
    return changes


def _reach(measured: Measured, row: int, resolution: Resolution) -> float:
    """How far from 0 a spectrum is fitted (meV)."""
    known = np.isfinite(measured.values[row])
    energy, values = measured.energy[known], measured.values[row, known]
    step = float(np.median(np.diff(measured.energy)))
    return max(REACH * resolution.fwhm, STEPS * step, _held(energy, values) if len(energy) else 0.0)


def _held(energy: Floats, values: Floats) -> float:
    """Up to which energy most of the intensity is that is on both sides."""
    common = min(-energy[0], energy[-1])
    if not common > 0:
        return float(np.abs(energy).max())  # one side alone was measured
    away = np.unique(np.abs(energy[np.abs(energy) <= common]))
    both = np.maximum(np.minimum(np.interp(away, energy, values), np.interp(-away, energy, values)), 0.0)
    inside = np.cumsum(both * np.gradient(away)) if len(away) > 1 else both
    return float(away[min(int(np.searchsorted(inside, HELD * inside[-1])), len(away) - 1)])
