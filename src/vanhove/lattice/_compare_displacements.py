"""How far vibrations of each energy move the atoms, by the lattice and by MD."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.figures import label
from vanhove.base.results import Column, dataset, history_of

from ._displacements import LEAST, displacements, of_modes
from .beside_md import TOTAL, both, draw_levels, resolved
from .spectrum import broadened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from xarray import Dataset

SHOWN = 0.95  # of every mean-square displacement, that the axis of energies holds


def compare_displacements(
    phonons: Dataset,
    vdos: Dataset | str | os.PathLike[str],
    temperature: float | None = None,
    *,
    cut: float | None = None,
) -> Dataset:
    r"""u²(E) of every species from the harmonic lattice and from MD, on one grid, with one resolution and one cut (D2).

    .. math:: u^2_k(E) = \frac{3 \hbar^2}{2 m_k}\, \bigl(2n(E, T) + 1\bigr)\, \frac{g_k(E)}{E}

    Both are quantum and at the same temperature, so that they differ by g alone: by what the atoms at that temperature
    see of the energy beside its curvature at the minimum, and by diffusion above the cut.

    Parameters
    ----------
    phonons
        The result of ``lattice.phonons``.
    vdos
        The result of ``spectra.vdos`` of a run of the same material, or its file.
    temperature
        K; by default that of the run.
    cut
        meV: what lies below is left out of both, since it is diffusion in MD. By default twice the resolution of MD.

    Returns
    -------
    Dataset
        ``u2_lattice(species, energy)``, ``u2_md`` (Å²/meV), their integrals ``total_lattice(species)``, ``total_md``
        (Å²), and ``below_lattice``, what the modes of the lattice below the cut would add (Å²).
    """
    run, names = both(phonons, vdos)
    names = [name for name in names if name != TOTAL]  # masses differ: there is no displacement of a mean atom
    energy, g = resolved(run, names)
    finer = run.sel(species=names).drop_dims("energy").assign_coords(energy=energy)
    md = displacements(finer.assign(g=(("species", "energy"), g)), temperature, cut=cut)
    kelvin, least, resolution = (float(md.attrs[key]) for key in ("temperature", "cut", "resolution_fwhm"))
    known, _, by_mode, _, _ = of_modes(phonons, kelvin, min(least, LEAST), None)
    energies, by_mode = phonons.frequencies.values, by_mode[[known.index(name) for name in names]]
    above = by_mode * (energies > least)
    u2 = broadened(np.abs(energies), above, energy, resolution)
    by_energy, row = ("species", "energy"), ("species",)
    return dataset(
        "lattice.compare_displacements",
        {
            "u2_lattice": Column(by_energy, u2, "Å²/meV", "mean-square displacement by energy, of the lattice"),
            "u2_md": Column(by_energy, md.u2.values, "Å²/meV", "mean-square displacement by energy, of MD"),
            "total_lattice": Column(row, above.sum(axis=1), "Å²", "mean-square displacement in the lattice"),
            "total_md": Column(row, md.total.values, "Å²", "mean-square displacement in MD"),
            "below_lattice": Column(
                row, (by_mode - above).sum(axis=1), "Å²", "mean-square displacement in modes below the cut"
            ),
        },
        {
            "species": Column(row, np.array(names), "1", "element or isotope"),
            "energy": Column(("energy",), energy, "meV", "energy"),
        },
        parameters=dict(
            phonons=phonons.attrs["title"], vdos=run.attrs["title"], temperature=temperature, cut=cut,
        ),
        history=[*history_of(run), *history_of(phonons)],
        title="Mean-square displacements by energy, of the lattice and of MD",
        temperature=kelvin,
        cut=least,
        resolution_fwhm=resolution,
        imaginary_modes=float(phonons.attrs["imaginary_modes"]),
    )  # fmt: skip


def draw(result: Dataset, ax: Axes) -> None:
    """Each species on its own level: MD filled, the lattice a line over it, with both integrals."""
    said = [
        f"lattice {lattice:.3g} Å²\nMD {md:.3g} Å²"
        for lattice, md in zip(result.total_lattice.values, result.total_md.values, strict=True)
    ]
    u2 = (result.u2_md.values, result.u2_lattice.values)
    draw_levels(ax, result.energy.values, *u2, result.species.values.tolist(), said, SHOWN)
    ax.axvline(result.attrs["cut"], color="#7F7F7F", lw=0.8, ls=":")
    ax.set_xlabel(label("E", "meV"))
    ax.set_ylabel(label("u² by energy, each to its own scale", "Å²/meV"))
