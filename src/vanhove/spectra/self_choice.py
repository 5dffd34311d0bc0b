"""Which way to F(Q,t) is taken, and how far directions are from the exact average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, warn

from .self_average import average
from .self_directions import half_sphere, order_for, order_of
from .self_lags import choose
from .self_routes import by_displacements, by_phase_pairs, by_transforms, over_directions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .self_directions import Wanted
    from .self_lags import SelfLags
    from .self_routes import Route

    Floats = NDArray[np.float64]

ORIGINS_LOOKED_AT = 8  # for the distance that atoms get
LAGS_LOOKED_AT = 12  # for the error of directions
DOUBTFUL = 5e-3  # of F, by directions: a person should know


def choose_route(
    ions: Trajectory, path: Floats | None, waves: Wanted, lags: SelfLags, route: str, directions: int | None
) -> tuple[Route, str]:
    """The way to go as a person asked for, or the quicker one, and a sentence that says why."""
    if route not in ("auto", "fft", "displacements"):
        raise Refusal(f"route={route!r}", "", 'Pass "auto", "fft" or "displacements"')
    if directions is not None and (waves.vectors is not None or route == "displacements"):
        raise Refusal(
            f"directions={directions}",
            "vectors have their own" if waves.vectors is not None else "by displacements the average is exact",
            "Leave it out",
        )
    transformable = lags.steps is not None and lags.every_origin
    if not transformable and (route == "fft" or directions is not None):
        raise Refusal(
            "A transform takes evenly spaced frames, each of them an origin", "",
            'Take route="displacements", or traj.uniform() and origins="all"',
        )  # fmt: skip
    asked = "it was asked for"
    if waves.vectors is not None:
        if route == "displacements" or not transformable:
            why = asked if route == "displacements" else "frames are uneven, or not all of them origins"
            return by_phase_pairs(waves.vectors, lags), why
        weights = [np.ones(1)] * len(waves.vectors)
        why = asked if route == "fft" else "all lags and origins of a vector come at once"
        return by_transforms([vector[None] for vector in waves.vectors], weights, lags), why
    counted = by_displacements(waves.lengths, lags, ions.n_atoms)
    if route == "displacements":
        return counted, asked
    if not transformable:
        return counted, "frames are uneven, or not all of them origins"
    if directions is not None:
        orders = [order_of(directions)] * len(waves.lengths)
    else:
        distance = _distance(ions, path, lags)
        orders = [order_for(length, distance) for length in waves.lengths.tolist()]
    transformed = over_directions(waves.lengths, orders, lags)
    if route == "fft":
        return transformed, asked
    took = [f"{way.seconds * ions.n_atoms:.2g} s" for way in (counted, transformed)]
    n = sum(len(half_sphere(order)[1]) for order in orders)
    why = f"an estimated {took[0]} of computing by displacements, {took[1]} by FFT over {n} wavevectors"
    return (counted if counted.seconds <= transformed.seconds else transformed), why


def _distance(ions: Trajectory, path: Floats | None, lags: SelfLags) -> float:
    """Root mean square displacement (Å) over the longest lag, from a few origins."""
    assert lags.steps is not None
    step = int(lags.steps[-1])
    starts = np.unique(np.linspace(0, ions.n_frames - 1 - step, ORIGINS_LOOKED_AT).astype(int)).tolist()
    total = 0.0
    for start in starts:
        ends = [ions.read_paths(slice(frame, frame + 1))[0] for frame in (start, start + step)]
        moved = ends[1] - ends[0] - (0.0 if path is None else path[start + step] - path[start])
        total += float(np.einsum("ai,ai->", moved, moved)) / len(moved)
    return float(np.sqrt(total / len(starts)))


def error_of_directions(ions: Trajectory, path: Floats | None, q: Floats, lags: SelfLags, correlation: Floats) -> float:
    """How far F (q, lag) by directions is from the exact powder average, at most, at some lags over ln t."""
    assert lags.steps is not None
    moved = np.flatnonzero(lags.steps > 0)
    near = np.searchsorted(lags.steps[moved], np.geomspace(lags.steps[moved[0]], lags.steps[-1], LAGS_LOOKED_AT))
    few = moved[np.unique(near.clip(0, len(moved) - 1))]
    some = choose(ions, lags.pairs.lags[few].tolist(), None, "all")
    exact = average(ions, path, some, by_displacements(q, some, ions.n_atoms), len(q), None).correlation.value
    worst = float(np.abs(correlation[:, few] - exact).max())
    if worst > DOUBTFUL:
        warn(
            f"F is up to {worst:.2g} off the average over all directions", "there are too few of them for this Q",
            'Take route="displacements", which is exact, or more directions',
        )  # fmt: skip
    return worst
