"""How much longer a run that shows no diffusion would have to be, at the least."""

from __future__ import annotations

import numpy as np

from .window import FEWEST_INDEPENDENT, LONGEST_LAG, NARROWEST

LEVEL = 9.0  # times what an ion rattles by: MSD = c + 6Dt has an exponent of 0.9 where 6Dt = 9c


def at_least(run: float, slope: float, intercept: float, jump: float) -> str:
    """The advice for an MSD c + 6Dt that is not diffusive yet, from the largest 6D (Å²/ps) that the data allow.

    An exponent of 0.9 is reached where 6Dt is 9c, a jump where it is the square of its length (Å). The window of a fit
    begins there, ends at twice that, and this at three quarters of the run.
    """
    goals = [LEVEL * max(intercept, 0.0)] + ([jump**2] if np.isfinite(jump) else [])
    if not (slope > 0 and np.isfinite(slope) and max(goals) > 0):
        return f"How much longer would do can't be told from this run of {shown(run)}."
    needed = max(goals) / slope * NARROWEST / LONGEST_LAG
    if needed <= run:  # the bound is too wide to exclude anything
        return f"Run at least twice as long (this run: {shown(run)})."
    how = f"{needed / run:.0f} times as long" if needed >= 2 * run else f"{needed / run:.1f} times as long"
    return (
        f"Run at least {how}, {shown(needed)} instead of {shown(run)}: even with the largest D that these data allow, "
        "jumps outweigh the rattling only then."
    )


def surer(run: float, error: float, wanted: float) -> str:
    """The advice for an exponent whose ``error`` is above the ``wanted`` one: it falls with the run's square root."""
    factor = max((error / wanted) ** 2, 2.0)
    return f"Run about {factor:.0f} times as long ({shown(factor * run)} instead of {shown(run)}), or take more ions."


def enough(run: float, independent: float) -> str:
    """The advice for a run in which the first usable lags have too few ``independent`` displacements."""
    factor = max(FEWEST_INDEPENDENT * NARROWEST / max(independent, 1.0), 2.0)
    return f"Run at least {factor:.0f} times as long ({shown(factor * run)} instead of {shown(run)})."


def shown(time: float) -> str:
    """A time in ps, in ns from 10 000 ps on, with two digits."""
    digits = f"{time:.2g}"
    value = float(digits)
    return f"{value:g} ps" if value < 1e4 else f"{value / 1000:g} ns"
