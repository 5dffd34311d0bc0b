"""Libration about orientations that look alike, and turns from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .orientations import SAMPLE, inverse_of, product_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ENTER = 1 / 3  # of the smallest angle between two orientations that look alike: nearer to one it has been entered
ROUNDS = 4
BLOCK = 1 << 22  # numbers at once


class Turns(NamedTuple):
    """What the units do about their sites."""

    angle: Floats  # (frame, unit) °: from the nearest of the orientations that look alike
    settled: float  # share of units and frames that are within ENTER of one
    unit: Ints  # (event)
    frame: Ints  # (event): last one in the old orientation, or outside of any
    reached: Ints  # (event): first one in the new orientation
    turn: Floats  # (event) °
    smallest: float  # °, between two orientations that look alike; NaN where there is one only


def turns_of(quaternions: Floats, alike: Floats) -> Turns:
    """Angles to the sites and turns between them; ``alike`` (unit, element, 4) are the symmetries.

    A turn counts when the next orientation has been entered, to within a third of the angle between two of them: on the
    way, and for a look over the edge, a unit still belongs to where it was.
    """
    frames, number, _ = quaternions.shape
    sites = _sites(quaternions, alike)
    all_sites = product_of(sites[:, None], alike)
    cosine = np.abs(alike[..., 0])
    cosine = np.where(cosine > np.cos(np.radians(2.0)), -1.0, cosine)
    most = cosine.max(axis=1)
    with np.errstate(invalid="ignore"):
        apart = np.where(most >= 0, np.degrees(2 * np.arccos(np.clip(most, 0, 1))), np.nan)
    angle, state = np.empty((frames, number)), np.empty((frames, number), np.int16)
    size = max(1, BLOCK // (number * all_sites.shape[1]))
    for start in range(0, frames, size):
        part = slice(start, start + size)
        overlap = np.abs(np.einsum("fuq,ukq->fuk", quaternions[part], all_sites))
        state[part] = overlap.argmax(axis=-1)
        angle[part] = np.degrees(2 * np.arccos(np.minimum(overlap.max(axis=-1), 1.0)))
    inside = angle < np.where(np.isnan(apart), 361.0, ENTER * apart)
    last = np.where(inside, np.arange(frames)[:, None], -1)
    np.maximum.accumulate(last, axis=0, out=last)
    entered = np.zeros((frames, number), bool)
    before = last[:-1]
    entered[1:] = inside[1:] & (before >= 0)
    entered[1:] &= np.take_along_axis(state, np.maximum(before, 0), axis=0) != state[1:]
    unit, reached = np.nonzero(entered.T)
    left = last[reached - 1, unit]
    between = np.abs((alike[unit, state[left, unit]] * alike[unit, state[reached, unit]]).sum(axis=-1))
    turn = np.degrees(2 * np.arccos(np.minimum(between, 1.0)))
    smallest = float(np.nanmin(apart)) if np.isfinite(apart).any() else np.nan
    return Turns(angle, float(inside.mean()), unit, left, reached, turn, smallest)


def _sites(quaternions: Floats, alike: Floats) -> Floats:
    """The orientation that each unit librates about: the mean over frames, each turned to the nearest that is alike."""
    some = quaternions[:: -(-len(quaternions) // SAMPLE)]
    site: Floats = some[0]
    for _ in range(ROUNDS):
        # one that turned by an element of the symmetry is turned back by it
        folded = product_of(some[:, :, None], inverse_of(alike)[None])
        overlap = (folded * site[None, :, None]).sum(axis=-1)
        best = np.abs(overlap).argmax(axis=-1)[..., None]
        chosen = np.take_along_axis(folded, best[..., None], axis=2)[:, :, 0]
        sign = np.where(np.take_along_axis(overlap, best, axis=2) < 0, -1.0, 1.0)
        mean = (sign * chosen).mean(axis=0)
        site = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    return site
