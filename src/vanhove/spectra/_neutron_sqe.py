"""S(Q,E) as neutrons weigh it: coherent and incoherent scattering of all species together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.scattering import NEUTRON_SOURCE

from ._coherent import coherent
from ._incoherent import incoherent
from .neutron_weights import NeutronWeights, weighted, weighted_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

FEW = 4  # Q up to which a picture has lines instead of a map
KEPT = 0.995  # of the intensity, that a picture's energies hold
DEEPEST = 1e-4  # of the highest point, that a picture goes down to
NAME = "spectra.neutron_sqe"


def neutron_sqe(
    traj: Trajectory,
    q: Sequence[float],
    *,
    max_lag: float | None = None,
    resolution: float | None = None,
    correction: Literal["detailed-balance", "classical"] = "detailed-balance",
    isotopes: Mapping[str, str] | None = None,
    temperature: float | None = None,
) -> Dataset:
    r"""Dynamic structure factor of all atoms as neutrons weigh it (C5), per atom.

    .. math::

        S(Q, E) = \sum_i c_i \frac{\sigma_i^{inc}}{4\pi}\, S_i^{inc}(Q, E)
            + \sum_{ij} \mathrm{Re}(b_i b_j^*)\, S_{ij}^{coh}(Q, E), \qquad c_i = N_i/N

    the second sum over all ordered pairs, i ≠ j twice: the double differential cross-section without k_f/k_i, in
    barn/sr/meV. b are the bound coherent scattering lengths and σ_inc the incoherent cross-sections of Sears's table;
    in a natural mixture of isotopes these contain the spread of the isotopes' lengths. The partial spectra are kept
    without weights: :func:`reweight` puts other isotopes in without computing anything again.

    Parameters
    ----------
    traj
        Evenly spaced frames; every species in it scatters.
    q
        1/Å: S is that of a powder, the incoherent part at these Q, the coherent part the mean over the vectors of the
        cell about each.
    max_lag
        ps. Longest lag, half of the run unless asked for.
    resolution
        meV, FWHM of a Gaussian that S is folded with. By default von Hann's window, whose line is h/``max_lag`` wide:
        4.14 µeV for 1 ns. (A "resolution" of 3.2 µeV for 1 ns, as sometimes printed, is another bookkeeping.) F is kept
        without any window, so that ``instrument`` can put another resolution in its place.
    correction
        ``"detailed-balance"``: S = S_cl βE/(1 - exp(-βE)), whose first moment is that of a recoil; ``"classical"``.
    isotopes
        ``{"Li": "7Li"}``: what stands for an element. It changes weights only, not masses and velocities.
    temperature
        K, for detailed balance; the trajectory's own unless given.

    Returns
    -------
    Dataset
        ``S(q, energy)``, ``S_inc`` and ``S_coh`` in barn/sr/meV and ``F(q, lag)`` in barn/sr (never windowed, always
        classical), each with its error: those of the partials, taken as independent. Without weights, in 1/meV and 1:
        ``S_inc_partial(species, q, energy)``, ``S_coh_partial(pair, q, energy)``, ``F_inc_partial``, ``F_coh_partial``
        and their errors. ``weight_inc(species)`` and ``weight_coh(pair)`` (barn/sr) join them. ``attrs``: the
        resolution (FWHM) and the Nyquist energy in meV, ``scatterers``, ``verdict``.
    """
    at = np.atleast_1d(np.asarray(q, np.float64))
    if at.ndim > 1:
        raise Refusal("neutron_sqe is of a powder, and this is a table of vectors", "", "Give lengths of Q in 1/Å")
    numbers = traj.composition
    single = [
        incoherent(
            traj,
            name,
            at.tolist(),
            max_lag=max_lag,
            resolution=resolution,
            correction=correction,
            temperature=temperature,
        )
        for name in numbers
    ]
    _check_spectrum(single[0])
    pairs = coherent(
        traj, at.tolist(), max_lag=float(single[0]["lag"][-1]), resolution=resolution, correction=correction,
        temperature=temperature,
    )  # fmt: skip
    partials = {"species": Column(("species",), list(numbers), "1", "species")}
    partials["pair"] = Column(("pair",), [str(name) for name in pairs["pair"].values], "1", "pair of species")
    partials["concentration"] = Column(
        ("species",), np.array(list(numbers.values()), float) / traj.n_atoms, "1", "share of all atoms"
    )
    for letter, along, units, what in (("S", "energy", "1/meV", "S(Q,E)"), ("F", "lag", "1", "F(Q,t)")):
        for end, said in (("", what), ("_error", f"standard error of {what}")):
            key = f"{letter}{end}"
            partials[f"{letter}_inc_partial{end}"] = Column(
                ("species", "q", along), np.stack([one[key].transpose("q", along).values for one in single]), units,
                f"incoherent {said}, without weight",
            )  # fmt: skip
            partials[f"{letter}_coh_partial{end}"] = Column(
                ("pair", "q", along), pairs[key].transpose("pair", "q", along).values, units,
                f"coherent {said}, without weight",
            )  # fmt: skip
    for axis, (units, what) in AXES.items():
        partials[axis] = Column((axis,), single[0][axis].values, units, what)
    told = {name: single[0].attrs[name] for name in TOLD if name in single[0].attrs}
    verdicts = {f"incoherent, {name}": one.attrs.get("verdict") for name, one in zip(numbers, single, strict=True)}
    verdicts["coherent"] = pairs.attrs.get("verdict")
    return _summed(
        partials,
        isotopes,
        dict(
            q=q, max_lag=max_lag, resolution=resolution, correction=correction, isotopes=isotopes,
            temperature=temperature,
        ),
        list(traj.history),
        {**told, "fingerprint": traj.fingerprint, "verdict": _verdict(verdicts)},
    )  # fmt: skip


AXES = {
    "q": ("1/Å", "wavevector transfer"),
    "energy": ("meV", "energy that the neutron loses"),
    "lag": ("ps", "lag"),
}
TOLD = ("temperature", "resolution_fwhm", "window", "correction", "nyquist", "max_lag")


def reweight(result: Dataset, isotopes: Mapping[str, str] | None = None) -> Dataset:
    """A result of :func:`neutron_sqe` as other isotopes would scatter, from the partials that it keeps.

    Parameters
    ----------
    result
        From ``neutron_sqe``.
    isotopes
        ``{"Li": "6Li"}``, for species as the trajectory calls them; None takes these as they are called. What the
        result was weighted with before is forgotten.
    """
    if result.attrs.get("observable") != NAME:
        raise Refusal("reweight needs the result of neutron_sqe", "", "Pass what neutron_sqe returned")
    names = [name for name in result.variables if "partial" in str(name)]
    partials = {
        str(name): Column(
            tuple(map(str, array.dims)), array.values, str(array.attrs["units"]), str(array.attrs["long_name"])
        )
        for name, array in result.variables.items()
        if name in names or name in ("species", "pair", "concentration", *AXES)
    }
    told = {name: result.attrs[name] for name in (*TOLD, "fingerprint", "verdict") if name in result.attrs}
    parameters = json.loads(result.attrs["parameters"]) | {"isotopes": isotopes}
    return _summed(partials, isotopes, parameters, history_of(result), told)


def _summed(
    partials: dict[str, Column],
    isotopes: Mapping[str, str] | None,
    parameters: dict[str, Any],
    history: list[dict[str, Any]],
    told: dict[str, Any],
) -> Dataset:
    """The partials with their weighted sums."""
    species, labels = list(partials["species"].values), list(partials["pair"].values)
    pairs = [_members(label, species) for label in labels]
    weights = NeutronWeights.of(species, partials["concentration"].values, pairs, isotopes)
    variables = {name: column for name, column in partials.items() if name not in ("species", "pair", *AXES)}
    for letter, along, units, what in (("S", "energy", "barn/sr/meV", "S(Q,E)"), ("F", "lag", "barn/sr", "F(Q,t)")):
        table = ("q", along)
        inc, coh = (partials[f"{letter}_{part}_partial"].values for part in ("inc", "coh"))
        inc_error, coh_error = (partials[f"{letter}_{part}_partial_error"].values for part in ("inc", "coh"))
        sums = weighted(inc, weights.incoherent), weighted(coh, weights.coherent)
        error = weighted_error([inc_error, coh_error], [weights.incoherent, weights.coherent])
        variables[letter] = Column(table, sums[0] + sums[1], units, f"{what} as neutrons weigh it")
        variables[f"{letter}_error"] = Column(table, error, units, f"standard error of {what}")
        if letter == "S":
            own = (
                ("inc", "incoherent", sums[0], weighted_error([inc_error], [weights.incoherent])),
                ("coh", "coherent", sums[1], weighted_error([coh_error], [weights.coherent])),
            )
            for part, said, values, spread in own:
                variables[f"S_{part}"] = Column(table, values, units, f"{said} part of {what}")
                variables[f"S_{part}_error"] = Column(table, spread, units, f"standard error of the {said} part")
    variables["weight_inc"] = Column(("species",), weights.incoherent, "barn/sr", "concentration times σ_inc/4π")
    variables["weight_coh"] = Column(("pair",), weights.coherent, "barn/sr", "Re b_i b_j*, twice for unlike pairs")
    return dataset(
        NAME,
        variables,
        {name: partials[name] for name in ("species", "pair", *AXES)},
        parameters=parameters,
        history=history,
        title="S(Q,E) of neutrons",
        scatterers=weights.told,
        scatterers_from=NEUTRON_SOURCE,
        **told,
    )


def _members(label: str, species: list[str]) -> tuple[str, str]:
    first, _, second = label.partition("-")
    assert first in species, label
    assert second in species, label
    return first, second


def _check_spectrum(single: Dataset) -> None:
    if "S" not in single:
        raise Refusal("There is no spectrum", str(single.attrs["verdict"]), "Take evenly spaced frames: traj.uniform()")


def _verdict(verdicts: Mapping[str, str | None]) -> str:
    """What the parts say, the same only once."""
    said: dict[str, list[str]] = {}
    for part, verdict in verdicts.items():
        if verdict:
            said.setdefault(verdict, []).append(part)
    return "; ".join(f"{' and '.join(parts)}: {verdict}" for verdict, parts in said.items())


def draw(result: Dataset, ax: Axes) -> None:
    """A map over Q and E with logarithmic colours; up to four Q as lines, with their incoherent part (dashes)."""
    S = result["S"].values
    visible = np.flatnonzero(np.isfinite(S).any(axis=1))
    energy = result["energy"].values
    reach = _reach(energy, S[visible])
    if len(visible) > FEW:
        _map(result, visible, ax)
    else:
        _lines(result, visible, ax)
    ax.set_xlim(-reach, reach)
    ax.set_xlabel(axis_label("energy transfer", "meV"))


def _reach(energy: Floats, S: Floats) -> float:
    """Energies to either side that hold nearly all of the intensity."""
    mass = np.abs(S).sum(axis=0)
    order = np.argsort(np.abs(energy), kind="stable")
    within = np.cumsum(mass[order]) / mass.sum()
    return max(float(np.abs(energy[order][int(np.searchsorted(within, KEPT))])), 10 * float(energy[1] - energy[0]))


def _lines(result: Dataset, rows: NDArray[np.intp], ax: Axes) -> None:
    energy, q = result["energy"].values, result["q"].values
    highest = float(np.nanmax(result["S"].values[rows]))
    for k, row in enumerate(rows.tolist()):
        colour = PALETTE[k % len(PALETTE)]
        S, error = result["S"].values[row], result["S_error"].values[row]
        ax.plot(energy, S, color=colour, label=f"Q = {q[row]:.3g} 1/Å")
        ax.fill_between(energy, S - error, S + error, color=colour, alpha=0.25, lw=0)
        ax.plot(energy, result["S_inc"].values[row], color=colour, ls="--", lw=1.0)
    ax.plot([], [], color="#7F7F7F", ls="--", lw=1.0, label="incoherent part")
    ax.set_yscale("log")
    ax.set_ylim(DEEPEST * highest, 2 * highest)
    ax.set_ylabel(axis_label("S(Q,E)", "barn/sr/meV"))
    ax.legend(loc="upper right")


def _map(result: Dataset, rows: NDArray[np.intp], ax: Axes) -> None:
    from matplotlib.colors import LogNorm

    energy, q, S = result["energy"].values, result["q"].values[rows], result["S"].values[rows]
    order = np.argsort(q)
    highest = float(np.nanmax(S))
    lowest = max(DEEPEST * highest, float(np.nanmin(np.where(S > 0, S, np.nan))))
    norm = LogNorm(lowest, max(highest, 1.01 * lowest))
    # what is below the lowest colour, or noise below zero, has the lowest colour; only what is unknown is blank
    image = ax.pcolormesh(
        _edges(energy), _edges(q[order]), np.ma.masked_invalid(np.maximum(S[order], lowest)), norm=norm,
        cmap="magma_r", rasterized=True,
    )  # fmt: skip
    ax.set_ylabel(axis_label("Q", "1/Å"))
    ax.grid(visible=False)
    figure: Any = ax.figure
    figure.colorbar(image, ax=ax, label=axis_label("S(Q,E)", "barn/sr/meV"), extend="min")


def _edges(centres: Floats) -> Floats:
    """Edges of cells about uneven centres."""
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
