"""Profiles along an axis of the cell: how many atoms of each species lie where, and how dense it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.base.units import DENSITY_G_CM3
from vanhove.trajectory.blocks import add_blocks, cut_frames

from .averages import ratio, time_blocks
from .axis import AXES, axis_number, fractions_along, heights
from .pairs import formula_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]

EDGE = 1e-9  # of a bin: an atom on an edge but for rounding belongs to the bin above
MOST_BINS = 100_000


def profiles(traj: Trajectory, axis: str | int, width: float = 0.5, bands: bool = False) -> Dataset:
    r"""Concentration of every species and mass density along an axis of the cell (A10).

    .. math::

        c_s(\zeta) = \frac{\langle N_s(\zeta) \rangle}{\langle V \rangle / K}, \qquad
        \rho(\zeta) = \sum_s m_s\, c_s(\zeta)

    :math:`N_s(\zeta)` counts the atoms of a species in one of K slices between the two faces of the cell that the axis
    joins. Slices are cut in fractional coordinates, so that they go with a changing or triclinic cell;
    :math:`\Sigma_\zeta\, c_s\, \langle V \rangle / K` is the number of atoms, whatever the cell does.

    Parameters
    ----------
    traj
        The atoms of this view are counted.
    axis
        ``"a"``, ``"b"`` or ``"c"`` of the cell, or 0, 1, 2.
    width
        Of a slice, Å; rounded so that a whole number of slices fills the cell.
    bands
        Also finds the phases along this axis, as :func:`phases` does by default, and shades them in the picture.

    Returns
    -------
    ``number(species, position)`` in 1/Å³ and ``density(position)`` in g/cm³, with ``position`` the height above the
    cell's face at the middle of each slice, in the mean cell. ``bin_volume`` is the mean volume of a slice. Errors are
    standard errors from the spread of ten consecutive blocks of frames. With ``bands``, ``phase(position)``.
    """
    number = axis_number(axis)
    if not (np.isfinite(width) and width > 0):
        raise Refusal(f"width={width}", "", "Give a positive length in Å")
    height = float(heights(traj.cells, number).mean())
    bins = max(1, round(height / width))
    if bins > MOST_BINS:
        raise Refusal(f"{bins} slices of {width} Å", f"the cell is {height:.4g} Å high", "Give a larger width")
    species = sorted(traj.composition, key=formula_place)
    atoms, masses = _counts(traj, number, bins, species)
    volumes = np.bincount(time_blocks(traj.n_frames), traj.volumes)[:, None] / bins  # of a slice, summed over frames
    concentration, concentration_error = ratio(atoms, volumes[:, :, None])
    density, density_error = ratio(masses * DENSITY_G_CM3, volumes)
    table = ("species", "position")
    variables = {
        "number": Column(table, concentration, "1/Å³", "number density"),
        "number_error": Column(table, concentration_error, "1/Å³", "standard error of the number density"),
        "density": Column(("position",), density, "g/cm³", "mass density"),
        "density_error": Column(("position",), density_error, "g/cm³", "standard error of the mass density"),
        "bin_volume": Column((), float(traj.volumes.mean()) / bins, "Å³", "mean volume of a slice"),
    }
    position = (np.arange(bins) + 0.5) * height / bins
    coords = {
        "species": Column(("species",), species, "1", "species"),
        "position": Column(("position",), position, "Å", f"height along {AXES[number]}"),
    }
    if bands:
        from ._phases import phase_at, phases

        found = phase_at(phases(traj, axis=AXES[number]), position)
        coords["phase"] = Column(("position",), found, "1", "phase of the slice")
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    return dataset(
        "structure.profiles",
        variables,
        coords,
        parameters=dict(axis=AXES[number], width=width, bands=bands),
        history=list(traj.history),
        title=f"Profiles along {AXES[number]}",
        trajectory=traj.fingerprint,
        axis=AXES[number],
        frames=traj.n_frames,
        **known,
    )


def _counts(traj: Trajectory, axis: int, bins: int, species: list[str]) -> tuple[Floats, Floats]:
    """Atoms (block, species, bin) and their mass in u (block, bin), summed over the frames of each block of the run."""
    block_of, cells, masses = time_blocks(traj.n_frames), traj.cells, traj.masses
    kind = np.array([traj.species == name for name in species]).argmax(axis=0)
    shape = (int(block_of[-1]) + 1, len(species), bins)

    def work(frames: slice) -> Sums:
        places = fractions_along(traj.read("positions", frames), cells[frames], axis)
        slices = (places * bins + EDGE).astype(np.int64) % bins
        block = block_of[frames, None]
        counted = np.bincount(((block * shape[1] + kind) * bins + slices).ravel(), minlength=int(np.prod(shape)))
        weights = np.broadcast_to(masses, slices.shape).ravel()
        heavy = np.bincount((block * bins + slices).ravel(), weights, minlength=shape[0] * bins)
        return {"atoms": counted.reshape(shape), "masses": heavy.reshape(shape[0], bins)}

    blocks = cut_frames(traj, (24 + 6 * 8) * traj.n_atoms, fixed=4 * 8 * int(np.prod(shape)))
    total = add_blocks(blocks, work, "profiles")
    return np.asarray(total["atoms"], np.float64), np.asarray(total["masses"], np.float64)


def draw(result: Dataset, ax: Axes) -> None:
    """Number density of every species with its error as a band, the mass density on the right, phases shaded."""
    from ._phases import shade_slices

    position = result["position"].values
    for k, name in enumerate(result["species"].values.tolist()):
        one = result.sel(species=name)
        values, error = one["number"].values, np.nan_to_num(one["number_error"].values)
        colour = colour_of(name, k)
        ax.fill_between(position, values - error, values + error, color=colour, alpha=0.3, linewidth=0, step="mid")
        ax.plot(position, values, color=colour, label=name, drawstyle="steps-mid", linewidth=1.2)
    top = 1.35 * float(result["number"].max())
    ax.set(xlabel=label(f"height along {result.attrs['axis']}", "Å"), ylabel=label("number density", "1/Å³"))
    ax.set(xlim=(0, float(position[0] + position[-1])), ylim=(0, top or 1.0))
    right = ax.twinx()
    density = result["density"].values
    right.plot(position, density, color="#000000", linewidth=1.0, linestyle=":", label="mass density")
    right.set(ylabel=label("mass density", "g/cm³"), ylim=(0, 1.35 * float(density.max()) or 1.0))
    right.spines["right"].set_visible(True)
    right.grid(visible=False)
    if "phase" in result.coords:
        shade_slices(ax, position, result["phase"].values, at=0.82)
    lines = [*ax.get_lines(), *right.get_lines()]
    ax.legend(lines, [str(line.get_label()) for line in lines], loc="upper center", ncols=min(5, len(lines)))
