"""Where an MSD is diffusive: the exponent from each lag on, and the window chosen by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.fitting.gls import gls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .curve import Curve

    Floats = NDArray[np.float64]

LONGEST_LAG = 0.75  # of the run: beyond, less than a quarter of its frames are origins
FEWEST_INDEPENDENT = 30  # displacements at the window's end
FEWEST_LAGS = 4
STILL = 1e-15  # Å²: rounding of positions, no motion
NARROWEST = 2.0  # a window's end over its start
WELL_KNOWN = 0.06  # largest error of an exponent that may choose a window: a worse one passes for 1 by chance
CLOSE = 0.03  # to an exponent of 1 counts as 1, however well it is known
FAR = 4.0  # standard errors from 1: flight or cage


class Exponent(NamedTuple):
    """d ln MSD / d ln t over a window, with one standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Window:
    """The stretch of lags that D is taken from, and why."""

    curve: Curve
    exponent: Exponent
    reason: str


def exponent(curve: Curve, relative: Floats) -> Exponent:
    """The slope of ln MSD against ln t over all lags of ``curve``, by generalised least squares.

    ``relative`` is the covariance of ln MSD, a random walk's. The error is the larger of what follows from it and of
    the spread between groups of ions, enlarged where ions move together.
    """
    log_values = (
        np.log(curve.values) + np.diag(relative) / 2
    )  # the logarithm of a noisy mean is low by half its variance
    design = np.stack([np.ones(len(curve.lags)), np.log(curve.lags / curve.lags[0])], axis=1)
    fit = gls(design, log_values, relative)
    seen = curve.spread(fit.weights[1] / curve.values)
    return Exponent(float(fit.parameters[1]), seen.enlarged(float(fit.errors[1])))


def usable(curve: Curve) -> Curve:
    """The lags at which there is enough to average over."""
    few = (curve.independent < FEWEST_INDEPENDENT) | (curve.lags > LONGEST_LAG * curve.length)
    return curve.at(~few & (curve.values > STILL))


def find(curve: Curve) -> Window | None:
    """The window of a :func:`usable` curve; None where it has too few lags.

    It ends at the last usable lag. Its start is looked for among the lags up to half of that from which on the exponent
    is known to 0.06: after the last of them whose exponent differs from 1 by more than four standard errors (flight,
    cage), the first whose exponent is within one standard error of 1. Where no start is, the last one is taken, and the
    exponent there says how far from diffusive the motion is.
    """
    starts = [s for s in range(len(curve.lags) - FEWEST_LAGS + 1) if curve.lags[-1] >= NARROWEST * curve.lags[s]]
    if not starts:
        return None
    relative = curve.relative_covariance
    exponents = [exponent(curve.at(slice(s, None)), relative[s:, s:]) for s in starts]
    known = [s for s in starts if exponents[s].error <= WELL_KNOWN]
    value, error = np.array(exponents[: known[-1] + 1 if known else 1]).T
    off = np.abs(value - 1)
    far = np.flatnonzero(off > np.maximum(FAR * error, CLOSE))
    after = int(far[-1]) + 1 if len(far) else 0
    near = np.flatnonzero(off[after:] <= np.maximum(error[after:], CLOSE))
    if len(near):
        start = after + int(near[0])
        reason = f"from {curve.times[start]:g} ps on the exponent is 1 within its error"
    else:
        start = len(value) - 1
        reason = "the exponent reaches 1 nowhere, and this is the latest start from which on it is well known"
    reason += f"; at {curve.times[-1]:g} ps {curve.independent[-1]:.0f} independent displacements are left"
    return Window(curve.at(slice(start, None)), exponents[start], reason)
