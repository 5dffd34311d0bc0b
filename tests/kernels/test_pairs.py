"""The pair histogram against a count of every image of every pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vanhove.kernels.cell_list import FINEST, PIECE
from vanhove.kernels.distance_rows import EDGE, FULL
from vanhove.kernels.pairs import cheapest, counts_by, pair_counts

WIDTH = 0.1


def every_image(positions, cell, kinds, reach):
    """Distances of all pairs below ``reach``, {(kind, kind): array}: each pair once, all images, the cell as it is."""
    widths = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    most = np.ceil(reach / widths).astype(int) + 1
    inside = positions - np.floor(positions @ np.linalg.inv(cell)) @ cell
    images = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in most], indexing="ij"), axis=-1).reshape(-1, 3)
    found = {}
    for i in range(len(kinds)):
        for j in range(i, len(kinds)):
            distances = np.linalg.norm(inside[j] - inside[i] + images @ cell, axis=1)
            if i == j:
                distances = np.sort(distances)[1::2]  # without itself, and one of each image and its opposite
            pair = tuple(sorted((int(kinds[i]), int(kinds[j]))))
            found.setdefault(pair, []).append(distances[distances < reach + WIDTH])
    return {pair: np.concatenate(parts) for pair, parts in found.items()}


def counted(positions, cell, kinds, bins, width=WIDTH, division=None):
    """The kernel's counts as {(kind, kind): histogram}, all pairs in one call; by cells of reach/``division``."""
    species = int(max(kinds)) + 1
    order = np.argsort(kinds, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(kinds, minlength=species))])
    pair_of = np.zeros((species, species), np.int64)
    first, second = np.triu_indices(species)
    pair_of[first, second] = pair_of[second, first] = np.arange(len(first))
    asked = (
        np.ascontiguousarray(positions[None]), np.ascontiguousarray(cell[None]),
        order, starts, pair_of, len(first), width, bins,
    )  # fmt: skip
    counts = (pair_counts(*asked) if division is None else counts_by(max(division, 1), division, *asked))[0]
    return {(int(a), int(b)): counts[pair_of[a, b]] for a, b in zip(first, second, strict=True)}


def expected(positions, cell, kinds, bins, width=WIDTH):
    found = every_image(positions, cell, kinds, bins * width)
    species = int(max(kinds)) + 1
    numbers = {}
    for a in range(species):
        for b in range(a, species):
            places = np.floor(found.get((a, b), np.zeros(0)) / width + EDGE).astype(int)
            numbers[a, b] = np.bincount(places[places < bins], minlength=bins)
    return numbers


def assert_same(got, wanted):
    assert got.keys() == wanted.keys()
    for pair, histogram in wanted.items():
        np.testing.assert_array_equal(got[pair], histogram, err_msg=str(pair))


