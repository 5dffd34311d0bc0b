"""Glass-ceramics: a slab of crystal and, in the rest of a periodic cell, what is to become glass."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import mass_of
from vanhove.base.errors import Refusal
from vanhove.base.results import step
from vanhove.base.units import DENSITY_G_CM3
from vanhove.structure.neighbours import neighbours_within

from ._crystal import LEAST, checked_supercell, filled
from ._packing import FRUITLESS_ROUNDS, SATURATION
from .planes import cell_of_plane
from .site_table import sites_of
from .whole_units import unit_heights

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NEAR = 0.005  # a fraction that is this near a possible one is that one: 0.33 is a third
MATCH = 0.02  # of its length: how far a given glass is strained to fit onto the crystal
WIDEST = 3.0  # Å: the gap beyond which a given glass does not fit onto the crystal
STEP = 0.05  # Å


def glass_ceramic(
    crystal: str | os.PathLike[str] | Atoms,
    fraction: float,
    orientation: str | Sequence[int] = "c",
    *,
    supercell: Sequence[int] = (2, 2, 8),
    density: float | None = None,
    glass: Atoms | None = None,
    min_distance: float = 1.5,
    occupancies: Mapping[str, Mapping[str, float]] | None = None,
    formula: str | None = None,
    seed: int = 1,
) -> Atoms:
    r"""A slab of crystal in a periodic cell, with a random packing of the same composition in the rest (E1).

    Of n layers of the supercell m stay crystal, and the atoms of the others are packed at random into a layer of the
    thickness that the density asks for:

    .. math:: x = m / n, \qquad t = \frac{(n - m)\, M}{\rho A},

    with the fraction x (of atoms, so of mass), the mass M of a layer and the cross-section A. Both parts have whole
    formula units. Polyanions (PS4, Si2O5 sheets) stay whole at the interfaces. The packing is no glass yet: melt and
    quench it with the crystal frozen, then free everything.

    Parameters
    ----------
    crystal
        As in :func:`crystal`: a name, a file or atoms.
    fraction
        Part of the atoms in the crystal; m/n for a whole m.
    orientation
        Which plane of the crystal lies in the interfaces: ``"c"`` is that of a and b, so that crystal and glass follow
        each other along c. A plane (h, k, l) gets a cell of its own with the third vector leading out of it.
    supercell
        Cells along each vector, all crystal and glass taken together: n is the one along which they follow each other.
        For a plane (h, k, l) they count the new cell's vectors.
    density
        g/cm³ of the packing; that of the crystal when None.
    glass
        Put in instead of a packing: atoms of the same composition in a cell with the crystal's cross-section (strained
        to it by 2 % at most), and as little gap as keeps the minimum distance. With N_g atoms, and N in a layer of
        crystal, x = m N/(m N + N_g).
    min_distance
        Å between any atom of the packing and any other.
    occupancies, formula
        As in :func:`crystal`.
    seed
        The same seed gives the same atoms.

    Returns
    -------
    Atoms
        With the arrays ``"region"`` (``"crystal"`` or ``"glass"``) and ``"site"`` (``"glass"`` in the glass); the
        crystal comes first, and lies from the origin upwards.
    """
    sites = sites_of(crystal).with_occupancies(occupancies or {})
    basis, axis = cell_of_plane(orientation, sites.cell)
    turned = sites.turned(basis)
    cells = checked_supercell(supercell)
    generator = np.random.default_rng(seed)
    if not (math.isfinite(min_distance) and min_distance >= 0):
        raise Refusal(f"min_distance={min_distance} Å", "", "Give a length")
    in_layer = turned.atoms * math.prod(cells) / cells[axis]
    layers = _layers(fraction, cells[axis], in_layer, 0 if glass is None else len(glass))
    slab = filled(turned, _with(cells, axis, layers), formula, LEAST, generator)
    unit, units = _formula_units(slab)
    _keep_units_whole(slab, axis, layers)
    if glass is None:
        rest, over = divmod(units * (cells[axis] - layers), layers)
        if over:
            raise Refusal(
                f"{units} formula units in {layers} layers of crystal are no whole number in each",
                f"{sites.name}",
                "Take a larger cross-section",
            )
        made, top = _packed(slab, axis, {e: n * rest for e, n in unit.items()}, density, min_distance, generator)
    else:
        made, top = _fitted(slab, axis, glass, unit, min_distance)
    whole: Any = slab + made
    whole.set_array("region", np.array(["crystal"] * len(slab) + ["glass"] * len(made)))
    del whole.arrays["site"]  # its strings are as long as the longest name of a site
    whole.set_array("site", np.concatenate([slab.arrays["site"], np.full(len(made), "glass")]))
    whole.cell[axis] = top
    if not isinstance(orientation, str):
        standard, _ = whole.cell.standard_form()  # what engines want: the first vector along x, the second in xy
        whole.set_cell(standard, scale_atoms=True)
    whole.wrap()
    done = step(
        "simulate.glass_ceramic", crystal=sites.name, source=sites.source, fraction=len(slab) / len(whole),
        orientation=orientation if isinstance(orientation, str) else [int(n) for n in orientation], supercell=cells,
        density=density, glass=None if glass is None else str(glass.symbols), min_distance=min_distance,
        occupancies=occupancies, formula=formula, seed=seed,
    )  # fmt: skip
    whole.info["history"] = json.dumps([done])
    built: Atoms = whole
    return built


def _layers(fraction: float, total: int, in_layer: float, in_glass: int) -> int:
    """How many layers of crystal the fraction is."""
    layers = np.arange(1, total + (1 if in_glass else 0))
    possible = layers * in_layer / (layers * in_layer + in_glass) if in_glass else layers / total
    near = np.abs(possible - fraction)
    if not len(near) or not near.min() <= NEAR:
        told = ", ".join(f"{one:.3g}" for one in possible.tolist()) or "none"
        raise Refusal(
            f"A crystal fraction of {fraction} is not possible with {total} layers",
            f"Possible are {told}",
            "Take one of them, or another number of cells along the orientation",
        )
    return int(layers[np.argmin(near)])


def _formula_units(slab: Atoms) -> tuple[dict[str, int], int]:
    counts: dict[str, int] = dict(slab.symbols.formula.count())
    units = math.gcd(*counts.values())
    return {element: count // units for element, count in counts.items()}, units


def _keep_units_whole(slab: Atoms, axis: int, layers: int) -> None:
    """Cut the crystal between units, at the widest gap of their middles; moves the atoms of ``slab``."""
    height, unit = unit_heights(slab, axis)
    middle = np.bincount(unit, height * layers) / np.bincount(unit)  # in layers
    steps = np.sort(middle % 1.0)
    gaps = np.diff(np.append(steps, steps[0] + 1.0))
    widest = int(np.argmax(np.round(gaps, 6)))  # the first of those that are equal but for rounding
    cut = steps[widest] + gaps[widest] / 2
    lowered = np.floor((middle - cut) / layers) * layers
    cell = np.asarray(slab.cell.array, float)
    raised = (height - cut / layers) - lowered[unit] / layers
    given = slab.positions @ np.linalg.inv(cell)
    given[:, axis] = raised
    slab.positions = given @ cell


def _packed(
    slab: Atoms, axis: int, counts: Mapping[str, int], density: float | None, least: float,
    generator: np.random.Generator,
) -> tuple[Atoms, Floats]:  # fmt: skip
    """Atoms at random on top of the crystal, and the vector from the cell's bottom to its top."""
    from ase import Atoms

    cell = np.asarray(slab.cell.array, float)
    normal, area = _upwards(cell, axis)
    own = float(slab.get_masses().sum()) * DENSITY_G_CM3 / float(slab.cell.volume)
    if density is not None and not (math.isfinite(density) and density > 0):
        raise Refusal(f"A density of {density} g/cm³", "", "Give a positive number")
    masses = {element: mass_of(element) for element in counts}
    total = sum(counts.values())
    thickness = (
        sum(counts[e] * masses[e] for e in counts) * DENSITY_G_CM3 / (area * (own if density is None else density))
    )
    filled_part = total * math.pi / 6 * least**3 / (area * thickness)
    if filled_part > SATURATION:
        raise Refusal(
            f"{total} atoms can't be {least} Å apart in {area * thickness:.0f} Å³",
            f"they would fill {filled_part:.2f} of it, and random addition reaches {SATURATION}",
            f"Ask for less than {least * (SATURATION / filled_part) ** (1 / 3):.2f} Å, or a lower density",
        )
    top = cell[axis] + thickness * normal
    outer = cell.copy()
    outer[axis] = top
    region = cell.copy()
    region[axis] = thickness * normal
    places = np.asarray(slab.positions, float)
    fruitless = 0
    while len(places) < len(slab) + total:
        missing = len(slab) + total - len(places)
        drawn = cell[axis] + generator.random((max(256, 3 * missing // 2), 3)) @ region
        everywhere = np.concatenate([places, drawn])
        fresh = np.arange(len(everywhere)) >= len(places)
        if least > 0:
            near = neighbours_within(everywhere, outer, fresh, np.ones(len(everywhere), bool), least * (1 - 1e-9))
            fresh[near.i[near.j < near.i]] = False  # of two that are too close the one drawn later goes
        places = np.concatenate([places, everywhere[fresh][:missing]])
        fruitless = 0 if fresh.any() else fruitless + 1
        if fruitless == FRUITLESS_ROUNDS:
            raise Refusal(
                f"{len(places) - len(slab)} of {total} atoms were placed, then no place was found that is {least} Å "
                "away from all others",
                f"between two faces of the crystal, {thickness:.2f} Å apart",
                "Ask for a smaller minimum distance or a lower density",
            )
    symbols = np.repeat(list(counts), list(counts.values()))
    made: Any = Atoms(generator.permutation(symbols).tolist(), positions=places[len(slab) :], cell=outer, pbc=True)
    made.set_masses([masses[symbol] for symbol in made.get_chemical_symbols()])
    packed: Atoms = made
    return packed, top


def _fitted(slab: Atoms, axis: int, glass: Atoms, unit: Mapping[str, int], least: float) -> tuple[Atoms, Floats]:
    """A glass on top of the crystal, and the vector from the cell's bottom to its top."""
    found, _ = _formula_units(glass)
    if found != unit:
        raise Refusal(
            f"The glass is {_written(found)} and the crystal {_written(unit)}",
            "",
            "Give a glass of the same composition",
        )
    cell, given = np.asarray(slab.cell.array, float), np.asarray(glass.cell.array, float)
    aside = [n for n in range(3) if n != axis]
    off = max(float(np.linalg.norm(given[n] - cell[n]) / np.linalg.norm(cell[n])) for n in aside)
    if not (glass.pbc.all() and off <= MATCH):
        told = " and ".join(str(np.round(cell[n], 3).tolist()) for n in aside)
        raise Refusal(
            "The glass does not have the crystal's cross-section",
            f"its vectors are off by {100 * off:.1f} %",
            f"Make it in a periodic cell with {told}",
        )
    normal, _ = _upwards(cell, axis)
    region = cell.copy()
    region[axis] = given[axis] if given[axis] @ normal > 0 else -given[axis]
    given_glass: Any = glass
    made = given_glass.copy()
    made.wrap()
    fractions = made.get_scaled_positions()
    mine = np.arange(len(slab) + len(glass)) < len(slab)
    for gap in np.arange(0.0, WIDEST, STEP).tolist():
        top = cell[axis] + region[axis] + 2 * gap * normal
        outer = cell.copy()
        outer[axis] = top
        places = cell[axis] + gap * normal + fractions @ region
        both = np.concatenate([slab.positions, places])
        if least == 0 or not len(neighbours_within(both, outer, mine, ~mine, least * (1 - 1e-9)).i):
            made.set_cell(outer)
            made.set_positions(places)
            fitted: Atoms = made
            return fitted, top
    raise Refusal(f"The glass does not come within {WIDEST} Å of the crystal", f"with {least} Å between atoms")


def _upwards(cell: Floats, axis: int) -> tuple[Floats, float]:
    """The normal of the plane of the two other vectors, on the side of the vector, and their parallelogram's area."""
    across: Floats = np.cross(cell[(axis + 1) % 3], cell[(axis + 2) % 3])
    area = float(np.linalg.norm(across))
    return across * (np.sign(across @ cell[axis]) / area), area


def _with(cells: Sequence[int], axis: int, number: int) -> tuple[int, int, int]:
    a, b, c = (number if n == axis else int(many) for n, many in enumerate(cells))
    return a, b, c


def _written(unit: Mapping[str, int]) -> str:
    return "".join(f"{element}{count if count > 1 else ''}" for element, count in unit.items())
