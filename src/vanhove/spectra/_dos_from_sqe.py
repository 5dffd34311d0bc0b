"""Density of states from a measured or simulated spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vanhove.base.elements import mass_of
from vanhove.base.errors import Refusal, warn
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, dataset, history_of

from .dos_solution import Found, Model, mean_energy, solve
from .given_numbers import numbers_of, range_of
from .rebinning import spectrum_of
from .sqe_parts import part_of, windows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Pair = tuple[float, float]

BEYOND = 1.5  # times the cutoff is how far a figure goes
KEPT = ("fingerprint", "measured", "resolution_fwhm")  # of what the spectrum says


def dos_from_sqe(
    measured: Dataset | Sequence[Dataset],
    temperature: float | None = None,
    *,
    elastic: Pair | Sequence[Pair],
    mass: float | str | None = None,
    u2: float | None = None,
    multiphonon: bool = False,
    multiple_scattering: float = 0.0,
    q: Pair | None = None,
    side: Literal["loss", "gain", "both"] = "loss",
    windows: Sequence[Pair] | None = None,
    cutoff: float | None = None,
    below: Literal["auto", "linear", "quadratic", "nan"] = "auto",
) -> Dataset:
    r"""The density of states g(E), ∫₀^∞ g dE = 1, behind an incoherent spectrum S(Q, E) (C4).

    .. math:: S_1(Q, E) = A\, e^{-2W} \frac{\hbar^2 Q^2}{2m} \, \frac{g(E)}{E \,(1 - e^{-E/k_BT})}, \qquad
        2W = \tfrac13 Q^2 \langle u^2 \rangle

    solved for g at every energy by the mean over Q with weights 1/σ², over the Q that were reached: σ² averaged over
    neighbouring energies, since the σ of single counts follow the counts. A spectrum whose attribute ``correction``
    is ``"classical"`` has k_BT/E² in place of the thermal factor. The scale A is free. Of a sample of several elements
    g is weighted by σ/m (``neutron_dos``), of a coherent scatterer it is an approximation that needs many Q.

    With ``multiphonon`` what several phonons scatter at once (incoherent approximation, all orders) is computed from g,
    taken off, and g found anew until nothing changes. No power of E is forced on g: below the elastic line it is
    carried on by the law of its next points, and said to be.

    Parameters
    ----------
    measured
        S(q, energy); or several, of different incident energies, by rising energy.
    temperature
        K; by default what the spectrum says.
    elastic
        Energies (low, high), meV, that the elastic line covers and that are left out; one pair, or one a spectrum.
    mass
        u, or an element or isotope: for ⟨u²⟩ from g(E) itself.
    u2
        ⟨u²⟩ (Å², trace) for the Debye–Waller factor, instead of that of g(E); 0 for none.
    multiphonon
        Take the scattering of several phonons off.
    multiple_scattering
        Ratio of multiple to multiphonon scattering, the same at all Q and E, that is taken off with it.
    q
        From where to where (1/Å) to average.
    side
        Energy ``"loss"`` (E > 0), ``"gain"``, or ``"both"``; detailed balance relates them.
    windows
        From where to where (|E|, meV) each of several spectra counts. Where neighbours overlap their areas fix the
        relative scale.
    cutoff
        meV: scattering above is no longer by one phonon. Norm, ⟨u²⟩ and multiphonon scattering end there.
    below
        Law of g below the elastic cut: ``"linear"``, ``"quadratic"``, the better of both, or ``"nan"`` for none.

    Returns
    -------
    Dataset
        ``g(energy)`` (1/meV) and ``g_error``, of counting alone; ``extrapolated(energy)``, 1 where g is the law of
        ``below``; ``n_spectra(energy)``; ``more(energy)``, the share of multiphonon and multiple scattering; ``u2``
        (Å²) and ``mean_energy`` (meV). ``attrs`` say what was assumed: ``debye_waller``, ``multiphonon``,
        ``multiple_scattering``, ``extrapolation``; ``attrs["scale"]`` is A where the mass is known.
    """
    from xarray import Dataset

    given: list[Dataset] = [measured] if isinstance(measured, Dataset) else list(measured)
    spectra = [spectrum_of(one, f"spectrum {i + 1}") for i, one in enumerate(given)]
    if not spectra:
        raise Refusal("No spectrum is given", "", "Give one, or several by rising energy")
    model = _model(given, temperature, mass, u2, multiphonon, multiple_scattering, cutoff, below)
    if side not in ("loss", "gain", "both"):
        raise Refusal(f"side={side!r}", "", 'Pass "loss", "gain" or "both"')
    cuts = _cuts(elastic, len(given))
    spans = windows_of(windows, len(given))
    reach = range_of(q, "q", "1/Å")
    parts = [part_of(one, side, cut, span, reach) for one, cut, span in zip(spectra, cuts, spans, strict=True)]
    found = solve(parts, spans, model)
    if not found.settled:
        warn(f"g(E) still changes after {found.rounds} rounds", "", "Give cutoff= where the one-phonon scattering ends")
    energy, g, error, extrapolated = _with_low_end(parts[0].energy, found)
    along = ("energy",)
    mean, mean_error = mean_energy(found, model.cutoff)
    known = {key: given[0].attrs[key] for key in KEPT if key in given[0].attrs}
    unmeasured = (len(energy) - len(found.energy), 0)
    return dataset(
        "spectra.dos_from_sqe",
        {
            "g": Column(along, g, "1/meV", "density of states"),
            "g_error": Column(along, error, "1/meV", "its standard error, of the counting alone"),
            "extrapolated": Column(along, extrapolated, "1", "1 where nothing was measured and a law is carried on"),
            "n_spectra": Column(along, np.pad(found.rows, unmeasured), "1", "spectra that were averaged"),
            "more": Column(
                along, np.pad(found.more, unmeasured, constant_values=np.nan), "1",
                "share of the scattering that is not by one phonon",
            ),
            "u2": Column((), found.u2, "Å²", "⟨u²⟩ of the Debye–Waller factor, trace"),
            "mean_energy": Column((), mean, "meV", "mean energy of the density of states"),
            "mean_energy_error": Column((), mean_error, "meV", "its standard error"),
        },
        {"energy": Column(along, energy, "meV", "energy")},
        parameters=dict(
            temperature=model.temperature, elastic=cuts, mass=mass, u2=u2, multiphonon=multiphonon,
            multiple_scattering=multiple_scattering, q=q, side=side, windows=windows, cutoff=cutoff, below=below,
        ),
        history=history_of(given[0]),
        title=f"Density of states from {given[0].attrs.get('title', 'a spectrum')}",
        temperature=model.temperature,
        correction="classical" if model.classical else "detailed-balance",
        **_says(model, found, multiple_scattering),
        **known,
    )  # fmt: skip


def _model(
    given: list[Dataset], temperature: float | None, mass: float | str | None, u2: float | None, multiphonon: bool,
    multiple: float, cutoff: float | None, below: str,
) -> Model:  # fmt: skip
    kelvin = given[0].attrs.get("temperature") if temperature is None else temperature
    if kelvin is None or not float(kelvin) > 0:
        raise Refusal("The temperature is not known", "the spectrum does not say", "Give temperature= in K")
    if mass is None and u2 is None:
        raise Refusal(
            "A Debye–Waller factor needs the scatterer's mass or ⟨u²⟩", "",
            'Give mass= ("V", or in u), or u2= (Å², trace)',
        )  # fmt: skip
    heavy = None if mass is None else _mass(mass)
    for name, value, fine in (
        ("mass", heavy, heavy is None or heavy > 0), ("u2", u2, u2 is None or u2 >= 0),
        ("multiple_scattering", multiple, multiple >= 0), ("cutoff", cutoff, cutoff is None or cutoff > 0),
    ):  # fmt: skip
        if not fine:
            raise Refusal(f"{name}={value!r}", "", "Give a positive number")
    if multiple > 0 and not multiphonon:
        raise Refusal(
            "multiple_scattering without multiphonon", "it is a ratio to the multiphonon scattering",
            "Give multiphonon=True, too",
        )  # fmt: skip
    if multiphonon and u2 == 0:
        raise Refusal("u2=0 with multiphonon", "with ⟨u²⟩ = 0 nothing scatters twice", "Give mass= instead of u2=")
    kinds = {str(one.attrs.get("correction", "")) == "classical" for one in given}
    if len(kinds) > 1:
        raise Refusal("Classical spectra are mixed with others", "", "Join spectra of one kind")
    return Model(
        float(kelvin), kinds == {True}, heavy, u2, 1 + multiple if multiphonon else 0.0,
        np.inf if cutoff is None else float(cutoff), below,
    )  # fmt: skip


def _mass(given: float | str) -> float:
    try:
        return float(given)  # "23" is how the command line hands it on
    except ValueError:
        return mass_of(str(given))


def _cuts(elastic: Pair | Sequence[Pair], number: int) -> list[Pair]:
    pairs = numbers_of(elastic, "elastic", "Give (low, high) in meV about 0, or one such pair a spectrum")
    pairs = np.tile(pairs, (number, 1)) if pairs.shape == (2,) else pairs
    about = pairs.shape == (number, 2) and np.isfinite(pairs).all()
    if not about or (pairs[:, 0] > 0).any() or (pairs[:, 1] < 0).any():
        raise Refusal(f"elastic={elastic!r}", "", "Give (low, high) in meV about 0, or one such pair a spectrum")
    return [(float(low), float(high)) for low, high in pairs]


def _with_low_end(grid: Floats, found: Found) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """The energies of the first spectrum below the cut before those that were measured."""
    lower = grid[grid < found.energy[0]]
    g, error = (np.full(len(lower), np.nan),) * 2 if found.low is None else found.low.at(lower)
    flag = np.concatenate([np.ones(len(lower), np.int64), np.zeros(len(found.energy), np.int64)])
    whole = [np.concatenate(both) for both in ((lower, found.energy), (g, found.g), (error, found.error))]
    return whole[0], whole[1], whole[2], flag


def _says(model: Model, found: Found, multiple: float) -> dict[str, Any]:
    own = (
        f"from its own g(E) and a mass of {model.mass:.5g} u; what is slower than the elastic cut counts as g ∝ E²"
        if model.u2 is None
        else "as given"
    )
    off = f"taken off, in the incoherent approximation, in {found.rounds} rounds"
    twice = f"taken off, {multiple:g} times the multiphonon scattering"
    told: dict[str, Any] = {
        "debye_waller": f"⟨u²⟩ = {found.u2:.5g} Å² (trace), {own}",
        "multiphonon": off if model.factor else "not taken off: all scattering counts as by one phonon",
        "multiple_scattering": twice if multiple else "not taken off",
        "extrapolation": "none: g is NaN below the elastic cut and not counted",
        "joined_scales": ", ".join(f"{join:.5g}" for join in found.joins),
    }
    if found.low is not None:
        told["extrapolation"] = found.low.says
    if np.isfinite(found.scale):
        told["scale"] = found.scale
    if np.isfinite(model.cutoff):
        told["cutoff"] = model.cutoff
    return told


def draw(result: Dataset, ax: Axes) -> None:
    """g(E) with its error band; dashes where nothing was measured and a law is carried on."""
    energy, g, error = (result[name].values for name in ("energy", "g", "g_error"))
    law = result["extrapolated"].values == 1
    cutoff = float(result.attrs.get("cutoff", np.inf))
    shown = ~law & np.isfinite(g) & (energy <= cutoff)
    ax.axhline(0, color="#BBBBBB", lw=0.7, zorder=1)
    spread = np.nan_to_num(error)
    ax.fill_between(energy[shown], (g - spread)[shown], (g + spread)[shown], color=PALETTE[0], alpha=0.3, lw=0)
    ax.plot(energy[shown], g[shown], color=PALETTE[0])
    for part, style, told in (
        (law & np.isfinite(g), "--", "carried on below the elastic cut"),
        (energy > cutoff, ":", "beyond the cutoff: not counted"),
    ):
        if part.any():
            ax.plot(energy[part], g[part], style, color="#7F7F7F", lw=1.2, label=told)
            ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, columnspacing=1.0)
    ax.set_xlim(0, min(float(energy[-1]), BEYOND * cutoff))
    ax.set_xlabel(axis_label("energy", "meV"))
    ax.set_ylabel(axis_label("g(E)", "1/meV"))
