"""Connected groups in periodic cells, against counting the groups of a block of many cells."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vanhove.kernels.graphs import connected, placed

NONE = np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3), np.int64)


def groups_in_a_block(nodes, first, second, shifts, p):
    """Group of every node in p × p × p cells with periodic ends, (cell, node)."""
    cells = np.array(list(product(range(p), repeat=3)))
    number = {tuple(cell): k for k, cell in enumerate(cells)}
    a, b = [], []
    for k, cell in enumerate(cells):
        a.append(k * nodes + first)
        b.append(np.array([number[tuple((cell + s) % p)] for s in shifts], int) * nodes + second)
    a, b = np.concatenate(a), np.concatenate(b)
    size = nodes * len(cells)
    return connected_components(coo_matrix((np.ones(len(a)), (a, b)), (size, size)), directed=False)[1].reshape(
        -1, nodes
    )


@pytest.mark.parametrize("bonds", [0, 2, 4, 6, 9, 12])
@pytest.mark.parametrize("seed", range(12))
def test_groups_and_their_extent(bonds, seed):
    """A group that runs in d directions leaves p^(3 - d) pieces in a block of p³ cells, for a large prime p."""
    rng = np.random.default_rng(100 * bonds + seed)
    nodes, p = 7, 5
    first, second = rng.integers(0, nodes, (2, bonds))
    shifts = rng.integers(-1, 2, (bonds, 3)) * (rng.uniform(size=(bonds, 1)) < 0.6)
    group, extent = connected(nodes, first, second, shifts)
    block = groups_in_a_block(nodes, first, second, shifts, p)
    _, alone = connected_components(coo_matrix((np.ones(bonds), (first, second)), (nodes, nodes)), directed=False)
    np.testing.assert_array_equal(group, np.unique(alone, return_inverse=True)[1])
    for g in range(len(extent)):
        member = np.flatnonzero(group == g)[0]
        assert len(np.unique(block[:, member])) == p ** (3 - extent[g])


def test_it_does_not_matter_where_an_atom_is_counted():
    """Moving atoms by whole cells changes the bonds' shifts, and nothing else."""
    rng = np.random.default_rng(61)
    nodes = 40
    first, second = rng.integers(0, nodes, (2, 50))
    shifts = rng.integers(-1, 2, (50, 3))
    moved = rng.integers(-1000, 1000, (nodes, 3))
    once = connected(nodes, first, second, shifts)
    again = connected(nodes, first, second, shifts + moved[first] - moved[second])
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])


def test_a_bond_to_the_own_image_makes_a_chain_and_back_and_forth_does_not():
    one = np.zeros(1, np.int64)
    assert connected(1, one, one, np.array([[0, 1, 0]]))[1].tolist() == [1]
    there, back = np.array([0, 1]), np.array([1, 0])
    assert connected(2, there, back, np.array([[1, 0, 0], [-1, 0, 0]]))[1].tolist() == [0]
    assert connected(2, there, back, np.array([[1, 0, 0], [0, 0, 0]]))[1].tolist() == [1]
    parallel = np.array([[2, 0, 0], [3, 0, 0], [-4, 0, 0]])
    assert connected(1, np.zeros(3, int), np.zeros(3, int), parallel)[1].tolist() == [1]
    plane = np.array([[1, 1, 0], [1, -1, 0], [5, 3, 0]])
    assert connected(1, np.zeros(3, int), np.zeros(3, int), plane)[1].tolist() == [2]


def test_no_bonds():
    group, extent = connected(3, *NONE)
    assert group.tolist() == [0, 1, 2]
    assert extent.tolist() == [0, 0, 0]
    group, extent = connected(0, *NONE)
    assert len(group) == len(extent) == 0


def test_a_long_chain_is_no_trouble():
    n = 200_000
    order = np.random.default_rng(62).permutation(n)
    group, extent = connected(n, order[:-1], order[1:], np.zeros((n - 1, 3), np.int64))
    assert (group == 0).all()
    assert extent.tolist() == [0]


def test_atoms_are_placed_beside_those_they_are_bonded_to() -> None:
    """Trees, whose atoms lie in cells at random: the bonds say in which, seen from the first of each."""
    rng = np.random.default_rng(3)
    n = 60
    cell = rng.integers(-4, 5, (n, 3))
    child = np.array([k for k in range(1, n) if k % 12])
    parent = np.array([rng.integers(12 * (k // 12), k) for k in child])
    turned = rng.random(len(child)) < 0.5  # bonds lead either way
    first, second = np.where(turned, child, parent), np.where(turned, parent, child)
    order = rng.permutation(len(first))
    group, extent, image = placed(n, first[order], second[order], (cell[second] - cell[first])[order])
    assert group.tolist() == [k // 12 for k in range(n)]
    assert not extent.any()
    np.testing.assert_array_equal(image, cell - cell[12 * (np.arange(n) // 12)])
