"""The period of a crystal along an axis of the cell, also where the crystal fills the cell only in part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.trajectory.budget import memory_budget

from .axis import heights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

SHORTEST = 3.9  # Å; below, the first shells of a glass are met. A crystal of a shorter period has a multiple above
LONGEST = 40.0  # Å
SMEARING = 0.5  # Å
STANDS_OUT = 0.1  # of the density's likeness to itself without a shift
AS_GOOD = 0.85  # of the highest peak: the crystal also repeats itself after two periods, a little less of it
FRAMES = 5
FINEST = 0.05  # Å, between the shifts that are tried
POINT_BYTES = 64  # of the grid, with its transform and what lies beside it


def period_along(traj: Trajectory, axis: int) -> float:
    r"""The shift along the axis by which the density is most like itself (Å, as a height), NaN where there is none.

    .. math:: A(\Delta) = \Big\langle \sum_{\mathbf G \ne 0} |\rho(\mathbf G)|^2 e^{-\sigma^2 G^2}
              e^{i \mathbf G \cdot \mathbf e\, \Delta} \Big\rangle

    with **e** along the axis: the autocorrelation of the smeared density, from a few frames. The first of its highest
    peaks counts when it is above a tenth of A(0) and above five times the scatter that as many atoms at random have.
    """
    from scipy.signal import find_peaks

    few = traj[:: max(1, traj.n_frames // FRAMES)]
    height = float(heights(few.cells, axis).mean())
    likeness = np.mean([_likeness(*frame, axis) for frame in zip(few.positions, few.cells, strict=True)], axis=0)
    shift = np.arange(len(likeness)) * height / len(likeness)
    allowed = (shift >= SHORTEST) & (shift <= min(LONGEST, height / 2))
    volume = float(few.volumes.mean())
    # pairs at random that are as near to a shift as the smearing: their number scatters by its root
    scatter = np.sqrt((2 * np.pi) ** 1.5 * SMEARING**3 / volume)
    peaks = find_peaks(likeness, height=max(STANDS_OUT, 5 * scatter))[0]
    peaks = peaks[allowed[peaks]]
    if len(peaks) == 0:
        return float("nan")
    first = peaks[np.argmax(likeness[peaks] >= AS_GOOD * likeness[peaks].max())]
    return float(shift[first])


def _likeness(positions: Floats, cell: Floats, axis: int) -> Floats:
    """A(Δ)/A(0) for shifts from 0 to the cell's height."""
    from scipy.fft import irfft, rfftn

    order = [*(k for k in range(3) if k != axis), axis]
    across = np.array([float(heights(cell, k)) for k in order])
    coarse = max(SMEARING, float(np.prod(across) * POINT_BYTES / memory_budget()) ** (1 / 3))
    shape = np.maximum(1, np.ceil(across / coarse)).astype(int)
    inverse = np.linalg.inv(cell)[:, order]
    places = np.floor((positions @ inverse) * shape).astype(int) % shape
    grid = np.bincount(np.ravel_multi_index(tuple(places.T), tuple(shape)), minlength=int(np.prod(shape)))
    power = np.abs(rfftn(grid.reshape(shape).astype(np.float64))) ** 2
    power[0, 0, 0] = 0.0
    numbers = [np.fft.fftfreq(n, 1 / n) for n in shape[:2]] + [np.arange(shape[2] // 2 + 1)]
    h = [2 * np.pi * inverse[:, k][:, None] * numbers[k] for k in range(3)]  # three families of vectors G
    square = sum((h[0][x][:, None, None] + h[1][x][None, :, None] + h[2][x][None, None, :]) ** 2 for x in range(3))
    along = (power * np.exp(-(SMEARING**2) * square)).sum(axis=(0, 1))
    tried = max(len(along) * 2, int(np.ceil(across[2] / FINEST)))
    likeness: Floats = irfft(along, tried)
    likeness /= likeness[0]
    return likeness
