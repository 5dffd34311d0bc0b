"""The MSD at chosen lags, over frames that are evenly spaced or not, with what is known of its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.results import Column

from .lags import chosen_lags, independent_displacements, part_lags
from .pairs_by_lag import PairsByLag
from .squares import Squares, group_of, sum_squared_pairs, sum_squares, sum_squares_from_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Lags = Literal["all", "log"] | Sequence[float]

FEWEST_GROUPS = 8  # fewer ions say too little of how much ions differ
WALK = "a random walk's, from n_independent: too few ions to compare"  # how the error is found then


@dataclass(frozen=True)
class Averages:
    """The MSD at chosen lags (ps)."""

    lag: Floats
    by_axis: Floats  # (axis, lag) Å²
    independent: Floats  # displacements at each lag
    error: Floats
    how: str  # the error was found
    ions: Ints  # in each group
    part_lag: Floats
    parts: Floats  # (part, group, part_lag)
    attributes: dict[str, float] = field(default_factory=dict)  # these and the columns say when the frames are
    variables: dict[str, Column] = field(default_factory=dict)
    coordinates: dict[str, Column] = field(default_factory=dict)


def over_even_frames(ions: Trajectory, path: Floats | None, lags: Lags, *, first_only: bool) -> Averages:
    """By FFT or direct sums."""
    spacing = ions.spacing
    wanted = chosen_lags(lags, ions.n_frames, spacing)
    few = part_lags(wanted)
    by_axis, squares = _by_axis(ions, path, wanted, few, first_only=first_only)
    available = np.ones_like(wanted) if first_only else ions.n_frames - wanted
    independent = independent_displacements(wanted, available, ions.n_atoms)
    parts = _parts(squares.table, np.ones_like(few) if first_only else ions.n_frames - few, ions.n_atoms)
    # parts of a lag have the same number of origins, give or take one
    by_group = np.nanmean(parts, axis=0) if len(few) else parts[0]
    relative, how = _relative_error(wanted, independent, by_group, few)
    error = by_axis.sum(axis=0) * relative
    lag, part_lag = (np.asarray(frames * spacing, np.float64) for frames in (wanted, few))
    return Averages(
        lag, by_axis, independent, error, how, np.bincount(group_of(ions.n_atoms)), part_lag, parts,
        attributes={"spacing": spacing},
    )  # fmt: skip


def over_uneven_frames(ions: Trajectory, path: Floats | None, lags: Lags, *, first_only: bool) -> Averages:
    """By direct sums over the pairs of frames behind every lag."""
    pairs = PairsByLag.chosen(ions.times, lags, first_only=first_only)
    squares = sum_squared_pairs(ions, path, pairs)
    few = pairs.few()
    by_axis = squares.by_group.sum(axis=1) / (pairs.n_origins * ions.n_atoms)
    independent = pairs.independent(ions.n_atoms)
    in_group = np.bincount(group_of(ions.n_atoms))
    by_group = squares.by_group.sum(axis=0) / (pairs.n_origins * in_group[:, None])
    moved = pairs.lags > 0
    relative, how = _relative_error(pairs.lags, independent, by_group[:, moved], pairs.lags[moved])
    return Averages(
        pairs.lags, by_axis, independent, by_axis.sum(axis=0) * relative, how, in_group, pairs.lags[few],
        _parts(squares.table, pairs.n_origins[few], ions.n_atoms),
        variables={"n_origins": Column(("lag",), pairs.n_origins, "1", "pairs of frames")},
        coordinates={"frame_time": Column(("frame",), pairs.times, "ps", "time of a frame")},
    )  # fmt: skip


def _by_axis(
    ions: Trajectory, path: Floats | None, wanted: Ints, few: Ints, *, first_only: bool
) -> tuple[Floats, Squares]:
    """The MSD (axis, lag), and the sums it came from."""
    if first_only:
        squares = sum_squares_from_first(ions, path, wanted, few)
        assert squares.all_lags is not None
        return squares.all_lags / ions.n_atoms, squares
    positive = wanted[wanted > 0]
    by_fft = not np.array_equal(positive, few)
    squares = sum_squares(ions, path, few, every_lag=by_fft)
    by_axis = np.zeros((3, len(wanted)))
    if squares.all_lags is not None:
        by_axis[:] = squares.all_lags[:, wanted]
    else:
        by_axis[:, wanted > 0] = squares.table.sum(axis=(1, 2))
    return by_axis / ((ions.n_frames - wanted) * ions.n_atoms), squares


def _parts(table: Floats, available: Ints, n_ions: int) -> Floats:
    """(part, group, lag) means, of lags with ``available`` origins; NaN where a part of these holds none."""
    parts = table.shape[1]
    edges = np.arange(parts + 1)[:, None] * available // parts
    origins = np.diff(edges, axis=0)
    counts = origins[:, None] * np.bincount(group_of(n_ions))[:, None]
    means: Floats = np.full(table.shape[1:], np.nan)
    np.divide(table.sum(axis=0), counts, out=means, where=counts > 0)
    return means


def _relative_error(
    lags: NDArray[np.number[Any]], independent: Floats, by_group: Floats, at: NDArray[np.number[Any]]
) -> tuple[Floats, str]:
    """Standard error over the MSD at all ``lags``, from the groups' means (group, lag) at the lags ``at``."""
    groups = len(by_group)
    if groups < FEWEST_GROUPS or len(at) == 0:
        return np.sqrt(2 / (3 * independent)), WALK
    mean = by_group.mean(axis=0)
    spread = np.divide(by_group.std(axis=0, ddof=1), mean, out=np.zeros_like(mean), where=mean > 0)
    relative = np.interp(np.log(np.maximum(lags, at[0])), np.log(at), spread / groups**0.5)
    return relative, f"spread between {groups} groups of ions"
