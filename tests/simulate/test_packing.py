from __future__ import annotations

import json

import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from vanhove.base.errors import Refusal
from vanhove.simulate._packing import packing, random_places


def test_density_composition_and_minimum_distance() -> None:
    atoms = packing({"Na": 160, "Si": 80, "S": 240}, 2.01, seed=3)
    assert dict(atoms.symbols.formula.count()) == {"Na": 160, "Si": 80, "S": 240}
    assert atoms.cell.lengths() == pytest.approx([22.408] * 3, abs=2e-3)  # a cube of 41.277 Å holds 3000 of them
    assert atoms.get_masses().sum() * 1.66053906660 / atoms.get_volume() == pytest.approx(2.01, rel=1e-12)
    assert atoms.pbc.all()
    assert len(neighbor_list("d", atoms, 1.5)) == 0
    # and they are not farther apart than random ones: about 4π/3 (1.8³ - 1.5³) n = 0.44 others in this shell
    assert 0.2 < len(neighbor_list("d", atoms, 1.8)) / len(atoms) < 0.8


def test_the_same_seed_gives_the_same_atoms() -> None:
    first, again, other = (packing("Na2SiS3", 2.01, n_atoms=120, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.positions, again.positions)
    assert first.get_chemical_symbols() == again.get_chemical_symbols()
    assert not np.array_equal(first.positions, other.positions)


def test_elements_are_spread_evenly() -> None:
    """The last ones to be placed would sit in the holes if the elements were not dealt out at random."""
    atoms = packing({"Na": 2000, "Cl": 2000}, 2.0, min_distance=1.8, seed=1)
    first, second = neighbor_list("ij", atoms, 2.4)
    kinds = atoms.numbers[first] == atoms.numbers[second]
    assert kinds.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(kinds) / 2))


def test_history_says_how_it_was_made() -> None:
    (step,) = json.loads(packing("Na2SiS3", 2.01, n_atoms=60, seed=5).info["history"])
    assert step["function"] == "simulate.packing"
    assert step["parameters"]["density"] == 2.01
    assert step["parameters"]["seed"] == 5


def test_a_dense_packing_is_still_found() -> None:
    """Spheres that fill 0.3 of the volume: three quarters of what random addition can reach."""
    side, diameter = 20.0, 2.0
    total = int(0.3 * side**3 / (np.pi / 6 * diameter**3))
    places = random_places(total, side, diameter, np.random.default_rng(2))
    assert len(places) == total
    shift = places[:, None] - places[None]
    shift -= side * np.round(shift / side)
    distance = np.sqrt((shift**2).sum(-1))
    np.fill_diagonal(distance, np.inf)
    assert distance.min() >= diameter


@pytest.mark.parametrize("min_distance", [2.8, 3.5])
def test_what_can_not_be_packed_is_refused(min_distance: float) -> None:
    with pytest.raises(Refusal, match=r"(can't be|were placed)"):
        packing("Na2SiS3", 2.01, n_atoms=300, min_distance=min_distance, seed=1)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(Refusal, match="density of 0"):
        packing({"Na": 2}, 0.0, seed=1)
    with pytest.raises(Refusal, match="no atom counts"):
        packing({"Na": -2}, 2.0, seed=1)
    with pytest.raises(Refusal, match="no atom counts"):
        packing({"Na": 1.5}, 2.0, seed=1)  # type: ignore[dict-item]  # what a person may write
    with pytest.raises(Refusal, match="n_atoms"):
        packing("Na2SiS3", 2.0, seed=1)
    with pytest.raises(Refusal, match="no element"):
        packing({"Xy": 2}, 2.0, seed=1)
