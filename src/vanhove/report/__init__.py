"""The page of a finished study: its answers first, then its figures, then how they came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vanhove.base.rooms import serve

if TYPE_CHECKING:
    from .card_page import write_card
    from .page import write

__all__ = ["write", "write_card"]

_FILES = {"write": "page", "write_card": "card_page"}

__getattr__, __dir__ = serve(__name__, _FILES)
