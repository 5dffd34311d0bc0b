"""The mean squared displacement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import drift as drift_of

from .jump_length import jump_length
from .lags import chosen_lags, independent_displacements, local_exponent, part_lags
from .squares import Squares, group_of, sum_squares, sum_squares_from_first

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STRIP = 0.3  # of the axes' height, for the exponent
FEWEST_GROUPS = 8  # fewer ions say too little of how much ions differ


def msd(
    traj: Trajectory,
    species: str | Sequence[str],
    *,
    drift: Literal["cell", "framework"] | None = "cell",
    lags: Literal["all", "log"] | Sequence[float] = "all",
    origins: Literal["all", "first"] = "all",
) -> Dataset:
    r"""Mean squared displacement of a species, by axis, with its local exponent and its statistics (B1).

    .. math:: \mathrm{MSD}(t) = \frac{1}{N n_t} \sum_{i=1}^{N} \sum_{t_0} |\mathbf u_i(t_0 + t) - \mathbf u_i(t_0)|^2

    over all N ions and all n_t pairs of frames that are t apart. **u** is the unwrapped path (toroidal-view preserving
    in a changing cell) relative to the chosen frame of reference.

    Parameters
    ----------
    traj
        Evenly spaced frames.
    species
        An element or isotope, or several, averaged over together.
    drift
        Whose motion is taken off: ``"cell"``, the mass-weighted centre of all atoms of the system (also where ``traj``
        is a selection); ``"framework"``, the plain mean of every atom that is not of ``species``; None, nothing. N ions
        that move freely with nothing else lose 1/N of their MSD to their own centre.
    lags
        ``"all"``: every lag from 0, by FFT, exact. ``"log"``: some 60 lags evenly spaced in ln t. Or a list in ps.
    origins
        ``"all"`` frames, or only the ``"first"``.

    Returns
    -------
    Dataset
        ``msd`` and its shares ``msd_axis`` (Å²); ``exponent``, d ln MSD/d ln t over the lags within a factor of 1.5;
        ``n_independent``, the number of independent displacements that would know a random walk's MSD as well
        (overlapping displacements counted by how much they share); ``msd_error``, one standard error of ``msd``: from
        the spread between up to 32 groups of ions, each averaged over all origins, interpolated in ln t between some 40
        lags. It contains differences between ions and non-Gaussian motion, not what all ions do together. With fewer
        than 8 ions it is √(2/(3 n_independent)) of the MSD, a random walk's; ``attrs["error"]`` says which.
        ``msd_part``, the MSD in consecutive parts of the origins and groups of ions at ``part_lag``, is what
        :func:`diffusion` judges by. ``attrs["jump_length"]`` is the first peak of the ions' own g(r), where it has one.
    """
    ions = traj.select(species if isinstance(species, str) else list(species))
    spacing = traj.spacing
    if origins not in ("all", "first"):
        raise Refusal(f"origins={origins!r}", "", 'Pass "all" or "first"')
    wanted = chosen_lags(lags, ions.n_frames, spacing)
    path = drift_of(ions, drift, sorted(set(ions.species.tolist())))
    few = part_lags(wanted)
    by_axis, squares = _by_axis(ions, path, wanted, few, first_only=origins == "first")
    available = ions.n_frames - wanted if origins == "all" else np.ones_like(wanted)
    total = by_axis.sum(axis=0)
    independent = independent_displacements(wanted, available, ions.n_atoms)
    parts = _parts(squares, few, ions, first_only=origins == "first")
    error, how = _error(wanted, total, independent, parts, few)
    known: dict[str, float] = {} if traj.temperature is None else {"temperature": traj.temperature}
    jump = jump_length(ions)
    if np.isfinite(jump):
        known["jump_length"] = round(jump, 3)
    lag = np.asarray(wanted * spacing, np.float64)
    name = species if isinstance(species, str) else ", ".join(species)
    return dataset(
        "dynamics.msd",
        {
            "msd": Column(("lag",), total, "Å²", "mean squared displacement"),
            "msd_axis": Column(("lag", "axis"), by_axis.T, "Å²", "mean squared displacement along an axis"),
            "exponent": Column(("lag",), local_exponent(lag, total), "1", "local exponent d ln MSD / d ln t"),
            "msd_error": Column(("lag",), error, "Å²", "standard error of the MSD"),
            "n_independent": Column(("lag",), independent, "1", "independent displacements of the same weight"),
            "msd_part": Column(
                ("part", "group", "part_lag"), parts, "Å²", "MSD in one part of the origins and one group of ions"
            ),
        },
        {
            "lag": Column(("lag",), lag, "ps", "lag"),
            "axis": Column(("axis",), ["x", "y", "z"], "1", "Cartesian axis"),
            "part_lag": Column(("part_lag",), few * spacing, "ps", "lag"),
            "ions": Column(("group",), np.bincount(group_of(ions.n_atoms)), "1", "ions in the group"),
        },
        parameters=dict(species=species, drift=drift, lags=lags, origins=origins),
        history=list(traj.history),
        title=f"Mean squared displacement of {name}",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        n_frames=ions.n_frames,
        spacing=spacing,
        drift=drift or "none",
        origins=origins,
        error=how,
        **known,
    )


def _by_axis(
    ions: Trajectory, path: Floats | None, wanted: Ints, few: Ints, *, first_only: bool
) -> tuple[Floats, Squares]:
    """The MSD (axis, lag), and the sums it came from."""
    if first_only:
        squares = sum_squares_from_first(ions, path, wanted, few)
        assert squares.all_lags is not None
        return squares.all_lags / ions.n_atoms, squares
    positive = wanted[wanted > 0]
    by_fft = not np.array_equal(positive, few)
    squares = sum_squares(ions, path, few, every_lag=by_fft)
    by_axis = np.zeros((3, len(wanted)))
    if squares.all_lags is not None:
        by_axis[:] = squares.all_lags[:, wanted]
    else:
        by_axis[:, wanted > 0] = squares.table.sum(axis=(1, 2))
    return by_axis / ((ions.n_frames - wanted) * ions.n_atoms), squares


def _parts(squares: Squares, few: Ints, ions: Trajectory, *, first_only: bool) -> Floats:
    """(part, group, lag) means; NaN where a long lag leaves a part without an origin."""
    parts = squares.table.shape[1]
    available = np.ones_like(few) if first_only else ions.n_frames - few
    edges = np.arange(parts + 1)[:, None] * available // parts
    origins = np.diff(edges, axis=0)
    counts = origins[:, None] * np.bincount(group_of(ions.n_atoms))[:, None]
    means: Floats = np.full(squares.table.shape[1:], np.nan)
    np.divide(squares.table.sum(axis=0), counts, out=means, where=counts > 0)
    return means


def _error(lags: Ints, msd: Floats, independent: Floats, parts: Floats, few: Ints) -> tuple[Floats, str]:
    groups = parts.shape[1]
    if groups < FEWEST_GROUPS or len(few) == 0:
        return msd * np.sqrt(2 / (3 * independent)), "a random walk's, from n_independent: too few ions to compare"
    by_group = np.nanmean(parts, axis=0)  # parts of a lag have the same number of origins, give or take one
    mean = by_group.mean(axis=0)
    spread = np.divide(by_group.std(axis=0, ddof=1), mean, out=np.zeros_like(mean), where=mean > 0)
    relative = np.interp(np.log(np.maximum(lags, 1)), np.log(few), spread / groups**0.5)
    return msd * relative, f"spread between {groups} groups of ions"


def draw(result: Dataset, ax: Axes) -> None:
    """MSD with its error band on logarithmic axes, a guide of slope 1, and the local exponent below it."""
    positive = (result.lag.values > 0) & (result.msd.values > 0)
    lag, values, error = (result[name].values[positive] for name in ("lag", "msd", "msd_error"))
    name = str(result.attrs["species"])
    colour = colour_of(name)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(label("lag", "ps"))
    ax.set_ylabel(label("MSD", "Å²"))
    if len(lag) == 0:
        return
    ax.fill_between(lag, np.maximum(values - error, values * 1e-2), values + error, color=colour, alpha=0.25, lw=0)
    ax.plot(lag, values, color=colour, label=name)
    _slope_guide(ax, lag, values)
    _exponent_strip(ax, lag, result.exponent.values[positive], colour)
    ax.legend(loc="upper left")


def _slope_guide(ax: Axes, lag: Floats, values: Floats) -> None:
    """A line of slope 1, above the data so that both can be seen."""
    ends = np.array([max(lag[0], lag[-1] / 30), lag[-1] / 2])
    if ends[1] <= ends[0]:
        return
    at = np.interp(np.log(ends), np.log(lag), np.log(values))
    height = 1.6 * np.exp(max(at - np.log(ends)))
    ax.plot(ends, height * ends, color="#7F7F7F", lw=1.0, ls="--", label="∝ t")


def _exponent_strip(ax: Axes, lag: Floats, exponent: Floats, colour: str) -> None:
    """The local exponent along the foot of the axes, on the same lags; the curve is moved up to make room."""
    low, high = np.log(ax.get_ylim())
    ax.set_ylim(np.exp(low - (high - low) * STRIP / (1 - STRIP)), np.exp(high))
    for minor in (False, True):  # ticks below the data would read as the strip's
        ax.set_yticks([tick for tick in ax.get_yticks(minor=minor) if low <= np.log(tick) <= high], minor=minor)
    strip: Any = ax.inset_axes((0, 0, 1, STRIP - 0.03))
    strip.axhline(1.0, color="#7F7F7F", lw=0.9, ls="--")
    shown = lag <= lag[-1] / 2  # beyond half the run it is noise
    strip.plot(lag[shown], exponent[shown], color=colour, lw=1.2)
    strip.set_xscale("log")
    strip.set_xlim(ax.get_xlim())
    strip.set_ylim(0, 2.05)
    strip.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
    strip.yaxis.tick_right()
    strip.set_yticks([0, 1, 2], ["0", "1", "2"], fontsize="x-small")
    strip.yaxis.set_label_position("right")
    strip.set_ylabel("exponent", fontsize="small")
    for side in ("top", "right"):
        strip.spines[side].set_visible(True)
    strip.spines["left"].set_visible(False)
    strip.grid(visible=False)
