"""vanhove: ion conductors from atoms to spectra.

>>> import vanhove as vh
>>> traj = vh.open("run.lammpstrj", species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001)  # doctest: +SKIP
>>> vh.draw(vh.dynamics.msd(traj, "Na"))  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base.errors import Refusal, VanhoveWarning
from .base.version import __version__

if TYPE_CHECKING:
    from . import dynamics, lattice, simulate, softness, spectra, structure
    from .base.results import load, save
    from .registry import draw
    from .trajectory import Trajectory, from_arrays, from_ase, from_mdanalysis, open
    from .trajectory.picture import draw_structure
    from .trajectory.structure_page import structure_page

_ROOMS = (
    "structure", "dynamics", "spectra", "lattice", "simulate", "softness", "study", "report", "trajectory", "fitting",
)  # fmt: skip
_NAMES = {
    "Trajectory": "trajectory",
    "open": "trajectory",
    "from_arrays": "trajectory",
    "from_ase": "trajectory",
    "from_mdanalysis": "trajectory",
    "draw": "registry",
    "draw_structure": "trajectory.picture",
    "structure_page": "trajectory.structure_page",
    "save": "base.results",
    "load": "base.results",
}

__all__ = [
    "Refusal", "Trajectory", "VanhoveWarning", "__version__", "draw", "draw_structure", "dynamics", "from_arrays",
    "from_ase", "from_mdanalysis", "lattice", "load", "open", "save", "simulate", "softness", "spectra",
    "structure", "structure_page",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"vanhove.{name}")
    if name in _NAMES:
        return getattr(import_module(f"vanhove.{_NAMES[name]}"), name)
    raise AttributeError(f"vanhove has no '{name}'")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
