"""A periodic profile with two levels: where one phase ends and the other begins, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TENTH = (
    1.2815515655446004  # standard deviations from its middle where an error function has run 10 and 90 % of its step
)
NEEDED = 4.0  # times the scatter, between the levels: the best two levels of mere scatter are up to 3 apart
SMALLEST = 0.15  # of the higher level, else a step of few points may be scatter after all
NARROWEST = 0.25  # of the points' distance: a width that can still be told from none


class Step(NamedTuple):
    """A slab between two interfaces in a cell of a certain height; all lengths in Å.

    Of each interface, lower one first: its middle, and the standard deviations of the error functions on its side
    towards the slab and on the side away from it. The errors are standard errors in the same order as ``parameters``.
    """

    height: float
    parameters: Floats  # inside level, outside level, middle of either interface, and the four deviations
    errors: Floats
    separation: float  # the levels' distance over the scatter about the best two of them

    @property
    def middles(self) -> Floats:
        """Where the interfaces have run half of the step."""
        return self.parameters[2:4]

    @property
    def inner(self) -> Floats:
        """Deviations towards the slab."""
        return self.parameters[4:6]

    @property
    def outer(self) -> Floats:
        """Deviations away from the slab."""
        return self.parameters[6:8]

    @property
    def found(self) -> bool:
        """Whether there are two levels at all."""
        low, high = np.sort(np.abs(self.parameters[:2]))
        return bool(self.separation >= NEEDED and high - low >= SMALLEST * high)

    def at(self, position: Floats) -> Floats:
        """The profile."""
        return _profile(self.parameters, position, self.height)

    def place(self, position: Floats) -> NDArray[np.int8]:
        """0 outside, 1 in an interface (where the step has run from 10 to 90 %), 2 inside the slab."""
        away, side, half = _away(self.parameters[2:4], position, self.height)
        inside = away < half - TENTH * self.inner[side]
        outside = away > half + TENTH * self.outer[side]
        where: NDArray[np.int8] = np.where(inside, 2, np.where(outside, 0, 1)).astype(np.int8)
        return where


def _away(middles: Floats, position: Floats, height: float) -> tuple[Floats, NDArray[np.intp], float]:
    """Distance from the middle of the slab, on which side (0: below), and half the slab's thickness."""
    centre, half = float(middles.sum()) / 2, float(middles[1] - middles[0]) / 2
    apart = (position - centre + height / 2) % height - height / 2
    return np.abs(apart), (apart > 0).astype(np.intp), half


def _profile(parameters: Floats, position: Floats, height: float) -> Floats:
    from scipy.special import ndtr

    away, side, half = _away(parameters[2:4], position, height)
    beyond = away - half
    width = np.where(beyond < 0, parameters[4:6][side], parameters[6:8][side])
    profile: Floats = parameters[0] + (parameters[1] - parameters[0]) * ndtr(beyond / width)
    return profile


def two_levels(values: Floats) -> tuple[int, int, float, float, float]:
    """The best two constants for a periodic profile whose low part is one stretch of it.

    Gives where the low stretch begins and how many points it has, both levels, and the scatter about them.
    """
    n = len(values)
    fewest = max(2, n // 20)
    sums = np.concatenate([[0.0], np.cumsum(np.tile(values, 2))])
    lengths = np.arange(fewest, n - fewest + 1)
    inside = sums[np.arange(n)[:, None] + lengths] - sums[:n, None]  # (begin, length)
    outside = values.sum() - inside
    rest = (values**2).sum() - inside**2 / lengths - outside**2 / (n - lengths)
    rest[inside / lengths > outside / (n - lengths)] = np.inf
    begin, k = np.unravel_index(int(np.argmin(rest)), rest.shape)
    length = int(lengths[k])
    low, high = float(inside[begin, k] / length), float(outside[begin, k] / (n - length))
    return int(begin), length, low, high, float(np.sqrt(max(float(rest[begin, k]), 0.0) / n))


def fit_step(position: Floats, values: Floats, height: float, shared: float) -> Step:
    """Fit a periodic slab of low ``values`` between two interfaces, at evenly spaced positions.

    Each interface is an error function with a width of its own on either side of its middle. Standard errors come from
    the scatter about the fit, with ``shared`` points in a row counted as one since they share their atoms.
    """
    from scipy.optimize import least_squares

    spacing = height / len(position)
    begin, length, low, high, scatter = two_levels(values)
    separation = (high - low) / scatter if scatter > 0 else (np.inf if high > low else 0.0)
    nothing = np.full(8, np.nan)
    blank = Step(height, np.array([low, high, *nothing[2:]]), nothing, separation)
    if not blank.found:
        return blank
    below = float(position[begin]) - spacing / 2
    width = min(2 * spacing, height / 16)
    start = np.array([low, high, below, below + length * spacing, width, width, width, width])
    reach = height / 4
    step = high - low
    lower = [low - step, low, start[2] - reach, start[3] - reach, *[NARROWEST * spacing] * 4]
    upper = [high, high + step, start[2] + reach, start[3] + reach, *[reach] * 4]
    fitted = least_squares(
        lambda p: _profile(p, position, height) - values, start, bounds=(lower, upper),
        x_scale=[step, step, *[spacing] * 6],
    )  # fmt: skip
    freedom = max(1.0, len(values) / shared - 8)
    variance = 2 * fitted.cost / len(values) * len(values) / shared / freedom
    curvature = fitted.jac.T @ fitted.jac / shared
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(curvature)) * variance, 0))
    free = np.diag(curvature) > 1e-12 * curvature.max()
    return Step(height, fitted.x, np.where(free, errors, np.nan), separation)
