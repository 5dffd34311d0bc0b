"""Frames that are not evenly spaced (log-spaced, restarted): which pairs of them are the same time apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.times import lag_tolerance, lags_between

from .lags import LOG_LAGS, PART_LAGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_LAGS = 2500  # that "all" gives: jittered frames have half their number squared
DENSE = 8  # origins in the length of a lag: more of them know no more (1 % of the error)


@dataclass(frozen=True)
class PairsByLag:
    """The pairs of frames behind every lag: pair p of lag k are the frames ``first[p]``, ``second[p]`` of ``at(k)``."""

    times: Floats  # of the frames, ps
    lags: Floats  # rising, ps
    n_origins: Ints  # pairs of each lag
    first_only: bool  # the first frame is the only origin

    @classmethod
    def of(cls, times: Floats, lags: Floats, *, first_only: bool = False) -> PairsByLag:
        """The pairs of these ``lags``."""
        empty = cls(times, lags, np.zeros(len(lags), np.int64), first_only)
        counts = [len(empty.at(k)[0]) for k in range(len(lags))]
        return cls(times, lags, np.array(counts, np.int64), first_only)

    @classmethod
    def chosen(
        cls, times: Floats, lags: Literal["all", "log"] | Sequence[float], *, first_only: bool = False
    ) -> PairsByLag:
        """What a person asked for: ``"all"`` lags there are (with 0), ``"log"`` or a list in ps.

        ``"log"`` takes in each of some 60 equal steps of ln t the lag with the most origins, and so does ``"all"``
        where there are more than 2500 lags, with 2500 steps.
        """
        if not isinstance(lags, str):
            return cls._listed(times, lags, first_only)
        if lags not in ("all", "log"):
            raise Refusal(f"lags={lags!r}", "", 'Pass "all", "log" or a list of lags in ps')
        there = times[1:] - times[0]
        counts = np.ones(len(there), np.int64)
        if not first_only:
            there, counts = lags_between(times)
        if lags == "log":
            return cls.of(times, there[best_known(there, counts, LOG_LAGS)], first_only=first_only)
        taken = best_known(there, counts, MOST_LAGS) if len(there) > MOST_LAGS else np.arange(len(there))
        if len(taken) < len(there):
            warn(
                f"{len(taken)} lags are taken, not all that there are", f"the {len(times)} frames are unevenly spaced "
                f"and have more than {MOST_LAGS} lags",
                'Take an even part with traj.uniform(), or name the lags; lags="log" takes some 60 in any case',
            )  # fmt: skip
        return cls.of(times, np.append(0.0, there[taken]), first_only=first_only)

    @classmethod
    def _listed(cls, times: Floats, lags: Sequence[float], first_only: bool) -> PairsByLag:
        asked = np.unique(np.atleast_1d(np.asarray(lags, dtype=np.float64)))
        if asked.size == 0 or not np.isfinite(asked).all() or asked[0] < 0:
            raise Refusal(f"lags={lags!r}", "", "Give a list of finite, positive lags in ps")
        found = cls.of(times, asked, first_only=first_only)
        missing = found.lags[found.n_origins == 0]
        if len(missing):
            there = times[1:] - times[0] if first_only else lags_between(times)[0]
            near = there[np.argmin(np.abs(there - missing[0]))]
            raise Refusal(
                f"There is no lag of {missing[0]:g} ps", "the frames are unevenly spaced, and no two are so far apart",
                f'Give lags that there are, for example {near:.10g} ps, or lags="log"',
            )  # fmt: skip
        return found

    @cached_property
    def tolerance(self) -> float:
        """Times between frames that differ from a lag by less are that lag."""
        return lag_tolerance(self.times)

    @property
    def origins(self) -> int:
        """Number of frames that may be origins."""
        return 1 if self.first_only else len(self.times)

    @property
    def length(self) -> float:
        """Time from the first frame to the last, ps."""
        return float(self.times[-1] - self.times[0])

    def at(self, k: int) -> tuple[Ints, Ints]:
        """The earlier and the later frame of every pair that is lag ``k`` apart, in the order of time."""
        from vanhove.kernels.intervals import pairs_apart

        first, second = np.empty((2, len(self.times)), np.int64)
        found = pairs_apart(self.times, self.origins, float(self.lags[k]), self.tolerance, first, second)
        return first[:found], second[:found]

    def few(self) -> Ints:
        """Which lags are told apart by parts and groups: all positive ones, or 40 over ln t with the most origins."""
        positive = np.flatnonzero(self.lags > 0)
        if len(positive) <= LOG_LAGS:
            return positive
        chosen: Ints = positive[best_known(self.lags[positive], self.n_origins[positive], PART_LAGS)]
        return chosen

    def independent(self, n_ions: int) -> Floats:
        """Number of independent displacements that would know a random walk's MSD as well, for each lag.

        As :func:`~vanhove.dynamics.lags.independent_displacements`, of origins at any times: two displacements over L
        that begin τ apart share 1 - τ/L of a walk, hence n_eff = n² / Σ_t Σ_t' (1 - |t - t'|/L)².
        """
        from vanhove.kernels.intervals import overlap

        counted = n_ions * self.n_origins.astype(np.float64)
        for k in np.flatnonzero(self.lags > 0).tolist():
            first, _ = self.at(k)
            counted[k] *= len(first) / overlap(self.times[first], float(self.lags[k]))
        return counted

    def sparse_origins(self) -> list[Floats]:
        """Times of origins of every lag, one in each eighth of the lag: they know as much as all of them."""
        kept = []
        for k, lag in enumerate(self.lags.tolist()):
            times = self.times[self.at(k)[0]]
            stretches = max(1, int(np.ceil(np.ptp(times) * DENSE / lag)))
            which = np.searchsorted(np.linspace(times[0], times[-1], stretches + 1)[1:-1], times)
            _, first, there = np.unique(which, return_index=True, return_counts=True)
            kept.append(times[first + there // 2])
        return kept


def best_known(lags: Floats, counts: Ints, n: int) -> Ints:
    """Of rising positive ``lags`` the one with the most origins in each of ``n`` equal steps of ln t that has any."""
    share = np.log(lags / lags[0]) / max(np.log(lags[-1] / lags[0]), 1e-12)
    steps = np.minimum((share * n).astype(np.int64), n - 1)
    order = np.lexsort((lags, -counts, steps))
    _, first = np.unique(steps[order], return_index=True)
    return np.sort(order[first])
