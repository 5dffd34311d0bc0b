"""S(Q,E) as neutrons weigh it: coherent and incoherent scattering of all species together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.figures import PALETTE
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.scattering import NEUTRON_SOURCE
from vanhove.structure.pairs import split_pair

from .collective_figures import Curves, lines, show_map
from .neutron_partials import AXES, KINDS, Asked, partials_of
from .neutron_weights import NeutronWeights, weighted, weighted_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]

FEW = 4  # Q up to which a picture has lines instead of a map
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
    width: float | None = None,
    q_vectors: Literal["all"] | int = "all",
    drift: Literal["cell"] | None = "cell",
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
    width, q_vectors
        The shells about each Q and how many vectors of them are used, as for ``coherent``.
    drift
        ``"cell"``: motion is relative to the mass-weighted centre of all atoms. None: as simulated, for a framework
        that is held fixed.

    Returns
    -------
    Dataset
        ``S(q, energy)``, ``S_inc`` and ``S_coh`` in barn/sr/meV and ``F(q, lag)`` in barn/sr (never windowed, always
        classical), each with its error: that of the coherent sum itself, and those of the species' incoherent parts,
        as independent ones. Without weights, in 1/meV and 1: ``S_inc_partial(species, q, energy)``,
        ``S_coh_partial(pair, q, energy)``, ``F_inc_partial``, ``F_coh_partial`` and their errors.
        ``weight_inc(species)`` and ``weight_coh(pair)`` (barn/sr) join them. ``attrs``: the resolution (FWHM) and the
        Nyquist energy in meV, ``scatterers``, ``verdict``.
    """
    at = np.atleast_1d(np.asarray(q, np.float64))
    if at.ndim > 1:
        raise Refusal("neutron_sqe is of a powder, and this is a table of vectors", "", "Give lengths of Q in 1/Å")
    asked = Asked(at.tolist(), max_lag, resolution, correction, temperature, width, q_vectors, drift)
    found = partials_of(traj, asked, isotopes)
    parameters = asked._asdict() | {"isotopes": isotopes}
    return _summed(found.columns, isotopes, parameters, list(traj.history), found.told, found.coherent_errors)


def reweight(result: Dataset, isotopes: Mapping[str, str] | None = None) -> Dataset:
    """A result of :func:`neutron_sqe` as other isotopes would scatter, from the partials that it keeps.

    Values are those that ``neutron_sqe`` would give. The error of the coherent part adds up the pairs' as if they were
    independent (``attrs["error"]``), which they are not: where species move together it is several times too large,
    where they avoid each other up to a half too small.

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
    weighed = {"S", "F", "S_inc", "S_coh"}
    columns = {
        str(name): Column(
            tuple(map(str, array.dims)), array.values, str(array.attrs["units"]), str(array.attrs["long_name"])
        )
        for name, array in result.variables.items()
        if str(name).removesuffix("_error") not in weighed and not str(name).startswith("weight_")
    }
    own = {"observable", "title", "parameters", "history", "version", "error", "scatterers", "scatterers_from"}
    told = {str(name): value for name, value in result.attrs.items() if name not in own}
    parameters = json.loads(result.attrs["parameters"]) | {"isotopes": isotopes}
    return _summed(columns, isotopes, parameters, history_of(result), told, None)


def _summed(
    columns: dict[str, Column],
    isotopes: Mapping[str, str] | None,
    parameters: dict[str, Any],
    history: list[dict[str, Any]],
    told: dict[str, Any],
    coherent_errors: Mapping[str, Floats] | None,
) -> Dataset:
    """The partials with their weighted sums; without errors of the coherent ones, those follow from the pairs'."""
    species = [str(name) for name in columns["species"].values]
    pairs = [split_pair(str(label)) for label in columns["pair"].values]
    weights = NeutronWeights.of(species, columns["concentration"].values, pairs, isotopes)
    variables = {name: column for name, column in columns.items() if name not in ("species", "pair", *AXES)}
    for letter, along, per_weight, what in KINDS:
        units = {"1/meV": "barn/sr/meV", "1": "barn/sr"}[per_weight]
        inc, coh, inc_error, coh_error = (
            columns[f"{letter}_{part}_partial{end}"].values for end in ("", "_error") for part in ("inc", "coh")
        )
        sums = weighted(inc, weights.incoherent), weighted(coh, weights.coherent)
        errors = [weighted_error(inc_error, weights.incoherent), weighted_error(coh_error, weights.coherent)]
        if coherent_errors is not None:
            errors[1] = coherent_errors[letter]
        parts = [("", "", sum(sums), np.hypot(*errors))]
        if letter == "S":
            parts += [("_inc", "incoherent part of ", sums[0], errors[0])]
            parts += [("_coh", "coherent part of ", sums[1], errors[1])]
        for end, said, values, error in parts:
            name, table = f"{letter}{end}", ("q", along)
            variables[name] = Column(table, values, units, f"{said}{what} as neutrons weigh it")
            variables[f"{name}_error"] = Column(table, error, units, f"standard error of {said}{what}")
    variables["weight_inc"] = Column(("species",), weights.incoherent, "barn/sr", "concentration times σ_inc/4π")
    variables["weight_coh"] = Column(("pair",), weights.coherent, "barn/sr", "Re b_i b_j*, twice for unlike pairs")
    return dataset(
        NAME,
        variables,
        {name: columns[name] for name in ("species", "pair", *AXES)},
        parameters=parameters,
        history=history,
        title="S(Q,E) of neutrons",
        scatterers=weights.told,
        scatterers_from=NEUTRON_SOURCE,
        error="coherent: the sum's own scatter" if coherent_errors is not None else "coherent: pairs as if independent",
        **told,
    )


def draw(result: Dataset, ax: Axes) -> None:
    """A map over Q and E with logarithmic colours; up to four Q as lines, with their incoherent part (dashes)."""
    q, energy = result["q"].values, result["energy"].values
    curves = Curves(q, energy, result["S"].values, result["S_error"].values, "S(Q,E)", "barn/sr/meV")
    if len(curves.known) > FEW:
        show_map(curves, ax)
        return
    lines(curves, [f"Q = {value:.3g} 1/Å" for value in q], ax)
    for k, row in enumerate(curves.known.tolist()):
        ax.plot(energy, result["S_inc"].values[row], color=PALETTE[k % len(PALETTE)], ls="--", lw=1.0)
    ax.plot([], [], color="#7F7F7F", ls="--", lw=1.0, label="incoherent part")
    ax.legend(loc="upper right")
