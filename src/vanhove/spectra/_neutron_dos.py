"""The density of states as neutrons weigh it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.elements import element_of, mass_of
from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset, history_of
from vanhove.base.scattering import NEUTRON_SOURCE, neutron

from .dos_figure import top_of_axis
from .jackknife import standard_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

TOTAL = "total"
BARN_PER_FM2 = 0.01
MISSING = 1e-6  # share of the atoms that are not in the densities of states
KEPT = (
    "temperature",
    "resolution_fwhm",
    "window",
    "nyquist",
    "correction",
    "n_parts",
    "error",
    "fingerprint",
    "source",
)


def neutron_dos(
    vdos: Dataset,
    convention: Literal["sigma/m", "b2/m"] = "sigma/m",
    isotopes: Mapping[str, str] | None = None,
) -> Dataset:
    r"""The density of states of the neutrons' one-phonon scattering: species weighed by cross-section and mass (C2).

    .. math:: g(E) = \frac{\sum_i w_i\, g_i(E)}{\sum_i w_i}, \qquad
        w_i = c_i \frac{\sigma_i}{m_i} \quad\text{or}\quad w_i = c_i \frac{|b_i|^2}{m_i}

    with c_i the fraction of the atoms and ∫g_i = 1. σ_i is the total bound cross-section, coherent and incoherent, as
    the incoherent approximation asks for (1.40 b for ⁷Li); |b|² is σ_coh/4π, of the coherent part alone. Both are
    those of Sears.

    Parameters
    ----------
    vdos
        A result of :func:`vanhove.spectra.vdos`.
    convention
        ``"sigma/m"`` or ``"b2/m"``.
    isotopes
        Elements to be weighed as an isotope, ``{"Li": "7Li"}``: their cross-section and mass, not their motion, which
        stays as it was simulated. An element is otherwise its natural mixture.

    Returns
    -------
    Dataset
        ``g(energy)`` with ∫g = 1 and ``g_error`` (1/meV); ``weight(species)`` w_i (barn/u) and ``share`` = w_i/Σw;
        ``contribution(species, energy)``, the share of g that a species makes up; ``g_sum(energy)`` = Σ w_i g_i, not
        normalised (barn/u/meV). ``g_without`` leaves out one part of the run each, which the error is from: it knows
        that species move together. A species that stands still scatters without energy and is left out.
    """
    if vdos.attrs.get("observable") != "spectra.vdos":
        raise Refusal(
            "neutron_dos weighs a result of vdos", f"this is {vdos.attrs.get('observable', 'no result')}",
            "Compute vanhove.spectra.vdos of the trajectory first",
        )  # fmt: skip
    if convention not in ("sigma/m", "b2/m"):
        raise Refusal(f"convention={convention!r}", "", 'Pass "sigma/m" or "b2/m"')
    moving = [
        name
        for name in vdos.species.values.tolist()
        if name != TOTAL and bool(np.isfinite(vdos.g.sel(species=name)).all())
    ]
    parts = vdos.sel(species=moving)
    _check_complete(vdos)
    labels, masses = _as_isotopes(moving, parts.mass.values, isotopes or {})
    weight = parts.concentration.values * np.array([_visible(name, convention) for name in labels]) / masses
    share = weight / weight.sum()
    g = np.asarray(share @ parts.g.values, np.float64)
    without = np.tensordot(parts.g_without.values, share, axes=(1, 0))
    seen = {name: vdos.attrs[name] for name in KEPT if name in vdos.attrs}
    return dataset(
        "spectra.neutron_dos",
        {
            "g": Column(("energy",), g, "1/meV", "neutron-weighted density of states"),
            "g_error": Column(("energy",), standard_error(without), "1/meV", "standard error of the density of states"),
            "g_without": Column(("part", "energy"), without, "1/meV", "density of states with one part left out"),
            "g_sum": Column(("energy",), weight.sum() * g, "barn/u/meV", "sum of the weighted densities of states"),
            "contribution": Column(
                ("species", "energy"), share[:, None] * parts.g.values, "1/meV", "what a species makes up of it"
            ),
            "weight": Column(("species",), weight, "barn/u", f"concentration times {convention}"),
            "share": Column(("species",), share, "1", "weight over the sum of all"),
        },
        {
            "energy": Column(("energy",), vdos.energy.values, "meV", "energy"),
            "species": Column(("species",), np.array(labels), "1", "element or isotope"),
            "concentration": Column(("species",), parts.concentration.values, "1", "share of all atoms"),
            "mass": Column(("species",), masses, "u", "mass of an atom"),
        },
        parameters=dict(convention=convention, isotopes=isotopes),
        history=history_of(vdos),
        title="Neutron-weighted density of states",
        convention=convention,
        cross_sections=NEUTRON_SOURCE,
        weight_sum=float(weight.sum()),
        **seen,
    )


def _check_complete(vdos: Dataset) -> None:
    there = vdos.concentration.values[vdos.species.values != TOTAL].sum()
    if there < 1 - MISSING:
        warn(
            f"These densities of states are of {there:.0%} of the atoms",
            "the others' share in what neutrons see is left out",
            "Compute vdos without species=",
        )


def _as_isotopes(species: list[str], masses: Floats, isotopes: Mapping[str, str]) -> tuple[list[str], Floats]:
    """Labels and masses with elements renamed to isotopes."""
    for name, isotope in isotopes.items():
        if name not in species:
            raise Refusal(f"There is no '{name}' among the densities of states", "", nearest(name, species))
        if element_of(isotope) != element_of(name):
            raise Refusal(f"'{isotope}' is no isotope of {element_of(name)}")
    labels = [isotopes.get(name, name) for name in species]
    renamed = [mass_of(new) if new != old else mass for old, new, mass in zip(species, labels, masses, strict=True)]
    return labels, np.array(renamed)


def _visible(name: str, convention: str) -> float:
    """σ or |b|², barn."""
    seen = neutron(name)
    return seen.sigma_coh + seen.sigma_inc if convention == "sigma/m" else abs(seen.b) ** 2 * BARN_PER_FM2


def draw(result: Dataset, ax: Axes) -> None:
    """The weighted sum in black with its error band, and what each species makes up of it."""
    energy, g, error = result.energy.values, result.g.values, np.nan_to_num(result.g_error.values)
    for index, name in enumerate(result.species.values.tolist()):
        part = f"{name}, {float(result.share.sel(species=name)):.0%}"
        colour = colour_of(element_of(name), index)
        ax.plot(energy, result.contribution.sel(species=name).values, color=colour, label=part)
    ax.fill_between(energy, g - error, g + error, color="#000000", alpha=0.2, lw=0)
    ax.plot(energy, g, color="#000000", label="sum")
    ax.set_xlim(0, top_of_axis(energy, g))
    ax.set_ylim(bottom=min(0.0, float(g.min())))
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label(f"g weighed by {'σ' if result.attrs['convention'] == 'sigma/m' else 'b²'}/m", "1/meV"))
    ax.legend(loc="best")
