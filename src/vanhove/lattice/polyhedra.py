"""Polyanions and polyhedra of one structure: which atoms make a body, and where they lie in one piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.structure.bonds import Bonds, asked_cutoffs, bonds_within, longest_bond

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Names = str | Sequence[str]


ENDLESS = "polyhedra: the polyanions have no end"


class Bodies(NamedTuple):
    """Memberships sorted by body: an atom that several bodies share belongs to each by a part of it."""

    body: Ints
    atom: Ints
    place: Floats  # (membership, axis) Å, in one piece
    part: Floats  # of the atom; the parts of one atom add up to 1

    @property
    def starts(self) -> Ints:
        """Where each body begins."""
        return np.unique(self.body, return_index=True)[1]


def bonds_of(result: Dataset, formers: Names, anions: Names, cutoffs: Mapping[str, float] | None) -> Bonds:
    """Every anion within a covalent bond's length of a former, in the structure of ``result``, sorted by the former."""
    species = result.atom_species.values
    elements = np.array([element_of(str(s)) for s in species])
    centres, around = ([n] if isinstance(n, str) else list(n) for n in (formers, anions))
    absent = [name for name in (*centres, *around) if name not in species and name not in elements]
    if absent or not centres or not around:
        there = ", ".join(dict.fromkeys(species.tolist()))
        raise Refusal(f"There is no {', '.join(absent) or 'former or anion'}", f"it holds {there}", "Name others")
    pairs = [f"{a}-{b}" for a in centres for b in around]
    given = asked_cutoffs(cutoffs or {}, pairs, "cutoffs")
    reach = {pair: given[pair] if pair in given else longest_bond(pair) for pair in pairs}
    found = bonds_within(species.tolist(), result.position.values, result.cell.values, reach)
    if len(found.i) == 0:
        told = ", ".join(f"{pair} {longest:.2f} Å" for pair, longest in reach.items())
        raise Refusal("No former is bonded to an anion", f"bonds reach: {told}", "Relax first, or give cutoffs=")
    order = np.lexsort((found.j, found.i))
    return Bonds(found.i[order], found.j[order], found.vector[order], found.shift[order])


def polyanions(result: Dataset, bonds: Bonds) -> tuple[Bodies, list[str], str]:
    """Groups that bonds connect are one body; where one has no end every former with its anions is, and it is said.

    Each has a label: its formula (``"P2S7"``), or a polyhedron's Qⁿ (``"Si Q3"``).
    """
    from vanhove.kernels.graphs import placed

    positions = result.position.values
    group, extent, image = placed(len(positions), bonds.i, bonds.j, bonds.shift)
    if (extent[group[bonds.i]] > 0).any():
        bodies = _polyhedra(positions, bonds)
        labels = _by_bridges(bonds, result.atom_species.values.tolist())
        return bodies, [labels[former] for former in bodies.atom[bodies.starts].tolist()], ENDLESS
    place = positions + image @ result.cell.values
    atoms = np.unique(np.concatenate([bonds.i, bonds.j]))
    _, body = np.unique(group[atoms], return_inverse=True)
    order = np.argsort(body, kind="stable")
    atoms = atoms[order]
    bodies = Bodies(body[order], atoms, place[atoms], np.ones(len(atoms)))
    return bodies, formulas(bodies, result.atom_species.values.tolist(), set(bonds.i.tolist())), "polyanions"


def formulas(bodies: Bodies, species: list[str], formers: Collection[int] = ()) -> list[str]:
    """The formula of every body, formers first: ``"P2S7"``."""
    found = []
    for body in range(len(bodies.starts)):
        atoms = bodies.atom[bodies.body == body].tolist()
        counts = Counter(species[atom] for atom in sorted(atoms, key=lambda atom: (atom not in formers, atom)))
        found.append("".join(f"{name}{count if count > 1 else ''}" for name, count in counts.items()))
    return found


def _polyhedra(positions: Floats, bonds: Bonds) -> Bodies:
    formers, body = np.unique(bonds.i, return_inverse=True)
    shared = np.bincount(bonds.j, minlength=len(positions))
    everybody = np.concatenate([np.arange(len(formers)), body])
    atom = np.concatenate([formers, bonds.j])
    place = np.concatenate([positions[formers], positions[bonds.i] + bonds.vector])
    part = np.concatenate([np.ones(len(formers)), 1 / shared[bonds.j]])
    order = np.argsort(everybody, kind="stable")
    return Bodies(everybody[order], atom[order], place[order], part[order])


def polyhedron_labels(
    phonons: Dataset, formers: Names, anions: Names, *, cutoffs: Mapping[str, float] | None = None
) -> list[str]:
    """A label for every atom by the Qⁿ of its polyhedron, for ``groups=`` of ``lattice.displacements``.

    A former with n bridging anions is ``"Si Q3"``; an anion that is bonded to it alone ``"O Q3"``, one between several
    formers ``"O bridging"``; every other atom is called by its species.

    Parameters
    ----------
    phonons
        The result of ``lattice.phonons``, for its structure.
    formers, anions
        ``"Si"``, ``["Si", "P"]``; ``"O"``.
    cutoffs
        Å, longest bonds by pair; by default 1.15 times the sum of the covalent radii.
    """
    return _by_bridges(bonds_of(phonons, formers, anions, cutoffs), phonons.atom_species.values.tolist())


def _by_bridges(found: Bonds, species: list[str]) -> list[str]:
    shared = np.bincount(found.j, minlength=len(species))
    bridging = np.bincount(found.i, weights=shared[found.j] > 1, minlength=len(species)).astype(int)
    labels = list(species)
    for former, anion in zip(found.i.tolist(), found.j.tolist(), strict=True):
        kind = f"Q{bridging[former]}"
        labels[former] = f"{species[former]} {kind}"
        labels[anion] = f"{species[anion]} {kind if shared[anion] == 1 else 'bridging'}"
    return labels
