"""Which frames of a round are known, which are worth a label, and which mean nothing; and those that are picked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .contacts import bond_bounds, too_close

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .learn_explore import Condition, Explored

    Floats = NDArray[np.float64]

QUANTILE = 0.95  # of the deviations of frames held out: what lies below is as well known as those
OF_FORCE = 0.25  # of the typical force; models that disagree by more are not trusted, whatever they do elsewhere
APART = 0.1  # ps; a frame is nearly the one before it
ASTRAY = (
    "Failed besides: frames with atoms closer than half a bond, and those never reached since the run was stopped. Of "
    "such a run no frame is accurate: the models may agree and be wrong."
)
RULE = (
    f"Accurate: below what {100 * QUANTILE:g} % of the frames held out stay below, at most {OF_FORCE:g} of the typical "
    "force, the median of the force on an atom in the labelled frames. Failed: from the typical force on. Candidates: "
    f"between. {ASTRAY}"
)
GIVEN = f"Trust levels were given. {ASTRAY}"


class Trust(NamedTuple):
    """Deviations (eV/Å): below ``low`` a frame is accurate, from ``high`` on it failed."""

    low: float
    high: float


class Judged(NamedTuple):
    """The frames of a run: the largest deviation of each, and what that makes of it."""

    condition: Condition
    deviation: Floats
    accurate: NDArray[np.bool_]
    candidate: NDArray[np.bool_]
    whole: NDArray[np.bool_]  # no two atoms touch; looked at where it is not accurate
    planned: int
    every: float
    stopped: str

    @property
    def failed(self) -> int:
        """Frames that failed, with those that were never reached."""
        return self.planned - int(self.accurate.sum()) - int(self.candidate.sum())


class Pick(NamedTuple):
    """A frame to be labelled."""

    run: int  # of the round, from 0
    frame: int  # of the run, from 0
    deviation: float


def trust_levels(given: Sequence[float] | None, held_out: Floats, forces: Sequence[Floats]) -> Trust:
    r"""From the data, where none are given: see :data:`RULE`.

    .. math:: \epsilon_\text{high} = \operatorname{median} |\mathbf F_i|, \qquad
        \epsilon_\text{low} = \min\left(Q_{0.95}(\epsilon_\text{held out}), \epsilon_\text{high} / 4\right)
    """
    if given is not None:
        low, high = given
        return Trust(float(low), float(high))
    sizes = [np.linalg.norm(one, axis=-1).ravel() for one in forces]
    typical = float(np.median(np.concatenate(sizes)))  # a few wild frames must not decide it
    return Trust(min(float(np.quantile(held_out, QUANTILE)), OF_FORCE * typical), typical)


def judge(explored: Explored, deviation: Floats, trust: Trust) -> Judged:
    """What the deviations of a run make of its frames."""
    accurate = (deviation < trust.low) & (not explored.stopped)
    limits, species = bond_bounds(list(dict.fromkeys(explored.species))), np.array(explored.species)
    whole = np.ones(len(deviation), bool)
    for frame in np.flatnonzero(~accurate):
        whole[frame] = too_close(explored.positions[frame], explored.cell[frame], species, limits) is None
    candidate = ~accurate & (deviation < trust.high) & whole
    return Judged(
        explored.condition, deviation, accurate, candidate, whole, explored.planned, explored.every, explored.stopped
    )


def pick(judged: Sequence[Judged], most: int) -> tuple[list[Pick], bool]:
    """At most ``most`` candidates, and whether they had to be taken from frames that failed.

    Each in turn from the structure, and of that from the run, that has the fewest so far; in a run first the one with
    the largest deviation, then the one that is farthest in time from those taken, at least 0.1 ps and two frames away.

    Where no frame is a candidate and some failed, those with the smallest deviation of each run are taken: runs of a
    first committee may leave what it knows within a few steps, and nothing would ever be learned.
    """
    rescued = not any(one.candidate.any() for one in judged)
    pools = [_in_order(one, rescued=rescued) for one in judged]
    chosen: list[Pick] = []
    while len(chosen) < most:
        open_ = [run for run, pool in enumerate(pools) if pool]
        if not open_:
            break
        runs = [one.run for one in chosen]
        by_structure = [judged[run].condition.structure for run in runs]
        run = min(open_, key=lambda k: (by_structure.count(judged[k].condition.structure), runs.count(k), k))
        frame = pools[run].pop(0)
        chosen.append(Pick(run, frame, float(judged[run].deviation[frame])))
    return chosen, rescued and bool(chosen)


def _in_order(one: Judged, *, rescued: bool) -> list[int]:
    """The frames of a run that may be taken, in the order in which they are."""
    apart = max(2, round(APART / one.every))
    if rescued:
        left = np.flatnonzero(~one.accurate & one.whole)
        ranked = left[np.argsort(one.deviation[left], kind="stable")].tolist()
        taken: list[int] = []
        for frame in ranked:
            if all(abs(frame - other) >= apart for other in taken):
                taken.append(frame)
        return taken
    left = np.flatnonzero(one.candidate)
    if not len(left):
        return []
    taken = [int(left[np.argmax(one.deviation[left])])]
    distance = np.abs(left - taken[0])
    while distance.max() >= apart:
        taken.append(int(left[np.argmax(distance)]))
        distance = np.minimum(distance, np.abs(left - taken[-1]))
    return taken
