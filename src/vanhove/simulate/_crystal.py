"""Crystals as cells that can be simulated: partial occupancies and disorder decided by a seed, the formula kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import mass_of
from vanhove.base.errors import Refusal, warn
from vanhove.base.results import step
from vanhove.structure.neighbours import neighbours_within

from ._composition import FORMAL_CHARGES, formula_unit
from .site_table import FULL, Sites, sites_of

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WHOLE = 0.02  # atoms: a total that is this near a whole number is one, with occupancies rounded in print
EMPTY = ""
LEAST = 2.0  # Å: between atoms on sites that have empty places
SWEEPS = 200  # over all atoms that are too close to another, before giving up


def crystal(
    structure: str | os.PathLike[str] | Atoms,
    *,
    supercell: Sequence[int] = (1, 1, 1),
    occupancies: Mapping[str, Mapping[str, float]] | None = None,
    formula: str | None = None,
    min_distance: float = LEAST,
    seed: int = 1,
) -> Atoms:
    """A supercell of a crystal, every place either taken by one whole atom or empty.

    Of each site with partial occupancies so many places are taken by each element that every number is the wanted one
    up or down to the next whole number, and each element's total over all sites is exact. Which places they are is
    random: atoms that share sites with empty places are moved until none is closer than ``min_distance`` to another
    such atom, since a site that is split (48h of an argyrodite) is taken on one of its sides only.

    Parameters
    ----------
    structure
        A crystal that comes along (``"li6ps5cl"``, ``"beta-li3ps4"``, ``"li2si2o5"``), a CIF with symmetry and
        occupancies, another file that ASE reads, or atoms.
    supercell
        How many cells along each of its vectors.
    occupancies
        Other shares on named sites: ``{"4a": {"Cl": 0.5, "S": 0.5}, "4c": {"S": 0.5, "Cl": 0.5}}`` exchanges half.
    formula
        Where the shares don't add up to whole atoms: what the whole cell has to be, ``"Li6PS5Cl"``.
    min_distance
        Å, between atoms on sites that have empty places.
    seed
        The same seed gives the same atoms.

    Returns
    -------
    Atoms
        With the array ``"site"``, the name of the site that each atom is on, and its history.
    """
    sites = sites_of(structure).with_occupancies(occupancies or {})
    cells = checked_supercell(supercell)
    built = filled(sites, cells, formula, min_distance, np.random.default_rng(seed))
    done = step(
        "simulate.crystal", structure=sites.name, source=sites.source, supercell=cells, occupancies=occupancies,
        formula=formula, min_distance=min_distance, seed=seed,
    )  # fmt: skip
    built.info["history"] = json.dumps([done])
    return built


def crystal_sites(
    structure: str | os.PathLike[str] | Atoms,
    names: Sequence[str] | None = None,
    *,
    supercell: Sequence[int] = (1, 1, 1),
) -> dict[str, Floats]:
    """Where the sites of a crystal are, taken or empty: as :func:`vanhove.dynamics.sites` takes them.

    Parameters
    ----------
    structure
        As in :func:`crystal`.
    names
        Of which sites, in this order; all by default.
    supercell
        How many cells along each of its vectors: those of the trajectory.

    Returns
    -------
    dict
        Name → (place, axis) in Å, in the order in which :func:`crystal` repeats the cell.
    """
    sites = sites_of(structure)
    cells = checked_supercell(supercell)
    cell = sites.cell * np.asarray(cells, float)[:, None]
    chosen = sites.sites if names is None else [sites.find(name) for name in names]
    labels = [site.name for site in chosen] if names is None else list(names)
    return {label: _repeated(site.places, cells) @ cell for label, site in zip(labels, chosen, strict=True)}


def filled(
    sites: Sites, cells: Sequence[int], formula: str | None, min_distance: float, generator: np.random.Generator
) -> Atoms:
    """The atoms of ``cells`` cells, on places that the generator chooses where there is a choice."""
    from ase import Atoms

    copies = int(np.prod(cells))
    numbers = whole_numbers(sites, copies, formula)
    names: list[str] = []
    symbols: list[str] = []
    places: list[Floats] = []
    loose: list[bool] = []
    for site, counts in zip(sites.sites, numbers, strict=True):
        mine = _repeated(site.places, cells)
        labels = np.concatenate([np.full(count, element) for element, count in counts.items()])
        symbols += generator.permutation(labels).tolist() if len(counts) > 1 else labels.tolist()
        names += [site.name] * len(mine)
        places.append(mine)
        loose += [bool(counts.get(EMPTY)) and len(counts) > 1] * len(mine)
    cell = sites.cell * np.asarray(cells, float)[:, None]
    label, everywhere = np.array(symbols), np.concatenate(places)
    _move_apart(label, everywhere @ cell, cell, np.array(names), np.array(loose), min_distance, generator)
    taken = label != EMPTY
    kept = label[taken].tolist()
    atoms: Any = Atoms(kept, scaled_positions=everywhere[taken], cell=cell, pbc=True)
    atoms.set_masses([mass_of(symbol) for symbol in kept])
    atoms.set_array("site", np.array(names)[taken])
    built: Atoms = atoms
    return built


def whole_numbers(sites: Sites, copies: int, formula: str | None = None) -> list[dict[str, int]]:
    """How many places of each site each element takes in ``copies`` cells; ``""`` are the empty ones.

    The shares are rounded together: sums over a site and over an element are exact, and no number is further from its
    share than the next whole number. That is a transport problem with whole solutions; the one nearest to the shares
    is taken.
    """
    from scipy.optimize import linprog

    elements = sorted({element for site in sites.sites for element in site.occupancy})
    shares = np.array([[site.occupancy.get(element, 0.0) for element in elements] for site in sites.sites])
    places = np.array([len(site.places) * copies for site in sites.sites])
    wanted = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1.0) * places[:, None]  # 1.0004 is a rounded 1
    totals = _totals(dict(zip(elements, wanted.sum(axis=0).tolist(), strict=True)), sites, formula)
    wanted *= np.array([totals[e] for e in elements]) / np.where(wanted.sum(axis=0) > 0, wanted.sum(axis=0), 1.0)
    empty = places - wanted.sum(axis=1)
    if (empty < -FULL * places).any():
        full = sites.sites[int(np.argmin(empty))].name
        raise Refusal(f"{formula} does not fit: site '{full}' would hold more atoms than places", sites.name)
    table = np.column_stack([wanted, np.maximum(empty, 0.0)])
    lower = np.floor(table + 1e-6).astype(int)
    rest = table - lower
    rows, columns = table.shape
    sums = np.concatenate([places, [totals[e] for e in elements], [places.sum() - sum(totals.values())]])
    missing = sums - np.concatenate([lower.sum(axis=1), lower.sum(axis=0)])
    by_row = np.kron(np.eye(rows), np.ones(columns))
    by_column = np.kron(np.ones(rows), np.eye(columns))
    bounds = [(0, 1 if part > 1e-6 else 0) for part in rest.ravel()]
    found = linprog(-rest.ravel(), A_eq=np.vstack([by_row, by_column]), b_eq=missing, bounds=bounds, method="highs-ds")
    if not found.success:
        raise Refusal(
            f"{formula or sites.name} does not fit the sites", sites.name, "Give another supercell or formula"
        )
    counts = lower + np.round(found.x).astype(int).reshape(rows, columns)
    labels = [*elements, EMPTY]
    return [{label: int(n) for label, n in zip(labels, row, strict=True) if n} for row in counts]


def _totals(wanted: Mapping[str, float], sites: Sites, formula: str | None) -> dict[str, int]:
    """Whole atoms of each element in the cell."""
    present = {element: amount for element, amount in wanted.items() if amount > 0}
    if formula is None:
        broken = {e: amount for e, amount in present.items() if abs(amount - round(amount)) > WHOLE}
        if broken:
            told = ", ".join(f"{amount:.2f} {element}" for element, amount in broken.items())
            raise Refusal(
                f"The occupancies of {sites.name} give {told}: no whole atoms in a cell of this size",
                "",
                "Say what it is to be with formula=, or take another supercell",
            )
        totals = {element: round(present.get(element, 0.0)) for element in wanted}
        _say_charge(totals, sites.name)
        return totals
    unit = formula_unit(formula)
    if set(unit) != set(present):
        raise Refusal(f"{formula} and the crystal's {', '.join(present)} are other elements", sites.name)
    units = round(sum(present.values()) / sum(unit.values()))
    if units < 1 or any(abs(present[e] - unit[e] * units) > max(1.0, 0.1 * present[e]) for e in unit):
        has = ", ".join(f"{amount:.1f} {element}" for element, amount in present.items())
        raise Refusal(f"{formula} is another crystal than one with {has}", sites.name, "Correct the formula")
    return {element: unit.get(element, 0) * units for element in wanted}


def _say_charge(totals: Mapping[str, int], name: str) -> None:
    if all(element in FORMAL_CHARGES for element in totals):
        charge = sum(FORMAL_CHARGES[element] * count for element, count in totals.items())
        if charge:
            warn(
                f"The cell of {name} is not neutral by formal charges: {charge:+d} e",
                ", ".join(f"{count} {element}" for element, count in totals.items()),
                "Say what it is to be with formula=",
            )


def _move_apart(
    label: Any, positions: Floats, cell: Floats, names: Any, loose: Any, least: float, generator: np.random.Generator
) -> None:
    """Exchange atoms of sites with empty places until no two are closer than ``least``; changes ``label``."""
    some = np.flatnonzero(loose)
    if not len(some) or least <= 0:
        return
    near = neighbours_within(positions, cell, some, some, least * (1 - 1e-9))
    starts = np.searchsorted(near.i, np.arange(len(label) + 1))
    others = [near.j[a:b] for a, b in pairwise(starts.tolist())]  # of every place

    def crowd(place: int, without: int = -1) -> int:
        close = others[place]
        return int(((label[close] != EMPTY) & (close != without)).sum())

    for _ in range(SWEEPS):
        crowded = [place for place in some[label[some] != EMPTY].tolist() if crowd(place)]
        if not crowded:
            return
        for place in generator.permutation(crowded).tolist():
            now = crowd(place)
            if not now:
                continue
            free = some[(label[some] == EMPTY) & (names[some] == names[place])]
            chosen = generator.choice(free, size=min(len(free), 64), replace=False)
            crowds = np.array([crowd(there, without=place) for there in chosen.tolist()])
            best = int(chosen[np.argmin(crowds)])
            if crowds.min() <= now:  # a move that costs nothing lets a jam dissolve
                label[best], label[place] = label[place], EMPTY
    left = sum(crowd(place) > 0 for place in some[label[some] != EMPTY].tolist())
    raise Refusal(
        f"{left} atoms on partly empty sites are closer than {least:g} Å to another, whatever is tried",
        f"{SWEEPS} sweeps of exchanges",
        "Lower min_distance, or look at the occupancies",
    )


def _repeated(places: Floats, cells: Sequence[int]) -> Floats:
    """The places in all cells of a supercell, as fractions of it."""
    shifts = np.stack(np.meshgrid(*(np.arange(n) for n in cells), indexing="ij"), axis=-1).reshape(-1, 3)
    all_places: Floats = ((shifts[:, None] + places[None]) / np.asarray(cells, float)).reshape(-1, 3)
    return all_places


def checked_supercell(supercell: Sequence[int]) -> tuple[int, int, int]:
    """Three whole numbers, or what is wrong with them."""
    numbers = tuple(supercell)
    if len(numbers) != 3 or any(int(n) != n or n < 1 for n in numbers):
        raise Refusal(f"supercell={supercell!r}", "", "Give three whole numbers, such as (2, 2, 2)")
    a, b, c = (int(n) for n in numbers)
    return a, b, c
