"""Bond order as a field: its profile along an axis, or about each atom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vanhove.trajectory.blocks import add_blocks, cut_frames

from .averages import block_sums, time_blocks
from .axis import fractions_along
from .neighbours import PAIR_BYTES, nearest_in_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .bond_order import BondOrder

    Floats = NDArray[np.float64]

AROUND = 24  # nearest atoms that an atom's order is averaged with


def order_along(traj: Trajectory, order: BondOrder, axis: int, slices: int, window: int) -> tuple[Floats, Floats]:
    """Sums of q and of how many have one, (block of the run, slice), over ``window`` slices about each slice."""
    block_of, cells = time_blocks(traj.n_frames), traj.cells
    shape = (int(block_of[-1]) + 1, slices)

    def work(frames: slice) -> Sums:
        positions = traj.read("positions", frames)
        q = order.of(positions, cells[frames])[:, 0]
        seen = np.isfinite(q)
        places = fractions_along(positions[:, order.centres], cells[frames], axis)
        there = (block_of[frames, None] * slices + np.minimum((places * slices).astype(np.int64), slices - 1))[seen]
        size = int(np.prod(shape))
        sums, counts = np.bincount(there, q[seen], minlength=size), np.bincount(there, minlength=size)
        return {"q": sums.reshape(shape), "seen": counts.reshape(shape).astype(np.float64)}

    total = add_blocks(_blocks(traj, order, 0), work, "order along an axis")
    around = np.arange(window) - window // 2
    q, seen = (np.sum([np.roll(total[name], k, axis=1) for k in around], axis=0) for name in ("q", "seen"))
    return q, seen


def local_order(
    traj: Trajectory, order: BondOrder, visit: Callable[[slice, Floats], None] | None = None
) -> tuple[Floats, Floats]:
    """Sums of the order about every atom and of how often it has one, (block of the run, atom).

    The order about an atom is the mean of q over the nearest two dozen of the atoms that have one, and itself if it
    does.
    ``visit`` is given each block of frames with its field (frame, atom), NaN where there is none.
    """
    block_of, cells = time_blocks(traj.n_frames), traj.cells
    blocks = int(block_of[-1]) + 1

    def work(frames: slice) -> Sums:
        positions = traj.read("positions", frames)
        field = _about(positions, cells[frames], order)
        if visit is not None:
            visit(frames, field)
        seen = np.isfinite(field)
        mine = block_of[frames]
        return {
            "q": block_sums(np.where(seen, field, 0.0), mine, blocks),
            "seen": block_sums(seen.astype(np.float64), mine, blocks),
        }

    total = add_blocks(_blocks(traj, order, 3 * 16 * blocks * traj.n_atoms), work, "order about atoms")
    return np.asarray(total["q"], np.float64), np.asarray(total["seen"], np.float64)


def _about(positions: Floats, cells: Floats, order: BondOrder) -> Floats:
    everyone, number = np.arange(positions.shape[1]), min(AROUND, len(order.centres))
    q = np.full(positions.shape[:2], np.nan)
    q[:, order.centres] = order.of(positions, cells)[:, 0]
    near = nearest_in_frames(positions, cells, everyone, order.centres, number).j.reshape(*q.shape, number)
    together = np.concatenate([q[..., None], np.take_along_axis(q[:, None], near, axis=-1)], axis=-1)
    seen = np.isfinite(together)
    counted = seen.sum(axis=-1)
    field: Floats = np.where(seen, together, 0.0).sum(axis=-1) / np.where(counted > 0, counted, np.nan)
    return field


def _blocks(traj: Trajectory, order: BondOrder, kept: int) -> list[slice]:
    each = order.frame_bytes(float(traj.volumes.min())) + (3 * 24 + 3 * (AROUND + 1) * PAIR_BYTES) * traj.n_atoms
    return cut_frames(traj, each, fixed=kept)
