"""An observable is a sum over blocks of frames or of atoms; here the blocks are cut to the memory budget and mapped.

This is the only place that makes threads. Kernels are serial and release the GIL, so two threads of them are as fast as
a parallel loop, without its trouble with forked children. Blocks are added in their order, whichever ends first: the
same bits every run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.progress import Progress

from .budget import memory_budget, thread_count

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from .core import Trajectory

    Floats = NDArray[np.float64]
    Sums = dict[str, NDArray[np.generic]]

Item = TypeVar("Item")
Result = TypeVar("Result")

FEWEST_BLOCKS = 16  # on any number of threads up to this one: the same sums, and the same bits


def cut(n: int, bytes_each: int, *, fixed: int = 0, threads: int | None = None) -> list[slice]:
    """Cut ``n`` things into slices whose blocks fit the budget beside each other.

    ``bytes_each`` is what one thing takes in a block *including temporaries*; ``fixed`` what a block takes beside them.
    Where memory is no limit the slices are the same on any number of threads up to 16.
    """
    threads = threads or thread_count()
    room = memory_budget() / threads - fixed
    size = max(1, int(room / max(bytes_each, 1)))
    blocks = max(-(-n // size), min(n, max(threads, FEWEST_BLOCKS)))
    edges = np.linspace(0, n, blocks + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges) if b > a]


def cut_frames(traj: Trajectory, bytes_each: int, *, fixed: int = 0) -> list[slice]:
    """Slices of frames of ``traj``; see :func:`cut`."""
    return cut(traj.n_frames, bytes_each, fixed=fixed)


def cut_atoms(traj: Trajectory, bytes_each: int, *, fixed: int = 0) -> list[slice]:
    """Slices of atoms of ``traj``; see :func:`cut`."""
    return cut(traj.n_atoms, bytes_each, fixed=fixed)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], *, ahead: int = 0) -> Iterator[Result]:
    """``work(item)`` of every item on several threads, given in the items' order.

    Items are taken one by one in the caller's thread; at most the number of threads and ``ahead`` are worked on or
    wait beside the result that is given, so that memory stays bounded however slow the caller is.
    """
    threads = thread_count()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads + ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def add_blocks(blocks: Sequence[slice], work: Callable[[slice], Sums], what: str) -> Sums:
    """The sum of ``work(block)`` over ``blocks``: each gives named arrays, added in the blocks' order."""
    if not blocks:
        raise Refusal(f"{what}: there is nothing to add up")
    total: Sums = {}
    with Progress(what, len(blocks)) as progress:
        for parts in in_order(work, blocks, ahead=thread_count()):
            for name, part in parts.items():
                if name in total:
                    np.add(total[name], part, out=total[name])
                else:
                    total[name] = part
            progress.advance()
    return total


def frame_weights(everything: Trajectory, reference: Literal["cell", "framework"], mobile: Sequence[str]) -> Floats:
    """Weight of every atom of the system in the frame of reference; they add up to 1."""
    if reference == "cell":
        if everything.n_atoms == 1:
            raise Refusal("Removing the drift of a single atom removes all its motion", "", "Pass drift=None")
        if everything.system.atoms_in_all is not None:
            warn(
                f"The drift is that of {everything.n_atoms} atoms of {everything.system.atoms_in_all}",
                "the file holds a part of what was simulated", "Save the whole trajectory, or pass drift=None",
            )  # fmt: skip
        by_mass: Floats = everything.masses / everything.masses.sum()
        return by_mass
    if reference == "framework":
        still = ~np.isin(everything.species, list(mobile))
        if not still.any():
            raise Refusal("There is no framework: every atom is of a mobile species", "", 'Pass drift="cell" or None')
        alike: Floats = still / still.sum()
        return alike
    raise Refusal(f"drift={reference!r}", "", 'Pass "cell", "framework" or None')


def drift(
    traj: Trajectory, reference: Literal["cell", "framework"] | None, mobile: Sequence[str] = ()
) -> Floats | None:
    """Path of the reference frame, (frame, axis) in Å, to subtract from ``read_paths``; None when nothing is.

    ``"cell"``: mass-weighted centre of all atoms of the system, also where ``traj`` is a selection.
    ``"framework"``: plain mean of every atom that is not of the ``mobile`` species.
    """
    if reference is None:
        return None
    everything = traj.whole_system
    weights = frame_weights(everything, reference, mobile)
    key = (weights.tobytes(), traj.times.tobytes())
    known = traj.system.drifts.get(key)
    if known is not None:
        return known
    path = np.empty((everything.n_frames, 3))

    def work(frames: slice) -> Sums:
        path[frames] = np.einsum("fai,a->fi", everything.read_paths(frames), weights)
        return {}

    add_blocks(cut_frames(everything, 3 * 24 * everything.n_atoms), work, "drift")
    traj.system.drifts[key] = path
    return path
