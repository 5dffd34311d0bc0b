"""Finding the jumps of ions, without sites, and how far ions vibrate where they stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.trajectory.blocks import cut_atoms, in_order

from .tiles import fields_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .phase_origins import Origins

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WINDOW = 1.0  # ps in which the vibration is seen
FEWEST_IN_WINDOW = 5  # frames
STAY = 0.1  # ps that an ion has to be somewhere to have arrived; two frames at least
MEMORY = 5.0  # ps over which a place is averaged
SHIFT = 1.0  # ps after which a place less than a jump away is where the ion is
THRESHOLDS = (0.75, 1.0, 1.25, 1.5)  # times the threshold: how much the rate depends on it
RECROSSINGS = (0.0, 0.5, 1.0, 2.0)  # times the time within which returns don't count


class Found(NamedTuple):
    """The jumps of all ions."""

    table: Ints  # (jump, [ion, last frame before, first frame after])
    places: Floats  # (jump, [before, after], axis)
    begun: Bools  # (jump): whether it began in the phase
    settled: Bools  # (jump): whether the wait after it did
    returns: Ints  # (ion)
    others: Ints  # (threshold, recrossing): jumps of all ions with other settings


def _blocks(ions: Trajectory) -> list[slice]:
    return cut_atoms(ions, 25 * ions.n_frames * fields_of(ions), fixed=200 * ions.n_frames)


def vibration_of(origins: Origins, path: Floats, spacing: float) -> float:
    """Root mean squared distance (Å) of ions from where they stay."""
    from vanhove.kernels.hops import window_variances

    ions = origins.ions
    length = max(FEWEST_IN_WINDOW, round(WINDOW / spacing))
    windows = ions.n_frames // length
    if windows == 0:
        length, windows = ions.n_frames, 1

    def work(atoms: slice) -> Floats:
        block = ions.read_paths(atoms=atoms)
        variances = np.empty((windows, block.shape[1]))
        window_variances(block, path, length, variances)
        return variances

    variances = np.concatenate(list(in_order(work, _blocks(ions))), axis=1)
    if origins.inside is not None:  # windows that begin in the phase; where it is never long there, all that there are
        begun = origins.inside[:, : windows * length : length].T
        variances = variances[begun] if begun.any() else variances
    return float(np.sqrt(np.median(variances)))


def find(origins: Origins, path: Floats, spacing: float, threshold: float, recrossing: float, passing: float) -> Found:
    """All jumps of the ions of at least ``threshold`` (Å), which of them began in the phase, and how many others do."""
    from vanhove.kernels.hops import jumps_of

    ions = origins.ions

    def in_frames(time: float, least: int) -> int:
        return max(least, round(time / spacing))

    stay, memory, shift = in_frames(STAY, 2), in_frames(MEMORY, 2), in_frames(SHIFT, 3)

    def work(atoms: slice) -> Found:
        block = ions.read_paths(atoms=atoms)
        inside = np.ones(block.shape[1::-1], bool) if origins.inside is None else origins.inside[atoms]
        returns, unused = np.zeros((2, block.shape[1]), np.int64)
        others = np.zeros((len(THRESHOLDS), len(RECROSSINGS)), np.int64)
        table, places = np.empty((0, 3), np.int64), np.empty((0, 2, 3))
        for i, of_threshold in enumerate(THRESHOLDS):
            for k, of_time in enumerate(RECROSSINGS):
                usual = of_threshold == 1.0 and of_time == 1.0
                rows, ends = jumps_of(
                    block, path, of_threshold * threshold, stay, memory, in_frames(passing, 0),
                    in_frames(of_time * recrossing, 0), shift, inside, returns if usual else unused,
                )  # fmt: skip
                others[i, k] = inside[rows[:, 0], rows[:, 1]].sum()
                if usual:
                    table, places = rows.copy(), ends.copy()
        begun, settled = inside[table[:, 0], table[:, 1]], inside[table[:, 0], table[:, 2]]
        table[:, 0] += atoms.start
        return Found(table, places, begun, settled, returns, others)

    tables, places, begun, settled, returns, others = zip(*in_order(work, _blocks(ions)), strict=True)
    return Found(
        np.concatenate(tables), np.concatenate(places), np.concatenate(begun), np.concatenate(settled),
        np.concatenate(returns), np.sum(others, axis=0),
    )  # fmt: skip
