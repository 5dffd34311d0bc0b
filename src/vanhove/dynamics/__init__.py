"""Dynamics: how the atoms move."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "msd": Entry("_msd", "mean squared displacement with its local exponent and statistics", id="B1"),
    "non_gaussian": Entry("_non_gaussian", "non-Gaussian parameter of displacements with its peak", id="B2"),
    "displacements": Entry("_displacements", "squared displacement of every ion after chosen times", id="B1"),
    "van_hove": Entry("_van_hove", "self part of the Van Hove function, how far ions have gone", id="B3"),
    "van_hove_distinct": Entry(
        "_van_hove_distinct", "distinct part of the Van Hove function, who is where an ion was", id="B3"
    ),
    "gaussian_departure": Entry(
        "_gaussian_departure", "where displacements leave the Gaussian", id="B4", takes="dataset"
    ),
    "diffusion": Entry(
        "_diffusion", "diffusion coefficient from the MSD, with error and verdict", id="B5", takes="dataset"
    ),
    "green_kubo": Entry(
        "_green_kubo", "diffusion coefficient from the velocity autocorrelation, with its running integral", id="B5"
    ),
    "arrhenius": Entry(
        "_arrhenius", "activation energy and extrapolation with intervals", id="B6", version=2, takes="values"
    ),
    "extrapolate_size": Entry(
        "_extrapolate_size", "value in an endless box, from boxes of several sizes", id="B6", takes="values"
    ),
    "conductivity": Entry(
        "_conductivity", "ionic conductivity by species and total: Nernst-Einstein, Einstein or Green-Kubo", id="B7"
    ),
    "jumps": Entry("_jumps", "jumps of ions without sites: lengths, waiting times, rate, recrossings out", id="B8"),
    "sites": Entry(
        "_sites",
        "occupancy of sites, rates from site to site, residence times, kinds of hops",
        id="B9",
        files=("sites",),
    ),
    "cages": Entry("_cages", "residence of ions in cages around moving atoms, and their jumps between them", id="B9"),
    "density": Entry("_density", "density of ions in the cell, free energy and percolation", id="B10"),
    "fast_slow": Entry("_fast_slow", "fast and slow ions: who is around them, at the start", id="B11"),
    "phase_fraction": Entry("_phase_fraction", "share of the ions in glass, crystal and interface with time", id="B12"),
    "rotation": Entry("_rotation", "polyanions as rigid units: memory of direction, libration, turns", id="B13"),
    "coupling": Entry(
        "_coupling", "do polyanions turn, shift or roll when an ion jumps past them", id="B14", version=2
    ),
    "bottleneck": Entry("_bottleneck", "area of the windows that ions pass through, always and at jumps", id="B15"),
    "d2min": Entry("_d2min", "non-affine motion of ions against their neighbours, summed up along the run", id="B16"),
}

__getattr__, __dir__ = serve(__name__, {**TABLE, "write_density": "grid_files"})
