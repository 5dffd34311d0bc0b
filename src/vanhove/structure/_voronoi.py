"""Voronoi volumes: how much space each atom has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import add_blocks, cut_frames

from .averages import block_sums, ratio, time_blocks
from .pairs import formula_place
from .tessellation import ATOM_BYTES, cell_volumes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]

LARGEST = 5.0  # times the mean volume of an atom: where the distribution ends
MOST_BINS = 100_000


def voronoi(traj: Trajectory, radii: Mapping[str, float] | None = None, width: float = 0.25) -> Dataset:
    r"""Voronoi volume of every atom, and by species (A7).

    The cell of atom i is the part of space that is nearer to it than to any other atom or image,

    .. math:: \Omega_i = \{\mathbf x : |\mathbf x - \mathbf r_i|^2 - R_i^2 \le |\mathbf x - \mathbf r_j|^2 - R_j^2
              \;\; \forall j\},

    with all :math:`R_i = 0` (plain), or the radii of the species (radical: planes lie where spheres of these radii
    touch). The tessellation is periodic and of any cell; the volumes of a frame sum to its cell's to rounding.

    Parameters
    ----------
    traj
        The atoms of this view share the space, nothing else: the volume of an ion among all atoms is that of
        ``voronoi(traj)``, not of ``voronoi(traj.select("Li"))``.
    radii
        Å, of every species or element. Only differences of their squares matter.
    width
        Of the distribution's bins, Å³.

    Returns
    -------
    ``volume(atom)``, mean over the frames; ``mean(species)`` and ``spread(species)``, the mean and standard deviation
    over atoms and frames; ``P(species, size)``, their distribution (1/Å³), with ``beyond(species)`` the part above its
    last bin, five times the mean volume: :math:`\Sigma P\,\mathrm{width} + \mathrm{beyond} = 1`. Errors are standard
    errors from the spread of ten consecutive blocks of frames, NaN for one frame.
    """
    if not (np.isfinite(width) and width > 0):
        raise Refusal(f"width={width}", "", "Give a positive volume in Å³")
    bins = int(np.ceil(LARGEST * float(traj.volumes.mean()) / traj.n_atoms / width))
    if bins > MOST_BINS:
        raise Refusal(f"{bins} bins of {width} Å³", "", "Give a larger width")
    names = sorted(traj.composition, key=formula_place)
    sums = _sums(traj, _radii(traj, radii), names, width, bins)
    frames = np.bincount(time_blocks(traj.n_frames))[:, None]
    atoms = np.array([traj.composition[name] for name in names])
    volume, volume_error = ratio(sums["volume"], frames)
    mean, mean_error = ratio(sums["species"], frames * atoms)
    second, _ = ratio(sums["square"], frames * atoms)
    share, share_error = ratio(sums["histogram"], (frames * atoms)[:, :, None])
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "structure.voronoi",
        {
            "volume": Column(("atom",), volume, "Å³", "Voronoi volume"),
            "volume_error": Column(("atom",), volume_error, "Å³", "standard error of the Voronoi volume"),
            "mean": Column(("species",), mean, "Å³", "mean Voronoi volume"),
            "mean_error": Column(("species",), mean_error, "Å³", "standard error of the mean Voronoi volume"),
            "spread": Column(
                ("species",), np.sqrt(np.maximum(second - mean**2, 0)), "Å³", "standard deviation of Voronoi volumes"
            ),
            "P": Column(("species", "size"), share[:, :-1] / width, "1/Å³", "distribution of Voronoi volumes"),
            "P_error": Column(
                ("species", "size"), share_error[:, :-1] / width, "1/Å³", "standard error of the distribution"
            ),
            "beyond": Column(("species",), share[:, -1], "1", "share of Voronoi volumes above the last bin"),
        },
        {
            "species": Column(("species",), names, "1", "species"),
            "size": Column(("size",), (np.arange(bins) + 0.5) * width, "Å³", "Voronoi volume"),
            "atom_species": Column(("atom",), traj.species, "1", "species of the atom"),
        },
        parameters=dict(radii=radii, width=width),
        history=list(traj.history),
        title="Voronoi volumes" if radii is None else "Radical Voronoi volumes",
        trajectory=traj.fingerprint,
        frames=traj.n_frames,
        **known,
    )


def _radii(traj: Trajectory, radii: Mapping[str, float] | None) -> Floats | None:
    if radii is None:
        return None
    found = {}
    for name in traj.composition:
        value = radii.get(name, radii.get(element_of(name)))
        if value is None or not (np.isfinite(value) and value >= 0):
            raise Refusal(f"radii of {name}: {value}", "", "Give a radius in Å for every species")
        found[name] = float(value)
    names, which = np.unique(traj.species, return_inverse=True)
    return np.array([found[name] for name in names.tolist()])[which]


def _sums(traj: Trajectory, radii: Floats | None, names: list[str], width: float, bins: int) -> Sums:
    """Sums over each block of the run: volumes by atom, by species with their squares, and counts by size."""
    block_of, cells = time_blocks(traj.n_frames), traj.cells
    blocks = int(block_of[-1]) + 1
    member = np.array([traj.species == name for name in names], np.float64)  # (species, atom)
    kind = member.argmax(axis=0)

    def work(frames: slice) -> Sums:
        volumes = cell_volumes(traj.read("positions", frames), cells[frames], radii)
        sizes = np.minimum((volumes / width).astype(np.int64), bins)
        there = (block_of[frames, None] * len(names) + kind) * (bins + 1) + sizes
        counted = np.bincount(there.ravel(), minlength=blocks * len(names) * (bins + 1))
        mine = block_of[frames]
        return {
            "volume": block_sums(volumes, mine, blocks),
            "species": block_sums(volumes @ member.T, mine, blocks),
            "square": block_sums(volumes**2 @ member.T, mine, blocks),
            "histogram": counted.reshape(blocks, len(names), bins + 1).astype(np.float64),
        }

    kept = 8 * blocks * (traj.n_atoms + len(names) * (bins + 3))
    return add_blocks(cut_frames(traj, ATOM_BYTES * traj.n_atoms, fixed=3 * kept), work, "Voronoi volumes")


def draw(result: Dataset, ax: Axes) -> None:
    """Distributions by species with their means."""
    size = result["size"].values
    seen = np.zeros(len(size), bool)
    for k, name in enumerate(result["species"].values.tolist()):
        one = result.sel(species=name)
        values, error = one["P"].values, np.nan_to_num(one["P_error"].values)
        colour = colour_of(name, k)
        ax.fill_between(size, values - error, values + error, color=colour, alpha=0.3, linewidth=0)
        ax.plot(size, values, color=colour, label=f"{name}, mean {float(one['mean']):.1f} Å³")
        ax.axvline(float(one["mean"]), color=colour, linewidth=0.9, linestyle=":")
        seen |= values > 0
    first, last = (size[seen][0], size[seen][-1]) if seen.any() else (0.0, size[-1])
    margin = 0.05 * float(last - first) + 1.0
    ax.set(
        xlim=(max(0.0, float(first) - margin), float(last) + margin),
        xlabel=label("Voronoi volume", "Å³"),
        ylabel=label("distribution", "1/Å³"),
    )
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper right")
