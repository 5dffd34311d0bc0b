"""Which vectors Q: in shells of |Q|, as listed, along a direction, or in units of the unit cell inside a supercell.

All are vectors of the reciprocal lattice of the simulated cell, named by whole numbers h, k, l: at any other Q the sums
over a periodic cell have no meaning. Q and -Q are one.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SEED = 20261120  # of the draw of vectors: the same ones in every run of the program
EDGE = 1e-9  # of a shell's width: a vector on an edge but for rounding belongs to the shell above, as an exact one does
MOST_STRAIN = 0.05  # of a cell that changes: by so much may |Q| of a vector differ from the mean cell's
OFF = 0.01  # of h, k, l from whole numbers: vectors are typed with a few digits


class Points(NamedTuple):
    """Vectors Q in the order of the points of the result that they are averaged into."""

    hkl: Ints  # (vector, 3)
    point: Ints  # (vector,), rising
    q: Floats  # (point,) 1/Å: the middle of a shell, or |Q|
    vectors: Floats  # (vector, 3) 1/Å, of the mean cell

    @property
    def counts(self) -> Ints:
        """Vectors of every point."""
        return np.bincount(self.point, minlength=len(self.q))

    @property
    def q_mean(self) -> Floats:
        """Mean |Q| of every point's vectors; NaN where there is none."""
        sums = np.bincount(self.point, np.linalg.norm(self.vectors, axis=1), len(self.q))
        counts = self.counts
        mean: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return mean


def mean_cell(traj: Trajectory) -> Floats:
    """The mean of the frames' cells, which tells what Q is at h, k, l; refused where cells differ too much."""
    if traj.constant_cell:
        cell: Floats = traj.cells[0]
        return cell
    cells = traj.cells
    mean: Floats = cells.mean(axis=0)
    strain = np.abs(np.linalg.svd(np.linalg.inv(cells) @ mean, compute_uv=False) - 1).max(axis=1)
    if strain.max() > MOST_STRAIN:
        frame = int(np.argmax(strain))
        raise Refusal(
            f"The cell changes too much: a wavevector would change by {strain[frame]:.0%}",
            f"frame {frame} at {traj.times[frame]:g} ps, against the mean cell; up to {MOST_STRAIN:.0%} pass",
            "Take a part of the run that is at rest, traj[first:last], or a run at constant volume",
        )
    return mean


def reciprocal(cell: Floats) -> Floats:
    """b₁ b₂ b₃ as rows, 1/Å."""
    rows: Floats = np.asarray(2 * np.pi * np.linalg.inv(cell).T, np.float64)
    return rows


def shells(
    cell: Floats, q: Sequence[float], width: float | None, q_vectors: Literal["all"] | int
) -> tuple[Points, float]:
    """Every vector whose |Q| lies within half a ``width`` of one of ``q``, and the width.

    By default that is the smallest distance between two, of a single one the cell's shortest vector.
    """
    middles = np.asarray(q, float)
    if middles.ndim != 1 or not middles.size or not (np.isfinite(middles) & (middles > 0)).all():
        raise Refusal(f"q={q!r}", "", "Give |Q| in 1/Å, each above 0, or vectors as an array (n, 3)")
    vectors = reciprocal(cell)
    shortest = float(np.linalg.norm(vectors, axis=1).min())
    if width is None:
        gaps = np.diff(np.unique(middles))
        width = float(gaps.min()) if gaps.size else shortest
    if not (np.isfinite(width) and width > 0):
        raise Refusal(f"width={width}", "", "Give the width of the shells in 1/Å")
    if q_vectors != "all" and (isinstance(q_vectors, bool) or not isinstance(q_vectors, int) or q_vectors < 1):
        raise Refusal(f"q_vectors={q_vectors!r}", "", 'Pass "all", or how many of a shell to use at most')
    hkl, lengths = _half_of_sphere(cell, vectors, float(middles.max()) + max(width / 2, shortest))
    low = np.searchsorted(lengths, middles - width / 2 - EDGE * width)
    high = np.searchsorted(lengths, middles + width / 2 - EDGE * width)
    if (high <= low).all():
        nearest = lengths[np.argmin(np.abs(lengths - middles[0]))]
        raise Refusal(
            f"No wavevector of this cell lies in the shells about {_few(middles)} 1/Å, {width:g} wide",
            f"the cell's smallest is {lengths[0]:.4g} 1/Å long, the nearest to {middles[0]:g} is {nearest:.4g}",
            "Give other q or a larger width",
        )
    chosen = [_drawn(a, b, q_vectors, n) for n, (a, b) in enumerate(zip(low, np.maximum(low, high), strict=True))]
    point = np.repeat(np.arange(len(middles)), [len(each) for each in chosen])
    which = np.concatenate(chosen)
    return Points(hkl[which], point, middles, hkl[which] @ vectors), width


