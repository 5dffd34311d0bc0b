"""How many displacements have which length, by lag and group of ions, over frames that are evenly spaced or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.trajectory.blocks import add_blocks, cut_atoms
from vanhove.trajectory.budget import memory_budget, thread_count

from .lags import chosen_lags, independent_displacements
from .origin_sums import groups_of, means
from .pairs_by_lag import PairsByLag
from .squares import group_of
from .tiles import TILE, fields_of, tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Lags = Literal["all", "log"] | Sequence[float]
    Origins = Literal["all", "first"] | int

MOST_BINS = 1_000_000


@dataclass(frozen=True)
class Counts:
    """Lengths of the displacements of N ions."""

    lag: Floats  # ps
    by_group: Ints  # (group, lag, bin), the last bin for all beyond
    squares: Floats  # (group, lag) Å², sums of squared lengths
    n_origins: Ints  # (lag) pairs of frames
    independent: Floats  # (lag) displacements
    displacements: Ints  # (group, lag): how many are counted


def bins_below(r_max: float, width: float) -> int:
    """Number of whole bins of ``width`` from 0 on that fit below ``r_max``."""
    for name, value in (("r_max", r_max), ("width", width)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise Refusal(f"{name}={value!r}", "", "Give a positive length in Å")
        if not (np.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value}", "", "Give a positive length in Å")
    bins = int(r_max / width + 1e-9)
    if not 1 <= bins <= MOST_BINS:
        raise Refusal(f"{bins} bins of {width} Å fit below r_max={r_max} Å", "", "Give another width or r_max")
    return bins


def stride_of(origins: Origins) -> int:
    """Every how many frames an origin lies, of what a person asked for (with ``"first"`` there is but one)."""
    if isinstance(origins, str) and origins in ("all", "first"):
        return 1
    if isinstance(origins, bool) or not isinstance(origins, int | np.integer) or origins < 1:
        raise Refusal(f"origins={origins!r}", "", 'Pass "all", "first", or a whole number: every so many frames one')
    return int(origins)


def lengths(
    ions: Trajectory,
    path: Floats | None,
    lags: Lags,
    origins: Origins,
    width: float,
    bins: int,
    inside: Bools | None = None,
) -> Counts:
    """Count the displacements of ``ions`` relative to ``path`` over all ions, lags and origins.

    With ``inside`` (ion, frame) only the frames that it names are origins of their ions.
    """
    stride, first_only = stride_of(origins), origins == "first"
    even = ions.n_frames < 2 or ions.evenly_spaced
    groups = group_of(ions.n_atoms) if inside is None else groups_of(inside)
    if even:
        spacing, frames = ions.spacing, ions.n_frames
        steps = chosen_lags(lags, frames, spacing)
        n_origins = np.ones_like(steps) if first_only else -(-(frames - steps) // stride)
        pairs = PairsByLag(ions.times, np.asarray(steps * spacing, np.float64), n_origins, first_only)
        independent = independent_displacements(steps, 1 + (n_origins - 1) * stride, ions.n_atoms)
    else:
        pairs = PairsByLag.chosen(ions.times, lags, first_only=first_only)
        found = [int((pairs.at(k)[0] % stride == 0).sum()) for k in range(len(pairs.lags))]
        steps, n_origins = np.empty(0, np.int64), np.array(found, np.int64)
        if (n_origins == 0).any():
            missing = float(pairs.lags[n_origins == 0][0])
            raise Refusal(
                f"origins={origins} leaves no origin for the lag of {missing:g} ps",
                "the frames are unevenly spaced", 'Pass origins="all"',
            )  # fmt: skip
        independent = pairs.independent(ions.n_atoms)
    work = _Work(
        ions, path, pairs, steps if even and (stride == 1 or first_only) else None, stride, width, bins, inside
    )
    total = work.total(groups)
    counted = np.bincount(groups)[:, None] * n_origins
    independent = np.minimum(independent, n_origins * float(ions.n_atoms))
    if inside is not None:
        counted, overlaps = total["found"].astype(np.int64), total["overlaps"].astype(np.float64)
        independent = means(counted.sum(axis=0) ** 2.0, overlaps)
    return Counts(
        pairs.lags, total["counts"].astype(np.int64), total["squares"].astype(np.float64), n_origins, independent,
        counted,
    )  # fmt: skip


@dataclass(frozen=True)
class _Work:
    """One pass over the ions, block by block."""

    ions: Trajectory
    path: Floats | None
    pairs: PairsByLag
    steps: Ints | None  # lags in frames where the origins are one frame after the other
    stride: int
    width: float
    bins: int
    inside: Bools | None = None

    def total(self, groups: Ints) -> Sums:
        from vanhove.kernels.displacement_histogram import count_origins, count_pairs, count_steps

        ions, pairs, frames = self.ions, self.pairs, self.ions.n_frames
        shape = (int(groups[-1]) + 1, len(pairs.lags), self.bins + 1)
        table = 8 * int(np.prod(shape))
        if 3 * table * thread_count() > memory_budget():
            raise Refusal(
                f"Histograms of {shape[1]} lags and {self.bins} bins take {table / 1e9:.1f} GB",
                f"{thread_count()} threads have one each, and the memory budget is {memory_budget() / 1e9:.1f} GB",
                'Take lags="log" or a list, wider bins, or raise VANHOVE_MEMORY',
            )

        def work(atoms: slice) -> Sums:
            counts, squares = np.zeros(shape, np.int64), np.zeros(shape[:2])
            found, overlaps = np.zeros(shape[:2], np.int64), np.zeros(shape[1])
            for rows, mine in tiles(ions, self.path, atoms, TILE):
                of = groups[mine]
                if self.inside is not None:
                    count_origins(
                        rows, self.inside[mine], pairs.times, self.stride, pairs.lags, pairs.tolerance, of,
                        1 / self.width, counts, squares, found, overlaps,
                    )  # fmt: skip
                elif self.steps is not None:
                    count_steps(rows, self.steps, pairs.n_origins, of, 1 / self.width, counts, squares)
                else:
                    count_pairs(
                        rows, pairs.times, pairs.origins, self.stride, pairs.lags, pairs.tolerance, of,
                        1 / self.width, counts, squares,
                    )  # fmt: skip
            return {"counts": counts, "squares": squares, "found": found, "overlaps": overlaps}

        blocks = cut_atoms(ions, 24 * frames * fields_of(ions), fixed=24 * TILE * frames + 3 * table)
        return add_blocks(blocks, work, "Van Hove function")
