"""The mean over atoms of what a route gives of each, and how well it is known: group by group of atoms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.dynamics.squares import group_of
from vanhove.trajectory.blocks import add_blocks, cut
from vanhove.trajectory.budget import memory_budget, thread_count

from .energies import spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .energies import Window
    from .self_lags import SelfLags
    from .self_routes import Route

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST_GROUPS = 8  # fewer atoms say too little of how much they differ
PARTS = 16  # that are left out one after the other, at most
END = 0.8  # of the longest lag: from there on F is averaged to its end
ROUNDING = 1e-15  # of a mean of squares: what is left of their spread below is nothing but this


class Mean(NamedTuple):
    """A mean over all atoms and one standard error, NaN where there are too few atoms to know it."""

    value: Floats
    error: Floats


@dataclass(frozen=True)
class Averages:
    """F(Q,t), its mean over the last lags, and the spectrum at energies ≥ 0, where one was asked for."""

    correlation: Mean  # (q, lag)
    end: Mean  # (q)
    line: Mean | None  # (q, energy) 1/meV
    groups: int
    without: Floats | None  # (part, q, lag): F of all atoms but one part of them; beside a spectrum of enough atoms


def average(
    ions: Trajectory, path: Floats | None, lags: SelfLags, route: Route, n_q: int, window: Window | None
) -> Averages:
    """Average over ``ions`` relative to ``path``; with a ``window`` the spectrum of each group is made, too.

    Groups are of neighbours in the list, so that what they do together stays within one. Each is averaged over the
    whole run; the spread between groups is that of independent samples of F and of S alike.
    """
    from vanhove.kernels.correlate import centred_rows

    frames, n_lags = ions.n_frames, len(lags.pairs.lags)
    groups = group_of(ions.n_atoms)
    counts = np.bincount(groups)
    part_of = np.arange(len(counts)) // -(-len(counts) // PARTS)  # of a group; parts of as many groups as can be
    share = counts / ions.n_atoms
    spacing = float(lags.pairs.lags[1]) if window is not None else 0.0
    last = lags.pairs.lags >= END * lags.pairs.lags[-1]
    drift = np.zeros((frames, 3)) if path is None else path
    fields = 3 if "correction" in ions.system.source.fields else 2
    each, results = 24 * frames * (fields + 1), 8 * n_q * n_lags * (12 + PARTS if window is not None else 6)
    runs = _runs(counts, each, route.bytes_beside + results)

    def work(atoms: slice) -> Sums:
        mine = groups[atoms]
        totals = np.zeros((mine[-1] - mine[0] + 1, n_q, n_lags))
        for part in _parts(len(mine), each, route.bytes_beside + results + totals.nbytes):
            here = slice(atoms.start + part.start, atoms.start + part.stop)
            block = ions.read_paths(atoms=here, copy=False)
            of = mine[part]
            for group in np.unique(of).tolist():
                first, end = np.searchsorted(of, [group, group + 1]).tolist()
                rows = np.empty((3 * (end - first), frames))
                centred_rows(block, first, end, drift, rows)
                totals[group - mine[0]] += route.sums(rows)
        found: Sums = {}
        for place, group in enumerate(range(int(mine[0]), int(mine[-1]) + 1)):
            correlation = totals[place] / counts[group]
            _add(found, "fallen", share[group], 1 - correlation)
            _add(found, "end", share[group], correlation[:, last].mean(axis=1))
            if window is not None:
                both_sides = spectrum(correlation, spacing, window)
                _add(found, "line", share[group], both_sides[:, n_lags - 1 :])
                if len(counts) >= FEWEST_GROUPS:
                    _add_to(found, f"part{part_of[group]}", share[group] * (1 - correlation))
        return found

    total = add_blocks(runs, work, "incoherent scattering")
    fallen, end = _mean(total, "fallen", share), _mean(total, "end", share)
    line, without = None, None
    if window is not None:
        line = _mean(total, "line", share)
        if len(counts) >= FEWEST_GROUPS:
            left = 1 - np.bincount(part_of, weights=share)
            parts = np.stack([np.asarray(total[f"part{k}"], np.float64) for k in range(len(left))])
            without = 1 - (fallen.value - parts) / left[:, None, None]
    return Averages(Mean(1 - fallen.value, fallen.error), end, line, len(counts), without)


def _runs(counts: Ints, each: int, fixed: int) -> list[slice]:
    """Atoms of consecutive whole groups: as many together as fit into memory, and blocks enough for all threads."""
    threads = thread_count()
    if fixed * threads > memory_budget():
        raise Refusal(
            f"The results and their work take {fixed / 1e9:.1f} GB",
            f"{threads} threads have them each, and the memory budget is {memory_budget() / 1e9:.1f} GB",
            "Take fewer Q, a shorter max_lag, or raise VANHOVE_MEMORY",
        )
    edges = np.concatenate([[0], np.cumsum(counts)])
    blocks = cut(len(counts), each * int(counts.max()), fixed=fixed)
    return [slice(int(edges[block.start]), int(edges[block.stop])) for block in blocks]


def _parts(atoms: int, each: int, fixed: int) -> Iterator[slice]:
    """What of a block of ``atoms`` is read together: all, or as much of a group that is too large as fits."""
    room = memory_budget() / thread_count() - fixed
    size = max(1, min(atoms, int(room / each)))
    for first in range(0, atoms, size):
        yield slice(first, min(first + size, atoms))


def _add(found: Sums, name: str, share: float, values: Floats) -> None:
    """Add a group's ``values`` to the sums from which the mean and the spread between groups follow."""
    for power, part in enumerate((share * values, share**2 * values, (share * values) ** 2)):
        _add_to(found, f"{name}{power}", part)


def _add_to(found: Sums, key: str, values: Floats) -> None:
    found[key] = np.add(found[key], values) if key in found else values


def _mean(total: Sums, name: str, share: Floats) -> Mean:
    r"""Σ w x, and its standard error from G/(G - 1) Σ w² (x - x̄)², with w the ``share`` of the atoms in each group."""
    value, weighted, squares = (np.asarray(total[f"{name}{power}"], np.float64) for power in range(3))
    groups = len(share)
    if groups < FEWEST_GROUPS:
        return Mean(value, np.full_like(value, np.nan))
    variance = squares - 2 * value * weighted + value**2 * np.square(share).sum()
    variance[variance < ROUNDING * squares] = 0.0
    return Mean(value, np.sqrt(np.maximum(variance, 0.0) * groups / (groups - 1)))


def gaussian_error(correlation: Floats, independent: Floats, *, powder: bool) -> Floats:
    r"""Standard error of F that ``independent`` displacements of a Gaussian walk with the same F would have.

    With u = -2 ln F the mean square of one displacement's sin(Qr)/(Qr) is (1 - e^{-2u})/2u, and that of one cos(Q·r)
    is (1 + F⁴)/2.
    """
    f = np.clip(correlation, 1e-9, 1.0)
    u = np.maximum(-2 * np.log(f), 1e-12)
    variance = -np.expm1(-2 * u) / (2 * u) - f**2 if powder else (1 - f**2) ** 2 / 2
    error: Floats = np.sqrt(np.maximum(variance, 0.0) / independent)
    return error
