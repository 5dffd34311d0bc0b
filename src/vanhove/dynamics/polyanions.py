"""Polyanions: which atoms make each unit, and where these are seen from its first one along a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.structure.bonds import asked_cutoffs, bonds_within, first_bond, longest_bond, pair_functions
from vanhove.structure.pairs import members

from .images import half_width, numbers, rounded, shortest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Which = str | Sequence[Sequence[int]] | NDArray[np.integer]

PARTS = re.compile(r"([A-Z][a-z]?)(\d*)")
BROKEN = 1.5  # times the median length: a bond that is longer at any frame
HOW = 'Give a formula ("PS4"), a pair of former and anion ("P-S"), or lists of atoms, the centre first'


class Units(NamedTuple):
    """Units of one kind; ``atoms`` counts in the trajectory."""

    atoms: Ints  # (unit, member): formers first
    shifts: Ints  # (unit, member, axis): whole cells from each member to its image beside the first, at the first frame
    bonds: Ints  # (unit, bond, [former, anion]) as places among the members
    name: str
    left_out: int  # formers that make no such unit

    def vectors(self, positions: Floats, cells: Floats, small: bool) -> Floats:
        """From the first member to each, (frame, unit, member, axis); ``small`` is :meth:`are_small`'s."""
        placed = positions[:, self.atoms]
        apart = placed - placed[:, :, :1]
        return rounded(apart, cells) if small else apart + np.einsum("umi,fix->fumx", self.shifts, cells)

    def are_small(self, traj: Trajectory) -> bool:
        """Whether all members are nearer to the first one than any image can be, in every cell."""
        first = self.vectors(traj.read("positions", slice(0, 1)), traj.cells[:1], small=False)
        cells = traj.cells[:1] if traj.constant_cell else traj.cells
        return bool(1.3 * np.linalg.norm(first, axis=-1).max() < half_width(cells))


def units_of(traj: Trajectory, units: Which, cutoffs: float | Mapping[str, float] | None = None) -> Units:
    """The units that a person means, from the bonds at the first frame."""
    if not isinstance(units, str):
        return _listed(traj, units)
    positions, cell = traj.read("positions", slice(0, 1))[0], traj.cells[0]
    if "-" in units:
        former, _, anion = units.partition("-")
        count = None
    else:
        parts = PARTS.findall(units)
        if "".join(name + n for name, n in parts) != units or len(parts) != 2:
            raise Refusal(f"units='{units}' is no formula of a former and an anion", "", HOW)
        (former, formers), (anion, n) = parts
        if int(formers or 1) > 1:
            return _molecules(traj, units, (former, int(formers)), (anion, int(n or 1)), cutoffs)
        count = int(n or 1)
    centres, bond = _of(traj, former), f"{former}-{anion}"
    reach = _reach(traj, [bond], cutoffs)
    pairs = bonds_within(traj.species.tolist(), positions, cell, reach)
    found = np.bincount(pairs.i, minlength=traj.n_atoms)[centres]
    size = int(np.bincount(found).argmax()) if count is None else count
    kept = centres[found == size]
    if len(kept) == 0 or size < 2:
        raise Refusal(
            f"There is no {former} with {max(size, 2)} {anion} within {reach[bond]:.2f} Å at the first frame",
            f"their numbers of {anion} are {', '.join(map(str, np.unique(found).tolist()))}",
            "Give cutoffs=, or others",
        )  # fmt: skip
    mine = np.isin(pairs.i, kept)
    arms = pairs.j[mine].reshape(-1, size)
    order = np.argsort(arms, axis=1)
    atoms = np.column_stack([kept, np.take_along_axis(arms, order, axis=1)])
    shifts = np.zeros((*atoms.shape, 3), np.int64)
    shifts[:, 1:] = np.take_along_axis(pairs.shift[mine].reshape(-1, size, 3), order[..., None], axis=1)
    return Units(atoms, shifts, _star(*atoms.shape), f"{former}{anion}{size}", len(centres) - len(kept))


def _of(traj: Trajectory, name: str) -> Ints:
    species, kind = np.unique(traj.species, return_inverse=True)
    return np.flatnonzero(np.isin(kind, members(name, species.tolist())))


def _star(units: int, size: int) -> Ints:
    """Bonds from the first member to all others."""
    one = np.column_stack([np.zeros(size - 1, np.int64), np.arange(1, size)])
    return np.broadcast_to(one, (units, size - 1, 2))


def _reach(traj: Trajectory, pairs: list[str], cutoffs: float | Mapping[str, float] | None) -> dict[str, float]:
    """The longest bond of each pair; 0 of those that have none, which the first must have."""
    given = asked_cutoffs(cutoffs, pairs if isinstance(cutoffs, Mapping) else pairs[:1], "cutoffs", none_allowed=True)
    missing = [pair for pair in pairs if pair not in given]
    if missing:
        curves = pair_functions(traj, missing)
        given |= {pair: first_bond(curves, pair, "cutoffs", rare=pair != pairs[0]) for pair in missing}
    if not given[pairs[0]]:
        raise Refusal(
            f"There are no bonds {pairs[0]}", f"no first peak of g(r) is within {longest_bond(pairs[0]):.2f} Å",
            "Give the bond's length in Å as cutoffs",
        )  # fmt: skip
    return given


