"""Results with a value for each atom, brought into the order of the atoms of a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.figures import label

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from xarray import DataArray, Dataset

    from .core import Trajectory

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]
    Coloured = Dataset | DataArray | NDArray[Any] | Sequence[Any]

MOST_LABELS = 20  # that colours tell apart
HOPS = {"atom", "time", "left", "entered"}  # variables of a result of ions that go from place to place
SAMPLES = 1200  # times at which the places of an ion are kept; finer than its path
TIME_DIMS = ("frame", "time")
FIRST_LABELS = ("glass", "interface", "crystal")  # in this order where they occur


@dataclass(frozen=True)
class AtomValues:
    """One number (or label) an atom of the picture, at one or several times; NaN where there is none."""

    values: Floats  # (time, atom); codes where there are labels
    times: Floats | None  # None: the same at all times
    covered: NDArray[np.bool_]  # (atom): what the result is about
    name: str  # with its unit, for a colour bar
    units: str
    labels: tuple[str, ...] = ()

    def at(self, times: ArrayLike) -> Floats:
        """The values at (or nearest to) ``times``: (time, atom)."""
        wanted = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if self.times is None:
            return np.broadcast_to(self.values, (len(wanted), self.values.shape[1]))
        middles = 0.5 * (self.times[1:] + self.times[:-1])
        return self.values[np.searchsorted(middles, wanted)]

    def words(self, value: float) -> str:
        """What a person reads about one value."""
        if np.isnan(value):
            return ""
        if self.labels:
            return self.labels[round(value)]
        return f"{value:.3g}" + ("" if self.units in ("", "1") else f" {self.units}")


def values_of(result: Coloured, traj: Trajectory, ions: Index | None, what: str = "color") -> AtomValues:
    """One value an atom of ``traj`` from a result about all of them, about some, or about the ``ions`` of the paths."""
    if hasattr(result, "data_vars") and set(result.data_vars) >= HOPS:
        return _cages(result, traj, ions, what)
    if hasattr(result, "data_vars"):
        variable = _variable(result, what)
    elif hasattr(result, "dims"):
        variable = result
        if "atom" not in variable.dims:
            raise Refusal(f"The array given as {what} has no dimension 'atom'", f"it has {list(variable.dims)}")
    else:
        return _from_array(np.asarray(result), traj, ions, what)
    variable, times = _reduced(variable, traj)
    index, names = (_beside(variable, result, name) for name in ("index", "atom_species"))
    attributes: dict[str, Any] = getattr(result, "attrs", {})
    table = atoms_meant(
        variable.sizes["atom"], traj, f"'{variable.name}' of {what}" if variable.name else what,
        index=index, names=names, species=str(attributes.get("species", "")), ions=ions,
        fingerprint=str(attributes.get("fingerprint", attributes.get("trajectory", ""))),
    )  # fmt: skip
    array, name, units = np.asarray(variable.values), _name(variable), str(variable.attrs.get("units", "1"))
    if variable.name == "r2" and units == "Å²":  # a distance is what a person compares with distances
        array, name, units = np.sqrt(array), name.replace(_called(variable), "displacement"), "Å"
    return _made(array, table, times, traj.n_atoms, name, units)


def atoms_meant(
    n: int,
    traj: Trajectory,
    what: str,
    *,
    index: NDArray[Any] | None = None,
    names: NDArray[Any] | None = None,
    species: str = "",
    ions: Index | None = None,
    fingerprint: str = "",
) -> Index:
    """Which atom of ``traj`` each of ``n`` entries of a result is about; -1 where it is not in this view.

    An ``index`` may count in ``traj``, in the whole system, or in a selection of one species, whichever agrees with
    the species (``names``) of the entries; where two do, the ``fingerprint`` of what was analysed decides.
    """
    numbers = np.arange(n) if index is None else np.asarray(index).astype(np.intp)
    labels = _elements(names) if names is not None else None
    fits: list[tuple[Index, Callable[[], Trajectory]]] = []
    for table, kinds, view in _numberings(traj, ions, species):
        if n and (numbers.max() >= len(table) or numbers.min() < 0):
            continue
        if index is None and len(table) != n:
            continue
        if labels is not None and (labels != kinds[numbers]).any():
            continue
        meant = table[numbers]
        if (meant < 0).all() and n:
            continue
        if not any(np.array_equal(meant, other) for other, _ in fits):
            fits.append((meant, view))
    if not fits:
        counts = ", ".join(f"{number} {name}" for name, number in traj.composition.items())
        said = f"names atoms up to {numbers.max()}" if index is not None and n else f"has {n} atoms"
        raise Refusal(
            f"{what} {said}, which does not fit what is drawn",
            f"{traj.n_atoms} atoms are drawn: {counts}" + ("" if labels is None else "; their species are compared"),
            "Give the result of the same trajectory, or one value for each atom, or for each atom of one species",
        )
    if len(fits) > 1 and fingerprint:
        for meant, view in fits:
            if view().fingerprint == fingerprint:
                return meant
    if len(fits) > 1 and index is None and not np.array_equal(fits[0][0], np.arange(traj.n_atoms)) and ions is None:
        raise Refusal(
            f"{what} has {n} atoms, and more than one species has so many", "",
            "Give one value for each atom, NaN for those that have none",
        )  # fmt: skip
    return fits[0][0]


def _numberings(
    traj: Trajectory, ions: Index | None, species: str
) -> Iterator[tuple[Index, NDArray[np.str_], Callable[[], Trajectory]]]:
    """Ways to count atoms: number → atom of ``traj`` (-1: not in it), the elements counted, and the view that does."""
    mine = _elements(traj.species)
    yield np.arange(traj.n_atoms), mine, lambda: traj
    if ions is not None:
        yield ions, mine[ions], lambda: traj
    whole = traj.whole_system
    if whole.n_atoms != traj.n_atoms:
        table = np.full(whole.n_atoms, -1)
        table[traj.atom_numbers] = np.arange(traj.n_atoms)
        yield table, _elements(whole.species), lambda: whole
    wanted = {element_of(name.strip()) for name in species.split(",") if name.strip()}
    if len(wanted) > 1:
        several = np.flatnonzero(np.isin(mine, list(wanted)))
        yield several, mine[several], lambda: traj.select(sorted(wanted))
    for element in sorted(set(mine.tolist())):
        if not wanted or element in wanted:
            some = np.flatnonzero(mine == element)
            yield some, mine[some], lambda element=element: traj.select(element)  # type: ignore[misc]  # bound now


def _elements(species: NDArray[Any]) -> NDArray[np.str_]:
    names, which = np.unique(np.asarray(species).astype(str), return_inverse=True)
    return np.array([element_of(name) for name in names.tolist()])[which]


# variables of a dataset


def _variable(result: Any, what: str) -> Any:
    """The first variable of atoms alone, else the first that has atoms at all."""
    with_atoms = [variable for variable in result.data_vars.values() if "atom" in variable.dims]
    if not with_atoms:
        raise Refusal(
            f"The dataset given as {what} has no variable along 'atom'", f"it has {list(result.data_vars)}",
            "Give a result that has one value for each atom",
        )  # fmt: skip
    return next((variable for variable in with_atoms if variable.dims == ("atom",)), with_atoms[0])


def _reduced(variable: Any, traj: Trajectory) -> tuple[Any, Floats | None]:
    """The variable as (atom) or (time, atom), at the last value of other dimensions; the times."""
    other = [dim for dim in variable.dims if dim not in ("atom", *TIME_DIMS)]
    reduced = variable.isel(dict.fromkeys(other, -1))
    for dim in TIME_DIMS:
        if dim not in reduced.dims:
            continue
        count = reduced.sizes[dim]
        if "time" in reduced.coords and reduced.coords["time"].dims == (dim,):
            times = np.asarray(reduced.coords["time"].values, dtype=np.float64)
        elif count == traj.n_frames:
            times = traj.times
        else:
            raise Refusal(
                f"'{variable.name}' has {count} frames, and the trajectory {traj.n_frames}", "",
                "Give the result of these frames, one with the coordinate 'time' (ps), or the values of one frame",
            )  # fmt: skip
        return reduced.transpose(dim, "atom"), times
    return reduced, None


def _beside(variable: Any, result: Any, name: str) -> NDArray[Any] | None:
    """A column along the atoms that stands beside a variable."""
    for holder in (variable.coords, getattr(result, "variables", {})):
        if name in holder and holder[name].dims == ("atom",):
            return np.asarray(holder[name].values)
    return None


def _called(variable: Any) -> str:
    return str(variable.attrs.get("long_name", variable.name or "value"))


def _name(variable: Any) -> str:
    """What it is, with the values of the dimensions that were chosen: "r², l = 6"."""
    said = _called(variable)
    for name, value in variable.coords.items():
        if value.ndim == 0 and np.issubdtype(value.dtype, np.number):
            units = str(value.attrs.get("units", "1"))
            number = f"{float(value):.3g}" + ("" if units in ("", "1") else f" {units}")
            said += f" in {number}" if name == "lag" else f", {name} = {number}"
    return said


# places between hops


def _cages(result: Any, traj: Trajectory, ions: Index | None, what: str) -> AtomValues:
    """The place each ion is in: the one that it left before its first hop, the one that it entered after each."""
    if "hop_radius" in result.coords and len(np.unique(result["hop_radius"].values)) > 1:
        raise Refusal(f"{what} has the hops of several radii", "", "Give the result of one radius")
    numbers, times = np.asarray(result["atom"].values), np.asarray(result["time"].values, dtype=np.float64)
    meant = atoms_meant(
        len(numbers), traj, f"'atom' of {what}", index=numbers, species=str(result.attrs.get("species", "")),
        fingerprint=str(result.attrs.get("fingerprint", "")),
    )  # fmt: skip
    mine = np.flatnonzero((meant >= 0) & (np.isin(meant, ions) if ions is not None else True))
    order = mine[np.lexsort((times[mine], meant[mine]))]
    atoms = meant[order]
    left, entered = (np.asarray(result[name].values)[order] for name in ("left", "entered"))
    places, codes = np.unique(np.concatenate([left, entered]), return_inverse=True)
    if not 0 < len(places) <= MOST_LABELS:
        raise Refusal(
            f"The ions that are drawn hop among {len(places)} places", f"colours tell 1 to {MOST_LABELS} apart",
            "Name fewer ions, or some that hop: paths=[...]",
        )  # fmt: skip
    samples = np.linspace(traj.times[0], traj.times[-1], SAMPLES)
    after = np.searchsorted(samples, times[order])
    hops = np.zeros((SAMPLES + 1, traj.n_atoms), np.intp)
    np.add.at(hops, (after, atoms), 1)
    hops = hops[:-1].cumsum(axis=0)
    hopped = np.bincount(atoms, minlength=traj.n_atoms) > 0
    first = np.searchsorted(atoms, np.flatnonzero(hopped))
    done = hops[:, hopped]
    values = np.full((SAMPLES, traj.n_atoms), np.nan)
    values[:, hopped] = np.where(done == 0, codes[first], codes[len(left) + first + np.maximum(done, 1) - 1])
    kinds = traj.whole_system.species
    names = [f"{kinds[place]} {place}" if 0 <= place < len(kinds) else str(place) for place in places.tolist()]
    return AtomValues(values, samples, hopped, "cage around", "1", tuple(names))


# plain arrays


def _from_array(array: NDArray[Any], traj: Trajectory, ions: Index | None, what: str) -> AtomValues:
    if array.ndim not in (1, 2):
        raise Refusal(f"{what} has the shape {array.shape}", "", "Give (atom) or (frame, atom)")
    if array.ndim == 2 and len(array) != traj.n_frames:
        raise Refusal(
            f"{what} has the shape {array.shape}", f"the trajectory has {traj.n_frames} frames", "Give (frame, atom)"
        )
    table = atoms_meant(array.shape[-1], traj, what, ions=ions)
    return _made(array, table, None if array.ndim == 1 else traj.times, traj.n_atoms, "", "1")


def _made(array: NDArray[Any], table: Index, times: Floats | None, atoms: int, name: str, units: str) -> AtomValues:
    numbers, labels = _coded(array)
    values = np.full((1 if times is None else len(times), atoms), np.nan)
    here = table >= 0
    values[:, table[here]] = np.atleast_2d(numbers)[:, here]
    covered = np.zeros(atoms, bool)
    covered[table[here]] = True
    return AtomValues(values, times, covered, name if labels else label(name, units), units, labels)


def _coded(array: NDArray[Any]) -> tuple[Floats, tuple[str, ...]]:
    """Numbers as they are; text, yes and no, and a few whole numbers as codes of labels.

    Of labels an empty text, and -1 beside whole numbers from 0 on, mean none.
    """
    if array.dtype.kind == "f":
        return array.astype(np.float64), ()
    if array.dtype.kind in "iu":
        distinct = np.unique(array)
        if len(distinct) > MOST_LABELS:
            return array.astype(np.float64), ()
        known = distinct[1:] if distinct[0] == -1 else distinct
    elif array.dtype.kind in "bUO":
        if array.dtype.kind == "O":
            array = np.where(np.equal(array, np.array(None, dtype=object)), "", array)
        array = np.where(array, "yes", "no") if array.dtype.kind == "b" else array.astype(str)
        found = [name for name in np.unique(array).tolist() if name]
        first = [name for name in FIRST_LABELS if name in found]
        known = np.array([*first, *(name for name in found if name not in first)])
    else:
        raise Refusal(f"Values of the type {array.dtype} are neither numbers nor labels")
    if len(known) > MOST_LABELS:
        raise Refusal(f"{len(known)} different labels can't be told apart by colour", "", f"Give at most {MOST_LABELS}")
    codes = np.full(array.shape, np.nan)
    for code, one in enumerate(known):
        codes[array == one] = code
    return codes, tuple(str(one) for one in known.tolist())
