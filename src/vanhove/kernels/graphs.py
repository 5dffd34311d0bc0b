"""Connected groups of atoms in a periodic cell, and how many directions each extends in without end.

A union-find whose links carry whole numbers of cells: every atom knows in which cell it lies, seen from its group's
first one. A bond that closes a ring adds up to no cell, or the group meets its own image: as many independent sums as
there are, so many directions it runs through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@kernel
def _root(parent: Ints, cells: Ints, node: int) -> int:
    """The head of a node's group; afterwards the node hangs on it directly, with its own cell counted from there."""
    head = node
    x, y, z = 0, 0, 0
    while parent[head] != head:
        x, y, z = x + cells[head, 0], y + cells[head, 1], z + cells[head, 2]
        head = parent[head]
    while parent[node] != node and parent[node] != head:
        above = parent[node]
        u, v, w = cells[node, 0], cells[node, 1], cells[node, 2]
        parent[node] = head
        cells[node, 0], cells[node, 1], cells[node, 2] = x, y, z
        x, y, z = x - u, y - v, z - w
        node = above
    return head


@kernel
def _independent(basis: Ints, rank: int, x: int, y: int, z: int) -> bool:
    """Whether a vector of whole numbers lies outside of what ``rank`` others span."""
    if rank == 0:
        return x != 0 or y != 0 or z != 0
    a, b, c = basis[0, 0], basis[0, 1], basis[0, 2]
    if rank == 1:
        beside: bool = b * z - c * y != 0 or c * x - a * z != 0 or a * y - b * x != 0
        return beside
    d, e, f = basis[1, 0], basis[1, 1], basis[1, 2]
    outside: bool = rank == 2 and a * (e * z - f * y) + b * (f * x - d * z) + c * (d * y - e * x) != 0
    return outside


@kernel
def placed(nodes: int, first: Ints, second: Ints, shifts: Ints) -> tuple[Ints, Ints, Ints]:
    """The groups that bonds connect, and where their atoms lie in one piece.

    Parameters
    ----------
    nodes
        How many atoms there are.
    first, second, shifts
        Each bond joins atom ``first`` to the image of ``second`` that is ``shifts`` (bond, axis) cells away.

    Returns
    -------
    The group of every atom, numbered in the order of their first atoms; the number of directions (0 to 3) that each
    group extends in without end; and (atom, axis) the cells that put every atom beside those that it is bonded to, seen
    from the first of its group. Of a group without end only some of its bonds are kept by that.
    """
    parent, size = np.arange(nodes), np.ones(nodes, np.int64)
    cells = np.zeros((nodes, 3), np.int64)
    for k in range(first.size):
        a, b = _root(parent, cells, first[k]), _root(parent, cells, second[k])
        if a == b:
            continue
        sign = 1
        if size[a] < size[b]:
            a, b, sign = b, a, -1
        for c in range(3):
            cells[b, c] = sign * (cells[first[k], c] + shifts[k, c] - cells[second[k], c])
        parent[b] = a
        size[a] += size[b]
    group = np.full(nodes, -1)
    groups = 0
    for node in range(nodes):
        head = _root(parent, cells, node)
        if group[head] < 0:
            group[head] = groups
            groups += 1
        group[node] = group[head]
    extent = np.zeros(groups, np.int64)
    basis = np.zeros((groups, 2, 3), np.int64)
    for k in range(first.size):
        a, b = first[k], second[k]
        g = group[a]
        x = cells[a, 0] + shifts[k, 0] - cells[b, 0]
        y = cells[a, 1] + shifts[k, 1] - cells[b, 1]
        z = cells[a, 2] + shifts[k, 2] - cells[b, 2]
        if _independent(basis[g], extent[g], x, y, z):
            if extent[g] < 2:
                basis[g, extent[g], 0], basis[g, extent[g], 1], basis[g, extent[g], 2] = x, y, z
            extent[g] += 1
    origin = np.zeros((groups, 3), np.int64)
    for node in range(nodes - 1, -1, -1):  # the first of each group is the last to be written
        origin[group[node]] = cells[node]
    for node in range(nodes):
        cells[node] -= origin[group[node]]
    return group, extent, cells


@kernel
def connected(nodes: int, first: Ints, second: Ints, shifts: Ints) -> tuple[Ints, Ints]:
    """The groups that bonds connect: the first two of what :func:`placed` returns."""
    group, extent, _ = placed(nodes, first, second, shifts)
    return group, extent
