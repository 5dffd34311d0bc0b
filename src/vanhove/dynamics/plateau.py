"""A correlation function in several parts of a run → its running integral, the level it reaches, and both errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ONE_SIGMA = 0.841344746  # chance below one standard error of a normal variable
DRIFTING = 0.995  # chance below which a drift over the plateau passes for noise, either way: 1 in 100
FEWEST_PARTS = 2
CORRELATED = 0.2  # of the value at lag 0 that must be left one frame later


@dataclass(frozen=True)
class Level:
    """The mean of a running integral over its plateau, with one standard error."""

    value: float
    error: float
    early: float  # over the first half of the plateau
    late: float
    steady: bool  # they agree


@dataclass(frozen=True)
class Cut:
    """Consecutive parts of a run, equally long, and the lags looked at in each."""

    starts: Ints  # first frame of each part
    frames: int  # of a part
    lags: Floats  # ps, from 0, one a frame
    inside: NDArray[np.bool_]  # lags on the plateau

    @property
    def spacing(self) -> float:
        """Time between frames, ps."""
        return float(self.lags[1])


def cut(n_frames: int, spacing: float, segments: int, length: float, plateau: Sequence[float], *, whole: bool) -> Cut:
    """``segments`` parts of ``length`` ps spread evenly over a run, or as many as it holds.

    With ``whole`` the parts fill the run, where that makes them longer, and ``length`` is the longest lag only.
    """
    if segments < FEWEST_PARTS:
        raise Refusal(
            f"segments={segments}", "the error is the spread between segments", "Give 2 or more; 20 are usual"
        )
    if not (np.isfinite(length) and length > 0):
        raise Refusal(f"length={length}", "", "Give the length of a segment in ps")
    if len(plateau) != 2 or not np.isfinite(list(plateau)).all() or not 0 <= plateau[0] < plateau[1]:
        raise Refusal(f"plateau={plateau!r}", "", "Give the first and the last lag in ps")
    slack = 1e-6 * spacing
    last = int((length + slack) / spacing)
    if plateau[1] > length + slack:
        raise Refusal(
            f"The plateau ends at {plateau[1]:g} ps", f"a segment is {length:g} ps long",
            f"Give length={plateau[1]:g} or an earlier plateau",
        )  # fmt: skip
    fit = min(segments, n_frames // (last + 1))
    if fit < FEWEST_PARTS or last < 1:
        whole_run = (n_frames - 1) * spacing
        raise Refusal(
            f"The run is {whole_run:g} ps long, too short for {FEWEST_PARTS} segments of {length:g} ps",
            "", f"Give a shorter length= (up to {whole_run / FEWEST_PARTS:.3g} ps) with a plateau= inside it",
        )  # fmt: skip
    frames = n_frames // fit if whole else last + 1
    lags = spacing * np.arange(last + 1, dtype=np.float64)
    inside = (lags >= plateau[0] - slack) & (lags <= plateau[1] + slack)
    if inside.sum() < 2:
        raise Refusal(
            f"The plateau {plateau[0]:g}–{plateau[1]:g} ps holds {inside.sum()} lags",
            f"the frames are {spacing:g} ps apart", "Give a wider one",
        )  # fmt: skip
    starts = np.linspace(0, n_frames - frames, fit).astype(np.int64)
    return Cut(starts, frames, lags, inside)


def check_correlated(correlation: Floats, spacing: float) -> None:
    """Refuse velocities that one frame later are forgotten: their integral would be that of noise."""
    mean = correlation.mean(axis=0)
    if mean[0] <= 0:
        raise Refusal("All velocities are zero", "", "Write them in the simulation, or take D from the MSD")
    left = float(mean[1] / mean[0])
    if left < CORRELATED:
        raise Refusal(
            f"The velocities are forgotten between two frames: {left:.0%} of their autocorrelation is left",
            f"the frames are {spacing:g} ps apart",
            "Write velocities more often (every 1 to 10 fs), or use the Einstein relation (diffusion of the msd)",
        )


def running_integral(correlation: Floats, spacing: float) -> Floats:
    """The integral of each row from 0 to every lag, by the trapezoid rule."""
    running = np.zeros_like(correlation)
    np.cumsum((correlation[..., 1:] + correlation[..., :-1]) * (spacing / 2), axis=-1, out=running[..., 1:])
    return running


def mean_and_error(parts: Floats) -> tuple[Floats, Floats]:
    """Mean over the first axis, and the half-width that holds the truth in 68.3 of 100 (Student's t)."""
    from scipy.stats import t

    n = len(parts)
    error: Floats = parts.std(axis=0, ddof=1) / np.sqrt(n) * float(t.ppf(ONE_SIGMA, n - 1))
    return parts.mean(axis=0), error


def level(correlation: Floats, parts: Cut) -> Level:
    """Where the running integral of a ``correlation`` (part, lag) levels off.

    The error is the spread between parts of each part's mean over the plateau, the plateau's lags thus never taken as
    independent, and a third of what leaving out every second frame changes: the trapezoid rule's own.
    """
    from scipy.stats import t

    running, inside = running_integral(correlation, parts.spacing), np.flatnonzero(parts.inside)
    value, error = mean_and_error(running[:, inside].mean(axis=1))
    even = inside[inside % 2 == 0]
    coarse = running_integral(correlation[:, ::2], 2 * parts.spacing)[:, even // 2]
    rule = float((coarse - running[:, even]).mean()) / 3
    half = (len(inside) + 1) // 2
    early, late = running[:, inside[:half]].mean(axis=1), running[:, inside[-half:]].mean(axis=1)
    drift = late - early
    spread = drift.std(ddof=1) / len(drift) ** 0.5 * float(t.ppf(DRIFTING, len(drift) - 1))
    return Level(
        float(value), float(np.hypot(error, rule)), float(early.mean()), float(late.mean()),
        bool(abs(drift.mean()) <= spread),
    )  # fmt: skip


def no_plateau(found: Level, parts: Cut, factor: float, units: str) -> str:
    """The sentence that says so, with the level's halves in ``units``."""
    at = parts.lags[parts.inside]
    early, late = factor * found.early, factor * found.late
    return (
        f"No plateau: the integral goes from {early:.3g} to {late:.3g} {units} between the halves of "
        f"{at[0]:g}–{at[-1]:g} ps, by more than chance gives; look at the running integral and choose a later plateau "
        "with longer segments."
    )
