"""The non-Gaussian parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset
from vanhove.trajectory.blocks import drift as drift_of

from . import alpha_peak
from .fourth_moments import over_even_frames, over_origins, over_uneven_frames
from .phase_origins import Phase, origins_of, said_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Ints = NDArray[np.int64]

DECADE = 10.0
KNOWN = 0.5  # of the run: lags beyond are drawn, but do not set the height of the axes


def non_gaussian(
    traj: Trajectory,
    species: str | Sequence[str],
    *,
    axes: str = "xyz",
    drift: Literal["cell", "framework"] | None = "cell",
    lags: Literal["all", "log"] | Sequence[float] = "all",
    origins: Literal["all", "first"] = "all",
    phase: Phase = None,
    phases: Dataset | NDArray[np.str_] | None = None,
) -> Dataset:
    r"""Non-Gaussian parameter of the displacements of a species, with its peak (B2).

    .. math:: \alpha_2(t) = \frac{d\,\langle r^4(t)\rangle}{(d + 2)\,\langle r^2(t)\rangle^2} - 1

    over all ions and all pairs of frames that are t apart, in the d dimensions of ``axes``. It is 0 for displacements
    with a Gaussian distribution, positive where some ions go much further than others, and -2/5 (d = 3) where all go
    equally far. Caged ions that sometimes hop have a maximum at a time τ* that falls as hopping gets quicker.

    Parameters
    ----------
    traj
        Frames at any times; see :func:`vanhove.dynamics.msd` for what a lag then is.
    species
        An element or isotope, or several, averaged over together. A mixture of quicker and slower ions is not Gaussian
        even where each of them is.
    axes
        ``"xyz"``, or the plane (``"xy"``) or the axis (``"z"``) that displacements are seen in; d is their number.
    drift
        Whose motion is taken off, as for :func:`vanhove.dynamics.msd`.
    lags
        ``"all"``: every lag from 0, by FFT. ``"log"``: some 60 lags evenly spaced in ln t. Or a list in ps.
    origins
        ``"all"`` frames, or only the ``"first"``.
    phase, phases
        Only displacements that begin while the ion is in this phase, as for :func:`vanhove.dynamics.msd`.

    Returns
    -------
    Dataset
        ``alpha2`` with ``alpha2_error``, one standard error: a jackknife over up to 32 groups of ions, interpolated in
        ln t between some 40 lags; with fewer than 8 ions that of a random walk. ``attrs["error"]`` says which. NaN
        where nothing moves, at lag 0. ``msd`` of the same displacements, along ``axes`` only. ``n_independent`` as for
        the MSD. ``peak_time`` τ* and ``peak_height``, with errors from 400 draws of the groups of ions; NaN where the
        run shows no peak that stands three standard errors above zero and above the curve on both its sides, and
        ``attrs["peak"]`` says why. Only lags with 30 independent displacements may be the peak.

    Notes
    -----
    |a - b|⁴ is expanded into products of the monomials x_i, x_i x_j and r² x_i of both ends, so that all lags and all
    origins cost twelve transforms an atom. What they round is some 10⁻¹⁵ of the mean fourth power of the (centred)
    paths; the lags where that is more than 10⁻⁸ of ⟨r⁴⟩, the shortest ones of paths that go far, are summed directly.
    """
    along = _chosen_axes(axes)
    if origins not in ("all", "first"):
        raise Refusal(f"origins={origins!r}", "", 'Pass "all" or "first"')
    chosen = origins_of(traj, species, phase, phases, first_only=origins == "first")
    ions = chosen.ions
    path = drift_of(ions, drift, chosen.mobile)
    if chosen.inside is not None:
        found = over_origins(ions, path, along, lags, chosen.inside)
    else:
        moments = over_even_frames if traj.n_frames < 2 or traj.evenly_spaced else over_uneven_frames
        found = moments(ions, path, along, lags, first_only=origins == "first")
    d = len(along)
    error, how = alpha_peak.error(found, d)
    peak = alpha_peak.peak(found, d)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    name = species if isinstance(species, str) else ", ".join(species)
    return dataset(
        "dynamics.non_gaussian",
        {
            "alpha2": Column(("lag",), alpha_peak.alpha2(found.second, found.fourth, d), "1", "non-Gaussian parameter"),
            "alpha2_error": Column(("lag",), error, "1", "standard error of the non-Gaussian parameter"),
            "msd": Column(("lag",), found.second, "Å²", "mean squared displacement"),
            "n_independent": Column(("lag",), found.independent, "1", "independent displacements of the same weight"),
            "peak_time": Column((), peak.time, "ps", "lag of the maximum, τ*"),
            "peak_time_error": Column((), peak.time_error, "ps", "standard error of τ*"),
            "peak_height": Column((), peak.height, "1", "non-Gaussian parameter at its maximum"),
            "peak_height_error": Column((), peak.height_error, "1", "standard error of the maximum"),
            **found.variables,
        },
        {"lag": Column(("lag",), found.lag, "ps", "lag")},
        parameters=dict(
            species=species, axes=axes, drift=drift, lags=lags, origins=origins, phase=chosen.phase or None
        ),
        history=chosen.history(traj),
        title=f"Non-Gaussian parameter of {name}{chosen.told}",
        fingerprint=traj.fingerprint,
        species=name,
        axes=axes,
        n_ions=ions.n_atoms,
        n_frames=ions.n_frames,
        drift=drift or "none",
        origins=origins,
        error=how,
        peak=peak.verdict,
        verdict=f"peak {peak.verdict}",  # what the command prints
        **chosen.attributes,
        **known,
    )


def _chosen_axes(axes: str) -> Ints:
    if not isinstance(axes, str) or not axes or len(set(axes)) < len(axes) or not set(axes) <= set("xyz"):
        raise Refusal(f"axes={axes!r}", "", 'Pass "xyz", two of these letters for a plane, or one for an axis')
    return np.array(sorted("xyz".index(axis) for axis in axes))


def draw(result: Dataset, ax: Axes) -> None:
    """α₂ with its error band on logarithmic time, τ* marked with its error."""
    shown = (result.lag.values > 0) & np.isfinite(result.alpha2.values)
    lag, values, error = (result[name].values[shown] for name in ("lag", "alpha2", "alpha2_error"))
    name, colour = said_of(result)
    ax.set_xscale("log")
    ax.set(xlabel=label("lag", "ps"), ylabel="α₂")
    if len(lag) == 0:
        return
    if lag[-1] > DECADE * lag[0]:  # the decades suffice
        ax.xaxis.set_minor_formatter("")
    ax.axhline(0, color="#7F7F7F", lw=0.9, zorder=1)
    ax.fill_between(lag, values - error, values + error, color=colour, alpha=0.25, lw=0)
    ax.plot(lag, values, color=colour, label=name)
    known = (lag <= KNOWN * lag[-1]) | (lag == lag[0])
    low, high = float((values - error)[known].min()), float((values + error)[known].max())
    room = 0.12 * max(high - low, 0.05)
    ax.set(xlim=(lag[0], lag[-1]), ylim=(min(low, 0) - room, max(high, 0) + 2 * room))
    time, height = float(result.peak_time), float(result.peak_height)
    if np.isfinite(time):
        spread = float(np.nan_to_num(result.peak_time_error))
        ax.axvline(time, color="#7F7F7F", lw=0.9, ls="--", zorder=1)
        ax.plot([time], [height], marker="o", ms=5, color=colour, mec="white", zorder=4)
        said = f"τ* = {time:.3g} ± {spread:.1g} ps" if spread > 0 else f"τ* = {time:.3g} ps"
        right = np.log(time / lag[0]) > 0.6 * np.log(lag[-1] / lag[0])
        ax.annotate(
            said, (time, height), xytext=(-6 if right else 6, 8), textcoords="offset points",
            ha="right" if right else "left", fontsize=9.5,
        )  # fmt: skip
    ax.legend(loc="upper left")
