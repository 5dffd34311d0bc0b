"""How disordered the structure is along an axis: the amorphization profile of a glass-ceramic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import add_blocks, cut_frames
from vanhove.trajectory.budget import memory_budget, thread_count

from .averages import block_sums, ratio, time_blocks
from .axis import AXES, axis_number, heights
from .period import period_along

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]

POINTS_PER_SLAB = 4  # positions of the profile in the width of a slab
POINTS_PER_SIGMA = 1.6  # of the grid: its highest frequency is damped to 3e-6
TYPICAL_PERIOD = 5.0  # Å, where none is found


def amorphization(traj: Trajectory, axis: str | int, slab: float | None = None, sigma: float = 0.5) -> Dataset:
    r"""Amorphization profile F along an axis of the cell (A9): high in a glass, low in a crystal.

    .. math::

        F(\zeta) = \frac{1}{F_{\max}} \Big\langle \sum_{\mathbf G \ne 0} |\rho_\zeta(\mathbf G)| \Big\rangle, \qquad
        \rho_\zeta(\mathbf G) = e^{-\sigma^2 G^2/2} \sum_j w_\zeta(z_j)\, e^{-i \mathbf G \cdot \mathbf r_j}

    :math:`\rho_\zeta` is the two-dimensional Fourier transform of the atoms in a slab about the height
    :math:`\zeta`, each smeared to a Gaussian of standard deviation :math:`\sigma` and projected along the axis onto the
    plane of the other two cell vectors; :math:`w` is the part of an atom's Gaussian that lies in the slab. The
    *amplitudes* are added: a crystal's few strong Bragg peaks add up to less than the many weak amplitudes of a glass
    of the same density, while the sum of their squares is the same for both (Parseval) but for close pairs.

    The ``disorder`` is the same sum over what as many atoms at random would have,
    :math:`\tfrac12 \sqrt{\pi \sum_j w_j^2} \sum_G e^{-\sigma^2 G^2/2}`: 1 without any order, lower where atoms have
    neighbours at regular distances, lowest in a crystal. It does not rise and fall with the number of atoms in a slab,
    as F does, and can be compared between cells of one cross-section.

    A slab as wide as the crystal's period along the axis holds every plane of atoms once wherever it begins, so that F
    is flat in a crystal. Slabs overlap: neighbouring values share three quarters of their atoms, and a sharp boundary
    is seen as a ramp as wide as a slab.

    Parameters
    ----------
    traj
        The atoms of this view are smeared, all alike; ``traj.select(["P", "S"])`` leaves out mobile ions.
    axis
        ``"a"``, ``"b"`` or ``"c"`` of the cell, or 0, 1, 2. The crystal has to repeat itself along this axis.
    slab
        Width of a slab in Å: one period of the crystal. By default it is found as the shift along the axis by which the
        density is most like itself; where no shift is, it is 5 Å. ``attrs["slab_from"]`` says which.
    sigma
        Standard deviation of the Gaussian, Å.

    Returns
    -------
    ``F(position)``, 1 at its highest, and ``disorder(position)``, with standard errors from the spread of ten
    consecutive blocks of frames (NaN for one frame). ``position`` is the height of the slab's middle in the mean cell,
    ``slab`` the slab's width.
    """
    number = axis_number(axis)
    if not (np.isfinite(sigma) and sigma > 0):
        raise Refusal(f"sigma={sigma}", "", "Give a positive length in Å")
    height = float(heights(traj.cells, number).mean())
    width, origin = _slab(traj, number, slab, height)
    slabs = max(1, int(np.ceil(POINTS_PER_SLAB * height / width - 1e-9)))
    frames = np.bincount(time_blocks(traj.n_frames))[:, None]
    amplitudes, random = _amplitudes(traj, number, width, sigma, slabs)
    mean, error = ratio(amplitudes, frames)
    disorder, disorder_error = ratio(amplitudes, random)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "structure.amorphization",
        {
            "F": Column(("position",), mean / mean.max(), "1", "amorphization"),
            "F_error": Column(("position",), error / mean.max(), "1", "standard error of the amorphization"),
            "disorder": Column(("position",), disorder, "1", "amorphization, 1 for atoms at random"),
            "disorder_error": Column(("position",), disorder_error, "1", "standard error of the disorder"),
            "slab": Column((), width, "Å", "width of a slab"),
        },
        {
            "position": Column(
                ("position",), (np.arange(slabs) + 0.5) * height / slabs, "Å", f"height along {AXES[number]}"
            )
        },
        parameters=dict(axis=AXES[number], slab=slab, sigma=sigma),
        history=list(traj.history),
        title=f"Amorphization along {AXES[number]}",
        trajectory=traj.fingerprint,
        axis=AXES[number],
        frames=traj.n_frames,
        height=height,
        slab_from=origin,
        **known,
    )


def _slab(traj: Trajectory, axis: int, slab: float | None, height: float) -> tuple[float, str]:
    if slab is not None:
        if not (np.isfinite(slab) and 0 < slab <= height):
            raise Refusal(f"slab={slab}", f"the cell is {height:.4g} Å high along {AXES[axis]}", "Give a length in it")
        return float(slab), "given"
    found = period_along(traj, axis)
    if np.isfinite(found):
        return found, "the shift by which the density is most like itself"
    return min(TYPICAL_PERIOD, height), "no period was found along this axis; give slab= to choose another width"


def _amplitudes(traj: Trajectory, axis: int, width: float, sigma: float, slabs: int) -> tuple[Floats, Floats]:
    """Σ|ρ(G)| without G = 0, and what it were for atoms at random, (block, slab), summed over each block's frames."""
    from scipy.fft import next_fast_len, rfft2

    from vanhove.kernels.slabs import smeared_slabs

    cells, height = traj.cells, heights(traj.cells, axis)
    u, v = [k for k in range(3) if k != axis]
    block_of = time_blocks(traj.n_frames)
    nu, nv = (
        next_fast_len(
            int(np.ceil(np.linalg.norm(cells[:, k], axis=-1).max() * POINTS_PER_SIGMA / sigma)) + 1, real=True
        )
        for k in (u, v)
    )
    twice = np.full(nv // 2 + 1, 2.0)  # the half of the spectrum that a real transform leaves out
    twice[0] = 1.0
    if nv % 2 == 0:
        twice[-1] = 1.0
    plane_bytes = 4 * 8 * nu * nv  # the grid of one slab, its transform and the amplitudes
    at_once = max(1, int(memory_budget() / thread_count() / 2 / plane_bytes))

    def work(frames: slice) -> Sums:
        positions = traj.read("positions", frames)
        mine, inverse = cells[frames], np.linalg.inv(cells[frames])
        places = np.einsum("fax,fxk->fak", positions, inverse[..., [u, v, axis]])
        places -= np.floor(places)
        total = len(positions) * slabs
        found, squares = np.empty(total), np.zeros(total)
        for first in range(0, total, at_once):
            grid = np.zeros((min(at_once, total - first), nu, nv))
            smeared_slabs(
                places, np.ascontiguousarray(mine[:, [u, v]]), height[frames], width, sigma, slabs, first, grid,
                squares[first : first + at_once],
            )  # fmt: skip
            amplitudes = np.abs(rfft2(grid, workers=1))
            amplitudes[:, 0, 0] = 0.0
            found[first : first + len(grid)] = (amplitudes @ twice).sum(axis=1)
        damping = _damping(mine[:, [u, v]], sigma, nu, nv)
        areas = np.linalg.norm(np.cross(mine[:, u], mine[:, v]), axis=-1)
        found = found.reshape(-1, slabs) * (areas / (2 * np.pi * sigma**2 * nu * nv))[:, None]  # from sums to integrals
        random = np.sqrt(np.pi * squares.reshape(-1, slabs)) / 2 * damping[:, None]
        of, blocks = block_of[frames], int(block_of[-1]) + 1
        return {"amplitudes": block_sums(found, of, blocks), "random": block_sums(random, of, blocks)}

    blocks = cut_frames(traj, 4 * 24 * traj.n_atoms, fixed=min(at_once, slabs) * plane_bytes)
    total = add_blocks(blocks, work, "amorphization")
    return np.asarray(total["amplitudes"], np.float64), np.asarray(total["random"], np.float64)


def _damping(planes: Floats, sigma: float, nu: int, nv: int) -> Floats:
    """Σ exp(-σ²G²/2) over the vectors G of a grid in the plane of u and v, without 0: one number a frame."""
    metric = np.linalg.inv(np.einsum("fix,fjx->fij", planes, planes))
    h, k = np.fft.fftfreq(nu, 1 / nu)[:, None], np.fft.fftfreq(nv, 1 / nv)
    sums = [
        np.exp(-2 * (np.pi * sigma) ** 2 * (m[0, 0] * h**2 + 2 * m[0, 1] * h * k + m[1, 1] * k**2)).sum()
        for m in metric
    ]
    return np.array(sums) - 1.0


def draw(result: Dataset, ax: Axes) -> None:
    """F along the axis with its error as a band."""
    position, values = result["position"].values, result["F"].values
    error = np.nan_to_num(result["F_error"].values)
    ax.fill_between(position, values - error, values + error, color=PALETTE[0], alpha=0.3, linewidth=0)
    ax.plot(position, values, color=PALETTE[0], marker="o", markersize=3)
    ax.set(xlabel=label(f"height along {result.attrs['axis']}", "Å"), ylabel="amorphization F", ylim=(0, 1.08))
    ax.set_xlim(0, float(result.attrs["height"]))
    width = float(result["slab"])
    ax.annotate("", (0.02, 0.06), (0.02 + width / float(result.attrs["height"]), 0.06), xycoords="axes fraction",
                arrowprops=dict(arrowstyle="|-|", color="#7F7F7F", mutation_scale=3, shrinkA=0, shrinkB=0))  # fmt: skip
    ax.text(0.02, 0.08, f"slab of {width:.3g} Å", transform=ax.transAxes, color="#7F7F7F", fontsize=9, va="bottom")
