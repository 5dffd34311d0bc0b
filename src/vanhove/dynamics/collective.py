"""The mean squared displacement of the charge: how each species' sum of paths spreads, with which other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .curve import Curve
from .lags import chosen_lags, independent_displacements, log_lags
from .pairs_by_lag import PairsByLag
from .squares import group_of, sum_squared_pairs, sum_squares
from .uneven import UnevenCurve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_GROUPS = 8  # of ions, for their spread to say anything


@dataclass(frozen=True)
class Products:
    """⟨ΔA·ΔB⟩ of the displacements of several summed paths A, B over each lag, all origins."""

    frames: Ints | None  # lags in frames, where these are evenly spaced,
    pairs: PairsByLag | None  # else the pairs of frames behind each
    times: Floats  # of the lags, ps
    by_axis: Floats  # (lag, A, B, axis)
    independent: Floats  # displacements of one path

    @property
    def values(self) -> Floats:
        """(lag, A, B)."""
        total: Floats = self.by_axis.sum(axis=-1)
        return total

    @property
    def errors(self) -> Floats:
        """One standard error of :attr:`values`, of Gaussian paths: √[(⟨ΔA²⟩⟨ΔB²⟩ + ⟨ΔA·ΔB⟩²)/3n].

        A sum over many ions is Gaussian, whatever each of them does; n counts what displacements share in time.
        """
        values = self.values
        square = np.einsum("kaa->ka", values)
        both = square[:, :, None] * square[:, None] + values**2
        spread: Floats = np.sqrt(both / (3 * self.independent[:, None, None]))
        return spread


def products(paths: Floats, traj: Trajectory, lags: Literal["log"] | Sequence[float]) -> Products:
    """Of ``paths`` (frame, path, axis) at chosen positive lags."""
    if not traj.evenly_spaced:
        there = PairsByLag.chosen(traj.times, lags)
        pairs = PairsByLag.of(traj.times, there.lags[there.lags > 0])
        apart = (paths[second] - paths[first] for first, second in map(pairs.at, range(len(pairs.lags))))
        return Products(None, pairs, pairs.lags, _products(apart), pairs.independent(1))
    frames = log_lags(len(paths)) if lags == "log" else chosen_lags(lags, len(paths), traj.spacing)
    frames = frames[frames > 0]
    steps = (paths[lag:] - paths[:-lag] for lag in frames.tolist())
    times = np.asarray(frames * traj.spacing, np.float64)
    return Products(frames, None, times, _products(steps), independent_displacements(frames, len(paths) - frames, 1))


def _products(steps: Iterable[Floats]) -> Floats:
    return np.stack([np.einsum("tai,tbi->abi", each, each) / len(each) for each in steps])


def curve_of(found: Products, which: int, traj: Trajectory) -> Curve:
    """The MSD of one path as a fit sees it: that of one walker."""
    by_axis = found.by_axis[:, which, which]
    values = by_axis.sum(axis=1)
    shares = np.divide(by_axis, values[:, None], out=np.full_like(by_axis, 1 / 3), where=values[:, None] > 0)
    parts, one = np.full((1, 1, len(values)), np.nan), np.ones(1, np.int64)
    if found.frames is None:
        return UnevenCurve(found.times, values, shares, parts, one, traj.n_frames, 1.0, False, traj.times)
    return Curve(found.frames, values, shares, parts, one, traj.n_frames, traj.spacing, False)


def self_part(ions: Trajectory, drift: Floats | None, at: Products) -> tuple[Floats, Floats]:
    """MSD of single ``ions`` relative to ``drift`` at the same lags, and one standard error (Å²)."""
    in_group = np.bincount(group_of(ions.n_atoms))
    if at.frames is not None:
        sums = sum_squares(ions, drift, at.frames, every_lag=False).table.sum(axis=(0, 1))
        origins = ions.n_frames - at.frames
    else:
        assert at.pairs is not None
        sums = sum_squared_pairs(ions, drift, at.pairs).by_group.sum(axis=0)
        origins = at.pairs.n_origins
    by_group = sums / (in_group[:, None] * origins)
    mean: Floats = (in_group / ions.n_atoms) @ by_group
    if len(in_group) < FEWEST_GROUPS:  # as the errors of msd: a random walk's
        return mean, mean * np.sqrt(2 / (3 * at.independent * ions.n_atoms))
    error: Floats = by_group.std(axis=0, ddof=1) / len(in_group) ** 0.5
    return mean, error
