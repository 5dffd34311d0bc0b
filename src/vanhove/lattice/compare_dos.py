"""Densities of states of lattice dynamics over those of MD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label
from vanhove.base.results import Column, dataset, history_of

from .spectrum import STEPS_IN_WIDTH, broadened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

TOTAL = "total"
SHOWN = 0.99  # of every density of states, that the axis of energies holds


def compare_dos(phonons: Dataset, vdos: Dataset) -> Dataset:
    r"""g(E) of the harmonic lattice and of MD, on one grid and with one resolution.

    The modes of the lattice are broadened to the resolution (FWHM) of the density of states of MD. What both have in
    common is

    .. math:: \int_0^\infty \min(g_\mathrm{lattice}, g_\mathrm{MD})\, dE,

    1 for equal ones. MD has diffusion, and what temperature does to the vibrations; the lattice has neither.

    Parameters
    ----------
    phonons
        The result of ``lattice.phonons``.
    vdos
        The result of ``spectra.vdos`` of a run of the same material.

    Returns
    -------
    Dataset
        ``g_lattice(species, energy)``, ``g_md`` (1/meV), with the total where all species are in both, and
        ``common(species)``.
    """
    for given, name in ((phonons, "lattice.phonons"), (vdos, "spectra.vdos")):
        if given.attrs.get("observable") != name:
            raise Refusal(f"A result of {given.attrs.get('observable', 'something else')}", "", f"Give that of {name}")
    theirs = vdos.species.values.tolist()
    names = [name for name in phonons.species.values.tolist() if name in theirs]
    if not names:
        raise Refusal("The two have no species in common", f"{theirs} in MD", "Give runs of one material")
    if set(phonons.species.values.tolist()) != set(theirs):
        names = [name for name in names if name != TOTAL]  # a total over other atoms is another
    md = vdos.sel(species=names)
    energy, g_md = md.energy.values, md.g.values
    resolution = float(vdos.attrs["resolution_fwhm"])
    step = float(energy[1] - energy[0])
    if step > resolution / 2:
        fine = np.linspace(0, energy[-1], STEPS_IN_WIDTH * (len(energy) - 1) + 1)
        g_md = np.array([np.interp(fine, energy, row) for row in g_md])
        energy = fine
    weights = _weights(phonons, names)
    g = broadened(np.abs(phonons.frequencies.values), weights, energy, resolution)
    common = np.trapezoid(np.minimum(g, np.maximum(g_md, 0)), energy, axis=1)
    both = ("species", "energy")
    return dataset(
        "lattice.compare_dos",
        {
            "g_lattice": Column(both, g, "1/meV", "density of states of the harmonic lattice"),
            "g_md": Column(both, g_md, "1/meV", "density of states of MD"),
            "common": Column(("species",), common, "1", "what the two have in common"),
        },
        {
            "species": Column(("species",), np.array(names), "1", "element or isotope"),
            "energy": Column(("energy",), energy, "meV", "energy"),
        },
        parameters=dict(phonons=phonons.attrs["title"], vdos=vdos.attrs["title"]),
        history=[*history_of(vdos), *history_of(phonons)],
        title="Density of states of the lattice and of MD",
        resolution_fwhm=resolution,
        imaginary_modes=float(phonons.attrs["imaginary_modes"]),
        **({"temperature": float(vdos.attrs["temperature"])} if "temperature" in vdos.attrs else {}),
    )


def _weights(phonons: Dataset, names: list[str]) -> Any:
    """What each real mode adds to the g of each species."""
    species = phonons.atom_species.values
    real = (phonons.frequencies.values > 0) * phonons.weight.values
    share = phonons["share"].values
    rows = [share[:, (species == name) | (name == TOTAL)].sum(axis=1) * real for name in names]
    return np.array([row / row.sum() for row in rows])


def draw(result: Dataset, ax: Axes) -> None:
    """Each species on its own level: MD filled, the lattice a line over it."""
    energy, names = result.energy.values, result.species.values.tolist()
    level = 1.08 * float(max(np.nanmax(result.g_md), np.nanmax(result.g_lattice)))
    last = 0
    for index, name in enumerate(reversed(names)):
        base = index * level
        colour = "#000000" if name == TOTAL else colour_of(element_of(name), index)
        md, lattice = (result[key].sel(species=name).values for key in ("g_md", "g_lattice"))
        ax.fill_between(energy, base, base + md, color=colour, alpha=0.25, lw=0)
        ax.plot(energy, base + lattice, color=colour, lw=1.4)
        ax.text(
            0.99, base + 0.6 * level, f"{name}\n{100 * float(result.common.sel(species=name)):.0f} % common",
            transform=ax.get_yaxis_transform(), ha="right", va="center", color=colour,
        )  # fmt: skip
        for g in (md, lattice):
            held = np.cumsum(np.clip(np.nan_to_num(g), 0, None))
            last = max(last, int((held >= SHOWN * held[-1]).argmax()))
    ax.plot([], [], color="#555555", label="lattice")
    ax.fill_between([], [], color="#555555", alpha=0.25, lw=0, label="MD")
    ax.set_xlim(0, energy[min(int(1.25 * last) + 1, len(energy) - 1)])
    ax.set_ylim(0, len(names) * level)
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label("g, species shifted", "1/meV"))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
