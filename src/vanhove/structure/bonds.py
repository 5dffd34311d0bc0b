"""How far a bond reaches: as asked for, else to the first minimum of g(r); and the bonds of one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest

from ._rdf import first_peak, rdf
from .neighbours import neighbours_within
from .pairs import members, split_pair

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_FRAMES = 100  # that g(r) is averaged over: the place of its first minimum needs no more
R_MAX = 8.0  # Å; far enough to see the second shell, which ends the search for the minimum
STRETCH = 1.15  # times the sum of the covalent radii: what is farther apart in g(r)'s first peak isn't bonded
BROKEN = 1.3  # times that sum: no bond between formers reaches farther
RAREST = 0.1  # of g(r): a peak of bonds that about one former in a hundred has


class Bonds(NamedTuple):
    """From atoms ``i`` to the images of atoms ``j`` that lie ``shift`` (bond, axis) cells away."""

    i: Ints
    j: Ints
    vector: Floats  # (bond, axis) Å
    shift: Ints


def bonds_within(species: Sequence[str], positions: Floats, cell: Floats, reach: Mapping[str, float]) -> Bonds:
    """The bonds of one frame: pair after pair of ``reach`` (``"Si-O"`` → Å), from its first species to its second."""
    names, kind = np.unique(np.asarray(species), return_inverse=True)
    inverse = np.linalg.inv(cell)
    parts = []
    for pair, longest in reach.items():
        first, second = (np.isin(kind, members(name, names.tolist())) for name in split_pair(pair))
        near = neighbours_within(positions, cell, first, second, longest)
        images = near.vector - (positions[near.j] - positions[near.i])
        parts.append((near.i, near.j, near.vector, np.rint(images @ inverse).astype(np.int64)))
    return Bonds(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def asked_cutoffs(
    cutoffs: float | Mapping[str, float] | None, pairs: Sequence[str], option: str, *, none_allowed: bool = False
) -> dict[str, float]:
    """The cut-offs that were given, by the labels in ``pairs``; of a number, all of them.

    Zero, where it is allowed, says that a pair is never bonded.
    """
    if cutoffs is None:
        return {}
    each = cutoffs if isinstance(cutoffs, Mapping) else dict.fromkeys(pairs, cutoffs)
    found = {}
    for label, value in each.items():
        meant = [pair for pair in pairs if set(split_pair(pair)) == set(split_pair(label))]  # either order
        if not meant:
            raise Refusal(f"{option} names '{label}', which is no bond here", "", nearest(label, list(pairs)))
        if not (np.isfinite(value) and (value > 0 or (none_allowed and value == 0))):
            raise Refusal(f"{option} of {label} is {value}", "", "Give a positive length in Å")
        found.update(dict.fromkeys(meant, float(value)))
    return found


def pair_functions(traj: Trajectory, pairs: Sequence[str]) -> Dataset:
    """g(r) of ``pairs`` over some frames, evenly spread."""
    return rdf(traj.every(-(-traj.n_frames // MOST_FRAMES)), list(pairs), r_max=R_MAX)


def first_minimum(curves: Dataset, pair: str, option: str) -> float:
    """The first minimum of g(r), Å; refused where there is none."""
    peak = first_peak(curves, pair)
    if not np.isfinite(peak.first_minimum):
        seen = "no first peak" if np.isnan(peak.position) else f"no minimum behind its peak at {peak.position:.2f} Å"
        raise Refusal(
            f"How far the bond {pair} reaches can't be read from its g(r)", f"it has {seen} within {R_MAX:g} Å",
            f"Give it in Å as {option}",
        )  # fmt: skip
    return peak.first_minimum


def first_bond(curves: Dataset, pair: str, option: str, *, rare: bool) -> float:
    """The first minimum of g(r) behind a peak at the distance of a covalent bond, Å; 0 where there is no such peak.

    A ``rare`` bond, one between formers, may make a peak much lower than an ideal gas: g = 0.1 is about one atom in a
    hundred. In the gap behind its peak the minimum is anywhere: it reaches no farther than 1.3 times the radii.
    """
    peak = first_peak(curves, pair, RAREST if rare else 1.0)
    if not peak.position <= longest_bond(pair):
        return 0.0
    if rare:
        return float(np.fmin(peak.first_minimum, BROKEN / STRETCH * longest_bond(pair)))
    return first_minimum(curves, pair, option)


def longest_bond(pair: str) -> float:
    """The distance (Å) up to which a first peak is taken for a bond: 1.15 times the sum of the covalent radii.

    The radii are those of Cordero et al. (2008), Dalton Trans. 2832: up to 2.46 Å for P-P and 2.55 Å for Si-Si, whose
    bonds are 2.2 and 2.35 Å long, while two SiS4 tetrahedra that share an edge have 2.8 Å between their centres.
    """
    import periodictable

    total = 0.0
    for name in split_pair(pair):
        radius = getattr(getattr(periodictable, element_of(name), None), "covalent_radius", None)
        if radius is None:
            raise Refusal(f"No covalent radius of '{name}' is known", "", f"Give the length of the bond {pair} in Å")
        total += float(radius)
    return STRETCH * total
