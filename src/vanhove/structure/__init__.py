"""Structure: where the atoms are."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "rdf": Entry("_rdf", "partial g(r) and running coordination n(r) of all pairs", id="A1"),
    "voronoi": Entry("_voronoi", "Voronoi volume of every atom and by species", id="A7"),
    "steinhardt": Entry("_steinhardt", "bond-orientational order parameters q_l of atoms", id="A8"),
    "amorphization": Entry("_amorphization", "amorphization profile along an axis: glass or crystal", id="A9"),
    "profiles": Entry("_profiles", "concentration and mass density along an axis", id="A10"),
    "phases": Entry("_phases", "glass, crystal and interface, atom by atom", id="A11"),
}

__getattr__, __dir__ = serve(__name__, TABLE)
