"""Densities of states of lattice dynamics over those of MD."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import label
from vanhove.base.results import Column, dataset, history_of

from .beside_md import TOTAL, both, draw_levels, resolved
from .spectrum import broadened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

SHOWN = 0.99  # of every density of states, that the axis of energies holds


def compare_dos(phonons: Dataset, vdos: Dataset | str | os.PathLike[str]) -> Dataset:
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
        The result of ``spectra.vdos`` of a run of the same material, or its file.

    Returns
    -------
    Dataset
        ``g_lattice(species, energy)``, ``g_md`` (1/meV), with the total where all species are in both, and
        ``common(species)``.
    """
    run, names = both(phonons, vdos)
    energy, g_md = resolved(run, names)
    resolution = float(run.attrs["resolution_fwhm"])
    g = broadened(np.abs(phonons.frequencies.values), _weights(phonons, names), energy, resolution)
    common = np.trapezoid(np.minimum(g, np.maximum(g_md, 0)), energy, axis=1)
    by_energy = ("species", "energy")
    return dataset(
        "lattice.compare_dos",
        {
            "g_lattice": Column(by_energy, g, "1/meV", "density of states of the harmonic lattice"),
            "g_md": Column(by_energy, g_md, "1/meV", "density of states of MD"),
            "common": Column(("species",), common, "1", "what the two have in common"),
        },
        {
            "species": Column(("species",), np.array(names), "1", "element or isotope"),
            "energy": Column(("energy",), energy, "meV", "energy"),
        },
        parameters=dict(phonons=phonons.attrs["title"], vdos=run.attrs["title"]),
        history=[*history_of(run), *history_of(phonons)],
        title="Density of states of the lattice and of MD",
        resolution_fwhm=resolution,
        imaginary_modes=float(phonons.attrs["imaginary_modes"]),
        **({"temperature": float(run.attrs["temperature"])} if "temperature" in run.attrs else {}),
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
    names = result.species.values.tolist()
    said = [f"{100 * common:.0f} % common" for common in result.common.values]
    draw_levels(ax, result.energy.values, result.g_md.values, result.g_lattice.values, names, said, SHOWN)
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label("g, each to its own scale", "1/meV"))
