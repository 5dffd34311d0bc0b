"""Lattice dynamics: phonons of crystals and glasses, what they make the ions do, and normal modes along a run."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "phonons": Entry(
        "_phonons", "normal modes and partial densities of states by finite displacements", id="D1", takes="structure"
    ),
    "compare_dos": Entry(
        "_compare_dos", "densities of states of the lattice over those of MD", id="D1", takes="dataset",
        sources=("phonons",), files=("vdos",),
    ),
    "displacements": Entry(
        "_displacements", "mean-square displacement by energy, from phonons or from a density of states", id="D2",
        takes="dataset", sources=("vdos", "phonons"),
    ),
    "compare_displacements": Entry(
        "_compare_displacements", "mean-square displacement by energy of the lattice over that of MD", id="D2",
        takes="dataset", sources=("phonons",), files=("vdos",),
    ),
    "modes": Entry(
        "_modes", "what moves in each normal mode: polyanions as bodies, their strain, the ions", id="D3",
        takes="dataset", sources=("phonons",),
    ),
    "instantaneous_modes": Entry(
        "_instantaneous_modes", "share of imaginary normal modes along a trajectory", id="D4"
    ),
}  # fmt: skip

# Functions that are no observables; the results of the first draw themselves.
OTHERS = {
    "dispersion": "dispersion", "draw_mode": "mode_figure", "write_mode": "mode_files",
    "polyhedron_labels": "polyhedra",
}  # fmt: skip

__getattr__, __dir__ = serve(__name__, {**TABLE, **OTHERS})
