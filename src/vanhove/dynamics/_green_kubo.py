"""The diffusion coefficient from the velocities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.base.units import CM2_S_PER_A2_PS

from ._diffusion import DIFFUSIVE, ONE_SIDED
from .plateau import check_correlated, cut, level, mean_and_error, no_plateau, running_integral
from .velocities import autocorrelation, check_velocities, drift_velocity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

    from vanhove.trajectory import Trajectory


def green_kubo(
    traj: Trajectory,
    species: str | Sequence[str],
    segments: int = 20,
    length: float = 5.0,
    plateau: Sequence[float] = (2.0, 5.0),
    *,
    drift: Literal["cell", "framework"] | None = "cell",
) -> Dataset:
    r"""Diffusion coefficient as the integral of the velocity autocorrelation function (B5 ii).

    .. math:: D = \frac{1}{3} \int_0^\infty \langle \mathbf v(0) \cdot \mathbf v(t) \rangle \, dt

    The average is over all ions and all origins inside each of several segments of the run, the integral by the
    trapezoid rule, and D its mean over the ``plateau``.

    Parameters
    ----------
    traj
        With velocities, in evenly spaced frames no more than some fs apart.
    species
        An element or isotope, or several, averaged over together.
    segments
        How many, evenly spread over the run; as many as fit where these are fewer.
    length
        Of a segment, ps: the longest lag.
    plateau
        First and last lag (ps) of what is averaged over.
    drift
        Whose velocity is taken off, as in :func:`msd`.

    Returns
    -------
    Dataset
        ``D``, ``D_error`` and ``D_upper`` (one-sided 95 %) in cm²/s; ``vacf(lag)`` and the ``running(lag)`` integral
        (cm²/s) with their errors; ``plateau``. Errors are from the spread between segments, by Student's t such that
        one covers the truth in 68 of 100; that of D contains the trapezoid rule's own. ``attrs["verdict"]`` is
        ``"diffusive"``, or a sentence where the integral still drifts over the plateau; D is NaN then.
    """
    ions = traj.select(species if isinstance(species, str) else list(species))
    check_velocities(ions, "diffusion of the msd, which needs positions only")
    parts = cut(ions.n_frames, ions.spacing, segments, length, plateau, whole=False)
    moving = drift_velocity(ions, drift, sorted(set(ions.species.tolist())))
    correlation = autocorrelation(ions, parts, moving)
    check_correlated(correlation, parts.spacing)
    factor = CM2_S_PER_A2_PS / 3
    found = level(correlation, parts)
    value, error = (factor * found.value, factor * found.error) if found.steady else (np.nan, np.nan)
    vacf, vacf_error = mean_and_error(correlation)
    running, running_error = mean_and_error(factor * running_integral(correlation, parts.spacing))
    name = species if isinstance(species, str) else ", ".join(species)
    known: dict[str, float] = {} if traj.temperature is None else {"temperature": traj.temperature}
    return dataset(
        "dynamics.green_kubo",
        {
            "D": Column((), value, "cm²/s", "diffusion coefficient"),
            "D_error": Column((), error, "cm²/s", "standard error of D"),
            "D_upper": Column((), max(value, 0.0) + ONE_SIDED * error, "cm²/s", "one-sided 95 % bound of D"),
            "running": Column(("lag",), running, "cm²/s", "integral of the autocorrelation up to a lag"),
            "running_error": Column(("lag",), running_error, "cm²/s", "standard error of the integral"),
            "vacf": Column(("lag",), vacf, "Å²/ps²", "velocity autocorrelation"),
            "vacf_error": Column(("lag",), vacf_error, "Å²/ps²", "standard error of the velocity autocorrelation"),
            "plateau": Column(("edge",), [float(edge) for edge in plateau], "ps", "first and last lag of the plateau"),
        },
        {
            "lag": Column(("lag",), parts.lags, "ps", "lag"),
            "edge": Column(("edge",), ["start", "end"], "1", "edge of the plateau"),
        },
        parameters=dict(species=species, segments=segments, length=length, plateau=list(plateau), drift=drift),
        history=list(traj.history),
        title=f"Diffusion of {name} (Green-Kubo)",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        n_segments=len(parts.starts),
        drift=drift or "none",
        error=f"spread between {len(parts.starts)} segments, Student's t",
        verdict=DIFFUSIVE if found.steady else no_plateau(found, parts, factor, "cm²/s"),
        **known,
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """The running integral with its error band, the plateau (shaded) and D, or the verdict, as the legend."""
    name = str(result.attrs["species"])
    start, end = result.plateau.values
    lag, running, error = (result[key].values for key in ("lag", "running", "running_error"))
    colour = colour_of(name)
    ax.axhline(0.0, color="#7F7F7F", lw=0.8)
    ax.axvspan(start, end, color="#7F7F7F", alpha=0.12, lw=0)
    ax.fill_between(lag, running - error, running + error, color=colour, alpha=0.25, lw=0)
    ax.plot(lag, running, color=colour, label=f"{name}: ⅓ ∫ VACF")
    value = float(result.D)
    if np.isfinite(value):
        spread = float(result.D_error)
        power = int(np.floor(np.log10(max(abs(value), spread, 1e-99))))
        text = f"D = ({value / 10.0**power:.2f} ± {spread / 10.0**power:.2f})·10$^{{{power}}}$ cm²/s"
        ax.plot([start, end], [value, value], color="#000000", ls="--", lw=1.2, label=text)
    else:
        ax.set_title("no plateau", fontsize="medium", loc="left")
    ax.set_xlim(0, lag[-1])
    ax.set_xlabel(label("lag", "ps"))
    ax.set_ylabel(label("D up to the lag", "cm²/s"))
    ax.legend(loc="best")
