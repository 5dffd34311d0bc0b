"""Lists of neighbours against counting images one by one, in every kind of cell; against freud and ASE."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanhove.base.errors import Refusal
from vanhove.structure.neighbours import nearest, neighbours_in_frames, neighbours_within

CUBE = 9.0 * np.eye(3)
SKEWED = np.array([[7.0, 0, 0], [3.0, 6.5, 0], [-2.5, 3.2, 7.4]])
LEANING = np.array([[6.0, 0, 0], [14.0, 7.0, 0], [-9.0, 17.0, 8.0]])  # far from reduced
LEFT_HANDED = np.array([[0, 0, 7.5], [0.5, 8.0, 0], [6.4, 1.0, 0.3]])
NEEDLE = np.diag([2.5, 30.0, 3.0])
CELLS = {"cube": CUBE, "skewed": SKEWED, "leaning": LEANING, "left-handed": LEFT_HANDED, "needle": NEEDLE}


def image_by_image(positions, cell, centres, others, cutoff):
    """(i, j, vector) of every image within the cut-off, by trying far more images than there can be."""
    inverse = np.linalg.inv(cell)
    spread = np.abs((positions[:, None] - positions) @ inverse).max(axis=(0, 1))
    reach = np.ceil(cutoff * np.linalg.norm(inverse, axis=0) + spread).astype(int)
    shifts = np.array(list(product(*(range(-r, r + 1) for r in reach))))
    vectors = positions[others] - positions[centres][:, None] + (shifts @ cell)[:, None, None]
    near = np.linalg.norm(vectors, axis=3) <= cutoff
    near[(shifts == 0).all(axis=1)] &= centres[:, None] != others
    n, a, b = np.nonzero(near)
    return list(zip(centres[a].tolist(), others[b].tolist(), vectors[n, a, b], strict=True))


def same(pairs, expected):
    """Whether two lists hold the same neighbours, in any order."""
    assert len(pairs.i) == len(expected)
    if not expected:
        return
    got = np.column_stack([pairs.i, pairs.j, pairs.vector])
    want = np.array([[i, j, *v] for i, j, v in expected])
    for table in (got, want):
        table[:] = table[np.lexsort(np.round(table, 6).T[::-1])]
    np.testing.assert_array_equal(got[:, :2], want[:, :2])
    np.testing.assert_allclose(got[:, 2:], want[:, 2:], atol=1e-11)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("cutoff", [0.7, 3.1, 6.0, 13.0])
@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "unwrapped"])
def test_every_image_within_the_cutoff(cell, cutoff, wrapped):
    rng = np.random.default_rng(71)
    positions = rng.uniform(0, 1, (14, 3)) @ cell
    if not wrapped:
        positions += rng.integers(-2, 3, (14, 3)) @ cell
    centres, others = np.array([3, 0, 5, 8, 13]), np.arange(3, 14)
    pairs = neighbours_within(positions, cell, centres, others, cutoff)
    same(pairs, image_by_image(positions, cell, centres, others, cutoff))
    np.testing.assert_allclose(pairs.distance, np.linalg.norm(pairs.vector, axis=1))


@settings(deadline=None)  # compiles in the first example
@given(
    numbers=st.lists(st.floats(-1, 1), min_size=9, max_size=9),
    size=st.floats(2.0, 9.0),
    atoms=st.integers(1, 6),
    cutoff=st.floats(0.3, 9.0),
    seed=st.integers(0, 1000),
)
def test_any_cell_and_any_cutoff(numbers, size, atoms, cutoff, seed):
    cell = size * (np.eye(3) + 0.8 * np.array(numbers).reshape(3, 3))
    if abs(np.linalg.det(cell)) < 0.1 * size**3:
        return
    positions = np.random.default_rng(seed).uniform(-1, 2, (atoms, 3)) @ cell
    everyone = np.arange(atoms)
    farther = image_by_image(positions, cell, everyone, everyone, cutoff + 1e-6)
    expected = [pair for pair in farther if np.linalg.norm(pair[2]) <= cutoff - 1e-6]
    if len(expected) == len(farther):  # none is so close to the cut-off that rounding decides
        same(neighbours_within(positions, cell, everyone, everyone, cutoff), expected)


def test_an_atom_sees_its_images_and_not_itself():
    pairs = neighbours_within(np.zeros((1, 3)), 3.0 * np.eye(3), [0], [0], 4.3)
    assert len(pairs.i) == 6 + 12
    assert pairs.distance.min() == 3.0


def test_two_atoms_on_one_place_are_neighbours():
    pairs = neighbours_within(np.zeros((2, 3)), 9.0 * np.eye(3), [0], [0, 1], 1.0)
    np.testing.assert_array_equal(pairs.j, [1])
    np.testing.assert_array_equal(pairs.vector, [[0, 0, 0]])


def test_the_shells_of_a_perfect_lattice_are_whole():
    """At a cut-off that is the distance of a shell: rounding takes no atom away."""
    a, repeat = 4.05, 4
    cubes = np.indices((repeat,) * 3).reshape(3, -1).T
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    positions = (cubes[:, None] + fcc).reshape(-1, 3) * a + 0.1234567
    everyone = np.ones(len(positions), bool)
    for distance, number in [(a / np.sqrt(2), 12), (a, 18), (a * np.sqrt(1.5), 42)]:
        pairs = neighbours_within(positions, repeat * a * np.eye(3), everyone, everyone, distance)
        np.testing.assert_array_equal(np.bincount(pairs.i), number)


def test_centres_keep_their_order():
    rng = np.random.default_rng(72)
    positions = rng.uniform(0, 9, (40, 3))
    centres = rng.permutation(40)[:20]
    pairs = neighbours_within(positions, CUBE, centres, np.arange(40), 4.0)
    place = {int(atom): k for k, atom in enumerate(centres)}
    assert (np.diff([place[int(i)] for i in pairs.i]) >= 0).all()


def test_a_mask_is_as_good_as_numbers():
    positions = np.random.default_rng(73).uniform(0, 9, (30, 3))
    mask = np.arange(30) % 3 == 0
    a = neighbours_within(positions, CUBE, mask, ~mask, 4.0)
    b = neighbours_within(positions, CUBE, np.flatnonzero(mask), np.flatnonzero(~mask), 4.0)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def test_frames_with_their_own_cells():
    rng = np.random.default_rng(74)
    cells = SKEWED * (1 + 0.05 * rng.standard_normal((4, 1, 1)))
    positions = rng.uniform(0, 1, (4, 12, 3)) @ cells
    block = neighbours_in_frames(positions, cells, np.arange(5), np.arange(12), 3.5)
    for f in range(4):
        one = neighbours_within(positions[f], cells[f], np.arange(5), np.arange(12), 3.5)
        mine = block.frame == f
        for name in ("i", "j", "vector"):
            np.testing.assert_array_equal(getattr(block, name)[mine], getattr(one, name))
    assert (np.diff(block.frame) >= 0).all()


def test_atoms_far_apart_in_a_large_cell():
    """Few atoms and a short distance: the number of boxes follows the atoms, not the volume."""
    positions = np.array([[1.0, 1, 1], [1.5, 1, 1], [4000.0, 4000, 4000]])
    pairs = neighbours_within(positions, 5000 * np.eye(3), np.arange(3), np.arange(3), 0.6)
    assert sorted(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)) == [(0, 1), (1, 0)]


def test_nobody_near_and_nobody_at_all():
    positions = np.array([[1.0, 1, 1], [5.0, 5, 5]])
    for centres, others in [([0], [1]), ([], [1]), ([0], [])]:
        pairs = neighbours_within(positions, CUBE, np.array(centres, int), np.array(others, int), 1.0)
        assert pairs.i.shape == pairs.j.shape == (0,)
        assert pairs.vector.shape == (0, 3)


# the nearest few


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("number", [1, 4, 30])
def test_the_nearest_few(cell, number):
    rng = np.random.default_rng(75)
    positions = rng.uniform(-1, 2, (9, 3)) @ cell
    centres, others = np.array([8, 2, 5]), np.arange(4, 9)
    pairs = nearest(positions, cell, centres, others, number)
    np.testing.assert_array_equal(pairs.i, np.repeat(centres, number))
    widest = pairs.distance.reshape(-1, number)
    assert (np.diff(widest, axis=1) >= 0).all()
    for row, centre in enumerate(centres):
        everything = image_by_image(positions, cell, np.array([centre]), others, widest[row, -1] + 1e-9)
        lengths = np.sort([np.linalg.norm(v) for _, _, v in everything])
        np.testing.assert_allclose(widest[row], lengths[:number], atol=1e-11)  # an own image and its opposite tie


def test_one_atom_alone_in_an_empty_corner():
    """Its neighbours are farther than the density makes one think."""
    rng = np.random.default_rng(76)
    positions = np.concatenate([rng.uniform(0, 3, (60, 3)), [[20.0, 20, 20]]])
    pairs = nearest(positions, 40 * np.eye(3), np.arange(61), np.arange(60), 5)
    assert len(pairs.i) == 61 * 5
    assert pairs.distance[-5:].min() > 25


# peers


@pytest.fixture(scope="module")
def liquid():
    rng = np.random.default_rng(77)
    cell = np.array([[22.0, 0, 0], [9.0, 20.0, 0], [-7.0, 8.5, 21.0]])
    return rng.uniform(0, 1, (900, 3)) @ cell, cell


def test_agrees_with_ase(liquid):
    ase = pytest.importorskip("ase")
    lists = pytest.importorskip("ase.neighborlist")
    positions, cell = liquid
    atoms = ase.Atoms("S900", positions=positions, cell=cell, pbc=True)
    i, j, vectors = lists.neighbor_list("ijD", atoms, 4.5)
    pairs = neighbours_within(positions, cell, np.arange(900), np.arange(900), 4.5)
    same(pairs, list(zip(i, j, vectors, strict=True)))


def test_agrees_with_freud(liquid):
    freud = pytest.importorskip("freud")
    positions, cell = liquid
    box = freud.box.Box.from_matrix(cell.T)
    query = freud.locality.AABBQuery(box, box.wrap(positions))
    theirs = query.query(box.wrap(positions), dict(r_max=4.5, exclude_ii=True)).toNeighborList()
    pairs = neighbours_within(positions, cell, np.arange(900), np.arange(900), 4.5)
    ours = set(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True))
    # float32: pairs within 1e-5 Å of the cut-off fall to either side
    doubtful = ours ^ set(map(tuple, theirs[:].tolist()))
    distance = dict(zip(zip(pairs.i.tolist(), pairs.j.tolist(), strict=True), pairs.distance, strict=True))
    assert all(abs(distance.get(pair, 4.5) - 4.5) < 1e-5 for pair in doubtful)
    assert len(doubtful) < 4


# refusals


@pytest.mark.parametrize("cutoff", [0.0, -1.0, np.nan, np.inf])
def test_a_distance_must_be_one(cutoff):
    with pytest.raises(Refusal, match="positive distance"):
        neighbours_within(np.zeros((1, 3)), CUBE, [0], [0], cutoff)


def test_a_list_too_long_for_the_memory_is_refused(monkeypatch):
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    positions = np.random.default_rng(78).uniform(0, 9, (50, 3))
    with pytest.raises(Refusal, match=r"About .* neighbours lie within 40 Å.*VANHOVE_MEMORY"):
        neighbours_within(positions, CUBE, np.arange(50), np.arange(50), 40.0)


def test_nearest_of_nothing_is_refused():
    with pytest.raises(Refusal, match="number=0"):
        nearest(np.zeros((2, 3)), CUBE, [0], [1], 0)
    with pytest.raises(Refusal, match="no atom that could be a neighbour"):
        nearest(np.zeros((2, 3)), CUBE, [0], np.zeros(2, bool), 3)
