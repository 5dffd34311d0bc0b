"""Incoherent scattering: what neutrons see of single atoms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import label
from vanhove.base.results import Column, dataset
from vanhove.base.units import HBAR
from vanhove.trajectory.blocks import drift as drift_of

from .energies import detailed_balance, energy_grid, lag_window
from .self_average import END, FEWEST_GROUPS, average, gaussian_error
from .self_choice import choose_route, error_of_directions
from .self_directions import wanted
from .self_lags import choose

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    from .energies import Window
    from .self_average import Averages
    from .self_lags import SelfLags

    Floats = NDArray[np.float64]

FLAT = 0.2  # of the whole intensity, spread evenly over all energies: what frames too far apart make of fast motion
EDGE = 0.1  # of the energies, next to the highest, by which that is judged; fewer than ten have no edge
MOST_NAMED = 6  # Q in a legend; more are told by a colour bar
LONGEST_LIST = 12  # Q that a sentence names


def incoherent(
    traj: Trajectory,
    species: str | Sequence[str],
    q: float | Sequence[float] | Sequence[Sequence[float]],
    *,
    max_lag: float | None = None,
    resolution: float | None = None,
    route: Literal["auto", "fft", "displacements"] = "auto",
    directions: int | None = None,
    drift: Literal["cell", "framework"] | None = "cell",
    lags: Literal["all", "log"] | Sequence[float] = "all",
    origins: Literal["all", "first"] | int = "all",
    correction: Literal["classical", "detailed-balance"] = "classical",
    temperature: float | None = None,
) -> Dataset:
    r"""Incoherent intermediate scattering function and spectrum of a species (C5).

    .. math::

        F(\mathbf Q, t) = \frac{1}{N} \Big\langle \sum_{i=1}^{N} e^{i \mathbf Q \cdot [\mathbf u_i(t_0 + t)
        - \mathbf u_i(t_0)]} \Big\rangle, \qquad
        S(\mathbf Q, E) = \frac{1}{2\pi\hbar} \int F(\mathbf Q, t)\, e^{-iEt/\hbar}\, dt

    over all N atoms and all origins t_0, both time directions (so that F is real and even), F(Q, 0) = 1. **u** is the
    unwrapped path in the chosen frame of reference. E > 0 is energy that the neutron loses; S is per atom, without
    cross-sections, and its integral over the whole line is 1.

    Parameters
    ----------
    traj
        Frames evenly spaced for a spectrum; of frames at other times (log-spaced, restarted) there is F only.
    species
        An element or isotope, or several, averaged over together.
    q
        1/Å. One \|Q\| or a list of them: the average over all directions, as of a powder. A table of vectors in rows of
        three: each by itself, averaged with its opposite; any vector will do, it need not be one of the cell's.
    max_lag
        ps. Longest lag; half of the run unless asked for, so that each has half the frames as origins or more. Unevenly
        spaced frames go to the end.
    resolution
        meV, FWHM of a Gaussian line that S is folded with. None: the finest that the lags give, von Hann's window,
        h/``max_lag``. F is stored without any window.
    route
        ``"displacements"``: the exact powder average of each displacement r, sin(Qr)/(Qr), by a fine histogram of r,
        all Q together. ``"fft"``: the correlation of each atom's phases, for one direction of Q after the other.
        ``"auto"``: the one that takes less computing; ``attrs["route"]`` says which, ``attrs["route_choice"]`` why.
    directions
        Of the route by FFT: how many at least, Q and -Q counted as one (Lebedev's rules of up to 601). By default they
        grow with Q times the distance that atoms get, so that even motion along one line is averaged to 10⁻³.
        ``attrs["directions_error"]`` is how far F is from the exact average, measured at a few lags.
    drift
        Whose motion is taken off, as for :func:`vanhove.dynamics.msd`.
    lags
        ``"all"``: every lag from 0, what a spectrum needs. ``"log"``, some 60 evenly spaced in ln t, or a list in ps:
        F only.
    origins
        ``"all"`` frames, only the ``"first"``, or a number n: every n-th frame. None is left out unless asked for.
    correction
        ``"detailed-balance"`` multiplies S by βE/(1 - e^{-βE}), after which its first moment is ħ²Q²/2m and its
        integral no longer 1. F stays classical.
    temperature
        K, for that; the trajectory's own unless given.

    Returns
    -------
    Dataset
        ``F(q, lag)``, and ``F_end(q)``, its mean over the last fifth of the lags (not an EISF: motion slower than the
        lags is in it). ``S(q, energy)`` (1/meV) in steps of h/2``max_lag`` up to the Nyquist energy. ``F_without(part,
        q, lag)``, beside a spectrum, is F with one of up to 16 parts of the atoms left out, from which a fit learns how
        much what it finds at one Q and energy has in common with what it finds at others. Errors are one
        standard error from the spread between up to 32 groups of atoms, each over the whole run: different atoms are
        nearly independent, while stretches of a run are not at lags as long as they are. They contain differences
        between atoms, not what all atoms do together. With fewer than 8 atoms that of F is what a Gaussian walk's
        independent displacements would have, and that of S is NaN; ``attrs["error"]`` says which. For vectors q is
        \|Q\| and ``q_vector(q, axis)`` the vector. ``attrs["verdict"]`` names the Q at which no width can be read from
        S.
    """
    ions = traj.select(species if isinstance(species, str) else list(species))
    waves = wanted(q)
    chosen = choose(ions, lags, max_lag, origins)
    count = len(chosen.pairs.lags)
    window = lag_window(count, ions.spacing, resolution) if chosen.without_gaps else None
    kelvin = traj.temperature if temperature is None else float(temperature)
    _check(window, resolution, correction, kelvin)
    path = drift_of(ions, drift, sorted(set(ions.species.tolist())))
    way, why = choose_route(ions, path, waves, chosen, route, directions)
    found = average(ions, path, chosen, way, len(waves.lengths), window)
    name = species if isinstance(species, str) else ", ".join(species)
    variables = _correlation(found, chosen, powder=waves.powder)
    coordinates = {
        "q": Column(("q",), waves.lengths, "1/Å", "wavevector transfer"),
        "lag": Column(("lag",), chosen.pairs.lags, "ps", "lag"),
    }
    attributes: dict[str, str | float] = {} if kelvin is None else {"temperature": kelvin}
    if waves.powder and way.directions:
        attributes["directions"] = way.directions
        attributes["directions_error"] = error_of_directions(ions, path, waves.lengths, chosen, found.correlation.value)
    if waves.vectors is not None:
        variables["q_vector"] = Column(("q", "axis"), waves.vectors, "1/Å", "wavevector")
        coordinates["axis"] = Column(("axis",), ["x", "y", "z"], "1", "Cartesian axis")
    verdict = "F only: a spectrum needs every lag of evenly spaced frames, from 0 on"
    if window is not None:
        energy = energy_grid(count, ions.spacing)
        coordinates["energy"] = Column(("energy",), energy, "meV", "energy that the neutron loses")
        variables |= _spectrum(found, energy, kelvin if correction == "detailed-balance" else None)
        if found.without is not None:
            variables["F_without"] = Column(
                ("part", "q", "lag"), found.without, "1", "intermediate scattering function with one part left out"
            )
        attributes |= dict(
            resolution_fwhm=window.fwhm, window=window.name, correction=correction, nyquist=float(energy[-1])
        )
        _check_frames(variables["S"].values, waves.lengths, ions.spacing)
        verdict = _verdict(found.correlation.value, waves.lengths, chosen.pairs.lags, window)
    few = found.groups < FEWEST_GROUPS
    return dataset(
        "spectra.incoherent",
        variables,
        coordinates,
        parameters=dict(
            species=species, q=q, max_lag=max_lag, resolution=resolution, route=route, directions=directions,
            drift=drift, lags=lags, origins=origins, correction=correction, temperature=temperature,
        ),
        history=list(traj.history),
        title=f"Incoherent scattering of {name}",
        fingerprint=traj.fingerprint,
        species=name,
        n_ions=ions.n_atoms,
        n_frames=ions.n_frames,
        drift=drift or "none",
        origins=origins,
        max_lag=float(chosen.pairs.lags[-1]),
        average="powder" if waves.powder else "single wavevectors",
        route=way.name,
        route_choice=why,
        error="of F that of a Gaussian walk, of S none: too few atoms to compare" if few else
        f"spread between {found.groups} groups of atoms",
        verdict=verdict,
        **attributes,
    )  # fmt: skip


def _check(window: Window | None, resolution: float | None, correction: str, kelvin: float | None) -> None:
    """Refuse what asks for a spectrum where there is none, and a correction without its temperature."""
    if correction not in ("classical", "detailed-balance"):
        raise Refusal(f"correction={correction!r}", "", 'Pass "classical" or "detailed-balance"')
    for option, asked in (("resolution", resolution is not None), ("correction", correction != "classical")):
        if asked and window is None:
            raise Refusal(
                f"{option} belongs to a spectrum, and there is none",
                "it needs every lag of evenly spaced frames, from 0 on",
                f'Leave {option} out; or take lags="all", and traj.uniform() where frames are uneven',
            )
    if correction == "detailed-balance" and kelvin is None:
        raise Refusal(
            "Detailed balance needs the temperature", "the trajectory has none stated",
            "Pass temperature= in K, or open the file with temperature=",
        )  # fmt: skip
    if kelvin is not None and not (np.isfinite(kelvin) and kelvin > 0):
        raise Refusal(f"temperature={kelvin:g} K", "", "Give a temperature above 0")


def _correlation(found: Averages, lags: SelfLags, *, powder: bool) -> dict[str, Column]:
    """F and its end with their errors."""
    correlation, error = found.correlation
    end, end_error = found.end
    if found.groups < FEWEST_GROUPS:
        error = gaussian_error(correlation, lags.independent, powder=powder)
        late = lags.pairs.lags >= END * lags.pairs.lags[-1]
        end_error = error[:, late].mean(axis=1)  # neighbouring lags share their displacements
    table = ("q", "lag")
    return {
        "F": Column(table, correlation, "1", "intermediate scattering function"),
        "F_error": Column(table, error, "1", "standard error of the intermediate scattering function"),
        "F_end": Column(("q",), end, "1", "mean of F over the last fifth of the lags"),
        "F_end_error": Column(("q",), end_error, "1", "standard error of this mean"),
        "n_origins": Column(("lag",), lags.pairs.n_origins, "1", "pairs of frames"),
    }


def _spectrum(found: Averages, energy: Floats, kelvin: float | None) -> dict[str, Column]:
    """S and its error at all energies; with a temperature they obey detailed balance."""
    assert found.line is not None
    factor = np.ones_like(energy) if kelvin is None else detailed_balance(energy, kelvin)
    line, error = (np.concatenate([half[:, :0:-1], half], axis=1) * factor for half in found.line)
    return {
        "S": Column(("q", "energy"), line, "1/meV", "incoherent dynamic structure factor"),
        "S_error": Column(("q", "energy"), error, "1/meV", "standard error of the dynamic structure factor"),
    }


def _check_frames(line: Floats, q: Floats, spacing: float) -> None:
    """Warn where much of the intensity is motion faster than the frames, which is folded back to where it is not."""
    edge = int(EDGE * (line.shape[1] // 2))
    if edge < 1:
        return
    flat = line[:, :edge].mean(axis=1) * line.shape[1] / np.maximum(line.sum(axis=1), 1e-300)
    if (flat > FLAT).any():
        warn(
            f"At Q = {_listed(q[flat > FLAT])} 1/Å some {flat.max():.0%} of the intensity is spread over all energies",
            f"between two frames, {spacing:g} ps, atoms go too far",
            "Write frames more often, or look at lower Q",
        )


def _verdict(correlation: Floats, q: Floats, lag: Floats, window: Window) -> str:
    """At which Q what decays is not seen to decay within the resolution: F(t) > 1/e where t = ħ over its half width."""
    at = min(2 * HBAR / window.fwhm, float(lag[-1]))
    left = np.array([np.interp(at, lag, one) for one in correlation])
    slow = left > np.exp(-1)
    if not slow.any():
        return "wider than the resolution at every Q"
    return (
        f"At Q = {_listed(q[slow])} 1/Å F is still above 1/e after {at:.3g} ps: what is left there is elastic or "
        f"narrower than the resolution of {window.fwhm:.3g} meV (FWHM), and its width can't be read from S"
    )


def _listed(q: Floats) -> str:
    values = np.unique(q)
    if len(values) <= LONGEST_LIST:
        return ", ".join(f"{value:.3g}" for value in values)
    return f"{values[0]:.3g} to {values[-1]:.3g}"


def draw(result: Dataset, ax: Axes) -> None:
    """F against logarithmic time with its error bands, one line a Q, coloured by it."""
    import matplotlib as mpl
    from matplotlib.colors import Normalize

    moved = result["lag"].values > 0
    lag, q = result["lag"].values[moved], result["q"].values
    low, high = float(q.min()), float(q.max())
    norm = Normalize(low, high if high > low else low + 1)
    shades = mpl.colormaps["viridis"].resampled(256)

    def colour(value: float) -> Any:
        return shades(0.88 * float(norm(value)))  # the palest yellow can't be read on white

    for k in np.argsort(q, kind="stable").tolist():
        f, error = (result[name].values[k, moved] for name in ("F", "F_error"))
        ax.fill_between(lag, f - error, f + error, color=colour(q[k]), alpha=0.25, lw=0)
        ax.plot(lag, f, color=colour(q[k]), label=f"{q[k]:.3g}")
    ax.axhline(0, color="#7F7F7F", lw=0.9, zorder=1)
    bottom = min(0.0, float(np.nanmin(result["F"].values)))
    ax.set(xscale="log", xlabel=label("lag", "ps"), ylabel="F(Q, t)", ylim=(bottom - 0.03, 1.03))
    if len(lag):
        ax.set_xlim(lag[0], max(lag[-1], 1.01 * lag[0]))
        if lag[-1] > 10 * lag[0]:  # the decades suffice
            ax.xaxis.set_minor_formatter("")
    if len(q) <= MOST_NAMED:
        ax.legend(title=label("Q", "1/Å"), loc="best")
        return
    shown = mpl.colors.ListedColormap(shades(0.88 * np.linspace(0, 1, 256)))
    figure: Any = ax.figure
    figure.colorbar(mpl.cm.ScalarMappable(norm, shown), ax=ax, label=label("Q", "1/Å"))
