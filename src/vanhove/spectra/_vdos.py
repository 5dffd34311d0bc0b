"""The vibrational density of states by species."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset
from vanhove.base.units import HBAR, K_B, U_A2_PER_PS2_IN_MEV

from .dos_figure import top_of_axis
from .energies import PLANCK, Window, energy_grid, spectrum
from .jackknife import FEWEST_PARTS, standard_error
from .lag_choice import choose_lags
from .velocity_correlation import velocity_correlation
from .zero_energy import zero_energy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

TOTAL = "total"
HALF = 0.5  # of the run: longer lags have no origins in most of its parts
TOP = 0.9  # of the Nyquist energy: a density of states should have ended below
FAR = 10.0  # between the kinetic and the stated temperature: no equilibrium, thermostat or frozen part does that
LOUD = 0.1  # of the mean level over the whole axis, that is left above TOP at most


def vdos(
    traj: Trajectory,
    species: str | Sequence[str] | None = None,
    resolution: float | None = None,
    *,
    source: Literal["auto", "velocities", "positions"] = "auto",
    drift: Literal["cell", "framework"] | None = "cell",
    max_lag: float | None = None,
    below: float = 5.0,
) -> Dataset:
    r"""Vibrational density of states of every species, the transform of its velocity autocorrelation function (C1).

    .. math:: g_i(E) = \frac{2}{\pi \hbar \langle v_i^2 \rangle} \int_0^\infty
        w(t)\, \langle \mathbf v_i(0) \cdot \mathbf v_i(t) \rangle \cos(E t/\hbar)\, dt,
        \qquad \int_0^\infty g_i\, dE = 1

    The average is over all atoms of the species and every origin of the run. w is a window; a line of no width becomes
    one with the FWHM ``attrs["resolution_fwhm"]``. The total is Σ c_i g_i with the fractions c_i of the atoms: an atom
    weighs by its m v², which in equilibrium is the same for all.

    Parameters
    ----------
    traj
        Evenly spaced frames no more than some fs apart: energies above h/2Δt (103 meV for 20 fs) are folded back.
    species
        Elements or isotopes; all of them by default, and the total with them. An element stands for its isotopes.
    resolution
        FWHM (meV) of a Gaussian window. By default 0.5 meV, or what a fifth of the run gives where that is coarser: the
        low-energy laws are read above 1 meV, and D from g(0) is refused where this resolution hides it.
    source
        ``"velocities"``; ``"positions"``, whose differences over a frame are velocities times sin(x)/x, x = EΔt/2ħ,
        which g is divided by the square of; ``"auto"``, velocities where there are some.
    drift
        Whose velocity is taken off, as for :func:`vanhove.dynamics.msd`; ``"framework"`` is all but ``species``.
    max_lag
        Longest lag (ps). Without ``resolution`` the window is then von Hann's, whose FWHM is h/``max_lag``: 4.14 µeV
        for 1 ns.
    below
        Energy (meV) of ``weight_below``.

    Returns
    -------
    Dataset
        ``g(species, energy)`` (1/meV) from 0 to the Nyquist energy, where the trapezoid rule gives ∫g = 1; ``vacf``
        (Å²/ps²) without any window, from positions that of the mean velocities between frames; ``centre`` (meV), the
        mean energy; ``weight_below``; ``mean_square_velocity`` and ``kinetic_temperature`` in the chosen frame of
        reference; ``D_zero`` = πħ⟨v²⟩g(0)/6 (cm²/s) with ``D_zero_upper`` (one-sided 95 %): ``verdict`` is
        ``"settled"``, or says why g(0) is not the limit that D wants, and D is NaN then. ``concentration`` and ``mass``
        are what later weights need. A species that stands still has no g; the total is of the others.

        Every ``_error`` is one standard error from up to 16 parts of the run, each left out in turn (``g_without``) and
        Student's t; NaN where the longest lag is more than half the run.

    Notes
    -----
    Values below zero are noise: nothing is cut off. Compare them with ``g_error``. An unwindowed VACF over all origins
    has no error that grows with its length, but g(0) of a run that is shorter than the slowest hop is that of the cage.
    Transforms are of single precision, sums of double: a VACF is right to 1e-6 of ⟨v²⟩, far below its own noise.
    """
    labels = _labels(traj, species)
    chosen = "velocities" if source == "auto" and traj.has_velocities else "positions" if source == "auto" else source
    if chosen not in ("velocities", "positions"):
        raise Refusal(f"source={source!r}", "", 'Pass "auto", "velocities" or "positions"')
    if not (np.isfinite(below) and below > 0):
        raise Refusal(f"below={below!r}", "", "Give an energy in meV")
    atoms = traj if species is None else traj.select(labels)
    spacing = atoms.spacing
    frames = atoms.n_frames - (chosen == "positions")
    lags, window, reason = choose_lags(frames, spacing, resolution, max_lag)
    which = np.array([labels.index(name) for name in atoms.species.tolist()])
    found = velocity_correlation(atoms, which, lags, chosen, drift)
    whole = species is None
    share = np.bincount(which) / traj.n_atoms
    mass = np.bincount(which, weights=atoms.masses) / np.bincount(which)
    parts = found.without if lags <= HALF * frames else found.without[:0]
    vacf = np.concatenate([found.mean[None], parts])
    energy = energy_grid(lags, spacing)[lags - 1 :]
    g, v2 = _densities(vacf, energy, spacing, window.values, from_positions=chosen == "positions")
    if not (v2[0] > 0).any():
        raise Refusal("Nothing moves", f"all {chosen} stay as they are", "Give a trajectory of atoms that move")
    kelvin = mass * v2 * U_A2_PER_PS2_IN_MEV / (3 * K_B)
    at_zero = zero_energy(vacf[0], vacf[1:], spacing, window, labels)
    D = {"D_zero": at_zero.value, "D_zero_error": at_zero.error, "D_zero_upper": at_zero.upper}
    verdict = at_zero.verdict
    if whole:
        g, vacf, v2, kelvin = (_with_total(values, share, v2) for values in (g, vacf, v2, kelvin))
        D = {name: np.append(values, np.nan) for name, values in D.items()}
        verdict = [*verdict, "Species diffuse each with its own D."]
        share, mass = np.append(share, 1.0), np.append(mass, share @ mass)
    rows = [*labels, TOTAL] if whole else labels
    if not _warn_of_folding(g[0], energy, rows, spacing, chosen):
        _warn_of_time(float(np.mean(kelvin[0][v2[0] > 0])), traj.temperature, chosen)
    centre, weight = np.asarray(np.trapezoid(g * energy, energy)), _weight_below(g, energy, below)
    known = {} if traj.temperature is None else {"temperature": float(traj.temperature)}
    enough = len(parts) >= FEWEST_PARTS
    row, by_energy = ("species",), ("species", "energy")
    kind = "velocities" if chosen == "velocities" else "mean velocities between frames"
    return dataset(
        "spectra.vdos",
        {
            **_both("g", by_energy, g, "1/meV", "vibrational density of states"),
            "g_without": Column(
                ("part", *by_energy), g[1:], "1/meV", "density of states with one part of the run left out"
            ),
            **_both("vacf", ("species", "lag"), vacf, "Å²/ps²", f"autocorrelation of the {kind}"),
            **_both("centre", row, centre, "meV", "mean energy of the density of states"),
            **_both("weight_below", row, weight, "1", f"share of the density of states below {below:g} meV"),
            **_both("mean_square_velocity", row, v2, "Å²/ps²", "mean square velocity"),
            **_both("kinetic_temperature", row, kelvin, "K", "temperature of the mean kinetic energy"),
            "D_zero": Column(row, D["D_zero"], "cm²/s", "diffusion coefficient from g(0)"),
            "D_zero_error": Column(row, D["D_zero_error"], "cm²/s", "standard error of D from g(0)"),
            "D_zero_upper": Column(row, D["D_zero_upper"], "cm²/s", "one-sided 95 % bound of D"),
            "verdict": Column(row, np.array(verdict), "1", "whether g(0) gives a diffusion coefficient"),
        },
        {
            "species": Column(row, np.array(rows), "1", "element or isotope"),
            "energy": Column(("energy",), energy, "meV", "energy"),
            "lag": Column(("lag",), spacing * np.arange(lags), "ps", "lag"),
            "concentration": Column(row, share, "1", "share of all atoms"),
            "mass": Column(row, mass, "u", "mean mass of an atom"),
        },
        parameters=dict(
            species=species, resolution=resolution, source=source, drift=drift, max_lag=max_lag, below=below
        ),
        history=list(traj.history),
        title=f"Vibrational density of states of {', '.join(labels)}",
        fingerprint=traj.fingerprint,
        source=chosen,
        drift=drift or "none",
        window=window.name,
        resolution_fwhm=float(window.fwhm),
        resolution_hwhm=float(window.fwhm) / 2,
        resolution_reason=reason,
        max_lag=float((lags - 1) * spacing),
        nyquist=float(PLANCK / (2 * spacing)),
        correction="classical",
        below=float(below),
        n_atoms=atoms.n_atoms,
        n_frames=atoms.n_frames,
        n_parts=len(parts),
        error=f"{len(parts)} parts of the run, each left out in turn, Student's t" if enough else
        "unknown: the longest lag is too much of the run",
        **known,
    )  # fmt: skip


def _labels(traj: Trajectory, species: str | Sequence[str] | None) -> list[str]:
    """The labels that are asked for, in their order: an element stands for all its isotopes."""
    if species is None:
        return list(traj.composition)
    asked = [species] if isinstance(species, str) else list(species)
    if not asked:
        raise Refusal("species is an empty list", "", "Name some, or leave it out for all")
    return list(dict.fromkeys(name for each in asked for name in traj.select(each).composition))


def _both(name: str, dims: tuple[str, ...], values: Floats, units: str, long_name: str) -> dict[str, Column]:
    """A value and its standard error, from ``values`` whose first is of the whole run, the others of all but a part."""
    return {
        name: Column(dims, values[0], units, long_name),
        f"{name}_error": Column(dims, standard_error(values[1:]), units, f"standard error: {long_name}"),
    }


def _densities(
    vacf: Floats, energy: Floats, spacing: float, window: Floats, *, from_positions: bool
) -> tuple[Floats, Floats]:
    """Densities of states (…, energy) and ⟨v²⟩ (…) of autocorrelation functions; NaN where nothing moves."""
    power = 2 * spectrum(vacf, spacing, Window(window, 0.0, ""))[..., vacf.shape[-1] - 1 :]
    if from_positions:
        power /= np.sinc(energy * spacing / (2 * np.pi * HBAR)) ** 2
    v2 = np.asarray(np.trapezoid(power, energy), np.float64)
    g: Floats = np.divide(power, v2[..., None], out=np.full_like(power, np.nan), where=v2[..., None] > 0)
    return g, v2


def _with_total(values: Floats, share: Floats, v2: Floats) -> Floats:
    """``values`` (…, species[, axis]) with their mean over the atoms of the species that move behind them."""
    weights = np.where(v2[0] > 0, share, 0.0)
    weights = weights / weights.sum()
    moving = np.where((weights > 0).reshape(-1, *[1] * (values.ndim - 2)), values, 0.0)
    total = np.tensordot(moving, weights, axes=(1, 0))
    return np.concatenate([values, total[:, None]], axis=1)


def _weight_below(g: Floats, energy: Floats, below: float) -> Floats:
    """∫g up to ``below``, g being straight between the energies."""
    steps = np.diff(energy) * (g[..., 1:] + g[..., :-1]) / 2
    cumulative = np.concatenate([np.zeros((*g.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)
    last = int(np.clip(np.searchsorted(energy, below) - 1, 0, len(energy) - 2))
    step = min(below, energy[-1]) - energy[last]
    slope = (g[..., last + 1] - g[..., last]) / (energy[last + 1] - energy[last])
    weight: Floats = cumulative[..., last] + step * (g[..., last] + slope * step / 2)
    return weight


def _warn_of_folding(g: Floats, energy: Floats, rows: Sequence[str], spacing: float, source: str) -> bool:
    """Say so where a density of states has not ended at the Nyquist energy: what lies beyond is folded into it."""
    top = energy >= TOP * energy[-1]
    level = g[:, top].mean(axis=-1) * energy[-1]
    loud = [name for name, height in zip(rows, level, strict=True) if height > LOUD and name != TOTAL]
    if loud:
        warn(
            f"The density of states of {', '.join(loud)} has not ended at {energy[-1]:.4g} meV, the Nyquist energy of "
            f"frames {spacing:g} ps apart",
            f"what the {source} do at higher energies is folded back and can't be told from what is there",
            "Write frames more often: every 5 to 10 fs is usual",
        )
    return bool(loud)


def _warn_of_time(kinetic: float, stated: float | None, source: str) -> None:
    """Say so where the kinetic energy is far from the temperature: the unit of time or the spacing is wrong."""
    if stated is not None and not stated / FAR < kinetic < stated * FAR:
        warn(
            f"The {source} have the kinetic energy of {kinetic:.3g} K, and the trajectory states {stated:g} K",
            "a wrong time between frames or unit of velocities would do that, and all energies would be wrong",
            "Check spacing=, timestep= or units= of the opened file",
        )


def draw(result: Dataset, ax: Axes) -> None:
    """g(E) of every species with its error band, the total in black; the axis ends where the bands do."""
    energy = result.energy.values
    for index, name in enumerate(result.species.values.tolist()):
        g, error = (result[key].sel(species=name).values for key in ("g", "g_error"))
        if not np.isfinite(g).any():
            continue
        total = name == TOTAL
        colour = "#000000" if total else colour_of(element_of(name), index)
        band = np.nan_to_num(error)
        ax.fill_between(energy, g - band, g + band, color=colour, alpha=0.2, lw=0)
        ax.plot(energy, g, color=colour, lw=1.2 if total else 1.6, ls="--" if total else "-", label=name)
    ax.set_xlim(0, top_of_axis(energy, result.g.values))
    ax.set_ylim(bottom=min(0.0, float(np.nanmin(result.g.values))))
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label("g", "1/meV"))
    ax.legend(loc="best", title=f"FWHM {result.attrs['resolution_fwhm']:.2g} meV")
