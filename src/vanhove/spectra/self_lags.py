"""Which lags single atoms are correlated over, and the pairs of frames behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.dynamics.displacement_counts import stride_of
from vanhove.dynamics.lags import CLOSE, chosen_lags, independent_displacements
from vanhove.dynamics.pairs_by_lag import PairsByLag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Lags = Literal["all", "log"] | Sequence[float]
    Origins = Literal["all", "first"] | int

USUAL_SHARE = 2  # of the run, one in so many, that the longest lag is: each then has half the frames as origins


@dataclass(frozen=True)
class SelfLags:
    """Lags, and which frames are their origins."""

    pairs: PairsByLag
    steps: Ints | None  # the lags in frames, where frames are evenly spaced
    stride: int  # an origin is every so many frames
    independent: Floats  # (lag) independent displacements of all ions

    @property
    def every_origin(self) -> bool:
        """Whether each frame is an origin."""
        return self.stride == 1 and not self.pairs.first_only

    @property
    def without_gaps(self) -> bool:
        """Whether these are the lags 0, 1, 2, … frames: what a spectrum is the transform of."""
        steps = self.steps
        return steps is not None and len(steps) > 1 and bool((steps == np.arange(len(steps))).all())


def choose(ions: Trajectory, lags: Lags, max_lag: float | None, origins: Origins) -> SelfLags:
    """Lags and origins as a person asked for; up to half of the run where frames are even and nothing else is said."""
    stride, first_only = stride_of(origins), origins == "first"
    frames = ions.n_frames
    if frames < 2:
        raise Refusal("One frame has no displacements", "", "Give two frames or more")
    run = float(ions.times[-1] - ions.times[0])
    if max_lag is not None and not 0 < max_lag <= run * (1 + 1e-9):
        raise Refusal(f"max_lag={max_lag:g} ps", f"the run is {run:g} ps long", "Give a lag above 0 and within it")
    if ions.evenly_spaced:
        return _even(ions, lags, max_lag, stride, first_only=first_only)
    pairs = PairsByLag.chosen(ions.times, lags, first_only=first_only)
    kept = np.ones(len(pairs.lags), bool) if max_lag is None else pairs.lags <= max_lag + pairs.tolerance
    if not (pairs.lags[kept] > 0).any():
        raise Refusal(
            f"No two frames are max_lag={max_lag:g} ps or less apart",
            f"the shortest lag is {pairs.lags[pairs.lags > 0].min():g} ps", "Give a longer max_lag",
        )  # fmt: skip
    counts = np.array([int((pairs.at(k)[0] % stride == 0).sum()) for k in np.flatnonzero(kept).tolist()], np.int64)
    if (counts == 0).any():
        missing = float(pairs.lags[kept][counts == 0][0])
        raise Refusal(
            f"origins={origins} leaves no origin for the lag of {missing:g} ps",
            "the frames are unevenly spaced", 'Pass origins="all"',
        )  # fmt: skip
    independent = np.minimum(pairs.independent(ions.n_atoms)[kept], counts * float(ions.n_atoms))
    return SelfLags(replace(pairs, lags=pairs.lags[kept], n_origins=counts), None, stride, independent)


def _even(ions: Trajectory, lags: Lags, max_lag: float | None, stride: int, *, first_only: bool) -> SelfLags:
    frames, spacing = ions.n_frames, ions.spacing
    named = isinstance(lags, str)
    last = frames - 1
    if max_lag is not None:
        last = int(max_lag / spacing + CLOSE)
        if last == 0:
            raise Refusal(
                f"max_lag={max_lag:g} ps", f"the frames are {spacing:g} ps apart", "Give that or a longer one"
            )
    elif named:
        last = max(1, (frames - 1) // USUAL_SHARE)
    steps = chosen_lags(lags, last + 1 if named else frames, spacing)
    steps = steps[steps <= last]
    if not (steps > 0).any():
        raise Refusal(f"lags={lags!r} has none above 0", "", "Give a positive lag within max_lag")
    counts = np.ones_like(steps) if first_only else -(-(frames - steps) // stride)
    independent = independent_displacements(steps, 1 + (counts - 1) * stride, ions.n_atoms)
    pairs = PairsByLag(ions.times, np.asarray(steps * spacing, np.float64), counts, first_only)
    return SelfLags(pairs, steps, stride, np.minimum(independent, counts * float(ions.n_atoms)))
