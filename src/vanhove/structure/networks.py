"""Formers, anions and the bonds between them as a graph: units, bridges and shared edges, over a block of frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal

from .neighbours import PAIR_BYTES, ball, neighbours_in_frames
from .pairs import members

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

# Units without a formula, as their number of formers: too large, or running through the cell in 1, 2, 3 directions.
LARGER, ENDLESS = -1, -2
NODE_BYTES = 400  # of an atom in the graph
USUAL = 6  # bonds of a former that memory is kept for, or so many times an ideal gas's
CROWDED = 3


class Members(NamedTuple):
    """The atoms of the graph: formers first, then anions; ``former_kind`` counts in ``formers``, and so on."""

    formers: list[str]
    anions: list[str]
    atoms: Ints  # numbers in the trajectory
    former_kind: Ints
    anion_kind: Ints

    @classmethod
    def of(cls, traj: Trajectory, formers: list[str], anions: list[str]) -> Members:
        """The atoms that the names mean; refused where one atom has two names."""
        species, kind = np.unique(traj.species, return_inverse=True)
        found = [np.flatnonzero(np.isin(kind, members(name, species.tolist()))) for name in (*formers, *anions)]
        kinds = np.repeat(np.arange(len(found)), [len(atoms) for atoms in found])
        atoms = np.concatenate(found)
        if len(np.unique(atoms)) < len(atoms):
            raise Refusal(
                "An atom is asked for twice", f"formers {', '.join(formers)}; anions {', '.join(anions)}",
                "Name each species once",
            )  # fmt: skip
        is_former = kinds < len(formers)
        return cls(formers, anions, atoms, kinds[is_former], kinds[~is_former] - len(formers))

    def bytes_per_frame(self, traj: Trajectory, cutoffs: Mapping[str, float]) -> int:
        """What the graph of one frame takes."""
        gas = len(self.atoms) * ball(max(cutoffs.values())) / float(traj.volumes.min())
        bonds = len(self.former_kind) * max(USUAL, CROWDED * gas)
        return int(2 * 24 * traj.n_atoms + NODE_BYTES * len(self.atoms) + 2 * PAIR_BYTES * bonds)


class Bonds(NamedTuple):
    """Each from an atom of the graph to another one's image so many cells away."""

    first: Ints
    second: Ints
    shift: Ints  # (bond, axis)


class Links(NamedTuple):
    """Pairs of formers that share anions, and how many anions each pair shares."""

    first: Ints
    second: Ints
    shared: Ints


class Network(NamedTuple):
    """What the bonds make of the atoms in some frames; the atoms of one frame follow on those of the frame before."""

    coordination: Ints  # (former) anions bonded to it
    bridging: Ints  # (former) how many of these are bonded to another former too
    homopolar: Ints  # (former) formers bonded to it
    formers_of: Ints  # (anion) formers bonded to it
    links: Links
    unit: Ints  # (former) the unit it belongs to
    composition: Ints  # (unit, species) formers and anions, in the order of their names
    extent: Ints  # (unit) directions it runs through the cell in


def network(positions: Floats, cells: Floats, atoms: Members, cutoffs: Mapping[str, float]) -> Network:
    """The graph of all frames in ``positions`` (frame, atom, axis), with bonds up to the ``cutoffs`` of their pairs."""
    from vanhove.kernels.graphs import connected

    frames, F, A = len(positions), len(atoms.former_kind), len(atoms.anion_kind)
    bonds = _join([
        _bonds(positions, cells, atoms, a, len(atoms.formers) + b, cutoffs[f"{former}-{anion}"])
        for a, former in enumerate(atoms.formers) for b, anion in enumerate(atoms.anions)
    ])  # fmt: skip
    homopolar = _join([
        _bonds(positions, cells, atoms, a, b, cutoffs["-".join((atoms.formers[min(a, b)], atoms.formers[max(a, b)]))])
        for a in range(len(atoms.formers)) for b in range(len(atoms.formers))
    ])  # fmt: skip
    everything = _join([bonds, homopolar])
    group, extent = connected(frames * (F + A), *everything)
    kind = np.concatenate([np.tile(atoms.former_kind, frames), len(atoms.formers) + np.tile(atoms.anion_kind, frames)])
    species = len(atoms.formers) + len(atoms.anions)
    composition = np.bincount(group * species + kind, minlength=len(extent) * species).reshape(-1, species)
    formers_of = np.bincount(bonds.second - frames * F, minlength=frames * A)
    shared = bonds.first[formers_of[bonds.second - frames * F] > 1]
    return Network(
        coordination=np.bincount(bonds.first, minlength=frames * F),
        bridging=np.bincount(shared, minlength=frames * F),
        homopolar=np.bincount(homopolar.first, minlength=frames * F),
        formers_of=formers_of,
        links=_links(bonds),
        unit=group[: frames * F],
        composition=composition,
        extent=extent,
    )


