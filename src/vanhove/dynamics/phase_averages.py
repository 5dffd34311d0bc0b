"""The MSD over displacements that begin in a phase, with what is known of its error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.results import Column

from .averages import FEWEST_GROUPS, WALK, Averages
from .origin_sums import Asked, counted, every_square, groups_of, means, spread_of, sum_squares_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .origin_sums import Lags

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def over_origins(ions: Trajectory, path: Floats | None, lags: Lags, inside: Bools) -> Averages:
    """Of the frames that are ``inside`` (ion, frame) for their ions, evenly spaced or not.

    NaN at lags after which the run holds no frame of any of them.
    """
    asked = Asked.of(ions, lags)
    direct, few = asked.direct, asked.few
    found = sum_squares_of(ions, path, inside, asked.lag[direct], np.flatnonzero(np.isin(direct, few)))
    if asked.by_fft and asked.frames is not None:
        counts, sums = counted(inside)[asked.frames], every_square(ions, path, inside)[:, asked.frames]
    else:
        counts, sums = found.counts.sum(axis=0), found.sums.sum(axis=1)
    by_axis = means(sums, counts)
    total = by_axis.sum(axis=0)
    independent = asked.independent(counts, found.overlaps)
    by_group = means(found.sums.sum(axis=0), found.counts)
    at = direct[asked.lag[direct] > 0]
    spread = spread_of(by_group, found.counts, FEWEST_GROUPS)[asked.lag[direct] > 0] / total[at]
    known = np.isfinite(spread)
    if known.any():
        place = np.log(np.maximum(asked.lag, asked.lag[at][0]))
        relative, how = (
            np.interp(place, np.log(asked.lag[at][known]), spread[known]),
            (f"spread between {len(found.counts)} groups of ions"),
        )
    else:
        relative, how = np.sqrt(2 / (3 * np.where(independent > 0, independent, np.nan))), WALK
    return Averages(
        asked.lag, by_axis, independent, total * relative, how, np.bincount(groups_of(inside)), asked.lag[few],
        means(found.table.sum(axis=0), found.table_counts),
        attributes={} if asked.frames is None else {"spacing": ions.spacing},
        variables={
            "n_displacements": Column(("lag",), counts, "1", "displacements that begin in the phase"),
            "part_displacements": Column(
                ("part", "group", "part_lag"), found.table_counts, "1", "displacements in one part and group"
            ),
            **({"n_origins": Column(("lag",), asked.pairs, "1", "pairs of frames")} if asked.frames is None else {}),
        },
        coordinates={}
        if asked.frames is not None
        else {"frame_time": Column(("frame",), ions.times, "ps", "time of a frame")},
    )  # fmt: skip
