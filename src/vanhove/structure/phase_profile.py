"""What tells glass from crystal, along an axis or about each atom, and its two levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._amorphization import POINTS_PER_SLAB, TYPICAL_PERIOD, amorphization
from .averages import ratio
from .axis import AXES, heights
from .local_order import order_along
from .step import NEEDED, SMALLEST, Step, fit_step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .bond_order import BondOrder

    Floats = NDArray[np.float64]

FEWEST_POINTS = 16  # four slabs: two phases and two interfaces


class Along(NamedTuple):
    """A profile along an axis and the step that was fitted to it."""

    axis: int
    position: Floats
    values: Floats
    errors: Floats
    sign: int  # the crystal is where sign · values is low
    step: Step
    about: str  # what was seen of the levels, in words

    @property
    def fitted(self) -> Floats:
        """The step at the profile's positions, NaN where none was found."""
        return self.sign * self.step.at(self.position)


def by_amorphization(traj: Trajectory, axis: int, slab: float | None, sigma: float) -> Along:
    """The amorphization profile, free of how many atoms a slab holds: low in the crystal."""
    found = amorphization(traj, axis, slab, sigma)
    values, errors = found["disorder"].values, found["disorder_error"].values
    return _stepped(axis, found["position"].values, values, errors, 1, float(found.attrs["height"]), "the disorder")


def by_order(traj: Trajectory, order: BondOrder, axis: int, slab: float | None) -> Along:
    """The mean bond order in overlapping slabs: high in the crystal."""
    height = float(heights(traj.cells, axis).mean())
    slices = max(1, int(np.ceil(POINTS_PER_SLAB * height / (slab or TYPICAL_PERIOD) - 1e-9)))
    q, seen = order_along(traj, order, axis, slices, min(POINTS_PER_SLAB, slices))
    values, errors = ratio(q, seen)
    position = (np.arange(slices) + 0.5) * height / slices
    if POINTS_PER_SLAB % 2 == 0:
        position = position + 0.5 * height / slices  # the middle of an even number of slices is an edge
    return _stepped(axis, position, values, errors, -1, height, "the order")


def _stepped(axis: int, position: Floats, values: Floats, errors: Floats, sign: int, height: float, name: str) -> Along:
    seen = np.isfinite(values)
    if len(values) < FEWEST_POINTS or not seen.all():
        nothing = Step(height, np.full(8, np.nan), np.full(8, np.nan), 0.0)
        about = f"the cell is {height:.3g} Å high along {AXES[axis]}, too few slabs for two phases"
        if not seen.all():
            about = f"somewhere along {AXES[axis]} there is no atom, or none with neighbours"
        return Along(axis, position, values, errors, sign, nothing, about)
    step = fit_step(position, sign * values, height, POINTS_PER_SLAB)
    low, high = np.sort(sign * step.parameters[:2])
    about = (
        f"along {AXES[axis]} the two levels of {name}, {low:.3g} and {high:.3g}, are {step.separation:.1f} times "
        f"the scatter about them apart, where {NEEDED:g} are needed and {100 * SMALLEST:g} % of the higher one"
    )
    return Along(axis, position, values, errors, sign, step, about)


class Levels(NamedTuple):
    """Two levels of a value that every atom has."""

    glass: float
    crystal: float
    separation: float  # their distance over the scatter about the best two

    @property
    def found(self) -> bool:
        """Whether they are two."""
        return self.separation >= NEEDED and self.crystal - self.glass >= SMALLEST * self.crystal

    def place(self, values: Floats) -> NDArray[np.int8]:
        """0 in the glass, 1 between a tenth and nine tenths of the step, 2 in the crystal, -1 where there is none."""
        part = (values - self.glass) / (self.crystal - self.glass)
        where = np.where(part < 0.1, 0, np.where(part > 0.9, 2, 1))
        placed: NDArray[np.int8] = np.where(np.isfinite(part), where, -1).astype(np.int8)
        return placed


def levels_of(values: Floats) -> Levels:
    """The two levels that atoms' values gather about: the split that leaves the least scatter, then the medians."""
    ordered = np.sort(values[np.isfinite(values)])
    n = len(ordered)
    if n < 4:
        return Levels(np.nan, np.nan, 0.0)
    below = np.arange(1, n)
    sums, squares = np.cumsum(ordered), np.cumsum(ordered**2)
    first, second = sums[:-1] / below, (sums[-1] - sums[:-1]) / (n - below)
    rest = squares[-1] - below * first**2 - (n - below) * second**2
    best = int(np.argmin(rest))
    scatter = float(np.sqrt(max(float(rest[best]), 0.0) / n))
    apart = float(second[best] - first[best])
    separation = apart / scatter if scatter > 0 else 0.0
    return Levels(float(np.median(ordered[: best + 1])), float(np.median(ordered[best + 1 :])), separation)
