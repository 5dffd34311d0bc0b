"""The page of a finished study: its answers first, then its figures, then how they came to be."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .page import write

__all__ = ["write"]

_FILES = {"write": "page"}


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    raise AttributeError(f"{__name__} has no '{name}'")


def __dir__() -> list[str]:
    return __all__
