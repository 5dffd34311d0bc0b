"""Visits of ions to places, whether these stand still in the cell or move with atoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.structure.averages import TIME_BLOCKS, time_blocks
from vanhove.structure.neighbours import PAIR_BYTES, ball, neighbours_in_frames
from vanhove.trajectory.blocks import cut, in_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Small = NDArray[np.int32]

GROWTH = 1.4  # of the distance within which a second place is sought, until every ion has one
ROUNDING = 1e-6  # of a frame

Positions = Callable[[slice], tuple["Floats", "Floats"]]  # of a block: (frame, ion, axis), (frame, place, axis)


class Places(NamedTuple):
    """Where ions may be."""

    positions: Positions
    scale: Floats  # (place): distances are counted in it
    reach: float  # Å: what is farther is nowhere; where ``divided``, a first guess
    divided: bool = False  # the nearest place counts at any distance, and distances are those to the second nearest


class Level(NamedTuple):
    """How near an ion has to come to enter a place, and how far it has to go to have left it."""

    enter: float
    leave: float


class Tracks(NamedTuple):
    """What ions did, for one level."""

    entries: Ints  # (entry, [ion, place, frame]), by ion and then by frame
    counts: Floats  # (block of frames, place, and nowhere)


def track(ions: Trajectory, places: Places, levels: Sequence[Level], bytes_each: int) -> list[Tracks]:
    """Follow all ions through the run, once for each level; ``bytes_each`` is what positions of one frame take."""
    from vanhove.kernels.visits import follow

    cells, n_places, n_ions = ions.cells, len(places.scale), ions.n_atoms
    block_of = time_blocks(ions.n_frames)
    blocks = min(TIME_BLOCKS, ions.n_frames)
    current = [np.full(n_ions, -1) for _ in levels]
    inside = [np.zeros(n_ions, bool) for _ in levels]
    counts = [np.zeros((blocks, n_places + 1)) for _ in levels]
    entries: list[list[Ints]] = [[] for _ in levels]

    def work(frames: slice) -> tuple[slice, Small, Floats]:
        return frames, *_nearest(places, frames, np.ascontiguousarray(cells[frames]))

    volume = float(ions.volumes.min())
    reach = places.reach * (GROWTH if places.divided else 1.0)
    pairs = n_ions * max(1.0, n_places * ball(reach) / volume)
    each = int(1.5 * PAIR_BYTES * pairs) + 3 * bytes_each + 40 * n_ions
    for frames, which, distance in in_order(work, cut(ions.n_frames, each)):
        for k, level in enumerate(levels):
            entries[k].append(follow(
                which, distance, level.enter, level.leave, frames.start, block_of[frames], current[k], inside[k],
                counts[k],
            ).copy())  # fmt: skip
    tracks = []
    for rows, count in zip(entries, counts, strict=True):
        table = np.concatenate(rows)
        tracks.append(Tracks(table[np.lexsort((table[:, 2], table[:, 0]))], count))
    return tracks


def _nearest(places: Places, frames: slice, cells: Floats) -> tuple[Small, Floats]:
    """The nearest place of each ion in a block of frames, and how near it is."""
    from vanhove.kernels.visits import nearest_places

    ions, spots = places.positions(frames)
    shape, n_ions, n_places = ions.shape[:2], ions.shape[1], spots.shape[1]
    everything = np.concatenate([ions, spots], axis=1)
    reach = places.reach
    while True:
        pairs = neighbours_in_frames(everything, cells, np.arange(n_ions), np.arange(n_ions, n_ions + n_places), reach)
        which = np.full(shape, -1, np.int32)
        distance, second = np.full(shape, np.inf), np.full(shape, np.inf)
        nearest_places(*pairs, places.scale, n_ions, which, distance, second)
        if not places.divided:
            return which, distance
        if np.isfinite(second).all() or (n_places == 1 and (which == 0).all()):
            return which, distance / second
        reach *= GROWTH


class Visits(NamedTuple):
    """Stays of ions at places, by ion and then by time. Times are in frames."""

    ion: Ints
    place: Ints
    start: Ints
    stop: Ints
    begun: Bools  # the beginning was seen
    ended: Bools  # the end was seen
    short: int  # visits that were too short
    returns: int  # visits from which ions came back too soon

    @property
    def steps(self) -> Ints:
        """Length of each visit in frames, up to the next one's beginning."""
        return self.stop - self.start

    @property
    def hops(self) -> tuple[Ints, Ints]:
        """The visits before and after each hop, as numbers."""
        before = np.flatnonzero(self.ended)
        return before, before + 1


def visits_of(entries: Ints, n_frames: int, shortest: float, back: float) -> Visits:
    """Visits from entries; those shorter than ``shortest`` and returns within ``back`` (frames) don't count."""
    from vanhove.kernels.visits import tidy

    kept = np.empty_like(entries)
    count, short, returns = tidy(entries, shortest - ROUNDING, back + ROUNDING, kept)
    ion, place, start = np.ascontiguousarray(kept[:count].T)
    goes_on = np.zeros(count, bool)
    goes_on[:-1] = ion[1:] == ion[:-1]
    begun = np.zeros(count, bool)
    begun[1:] = goes_on[:-1]
    stop = np.full(count, n_frames - 1)
    stop[:-1][goes_on[:-1]] = start[1:][goes_on[:-1]]
    return Visits(ion, place, start, stop, begun, goes_on, short, returns)


def check_times(**times: float) -> None:
    """Refuse what is no time."""
    for word, value in times.items():
        if not (np.isfinite(value) and value >= 0):
            raise Refusal(f"{word}={value}", "", "Give a number of ps, 0 or more")
