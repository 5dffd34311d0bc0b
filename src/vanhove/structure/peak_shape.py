"""A Gaussian on a straight line: found in a curve, and judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 8  # points for five numbers
ENOUGH = 17  # points that a shape is fitted to where there are as many, so that a sharp peak is seen against its foot
UNLIKELY = 1e-4  # chance that scatter around a line looks like a peak here; in a window it may do so in many places
AROUND = 1.25  # FWHM on either side of a peak, where its shape is fitted
SHARPEST = 2.0  # steps of the axis that a FWHM has at least: narrower ones are scatter
STARTS = 24  # positions and widths that are tried
ROUNDS = 8  # of fitting around where the last fit found the peak


@dataclass(frozen=True)
class Peak:
    """y = level + slope (x - position) + prominence exp(-4 ln 2 (x - position)²/width²), and its covariance."""

    position: float
    prominence: float
    width: float  # FWHM
    level: float  # of the line, below the peak
    slope: float
    covariance: Floats  # of the five, in this order
    chance: float  # that a straight line with as much scatter is improved as much by a peak

    def errors(self, *names: str) -> tuple[float, ...]:
        """Standard errors of the named numbers; ``"height"`` is the level and the prominence together."""
        of = {"position": [1, 0, 0, 0, 0], "prominence": [0, 1, 0, 0, 0], "width": [0, 0, 1, 0, 0]}
        of["height"] = [0, 1, 0, 1, 0]
        along = np.array([of[name] for name in names], float)
        return tuple(np.sqrt(np.einsum("ni,ij,nj->n", along, self.covariance, along)).tolist())


def shape(x: Floats, peak: Peak) -> Floats:
    """The curve that a peak stands for."""
    line = peak.level + peak.slope * (x - peak.position)
    values: Floats = line + peak.prominence * _bell(x, peak.position, peak.width)
    return values


def find_peak(x: Floats, y: Floats, error: Floats, weight: Floats, unit: str) -> Peak | str:
    """The peak that explains most of y, or a sentence that says why there is none; ``weight`` counts the points."""
    known = np.isfinite(y) & (weight > 0)
    x, y, error, root = x[known], y[known], error[known], np.sqrt(weight[known] / weight[known].mean())
    if len(x) < FEWEST:
        return f"only {len(x)} points, {FEWEST} are needed"
    if np.ptp(y) == 0:
        return "the curve is flat"
    step = float(np.median(np.diff(x)))
    start = _start(x, y, root, step)
    if start is None:
        return "no peak"
    first = peak = _fit(x, y, error, root, *start, step)
    position, width = start
    near = np.ones(len(x), bool)
    for _ in range(ROUNDS):
        again = np.abs(x - position) <= max(AROUND * width, ENOUGH / 2 * step)
        if again.sum() < FEWEST or (again == near).all():
            break
        near = again
        peak = _fit(x[near], y[near], error[near], root[near], position, width, step)
        position, width = peak.position, peak.width
    if abs(first.position - peak.position) < peak.width:  # seen against its surroundings, or against all of the window
        peak = replace(peak, chance=min(first.chance, peak.chance))
    return _judged(peak, x, step, unit)


def _judged(peak: Peak, x: Floats, step: float, unit: str) -> Peak | str:
    rise = peak.prominence
    at = f"{peak.position:.4g} {unit}"
    if rise <= 0:
        return "no peak"
    if not x[0] <= peak.position <= x[-1]:
        return "the curve only rises or falls towards a side of the window"
    if peak.position - peak.width / 2 < x[0] or peak.position + peak.width / 2 > x[-1]:
        return f"what is at {at} reaches out of the window"
    if peak.width <= 1.01 * SHARPEST * step:
        return f"what is at {at} is too sharp for points {step:.2g} {unit} apart"
    if not peak.chance < UNLIKELY:
        return f"what is at {at} does not stand out of the scatter"
    steepest = rise * np.sqrt(8 * np.log(2)) / peak.width * np.exp(-0.5)
    if abs(peak.slope) >= steepest:
        return f"what is at {at} is a shoulder, without a top of its own"
    return peak


def _bell(x: Floats, position: float | Floats, width: float | Floats) -> Floats:
    values: Floats = np.exp(-4 * np.log(2) * ((x - position) / width) ** 2)
    return values


def _line(x: Floats, root: Floats) -> Floats:
    return np.stack([root, root * (x - x.mean())], axis=1)


def _start(x: Floats, y: Floats, root: Floats, step: float) -> tuple[float, float] | None:
    """Position and width of the rising bell that, with a straight line, leaves least of y: among many tried."""
    basis = np.linalg.qr(_line(x, root))[0]
    rest = root * y - basis @ (basis.T @ (root * y))
    positions = np.linspace(x[0], x[-1], max(STARTS, min(4 * STARTS, len(x))) + 2)[1:-1]
    widths = np.geomspace(SHARPEST * step, max(x[-1] - x[0], 1.01 * SHARPEST * step), STARTS)
    centre, width = (grid.ravel() for grid in np.meshgrid(positions, widths, indexing="ij"))
    bells = root[:, None] * _bell(x[:, None], centre, width)
    bells -= basis @ (basis.T @ bells)
    norm = (bells**2).sum(axis=0)
    rises = rest @ bells
    explained = np.where((rises > 0) & (norm > 1e-9 * len(x)), rises**2 / np.maximum(norm, 1e-300), 0.0)
    best = int(np.argmax(explained))
    return (float(centre[best]), float(width[best])) if explained[best] > 0 else None


def _fit(x: Floats, y: Floats, error: Floats, root: Floats, position: float, width: float, step: float) -> Peak:
    """Least squares, and the covariance that the points' own errors or their scatter bring.

    ``root`` is the square root of every point's weight. The errors themselves are no weights: those of a few points are
    chance, and zero where g(r) is.
    """
    from scipy.optimize import least_squares
    from scipy.stats import f as f_distribution

    def columns(p: Floats) -> Floats:
        table: Floats = root[:, None] * np.stack([_bell(x, p[0], p[1]), np.ones_like(x), x - p[0]], axis=1)
        return table

    def inner(p: Floats) -> Floats:
        found: Floats = np.asarray(np.linalg.lstsq(columns(p), root * y, rcond=None)[0], np.float64)
        return found

    def left(p: Floats) -> Floats:
        residual: Floats = columns(p) @ inner(p) - root * y
        return residual

    span = max(float(x[-1] - x[0]), SHARPEST * step)
    low = [x[0] - span, SHARPEST * step * 0.999]
    high = [x[-1] + span, 4 * span]
    begin = np.clip([position, width], np.array(low) + 1e-9, np.array(high) - 1e-9)
    done = least_squares(left, begin, bounds=(low, high), x_scale=[max(width, step)] * 2)
    where, wide = (float(value) for value in done.x)
    prominence, level, slope = (float(value) for value in inner(done.x))
    bell = _bell(x, where, wide)
    turn = prominence * bell * 8 * np.log(2) * (x - where) / wide**2
    parts = [turn - slope, bell, turn * (x - where) / wide, np.ones_like(x), x - where]
    inverse = np.linalg.pinv(root[:, None] * np.stack(parts, axis=1))
    freedom = len(x) - 5
    rest = float((done.fun**2).sum())
    line = _line(x, root)
    before = float(((root * y - line @ np.linalg.lstsq(line, root * y, rcond=None)[0]) ** 2).sum())
    gain = (before - rest) / 3 / max(rest / freedom, 1e-30 * before)
    squares = (root * error) ** 2
    told = float(squares.mean()) if np.isfinite(squares).all() else 0.0
    # the points' own errors, grown where the points scatter more than these say
    squares = squares * max(1.0, rest / freedom / told) if told > 0 else np.full(len(x), rest / freedom)
    covariance = inverse @ (squares[:, None] * inverse.T)
    return Peak(where, prominence, wide, level, slope, covariance, float(f_distribution.sf(gain, 3, freedom)))
