"""The paths of ions through a run as smooth curves in the cell of one frame, and their jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal

from .atom_values import atoms_meant
from .blocks import add_blocks, cut_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .blocks import Sums
    from .core import Trajectory

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

POINTS = 48  # of each ion of a species; every one is a mean over frames, so that vibrations average out
MOST_POINTS = 240  # of one of a few ions that were named
POINTS_OF_FEW = 2400  # of all of these together
FRAMES_A_POINT = 200  # of a longer trajectory every n-th frame is read
PATHS_PER_AREA = 0.13  # Å⁻² of a face of the cell; more are a thicket
CURVE = 5  # pieces that a smooth curve draws between two points


@dataclass(frozen=True)
class Paths:
    """Curves of ions in fractions of the cell, unwrapped."""

    ions: Index  # in the trajectory
    of: str  # "Na", or "20 of 105 Na"
    times: Floats  # (point)
    fractions: Floats  # (point, ion, axis)
    net: Floats  # (ion): displacement between the ends, Å
    duration: float  # ps
    every: int  # frames that one was read of

    def images(self, *, whole: bool) -> Floats:
        """Lattice vectors to take off: of each piece, by its middle; or one of each ion, whose path stays whole."""
        middles = self.fractions.mean(axis=0, keepdims=True) if whole else self._middles
        images: Floats = np.floor(middles)
        return images

    @property
    def _middles(self) -> Floats:
        middles: Floats = 0.5 * (self.fractions[:-1] + self.fractions[1:])
        return middles

    def segments(self, matrix: Floats, *, whole: bool = False) -> Floats:
        """Pieces (piece, ion, end, axis), each in the cell by its middle, or the path in one piece."""
        image = self.images(whole=whole)
        pieces: Floats = np.stack([self.fractions[:-1] - image, self.fractions[1:] - image], axis=2) @ matrix
        return pieces

    @property
    def middles(self) -> Floats:
        """Time of the middle of every piece (ps)."""
        middles: Floats = 0.5 * (self.times[1:] + self.times[:-1])
        return middles


def trace(traj: Trajectory, ions: Index, name: str, matrix: Floats, points: int) -> Paths:
    """The smooth paths of ``ions``, or of some of them where all would be a thicket."""
    if traj.n_frames < 2:
        raise Refusal("A path needs two frames or more", "the trajectory has one", "Leave out paths=")
    if points < 2:
        raise Refusal(f"points={points}", "", "Give two points a path, or more")
    every = max(1, traj.n_frames // (FRAMES_A_POINT * points))
    read = traj.every(every)
    means, times = _mean_fractions(read, ions, min(points, read.n_frames))
    net = np.linalg.norm((means[-1] - means[0]) @ matrix, axis=1)
    most = max(1, round(PATHS_PER_AREA * float(np.abs(np.linalg.det(matrix))) ** (2 / 3)))
    kept = np.argsort(net, kind="stable")[np.linspace(0, len(net) - 1, min(len(net), most)).round().astype(int)]
    of = name if len(kept) == len(ions) else f"{len(kept)} of {len(ions)} {name}"
    when, curve = _smooth(times, means[:, kept])
    duration = float(traj.times[-1] - traj.times[0])
    return Paths(ions[kept], of, when, curve, net[kept], duration, every)


def _mean_fractions(traj: Trajectory, ions: Index, points: int) -> tuple[Floats, Floats]:
    """Unwrapped fractional coordinates (point, ion, axis) and times, averaged over groups of consecutive frames."""
    mask = np.zeros(traj.n_atoms, bool)
    mask[ions] = True
    some = traj.where(mask)
    group = np.arange(traj.n_frames) * points // traj.n_frames
    inverses = np.linalg.inv(some.cells)

    def work(frames: slice) -> Sums:
        fractions = np.einsum("fai,fij->faj", some.read("positions", frames), inverses[frames])
        mine, first = np.unique(group[frames], return_index=True)
        summed = np.zeros((points, some.n_atoms, 3))
        summed[mine] = np.add.reduceat(fractions, first, axis=0)
        return {"summed": summed}

    blocks = cut_frames(some, 3 * 24 * some.n_atoms, fixed=24 * points * some.n_atoms)
    summed: Floats = add_blocks(blocks, work, "paths")["summed"]  # type: ignore[assignment]  # Sums names no dtype
    counts = np.bincount(group)
    order = np.argsort(np.argsort(ions))  # the view has its atoms in the trajectory's order
    return summed[:, order] / counts[:, None, None], np.bincount(group, traj.times) / counts


def _smooth(times: Floats, points: Floats) -> tuple[Floats, Floats]:
    """A cubic spline through the points, along the first axis, and its times."""
    from scipy.interpolate import make_interp_spline

    if len(points) < 4:
        return times, points
    knots = np.arange(len(points), dtype=np.float64)
    fine = np.linspace(0, knots[-1], CURVE * (len(points) - 1) + 1)
    curve: Floats = make_interp_spline(knots, points, k=3)(fine)
    return np.interp(fine, knots, times), curve


# jumps


@dataclass(frozen=True)
class Jumps:
    """Moments of ions: which atom of the trajectory, when, how long it took; lengths where they are known."""

    atoms: Index
    times: Floats  # ps
    durations: Floats  # ps
    lengths: Floats  # Å; NaN where unknown


def is_jumps(mark: Any) -> bool:
    """Whether marks are moments, not atoms: a dataset of events, or pairs (atom, time)."""
    if mark is None or isinstance(mark, str):
        return False
    if hasattr(mark, "data_vars"):
        return True
    array = np.asarray(mark)
    return array.ndim == 2 and array.shape[1] == 2 and array.dtype.kind in "fiu"


def jumps_of(mark: Any, traj: Trajectory) -> Jumps:
    """Jumps from a result with ``atom`` and ``time`` of every event, or from pairs (atom, time)."""
    if not hasattr(mark, "data_vars"):
        pairs = np.asarray(mark, dtype=np.float64)
        if not np.isfinite(pairs).all() or (pairs[:, 0] % 1 != 0).any():
            raise Refusal("mark has a pair that is not (number of an atom, time in ps)")
        numbers, times = pairs[:, 0].astype(np.intp), pairs[:, 1]
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= traj.n_atoms):
            raise Refusal(f"mark names an atom beyond the {traj.n_atoms} there are")
        return Jumps(numbers, times, np.zeros(len(times)), np.full(len(times), np.nan))
    if "atom" not in mark.variables or "time" not in mark.variables or mark["atom"].dims != mark["time"].dims:
        raise Refusal(
            "The dataset given as mark has no jumps", f"it has {list(mark.variables)}",
            "Give one with 'atom' and 'time' of every event, as of dynamics.jumps",
        )  # fmt: skip
    times = np.asarray(mark["time"].values, dtype=np.float64)
    named = str(mark.attrs.get("species", ""))
    names = np.full(len(times), named) if named and "," not in named else None
    atoms = atoms_meant(
        len(times), traj, "mark", index=np.asarray(mark["atom"].values), names=names, species=named,
        fingerprint=str(mark.attrs.get("fingerprint", "")),
    )  # fmt: skip
    unknown = np.full(len(times), np.nan)
    lengths, durations = (
        np.asarray(mark[name].values, dtype=np.float64) if name in mark.variables else unknown
        for name in ("length", "duration")
    )
    return Jumps(atoms, times, np.nan_to_num(durations), lengths)


@dataclass(frozen=True)
class Marked:
    """Where jumps are on paths."""

    pieces: NDArray[np.bool_]  # (piece, ion)
    places: Floats  # (jump, axis) in the cell
    ions: Index  # (jump): which path
    jumps: Jumps  # those on the paths
    given: int  # how many there were


def on_paths(jumps: Jumps, paths: Paths, matrix: Floats, points: int, *, whole: bool = False) -> Marked:
    """The pieces of paths on which ions jump: for as long as a jump takes, or as two points are apart."""
    place_of = {int(atom): k for k, atom in enumerate(paths.ions)}
    of = np.array([place_of.get(int(atom), -1) for atom in jumps.atoms], dtype=np.intp)
    start, end = float(paths.times[0]), float(paths.times[-1])
    apart = (end - start) / max(1, min(points, len(paths.times)) - 1)
    slack = 0.5 * apart  # a path begins and ends in the middle of its first and last group of frames
    here = (of >= 0) & (jumps.times >= start - slack) & (jumps.times <= end + slack)
    shown = Jumps(jumps.atoms[here], jumps.times[here], jumps.durations[here], jumps.lengths[here])
    of, given = of[here], len(here)
    when = np.clip(shown.times, start, end)
    half = np.maximum(shown.durations, apart) / 2
    first = np.searchsorted(paths.times, when - half, side="right") - 1
    last = np.searchsorted(paths.times, when + half, side="left")
    pieces = np.zeros((len(paths.times) - 1, len(paths.ions)), bool)
    for ion, a, b in zip(of, np.maximum(first, 0), last, strict=True):  # of the few jumps that are drawn
        pieces[a:b, ion] = True
    k = np.clip(np.searchsorted(paths.times, when, side="right") - 1, 0, len(paths.times) - 2)
    share = ((when - paths.times[k]) / (paths.times[k + 1] - paths.times[k]))[:, None]
    fractions = paths.fractions[k, of] * (1 - share) + paths.fractions[k + 1, of] * share
    image = paths.images(whole=True)[0, of] if whole else np.floor(fractions)
    places: Floats = (fractions - image) @ matrix
    return Marked(pieces, places, of, shown, given)
