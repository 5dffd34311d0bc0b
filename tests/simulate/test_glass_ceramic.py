"""Glass-ceramics: the formula exact, the crystal whole and where it is said to be, nothing too close."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.units import DENSITY_G_CM3
from vanhove.simulate import crystal, glass_ceramic
from vanhove.simulate.planes import cell_of_plane
from vanhove.structure import amorphization, phases, speciation
from vanhove.structure.neighbours import neighbours_within

if TYPE_CHECKING:
    from ase import Atoms


def closest(atoms: Atoms, first: Any, second: Any) -> float:
    """Å between atoms of two masks, images counted."""
    near = neighbours_within(atoms.positions, atoms.cell.array, first, second, 4.0)
    return float(near.distance.min())


def in_crystal(atoms: Atoms) -> Any:
    return atoms.arrays["region"] == "crystal"


def part(atoms: Atoms, mask: Any) -> Atoms:
    chosen: Any = atoms
    some: Atoms = chosen[mask]
    return some


@pytest.mark.parametrize(
    ("name", "fraction", "orientation", "supercell"),
    [
        ("beta-li3ps4", 0.25, "c", (2, 2, 8)),
        ("beta-li3ps4", 0.5, "c", (2, 2, 8)),
        ("beta-li3ps4", 0.25, "a", (4, 2, 3)),
        ("beta-li3ps4", 0.5, (0, 1, 1), (2, 1, 4)),
        ("li2si2o5", 0.5, "b", (3, 2, 3)),
        ("li6ps5cl", 0.75, "b", (2, 4, 2)),
    ],
)
def test_what_is_built(name: str, fraction: float, orientation: Any, supercell: tuple[int, int, int]) -> None:
    atoms = glass_ceramic(name, fraction, orientation, supercell=supercell, density=1.7, min_distance=1.6, seed=4)
    mask, reference = in_crystal(atoms), crystal(name, supercell=supercell)
    assert len(atoms) == len(reference)
    assert mask.mean() == pytest.approx(fraction)
    formula = reference.symbols.formula.reduce()[0]
    for some in (mask, ~mask):
        assert part(atoms, some).symbols.formula.reduce()[0] == formula  # each part has whole formula units
    glass_volume = atoms.cell.volume - fraction * reference.cell.volume
    density = float(part(atoms, ~mask).get_masses().sum()) * DENSITY_G_CM3 / glass_volume
    assert density == pytest.approx(1.7, rel=1e-9)
    assert closest(atoms, ~mask, np.ones(len(atoms), bool)) >= 1.6 - 1e-9
    assert set(atoms.arrays["site"][~mask].tolist()) == {"glass"}
    assert "glass" not in atoms.arrays["site"][mask].tolist()
    (step,) = json.loads(atoms.info["history"])
    assert step["function"] == "simulate.glass_ceramic"
    assert step["parameters"]["fraction"] == pytest.approx(fraction)


@pytest.mark.parametrize("orientation", ["a", "b", "c", (1, 0, 1)])
def test_the_crystal_in_it_is_the_crystal(orientation: Any) -> None:
    """Every P has its four S at the crystal's distances, and the atoms lie on one lattice."""
    atoms = glass_ceramic("beta-li3ps4", 0.5, orientation, supercell=(2, 2, 2), seed=1)
    slab = part(atoms, in_crystal(atoms))
    units = speciation(vh.from_ase([slab], spacing=1.0), "P", "S", cutoffs=2.4)
    assert units["unit"].values.tolist() == ["PS4"]
    assert float(units["lone"].sum()) == 0
    lengths = neighbours_within(slab.positions, slab.cell.array, slab.symbols == "P", slab.symbols == "S", 2.4).distance
    bulk_crystal = crystal("beta-li3ps4", supercell=(2, 2, 2))
    symbols = bulk_crystal.symbols
    whole = neighbours_within(bulk_crystal.positions, bulk_crystal.cell.array, symbols == "P", symbols == "S", 2.4)
    assert np.unique(lengths.round(5)) == pytest.approx(np.unique(whole.distance.round(5)), abs=2e-5)


def test_the_cross_section_is_the_crystals() -> None:
    atoms = glass_ceramic("beta-li3ps4", 0.5, "b", supercell=(1, 4, 2), density=1.5)
    assert atoms.cell.cellpar() == pytest.approx(
        [13.03282, 2 * 8.0186 * (1 + 1.8540294 / 1.5), 2 * 6.17177, 90, 90, 90], rel=1e-6
    )
    assert glass_ceramic("beta-li3ps4", 0.5, "c", supercell=(1, 2, 4)).cell.lengths() == pytest.approx(
        [13.03282, 2 * 8.0186, 4 * 6.17177]
    )


