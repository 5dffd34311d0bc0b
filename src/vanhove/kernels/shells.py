r"""Sums of ρ_a(Q) ρ_b*(Q) over the vectors Q of the reciprocal lattice, in shells of |Q|.

The vectors lie on rows h b₁ + k b₂ + l b₃ along the third axis. The sums over atoms of a whole row share the product of
the phases along the first two axes, and l and -l share four real sums: the inner loop is four multiplications and
additions for two vectors, on contiguous memory. Atoms come in tiles whose tables of phases stay in the cache, rows in
chunks whose sums do; nothing is as large as the number of vectors. Q and -Q are the same: half the lattice is summed.

To use a part of the vectors only, each row draws a number u from 0 to 1 and is used up to |Q| = q_full/√u: all vectors
up to q_full are, beyond it a share (q_full/|Q|)² of each shell, which has the same number of vectors in every shell of
the same width, and every vector of a shell the same chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel
from .lattice import inverse_into, reduce_cell

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Complexes = NDArray[np.complex128]

TILE = 256  # atoms whose phases are at hand at a time
CHUNK = 16384  # vectors whose sums are
EDGE = 1e-9  # of a shell: a vector on an edge but for rounding belongs to the shell above, as an exact one does


@kernel
def reciprocal_into(cell: Floats, reduced: Floats, reciprocal: Floats) -> None:
    """The reduced cell, its longest vector last (rows are long then), and the reciprocal vectors, b₁ b₂ b₃ as rows."""
    short = reduce_cell(cell)[0]
    length = np.zeros(3)
    for i in range(3):
        length[i] = short[i, 0] ** 2 + short[i, 1] ** 2 + short[i, 2] ** 2
    last = int(np.argmax(length))
    for i in range(3):
        for x in range(3):
            reduced[i, x] = short[(last + 1 + i) % 3, x]
    inverse = np.zeros((3, 3))
    inverse_into(reduced, inverse)
    for i in range(3):
        for x in range(3):
            reciprocal[i, x] = 2 * np.pi * inverse[x, i]


@kernel
def _rows(reciprocal: Floats, most: Ints, q_max: float, q_full: float, rows: Ints, reach: Floats) -> int:
    """List the rows of half the lattice that come within reach: h, k and the largest |l|; returns how many.

    ``reach`` is the |Q| that each is used up to. The random numbers are those of this thread, seeded by the caller.
    """
    third = reciprocal[2]
    square = third[0] ** 2 + third[1] ** 2 + third[2] ** 2
    n = 0
    for h in range(most[0] + 1):
        for k in range(-most[1] if h > 0 else 0, most[1] + 1):
            x = h * reciprocal[0, 0] + k * reciprocal[1, 0]
            y = h * reciprocal[0, 1] + k * reciprocal[1, 1]
            z = h * reciprocal[0, 2] + k * reciprocal[1, 2]
            along = (x * third[0] + y * third[1] + z * third[2]) / square
            away = x * x + y * y + z * z - along * along * square
            limit = q_max
            if q_full < q_max:
                u = np.random.random()  # noqa: NPY002 - numba has one generator a thread, no Generator objects
                if q_full < limit * np.sqrt(u):
                    limit = q_full / np.sqrt(u)
            inside = limit * limit - away
            if inside < 0:
                continue
            rows[n, 0], rows[n, 1] = h, k
            rows[n, 2] = int(np.sqrt(inside / square) + abs(along) + 1e-9)
            reach[n] = limit
            n += 1
    return n


@kernel
def _turn(c: Floats, s: Floats, d: Floats, t: Floats, sign: float, cosines: Floats, sines: Floats) -> None:
    """(c + i s) (d ± i t)."""
    for j in range(c.size):
        cosines[j] = c[j] * d[j] - sign * s[j] * t[j]
        sines[j] = s[j] * d[j] + sign * c[j] * t[j]


@kernel
def _powers(s: Floats, cosines: Floats, sines: Floats) -> None:
    """Cosine and sine of 2π n s of every atom, one row for each n from 0 on, each from the one before."""
    n, atoms = cosines.shape[0], s.size
    for j in range(atoms):
        cosines[0, j], sines[0, j] = 1.0, 0.0
        cosines[1, j], sines[1, j] = np.cos(2 * np.pi * s[j]), np.sin(2 * np.pi * s[j])
    for m in range(2, n):
        _turn(
            cosines[m - 1, :atoms], sines[m - 1, :atoms], cosines[1, :atoms], sines[1, :atoms], 1.0,
            cosines[m, :atoms], sines[m, :atoms],
        )  # fmt: skip


@kernel
def _products(p: Floats, r: Floats, c: Floats, s: Floats) -> tuple[float, float, float, float]:
    """Σ p c, Σ r s, Σ p s, Σ r c: what Σ (p + i r)(c ± i s) is made of."""
    pc, rs, ps, rc = 0.0, 0.0, 0.0, 0.0
    for j in range(p.size):
        pc += p[j] * c[j]
        rs += r[j] * s[j]
        ps += p[j] * s[j]
        rc += r[j] * c[j]
    return pc, rs, ps, rc


@kernel
def _add_tile(
    s: Floats, atoms: int, rows: Ints, offsets: Ints, cosines: Floats, sines: Floats, p: Floats, r: Floats, sums: Floats
) -> None:
    """Add a tile of atoms (``s``: axis, atom) to the ``sums`` (vector, 4) of a chunk of rows."""
    for axis in range(3):
        _powers(s[axis, :atoms], cosines[axis], sines[axis])
    for n in range(rows.shape[0]):
        h, k, longest = rows[n, 0], rows[n, 1], rows[n, 2]
        sign = 1.0 if k >= 0 else -1.0
        k = abs(k)
        _turn(
            cosines[0, h, :atoms], sines[0, h, :atoms], cosines[1, k, :atoms], sines[1, k, :atoms], sign,
            p[:atoms], r[:atoms],
        )  # fmt: skip
        for m in range(longest + 1):
            pc, rs, ps, rc = _products(p[:atoms], r[:atoms], cosines[2, m, :atoms], sines[2, m, :atoms])
            v = offsets[n] + m
            sums[v, 0] += pc
            sums[v, 1] += rs
            sums[v, 2] += ps
            sums[v, 3] += rc


@kernel
def _collect(
    rows: Ints, reach: Floats, offsets: Ints, reciprocal: Floats, width: float, rho: Floats,
    sums: Floats, counts: Ints, lengths: Floats,
) -> None:  # fmt: skip
    """Add ρ_a ρ_b* of a chunk of rows to its shells, from the four real sums ``rho`` (species, vector, 4)."""
    species, bins = rho.shape[0], counts.size
    real, imaginary = np.zeros(species), np.zeros(species)
    for n in range(rows.shape[0]):
        h, k, longest = rows[n]
        for m in range(longest + 1):
            for side in range(2):
                if side == 1 and (m == 0 or (h == 0 and k == 0)):
                    continue  # counted already, as itself or as its opposite
                if m == 0 and h == 0 and k == 0:
                    continue
                sign = 1.0 - 2.0 * side
                x = h * reciprocal[0, 0] + k * reciprocal[1, 0] + sign * m * reciprocal[2, 0]
                y = h * reciprocal[0, 1] + k * reciprocal[1, 1] + sign * m * reciprocal[2, 1]
                z = h * reciprocal[0, 2] + k * reciprocal[1, 2] + sign * m * reciprocal[2, 2]
                q = np.sqrt(x * x + y * y + z * z)
                shell = int(q / width + EDGE)
                if q > reach[n] or shell >= bins:
                    continue
                v = offsets[n] + m
                for a in range(species):
                    real[a] = rho[a, v, 0] - sign * rho[a, v, 1]
                    imaginary[a] = sign * rho[a, v, 2] + rho[a, v, 3]
                counts[shell] += 1
                lengths[shell] += q
                pair = 0
                for a in range(species):
                    for b in range(a, species):
                        sums[pair, shell] += real[a] * real[b] + imaginary[a] * imaginary[b]
                        pair += 1


@kernel
def shell_sums(
    positions: Floats, cells: Floats, order: Ints, starts: Ints, width: float, bins: int, q_full: float, seeds: Ints
) -> tuple[Floats, Ints, Floats]:
    """Σ Re ρ_a ρ_b* by frame, pair of species (a ≤ b) and shell of |Q|; the number of vectors; the sum of their |Q|.

    Shell n holds the vectors with |Q| from n·``width`` to (n + 1)·``width``, one of Q and -Q, without Q = 0. Beyond
    ``q_full`` a part of them is used, drawn anew in each frame from its seed.

    Parameters
    ----------
    positions
        (frame, atom, axis), finite, wrapped or not.
    cells
        (frame, 3, 3) row vectors.
    order
        Atoms sorted by species: species ``a`` is ``order[starts[a]:starts[a + 1]]``.
    """
    frames, species = positions.shape[0], starts.size - 1
    sums = np.zeros((frames, species * (species + 1) // 2, bins))
    counts = np.zeros((frames, bins), np.int64)
    lengths = np.zeros((frames, bins))
    cell, reciprocal, inverse = np.eye(3), np.eye(3), np.eye(3)
    most = np.zeros(3, np.int64)
    q_max = bins * width
    s = np.empty((3, TILE))
    p, r = np.empty(TILE), np.empty(TILE)
    rows, reach, offsets = np.empty((0, 3), np.int64), np.empty(0), np.empty(0, np.int64)
    cosines, sines = np.empty((3, 0, TILE)), np.empty((3, 0, TILE))
    rho = np.empty((species, 0, 4))
    for f in range(frames):
        if f == 0 or not np.all(cells[f] == cells[f - 1]):
            reciprocal_into(cells[f], cell, reciprocal)
            inverse_into(cell, inverse)
            for i in range(3):
                length = np.sqrt(cell[i, 0] ** 2 + cell[i, 1] ** 2 + cell[i, 2] ** 2)
                most[i] = int(q_max * length / (2 * np.pi) + 1e-9)
            all_rows = (most[0] + 1) * (2 * most[1] + 1)
            if all_rows > rows.shape[0]:
                rows, reach, offsets = (
                    np.empty((all_rows, 3), np.int64),
                    np.empty(all_rows),
                    np.empty(all_rows, np.int64),
                )
            longest = most[2] + 1  # a skewed row may reach one further on its one side
            if longest + 1 > rho.shape[1] - CHUNK:
                rho = np.empty((species, CHUNK + longest + 2, 4))
            if most.max() + 3 > cosines.shape[1]:
                cosines, sines = np.empty((3, most.max() + 3, TILE)), np.empty((3, most.max() + 3, TILE))
        np.random.seed(seeds[f])  # noqa: NPY002
        n_rows = _rows(reciprocal, most, q_max, q_full, rows, reach)
        start = 0
        while start < n_rows:
            stop, vectors = start, 0
            while stop < n_rows and vectors < CHUNK:
                offsets[stop] = vectors
                vectors += rows[stop, 2] + 1
                stop += 1
            for a in range(species):
                for v in range(vectors):
                    for i in range(4):
                        rho[a, v, i] = 0.0
                for begin in range(starts[a], starts[a + 1], TILE):
                    n = min(TILE, starts[a + 1] - begin)
                    for j in range(n):
                        atom = order[begin + j]
                        x, y, z = positions[f, atom, 0], positions[f, atom, 1], positions[f, atom, 2]
                        for i in range(3):
                            place = x * inverse[0, i] + y * inverse[1, i] + z * inverse[2, i]
                            s[i, j] = place - np.floor(place)
                    _add_tile(s, n, rows[start:stop], offsets[start:stop], cosines, sines, p, r, rho[a])
            _collect(
                rows[start:stop], reach[start:stop], offsets[start:stop], reciprocal, width, rho,
                sums[f], counts[f], lengths[f],
            )  # fmt: skip
            start = stop
    return sums, counts, lengths


@kernel
def grid_sums(rho: Complexes, reciprocal: Floats, width: float, sums: Floats, counts: Ints, lengths: Floats) -> None:
    """Add ρ_a ρ_b* of one frame to its shells, from ``rho`` (species, h, k, l) on a grid with Q = 0 in its middle."""
    species, bins = rho.shape[0], counts.size
    middle = (rho.shape[1] // 2, rho.shape[2] // 2, rho.shape[3] // 2)
    for h in range(middle[0] + 1):
        for k in range(-middle[1] if h > 0 else 0, middle[1] + 1):
            for m in range(-middle[2] if h > 0 or k > 0 else 1, middle[2] + 1):
                x = h * reciprocal[0, 0] + k * reciprocal[1, 0] + m * reciprocal[2, 0]
                y = h * reciprocal[0, 1] + k * reciprocal[1, 1] + m * reciprocal[2, 1]
                z = h * reciprocal[0, 2] + k * reciprocal[1, 2] + m * reciprocal[2, 2]
                q = np.sqrt(x * x + y * y + z * z)
                shell = int(q / width + EDGE)
                if shell >= bins:
                    continue
                counts[shell] += 1
                lengths[shell] += q
                pair = 0
                for a in range(species):
                    one = rho[a, middle[0] + h, middle[1] + k, middle[2] + m]
                    for b in range(a, species):
                        other = rho[b, middle[0] + h, middle[1] + k, middle[2] + m]
                        sums[pair, shell] += one.real * other.real + one.imag * other.imag
                        pair += 1


@kernel
def lattice_sizes(cells: Floats) -> tuple[Floats, Floats]:
    """The smallest perpendicular width of every frame's reduced cell, and the length of its shortest lattice vector."""
    frames = cells.shape[0]
    widths, shortest = np.empty(frames), np.empty(frames)
    reduced, reciprocal = np.empty((3, 3)), np.empty((3, 3))
    for f in range(frames):
        if f > 0 and np.all(cells[f] == cells[f - 1]):
            widths[f], shortest[f] = widths[f - 1], shortest[f - 1]
            continue
        reciprocal_into(cells[f], reduced, reciprocal)
        widths[f], shortest[f] = np.inf, np.inf
        for i in range(3):
            across = 2 * np.pi / np.sqrt(reciprocal[i, 0] ** 2 + reciprocal[i, 1] ** 2 + reciprocal[i, 2] ** 2)
            along = np.sqrt(reduced[i, 0] ** 2 + reduced[i, 1] ** 2 + reduced[i, 2] ** 2)
            widths[f], shortest[f] = min(widths[f], across), min(shortest[f], along)
    return widths, shortest
