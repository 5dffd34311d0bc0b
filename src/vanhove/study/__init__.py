"""A study: a ``study.toml`` becomes a graph of content-keyed tasks; what is done is not done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.base.rooms import serve

if TYPE_CHECKING:
    from .card_bounds import Bounds
    from .card_motion import Moves
    from .cluster import Cluster
    from .results import Results, read_results
    from .runner import preview, run
    from .schema import Study, read_study
    from .templates import new
    from .validation import Card, read_card, validate

_FILES = {
    "Bounds": "card_bounds",
    "Card": "validation",
    "Cluster": "cluster",
    "Moves": "card_motion",
    "Results": "results",
    "Study": "schema",
    "new": "templates",
    "preview": "runner",
    "read_card": "validation",
    "read_results": "results",
    "read_study": "schema",
    "run": "runner",
    "validate": "validation",
}

__all__ = [
    "Bounds",
    "Card",
    "Cluster",
    "Moves",
    "Results",
    "Study",
    "new",
    "preview",
    "read_card",
    "read_results",
    "read_study",
    "run",
    "validate",
]

__getattr__, __dir__ = serve(__name__, _FILES)
