"""The density of ions in the cell, the free energy that it amounts to, and where it runs through the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset
from vanhove.base.units import BOHR, K_B_EV
from vanhove.structure.averages import ratio, time_blocks

from .voxels import count, count_near, gaussian, lay_grid, smoothed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .voxels import Grid

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AXES = ("a", "b", "c")
FEW = 10  # ions seen where the region joins: below, chance decides where that is
CHANCE = 0.05  # that a way through the cell is not seen although it is there
MAP = 0.66  # of the axes' width is the map's
LEVELS = (1e-4, 1e-3, 1e-2, 1e-1, 0.5)  # of the largest value of a projection: its contour lines


def density(
    traj: Trajectory,
    species: str | Sequence[str],
    spacing: float = 0.2,
    *,
    drift: Literal["cell", "framework"] | None = "framework",
    sigma: float = 0.0,
) -> Dataset:
    r"""Density of ions on a grid of the cell, free energy, and the level at which it percolates, by axis (B10).

    .. math::

        P(\mathbf r) = \Big\langle \sum_{i=1}^{N} \delta(\mathbf r - \mathbf r_i(t)) \Big\rangle_t, \qquad
        \int P\, \mathrm dV = N, \qquad F(\mathbf r) = -k_B T \ln \frac{P(\mathbf r)}{\max P}

    counted in voxels of fractions of the cell, so that a cell that changes is followed: they are those of the mean
    cell. The *percolating isovalue* along an axis is the highest p for which a region of :math:`P \ge p` (voxels that
    share a face) meets its own image one or more cells further along it; the *barrier* is F there, the highest point of
    the easiest way through the cell.

    Parameters
    ----------
    traj
        Frames at any times; all count the same.
    species
        An element or isotope, or several, counted together.
    spacing
        Å: the voxels are at most as long, along every lattice vector.
    drift
        Whose motion is taken off, as fractions of the cell: ``"framework"``, the plain mean of every atom that is not
        of ``species``; ``"cell"``, the mass-weighted centre of all atoms; None, nothing.
    sigma
        Å. The density is smoothed with a Gaussian of this standard deviation, cut off at four of them; its integral
        stays. 0: none.

    Returns
    -------
    Dataset
        ``P(x, y, z)`` in ions/Å³; x, y and z are fractions of the cell at the centres of the voxels, from 0 on.
        ``free_energy(x, y, z)`` in eV; NaN where no ion was seen, and everywhere without a temperature.
        ``percolation(axis)``, the percolating isovalue, and ``percolation_bohr`` in 1/Bohr³; ``barrier(axis)`` in eV;
        standard errors of both from the spread of ten consecutive blocks of frames at the voxel where the region joins,
        ``bottleneck(axis, vector)`` (fractions), in which ``bottleneck_count(axis)`` times an ion was seen. NaN where
        nothing runs through; ``barrier_lower(axis)`` then says how high the barrier is at least: below it, all of a way
        through the cell would have been seen in 95 of 100 runs (whose ions have exchanged their places).
        ``attrs["verdict"]`` names the axes. ``cell(vector, component)`` is the mean cell, ``others(atom, vector)`` the
        mean places of the atoms that are not counted.
    """
    if sigma < 0:
        raise Refusal(f"sigma={sigma}", "", "Give a length in Å, 0 for no smoothing")
    ions = traj.select(species if isinstance(species, str) else list(species))
    grid = lay_grid(ions, spacing, drift)
    weights = gaussian(grid, sigma) if sigma else None
    counts = count(ions, grid)
    seen = counts.astype(np.float64) if weights is None else smoothed(counts, weights)
    one = 1.0 if weights is None else float(weights.max())  # what an ion in a voxel adds to it
    P = seen / (ions.n_frames * grid.voxel)
    ways = _ways(ions, grid, seen, weights, ions.temperature)
    kelvin = np.nan if ions.temperature is None else ions.temperature
    with np.errstate(divide="ignore"):
        F = np.where(seen > 0, -K_B_EV * kelvin * np.log(seen / seen.max()), np.nan)
    per_count = ions.n_frames * grid.voxel
    name = species if isinstance(species, str) else ", ".join(species)
    known = {} if ions.temperature is None else {"temperature": float(ions.temperature)}
    isovalue, isovalue_error = ways.level / per_count, ways.level_error / per_count
    return dataset(
        "dynamics.density",
        {
            "P": Column(("x", "y", "z"), P, "1/Å³", "density of ions"),
            "free_energy": Column(("x", "y", "z"), F, "eV", "free energy above the densest place"),
            "percolation": Column(("axis",), isovalue, "1/Å³", "percolating isovalue"),
            "percolation_error": Column(("axis",), isovalue_error, "1/Å³", "its standard error"),
            "percolation_bohr": Column(("axis",), isovalue * BOHR**3, "1/Bohr³", "percolating isovalue"),
            "barrier": Column(("axis",), ways.barrier, "eV", "barrier of the easiest way through the cell"),
            "barrier_error": Column(("axis",), ways.barrier_error, "eV", "its standard error"),
            "barrier_lower": Column(
                ("axis",), ways.lower(one, kelvin, grid.shape), "eV", "least barrier where nothing runs through"
            ),
            "bottleneck": Column(("axis", "vector"), ways.places(grid), "1", "where the region joins, fractions"),
            "bottleneck_count": Column(("axis",), ways.level / one, "1", "ions seen there"),
            "cell": Column(("vector", "component"), grid.cell, "Å", "mean cell"),
            "others": Column(("atom", "vector"), grid.others, "1", "mean place of an atom not counted, fractions"),
        },
        {
            **{
                axis: Column((axis,), np.arange(n) / n, "1", f"fraction of the cell along {vector}")
                for axis, n, vector in zip("xyz", grid.shape, AXES, strict=True)
            },
            "axis": Column(("axis",), list(AXES), "1", "lattice vector"),
            "vector": Column(("vector",), list(AXES), "1", "lattice vector"),
            "component": Column(("component",), ["x", "y", "z"], "1", "Cartesian axis"),
            "atom_species": Column(("atom",), grid.other_species, "1", "species of the atom"),
        },
        parameters=dict(species=species, spacing=spacing, drift=drift, sigma=sigma),
        history=list(traj.history),
        title=f"Density of {name}",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        n_frames=ions.n_frames,
        voxel_volume=grid.voxel,
        drift=drift or "none",
        sigma=sigma,
        verdict=ways.verdict(one, ions.temperature),
        **known,
    )


@dataclass(frozen=True)
class Ways:
    """The ways through the cell, by axis; NaN and -1 where there is none."""

    voxel: Ints  # where the region joins
    level: Floats  # what was counted there
    level_error: Floats
    barrier: Floats
    barrier_error: Floats
    highest: float  # count
    repeats: float  # frames for which one visit to the densest voxel counts, by the spread of its blocks

    def places(self, grid: Grid) -> Floats:
        """Fractions of the cell."""
        where = np.stack(np.unravel_index(np.maximum(self.voxel, 0), grid.shape), axis=-1) / np.array(grid.shape)
        return np.where(self.voxel[:, None] >= 0, where, np.nan)

    def lower(self, one: float, kelvin: float, shape: tuple[int, ...]) -> Floats:
        """Where nothing runs through: the free energy below which all of a way would have been seen.

        A way of n voxels that expects c independent visits in each has an empty one in n exp(-c) of cases. The densest
        voxel is taken three standard deviations lower, since it was chosen for being that.
        """
        needed = np.log(np.array(shape) / CHANCE)
        visits = self.highest / (one * self.repeats)
        least = np.log(np.maximum(1.0, (visits - 3 * visits**0.5) / needed))
        return np.where(self.voxel < 0, K_B_EV * kelvin * least, np.nan)

    def verdict(self, one: float, temperature: float | None) -> str:
        """Along which axes the density runs through, and how surely."""
        said = []
        through = [axis for axis, voxel in zip(AXES, self.voxel, strict=True) if voxel >= 0]
        if not through:
            said.append("Nothing runs through the cell: no region in which ions were seen meets its image.")
        else:
            said.append(f"The density runs through the cell along {', '.join(through)}.")
        few = [a for a, v, n in zip(AXES, self.voxel, self.level / one, strict=True) if v >= 0 and n < FEW]
        if few:
            said.append(
                f"Along {', '.join(few)} fewer than {FEW} ions were seen where the region joins: there chance decides; "
                "smooth more, take wider voxels, or run longer."
            )
        if temperature is None:
            said.append("Without a temperature there is no free energy: state it when opening the file.")
        return " ".join(said)


def _ways(ions: Trajectory, grid: Grid, seen: Floats, weights: Floats | None, temperature: float | None) -> Ways:
    from vanhove.kernels.voxels import percolating

    flat = seen.ravel()
    occupied = np.flatnonzero(flat)
    order = occupied[np.argsort(-flat[occupied], kind="stable")]
    joined = percolating(order, np.array(grid.shape))
    voxel = np.where(joined >= 0, order[joined], -1)
    through = np.flatnonzero(voxel >= 0)
    level, level_error, of_highest, ratio_error = np.full((4, 3), np.nan)
    highest = float(flat[order[0]])
    sums = count_near(ions, grid, np.append(voxel[through], order[0]), weights)
    frames = np.bincount(time_blocks(ions.n_frames))[:, None]
    mean, error = ratio(sums, frames)
    relative = error / mean
    level[through] = flat[voxel[through]]
    level_error[through] = level[through] * relative[:-1]
    of_highest[through] = level[through] / highest
    own = ratio(sums[:, :-1], sums[:, -1:])
    ratio_error[through] = own[1] / own[0]
    one = 1.0 if weights is None else float(weights.max())
    repeats = float(np.nan_to_num(relative[-1] ** 2 * highest / one, nan=1.0))
    kelvin = np.nan if temperature is None else temperature
    return Ways(
        voxel, level, level_error, -K_B_EV * kelvin * np.log(of_highest), K_B_EV * kelvin * ratio_error,
        highest, max(1.0, repeats),
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """The density averaged along the hardest axis, on a logarithmic scale, and the barriers of all three."""
    isovalue = result.percolation.values
    hardest = max(range(3), key=lambda k: (np.isnan(isovalue[k]), -np.nan_to_num(isovalue[k]), k))
    first, second = (k for k in range(3) if k != hardest)
    cell = result["cell"].values
    lengths = np.linalg.norm(cell, axis=1)
    cosine = cell[first] @ cell[second] / (lengths[first] * lengths[second])
    flat = result.P.values.mean(axis=hardest)
    title = f"{result.attrs['species']}, averaged along {AXES[hardest]}"
    _map(ax, flat, lengths[first], lengths[second], cosine, label(title, "ions/Å³"))
    ax.set(
        xlabel=label(f"along {AXES[first]}", "Å"),
        ylabel=label(f"across, towards {AXES[second]}", "Å"),
    )  # fmt: skip
    ax.xaxis.set_label_coords(MAP / 2, -0.1)
    _bars(result, ax)


def _map(ax: Axes, flat: Floats, a: float, b: float, cosine: float, title: str) -> None:
    """A periodic map of a parallelogram with contour lines."""
    from matplotlib.colors import LogNorm

    n, m = flat.shape
    highest, sine = float(flat.max()), (1 - cosine**2) ** 0.5
    lowest = max(LEVELS[0] * highest, float(flat[flat > 0].min()))

    def plane(u: Floats, v: Floats) -> tuple[Floats, Floats]:
        along, across = np.meshgrid(u * a, v * b, indexing="ij")
        return along + cosine * across, sine * across

    edges = plane((np.arange(n + 1) - 0.5) / n, (np.arange(m + 1) - 0.5) / m)
    norm = LogNorm(lowest, max(highest, lowest * 1.01))
    shown = ax.pcolormesh(*edges, np.ma.masked_less_equal(flat, 0), norm=norm, cmap="viridis_r", rasterized=True)
    if min(n, m) > 1:
        closed = np.pad(flat, ((0, 1), (0, 1)), mode="wrap")
        levels = [part * highest for part in LEVELS if part * highest > lowest]
        lines = plane(np.arange(n + 1) / n, np.arange(m + 1) / m)
        ax.contour(*lines, closed, levels=levels, colors="#303030", linewidths=0.5)
    bar: Any = ax.figure.colorbar(shown, ax=ax, location="top", shrink=0.7, anchor=(0.0, 0.0), aspect=30, pad=0.02)
    bar.set_label(title)
    marks = [m * 10.0**k for k in range(-9, 4) for m in (1, 2, 5)]
    marks = [mark for mark in marks if lowest <= mark <= highest]
    bar.set_ticks(marks, labels=[f"{mark:g}" for mark in marks])
    bar.ax.minorticks_off()
    corners = plane(np.array([0.0, 1.0]) - 0.5 / n, np.array([0.0, 1.0]) - 0.5 / m)
    around = ([0, 1, 1, 0, 0], [0, 0, 1, 1, 0])
    ax.plot(corners[0][around], corners[1][around], color="#7F7F7F", lw=0.9)
    # the right of the axes is left to the bars
    low, high = float(corners[0].min()), float(corners[0].max())
    ax.set_aspect("equal")
    ax.set_xlim(low - 0.02 * (high - low), low + (high - low) / MAP)
    ax.set_xticks([tick for tick in ax.get_xticks() if low - 1e-9 <= tick <= high])
    ax.spines["bottom"].set_bounds(low, high)
    ax.grid(visible=False)


def _bars(result: Dataset, ax: Axes) -> None:
    """Barriers by axis beside the map; isovalues where there is no temperature. An arrow is a lower bound."""
    barrier, error, lower = (result[name].values for name in ("barrier", "barrier_error", "barrier_lower"))
    unit, name = ("eV", "barrier") if "temperature" in result.attrs else ("1/Å³", "isovalue")
    if unit != "eV":
        barrier, error, lower = result.percolation.values, result.percolation_error.values, np.full(3, np.nan)
    strip: Any = ax.inset_axes((MAP + 0.12, 0.0, 0.88 - MAP, 0.9))
    for k in range(3):
        if np.isfinite(barrier[k]):
            strip.bar([k], [barrier[k]], yerr=np.nan_to_num(error[k : k + 1]), color=PALETTE[k], width=0.6, capsize=3)
        elif np.isfinite(lower[k]):
            strip.errorbar(
                [k], [lower[k]], yerr=[0.12 * lower[k] + 1e-3], lolims=True, color=PALETTE[k], fmt="_", ms=12
            )
        else:
            strip.text(k, 0, "none", ha="center", va="bottom", rotation=90, fontsize="small")
    strip.set_xticks(range(3), AXES)
    strip.set_xlim(-0.6, 2.6)
    strip.set_ylim(bottom=0)
    strip.set_title(label(name, unit), fontsize="medium")
    strip.locator_params(axis="y", nbins=5)
    strip.grid(visible=False, axis="x")
