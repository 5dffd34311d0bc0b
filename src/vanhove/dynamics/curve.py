"""An MSD as a fit sees it: values at some 60 lags, their model covariance, how ions and times differ."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .lags import independent_displacements

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_GROUPS = 8  # of ions, for their spread to say anything
SIGNIFICANT = 0.95  # of the F test for motion that all ions share


class Spread(NamedTuple):
    """What the observed values say of the error of a linear estimate, beside the model's own."""

    error: float  # standard error from the spread between groups of ions; NaN where they are too few
    inflation: float  # ≥ 1: by how much the variance is larger because ions do things together
    first_half: float  # the estimate from the first and second half of the origins
    second_half: float
    half_error: float  # standard error of their difference, from the spread between groups

    @property
    def ageing(self) -> float:
        """By how many standard errors the halves of the run differ; NaN where they could not be compared."""
        if not self.half_error > 0:
            return float("nan")
        return float(abs(self.first_half - self.second_half) / (self.half_error * self.inflation**0.5))

    def enlarged(self, model_error: float) -> float:
        """The standard error that both model and observation allow: the larger, times what moving together adds."""
        return float(np.fmax(model_error, self.error) * self.inflation**0.5)


@dataclass(frozen=True)
class Curve:
    """One MSD at chosen lags, with the sums it consists of."""

    lags: NDArray[Any]  # in frames, or in ps where these are uneven
    values: Floats  # Å²
    shares: Floats  # (lag, axis) share of each axis in the MSD
    parts: Floats  # (part of the origins, group of ions, lag) Å²
    ions: Ints  # in each group
    n_frames: int
    spacing: float  # ps, the unit of the lags
    first_only: bool  # one origin
    counts: Ints | None = field(default=None, kw_only=True)  # displacements in each of ``parts``, where they differ
    watched: Floats | None = field(default=None, kw_only=True)  # how many ions would know as much, at each lag

    @classmethod
    def of(cls, msd: Dataset) -> Curve:
        """The curve of a result of :func:`vanhove.dynamics.msd`."""
        where = places(msd)
        values = msd.msd.values[where]
        by_axis = msd.msd_axis.transpose("lag", "axis").values[where]
        shares = np.divide(by_axis, values[:, None], out=np.full_like(by_axis, 1 / 3), where=values[:, None] > 0)
        parts, ions = msd.msd_part.transpose("part", "group", "part_lag").values, msd.ions.values
        first_only = msd.attrs["origins"] == "first"
        curve: Curve
        if "frame_time" in msd.coords:
            from .uneven import UnevenCurve

            times = msd.frame_time.values
            curve = UnevenCurve(msd.part_lag.values, values, shares, parts, ions, len(times), 1.0, first_only, times)
        else:
            spacing = float(msd.attrs["spacing"])
            lags = np.round(msd.part_lag.values / spacing).astype(np.int64)
            curve = cls(lags, values, shares, parts, ions, int(msd.attrs["n_frames"]), spacing, first_only)
        if "part_displacements" not in msd:
            return curve
        counts = msd.part_displacements.transpose("part", "group", "part_lag").values
        return replace(curve, counts=counts, watched=msd.n_independent.values[where] / curve.of_ions(1))

    def at(self, chosen: NDArray[np.bool_] | slice) -> Curve:
        """The same at some of its lags."""
        return replace(
            self, lags=self.lags[chosen], values=self.values[chosen], shares=self.shares[chosen],
            parts=self.parts[..., chosen], counts=None if self.counts is None else self.counts[..., chosen],
            watched=None if self.watched is None else self.watched[chosen],
        )  # fmt: skip

    @property
    def n_ions(self) -> int:
        """Number of ions."""
        return int(self.ions.sum())

    @property
    def origins(self) -> Ints:
        """Number of origins of each lag."""
        return np.ones_like(self.lags) if self.first_only else self.n_frames - self.lags

    @property
    def length(self) -> float:
        """The run's, in the unit of the lags."""
        return self.n_frames

    @property
    def times(self) -> Floats:
        """The lags in ps."""
        return np.asarray(self.lags * self.spacing, np.float64)

    @property
    def independent(self) -> Floats:
        """Number of independent displacements at each lag."""
        if self.watched is not None:
            return self.watched * self.of_ions(1)
        return self.of_ions(self.n_ions)

    def of_ions(self, n_ions: int) -> Floats:
        """That of ions which are origins all along."""
        return independent_displacements(self.lags, self.origins, n_ions)

    def covariance(self, knots: Floats, growth: Floats) -> Floats:
        r"""Covariance of the MSD between lags for Gaussian paths whose MSD is ``growth`` (Å²) at the lags ``knots``.

        It is linear between the knots, which begin with 0, and goes on with its last slope.

        Squares of Gaussian displacements have twice the squared covariance of the displacements, which the growth ψ of
        the MSD alone decides (:func:`vanhove.kernels.correlate.squared_step_covariance`); N ions are N independent
        copies, and the axes share ψ as observed:

        .. math:: \mathrm{cov}(i, j) = \frac{2}{N} \sum_a f_a(i) f_a(j)\, \frac{1}{n_i n_j} \sum_{t,s} C_{ij}(s - t)^2

        With every overlap of the finite run counted it is a true covariance, hence positive definite. Where only some
        frames of ions are origins, it is that of as many ions as would know the MSD of each lag as well.
        """
        covariance: Floats = 2 / self.n_ions * (self.shares @ self.shares.T) * self._squared_covariance(knots, growth)
        if self.watched is None:
            return covariance
        fewer: Floats = covariance * self.n_ions / np.sqrt(np.outer(self.watched, self.watched))
        return fewer

    def _squared_covariance(self, knots: Floats, growth: Floats) -> Floats:
        """The sum over origins in :meth:`covariance`, the same for every axis."""
        from vanhove.kernels.correlate import squared_step_covariance

        by_frame = np.interp(np.arange(knots[-1] + 1), knots, growth)
        return squared_step_covariance(by_frame, self.lags, self.origins)

    @property
    def relative_covariance(self) -> Floats:
        """Covariance of ln MSD between lags of a random walk: it knows the lags and the run's length, not the MSD."""
        walk = self.covariance(np.arange(3.0), np.arange(3.0))  # a straight line through zero
        relative: Floats = walk / np.outer(self.lags, self.lags)
        return relative

    def spread(self, weights: Floats) -> Spread:
        """How the linear estimate ``weights`` @ MSD differs between groups of ions and parts of the origins.

        The spread between ions knows their differences and what is not Gaussian in their motion. What groups do
        together shows as a variance between the parts of the origins that is larger than the parts' variance within
        each group (an F test, whose ratio is then the inflation).
        """
        if len(self.ions) < FEWEST_GROUPS:
            return Spread(np.nan, 1.0, np.nan, np.nan, np.nan)
        if self.counts is not None:
            return self._spread_of_some(weights, self.counts)
        share = self.ions / self.n_ions
        error = _standard_error(np.nanmean(self.parts, axis=0) @ weights, share)
        estimates = self.parts @ weights  # (part, group)
        half = len(estimates) // 2
        if half == 0 or np.isnan(estimates).any():  # one origin, or lags so long that a part has none
            return Spread(error, 1.0, np.nan, np.nan, np.nan)
        first, second = estimates[:half].mean(axis=0), estimates[half:].mean(axis=0)
        return Spread(
            error, self._inflation(weights), float(first @ share), float(second @ share),
            _standard_error(first - second, share),
        )  # fmt: skip

    def _spread_of_some(self, weights: Floats, counts: Ints) -> Spread:
        """The same where parts and groups hold different numbers of displacements, and some none."""
        half = len(counts) // 2
        _, apart = _by_counts(self.parts, counts, weights)
        first, first_apart = _by_counts(self.parts[:half], counts[:half], weights)
        second, second_apart = _by_counts(self.parts[half:], counts[half:], weights)
        error, half_error = _scatter(apart), _scatter(first_apart - second_apart)
        return Spread(error, self._inflation(weights), first, second, half_error)

    def _inflation(self, weights: Floats) -> float:
        from scipy.stats import f as f_distribution

        parts, groups = self.parts.shape[:2]
        joined = self._joined(parts, weights)
        # parts that are shorter than the shortest lag share most of their displacements: join them
        while parts > 1 and ((self.length - self.lags[0]) / parts < self.lags[0] or np.isnan(joined).any()):
            parts //= 2
            joined = self._joined(parts, weights)
        if parts < 2:
            return 1.0
        together = joined.mean(axis=1)
        rest = joined - together[:, None] - joined.mean(axis=0) + together.mean()
        between = groups * together.var(ddof=1)
        within = float((rest**2).sum()) / ((parts - 1) * (groups - 1))
        limit = f_distribution.ppf(SIGNIFICANT, parts - 1, (parts - 1) * (groups - 1))
        return float(between / within) if within > 0 and between > limit * within else 1.0

    def _joined(self, parts: int, weights: Floats) -> Floats:
        """The estimate in every part and group, (part, group), with the parts joined to so many."""
        groups, lags = self.parts.shape[1:]
        if self.counts is None:
            alike: Floats = (self.parts @ weights).reshape(parts, -1, groups).mean(axis=1)
            return alike
        counts = self.counts.reshape(parts, -1, groups, lags)
        sums = np.nansum(self.parts.reshape(parts, -1, groups, lags) * counts, axis=1)
        held = counts.sum(axis=1)
        joined: Floats = np.divide(sums, held, out=np.full(held.shape, np.nan), where=held > 0) @ weights
        return joined


def places(msd: Dataset) -> Ints:
    """Where among the lags of an MSD those stand that are told apart by parts."""
    found: Ints = np.searchsorted(msd.lag.values, msd.part_lag.values)
    return found


def _standard_error(values: Floats, share: Floats) -> float:
    """Of the mean of ``values`` weighted by ``share`` (nearly equal shares)."""
    mean = values @ share
    n = len(values)
    return float(np.sqrt(((share * (values - mean)) ** 2).sum() * n / (n - 1)))


def _by_counts(parts: Floats, counts: Ints, weights: Floats) -> tuple[float, Floats]:
    """The estimate from these parts (part, group, lag), and what each group takes it away from the others' mean."""
    held = counts.sum(axis=0)
    whole = held.sum(axis=0)
    if not (whole > 0).all():
        return np.nan, np.full(held.shape[0], np.nan)
    sums = np.nansum(parts * counts, axis=0)
    mean = sums.sum(axis=0) / whole
    return float(mean @ weights), ((sums - held * mean) / whole) @ weights


def _scatter(apart: Floats) -> float:
    """Standard error of a mean from what each group takes it away."""
    return float(np.sqrt((apart**2).sum() * len(apart) / (len(apart) - 1)))
