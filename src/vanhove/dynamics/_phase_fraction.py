"""How the ions share themselves out among the phases, with time."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.figures import PALETTE, PHASE_COLOURS, label
from vanhove.base.results import Column, dataset
from vanhove.structure.averages import block_sums, ratio, time_blocks
from vanhove.structure.phase_labels import FOUND, labels_of

from .phase_origins import known_phases

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

ROUNDING = 1e-12
LETTERS = 50  # of a line in the figure


def phase_fraction(
    traj: Trajectory, species: str | Sequence[str], *, phases: Dataset | NDArray[np.str_] | None = None
) -> Dataset:
    r"""Share of the ions in each phase of a glass-ceramic, with time (B12).

    .. math:: x_p(t) = \frac{1}{N} \sum_{i=1}^{N} m_{i,p}(t)

    with m = 1 where ion i is in the phase p at that time. Phases that lie along an axis stay where they were found, and
    ions go from one to another.

    Parameters
    ----------
    traj
        Frames at any times.
    species
        An element or isotope, or several together.
    phases
        In Python: where phases are known from, the result of :func:`vanhove.structure.phases` (one along an axis tells
        the phase of an ion by where it is at each frame), or an array of labels, (atom) or (frame, atom). By default
        that of all atoms with its own defaults.

    Returns
    -------
    Dataset
        ``fraction(phase, time)``; ``mean(phase)`` over the run with ``mean_error``, one standard error from the spread
        of ten consecutive blocks of frames, and ``change(phase)``, that of the second half of the frames less that of
        the first, with ``change_error``. NaN where no phases were found, as ``attrs["verdict"]`` then says.
    """
    ions = traj.select(species if isinstance(species, str) else list(species))
    known, steps = known_phases(traj, phases)
    verdict = FOUND if isinstance(known, np.ndarray) else str(known.attrs["verdict"])
    if not isinstance(known, np.ndarray) and verdict != FOUND:
        names = [str(name) for name in known["label"].values]
        fraction = np.full((len(names), traj.n_frames), np.nan)
    else:
        names, codes = labels_of(known, traj, ions)
        counts = np.array([(codes == k).sum(axis=0) for k in range(len(names))], np.float64)
        fraction = np.broadcast_to(counts / ions.n_atoms, (len(names), traj.n_frames)).copy()
    block_of = time_blocks(traj.n_frames)
    blocks = int(block_of[-1]) + 1
    sums, frames = block_sums(fraction.T, block_of, blocks), np.bincount(block_of)[:, None]
    mean, error = ratio(sums, frames)
    error[error < ROUNDING] = 0.0  # no ion changed its phase
    half = blocks // 2
    (first, first_error), (second, second_error) = (
        ratio(sums[part], frames[part]) for part in (slice(0, half), slice(half, None))
    )
    name = species if isinstance(species, str) else ", ".join(species)
    kelvin = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "dynamics.phase_fraction",
        {
            "fraction": Column(("phase", "time"), fraction, "1", "share of the ions"),
            "mean": Column(("phase",), mean, "1", "share of the ions over the run"),
            "mean_error": Column(("phase",), error, "1", "standard error of the share over the run"),
            "change": Column(("phase",), second - first, "1", "share in the second half less that in the first"),
            "change_error": Column(
                ("phase",), np.hypot(first_error, second_error), "1", "standard error of the change"
            ),
        },
        {
            "phase": Column(("phase",), names, "1", "phase"),
            "time": Column(("time",), traj.times, "ps", "time of the frame"),
        },
        parameters=dict(species=species),
        history=[*traj.history, *steps],
        title=f"{name} in each phase",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        verdict=verdict,
        **kelvin,
    )


def draw(result: Dataset, ax: Axes) -> None:
    """The shares against time, one line a phase, with the mean over the run (dashes)."""
    time, name = result["time"].values, str(result.attrs["species"])
    for k, phase in enumerate(result["phase"].values.tolist()):
        one = result.isel(phase=k)
        colour = PHASE_COLOURS.get(phase, PALETTE[k % len(PALETTE)])
        mean = float(one["mean"])
        told = f"{phase}, {mean:.3g}" if np.isfinite(mean) else phase
        ax.plot(time, one["fraction"].values, color=colour, lw=1.2, label=told)
        ax.axhline(mean, color=colour, lw=0.9, ls="--")
    ax.set(xlabel=label("time", "ps"), ylabel=f"share of the {name}", ylim=(0, 1))
    if len(time) > 1:
        ax.set_xlim(float(time[0]), float(time[-1]))
    if not np.isfinite(result["mean"].values).any():
        said = fill(str(result.attrs["verdict"]), LETTERS)
        ax.text(0.5, 0.5, said, transform=ax.transAxes, ha="center", va="center", fontsize=9.5)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, columnspacing=1.2, handlelength=1.4)
