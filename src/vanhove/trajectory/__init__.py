"""What was simulated: the lazy Trajectory, its readers, the H5MD store, unwrapping and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.base.rooms import serve

if TYPE_CHECKING:
    from .core import Trajectory
    from .opening import from_arrays, from_ase, open

__all__ = ["Trajectory", "from_arrays", "from_ase", "open"]

_FILES = {"Trajectory": "core", "open": "opening", "from_arrays": "opening", "from_ase": "opening"}

__getattr__, __dir__ = serve(__name__, _FILES)