def listed(cell: Floats, vectors: ArrayLike) -> Points:
    """``vectors`` (n, 3) in 1/Å, each a point of its own; one that is not commensurate with the cell is refused."""
    asked = np.asarray(vectors, float)
    if asked.ndim != 2 or asked.shape[1:] != (3,) or not asked.size or not np.isfinite(asked).all():
        raise Refusal(f"Wavevectors of the shape {asked.shape}", "", "Give finite numbers (n, 3) in 1/Å")
    rows = reciprocal(cell)
    numbers = asked @ cell.T / (2 * np.pi)
    hkl = np.rint(numbers).astype(np.int64)
    off = np.abs(numbers - hkl).max(axis=1)
    if (off > OFF).any():
        bad = int(np.argmax(off > OFF))
        raise Refusal(
            f"Q = ({_triple(asked[bad])}) 1/Å is not commensurate with the cell",
            f"it has h, k, l = {_triple(numbers[bad])}, which must be whole; {int((off > OFF).sum())} of {len(asked)}",
            f"The nearest is ({_triple(hkl[bad] @ rows)}), h, k, l = {_triple(hkl[bad])}",
        )
    return _each(hkl, rows)


def along(cell: Floats, direction: Sequence[int], q_max: float) -> Points:
    """All multiples of the shortest vector along h, k, l of ``direction``, up to ``q_max``."""
    numbers = np.asarray(direction)
    if numbers.shape != (3,) or not np.equal(numbers, np.rint(numbers)).all() or not numbers.any():
        raise Refusal(f"direction={direction!r}", "", "Give three whole numbers h, k, l, not all 0, like (1, 0, 0)")
    first = numbers.astype(np.int64) // gcd(*(int(n) for n in numbers))
    rows = reciprocal(cell)
    step = float(np.linalg.norm(first @ rows))
    if not (np.isfinite(q_max) and q_max > 0):
        raise Refusal(f"q_max={q_max}", "", "Give a number of 1/Å above 0")
    most = int(q_max / step * (1 + EDGE))
    if most < 1:
        raise Refusal(
            f"No wavevector along {_triple(first)} is shorter than {q_max:g} 1/Å", f"the first has {step:.4g}",
            f"Give q_max={np.ceil(100 * step) / 100:g} or more",
        )  # fmt: skip
    return _each(np.arange(1, most + 1)[:, None] * first, rows)


