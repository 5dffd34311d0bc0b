from __future__ import annotations

import numpy as np
import pytest

from vanhove.simulate._potential import potential
from vanhove.simulate.contacts import TOUCHING, bounds, too_close

LIMITS = {"Na-Na": 0.5, "Na-S": 0.9, "S-S": 1.3}
CELLS = {
    "cube": np.eye(3) * 8.0,
    "skewed": np.array([[5.0, 0, 0], [4.0, 5.0, 0], [-3.0, 2.0, 6.0]]),
    "shorter than the reach": np.array([[1.1, 0, 0], [0.5, 9.0, 0], [0, 0, 9.0]]),
}


def brute_force(positions, cell, species, limits) -> float:  # type: ignore[no-untyped-def]
    """The smallest distance over bound, with every image to two cells away."""
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell
    best = np.inf
    for i in range(len(positions)):
        for j in range(len(positions)):
            distance = np.sqrt(((positions[j] + shifts - positions[i]) ** 2).sum(-1))
            if i == j:
                distance = distance[distance > 0]
            pair = f"{species[i]}-{species[j]}"
            best = min(best, distance.min() / limits.get(pair, limits.get(f"{species[j]}-{species[i]}")))
    return float(best)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("seed", range(6))
def test_against_a_double_loop_over_images(name: str, seed: int) -> None:
    cell = CELLS[name]
    generator = np.random.default_rng(seed)
    positions = (generator.random((8, 3)) * 3 - 1) @ cell  # also outside the cell
    species = np.array(["Na", "S"] * 4)
    expected = brute_force((positions @ np.linalg.inv(cell) % 1) @ cell, cell, species, LIMITS)
    found = too_close(positions, cell, species, LIMITS)
    if expected >= 1:
        assert found is None
    else:
        assert found is not None
        assert found.distance / found.bound == pytest.approx(expected, rel=1e-9)


def test_across_the_boundary_and_by_pair() -> None:
    cell = np.eye(3) * 10
    positions = np.array([[0.1, 5, 5], [9.9, 5, 5.6], [3.0, 3, 3], [3.0, 3, 3.7]])
    found = too_close(positions, cell, np.array(["S", "Na", "Na", "Na"]), LIMITS)
    assert found is not None
    assert (found.pair, found.atoms) == ("S-Na", (0, 1))
    assert found.distance == pytest.approx(np.hypot(0.2, 0.6))
    assert too_close(positions, cell, np.array(["Na"] * 4), {"Na-Na": 0.5}) is None


def test_two_atoms_at_one_place() -> None:
    found = too_close(np.array([[1.0, 1, 1], [11.0, 1, 1]]), np.eye(3) * 10, np.array(["Na", "Na"]), {"Na-Na": 0.1})
    assert found is not None
    assert found.distance == pytest.approx(0, abs=1e-12)


def test_bounds_are_the_turnover_radii() -> None:
    found = bounds(potential("na2s-sis2"), ["Na", "Si", "S"])
    assert found["S-S"] == pytest.approx(0.7858, abs=1e-4)
    assert found["Na-Na"] == found["Si-S"] == TOUCHING
