"""Jumps of single paths between places where they stay, without sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ROUNDS = 20
CLOSE = 1e-6  # of the squared radius: the place has settled
STRAIGHT = 1.2  # A to B to C, in lengths of A to C: a path that is not longer went through B on its way


@kernel
def _apart(a: Floats, b: Floats) -> Any:
    """Squared distance of two points."""
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2


@kernel
def window_variances(block: Floats, drift: Floats, length: int, result: Floats) -> None:
    """Mean squared distance (3-D) from the mean in consecutive windows of ``length`` frames: (window, atom)."""
    for w in range(result.shape[0]):
        for a in range(block.shape[1]):
            total = 0.0
            for x in range(3):
                mean = 0.0
                for f in range(w * length, (w + 1) * length):
                    mean += block[f, a, x] - drift[f, x]
                mean /= length
                for f in range(w * length, (w + 1) * length):
                    total += (block[f, a, x] - drift[f, x] - mean) ** 2
            result[w, a] = total / (length - 1)  # unbiased where the frames are independent


@kernel
def _densest(path: Floats, first: int, last: int, centre: Floats, square: float) -> None:
    """``centre`` moves to where the frames from ``first`` to ``last`` are densest: the mean of those near to it, again.

    A first guess that was taken while the ion still moved ends up where it then stayed.
    """
    total = np.zeros(3)
    for _ in range(ROUNDS):
        count = 0
        for x in range(3):
            total[x] = 0.0
        for f in range(first, last + 1):
            if _apart(path[f], centre) < square:
                for x in range(3):
                    total[x] += path[f, x]
                count += 1
        if count == 0:
            return
        for x in range(3):
            total[x] /= count
        moved = _apart(total, centre)
        for x in range(3):
            centre[x] = total[x]
        if moved < CLOSE * square:
            return


@kernel
def _settle(
    path: Floats, threshold: float, dwell: int, memory: int, shift: int,
    places: Floats, frames: Ints,
) -> int:  # fmt: skip
    """Every move to a place at least ``threshold`` away where the path stays for ``dwell`` frames.

    ``places`` (move, [before, after], axis) and ``frames`` (move, [last before, first after]) are filled; the number
    of moves is given. A place is a running mean over ``memory`` frames. Staying elsewhere for ``shift`` frames without
    having gone that far moves the place: a cage that drifts is followed.
    """
    square = 0.25 * threshold**2
    gap = max(1, dwell // 2)
    centre, other = path[0].copy(), np.zeros(3)
    n, last_in = 1, 0
    m, begun, missed = 0, 0, 0  # frames at the other place, when it was reached, frames since
    found = 0
    for f in range(1, path.shape[0]):
        if _apart(path[f], centre) < square:
            n = min(n + 1, memory)
            for x in range(3):
                centre[x] += (path[f, x] - centre[x]) / n
            last_in, m, missed = f, 0, 0
            continue
        if m > 0 and _apart(path[f], other) < square:
            m += 1
            missed = 0
            for x in range(3):
                other[x] += (path[f, x] - other[x]) / min(m, memory)
        else:
            missed += 1
            if m == 0 or missed > gap:
                m, begun, missed = 1, f, 0
                for x in range(3):
                    other[x] = path[f, x]
        if m >= dwell and _apart(other, centre) >= threshold**2:
            for x in range(3):
                places[found, 0, x] = centre[x]
                places[found, 1, x] = other[x]
            frames[found, 0], frames[found, 1] = last_in, begun
            found += 1
        elif m < shift:
            continue
        for x in range(3):
            centre[x] = other[x]
        n, m, last_in, missed = min(m, memory), 0, f, 0
    return found


@kernel
def _clean(
    places: Floats, frames: Ints, moves: int, threshold: float, passing: int, back: int, inside: Bools
) -> tuple[int, int]:
    """Take out returns after a stay of up to ``back`` frames, and join moves through places that were only passed.

    Gives how many moves are left and how many returns there were that began at a frame ``inside``; ``places`` and
    ``frames`` are shortened in place.
    """
    kept, returns = 0, 0
    for k in range(moves):
        for x in range(3):
            places[kept, 0, x], places[kept, 1, x] = places[k, 0, x], places[k, 1, x]
        frames[kept, 0], frames[kept, 1] = frames[k, 0], frames[k, 1]
        kept += 1
        while kept > 1:  # what is joined may turn out to be a return
            last, before = kept - 1, kept - 2
            straight = np.sqrt(_apart(places[last, 1], places[before, 0]))
            stayed = frames[last, 0] - frames[before, 1]
            if straight < threshold and stayed <= back:
                kept -= 2
                returns += 1 if inside[frames[before, 0]] else 0
                break
            legs = np.sqrt(_apart(places[last, 0], places[before, 0]))
            legs += np.sqrt(_apart(places[last, 1], places[last, 0]))
            if stayed >= passing or legs > STRAIGHT * straight:
                break
            for x in range(3):
                places[before, 1, x] = places[last, 1, x]
            frames[before, 1] = frames[last, 1]
            kept -= 1
    return kept, returns


@kernel
def _centre(path: Floats, places: Floats, frames: Ints, moves: int, threshold: float, memory: int) -> None:
    """Places from all frames of the stays beside each move, up to ``memory`` of them."""
    for k in range(moves):
        first = frames[k - 1, 1] if k > 0 else 0
        last = frames[k + 1, 0] if k + 1 < moves else path.shape[0] - 1
        for radius in (threshold, 0.5 * threshold):  # far enough to find the stay, then without what lies beside it
            _densest(path, max(first, frames[k, 0] - memory), frames[k, 0], places[k, 0], radius**2)
            _densest(path, frames[k, 1], min(last, frames[k, 1] + memory), places[k, 1], radius**2)


@kernel
def _time(path: Floats, places: Floats, frames: Ints, moves: int, threshold: float, memory: int) -> int:
    """First and last frame of each move from its places.

    Gives how many moves are left: those that turned out shorter than ``threshold`` go.
    """
    square = 0.25 * threshold**2
    kept = 0
    for k in range(moves):
        last = frames[k + 1, 0] if k + 1 < moves else path.shape[0] - 1
        left, reached = frames[k, 0], frames[k, 1]
        latest = max(reached, min(last, reached + memory))  # a first guess may have been taken on the way
        for f in range(left + 1, latest + 1):
            if _apart(path[f], places[k, 1]) < square:
                reached = f
                break
        for f in range(reached - 1, left, -1):
            if _apart(path[f], places[k, 0]) < square:
                left = f
                break
        if _apart(places[k, 0], places[k, 1]) < threshold**2:
            continue
        for x in range(3):
            places[kept, 0, x], places[kept, 1, x] = places[k, 0, x], places[k, 1, x]
        frames[kept, 0], frames[kept, 1] = left, reached
        kept += 1
    return kept


@kernel
def jumps_of(
    block: Floats, drift: Floats, threshold: float, dwell: int, memory: int, passing: int, back: int, shift: int,
    inside: Bools, returns: Ints,
) -> tuple[Ints, Floats]:  # fmt: skip
    """All jumps of a block of paths (frame, atom, axis) relative to the path ``drift``.

    ``returns`` (atom) is filled with those that began at a frame ``inside`` (atom, frame). Gives (jump, [atom, last
    frame before, first frame after]) and the places (jump, [before, after], axis), by atom and then by time.
    """
    n_frames = block.shape[0]
    path = np.empty((n_frames, 3))
    places, frames = np.empty((n_frames + 1, 2, 3)), np.empty((n_frames + 1, 2), np.int64)
    table, centres = np.empty((64, 3), np.int64), np.empty((64, 2, 3))
    total = 0
    for a in range(block.shape[1]):
        for f in range(n_frames):
            for x in range(3):
                path[f, x] = block[f, a, x] - drift[f, x]
        moves = _settle(path, threshold, dwell, memory, shift, places, frames)
        returned = 0
        for _ in range(2):  # a place that was first seen on the way may hide a return
            _centre(path, places, frames, moves, threshold, memory)
            moves, more_returned = _clean(places, frames, moves, threshold, passing, back, inside[a])
            returned += more_returned
        _centre(path, places, frames, moves, threshold, memory)
        moves = _time(path, places, frames, moves, threshold, memory)
        returns[a] = returned
        if total + moves > table.shape[0]:
            room = 2 * (total + moves)
            more, further = np.empty((room, 3), np.int64), np.empty((room, 2, 3))
            for k in range(total):
                for x in range(3):
                    more[k, x] = table[k, x]
                    further[k, 0, x], further[k, 1, x] = centres[k, 0, x], centres[k, 1, x]
            table, centres = more, further
        for k in range(moves):
            table[total, 0], table[total, 1], table[total, 2] = a, frames[k, 0], frames[k, 1]
            for x in range(3):
                centres[total, 0, x], centres[total, 1, x] = places[k, 0, x], places[k, 1, x]
            total += 1
    return table[:total], centres[:total]
