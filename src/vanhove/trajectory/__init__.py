"""What was simulated: the lazy Trajectory, its readers, the H5MD store, unwrapping and blocks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core import Trajectory
    from .opening import from_arrays, from_ase, open

__all__ = ["Trajectory", "from_arrays", "from_ase", "open"]

_FILES = {"Trajectory": "core", "open": "opening", "from_arrays": "opening", "from_ase": "opening"}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    raise AttributeError(f"{__name__} has no '{name}'")


def __dir__() -> list[str]:
    return __all__
