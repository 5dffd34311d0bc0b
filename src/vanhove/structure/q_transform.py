"""The other route to S(Q): the Fourier transform of g(r) up to some distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal

from ._rdf import PairPlan, pair_histograms
from .averages import block_sums, time_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

STEP = 0.2  # radians that Q_max·r may turn from bin to bin of r


def reach(traj: Trajectory, r_max: float | None) -> float:
    """How far to transform: half the smallest width of the cell unless told otherwise, never to an atom's own image."""
    from vanhove.kernels.shells import lattice_sizes

    cells = traj.cells[:1] if traj.constant_cell else traj.cells
    widths, shortest = lattice_sizes(np.ascontiguousarray(cells))
    if r_max is None:
        return float(widths.min()) / 2
    if not (np.isfinite(r_max) and r_max > 0):
        raise Refusal(f"r_max={r_max}", "", "Give a positive length in Å")
    if r_max >= shortest.min():
        raise Refusal(
            f"r_max={r_max} Å is beyond the cell's shortest vector of {shortest.min():.4g} Å",
            "an atom meets its own images there, and g(r) holds nothing new",
            "Give a shorter one, or leave it out for half the cell's smallest width",
        )
    return float(r_max)


def transformed_products(traj: Trajectory, labels: Sequence[str], q: Floats, r_max: float, lorch: bool) -> Floats:
    r"""Σ ρ_a ρ_b*, over the frames of each block of the run, less the atoms themselves: (block, pair, q).

    .. math:: \sum_{i \ne j} w(r_{ij}) \frac{\sin Q r_{ij}}{Q r_{ij}}
        - \frac{N_{ij}}{V} \int_0^R w(r) \frac{\sin Qr}{Qr}\, 4\pi r^2 dr

    with the ordered pairs of different atoms, :math:`N_{ij}` of them, so that nothing is left of an ideal gas. This is
    the exact sum over the vectors of the cell, without Q = 0, convolved with the transform of the window w.
    """
    bins = max(1, int(np.ceil(r_max * q[-1] / STEP)))
    width = r_max / bins
    plan = PairPlan.of(traj, list(labels))
    counts, _ = pair_histograms(traj, plan, width, bins)  # (block, pair, r)
    edges = width * np.arange(bins + 1)
    r = 0.5 * (edges[1:] + edges[:-1])
    window = np.sinc(r / r_max) if lorch else np.ones(bins)
    waves = window[:, None] * np.sinc(np.outer(r, q) / np.pi)
    waves *= 1 / np.sinc(width * q / (2 * np.pi))  # what spreading distances over their bins has taken off

    of = time_blocks(traj.n_frames)
    inverse_volumes = block_sums(1 / traj.volumes, of, int(of[-1]) + 1)
    shells = 4 * np.pi / 3 * np.diff(edges**3)
    expected = inverse_volumes[:, None, None] * plan.partners[:, None] * shells
    products: Floats = (counts - expected) @ waves
    return products
