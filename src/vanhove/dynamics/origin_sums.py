"""Sums over displacements that begin at some frames of some ions: chosen lags directly, every lag by FFT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.trajectory.blocks import add_blocks, cut_atoms
from vanhove.trajectory.times import lag_tolerance

from .lags import chosen_lags, independent_displacements, part_lags
from .pairs_by_lag import PairsByLag
from .squares import GROUPS, PARTS
from .tiles import CACHED, ROUNDING, TILE, TOLERATED, fields_of, tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Complexes = NDArray[np.complex128]
    Ints = NDArray[np.int64]
    Lags = Literal["all", "log"] | Sequence[float]
    Fill = Callable[[Floats, Bools, Floats, Floats, Floats], None]
    AddSpectra = Callable[[Complexes, Complexes, Complexes], None]


@dataclass(frozen=True)
class Asked:
    """The lags that a person asked for, and how they are summed."""

    lag: Floats  # ps
    frames: Ints | None  # the same in frames, where these are evenly spaced
    pairs: Ints  # pairs of frames behind each lag
    alone: Floats  # independent displacements of one ion that is an origin all along
    few: Ints  # which lags are told apart by parts and groups
    by_fft: bool  # only those few are summed directly

    @classmethod
    def of(cls, ions: Trajectory, lags: Lags) -> Asked:
        """Every origin counts; that of the first frame alone is a selection of ions."""
        if ions.n_frames < 2 or ions.evenly_spaced:
            spacing, frames = ions.spacing, ions.n_frames
            wanted = chosen_lags(lags, frames, spacing)
            parts = part_lags(wanted)
            return cls(
                np.asarray(wanted * spacing, np.float64), wanted, frames - wanted,
                independent_displacements(wanted, frames - wanted, 1), np.searchsorted(wanted, parts),
                not np.array_equal(wanted[wanted > 0], parts),
            )  # fmt: skip
        pairs = PairsByLag.chosen(ions.times, lags)
        return cls(pairs.lags, None, pairs.n_origins, pairs.independent(1), pairs.few(), False)

    @property
    def direct(self) -> Ints:
        """Which lags are summed directly."""
        return self.few if self.by_fft else np.arange(len(self.lag))

    def independent(self, counts: Ints, overlaps: Floats) -> Floats:
        """Number of independent displacements at every lag, of ``counts`` from all origins.

        Their variance is that of n²/Σ Σ (1 - |t - t'|/L)² of them, with the sum (``overlaps``, at the lags that are
        summed directly) over the pairs of origins of each ion; between those lags its ratio to what the same share of
        all origins would know is interpolated in ln t.
        """
        share: Floats = self.alone * counts / np.maximum(self.pairs, 1)
        at = self.direct[(self.lag[self.direct] > 0) & (overlaps > 0)]
        known = np.nan_to_num(means(np.square(counts[self.direct], dtype=np.float64), overlaps))
        if not self.by_fft:
            return known
        if len(at) == 0:
            return share
        ratio = known[np.isin(self.direct, at)] / share[at]
        between: Floats = np.interp(np.log(np.maximum(self.lag, self.lag[at[0]])), np.log(self.lag[at]), ratio)
        return share * between


class Direct(NamedTuple):
    """Direct sums over the displacements from all origins."""

    sums: Floats  # (axis or power, group, lag)
    counts: Ints  # (group, lag)
    overlaps: Floats  # (lag)
    table: Floats  # (axis, part, group, few lags)
    table_counts: Ints  # (part, group, few lags)


def groups_of(inside: Bools) -> Ints:
    """The group of every ion: neighbours in the list go together, and groups have about equally many origins."""
    weight = inside.sum(axis=1)
    groups = (np.cumsum(weight) - weight) * min(GROUPS, len(inside)) // weight.sum()
    found: Ints = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return found


def sum_squares_of(ions: Trajectory, path: Floats | None, inside: Bools, lags: Floats, few: Ints) -> Direct:
    """Squared displacements by axis; the table holds the lags ``few`` by parts of the pairs of frames."""
    from vanhove.kernels.origins import add_squared_origins

    groups = groups_of(inside)
    place = np.full(len(lags), -1)
    place[few] = np.arange(len(few))
    shape, cells = (groups[-1] + 1, len(lags)), (PARTS, groups[-1] + 1, len(few))

    def work(atoms: slice) -> Sums:
        made = Direct(
            np.zeros((3, *shape)), np.zeros(shape, np.int64), np.zeros(len(lags)), np.zeros((3, *cells)),
            np.zeros(cells, np.int64),
        )  # fmt: skip
        for rows, mine in tiles(ions, path, atoms, TILE):
            add_squared_origins(
                rows, inside[mine], ions.times, lags, _tolerance(ions), groups[mine], place, made.sums, made.counts,
                made.table, made.table_counts, made.overlaps,
            )  # fmt: skip
        return dict(made._asdict())

    fixed = 24 * TILE * ions.n_frames + 3 * 8 * 4 * (int(np.prod(shape)) + int(np.prod(cells)))
    total = add_blocks(
        cut_atoms(ions, 24 * ions.n_frames * fields_of(ions), fixed=fixed), work, "displacements by phase"
    )
    return Direct(**total)  # type: ignore[arg-type]


def sum_moments_of(ions: Trajectory, path: Floats | None, axes: Ints, inside: Bools, lags: Floats) -> Direct:
    """Sums of r² and r⁴ along ``axes``; there is no table of parts."""
    from vanhove.kernels.origins import add_moments_of_origins

    groups = groups_of(inside)
    shape = (groups[-1] + 1, len(lags))

    def work(atoms: slice) -> Sums:
        sums, counts, overlaps = np.zeros((2, *shape)), np.zeros(shape, np.int64), np.zeros(len(lags))
        for rows, mine in tiles(ions, path, atoms, TILE, axes):
            add_moments_of_origins(
                rows, inside[mine], ions.times, lags, _tolerance(ions), groups[mine], sums, counts, overlaps
            )
        return {"sums": sums, "counts": counts, "overlaps": overlaps}

    fixed = 24 * TILE * ions.n_frames + 3 * 8 * 4 * int(np.prod(shape))
    blocks = cut_atoms(ions, 24 * ions.n_frames * fields_of(ions), fixed=fixed)
    total = add_blocks(blocks, work, "fourth powers of displacements by phase")
    nothing = np.empty(0)
    return Direct(**total, table=nothing, table_counts=nothing.astype(np.int64))  # type: ignore[arg-type]


def every_square(ions: Trajectory, path: Floats | None, inside: Bools) -> Floats:
    """Σ m(t) [x(t + k) - x(t)]² over all ions and origins by axis, for every lag k from 0: (axis, lag)."""
    from vanhove.kernels.origins import add_square_spectra, fill_squares

    frames = ions.n_frames

    def fill(rows: Floats, here: Bools, early: Floats, late: Floats, ends: Floats) -> None:
        fill_squares(rows, here, frames, early, late, ends[:3])
        ends[3] += (rows * rows).sum(axis=0)

    ends, products = _by_fft(ions, path, inside, fill, add_square_spectra, (4, 6, 4, 3))
    whole = np.maximum(_before(ends[:3]) + products, 0.0)
    whole[:, 0] = 0.0
    blurred = _blurred(whole.sum(axis=0), ends[3], inside)
    if len(blurred):
        lags = np.asarray(blurred * ions.spacing, np.float64)
        whole[:, blurred] = sum_squares_of(ions, path, inside, lags, np.empty(0, np.int64)).sums.sum(axis=1)
    return whole


def every_moment(ions: Trajectory, path: Floats | None, axes: Ints, inside: Bools) -> Floats:
    """The same of r² and r⁴ along ``axes``: (2, lag)."""
    from vanhove.kernels.origins import add_moment_spectra, fill_moments

    frames, d = ions.n_frames, len(axes)
    fields = 2 * d + d * (d + 1) // 2 + 1

    def fill(rows: Floats, here: Bools, early: Floats, late: Floats, ends: Floats) -> None:
        fill_moments(rows, here, axes, frames, early, late, ends)

    def add(early: Complexes, late: Complexes, spectra: Complexes) -> None:
        add_moment_spectra(early, late, d, spectra[0], spectra[1])

    ends, products = _by_fft(ions, path, inside, fill, add, (fields, fields, 3, 2))
    whole = np.maximum(_before(ends[:2]) + products, 0.0)
    whole[:, 0] = 0.0
    blurred = _blurred(whole[1], ends[2], inside)
    if len(blurred):
        lags = np.asarray(blurred * ions.spacing, np.float64)
        whole[:, blurred] = sum_moments_of(ions, path, axes, inside, lags).sums.sum(axis=1)
    return whole


def counted(inside: Bools) -> Ints:
    """How many displacements begin in the phase, for every lag from 0."""
    so_far: Ints = np.cumsum(inside.sum(axis=0))[::-1].astype(np.int64)
    return so_far


def means(sums: Floats, counts: Ints | Floats) -> Floats:
    """Sums over counts, NaN where there are none."""
    found: Floats = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=found, where=np.broadcast_to(counts > 0, sums.shape))
    return found


def spread_of(values: Floats, counts: Ints, fewest: int) -> Floats:
    """Standard error of the mean over groups (first axis) with ``counts`` of what is averaged; NaN of too few groups.

    That of a ratio of two sums: groups with more count more, and that they have more is no error.
    """
    there = (counts > 0).sum(axis=0)
    whole = np.maximum(counts.sum(axis=0), 1)
    mean = np.nansum(values * counts, axis=0) / whole
    apart = np.where(counts > 0, counts / whole * (values - mean), 0.0)
    error: Floats = np.sqrt((apart**2).sum(axis=0) * there / np.maximum(there - 1, 1))
    return np.where(there >= fewest, error, np.nan)


def _by_fft(
    ions: Trajectory, path: Floats | None, inside: Bools, fill: Fill, add: AddSpectra, sizes: tuple[int, int, int, int]
) -> tuple[Floats, Floats]:
    """Sums by time, and the correlations of what ``fill`` writes as ``add`` joins them: (.., time), (.., lag).

    ``sizes``: fields of origins and of later frames, sums by time, correlations.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    frames = ions.n_frames
    length = next_fast_len(2 * frames - 1, real=True)
    field_bytes = 8 * (sizes[0] + sizes[1]) * (length + 2 * (length // 2 + 1))
    tile = int(np.clip(CACHED // field_bytes, 1, TILE))

    def work(atoms: slice) -> Sums:
        ends, spectra = np.zeros((sizes[2], frames)), np.zeros((sizes[3], length // 2 + 1), np.complex128)
        early, late = (np.zeros((tile, n, length)) for n in sizes[:2])
        for rows, mine in tiles(ions, path, atoms, tile):
            n = mine.stop - mine.start
            fill(rows, inside[mine], early[:n], late[:n], ends)
            add(rfft(early[:n], axis=2), rfft(late[:n], axis=2), spectra)
        return {"ends": ends, "spectra": spectra}

    fixed = tile * (24 * frames + field_bytes) + 3 * 8 * (sizes[2] * frames + sizes[3] * length)
    total = add_blocks(cut_atoms(ions, 24 * frames * fields_of(ions), fixed=fixed), work, "displacements by phase")
    products = irfft(total["spectra"], length, axis=1)[:, :frames]
    return np.asarray(total["ends"], np.float64), np.asarray(products, np.float64)


def _before(ends: Floats) -> Floats:
    """Sums over t < T - k, for every lag k from 0."""
    summed: Floats = np.cumsum(ends.astype(np.longdouble), axis=1)[:, ::-1].astype(np.float64)
    return summed


def _blurred(whole: Floats, paths: Floats, inside: Bools) -> Ints:
    """The lags with origins whose sum a transform's rounding may be seen in."""
    seen = counted(inside) > 0
    again: Ints = np.flatnonzero(seen & (ROUNDING * float(paths.sum()) > TOLERATED * whole))
    return again[again > 0]


def _tolerance(ions: Trajectory) -> float:
    return lag_tolerance(ions.times) if ions.n_frames > 1 else 0.0
