"""The shortest image in any cell, against looking at many."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanhove as vh
from vanhove.kernels.lattice import reduce_cell, shortest

SKEWED = np.array([[5.0, 0, 0], [4.9, 5.0, 0], [7.4, 4.9, 5.0]])


def by_hand(d: np.ndarray, cell: np.ndarray, reach: int) -> float:
    d = d - np.round(d @ np.linalg.inv(cell)) @ cell  # near home first: a skewed cell's d may lie many cells away
    shifts = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    return float(np.linalg.norm(d + shifts @ cell, axis=1).min())


def ours(d: np.ndarray, cell: np.ndarray) -> np.ndarray:
    reduced, integers = reduce_cell(cell)
    np.testing.assert_allclose(integers @ cell, reduced, atol=1e-9)
    assert round(abs(np.linalg.det(integers))) == 1
    squares = np.sum(reduced**2, axis=1)
    skewed = bool(np.abs(reduced @ reduced.T - np.diag(squares)).max() > 1e-12)
    n = shortest((d[0], d[1], d[2]), reduced, np.linalg.inv(reduced), 0.25 * squares.min(), skewed)
    return d + np.array(n) @ reduced


def test_a_skewed_cell_needs_more_than_rounding() -> None:
    rng = np.random.default_rng(5)
    rounded_wrong = 0
    for d in rng.uniform(-15, 15, (300, 3)):
        best = by_hand(d, SKEWED, 8)
        np.testing.assert_allclose(np.linalg.norm(ours(d, SKEWED)), best, atol=1e-9)
        scaled = d @ np.linalg.inv(SKEWED)
        rounded_wrong += np.linalg.norm((scaled - np.round(scaled)) @ SKEWED) > best + 1e-9
    assert rounded_wrong > 30  # the case is a hard one


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(3, 12), min_size=3, max_size=3),
    st.lists(st.floats(-2.5, 2.5), min_size=3, max_size=3),
    st.lists(st.floats(-0.999, 0.999), min_size=3, max_size=3),
)
def test_the_shortest_of_many_images(lengths: list[float], tilts: list[float], place: list[float]) -> None:
    a, b, c = lengths
    cell = np.array([[a, 0, 0], [tilts[0] * a, b, 0], [tilts[1] * a, tilts[2] * b, c]])
    d = np.array(place) @ cell
    np.testing.assert_allclose(np.linalg.norm(ours(d, cell)), by_hand(d, reduce_cell(cell)[0], 4), atol=1e-9)


def test_reduced_vectors_are_as_short_as_the_lattice_allows() -> None:
    reduced, _ = reduce_cell(SKEWED)
    shifts = np.array([s for s in product(range(-8, 9), repeat=3) if any(s)])
    lengths = np.sort(np.linalg.norm(shifts @ SKEWED, axis=1))
    np.testing.assert_allclose(np.linalg.norm(reduced, axis=1).min(), lengths[0])


HOSTILE = {
    "nothing": np.zeros((3, 3)),
    "a line": [[1, 2, 3], [np.pi, 2 * np.pi, 3 * np.pi], [0, 0, 1]],
    "a plane": [[1, 0, 0], [0.3, 1, 0], [np.pi, np.e, 0]],
    "not a number": [[np.nan, 0, 0], [0, 1, 0], [0, 0, 1]],
    "infinite": [[np.inf, 0, 0], [0, 1, 0], [0, 0, 1]],
    "huge": [[1e200, 0, 0], [1e200, 1, 0], [3, 1e100, 1]],
    "tiny": np.eye(3) * 1e-200,
    "nearly flat": [[1e15, 0, 0], [0.77e15, 1, 0], [0.123e15, 0.5, 1e-15]],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_cell_comes_to_an_end(name: str) -> None:
    cell = np.array(HOSTILE[name], float)
    reduce_cell(cell)
    with pytest.raises(vh.Refusal, match="no volume"):
        vh.from_arrays(np.ones((2, 1, 3)), cell, ["Li"], [0, 1], wrapped=True)


FCC = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
HEXAGONAL = np.array([[1, 0, 0], [0.5, 0.75**0.5, 0], [0, 0, 0.3]])
SHEARED = np.array([[1, 0, 0], [0.5, 1, 0], [-0.5, 0.5, 1]])
FLAT = np.array([[1, 0, 0], [0.5, 0.866, 0], [0.5, 0.2887, 0.05]])


@pytest.mark.parametrize("cell", [FCC, HEXAGONAL, SHEARED, FLAT], ids=["fcc", "hexagonal", "sheared", "flat"])
@pytest.mark.parametrize("off", [0.0, 1e-13, 1e-9])
def test_places_as_far_from_one_atom_as_from_another(cell: np.ndarray, off: float) -> None:
    """Corners and edges of the lattice's own cell, where rounding decides: in these lattices many vectors tie."""
    rng = np.random.default_rng(17)
    cell = 10 * (cell + off * rng.normal(size=(3, 3)))
    near = rng.integers(-2, 3, (200, 3)) / 2 + rng.choice([0, 1e-12, 1e-3], (200, 1)) * rng.normal(size=(200, 3))
    for place in (*near, *rng.uniform(-3, 3, (200, 3))):
        d = place @ cell
        np.testing.assert_allclose(np.linalg.norm(ours(d, cell)), by_hand(d, reduce_cell(cell)[0], 3), atol=1e-9)


def test_cells_skewed_by_thousands_of_vectors() -> None:
    rng = np.random.default_rng(18)
    for _ in range(200):
        upright = np.diag(rng.uniform(3, 30, 3)) + rng.normal(size=(3, 3))
        skew = np.eye(3, dtype=int)
        for i, j in ((0, 1), (1, 2), (2, 0), (1, 0)):
            skew[i] += rng.integers(-50, 51) * skew[j]
        reduced, _ = reduce_cell(skew @ upright)
        expected, _ = reduce_cell(upright)
        lengths = np.sort(np.linalg.norm(expected, axis=1))
        np.testing.assert_allclose(np.sort(np.linalg.norm(reduced, axis=1)), lengths, rtol=1e-8)