def _bonds(positions: Floats, cells: Floats, atoms: Members, first: int, second: int, cutoff: float) -> Bonds:
    """Bonds from the atoms of one name to those of another, by their places in the graph of all frames."""
    if cutoff == 0:
        return Bonds(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3), np.int64))
    F = len(atoms.former_kind)
    kinds = np.concatenate([atoms.former_kind, len(atoms.formers) + atoms.anion_kind])
    place = np.full(positions.shape[1], -1)
    place[atoms.atoms] = np.concatenate([np.arange(F), np.arange(len(kinds) - F)])
    i, j = (atoms.atoms[kinds == kind] for kind in (first, second))
    pairs = neighbours_in_frames(positions, cells, i, j, cutoff)
    images = pairs.vector - (positions[pairs.frame, pairs.j] - positions[pairs.frame, pairs.i])
    shift = np.rint(np.einsum("px,pxc->pc", images, np.linalg.inv(cells)[pairs.frame])).astype(np.int64)
    nodes = []
    for kind, atom in ((first, pairs.i), (second, pairs.j)):
        is_former = kind < len(atoms.formers)
        begin, each = (0, F) if is_former else (len(positions) * F, len(kinds) - F)
        nodes.append(begin + pairs.frame * each + place[atom])
    return Bonds(nodes[0], nodes[1], shift)


def _join(parts: list[Bonds]) -> Bonds:
    first, second, shift = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Bonds(first, second, shift)


def _links(bonds: Bonds) -> Links:
    """Formers that share anions: every two bonds of an anion link two formers, or a former and its own image."""
    order = np.argsort(bonds.second, kind="stable")
    former, anion, shift = bonds.first[order], bonds.second[order], bonds.shift[order]
    place = np.arange(len(anion))
    later = np.searchsorted(anion, anion, side="right") - place - 1  # bonds of the same anion that follow
    a = np.repeat(place, later)
    b = a + 1 + np.arange(len(a)) - np.repeat(np.cumsum(later) - later, later)
    p, q, between = former[a], former[b], shift[a] - shift[b]
    # the same two formers from either end are one link
    backwards = (p > q) | ((p == q) & _is_negative(between))
    p, q = np.where(backwards, q, p), np.where(backwards, p, q)
    between = np.where(backwards[:, None], -between, between)
    rows = np.column_stack([p, q, between])
    rows = rows[np.lexsort(rows.T[::-1])]
    new = np.ones(len(rows), bool)
    new[1:] = (np.diff(rows, axis=0) != 0).any(axis=1)
    begins = np.flatnonzero(new)
    return Links(rows[begins, 0], rows[begins, 1], np.diff(begins, append=len(rows)))


def _is_negative(vectors: Ints) -> Bools:
    """Whether the first component that isn't zero is negative."""
    x, y, z = vectors.T
    negative: Bools = (x < 0) | ((x == 0) & ((y < 0) | ((y == 0) & (z < 0))))
    return negative


def rows_of(found: Network, formers: int, largest: int) -> tuple[Ints, Ints]:
    """The different units there are, and which of them each unit is: (row, species), (unit).

    A row is the unit's composition; of a unit with more than ``largest`` formers or without an end it is a mark.
    """
    sizes = found.composition[:, :formers].sum(axis=1)
    rows = found.composition.copy()
    mark = np.where(found.extent > 0, ENDLESS + 1 - found.extent, np.where(sizes > largest, LARGER, 0))
    rows[mark < 0] = 0
    rows[mark < 0, 0] = mark[mark < 0]
    different, which = np.unique(rows, axis=0, return_inverse=True)
    return different, which.reshape(-1)


ENDLESS_NAMES = {LARGER: "larger", ENDLESS: "chain", ENDLESS - 1: "layer", ENDLESS - 2: "network"}


def label_of(row: tuple[int, ...], names: list[str]) -> str:
    """The formula of a composition, or what a mark means."""
    if row[0] < 0:
        return ENDLESS_NAMES[row[0]]
    return "".join(name + (str(n) if n > 1 else "") for name, n in zip(names, row, strict=True) if n)


def place_of(row: tuple[int, ...], formers: int) -> tuple[int, ...]:
    """Sorts units by their number of formers, then of anions; those without a formula come last."""
    if row[0] < 0:
        return (1, -row[0])
    return (0, sum(row[:formers]), sum(row), *(-n for n in row))
