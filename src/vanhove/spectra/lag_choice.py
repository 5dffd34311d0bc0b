"""How far a velocity autocorrelation function is looked at, and the window that ends it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR

from .energies import FWHM_OVER_SIGMA, Window, lag_window

USUAL = 0.5  # meV, FWHM: finer than a chopper spectrometer at low energy, coarser than it would take to need a ns
SHARE = 0.2  # of the run, that the longest lag is unless another is asked for: five independent stretches at least
FALLEN = 1e-3  # what is left of a Gaussian window at the longest lag
# longest lag times FWHM (meV·ps) of a Gaussian window that has fallen so far
REACH = float(np.sqrt(-2 * np.log(FALLEN))) * HBAR * FWHM_OVER_SIGMA


class LagChoice(NamedTuple):
    """How many lags from 0 on, the window over them, and why these."""

    lags: int
    window: Window
    reason: str


def choose_lags(frames: int, spacing: float, resolution: float | None, max_lag: float | None) -> LagChoice:
    """Lags and window for ``frames`` velocities ``spacing`` (ps) apart; ``resolution`` is a FWHM in meV.

    Neither asked for: a Gaussian of 0.5 meV, or what a fifth of the run gives. A resolution alone: as many lags as its
    Gaussian takes to fall to a thousandth. A longest lag (ps) alone: von Hann's window, whose line is h/``max_lag``
    wide.
    """
    run = (frames - 1) * spacing
    if frames < 3:
        raise Refusal(f"{frames} velocities are no series in time", "", "Give a longer trajectory")
    if max_lag is not None and not spacing * (1 - 1e-6) <= max_lag <= run * (1 + 1e-6):
        raise Refusal(
            f"max_lag={max_lag:g} ps", f"the run has velocities {spacing:g} ps apart over {run:g} ps", "Give one inside"
        )
    if max_lag is not None:
        lags = int(max_lag / spacing + 1e-6) + 1
        reason = "the longest lag was asked for"
        return LagChoice(lags, lag_window(lags, spacing, resolution), reason)
    if resolution is not None:
        lags = min(frames, int(np.ceil(REACH / max(resolution, 1e-12) / spacing)) + 1) if resolution > 0 else frames
        return LagChoice(lags, lag_window(lags, spacing, resolution), "the resolution was asked for")
    wanted = REACH / USUAL
    if wanted <= SHARE * run:
        lags = int(np.ceil(wanted / spacing)) + 1
        return LagChoice(lags, lag_window(lags, spacing, USUAL), f"{USUAL:g} meV unless another is asked for")
    lags = max(int(SHARE * run / spacing), 1) + 1
    reason = f"a fifth of the run of {run:.3g} ps is the longest lag; {USUAL:g} meV takes {wanted / SHARE:.3g} ps"
    return LagChoice(lags, lag_window(lags, spacing, REACH / ((lags - 1) * spacing)), reason)
