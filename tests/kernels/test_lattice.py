"""The shortest image in any cell, against looking at many."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
