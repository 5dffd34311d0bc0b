"""Structure: where the atoms are."""

from __future__ import annotations

from vanhove.base.rooms import Entry, serve

TABLE = {
    "rdf": Entry("_rdf", "partial g(r) and running coordination n(r) of all pairs", id="A1"),
    "structure_factor": Entry("_structure_factor", "partial S(Q), and the totals of neutrons and X-rays", id="A2"),
    "compare_structure_factor": Entry(
        "_compare_structure_factor",
        "a computed S(Q) or g(r) beside a measured one, and their R_χ",
        id="A3",
        takes="dataset",
        sources=("structure.structure_factor", "structure.rdf"),
        files=("measured",),
    ),
    "peaks": Entry(
        "_peaks",
        "position, height and width of the peaks of S(Q) or g(r)",
        id="A4",
        takes="dataset",
        sources=("structure.structure_factor", "structure.rdf"),
    ),
    "angles": Entry("_angles", "distribution of the bond angles i-j-k", id="A5"),
    "speciation": Entry("_speciation", "units of formers and anions, their bridges and Qⁿ", id="A6"),
    "voronoi": Entry("_voronoi", "Voronoi volume of every atom and by species", id="A7"),
    "steinhardt": Entry("_steinhardt", "bond-orientational order parameters q_l of atoms", id="A8"),
    "amorphization": Entry("_amorphization", "amorphization profile along an axis: glass or crystal", id="A9"),
    "profiles": Entry("_profiles", "concentration and mass density along an axis", id="A10"),
    "phases": Entry("_phases", "glass, crystal and interface, atom by atom", id="A11"),
}

__getattr__, __dir__ = serve(__name__, TABLE)
