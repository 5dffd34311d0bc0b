"""What to train on and what to test with: blocks of time with a gap, or whole systems; never neighbouring frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.files import digest

from .label_data import Labelled, System
from .label_repeats import same_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 2  # frames to train on beside a block that is kept out


def split(
    data: Labelled, held_out: float | Sequence[str], by: Literal["time", "system"], gap: int | None, seed: int
) -> tuple[Labelled, Labelled]:
    """See :meth:`vanhove.simulate.Labelled.split`."""
    if by not in ("time", "system"):
        raise Refusal(f"by={by!r}", "", nearest(str(by), ["time", "system"]))
    if gap is not None and (isinstance(gap, bool) or gap != int(gap) or gap < 1):
        raise Refusal(
            f"gap={gap!r}", "neighbouring frames are nearly the same", "Give 1 or more frames, or leave it out"
        )
    if not isinstance(held_out, float | int):
        return _by_name(data, [held_out] if isinstance(held_out, str) else list(held_out))
    if not 0 < held_out < 1:
        raise Refusal(f"held_out={held_out!r}", "", "Give a share between 0 and 1, such as 0.1, or names of systems")
    parts = _by_system(data, held_out, seed) if by == "system" else _by_time(data, held_out, gap, seed)
    _warn_of_repeats(*parts)
    return parts


def _by_name(data: Labelled, names: Sequence[str]) -> tuple[Labelled, Labelled]:
    out = data.select(names)
    kept = [name for name in data.names if name not in names]
    if not kept:
        raise Refusal("Every system is kept out", "", "Leave some to train on")
    return data.select(kept), out


def _by_system(data: Labelled, share: float, seed: int) -> tuple[Labelled, Labelled]:
    """Systems in the order that the seed draws, as long as they bring the number of frames nearer to what is asked."""
    if len(data.systems) < 2:
        raise Refusal("There is one system", data.names[0], 'Split it by="time"')
    wanted, out = share * data.frames, list[str]()
    order = np.random.default_rng(seed).permutation(len(data.systems))
    taken = 0
    for k in order.tolist():
        system = data.systems[k]
        nearer = abs(taken + system.frames - wanted) < abs(taken - wanted)
        if (nearer or not out) and len(out) < len(data.systems) - 1:
            out.append(system.name)
            taken += system.frames
    return _by_name(data, [name for name in data.names if name in out])


def _by_time(data: Labelled, share: float, gap: int | None, seed: int) -> tuple[Labelled, Labelled]:
    train, out = list[System](), list[System]()
    for system in data.systems:
        block = round(share * system.frames)
        apart = correlation_gap(system.energy) if gap is None else int(gap)
        # where every system stands among the others must not change its block
        draw = np.random.default_rng([seed, int(digest(system.name)[:8], 16)])
        last = system.frames - block
        start = int(draw.integers(0, last + 1)) if block else 0
        numbers = np.arange(system.frames)
        inside = (numbers >= start) & (numbers < start + block)
        outside = (numbers < start - apart) | (numbers >= start + block + apart)
        if block and outside.sum() < FEWEST:
            start, inside = last, numbers >= last  # a gap on one side leaves more
            outside = numbers < last - apart
        if not block or outside.sum() < FEWEST:
            train.append(system)
            continue
        train.append(system.taken(outside))
        out.append(system.taken(inside))
    if not out:
        raise Refusal(
            "No system is long enough to keep a block of it out",
            f"{max(system.frames for system in data.systems)} frames at most, held_out={share:g}, gap={gap}",
            'Give more frames, a smaller gap, or split by="system"',
        )  # fmt: skip
    return Labelled(tuple(train)), Labelled(tuple(out))


def correlation_gap(energy: Floats) -> int:
    """Twice the correlation time of the energy, in frames, at least one and at most a tenth of them.

    τ = ½ + Σ ρ(k) up to the first k of at least 5 τ (A. Sokal's window), of the energy less its trend: a run that
    warms up is one long correlation otherwise.
    """
    frames = len(energy)
    if frames < 8:
        return 1
    x = np.arange(frames) - (frames - 1) / 2
    rest = energy - energy.mean() - x * ((x @ energy) / (x @ x))
    spectrum = np.abs(np.fft.rfft(rest, 2 * frames)) ** 2
    lags = np.fft.irfft(spectrum)[:frames]
    if not lags[0] > 0:
        return 1
    times = 0.5 + np.cumsum(lags[1:] / lags[0])
    enough = np.flatnonzero(np.arange(1, frames) >= 5 * times)
    tau = float(times[enough[0]] if len(enough) else times[-1])
    return int(np.clip(np.ceil(2 * tau), 1, max(1, frames // 10)))


def _warn_of_repeats(train: Labelled, out: Labelled) -> None:
    """Frames that are there twice may stand on both sides, however they are split."""
    for system in out.systems:
        others = [one for one in train.systems if one.species == system.species]
        if not others:
            continue
        known = sum(one.frames for one in others)
        first, second = same_frames([*others, system])
        shared = int(((second >= known) & (first < known)).sum())
        if shared:
            warn(
                f"{shared} of the frames kept out are trained on, too", f"system '{system.name}'",
                "Frames are there twice: see check(), and leave them out first",
            )  # fmt: skip
