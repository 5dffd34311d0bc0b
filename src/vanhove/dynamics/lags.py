"""Which lags are computed, and what can be known of them before any ion is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LOG_LAGS = 64  # over the whole run; early ones fall together on the same frame
PART_LAGS = 40  # at which an MSD of every lag is told apart by parts and groups: these cost as much as the FFT
CLOSE = 1e-3  # of the frames' distance in time: a lag that is a multiple of it but for rounding
NEIGHBOURHOOD = 1.5  # the local exponent at t looks at lags from t / 1.5 to 1.5 t


def log_lags(n_frames: int) -> Ints:
    """About :data:`LOG_LAGS` lags, in frames, evenly spaced in their logarithm from one frame to the whole run."""
    return np.unique(np.round(np.geomspace(1, n_frames - 1, LOG_LAGS)).astype(np.int64))


def part_lags(lags: Ints) -> Ints:
    """Those of ``lags`` that are told apart by parts and groups: all positive ones, or the nearest to log spacing."""
    positive = lags[lags > 0]
    if len(positive) <= LOG_LAGS:
        return positive
    wanted = np.geomspace(positive[0], positive[-1], PART_LAGS)
    after = np.searchsorted(positive, wanted).clip(1, len(positive) - 1)
    nearer = after - (wanted - positive[after - 1] < positive[after] - wanted)
    chosen: Ints = positive[np.unique(nearer)]
    return chosen


def chosen_lags(lags: Literal["all", "log"] | Sequence[float], n_frames: int, spacing: float) -> Ints:
    """Lags in frames from what a person asked for: ``"all"`` (with 0), ``"log"`` or a list in ps."""
    if isinstance(lags, str):
        if lags == "all":
            return np.arange(n_frames)
        if lags == "log":
            return log_lags(n_frames)
        raise Refusal(f"lags={lags!r}", "", 'Pass "all", "log" or a list of lags in ps')
    asked = np.atleast_1d(np.asarray(lags, dtype=np.float64))
    if asked.ndim != 1 or asked.size == 0 or not np.isfinite(asked).all():
        raise Refusal(f"lags={lags!r}", "", "Give a list of finite lags in ps")
    frames = np.round(asked / spacing)
    off = np.abs(asked - frames * spacing) > CLOSE * spacing
    if off.any():
        raise Refusal(
            f"There is no lag of {asked[off][0]:g} ps",
            f"the frames are {spacing:g} ps apart",
            f"Give multiples of it, for example {max(frames[off][0], 1) * spacing:g} ps",
        )
    beyond = (frames < 0) | (frames > n_frames - 1)
    if beyond.any():
        raise Refusal(
            f"There is no lag of {asked[beyond][0]:g} ps",
            f"the trajectory is {(n_frames - 1) * spacing:g} ps long",
            "Give lags between 0 and its length",
        )
    return np.unique(frames.astype(np.int64))


def frames_apart(traj: Trajectory, step: float, option: str) -> Trajectory:
    """Frames that are ``step`` ps apart, as ``option`` asked for: no two displacements share their time."""
    if not (np.isfinite(step) and step > 0):
        raise Refusal(f"{option}={step}", "", "Give a positive number of ps")
    if traj.n_frames < 2:
        raise Refusal("One frame has no displacements", "", "Give two frames or more")
    if not traj.evenly_spaced:
        return traj.uniform(step)
    spacing = traj.spacing
    every = round(step / spacing)
    if every == 0 or abs(step - every * spacing) > CLOSE * spacing:
        raise Refusal(
            f"There is no lag of {step:g} ps", f"the frames are {spacing:g} ps apart",
            f"Give a multiple of it, for example {option}={max(every, 1) * spacing:g}",
        )  # fmt: skip
    if every > traj.n_frames - 1:
        raise Refusal(
            f"There is no lag of {step:g} ps",
            f"the run lasts {spacing * (traj.n_frames - 1):g} ps",
            "Give a shorter one",
        )
    return traj[::every]


def independent_displacements(lags: Ints, origins: Ints, n_ions: int) -> Floats:
    """Number of independent displacements that would know the MSD of a random walk as well as the overlapping ones.

    Displacements over the same lag that start τ frames apart share a part 1 - τ/m of a walk, and their squares are
    correlated by its square. With n origins the mean over them therefore has the variance of

        n_eff = n² / Σ_τ (n - |τ|) (1 - |τ|/m)²,  |τ| < min(m, n)

    independent displacements, times the number of ions: 1.5 times the run's length over the lag, for a long run.
    """
    m, n = np.maximum(lags, 1).astype(float), origins.astype(float)
    last = np.minimum(m, n) - 1
    first, second, third = (  # Σ τ, Σ τ², Σ τ³ up to the last overlap
        last * (last + 1) / 2,
        last * (last + 1) * (2 * last + 1) / 6,
        (last * (last + 1) / 2) ** 2,
    )
    overlap = n * last - first * (1 + 2 * n / m) + second * (2 / m + n / m**2) - third / m**2
    counted: Floats = n_ions * n**2 / (n + 2 * overlap)
    return counted


def local_exponent(lag: Floats, msd: Floats) -> Floats:
    """Local exponent d ln MSD / d ln t at every lag: the slope through the lags within a factor of 1.5.

    Lags are weighted so that each stretch of ln t counts alike, and a point's nearest neighbours are always taken in.
    NaN where there is no lag or no displacement to take a logarithm of.
    """
    exponent = np.full(lag.shape, np.nan)
    usable = (lag > 0) & (msd > 0)
    if usable.sum() < 2:
        return exponent
    x, y = np.log(lag[usable]), np.log(msd[usable])
    weight = np.gradient(x)
    here = np.arange(len(x))
    low = np.minimum(np.searchsorted(x, x - np.log(NEIGHBOURHOOD)), np.maximum(here - 1, 0))
    high = np.maximum(np.searchsorted(x, x + np.log(NEIGHBOURHOOD), side="right"), np.minimum(here + 2, len(x)))

    def summed(values: Floats) -> Floats:
        running = np.concatenate([[0.0], np.cumsum(weight * values)])
        total: Floats = running[high] - running[low]
        return total

    one, mean_x, mean_y = summed(np.ones_like(x)), summed(x), summed(y)
    # about each window's own middle, or sums of x² would cancel
    spread = summed(x * x) - mean_x**2 / one
    exponent[usable] = (summed(x * y) - mean_x * mean_y / one) / spread
    return exponent
