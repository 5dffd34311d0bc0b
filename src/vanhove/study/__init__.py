"""A study: a ``study.toml`` becomes a graph of content-keyed tasks; what is done is not done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.base.rooms import serve

if TYPE_CHECKING:
    from .cluster import Cluster
    from .results import Results, read_results
    from .runner import preview, run
    from .schema import Study, read_study
    from .templates import new

_FILES = {
    "Cluster": "cluster",
    "Results": "results",
    "Bounds": "card_bounds",
    "Card": "validation",
    "Moves": "card_motion",
    "Study": "schema",
    "new": "templates",
    "preview": "runner",
    "read_results": "results",
    "read_study": "schema",
    "read_card": "validation",
    "run": "runner",
    "validate": "validation",
}

__all__ = ["Cluster", "Results", "Study", "new", "preview", "read_results", "read_study", "run"]

__getattr__, __dir__ = serve(__name__, _FILES)
