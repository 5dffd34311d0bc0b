"""Rotation of polyanions: how long bonds remember their direction, librations, reorientations, and translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.figures import PALETTE, label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import cut, in_order

from .lags import chosen_lags
from .orientations import follow, symmetries
from .polyanions import units_of
from .reorientation import ENTER, turns_of
from .residence import BOUND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .reorientation import Turns

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BIN = 1.0  # °
GROUPS = 10  # of units, left out one by one, for the error of what is read off a mean curve
SETTLED = 0.8  # share of frames near an orientation; with fewer, units rotate rather than librate


def rotation(
    traj: Trajectory,
    units: str | Sequence[Sequence[int]],
    *,
    cutoffs: float | Mapping[str, float] | None = None,
    lags: Literal["all", "log"] | Sequence[float] = "log",
    drift: Literal["cell", "framework"] | None = "cell",
) -> Dataset:
    r"""Rotation and translation of polyanions, each seen as a rigid unit (B13).

    .. math::

        C_l(t) = \big\langle P_l\big(\hat{\mathbf u}(t_0) \cdot \hat{\mathbf u}(t_0 + t)\big) \big\rangle, \qquad
        l = 1, 2

    over all bonds û from a former to an anion, all units and all origins. Diffusive rotation gives
    :math:`\exp(-l(l+1) D_r t)`, libration a level below 1.

    A unit's orientation is the rotation that fits its own mean shape best (least squares, by quaternions). Rotations
    that bring the shape onto itself, but for which of its like atoms is where, are found from the shape, twelve of a
    tetrahedron; the *libration angle* is that to the nearest of the orientations which look alike in this sense. A unit
    has *reoriented* when it comes to within a third of the smallest angle between two of them (40° for a tetrahedron)
    of another one than before.

    Parameters
    ----------
    traj
        Evenly spaced frames.
    units
        ``"PS4"``: every P with just four S within the bond's length at the first frame, bridged ones too; ``"P2S7"``:
        connected groups with just these atoms; ``"Si-O"``: every Si with the O bonded to it, of the most frequent
        number; or lists of atoms, as many in each, the centre first.
    cutoffs
        Å, as for ``structure.speciation``: by default the first minimum of g(r).
    lags
        ``"log"``, ``"all"`` or a list in ps.
    drift
        Whose motion is taken off the translation, as in :func:`msd`; ``"framework"`` is all but the units.

    Returns
    -------
    Dataset
        ``C(l, lag)`` with its standard error ``C_error`` from the spread between units, ``relaxation_time(l)`` where it
        has fallen to 1/e (NaN where it does not within the run); ``libration(angle)``, the distribution of the
        libration angles (1/°), ``libration_rms`` and that of each unit, ``libration_of(unit)``; for each reorientation
        (``event``) ``unit_of``, ``time`` (ps, middle) and ``turn`` (°, between the two orientations), and their
        ``rate`` per unit with one standard error (Poisson) and the 95 % bound ``rate_upper``; ``msd(lag)`` (Å²) of the
        centres of mass; ``misfit`` (Å), what the rigid fit leaves of the atoms' positions; ``centre(unit)``.
    """
    found = units_of(traj, units, cutoffs)
    spacing = traj.spacing
    chosen = chosen_lags(lags, traj.n_frames, spacing)
    mobile = sorted(set(traj.species[found.atoms].ravel().tolist()))
    motion = follow(traj, found, drift, arms=True, mobile=mobile)
    turns = turns_of(motion.quaternions, symmetries(motion.shapes, traj.species[found.atoms[0]].tolist()))
    curves, squares = _curves(motion.arms, motion.centres, chosen)
    times = spacing * chosen
    relaxed = [_relaxation(times, curve) for curve in curves]
    number = len(found.atoms)
    edges = np.arange(0.0, max(float(turns.angle.max()), BIN) + BIN, BIN)
    counts = np.stack([np.histogram(turns.angle[:, u], edges)[0] for u in range(number)]) / (BIN * traj.n_frames)
    squared = (turns.angle**2).mean(axis=0)
    rms = float(np.sqrt(squared.mean()))
    events, watched = len(turns.unit), number * spacing * (traj.n_frames - 1)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    by, each = ("l", "lag"), ("angle",)
    return dataset(
        "dynamics.rotation",
        {
            "C": Column(by, curves.mean(axis=1), "1", "correlation of the directions of bonds"),
            "C_error": Column(by, _error(curves, 1), "1", "standard error of the correlation"),
            "relaxation_time": Column(("l",), [one[0] for one in relaxed], "ps", "time after which C is 1/e"),
            "relaxation_time_error": Column(("l",), [one[1] for one in relaxed], "ps", "standard error of the time"),
            "libration": Column(each, counts.mean(axis=0), "1/°", "distribution of the libration angle"),
            "libration_error": Column(each, _error(counts, 0), "1/°", "standard error of the distribution"),
            "libration_rms": Column((), rms, "°", "root mean square libration angle"),
            "libration_rms_error": Column(
                (), float(_error(squared, 0)) / max(2 * rms, 1e-12), "°", "standard error of the angle"
            ),
            "libration_of": Column(("unit",), np.sqrt(squared), "°", "root mean square libration angle of the unit"),
            "unit_of": Column(("event",), turns.unit, "1", "number of the unit that reoriented"),
            "time": Column(
                ("event",), traj.times[0] + 0.5 * spacing * (turns.frame + turns.reached), "ps",
                "middle of the reorientation",
            ),
            "turn": Column(("event",), turns.turn, "°", "angle between the orientations before and after"),
            **_rates(events, watched),
            "msd": Column(("lag",), squares.mean(axis=0), "Å²", "mean squared displacement of the centres of mass"),
            "msd_error": Column(("lag",), _error(squares, 0), "Å²", "standard error of the displacement"),
            "misfit": Column((), motion.misfit, "Å", "root mean square distance of atoms from the rigid unit"),
        },
        {
            "l": Column(("l",), [1, 2], "1", "order of the Legendre polynomial"),
            "lag": Column(("lag",), times, "ps", "lag"),
            "angle": Column(each, edges[:-1] + 0.5 * BIN, "°", "libration angle"),
            "unit": Column(("unit",), np.arange(number), "1", "number of the unit"),
            "centre": Column(("unit",), found.atoms[:, 0], "1", "first atom of the unit in the trajectory"),
        },
        parameters=dict(units=units, cutoffs=cutoffs, lags=lags, drift=drift),
        history=list(traj.history),
        title=f"Rotation of {found.name}",
        fingerprint=traj.fingerprint,
        species=found.name,
        units=number,
        left_out=found.left_out,
        broken=motion.broken,
        reorientations=events,
        settled=turns.settled,
        verdict=_verdict(found.name, number, turns, rms, watched),
        **known,
    )  # fmt: skip


def _rates(events: int, watched: float) -> dict[str, Column]:
    from scipy.stats import chi2

    upper = chi2.ppf(BOUND, 2 * events + 2) / 2 / watched
    return {
        "rate": Column((), events / watched, "1/ps", "reorientations of a unit per time"),
        "rate_error": Column((), np.sqrt(max(events, 1)) / watched, "1/ps", "standard error of the rate"),
        "rate_upper": Column((), upper, "1/ps", "95 % bound of the rate"),
    }


def _curves(arms: Floats, centres: Floats, lags: Ints) -> tuple[Floats, Floats]:
    """C_l(t) of every unit, (l, unit, lag), and the squared displacement of its centre, (unit, lag)."""
    from vanhove.kernels.rotors import legendre_at_lags, squares_at_lags

    frames, number, bonds, _ = arms.shape
    curves, squares = np.empty((2, number, len(lags))), np.empty((number, len(lags)))

    def work(units: slice) -> None:
        series = np.ascontiguousarray(arms[:, units].transpose(1, 2, 0, 3)).reshape(-1, frames, 3)
        both = np.empty((2, len(series), len(lags)))
        legendre_at_lags(series, lags, *both)
        curves[:, units] = both.reshape(2, -1, bonds, len(lags)).mean(axis=2)
        squares_at_lags(np.ascontiguousarray(centres[:, units].transpose(1, 0, 2)), lags, squares[units])

    for _ in in_order(work, cut(number, 24 * frames * (bonds + 1))):
        pass
    return curves, squares


def _error(of_units: Floats, axis: int) -> Floats:
    """Standard error of the mean over units."""
    number = of_units.shape[axis]
    if number < 2:
        return np.full_like(of_units.mean(axis=axis), np.nan)
    error: Floats = of_units.std(axis=axis, ddof=1) / np.sqrt(number)
    return error


def _relaxation(times: NDArray[np.floating], curves: Floats) -> tuple[float, float]:
    """When the mean of the curves (unit, lag) falls to 1/e, and its jackknife error over groups of units."""
    groups = min(GROUPS, len(curves))
    group = np.arange(len(curves)) % groups
    whole = _falls(times, curves.mean(axis=0))
    if groups < 2:
        return whole, np.nan
    parts = np.array([_falls(times, curves[group != k].mean(axis=0)) for k in range(groups)])
    return whole, float(np.sqrt((groups - 1) * parts.var()))


def _falls(times: NDArray[np.floating], curve: Floats) -> float:
    """The time at which a curve first crosses 1/e, between two lags as an exponential."""
    level = np.exp(-1.0)
    below = np.flatnonzero(curve < level)
    if len(below) == 0:
        return np.nan
    k = int(below[0])
    start, height = (0.0, 1.0) if k == 0 else (float(times[k - 1]), float(curve[k - 1]))
    if curve[k] <= 0:
        share = (height - level) / (height - curve[k])
    else:
        share = np.log(height / level) / np.log(height / curve[k])
    return float(start + share * (times[k] - start))


def _verdict(name: str, number: int, turns: Turns, rms: float, watched: float) -> str:
    """What a person has to know."""
    if turns.settled < SETTLED:
        return (
            f"{name} rotate rather than librate: only {100 * turns.settled:.0f} % of the time one is within "
            f"{ENTER * turns.smallest:.0f}° of an orientation"
        )
    if np.isnan(turns.smallest):
        return f"{number} {name} librate by {rms:.3g}°; no rotation brings one onto itself, so none is called a turn"
    if len(turns.unit) == 0:
        return f"no reorientation of {number} {name} in {watched / number:g} ps; they librate by {rms:.3g}°"
    return f"{len(turns.unit)} reorientations of {number} {name}; between them these librate by {rms:.3g}°"


def draw(result: Dataset, ax: Axes) -> None:
    """The correlation of directions against lag, and (inset) the distribution of libration angles."""
    lag = result["lag"].values
    shown = lag > 0
    lowest = float(np.nanmin(result["C"].values[:, shown]))
    for k, order in enumerate(result["l"].values):
        curve, error = result["C"].values[k][shown], result["C_error"].values[k][shown]
        ax.plot(lag[shown], curve, color=PALETTE[k], label=f"$C_{order}$")
        if np.isfinite(error).all():
            ax.fill_between(lag[shown], curve - error, curve + error, color=PALETTE[k], alpha=0.25, lw=0)
    ax.set(xlabel=label("lag", "ps"), ylabel="correlation of bond directions", xscale="log")
    ax.set_ylim(min(0.0, lowest) - 0.02 if lowest < 0.3 else 2 * lowest - 1.02, 1.02)
    ax.legend(loc="lower left", title=str(result.attrs["species"]))
    inset = ax.inset_axes((0.60, 0.14, 0.37, 0.34))
    angle, density = result["angle"].values, result["libration"].values
    inset.fill_between(angle, density, step="mid", color=PALETTE[2], alpha=0.4, lw=0)
    inset.axvline(float(result["libration_rms"]), color=PALETTE[2], lw=0.9, ls="--")
    inset.set(xlim=(0, angle[-1] + 0.5 * BIN), ylim=(0, None), yticks=[])
    inset.set_xlabel(label("libration", "°"), fontsize="small")
    inset.tick_params(labelsize="x-small")
