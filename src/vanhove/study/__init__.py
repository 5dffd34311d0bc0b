"""A study: a ``study.toml`` becomes a graph of content-keyed tasks; what is done is not done again."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .results import Results, read_results

_FILES = {"Results": "results", "read_results": "results"}

__all__ = ["Results", "read_results"]


def __getattr__(name: str) -> Any:
    if name in _FILES:
        return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    raise AttributeError(f"{__name__} has no '{name}'")


def __dir__() -> list[str]:
    return __all__
