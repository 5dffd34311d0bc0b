"""Structure: where the atoms are."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "rdf": Entry("_rdf", "partial g(r) and running coordination n(r) of all pairs", id="A1"),
}

__getattr__, __dir__ = serve(__name__, TABLE)