CELLS = {
    "cube": np.diag([6.0, 6.0, 6.0]),
    "box": np.diag([4.0, 9.0, 6.5]),
    "flat box": np.diag([14.0, 3.0, 5.0]),
    "triclinic": np.array([[6.0, 0, 0], [1.5, 5.5, 0], [-1.0, 2.0, 7.0]]),
    "very skewed": np.array([[5.0, 0, 0], [13.0, 5.5, 0], [-21.0, 9.0, 6.0]]),
    "left-handed and turned": np.array([[0.5, 6.0, 0.3], [5.5, -0.4, 1.0], [1.0, 0.7, 6.5]]),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
@pytest.mark.parametrize("reach", [1.2, 2.5, 4.0, 9.0])
def test_equals_the_count_of_every_image(cell, reach):
    rng = np.random.default_rng(11)
    positions = rng.uniform(-2, 3, (40, 3)) @ cell  # unwrapped by several cells
    kinds = rng.integers(0, 3, 40)
    bins = round(reach / WIDTH)
    wanted = expected(positions, cell, kinds, bins)
    for division in (None, *range(FINEST + 1)):
        assert_same(counted(positions, cell, kinds, bins, division=division), wanted)


@settings(max_examples=60, deadline=None)
@given(
    fractions=st.integers(1, 9).flatmap(lambda n: arrays(float, (n, 3), elements=st.floats(-2, 2, width=32))),
    lower=arrays(float, 6, elements=st.floats(-6, 6, width=32)),
    edges=arrays(float, 3, elements=st.floats(2, 6, width=32)),
    species=st.integers(1, 3),
    reach=st.floats(0.5, 6),
    division=st.integers(0, FINEST),
)
def test_equals_the_count_of_every_image_in_any_small_cell(fractions, lower, edges, species, reach, division):
    cell = np.diag(edges)
    cell[1, 0], cell[2, 0], cell[2, 1] = lower[:3]
    kinds = np.arange(len(fractions)) % species
    bins = max(1, int(reach / WIDTH))
    got = counted(fractions @ cell, cell, kinds, bins, division=division)
    wanted = expected(fractions @ cell, cell, kinds, bins)
    for pair in wanted:  # what lies within rounding of an edge may fall on either side of it
        edge = np.abs(np.cumsum(got[pair]) - np.cumsum(wanted[pair]))
        near = np.sort(every_image(fractions @ cell, cell, kinds, bins * WIDTH).get(pair, np.zeros(0))) / WIDTH + EDGE
        close = near[np.abs(near - np.round(near)) < 1e-11]
        unsure = np.bincount(np.round(close).astype(int), minlength=bins + 2)[1 : bins + 1]
        assert (edge <= unsure).all()


LARGE = {
    "cube": np.diag([36.0, 36.0, 36.0]),
    "box": np.diag([61.0, 24.0, 33.0]),
    "triclinic": np.array([[36.0, 0, 0], [12.0, 38.0, 0], [-9.0, 16.0, 37.0]]),
    "skewed": np.array([[34.0, 0, 0], [70.0, 36.0, 0], [-95.0, 55.0, 39.0]]),
}


@pytest.mark.parametrize("cell", LARGE.values(), ids=LARGE.keys())
@pytest.mark.parametrize("lattice", [False, True], ids=["at random", "on a lattice"])
def test_a_cell_list_gives_the_bits_of_all_pairs(cell, lattice):
    """The distance between two atoms has the same bits either way, so that not one count differs at any width."""
    rng = np.random.default_rng(16)
    fractions = rng.uniform(-1, 2, (3456, 3))
    if lattice:
        fractions = np.indices((12, 12, 24)).reshape(3, -1).T / [12, 12, 24] + rng.integers(-2, 3, (3456, 3))
    kinds = rng.integers(0, 3, 3456)
    for reach, width in ((3.0, 0.05), (9.5, 0.05), (12.0, 1e-4)):
        bins = round(reach / width)
        all_pairs = counted(fractions @ cell, cell, kinds, bins, width, division=0)
        assert sum(histogram.sum() for histogram in all_pairs.values()) > 100
        for division in range(1, FINEST + 1):
            assert_same(counted(fractions @ cell, cell, kinds, bins, width, division=division), all_pairs)


def test_neighbourhoods_of_more_atoms_than_are_held_at_a_time():
    rng = np.random.default_rng(17)
    positions, kinds = rng.uniform(0, 6, (2 * PIECE + 300, 3)), rng.integers(0, 2, 2 * PIECE + 300)
    positions[: PIECE + 200] = positions[0] + rng.normal(scale=0.01, size=(PIECE + 200, 3))  # in one cell
    all_pairs = counted(positions, CELLS["cube"], kinds, 28, division=0)
    for division in (1, 3):
        assert_same(counted(positions, CELLS["cube"], kinds, 28, division=division), all_pairs)
    everything = sum(histogram.sum() for histogram in counted(positions, CELLS["cube"], kinds, 110).values())
    images = len(kinds) ** 2 / 2 * 4 / 3 * np.pi * 11**3 / 6**3
    assert everything == pytest.approx(images, rel=0.02)


def test_large_systems_go_by_cells_and_small_ones_by_all_pairs():
    def way(atoms, reach, density=0.05):
        cell = np.eye(3) * (atoms / density) ** (1 / 3)
        return cheapest(cell, np.array([0, atoms]), np.zeros((1, 1), np.int64), reach)[1]

    assert way(300, 6.0) == 0
    assert way(3000, 19.0) == 0  # nearly all pairs are within reach
    assert way(3500, 10.0) > 0
    assert way(10_000, 10.0) > 0
    assert way(300, 12.0) > 0  # beyond half the cell, where images count


def test_shells_on_the_edges_of_bins_stay_whole():
    """Distances that are edges but for rounding all fall in the bin above: a lattice's shell is never split."""
    for edge in (3.0, 5.6, 0.7, 4.05):
        n = 5
        grid = np.indices((n, n, n)).reshape(3, -1).T * edge + 123.456  # rounding of the offset is in each distance
        width = edge / 14
        got = counted(grid, np.eye(3) * n * edge, np.zeros(len(grid), int), 30, width)[0, 0]
        shells = np.flatnonzero(got)
        np.testing.assert_array_equal(shells, [14, 19, 24, 28])  # 1, √2, √3, 2 edges
        np.testing.assert_array_equal(got[shells] * 2 / len(grid), [6, 12, 8, 6])


def test_the_order_of_atoms_and_the_choice_of_cell_do_not_matter():
    rng = np.random.default_rng(12)
    cell = CELLS["triclinic"]
    positions, kinds = rng.uniform(0, 1, (60, 3)) @ cell, rng.integers(0, 2, 60)
    reference = counted(positions, cell, kinds, 55)
    shuffled = rng.permutation(60)
    assert_same(counted(positions[shuffled], cell, kinds[shuffled], 55), reference)
    same_lattice = np.array([[1, 0, 0], [3, 1, 0], [-2, 5, 1]]) @ cell
    assert_same(counted(positions, same_lattice, kinds, 55), reference)
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert_same(counted(positions @ turned, cell @ turned, kinds, 55), reference)


def test_a_supercell_has_the_same_shells():
    rng = np.random.default_rng(13)
    cell = CELLS["very skewed"]
    positions, kinds = rng.uniform(0, 1, (6, 3)) @ cell, np.array([0, 0, 0, 1, 1, 1])
    small = counted(positions, cell, kinds, 70)
    shifts = np.indices((3, 3, 3)).reshape(3, -1).T @ cell
    large = counted((positions + shifts[:, None]).reshape(-1, 3), 3 * cell, np.tile(kinds, 27), 70)
    for pair in small:
        np.testing.assert_array_equal(large[pair], 27 * small[pair])


def test_pairs_that_nobody_asked_for_are_left_out():
    rng = np.random.default_rng(14)
    positions, kinds = rng.uniform(0, 6, (30, 3)), np.sort(rng.integers(0, 2, 30))
    full = counted(positions, CELLS["cube"], kinds, 80)
    starts = np.array([0, (kinds == 0).sum(), 30])
    only = pair_counts(
        positions[None], CELLS["cube"][None], np.arange(30), starts, np.array([[-1, 0], [0, -1]]), 1, WIDTH, 80
    )
    np.testing.assert_array_equal(only[0, 0], full[0, 1])


def test_each_frame_uses_its_own_cell():
    rng = np.random.default_rng(15)
    cells = np.array([CELLS["cube"], CELLS["cube"], CELLS["triclinic"], 1.3 * CELLS["cube"], CELLS["cube"]])
    positions = rng.uniform(0, 1, (5, 25, 3)) @ cells
    kinds = np.zeros(25, int)
    all_frames = pair_counts(
        positions, cells, np.arange(25), np.array([0, 25]), np.zeros((1, 1), np.int64), 1, WIDTH, 36
    )
    for f in range(5):
        np.testing.assert_array_equal(all_frames[f, 0], expected(positions[f], cells[f], kinds, 36)[0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("division", [0, 1])
def test_more_pairs_than_32_bits_count(division):
    atoms = 93_000
    assert atoms * (atoms - 1) // 2 > 2 * FULL  # all in one bin
    got = counted(np.zeros((atoms, 3)), np.eye(3), np.zeros(atoms, int), 2, division=division)[0, 0]
    np.testing.assert_array_equal(got, [atoms * (atoms - 1) // 2, 0])
