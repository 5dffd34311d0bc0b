r"""ρ_a(Q) = Σ exp(iQ·r) and j_a(Q) = Σ v exp(iQ·r), frame by frame, at chosen vectors Q of the reciprocal lattice.

Q is named by whole numbers h, k, l and phases are taken from fractional coordinates, so that a cell that changes has
the same vectors in every frame. The vectors come in rows of one h and k: the sums over atoms share the product of the
phases along the first two axes, and l and -l share four real sums. Only the phases that are asked for are made, each
directly. Loops run over rows of tables by number: a slice of an array costs more than the loop over a tile.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Complexes = NDArray[np.complex128]

TILE = 512  # atoms whose phases are at hand at a time
VECTOR = 32  # tiles are filled up with weightless atoms to a multiple: what is left over would take as long again

# Taylor's series of sin πx and cos πx, to the last bit for |x| ≤ ½; the doubled angle follows.
SINE = tuple((-1) ** k * math.pi ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(11))
COSINE = tuple((-1) ** k * math.pi ** (2 * k) / math.factorial(2 * k) for k in range(12))


@kernel
def phases(h: float, s: Floats, cosines: Floats, sines: Floats) -> None:
    """Cosine and sine of 2π h s; by a series, since a call of the mathematical library is no vector code."""
    for j in range(s.size):
        x = h * s[j]
        x -= np.floor(x + 0.5)
        square = x * x
        sine = SINE[10]
        cosine = COSINE[11]
        for k in range(9, -1, -1):
            sine = sine * square + SINE[k]
        for k in range(10, -1, -1):
            cosine = cosine * square + COSINE[k]
        sine *= x
        cosines[j] = 1.0 - 2.0 * sine * sine
        sines[j] = 2.0 * sine * cosine


@kernel
def _cross(a: Floats, b: Floats, h: int, d: Floats, e: Floats, k: int, p: Floats, r: Floats, n: int) -> None:
    """The product p + i r = (a + i b)(d + i e), of row ``h`` and row ``k`` of the tables."""
    for j in range(n):
        p[j] = a[h, j] * d[k, j] - b[h, j] * e[k, j]
        r[j] = b[h, j] * d[k, j] + a[h, j] * e[k, j]


@kernel
def _products(p: Floats, r: Floats, c: Floats, s: Floats, at: int, n: int) -> tuple[float, float, float, float]:
    """Σ p c, Σ r s, Σ p s, Σ r c: what Σ (p + i r)(c ± i s) is made of."""
    pc, rs, ps, rc = 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        pc += p[j] * c[at, j]
        rs += r[j] * s[at, j]
        ps += p[j] * s[at, j]
        rc += r[j] * c[at, j]
    return pc, rs, ps, rc


@kernel
def _whole_products(
    a: Floats, b: Floats, h: int, d: Floats, e: Floats, k: int, c: Floats, s: Floats, at: int, n: int
) -> tuple[float, float, float, float]:
    """The same with p + i r = (a + i b)(d + i e), which a row of a single entry need not keep."""
    pc, rs, ps, rc = 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        p = a[h, j] * d[k, j] - b[h, j] * e[k, j]
        r = b[h, j] * d[k, j] + a[h, j] * e[k, j]
        pc += p * c[at, j]
        rs += r * s[at, j]
        ps += p * s[at, j]
        rc += r * c[at, j]
    return pc, rs, ps, rc


@kernel
def _put(pc: float, rs: float, ps: float, rc: float, entries: Ints, e: int, rho: Complexes) -> None:
    """Add Σ (p + i r)(c ± i s) to the places of l and -l, where these are wanted."""
    if entries[e, 1] >= 0:
        rho[entries[e, 1]] += complex(pc - rs, ps + rc)
    if entries[e, 2] >= 0:
        rho[entries[e, 2]] += complex(pc + rs, rc - ps)


@kernel
def _add_densities(
    a: Floats, b: Floats, d: Floats, e: Floats, c: Floats, s: Floats, n: int, rows: Ints, firsts: Ints, entries: Ints,
    p: Floats, r: Floats, rho: Complexes,
) -> None:  # fmt: skip
    """Add Σ exp(iQ·r) of a tile of ``n`` atoms; the tables are those of h, k and l."""
    for row in range(rows.shape[0]):
        first, last = firsts[row], firsts[row + 1]
        if last - first == 1:
            at = entries[first, 0]
            pc, rs, ps, rc = _whole_products(a, b, rows[row, 0], d, e, rows[row, 1], c, s, at, n)
            _put(pc, rs, ps, rc, entries, first, rho)
            continue
        _cross(a, b, rows[row, 0], d, e, rows[row, 1], p, r, n)
        for entry in range(first, last):
            pc, rs, ps, rc = _products(p, r, c, s, entries[entry, 0], n)
            _put(pc, rs, ps, rc, entries, entry, rho)


@kernel
def _moving(
    p: Floats, r: Floats, c: Floats, s: Floats, at: int, sign: float, v: Floats, n: int
) -> tuple[complex, complex, complex]:
    """Σ v (p + i r)(c ± i s), one component of ``v`` after the other."""
    x_real, x_imaginary, y_real, y_imaginary, z_real, z_imaginary = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        real = p[j] * c[at, j] - sign * r[j] * s[at, j]
        imaginary = r[j] * c[at, j] + sign * p[j] * s[at, j]
        x_real += v[0, j] * real
        x_imaginary += v[0, j] * imaginary
        y_real += v[1, j] * real
        y_imaginary += v[1, j] * imaginary
        z_real += v[2, j] * real
        z_imaginary += v[2, j] * imaginary
    return complex(x_real, x_imaginary), complex(y_real, y_imaginary), complex(z_real, z_imaginary)


@kernel
def _add_currents(
    a: Floats, b: Floats, d: Floats, e: Floats, c: Floats, s: Floats, n: int, rows: Ints, firsts: Ints, entries: Ints,
    p: Floats, r: Floats, v: Floats, jx: Complexes, jy: Complexes, jz: Complexes,
) -> None:  # fmt: skip
    """Add Σ v exp(iQ·r) of a tile of ``n`` atoms with the velocities ``v`` (axis, atom)."""
    for row in range(rows.shape[0]):
        _cross(a, b, rows[row, 0], d, e, rows[row, 1], p, r, n)
        for entry in range(firsts[row], firsts[row + 1]):
            for side in range(2):
                place = entries[entry, 1 + side]
                if place >= 0:
                    x, y, z = _moving(p, r, c, s, entries[entry, 0], 1.0 - 2.0 * side, v, n)
                    jx[place] += x
                    jy[place] += y
                    jz[place] += z


@kernel
def modes_of(
    positions: Floats, velocities: Floats, inverses: Floats, origins: Floats, order: Ints, starts: Ints,
    h_values: Floats, k_values: Floats, l_values: Floats, rows: Ints, firsts: Ints, entries: Ints,
) -> Complexes:  # fmt: skip
    """Fourier sums of each frame: (frame, 1 or 3, species, place).

    Parameters
    ----------
    positions
        (frame, atom, axis), wrapped or not.
    velocities
        The same, for the three components of j; without atoms, (frame, 0, 3), ρ alone is summed.
    inverses, origins
        Of each frame: the inverse of the cell, and what is subtracted from fractional coordinates.
    order
        Atoms sorted by species: species ``a`` is ``order[starts[a]:starts[a + 1]]``.
    h_values, k_values, l_values
        The numbers whose phases are needed along each axis, l ≥ 0.
    rows, firsts, entries
        (row, 2): which h and which k. Row n has the entries from ``firsts[n]`` to ``firsts[n + 1]``: which l, and the
        places of l and -l in the result, -1 where one is not wanted.
    """
    frames, species = positions.shape[0], starts.size - 1
    moving = velocities.shape[1] > 0
    components = 3 if moving else 1
    places = 0
    for e in range(entries.shape[0]):
        places = max(places, entries[e, 1] + 1, entries[e, 2] + 1)
    sums = np.zeros((frames, components, species, places), np.complex128)
    s, v = np.zeros((3, TILE)), np.zeros((3, TILE))
    p, r = np.empty(TILE), np.empty(TILE)
    h_cosines, h_sines = np.empty((h_values.size, TILE)), np.empty((h_values.size, TILE))
    k_cosines, k_sines = np.empty((k_values.size, TILE)), np.empty((k_values.size, TILE))
    l_cosines, l_sines = np.empty((l_values.size, TILE)), np.empty((l_values.size, TILE))
    for f in range(frames):
        inverse = inverses[f]
        for a in range(species):
            for begin in range(starts[a], starts[a + 1], TILE):
                n = min(TILE, starts[a + 1] - begin)
                full = (n + VECTOR - 1) // VECTOR * VECTOR
                for j in range(n):
                    atom = order[begin + j]
                    x, y, z = positions[f, atom, 0], positions[f, atom, 1], positions[f, atom, 2]
                    for i in range(3):
                        place = x * inverse[0, i] + y * inverse[1, i] + z * inverse[2, i] - origins[f, i]
                        s[i, j] = place - np.floor(place)
                        if moving:
                            v[i, j] = velocities[f, atom, i]
                for i in range(h_values.size):
                    phases(h_values[i], s[0, :full], h_cosines[i, :full], h_sines[i, :full])
                    for j in range(n, full):
                        h_cosines[i, j], h_sines[i, j] = 0.0, 0.0
                for i in range(k_values.size):
                    phases(k_values[i], s[1, :full], k_cosines[i, :full], k_sines[i, :full])
                for i in range(l_values.size):
                    phases(l_values[i], s[2, :full], l_cosines[i, :full], l_sines[i, :full])
                if moving:
                    _add_currents(
                        h_cosines, h_sines, k_cosines, k_sines, l_cosines, l_sines, full, rows, firsts, entries,
                        p, r, v, sums[f, 0, a], sums[f, 1, a], sums[f, 2, a],
                    )  # fmt: skip
                else:
                    _add_densities(
                        h_cosines, h_sines, k_cosines, k_sines, l_cosines, l_sines, full, rows, firsts, entries,
                        p, r, sums[f, 0, a],
                    )  # fmt: skip
    return sums


@kernel
def keep(sums: Complexes, start: int, series: Complexes) -> None:
    """Write ``sums`` (frame, component, species, vector) into ``series`` (component, species, vector, time)."""
    frames, components, species, vectors = sums.shape
    for i in range(components):
        for a in range(species):
            for q in range(vectors):
                for f in range(frames):
                    series[i, a, q, start + f] = sums[f, i, a, q]


@kernel
def keep_along(sums: Complexes, frame_of: Floats, start: int, series: Complexes) -> None:
    """As :func:`keep`, with the components turned into each vector's own axes, ``frame_of`` (vector, 3, 3)."""
    frames, _, species, vectors = sums.shape
    for a in range(species):
        for q in range(vectors):
            for i in range(3):
                x, y, z = frame_of[q, i]
                for f in range(frames):
                    series[i, a, q, start + f] = x * sums[f, 0, a, q] + y * sums[f, 1, a, q] + z * sums[f, 2, a, q]
