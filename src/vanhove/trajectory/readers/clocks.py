"""Times of files that count steps, or keep their times in single precision, or repeat frames after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import warn

from .checks import later_frames

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vanhove.trajectory.contents import Options

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

DIGITS = 9  # decimal digits that tell any two single-precision numbers apart


def first_of_repeated(
    counted: NDArray[np.generic], path: Path, notes: list[str], what: str = "step"
) -> NDArray[np.bool_]:
    """Which frames to keep where a run was started again from earlier and wrote some of its frames once more.

    ``counted`` are steps or times, as ``what`` says.
    """
    keep = later_frames(counted)
    repeated = np.flatnonzero(~keep)
    if len(repeated):
        notes.append(f"left out as repeated later in the file: {len(repeated)} frame{'s' * (len(repeated) > 1)}")
    if len(repeated) > 1:
        back = int(np.argmax(np.diff(counted) <= 0)) + 1
        warn(
            f"{what.capitalize()}s go back within the file",
            f"{path}: frame {back} is at {what} {counted[back]:.15g}, frame {back - 1} at {counted[back - 1]:.15g}: "
            f"frames {repeated[0]} to {repeated[-1]} lie before a restart",
            f"The {len(repeated)} frames that the restart repeats are left out; check that this is meant",
        )  # fmt: skip
    return keep


def by_steps(steps: NDArray[np.generic], own: Floats | None, options: Options, path: Path) -> Floats | None:
    """Times that the file counts, in ps: ``timestep`` times its steps, else its ``own``; None without either."""
    if options.timestep is None:
        if own is None and options.spacing is not None and len(np.unique(np.diff(steps))) > 1:
            warn(
                "spacing= is one number, but the frames are not evenly spaced",
                f"{path}: steps {', '.join(f'{step:.0f}' for step in steps[:4].tolist())}, ...",
                "Give timestep= (ps per step) instead",
            )  # fmt: skip
        return own
    times = np.asarray(steps, np.float64) * options.timestep
    if own is not None and len(own) > 1 and steps[-1] != steps[0]:
        implied = (own[-1] - own[0]) / (float(steps[-1]) - float(steps[0]))
        if abs(implied / options.timestep - 1) > 1e-6:
            warn(
                f"timestep={options.timestep:g} ps overrides the file's times", f"{path}: {implied:g} ps a step",
                "Leave timestep out to use the file's own",
            )  # fmt: skip
    return times


def decimal(number: np.float32) -> float:
    """The shortest decimal number that single precision keeps as ``number``: what its writer most likely meant."""
    return float(str(number))


def unrounded(times: Singles, steps: NDArray[np.generic]) -> Floats:
    """Times as they were before single precision rounded them.

    Where t = t_0 + δ (s - s_0), with steps s and a decimal number δ, gives every time again within its last bit, that
    is what they were; else each is the shortest decimal number that rounds to it. Without this the times of a run of
    10⁵ spacings differ from an even grid by a hundredth of a spacing.
    """
    alone = times.astype(str).astype(np.float64)  # the shortest decimals, as in decimal()
    if len(times) < 3 or not (np.diff(steps) > 0).all():
        return alone
    counted = np.asarray(steps, np.float64) - float(steps[0])
    slope = (alone[-1] - alone[0]) / counted[-1]
    last_bit = np.spacing(np.abs(times)).astype(np.float64)
    for digits in range(1, DIGITS + 1):
        even: Floats = alone[0] + float(f"{slope:.{digits}g}") * counted
        if (np.abs(even - times) <= last_bit).all():
            return even
    return alone
