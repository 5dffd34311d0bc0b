"""The mean squared displacement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import drift as drift_of

from .averages import over_even_frames, over_uneven_frames
from .jump_length import jump_length
from .lags import local_exponent
from .phase_averages import over_origins
from .phase_origins import Phase, origins_of, said_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

GUIDE = "∝ t"
STRIP = 0.3  # of the axes' height, for the exponent


def msd(
    traj: Trajectory,
    species: str | Sequence[str],
    *,
    drift: Literal["cell", "framework"] | None = "cell",
    lags: Literal["all", "log"] | Sequence[float] = "all",
    origins: Literal["all", "first"] = "all",
    phase: Phase = None,
    phases: Dataset | NDArray[np.str_] | None = None,
) -> Dataset:
    r"""Mean squared displacement of a species, by axis, with its local exponent and its statistics (B1).

    .. math:: \mathrm{MSD}(t) = \frac{1}{N n_t} \sum_{i=1}^{N} \sum_{t_0} |\mathbf u_i(t_0 + t) - \mathbf u_i(t_0)|^2

    over all N ions and all n_t pairs of frames that are t apart. **u** is the unwrapped path (toroidal-view preserving
    in a changing cell) relative to the chosen frame of reference.

    Parameters
    ----------
    traj
        Frames at any times. Where they are not evenly spaced (log-spaced, restarted) an average over a lag takes every
        pair of frames that far apart: see ``lags``.
    species
        An element or isotope, or several, averaged over together.
    drift
        Whose motion is taken off: ``"cell"``, the mass-weighted centre of all atoms of the system (also where ``traj``
        is a selection); ``"framework"``, the plain mean of every atom that is not of ``species``; None, nothing. N ions
        that move freely with nothing else lose 1/N of their MSD to their own centre.
    lags
        ``"all"``: every lag from 0, by FFT, exact. ``"log"``: some 60 lags evenly spaced in ln t. Or a list in ps.
        Unevenly spaced frames have the lags that lie between them, and of more than 2500 the 2500 with most origins in
        equal steps of ln t are taken; ``"log"`` takes some 60 in the same way.
    origins
        ``"all"`` frames, or only the ``"first"``: one pair of frames a lag.
    phase
        Only displacements that begin while the ion is in this phase, wherever they end:
        :math:`\sum_i \sum_{t_0} m_i(t_0) |\ldots|^2 / \sum_i \sum_{t_0} m_i(t_0)` with m = 1 in the phase.
        ``"glass"``, ``"crystal"`` or ``"interface"``, or in Python a boolean mask of the atoms of ``traj``, (atom) or
        (frame, atom).
    phases
        In Python: where phases are known from, the result of :func:`vanhove.structure.phases` (one along an axis tells
        the phase of an ion by where it is at each frame), or an array of labels, (atom) or (frame, atom). By default
        that of all atoms with its own defaults.

    Returns
    -------
    Dataset
        ``msd`` and its shares ``msd_axis`` (Å²); ``exponent``, d ln MSD/d ln t over the lags within a factor of 1.5;
        ``n_independent``, the number of independent displacements that would know a random walk's MSD as well
        (overlapping displacements counted by how much they share in time); ``msd_error``, one standard error of
        ``msd``: from the spread between up to 32 groups of ions, each averaged over all origins, interpolated in ln t
        between some 40 lags. It contains differences between ions and non-Gaussian motion, not what all ions do
        together. With fewer than 8 ions it is √(2/(3 n_independent)) of the MSD, a random walk's; ``attrs["error"]``
        says which. ``msd_part``, the MSD in consecutive parts of the origins and groups of ions at ``part_lag``, is
        what :func:`diffusion` judges by; of unevenly spaced frames ``n_origins``, the pairs behind each lag, and the
        frames' times ``frame_time``, too. ``attrs["jump_length"]`` is the first peak of the ions' own g(r), where it
        has one. With ``phase``, ``attrs["phase_share"]`` is its share of the ions and frames; where ions come into it
        and leave it, ``n_displacements`` begin in it at each lag (NaN where none), and groups count by these.
    """
    if origins not in ("all", "first"):
        raise Refusal(f"origins={origins!r}", "", 'Pass "all" or "first"')
    chosen = origins_of(traj, species, phase, phases, first_only=origins == "first")
    ions = chosen.ions
    path = drift_of(ions, drift, chosen.mobile)
    if chosen.inside is not None:
        found = over_origins(ions, path, lags, chosen.inside)
    else:
        average = over_even_frames if traj.n_frames < 2 or traj.evenly_spaced else over_uneven_frames
        found = average(ions, path, lags, first_only=origins == "first")
    known: dict[str, float] = {} if traj.temperature is None else {"temperature": traj.temperature}
    jump = jump_length(chosen.everyone)
    if np.isfinite(jump):
        known["jump_length"] = round(jump, 3)
    total = found.by_axis.sum(axis=0)
    name = species if isinstance(species, str) else ", ".join(species)
    return dataset(
        "dynamics.msd",
        {
            "msd": Column(("lag",), total, "Å²", "mean squared displacement"),
            "msd_axis": Column(("lag", "axis"), found.by_axis.T, "Å²", "mean squared displacement along an axis"),
            "exponent": Column(("lag",), local_exponent(found.lag, total), "1", "local exponent d ln MSD / d ln t"),
            "msd_error": Column(("lag",), found.error, "Å²", "standard error of the MSD"),
            "n_independent": Column(("lag",), found.independent, "1", "independent displacements of the same weight"),
            "msd_part": Column(
                ("part", "group", "part_lag"), found.parts, "Å²", "MSD in one part of the origins and one group of ions"
            ),
            **found.variables,
        },
        {
            "lag": Column(("lag",), found.lag, "ps", "lag"),
            "axis": Column(("axis",), ["x", "y", "z"], "1", "Cartesian axis"),
            "part_lag": Column(("part_lag",), found.part_lag, "ps", "lag"),
            "ions": Column(("group",), found.ions, "1", "ions in the group"),
            **found.coordinates,
        },
        parameters=dict(species=species, drift=drift, lags=lags, origins=origins, phase=chosen.phase or None),
        history=chosen.history(traj),
        title=f"Mean squared displacement of {name}{chosen.told}",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        n_frames=ions.n_frames,
        drift=drift or "none",
        origins=origins,
        error=found.how,
        **found.attributes,
        **chosen.attributes,
        **known,
    )


def draw(result: Dataset, ax: Axes) -> None:
    """MSD with its error band on logarithmic axes, a guide of slope 1, and the local exponent below it."""
    positive = (result.lag.values > 0) & (result.msd.values > 0)
    lag, values, error = (result[name].values[positive] for name in ("lag", "msd", "msd_error"))
    name, colour = said_of(result)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(label("lag", "ps"))
    ax.set_ylabel(label("MSD", "Å²"))
    if len(lag) == 0:
        return
    ax.fill_between(lag, np.maximum(values - error, values * 1e-2), values + error, color=colour, alpha=0.25, lw=0)
    ax.plot(lag, values, color=colour, label=name)
    _slope_guide(ax, lag, values)
    ax.autoscale(axis="y")  # of another MSD that was drawn before, too
    _exponent_strip(ax, lag, result.exponent.values[positive], colour)
    ax.legend(loc="upper left")


def _slope_guide(ax: Axes, lag: Floats, values: Floats) -> None:
    """A line of slope 1, above the data so that both can be seen; of several MSD above the highest."""
    ends = np.array([max(lag[0], lag[-1] / 30), lag[-1] / 2])
    if ends[1] <= ends[0]:
        return
    at = np.interp(np.log(ends), np.log(lag), np.log(values))
    height = 1.6 * np.exp(max(at - np.log(ends)))
    for line in [line for line in ax.lines if line.get_label() == GUIDE]:
        height = max(height, float(np.divide(*np.asarray(line.get_data())[::-1, 0])))
        line.remove()
    ax.plot(ends, height * ends, color="#7F7F7F", lw=1.0, ls="--", label=GUIDE)


def _exponent_strip(ax: Axes, lag: Floats, exponent: Floats, colour: str) -> None:
    """The local exponent along the foot of the axes, on the same lags; the curve is moved up to make room."""
    low, high = np.log(ax.get_ylim())
    ax.set_ylim(np.exp(low - (high - low) * STRIP / (1 - STRIP)), np.exp(high))
    for minor in (False, True):  # ticks below the data would read as the strip's
        ax.set_yticks([tick for tick in ax.get_yticks(minor=minor) if low <= np.log(tick) <= high], minor=minor)
    before = [child for child in ax.child_axes if child.get_label() == "exponent"]
    strip: Any = before[0] if before else ax.inset_axes((0, 0, 1, STRIP - 0.03), label="exponent")
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
