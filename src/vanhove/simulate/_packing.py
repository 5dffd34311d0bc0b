"""Random packing: atoms at random places in a periodic cube, none closer to another than a minimum distance."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import mass_of
from vanhove.base.errors import Refusal
from vanhove.base.results import step
from vanhove.base.units import DENSITY_G_CM3

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SATURATION = 0.384  # share of the volume that spheres added one after the other at random can fill (Torquato 2006)
FRUITLESS_ROUNDS = 60  # rounds that place nothing before giving up


def packing(
    composition: Mapping[str, int] | str,
    density: float,
    *,
    n_atoms: int | None = None,
    min_distance: float = 1.5,
    seed: int,
) -> Atoms:
    """Atoms at random in a periodic cube of the given density, no two closer than ``min_distance``.

    Random sequential addition: places are drawn uniformly and one that is too close to an earlier atom is dropped;
    the elements are then dealt out at random. The cube's side is L = (Σ m / ρ)^(1/3).

    Parameters
    ----------
    composition
        Atoms of each element, ``{"Na": 160, "Si": 80, "S": 240}``, or a formula together with ``n_atoms``.
    density
        g/cm³.
    n_atoms
        Number of atoms of a formula; see :func:`vanhove.simulate.composition`.
    min_distance
        Å, periodic images counted.
    seed
        The same seed gives the same atoms.
    """
    from ase import Atoms

    counts = _counts(composition, n_atoms)
    if not (math.isfinite(density) and density > 0):
        raise Refusal(f"A density of {density} g/cm³", "", "Give a positive number")
    masses = {element: mass_of(element) for element in counts}
    total = sum(counts.values())
    side = (sum(counts[e] * masses[e] for e in counts) * DENSITY_G_CM3 / density) ** (1 / 3)
    _check_room(total, side, min_distance)
    generator = np.random.default_rng(seed)
    places = random_places(total, side, min_distance, generator)
    symbols = [element for element, count in counts.items() for _ in range(count)]
    atoms: Any = Atoms(symbols, positions=places[generator.permutation(total)], cell=[side] * 3, pbc=True)
    atoms.set_masses([masses[symbol] for symbol in symbols])
    done = step("simulate.packing", composition=counts, density=density, min_distance=min_distance, seed=seed)
    atoms.info["history"] = json.dumps([done])
    packed: Atoms = atoms
    return packed


def _counts(composition: Mapping[str, int] | str, n_atoms: int | None) -> dict[str, int]:
    if isinstance(composition, str):
        if n_atoms is None:
            raise Refusal(f"How many atoms of {composition}?", "", "Give n_atoms=")
        from ._composition import composition as planned

        return planned(composition, n_atoms)
    if n_atoms is not None and n_atoms != sum(composition.values()):
        raise Refusal(f"n_atoms={n_atoms} and counts that add up to {sum(composition.values())}", "", "Give only one")
    counts = {element: int(count) for element, count in composition.items() if count}
    if not counts or any(count != composition[e] or count < 0 for e, count in counts.items()):
        raise Refusal(f"{dict(composition)} are no atom counts", "", "Give a positive whole number for each element")
    return counts


def _check_room(total: int, side: float, min_distance: float) -> None:
    filled = total * math.pi / 6 * min_distance**3 / side**3
    if min_distance < 0 or filled > SATURATION or (total > 0 and min_distance > side):
        largest = (SATURATION * side**3 * 6 / math.pi / total) ** (1 / 3)
        raise Refusal(
            f"{total} atoms can't be {min_distance} Å apart in a cube of {side:.2f} Å",
            f"they would fill {filled:.2f} of it, and random addition reaches {SATURATION}",
            f"Ask for less than {largest:.2f} Å, or a lower density",
        )


def random_places(total: int, side: float, min_distance: float, generator: np.random.Generator) -> Floats:
    """(atom, axis) places in a periodic cube, none closer to another than ``min_distance``."""
    from scipy.spatial import cKDTree

    places = np.empty((0, 3))
    fruitless = 0
    while len(places) < total:
        # half a box more than is missing: few are dropped while the box is empty, most when it is nearly full
        drawn = np.mod(generator.random((max(1024, 3 * (total - len(places)) // 2), 3)) * side, side)
        if len(places):
            near, _ = cKDTree(places, boxsize=side).query(drawn, k=1, distance_upper_bound=min_distance)
            drawn = drawn[near >= min_distance]  # inf where nothing is within the bound
        pairs = cKDTree(drawn, boxsize=side).query_pairs(min_distance, output_type="ndarray") if len(drawn) else []
        if len(pairs):
            keep = np.ones(len(drawn), bool)
            keep[np.max(pairs, axis=1)] = False  # of two that are too close the one drawn later goes
            drawn = drawn[keep]
        places = np.concatenate([places, drawn[: total - len(places)]])
        fruitless = 0 if len(drawn) else fruitless + 1
        if fruitless == FRUITLESS_ROUNDS:
            raise Refusal(
                f"{len(places)} of {total} atoms were placed, then no place was found that is {min_distance} Å away "
                "from all others",
                f"a cube of {side:.2f} Å",
                "Ask for a smaller minimum distance or a lower density",
            )
    return places