@pytest.mark.parametrize(("orientation", "axis", "supercell"), [("c", 2, (2, 2, 8)), ("a", 0, (6, 2, 3))])
def test_the_slab_is_found_where_it_was_planted(orientation: str, axis: int, supercell: tuple[int, int, int]) -> None:
    atoms = glass_ceramic("beta-li3ps4", 0.5, orientation, supercell=supercell, seed=2)
    mask, traj = in_crystal(atoms), vh.from_ase([atoms], spacing=1.0)
    found = phases(traj, orientation)["phase"].values
    # an interface lies within one slab, a period of the crystal, of where it was planted
    length = atoms.cell.lengths()[axis]
    slab = crystal("beta-li3ps4").cell.lengths()[axis]
    place = atoms.get_scaled_positions()[:, axis] * length
    bottom, top = 0.0, length / 2  # the glass has the crystal's density
    off = np.min([np.abs((place - plane + length / 2) % length - length / 2) for plane in (bottom, top)], axis=0)
    assert set(found[mask & (off > slab)].tolist()) == {"crystal"}
    assert set(found[~mask & (off > slab)].tolist()) == {"glass"}
    assert not (found[~mask] == "crystal").any()
    assert (phases(traj)["phase"].values == found).mean() > 0.95  # the axis is found too
    # the profile is low in the planted half and high in the other, away from the interfaces
    profile = amorphization(traj, orientation)["F"]
    height = profile["position"].values / length
    inside = (height > 0.1) & (height < 0.4)
    outside = (height > 0.6) & (height < 0.9)
    low, high = sorted([profile.values[inside].mean(), profile.values[outside].mean()])
    assert high - low > 3 * max(profile.values[inside].std(), profile.values[outside].std())


def test_sheets_stay_whole() -> None:
    """Sheets of Li2Si2O5 lie in the plane of a and c; along b they are parted, along c they can't be."""
    atoms = glass_ceramic("li2si2o5", 0.5, "b", supercell=(3, 2, 3), seed=1)
    network = speciation(vh.from_ase([part(atoms, in_crystal(atoms))], spacing=1.0), "Si", "O", cutoffs=1.9)
    assert network["Qn"].values == pytest.approx([0, 0, 0, 1, 0])
    cut = glass_ceramic("li2si2o5", 0.5, "c", supercell=(2, 1, 6), seed=1)
    network = speciation(vh.from_ase([part(cut, in_crystal(cut))], spacing=1.0), "Si", "O", cutoffs=1.9)
    assert float(network["Qn"].values[3]) < 1


