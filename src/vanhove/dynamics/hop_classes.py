"""Kinds of hops: by the names of their sites, or by the cages that the sites are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.structure.neighbours import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .site_list import Sites
    from .visits import Visits

    Ints = NDArray[np.int64]

IN_CAGES = ["doublet", "intra-cage", "inter-cage"]


def class_of_hops(
    traj: Trajectory, sites: Sites, visits: Visits, cages: str | Sequence[int] | None, doublet: float | None
) -> tuple[list[str], Ints]:
    """The kinds of hops that there may be, and which one each hop is.

    Without ``cages`` they are pairs of names, in either direction. With them, hops between cages are
    ``"inter-cage"``; others are in a ``"doublet"``, where the sites are closer than ``doublet`` (Å) or each other's
    nearest, or ``"intra-cage"``.
    """
    before, after = visits.hops
    left, entered = visits.place[before], visits.place[after]
    if cages is None:
        words = list(dict.fromkeys(sites.names))
        word = np.array([words.index(name) for name in sites.names])
        first, second = np.minimum(word[left], word[entered]), np.maximum(word[left], word[entered])
        pairs = [(i, k) for i in range(len(words)) for k in range(i, len(words))]
        kind_of = np.zeros((len(words), len(words)), np.int64)
        for n, pair in enumerate(pairs):
            kind_of[pair] = n
        return [f"{words[i]}-{words[k]}" for i, k in pairs], kind_of[first, second]
    cage = _cage_of(traj, sites, cages)
    near = np.full(len(sites.names), -1)
    i, j, distance = sites.nearest(traj.cells[0])
    if doublet is None:
        order = np.lexsort((distance, i))
        which, begins = np.unique(i[order], return_index=True)
        near[which] = j[order][begins]
        together = (near[left] == entered) & (near[entered] == left)
    else:
        if not (np.isfinite(doublet) and doublet >= 0):
            raise Refusal(f"doublet={doublet}", "", "Give a length in Å")
        number = len(sites.names)
        close = distance < doublet
        together = np.isin(left * number + entered, i[close] * number + j[close])
    kind = np.where(cage[left] != cage[entered], 2, np.where(together, 0, 1))
    return IN_CAGES, kind.astype(np.int64)


def _cage_of(traj: Trajectory, sites: Sites, cages: str | Sequence[int]) -> Ints:
    """The centre nearest to each site in the first frame."""
    everything = traj.whole_system
    if isinstance(cages, str):
        centres = np.asarray(everything.select(cages).atom_numbers)
    else:
        numbers = np.asarray(list(cages), float)
        if len(numbers) == 0 or numbers.min() < 0 or numbers.max() >= traj.n_atoms or (numbers % 1).any():
            raise Refusal(f"cages={cages}", f"atoms count from 0 to {traj.n_atoms - 1}", "Give such numbers")
        centres = traj.atom_numbers[numbers.astype(int)]
    cell = traj.cells[0]
    middle = everything.read("positions", slice(0, 1))[0][centres]
    both = np.concatenate([sites.fractions @ cell, middle])
    number = len(sites.names)
    pairs = nearest(both, cell, np.arange(number), np.arange(number, len(both)), 1)
    return np.asarray(pairs.j - number, np.int64)
