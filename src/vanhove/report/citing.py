"""What to cite for what was done: the program, the engine, the potential and the papers of the methods."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vanhove.base.errors import Refusal
from vanhove.base.version import __version__

if TYPE_CHECKING:
    from vanhove.study.results import Results


@dataclass(frozen=True)
class Reference:
    """One line of the list."""

    why: str
    text: str
    doi: str = ""


OURS = Reference(
    "this program", f"The vanhove developers, vanhove: ion conductors from atoms to spectra, version {__version__}"
)
LAMMPS = Reference(
    "molecular dynamics",
    "A. P. Thompson et al., LAMMPS – a flexible simulation tool for particle-based materials modeling at the atomic, "
    "meso, and continuum scales, Comput. Phys. Commun. 271, 108171 (2022)",
    "10.1016/j.cpc.2021.108171",
)
METHODS = {
    "msd": Reference(
        "mean squared displacement of all time origins by fast Fourier transform",
        "V. Calandrini, E. Pellegrini, P. Calligari, K. Hinsen, G. R. Kneller, nMoldyn – interfacing spectroscopic "
        "experiments, molecular dynamics simulations and models for time correlation functions, "
        "Collection SFN 12, 201–232 (2011)",
        "10.1051/sfn/201112010",
    ),
    "diffusion": Reference(
        "diffusion coefficient by generalised least squares with the covariance of the displacements",
        "A. R. McCluskey, S. W. Coles, B. J. Morgan, Accurate estimation of diffusion coefficients and their "
        "uncertainties from computer simulation, J. Chem. Theory Comput. 21, 79–87 (2025)",
        "10.1021/acs.jctc.4c01249",
    ),
    "rdf": Reference(
        "pair distributions, as the start of the Van Hove function",
        "L. Van Hove, Correlations in space and time and Born approximation scattering in systems of interacting "
        "particles, Phys. Rev. 95, 249–262 (1954)",
        "10.1103/PhysRev.95.249",
    ),
}


def references(results: Results) -> list[Reference]:
    """The papers behind these results, each once."""
    found = [OURS]
    if any(run.kind == "simulated" for run in results.runs):
        found.append(LAMMPS)
    found += _potential(results)
    found += [paper for name, paper in METHODS.items() if results.find(observable=name)]
    return list(dict.fromkeys(found))


def _potential(results: Results) -> Iterator[Reference]:
    from vanhove.simulate import potential

    name = results.settings.get("material", {}).get("potential")
    if isinstance(name, str):
        with suppress(Refusal):  # one that was renamed since
            text, _, doi = str(potential(name).source).partition(", doi ")
            yield Reference(f"potential {name}", text, doi)
