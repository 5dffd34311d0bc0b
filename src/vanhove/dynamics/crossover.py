"""Whether two straight lines that meet describe points better than one, and where they meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vanhove.fitting.line import Line, straight_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_ON_A_SIDE = 3  # different abscissae: two points lie on a line whatever they are
MARGIN = 4.0  # by which the criterion has to be lower: less is found on a straight law too, by moving the bend about
UNLIKELY = 0.05  # chance of a χ² that says the errors given are not the points' scatter
EXACT = 1e-10  # a scatter in ln y that is none, but for rounding

GIVEN = "AIC with the errors given"
OWN = "AICc with the points' own scatter"


@dataclass(frozen=True)
class Bend:
    """Two lines: one through the points left of ``x``, one through those right of it; they meet there."""

    x: float
    x_error: float
    left: Line
    right: Line

    def at(self, x: Floats, level: float) -> tuple[Floats, Floats]:
        """The line that covers each ``x``, and how far to either side the truth lies with probability ``level``."""
        here, there = (line.at(x) for line in (self.left, self.right))
        reach = [line.quantile(level) * error for line, (_, error) in ((self.left, here), (self.right, there))]
        return np.where(x < self.x, here[0], there[0]), np.where(x < self.x, *reach)

    def enlarged(self, factor: float, dof: int) -> Bend:
        """With the variances times ``factor``, known with ``dof`` degrees of freedom."""
        left, right = (
            replace(line, covariance=line.covariance * factor, dof=dof, scaled=True) for line in (self.left, self.right)
        )
        return Bend(self.x, self.x_error * factor**0.5, left, right)


@dataclass(frozen=True)
class Choice:
    """The bend where two lines are preferred, and what was compared."""

    bend: Bend | None
    criterion: str
    gain: float  # how much lower the criterion is with two lines; NaN where none could be compared


def choose(x: Floats, y: Floats, errors: Floats | None) -> Choice:
    """One line or two, by an information criterion that has to fall by more than 4.

    Points are divided at every place that leaves three different abscissae on both sides, a line is fitted to each
    part, and of the divisions whose lines meet there (between the neighbours but one) the best is compared with one
    line: 4 parameters against 2. With errors that the two lines' scatter bears out it is Akaike's χ² + 2k; without, or
    where they don't, n ln(Σ residual²/n) + 2k + 2k(k + 1)/(n - k - 1), the scatter being one parameter more.
    """
    from scipy.stats import chi2

    found = _best_bend(x, y, np.ones_like(y) if errors is None else errors)
    if found is None:
        return Choice(None, OWN if errors is None else GIVEN, np.nan)
    bend, two = found
    one = _misfit(straight_line(x, y, errors), x, y, errors)
    n = len(x)
    if errors is not None and chi2.sf(two, n - 4) >= UNLIKELY:
        gain, criterion = one - two - 4, GIVEN
    else:
        bend = bend.enlarged(two / (n - 4), n - 4)  # the scatter about both lines together; given errors are weights
        floor = float(np.sum((EXACT / (np.ones(n) if errors is None else errors)) ** 2))
        gain, criterion = _aicc(max(one, floor), n, 3) - _aicc(max(two, floor), n, 5), OWN
    return Choice(bend if gain > MARGIN else None, criterion, float(gain))


def _aicc(misfit: float, n: int, k: int) -> float:
    return float(n * np.log(misfit / n) + 2 * k + (2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf))


def _misfit(line: Line, x: Floats, y: Floats, errors: Floats | None) -> float:
    rest = (y - line.at(x)[0]) / (1.0 if errors is None else errors)
    return float(rest @ rest)


def _best_bend(x: Floats, y: Floats, errors: Floats) -> tuple[Bend, float] | None:
    """The division of lowest misfit whose lines meet between its parts, give or take one point."""
    different = np.unique(x)
    best: tuple[Bend, float] | None = None
    for first in range(FEWEST_ON_A_SIDE, len(different) - FEWEST_ON_A_SIDE + 1):
        is_left = x < different[first]
        lines, misfit = [], 0.0
        for part in (is_left, ~is_left):
            lines.append(straight_line(x[part], y[part], errors[part]))
            misfit += _misfit(lines[-1], x[part], y[part], errors[part])
        left, right = lines
        turn = right.slope - left.slope
        if turn == 0:
            continue
        meet = (left.intercept - right.intercept) / turn
        if not different[first - 2] <= meet <= different[first + 1]:
            continue
        if best is None or misfit < best[1]:
            there = np.array([meet])
            error = np.hypot(left.at(there)[1], right.at(there)[1]) / abs(turn)
            best = Bend(float(meet), float(error[0]), left, right), misfit
    return best
