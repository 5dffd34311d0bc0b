"""Which samples are held out while a model is trained on others, so that none of them is known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn

from .labelling import LEFT_OUT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FRAMES_EACH = 2  # of a stretch that is held out; where there are fewer frames, ions are held out


class Fold(NamedTuple):
    """Masks of the samples: those trained on, and those held out. What lies in the gap between is in neither."""

    train: Bools
    test: Bools


class Split(NamedTuple):
    """Folds that hold every sample out once in each repetition, and in words what they hold out."""

    folds: list[Fold]
    per_repeat: int
    told: str
    kind: str
    gap: float


def split(
    features: Dataset,
    classes: Ints,
    groups: str | Sequence[Any] | NDArray[Any] | None,
    gap: float | None,
    window: float,
    test_fraction: float,
    repeats: int,
    seed: int,
) -> Split:
    """Cut the labelled samples into folds: stretches of the run, ions, or the groups given."""
    if not 0 < test_fraction <= 0.5:
        raise Refusal(f"test_fraction={test_fraction}", "", "Give a share of the groups, up to 0.5")
    if repeats < 1:
        raise Refusal(f"repeats={repeats}", "", "Give a whole number from 1 on")
    number = max(2, round(1 / test_fraction))
    used = classes != LEFT_OUT
    rng = np.random.default_rng(seed)
    kind = (
        groups
        if isinstance(groups, str)
        else "groups"
        if groups is not None
        else _usual(features, classes, used, FRAMES_EACH * number)
    )
    if kind not in ("frames", "atoms", "groups"):
        raise Refusal(f"groups={groups!r}", "", 'Give "frames", "atoms", or the group of each sample')
    if kind == "frames":
        if _constant(features, classes, used):
            warn(
                "The label of each ion is the same in all frames", "held-out frames show the ions trained on again",
                'Pass groups="atoms", or label with a window shorter than the run',
            )  # fmt: skip
        return _stretches(features["time"].values, used, window if gap is None else gap, number, repeats, rng)
    if gap:
        raise Refusal(f"gap={gap}", f"{kind} are held out, which have no time", 'Leave it out, or pass groups="frames"')
    owner = features["atom"].values if kind == "atoms" else _given(groups, len(used))
    members = np.unique(owner[used])
    if len(members) < number:
        raise Refusal(
            f"There are {len(members)} groups for {number} folds", "each is held out as a whole",
            "Give more of them, or a larger test_fraction",
        )  # fmt: skip
    folds = []
    for _ in range(repeats):
        for part in np.array_split(rng.permutation(members), number):
            test = used & np.isin(owner, part)
            folds.append(Fold(used & ~test, test))
    held = "ions, each with all its frames" if kind == "atoms" else "whole groups, as given"
    return Split(folds, number, f"{held}: {len(members)} in {number} folds, drawn {repeats} times", kind, 0.0)


def _usual(features: Dataset, classes: Ints, used: Bools, fewest: int) -> str:
    if len(np.unique(features["time"].values[used])) < fewest:
        return "atoms"
    return "atoms" if _constant(features, classes, used) else "frames"


def _constant(features: Dataset, classes: Ints, used: Bools) -> bool:
    """Whether every ion that is seen in several frames has the same label in all of them."""
    owner, mine = features["atom"].values[used], classes[used]
    if len(owner) == 0:
        return False
    counts, summed = np.bincount(owner), np.bincount(owner, mine)
    several = counts > 1
    return bool(several.any() and np.isin(summed[several] / counts[several], [0.0, 1.0]).all())


def _given(groups: Any, samples: int) -> Ints:
    given = np.asarray(groups)
    if given.shape != (samples,):
        raise Refusal(f"groups of shape {given.shape} for {samples} samples", "", "Give the group of each sample")
    numbers: Ints = np.unique(given, return_inverse=True)[1]
    return numbers


def _stretches(
    times: Floats, used: Bools, gap: float, number: int, repeats: int, rng: np.random.Generator
) -> Split:  # fmt: skip
    """Hold stretches of the run out; what is within the gap of one is not trained on, either."""
    if not (np.isfinite(gap) and gap >= 0):
        raise Refusal(f"gap={gap}", "", "Give a time in ps")
    known = np.unique(times[used])
    if len(known) < FRAMES_EACH * number:
        raise Refusal(
            f"There are {len(known)} frames for {number} folds", "", 'Take features of more, or pass groups="atoms"'
        )
    gap = max(gap, float(np.diff(known).min()))  # one frame at the least
    folds = []
    for repeat in range(repeats):
        # other borders in each repetition, the first one's as even as can be
        shift = 0 if repeat == 0 else int(rng.integers(1, max(2, len(known) // number)))
        borders = np.linspace(0, len(known), number + 1).astype(int)
        inner = np.clip(borders[1:-1] + shift, 1, len(known) - 1)
        for first, last in zip([0, *inner], [*inner, len(known)], strict=True):
            begin, end = known[first], known[last - 1]
            test = used & (times >= begin) & (times <= end)
            train = used & ((times < begin - gap * (1 + 1e-9)) | (times > end + gap * (1 + 1e-9)))
            folds.append(Fold(train, test))
    told = f"stretches of the run, {number} folds with {gap:g} ps around them left out, drawn {repeats} times"
    return Split(folds, number, told, "frames", gap)