def _listed(traj: Trajectory, units: Any) -> Units:
    """Units given by their atoms, each list with the centre first."""
    try:
        atoms = np.array([[int(atom) for atom in unit] for unit in units], np.int64)
    except (TypeError, ValueError) as error:
        raise Refusal("units are neither a formula nor lists of as many atoms each", str(error), HOW) from error
    if atoms.ndim != 2 or atoms.shape[1] < 3:
        raise Refusal(f"The lists of units have the shape {atoms.shape}", "", "Give three atoms or more for each")
    if atoms.min() < 0 or atoms.max() >= traj.n_atoms:
        raise Refusal(f"A unit names an atom beyond the {traj.n_atoms} there are", "", "Atoms count from 0")
    if (np.diff(np.sort(atoms, axis=1), axis=1) == 0).any():
        raise Refusal("A unit names an atom twice", "", "Name each atom once")
    kinds = traj.species[atoms]
    if (kinds != kinds[0]).any():
        raise Refusal("The units are of different species", "", "Give units of one kind, atoms in the same order")
    positions, cell = traj.read("positions", slice(0, 1))[0], traj.cells[0]
    apart = positions[atoms] - positions[atoms[:, :1]]
    shifts = numbers(shortest(apart, cell) - apart, cell)
    name = "".join(kinds[0].tolist()) if len(kinds[0]) < 4 else f"{kinds[0][0]}{kinds[0][1]}{len(kinds[0]) - 1}"
    return Units(atoms, shifts, _star(*atoms.shape), name, 0)


def _molecules(
    traj: Trajectory, formula: str, former: tuple[str, int], anion: tuple[str, int],
    cutoffs: float | Mapping[str, float] | None,
) -> Units:  # fmt: skip
    """Units of several formers: the connected groups of bonds that have just these atoms."""
    from vanhove.kernels.graphs import placed

    positions, cell = traj.read("positions", slice(0, 1))[0], traj.cells[0]
    centres, around = _of(traj, former[0]), _of(traj, anion[0])
    bond, between = f"{former[0]}-{anion[0]}", f"{former[0]}-{former[0]}"
    reach = {pair: longest for pair, longest in _reach(traj, [bond, between], cutoffs).items() if longest}
    bonds = bonds_within(traj.species.tolist(), positions, cell, reach)
    group, extent, image = placed(traj.n_atoms, bonds.i, bonds.j, bonds.shift)
    formers = np.bincount(group[centres], minlength=len(extent))
    anions = np.bincount(group[around], minlength=len(extent))
    whole = np.bincount(group, minlength=len(extent)) == formers + anions
    kept = np.flatnonzero((formers == former[1]) & (anions == anion[1]) & (extent == 0) & whole)
    if len(kept) == 0:
        raise Refusal(f"There is no {formula} at the first frame", "", "structure.speciation names the units there are")
    order = np.lexsort((np.arange(traj.n_atoms), ~np.isin(np.arange(traj.n_atoms), centres), group))
    order = order[np.isin(group[order], kept)]
    atoms = order.reshape(len(kept), -1)
    place = np.zeros(traj.n_atoms, np.int64)
    place[atoms] = np.arange(atoms.shape[1])
    mine = np.flatnonzero(np.isin(bonds.j, atoms[:, former[1] :]))
    _, once = np.unique(bonds.j[mine], return_index=True)  # of an anion between two formers the first one's
    ends = np.zeros(traj.n_atoms, np.int64)
    ends[bonds.j[mine[once]]] = place[bonds.i[mine[once]]]
    arms = atoms[:, former[1] :]
    return Units(
        atoms, image[atoms] - image[atoms[:, :1]], np.stack([ends[arms], place[arms]], axis=-1), formula,
        len(centres) - former[1] * len(kept),
    )  # fmt: skip


def arms_of(units: Units, vectors: Floats) -> Floats:
    """Every bond of every unit as a vector from former to anion, (frame, unit, bond, axis)."""
    row = np.arange(len(units.atoms))[:, None]
    arms: Floats = vectors[:, row, units.bonds[..., 1]] - vectors[:, row, units.bonds[..., 0]]
    return arms


def check_whole(longest: Floats, usual: float, name: str) -> int:
    """How many units break up on the way, from their longest bonds; a person is told."""
    broken = int((longest > BROKEN * usual).sum())
    if broken:
        warn(
            f"{broken} of {len(longest)} units {name} break up during the run",
            f"a bond of {usual:.2f} Å gets longer than {BROKEN * usual:.2f} Å",
            "Their orientations mean little after that; choose frames, or units that stay whole",
        )  # fmt: skip
    return broken
