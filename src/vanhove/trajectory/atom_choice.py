"""Which atoms a person means: a species, a mask, numbers, or those whose value exceeds a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest

from .atom_values import values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import DataArray, Dataset

    from .core import Trajectory

    Index = NDArray[np.intp]
    Which = str | NDArray[Any] | Sequence[int] | DataArray
    Threshold = tuple[Dataset | DataArray | NDArray[Any], float]


def atoms_of(species: NDArray[np.str_], wanted: str) -> Index:
    """The atoms of a species; an element means all its isotopes."""
    elements = np.array([element_of(name) for name in species.tolist()])
    found = np.flatnonzero((species == wanted) | (elements == wanted))
    if len(found) == 0:
        raise Refusal(f"There is no '{wanted}' in this trajectory", "", nearest(wanted, sorted(set(species.tolist()))))
    return found


def chosen(traj: Trajectory, which: Any, what: str) -> Index:
    """The atoms that ``which`` (:data:`Which`) means; numbers in the order given."""
    if isinstance(which, str):
        return atoms_of(traj.species, which)
    if hasattr(which, "dims"):
        if which.dtype != bool:
            raise Refusal(f"{what} is a result of numbers", "", f"Give the threshold with it: {what}=(result, 4.0)")
        values = values_of(which, traj, None, what)
        return np.flatnonzero(values.values[-1] == values.labels.index("yes") if "yes" in values.labels else [])
    array = np.asarray(which)
    atoms = traj.n_atoms
    if array.dtype == bool:
        if array.shape != (atoms,):
            raise Refusal(f"{what} has the shape {array.shape} for {atoms} atoms", "", "Give one true or false an atom")
        return np.flatnonzero(array)
    if array.size == 0:
        return np.empty(0, np.intp)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise Refusal(
            f"{what} is neither a species, nor a mask, nor the numbers of atoms", f"it has the type {array.dtype}"
        )
    if not -atoms <= array.min() <= array.max() < atoms:
        raise Refusal(f"{what} names an atom beyond the {atoms} there are")
    return np.atleast_1d(array).astype(np.intp) % atoms


def beyond(traj: Trajectory, wish: Any, time: float, what: str) -> tuple[NDArray[np.bool_], str]:
    """A mask of the atoms of a :data:`Which` or a :data:`Threshold`; what a legend says of them."""
    mask = np.zeros(traj.n_atoms, bool)
    if isinstance(wish, tuple) and len(wish) == 2 and not isinstance(wish[0], int | np.integer):
        values = values_of(wish[0], traj, None, what)
        least: Any = wish[1]
        if values.labels or not isinstance(least, int | float) or not np.isfinite(least):
            raise Refusal(f"{what}: a threshold needs numbers", "", f"Give {what}=(result, 4.0)")
        mask[values.at(time)[0] > float(least)] = True  # NaN is not beyond anything
        unit = "" if values.units in ("", "1") else f" {values.units}"
        name = values.name.removesuffix(f" ({values.units})") or "value"
        return mask, f"{name} > {float(least):g}{unit}"
    mask[chosen(traj, wish, what)] = True
    return mask, f"{wish} enlarged" if isinstance(wish, str) else ""
