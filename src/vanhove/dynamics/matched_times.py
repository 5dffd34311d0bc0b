"""Is something different at certain times? Events beside times matched to them, compared by permutation.

Each event makes a *set*: itself and random times of the same ion and the same partner, within the two stays that the
event lies between. There the ion is as near to the partner, and the partner is the same one: partners that differ among
each other, and ions that choose among them, give nothing. If what is watched does not depend on the events, then any
time of a set could as well have been the event: drawing one from each set at random gives the distribution of whatever
is compared, with no assumption about its shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BOOTSTRAPS = 500
SCATTER = 1e-12  # of the largest value: what differs by less does not differ


class Events(NamedTuple):
    """Jumps of ions; frames count in the trajectory."""

    ion: Ints  # (event): number of the atom
    left: Ints  # last frame before
    reached: Ints  # first frame after

    @property
    def middle(self) -> Ints:
        """The frame in the middle."""
        return (self.left + self.reached) // 2


class Sets(NamedTuple):
    """Which events are compared, and the times each is compared with."""

    event: Ints  # (set): number of the event
    frames: Ints  # (set, time): the event's first, then those matched to it, and -1 where there are no more


def events_of(traj: Trajectory, jumps: Dataset) -> Events:
    """Jumps from the result of ``dynamics.jumps`` or ``dynamics.cages``, by ion and time."""
    missing = [name for name in ("atom", "time") if name not in jumps]
    if missing:
        raise Refusal(
            f"jumps has no {' and no '.join(missing)}", str(jumps.attrs.get("observable", "")),
            "Give the result of dynamics.jumps, or of dynamics.cages for one radius",
        )  # fmt: skip
    made_from = jumps.attrs.get("fingerprint")
    if made_from is not None and made_from != traj.fingerprint:
        raise Refusal(
            "The jumps are those of another trajectory", "atoms and times would be mixed up",
            "Compute them from the same view of the same trajectory",
        )  # fmt: skip
    ion, middle = np.asarray(jumps["atom"].values, np.int64), np.asarray(jumps["time"].values, float)
    lasts = np.asarray(jumps["duration"].values, float) if "duration" in jumps else np.zeros(len(middle))
    spacing = traj.spacing
    frame = (middle - traj.times[0]) / spacing
    half = 0.5 * lasts / spacing
    left = np.clip(np.floor(frame - half + 1e-6), 0, traj.n_frames - 1).astype(np.int64)
    reached = np.clip(np.ceil(frame + half - 1e-6), 0, traj.n_frames - 1).astype(np.int64)
    if len(ion) and (ion.min() < 0 or ion.max() >= traj.n_atoms):
        raise Refusal("The jumps name atoms that the trajectory does not have", "", "Compute them from this trajectory")
    order = np.lexsort((left, ion))
    return Events(ion[order], left[order], reached[order])


def matched(
    events: Events, partner: Ints, eligible: Bools, n_frames: int, half: int, most: int, rng: np.random.Generator
) -> Sets:  # fmt: skip
    """The sets of all ``eligible`` events that find a match and whose window, ``half`` frames each way, is in the run.

    Up to ``most`` matched times, whose windows overlap neither each other's, nor the event's, nor any jump of the ion.
    Of events that share a ``partner`` (event, partner) and whose windows overlap, the first counts only: they would be
    one observation counted twice.
    """
    middle = events.middle
    number = len(middle)
    before, after = np.zeros(number, np.int64), np.full(number, n_frames - 1)
    same = events.ion[1:] == events.ion[:-1]
    before[1:][same] = events.reached[:-1][same]
    after[:-1][same] = events.left[1:][same]
    low, high = before + half, after - half
    usable = eligible & (middle - half >= 0) & (middle + half < n_frames)
    some = np.flatnonzero(usable)
    usable[some] = _first(middle[some], partner[some], 2 * half)
    columns = []
    each = max(1, most // 2)
    for start, end, step in ((np.minimum(middle - 2 * half, events.left - half), low, -1),
                             (np.maximum(middle + 2 * half, events.reached + half), high, 1)):  # fmt: skip
        room = step * (end - start)
        jitter = np.floor(rng.random(number) * np.clip(room + 1, 0, 2 * half + 1)).astype(np.int64)
        stride = np.maximum(2 * half + 1, np.maximum(room - jitter, 0) // max(each - 1, 1))
        along = jitter[:, None] + stride[:, None] * np.arange(each)
        columns.append(np.where(along <= room[:, None], start[:, None] + step * along, -1))
    times = np.concatenate(columns, axis=1)
    times = np.take_along_axis(times, np.argsort(times < 0, axis=1, kind="stable"), axis=1)
    kept = np.flatnonzero(usable & (times[:, :1] >= 0).any(axis=1))
    return Sets(kept, np.column_stack([middle[kept], times[kept]]))


def _first(middle: Ints, partner: Ints, apart: int) -> Bools:
    """Events that no event before, with a partner of theirs, is as near to as ``apart`` frames."""
    chosen = np.ones(len(middle), bool)
    for column in range(partner.shape[1]):
        order = np.lexsort((middle, partner[:, column]))
        who, when = partner[order, column], middle[order]
        near = np.zeros(len(order), bool)
        near[1:] = (who[1:] == who[:-1]) & (np.diff(when) <= apart)
        chosen[order[near]] = False
    return chosen


class Comparison(NamedTuple):
    """What is different at the events, along offsets from their middle."""

    average: Floats  # (offset)
    band: Floats  # ([low, high], offset): 95 %, from drawing events anew
    random: Floats  # (offset): the same at the matched times
    p_value: float
    peak: int  # the offset at which the difference stands out most
    strongest: Floats  # (permutation): its largest standardised difference; the first is that of the events
    effect: float  # the difference at the peak
    effect_error: float
    upper: float  # 95 % bound of the effect's size, at any offset


def compare(
    values: Floats, squares: bool, permutations: int, rng: np.random.Generator, picks: NDArray[np.int64] | None = None
) -> Comparison:
    r"""Values (set, time, offset), NaN where a set has no more times, at the events against the matched times.

    What is compared is the mean difference at each offset, over its standard deviation when one time is drawn from
    every set, and of these the largest along all offsets: looking at many offsets is paid for. The p-value is the share
    of draws, the events' own among them, that give as much. With ``squares`` the effect is the root of the difference
    of the mean squares, which takes out what both have; else that of the means.
    """
    number, _, offsets = values.shape
    there = ~np.isnan(values[:, :, -1])
    counts = there.sum(axis=1)
    middle = np.nanmean(values, axis=1, keepdims=True)
    apart = np.where(there[..., None], values - middle, 0.0)
    spread = np.sqrt(((apart**2).sum(axis=1) / counts[:, None]).sum(axis=0)) / number
    sums = draws(counts, permutations, rng) if picks is None else picks
    drawn = _drawn(apart, sums) / number
    usable = spread > SCATTER * max(float(np.abs(middle).max()), 1e-300)
    standard = np.abs(drawn[:, usable]) / spread[usable]
    strongest = standard.max(axis=1) if usable.any() else np.zeros(len(drawn))
    peak = int(np.flatnonzero(usable)[standard[0].argmax()]) if usable.any() else offsets // 2
    weights = rng.multinomial(number, np.full(number, 1 / number), size=BOOTSTRAPS) / number
    event = values[:, 0]
    matched_values = np.where(there[:, 1:, None], values[:, 1:], np.nan)
    average, random = event.mean(axis=0), np.nanmean(matched_values, axis=1).mean(axis=0)
    power = 2 if squares else 1
    difference = event**power - np.nanmean(matched_values**power, axis=1)
    every = np.vstack([difference.mean(axis=0), weights @ difference])  # (draw, offset)
    every = np.sign(every) * np.sqrt(np.abs(every)) if squares else every
    effects = every[:, peak]
    # squares are less at the jumps only where something holds still: no bound on a kick
    size = every[1:] if squares else np.abs(every[1:])
    upper = max(0.0, float(np.percentile(size, 95, axis=0).max()))
    return Comparison(
        average, np.percentile(weights @ event, [2.5, 97.5], axis=0), random,
        float((strongest >= strongest[0] * (1 - 1e-12)).mean()), peak, strongest, float(effects[0]),
        float(effects[1:].std()), upper,
    )  # fmt: skip


def draws(counts: Ints, permutations: int, rng: np.random.Generator) -> Ints:
    """Which time of every set stands for the event, (draw, set); the first draw is what happened."""
    picks = np.floor(rng.random((permutations + 1, len(counts))) * counts).astype(np.int64)
    picks[0] = 0
    return picks


def _drawn(values: Floats, picks: Ints) -> Floats:
    """Sums over sets of the times drawn, (draw, offset)."""
    from scipy.sparse import csr_array

    number, times, offsets = values.shape
    columns = (picks + times * np.arange(number)).ravel()
    rows = np.arange(0, columns.size + 1, number)
    chosen = csr_array((np.ones(columns.size), columns, rows), shape=(len(picks), number * times))
    summed: Floats = chosen @ values.reshape(-1, offsets)
    return summed
