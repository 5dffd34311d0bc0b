"""Ions that jump past polyanions: where, past which, and how these move about that time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.trajectory.blocks import cut, cut_atoms, drift, in_order

from .images import shortest
from .orientations import inverse_of, product_of, rotation_vector, smoothed

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .matched_times import Events, Sets

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

UNEVEN = 0.5  # of the jump's length: by how much the distances of its ends from the unit may differ


class Ways(NamedTuple):
    """Where ions jump, in the frame of reference."""

    start: Floats  # (event, axis) Å: mean place about the last frame before
    end: Floats  # (event, axis) Å: about the first frame after

    @property
    def middle(self) -> Floats:
        """Half way."""
        return 0.5 * (self.start + self.end)


class Past(NamedTuple):
    """The units that an ion jumps past, nearest first."""

    units: Ints  # (event, partner)
    distance: Floats  # (event, partner) Å: from the unit's mean place to the farther end of the way
    sense: Floats  # (event, partner, axis): about this axis a unit rolls along with the ion
    beside: Bools  # (event): whether the ion is beside the units before and after, rather than come to or left


def ways_of(
    traj: Trajectory, events: Events, half: int, reference: Literal["cell", "framework"] | None, mobile: list[str]
) -> Ways:  # fmt: skip
    """Places of the ions before and after each jump, as means over ``half`` frames to either side."""
    ends = np.empty((2, len(events.ion), 3))
    if len(events.ion) == 0:
        return Ways(*ends)
    shown = traj.where(np.isin(np.arange(traj.n_atoms), events.ion))
    row = np.searchsorted(np.unique(events.ion), events.ion)
    path = drift(traj, reference, mobile)

    def work(atoms: slice) -> None:
        block = shown.read("positions", atoms=atoms)
        if path is not None:
            block = block - path[:, None]
        means = smoothed(block, half)
        mine = np.flatnonzero((row >= atoms.start) & (row < atoms.stop))
        for end, frames in zip(ends, (events.left, events.reached), strict=True):
            end[mine] = means[frames[mine], row[mine] - atoms.start]

    for _ in in_order(work, cut_atoms(shown, 5 * 24 * traj.n_frames)):
        pass
    return Ways(*ends)


def past(ways: Ways, places: Floats, cell: Floats, nearest: int) -> Past:
    """The ``nearest`` units by their mean places over the run.

    By where a unit is at the moment, one that happens to come near would be taken for that very motion. Nearest is
    who is so to the farther end of the way.
    """
    number = len(ways.start)
    units, distance = np.empty((number, nearest), np.int64), np.empty((number, nearest))
    sense, beside = np.empty((number, nearest, 3)), np.empty(number, bool)
    for part in cut(number, 8 * len(places) * 40, threads=1):
        apart = shortest(ways.middle[part, None] - places[None], cell)
        half = 0.5 * (ways.end - ways.start)[part, None]
        ends = np.stack([np.linalg.norm(apart - half, axis=-1), np.linalg.norm(apart + half, axis=-1)])
        lengths = ends.max(axis=0)
        units[part] = np.argsort(lengths, axis=1, kind="stable")[:, :nearest]
        distance[part] = np.take_along_axis(lengths, units[part], axis=1)
        uneven = np.take_along_axis(np.abs(ends[0] - ends[1]), units[part], axis=1)
        beside[part] = (uneven <= UNEVEN * 2 * np.linalg.norm(half, axis=-1)).all(axis=1)
        towards = np.take_along_axis(apart, units[part][..., None], axis=1)
        across = np.cross(towards, (ways.end - ways.start)[part, None])
        length = np.linalg.norm(across, axis=-1, keepdims=True)
        sense[part] = np.divide(across, length, out=np.zeros_like(across), where=length > 1e-9)
    return Past(units, distance, sense, beside)


def moves(
    quaternions: Floats, centres: Floats, near: Past, sets: Sets, offsets: Ints
) -> dict[str, Floats]:  # fmt: skip
    """What the units do about each time of each set, against the first offset, each (set, time, offset).

    The angle (°), the length of the way (Å), and how far a unit rolls along with the ion (°), meant over partners; NaN
    where a set has no more times.
    """
    shape = (*sets.frames.shape, len(offsets))
    found = {name: np.empty(shape) for name in ("rotation", "translation", "tilt")}
    partners = near.units.shape[1]

    def work(part: slice) -> None:
        there = sets.frames[part] >= 0
        first = np.where(there, sets.frames[part], -int(offsets[0]))[..., None, None]
        units = near.units[sets.event[part]][:, None, None]
        sense = near.sense[sets.event[part]][:, None, None]
        when = first + offsets[:, None]
        turned = product_of(quaternions[when, units], inverse_of(quaternions[first + offsets[0], units]))
        turn = rotation_vector(turned)
        way = centres[when, units] - centres[first + offsets[0], units]
        for name, value in (
            ("rotation", np.linalg.norm(turn, axis=-1)),
            ("translation", np.linalg.norm(way, axis=-1)),
            ("tilt", (turn * sense).sum(axis=-1)),
        ):
            found[name][part] = np.where(there[..., None], value.mean(axis=-1), np.nan)

    for _ in in_order(work, cut(shape[0], 8 * 40 * shape[1] * shape[2] * partners)):
        pass
    return found
