"""An MSD of unevenly spaced frames as a fit sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .curve import Curve
from .pairs_by_lag import PairsByLag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class UnevenCurve(Curve):
    """A :class:`Curve` whose lags are in ps and whose origins are at any times."""

    frame_times: Floats

    @cached_property
    def pairs(self) -> PairsByLag:
        """The pairs of frames behind every lag."""
        return PairsByLag.of(self.frame_times, self.lags, first_only=self.first_only)

    @property
    def origins(self) -> Ints:
        """See :class:`Curve`."""
        return self.pairs.n_origins

    @property
    def length(self) -> float:
        """See :class:`Curve`."""
        return float(np.ptp(self.frame_times))

    def of_ions(self, n_ions: int) -> Floats:
        """See :class:`Curve`."""
        return self.pairs.independent(n_ions)

    def _squared_covariance(self, knots: Floats, growth: Floats) -> Floats:
        from vanhove.kernels.intervals import squared_pair_covariance

        origins = self.pairs.sparse_origins()
        edges = np.cumsum([0, *(len(times) for times in origins)])
        return squared_pair_covariance(knots, growth, self.lags, np.concatenate(origins), edges)
