"""⟨r²⟩ and ⟨r⁴⟩ of displacements at chosen lags, by groups of ions, over frames that are evenly spaced or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.results import Column
from vanhove.trajectory.blocks import add_blocks, cut_atoms

from .lags import chosen_lags, independent_displacements, part_lags
from .origin_sums import Asked, counted, every_moment, means, sum_moments_of
from .pairs_by_lag import PairsByLag
from .squares import group_of
from .tiles import CACHED, ROUNDING, TILE, TOLERATED, fields_of, tiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Lags = Literal["all", "log"] | Sequence[float]

WHAT = "fourth powers of displacements"


@dataclass(frozen=True)
class Moments:
    """Mean powers of the displacements of N ions."""

    lag: Floats  # ps
    second: Floats  # (lag) Å²
    fourth: Floats  # (lag) Å⁴
    independent: Floats  # displacements at each lag
    group_lag: Floats  # ps: the lags that are told apart by groups of ions
    by_group: Floats  # (2, group, group lag): means of r² and r⁴ in one group
    group_independent: Floats  # independent displacements at each of these
    weights: Ints  # (group, group lag): ions, or displacements where these are not as many for each ion
    variables: dict[str, Column] = field(default_factory=dict)  # what there is to say of uneven frames


def over_even_frames(ions: Trajectory, path: Floats | None, axes: Ints, lags: Lags, *, first_only: bool) -> Moments:
    """By FFT where every lag is asked for, else directly."""
    spacing, frames = ions.spacing, ions.n_frames
    wanted = chosen_lags(lags, frames, spacing)
    few = part_lags(wanted)

    def available(these: Ints) -> Ints:
        return np.ones_like(these) if first_only else frames - these

    by_fft = not first_only and not np.array_equal(wanted[wanted > 0], few)
    sums, whole = _sums(ions, path, axes, few, available(few), every_lag=by_fft)
    if whole is not None:
        totals = whole[:, wanted]
    elif np.array_equal(wanted[wanted > 0], few):
        totals = np.zeros((2, len(wanted)))
        totals[:, wanted > 0] = sums.sum(axis=1)
    else:
        totals = _sums(ions, path, axes, wanted, available(wanted), every_lag=False)[0].sum(axis=1)
    in_group = np.bincount(group_of(ions.n_atoms))
    second, fourth = totals / (available(wanted) * ions.n_atoms)
    return Moments(
        np.asarray(wanted * spacing, np.float64), second, fourth,
        independent_displacements(wanted, available(wanted), ions.n_atoms),
        np.asarray(few * spacing, np.float64), sums / (available(few) * in_group[:, None]),
        independent_displacements(few, available(few), ions.n_atoms), _alike(in_group, len(few)),
    )  # fmt: skip


def over_uneven_frames(ions: Trajectory, path: Floats | None, axes: Ints, lags: Lags, *, first_only: bool) -> Moments:
    """By direct sums over the pairs of frames behind every lag."""
    from vanhove.kernels.fourth_power import add_moments_of_pairs

    pairs = PairsByLag.chosen(ions.times, lags, first_only=first_only)
    groups = group_of(ions.n_atoms)
    shape = (2, groups[-1] + 1, len(pairs.lags))

    def work(atoms: slice) -> Sums:
        sums = np.zeros(shape)
        for rows, mine in tiles(ions, path, atoms, TILE, axes):
            add_moments_of_pairs(rows, pairs.times, pairs.origins, pairs.lags, pairs.tolerance, groups[mine], sums)
        return {"sums": sums}

    fixed = 24 * TILE * ions.n_frames + 3 * 8 * int(np.prod(shape))
    sums = np.asarray(add_blocks(cut_atoms(ions, 24 * ions.n_frames * 3, fixed=fixed), work, WHAT)["sums"], np.float64)
    in_group, few = np.bincount(groups), pairs.few()
    second, fourth = sums.sum(axis=1) / (pairs.n_origins * ions.n_atoms)
    independent = pairs.independent(ions.n_atoms)
    by_group = sums / (pairs.n_origins * in_group[:, None])
    return Moments(
        pairs.lags, second, fourth, independent, pairs.lags[few], by_group[..., few], independent[few],
        _alike(in_group, len(few)),
        {"n_origins": Column(("lag",), pairs.n_origins, "1", "pairs of frames")},
    )  # fmt: skip


def over_origins(ions: Trajectory, path: Floats | None, axes: Ints, lags: Lags, inside: Bools) -> Moments:
    """Of the frames that are ``inside`` (ion, frame) for their ions, evenly spaced or not; NaN where there are none."""
    asked = Asked.of(ions, lags)
    direct, few = asked.direct, asked.few
    found = sum_moments_of(ions, path, axes, inside, asked.lag[direct])
    if asked.by_fft and asked.frames is not None:
        counts, sums = counted(inside)[asked.frames], every_moment(ions, path, axes, inside)[:, asked.frames]
    else:
        counts, sums = found.counts.sum(axis=0), found.sums.sum(axis=1)
    second, fourth = means(sums, counts)
    independent = asked.independent(counts, found.overlaps)
    at = np.flatnonzero(np.isin(direct, few))
    weights = found.counts[:, at]
    variables = {"n_displacements": Column(("lag",), counts, "1", "displacements that begin in the phase")}
    if asked.frames is None:
        variables["n_origins"] = Column(("lag",), asked.pairs, "1", "pairs of frames")
    return Moments(
        asked.lag, second, fourth, independent, asked.lag[few], found.sums[..., at] / np.maximum(weights, 1),
        independent[few], weights, variables,
    )  # fmt: skip


def _alike(in_group: Ints, lags: int) -> Ints:
    """The same ions in each group at every lag."""
    return np.repeat(in_group[:, None], lags, axis=1)


def _sums(
    ions: Trajectory, path: Floats | None, axes: Ints, lags: Ints, origins: Ints, *, every_lag: bool
) -> tuple[Floats, Floats | None]:
    """Sums of r² and r⁴ over ``lags`` (2, group, lag), and over every lag of the run from 0 (2, lag) by FFT.

    The rounding of a transform is that of the longest paths, at every lag. Where it may be seen in ⟨r⁴⟩, at the
    shortest lags of paths that go far, the sums are done again directly.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    from vanhove.kernels.fourth_power import add_moments, add_monomial_spectra, fill_monomials

    frames, groups, d = ions.n_frames, group_of(ions.n_atoms), len(axes)
    monomials = 2 * d + d * (d + 1) // 2
    length = next_fast_len(2 * frames - 1, real=True) if every_lag else frames
    field_bytes = 8 * monomials * (length + 2 * (length // 2 + 1)) if every_lag else 0
    tile = int(np.clip(CACHED // field_bytes, 1, TILE)) if every_lag else TILE

    def work(atoms: slice) -> Sums:
        sums = np.zeros((2, groups[-1] + 1, len(lags)))
        powers, spectra = np.zeros((2, frames)), np.zeros((2, length // 2 + 1))
        fields = np.zeros((tile, monomials, length)) if every_lag else np.empty((0, 0, 0))
        for rows, mine in tiles(ions, path, atoms, tile, axes):
            add_moments(rows, lags, origins, groups[mine], sums)
            if every_lag:
                here = fields[: mine.stop - mine.start]
                fill_monomials(rows, axes, frames, here, powers[0], powers[1])
                add_monomial_spectra(rfft(here, axis=2), d, spectra[0], spectra[1])
        return {"sums": sums, "powers": powers, "spectra": spectra} if every_lag else {"sums": sums}

    results = 16 * ((groups[-1] + 1) * len(lags) + every_lag * (frames + length))
    fixed = tile * (24 * frames + field_bytes) + 3 * results
    total = add_blocks(cut_atoms(ions, 24 * frames * fields_of(ions), fixed=fixed), work, WHAT)
    sums = np.asarray(total["sums"], np.float64)
    if not every_lag:
        return sums, None
    products = irfft(np.asarray(total["spectra"], np.float64), length, axis=1)[:, :frames]
    powers = np.asarray(total["powers"], np.longdouble)  # sums over long runs are taken of these
    ends = np.cumsum(powers, axis=1)[:, ::-1] + np.cumsum(powers[:, ::-1], axis=1)[:, ::-1]  # of t < T - m and of t ≥ m
    whole = np.maximum((ends + np.array([[-2.0], [1.0]]) * products).astype(np.float64), 0.0)
    whole[:, 0] = 0.0
    blurred = ROUNDING * float(powers[1].sum()) > TOLERATED * whole[1]
    again = np.flatnonzero(blurred[1:]) + 1
    if len(again):
        whole[:, again] = _sums(ions, path, axes, again, frames - again, every_lag=False)[0].sum(axis=1)
    return sums, whole