def in_unit_cells(cell: Floats, supercell: Sequence[int], q_vectors: ArrayLike) -> Points:
    """``q_vectors`` (n, 3) in reciprocal lattice units of the unit cell, of which ``cell`` holds ``supercell``."""
    times = np.asarray(supercell)
    if times.shape != (3,) or not np.equal(times, np.rint(times)).all() or (times < 1).any():
        raise Refusal(
            f"supercell={supercell!r}", "", "Give how many unit cells the simulated cell holds along a, b and c"
        )
    asked = np.asarray(q_vectors, float)
    if asked.ndim == 1 and len(asked) % 3 == 0:  # one, or those of an option that is named several times
        asked = asked.reshape(-1, 3)
    if asked.ndim != 2 or asked.shape[1] != 3 or not asked.size or not np.isfinite(asked).all():
        raise Refusal(
            f"q_vectors of the shape {np.shape(q_vectors)}", "", "Give (n, 3) in units of the unit cell, [(0, 1.5, 4)]"
        )
    numbers = asked * times
    hkl = np.rint(numbers).astype(np.int64)
    off = np.abs(numbers - hkl) > OFF
    if off.any():
        bad = int(np.argmax(off.any(axis=1)))
        size = "×".join(str(int(n)) for n in times)
        raise Refusal(
            f"Q = ({_triple(asked[bad])}) is not commensurate with the {size} supercell",
            "its periods fit a whole number of times into the cell along each axis only for multiples of "
            + ", ".join(f"1/{int(n)}" for n in times),
            f"The nearest are {_neighbours(asked[bad], times)}",
        )
    return _each(hkl, reciprocal(cell))


def _each(hkl: Ints, rows: Floats) -> Points:
    if not hkl.any(axis=1).all():
        raise Refusal("Q = 0 is the beam itself", "its sum is the number of atoms at all times", "Leave it out")
    vectors = hkl @ rows
    return Points(hkl, np.arange(len(hkl)), np.linalg.norm(vectors, axis=1), vectors)


def _half_of_sphere(cell: Floats, rows: Floats, q_max: float) -> tuple[Ints, Floats]:
    """One of Q and -Q up to ``q_max``, sorted by length, and the lengths; a plane of h at a time."""
    most = [int(q_max * length / (2 * np.pi) + EDGE) for length in np.linalg.norm(cell, axis=1)]
    plane = np.stack(
        np.meshgrid(np.arange(-most[1], most[1] + 1), np.arange(-most[2], most[2] + 1), indexing="ij"), axis=-1
    ).reshape(-1, 2)
    kept, sizes = [], []
    for h in range(most[0] + 1):
        half = plane if h > 0 else plane[(plane[:, 0] > 0) | ((plane[:, 0] == 0) & (plane[:, 1] > 0))]
        lengths = np.linalg.norm(h * rows[0] + half @ rows[1:], axis=1)
        inside = lengths <= q_max
        kept.append(np.column_stack([np.full(int(inside.sum()), h), half[inside]]))
        sizes.append(lengths[inside])
    hkl, lengths = np.concatenate(kept).astype(np.int64), np.concatenate(sizes)
    order = np.argsort(lengths, kind="stable")
    return hkl[order], lengths[order]


def _drawn(low: int, high: int, most: Literal["all"] | int, shell: int) -> Ints:
    """The vectors from ``low`` to ``high``, or as many of them as are asked for, each with the same chance."""
    if most == "all" or high - low <= most:
        return np.arange(low, high)
    rng = np.random.default_rng((SEED, shell))
    return np.sort(rng.choice(np.arange(low, high), most, replace=False))


def _neighbours(asked: Floats, times: Ints) -> str:
    """The commensurate vectors about one that is not: below and above along each axis that is off."""
    choices: list[Floats] = [np.empty(0)]
    for value, n in zip(asked, times, strict=True):
        off = abs(value * n - np.rint(value * n)) > OFF
        ends = np.unique([np.floor(value * n), np.ceil(value * n)] if off else [np.rint(value * n)]) / n
        choices = [np.append(one, end) for one in choices for end in ends]
    choices = [one for one in choices if one.any()]
    choices.sort(key=lambda one: float(np.abs(one - asked).sum()))
    return " and ".join(f"({_triple(one)})" for one in choices[:2])


def _triple(numbers: ArrayLike) -> str:
    return ", ".join(f"{float(number) + 0.0:.6g}" for number in np.asarray(numbers, float).round(6).tolist())


def _few(values: Floats) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:3])
    return f"{shown}, …" if len(values) > 3 else shown