def test_the_seed_decides() -> None:
    first, again, other = (glass_ceramic("li6ps5cl", 0.5, supercell=(1, 1, 4), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert not np.array_equal(first.positions, other.positions)


def test_a_file_keeps_the_regions(tmp_path: Path) -> None:
    atoms = glass_ceramic("li6ps5cl", 0.5, supercell=(1, 1, 4))
    write(tmp_path / "ceramic.extxyz", atoms)
    again: Any = read(tmp_path / "ceramic.extxyz")
    assert again.arrays["region"].tolist() == atoms.arrays["region"].tolist()
    assert again.arrays["site"].tolist() == atoms.arrays["site"].tolist()


def test_exchanged_anions_in_the_slab() -> None:
    half = {"Cl": {"Cl": 0.5, "S": 0.5}, "Sfree": {"S": 0.5, "Cl": 0.5}}
    atoms = glass_ceramic("li6ps5cl", 0.5, supercell=(2, 2, 4), occupancies=half)
    mask = in_crystal(atoms)
    on = part(atoms, mask & (atoms.arrays["site"] == "Sfree"))
    assert on.get_chemical_formula() == "Cl16S16"
    assert part(atoms, ~mask).get_chemical_formula() == "Cl32Li192P32S160"


def test_impossible_fractions_list_the_possible_ones() -> None:
    with pytest.raises(Refusal, match=r"fraction of 0\.4 is not possible with 4 layers.*0\.25, 0\.5, 0\.75"):
        glass_ceramic("beta-li3ps4", 0.4, "c", supercell=(1, 1, 4))
    assert in_crystal(glass_ceramic("beta-li3ps4", 0.33, supercell=(1, 1, 3))).mean() == pytest.approx(1 / 3)
    with pytest.raises(Refusal, match="Possible are none"):
        glass_ceramic("beta-li3ps4", 0.5, supercell=(2, 2, 1))
    for fraction in (0.0, 1.0, float("nan")):
        with pytest.raises(Refusal, match="not possible"):
            glass_ceramic("beta-li3ps4", fraction, supercell=(1, 1, 4))


def test_what_can_not_be_built_is_refused() -> None:
    with pytest.raises(Refusal, match=r'"a", "b", "c" or a plane'):
        glass_ceramic("beta-li3ps4", 0.5, "z")
    with pytest.raises(Refusal, match="Miller indices"):
        glass_ceramic("beta-li3ps4", 0.5, (0, 0, 0))
    with pytest.raises(Refusal, match="positive number"):
        glass_ceramic("beta-li3ps4", 0.5, density=-1)
    with pytest.raises(Refusal, match=r"random addition reaches 0\.384.*less than"):
        glass_ceramic("beta-li3ps4", 0.5, min_distance=3.0)
    with pytest.raises(Refusal, match="then no place was found"):
        glass_ceramic("beta-li3ps4", 0.5, supercell=(1, 1, 4), min_distance=2.35)
    with pytest.raises(Refusal, match="three whole numbers"):
        glass_ceramic("beta-li3ps4", 0.5, supercell=(1, 1))


def salt_glass(length: float, strain: float = 1.0, symbol: str = "Na") -> Atoms:
    """Na and Cl in a disorderly way on the cross-section of 3 × 3 cells of salt."""
    side = 3 * 5.64 * strain
    base: Any = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (3, 3, 2)
    base.symbols[base.symbols == "Na"] = symbol
    base.set_cell([side, side, length], scale_atoms=True)
    base.rattle(0.4, seed=3)
    made: Atoms = base
    return made


def test_a_given_glass_is_put_in() -> None:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms = glass_ceramic(salt, 0.5, supercell=(3, 3, 4), glass=salt_glass(12.5, 1.005), min_distance=2.2)
    mask = in_crystal(atoms)
    assert atoms.get_chemical_formula() == "Cl144Na144"
    assert (int(mask.sum()), int((~mask).sum())) == (144, 144)
    assert atoms.cell.lengths()[:2] == pytest.approx([16.92, 16.92])
    assert 23.78 <= atoms.cell.lengths()[2] < 23.78 + 6
    assert closest(atoms, mask, ~mask) >= 2.2 - 1e-9
    third = glass_ceramic(salt, 1 / 3, supercell=(3, 3, 4), glass=salt_glass(12.5), min_distance=2.2)
    assert in_crystal(third).mean() == pytest.approx(1 / 3)


def test_a_glass_that_does_not_fit_is_refused() -> None:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    with pytest.raises(Refusal, match=r"off by 5\.0 %.*\[16\.92, 0\.0, 0\.0\]"):
        glass_ceramic(salt, 0.5, supercell=(3, 3, 4), glass=salt_glass(12.5, 1.05))
    with pytest.raises(Refusal, match="The glass is KCl and the crystal NaCl"):
        glass_ceramic(salt, 0.5, supercell=(3, 3, 4), glass=salt_glass(12.5, symbol="K"))
    with pytest.raises(Refusal, match=r"Possible are 0\.333, 0\.5, 0\.6, 0\.667"):
        glass_ceramic(salt, 0.4, supercell=(3, 3, 4), glass=salt_glass(12.5))


@pytest.mark.parametrize("plane", [(0, 0, 1), (1, 1, 0), (1, 1, 1), (2, -1, 3), (0, 2, 2), (-1, 0, 0)])
def test_cells_of_planes(plane: tuple[int, int, int]) -> None:
    """Two vectors in the plane, the third one plane farther, the volume of one cell, right-handed."""
    cell = np.array([[5.0, 0, 0], [1.0, 6.0, 0], [-0.5, 0.7, 7.0]])
    basis, axis = cell_of_plane(plane, cell)
    assert axis == 2
    assert round(float(np.linalg.det(basis))) == 1
    reduced = np.array(plane) // np.gcd.reduce(plane)
    assert (basis @ reduced).tolist() == [0, 0, 1]
    spacing = 1 / np.linalg.norm(reduced @ np.linalg.inv(cell).T)
    turned = basis @ cell
    area = np.linalg.norm(np.cross(turned[0], turned[1]))
    assert abs(np.linalg.det(cell)) / area == pytest.approx(spacing)


def test_a_turned_crystal_is_the_same_crystal() -> None:
    """As many atoms a layer, and the same distances about each."""
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms = glass_ceramic(salt, 2 / 3, (1, 1, 1), supercell=(2, 2, 3))
    slab = part(atoms, in_crystal(atoms))
    assert len(slab) == 2 * 2 * 2 * 8
    near = neighbours_within(slab.positions, slab.cell.array, slab.symbols == "Na", slab.symbols == "Cl", 3.0)
    assert near.distance == pytest.approx(2.82)
