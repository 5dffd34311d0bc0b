"""What was simulated: the lazy Trajectory, its readers, the H5MD store, unwrapping and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.base.rooms import serve

if TYPE_CHECKING:
    from .arrays import from_arrays, from_ase, from_mdanalysis
    from .core import Trajectory
    from .opening import open

__all__ = ["Trajectory", "from_arrays", "from_ase", "from_mdanalysis", "open"]

_FILES = {
    "Trajectory": "core", "open": "opening", "from_arrays": "arrays", "from_ase": "arrays", "from_mdanalysis": "arrays",
}  # fmt: skip

__getattr__, __dir__ = serve(__name__, _FILES)
