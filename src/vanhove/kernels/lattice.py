"""Periodic cells: reduced bases, the shortest image, and unwrapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

ROUNDS = 1000  # of shortening; no cell of atoms needs more than some ten
EXACT = 2.0**53  # whole numbers up to here are exact


@kernel
def _dot(a: Floats, b: Floats) -> Any:
    """Scalar product of two vectors; written out, since numpy's takes seconds to compile and loads scipy."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@kernel
def _multiples(a: Floats, b: Floats) -> Any:
    """The whole multiple of ``b`` nearest to ``a``; 0 where no whole number could say it."""
    square = _dot(b, b)
    ratio = _dot(a, b) / square if square > 0 else 0.0
    return round(ratio) if abs(ratio) < EXACT else 0


@kernel
def inverse_into(cell: Floats, inverse: Floats) -> None:
    """The inverse of three row vectors, by cross products."""
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        for x in range(3):
            y, z = (x + 1) % 3, (x + 2) % 3
            inverse[x, i] = cell[j, y] * cell[k, z] - cell[j, z] * cell[k, y]
    volume = cell[0, 0] * inverse[0, 0] + cell[0, 1] * inverse[1, 0] + cell[0, 2] * inverse[2, 0]
    for i in range(3):
        for x in range(3):
            inverse[x, i] /= volume


@kernel
def reduce_cell(cell: Floats) -> tuple[Floats, Ints]:
    """Minkowski-reduce three row vectors: ``reduced = integers @ cell``, each vector as short as the lattice allows.

    Rounding in a reduced basis and looking at the 26 neighbours finds the shortest image exactly, where rounding in a
    skewed cell picks a wrong one. Numbers that are no cell (not finite, flat) come back as far as they got.
    """
    reduced = cell.copy()
    integers = np.zeros((3, 3), np.int64)
    for i in range(3):
        integers[i, i] = 1
    shorter = np.zeros(3)
    for _ in range(ROUNDS):
        changed = False
        for i in range(3):
            j, k = (i + 1) % 3, (i + 2) % 3
            # first whole multiples of either of the others, so that a very skewed cell needs few rounds
            for trial in range(11):
                if trial == 0:
                    a, b = -_multiples(reduced[i], reduced[j]), 0
                elif trial == 1:
                    a, b = 0, -_multiples(reduced[i], reduced[k])
                else:
                    a, b = (trial - 2) // 3 - 1, (trial - 2) % 3 - 1
                for x in range(3):
                    shorter[x] = reduced[i, x] + a * reduced[j, x] + b * reduced[k, x]
                if _dot(shorter, shorter) < _dot(reduced[i], reduced[i]) * (1 - 1e-12):
                    for x in range(3):
                        reduced[i, x] = shorter[x]
                        integers[i, x] += a * integers[j, x] + b * integers[k, x]
                    changed = True
        if not changed:
            break
    return reduced, integers


@kernel
def shortest(
    d: tuple[float, float, float], reduced: Floats, inverse: Floats, safe: float, skewed: bool
) -> tuple[int, int, int]:
    """How many of each ``reduced`` vector to add to ``d`` so that it is as short as the lattice allows.

    ``safe`` is the square of half the shortest lattice vector: what is shorter than that has no shorter image.
    """
    x, y, z = d
    n0 = -round(x * inverse[0, 0] + y * inverse[1, 0] + z * inverse[2, 0])
    n1 = -round(x * inverse[0, 1] + y * inverse[1, 1] + z * inverse[2, 1])
    n2 = -round(x * inverse[0, 2] + y * inverse[1, 2] + z * inverse[2, 2])
    if not skewed:
        return n0, n1, n2
    x += n0 * reduced[0, 0] + n1 * reduced[1, 0] + n2 * reduced[2, 0]
    y += n0 * reduced[0, 1] + n1 * reduced[1, 1] + n2 * reduced[2, 1]
    z += n0 * reduced[0, 2] + n1 * reduced[1, 2] + n2 * reduced[2, 2]
    best = x * x + y * y + z * z
    if best < safe:
        return n0, n1, n2
    b0, b1, b2 = 0, 0, 0
    for i in range(-1, 2):
        for j in range(-1, 2):
            for k in range(-1, 2):
                u = x + i * reduced[0, 0] + j * reduced[1, 0] + k * reduced[2, 0]
                v = y + i * reduced[0, 1] + j * reduced[1, 1] + k * reduced[2, 1]
                w = z + i * reduced[0, 2] + j * reduced[1, 2] + k * reduced[2, 2]
                square = u * u + v * v + w * w
                if square < best:
                    best, b0, b1, b2 = square, i, j, k
    return n0 + b0, n1 + b1, n2 + b2


@kernel
def _differ(a: Floats, b: Floats) -> Any:
    different = False
    for i in range(3):
        for k in range(3):
            different |= a[i, k] != b[i, k]
    return different


@kernel
def _rebase(last_cell: Floats, inverse: Floats, numbers: Floats, offsets: Floats) -> None:
    """Express what the last frame left in the basis of the next one, where the same lattice got other vectors.

    A simulation that flips a strongly tilted cell goes from h to M⁻¹ h with whole numbers M: then n becomes n M, so
    that n h stays, and ``last_cell`` becomes M⁻¹ h, which differs from the next cell as little as the lattice itself
    does.
    """
    basis, back = np.zeros((3, 3)), np.zeros((3, 3))
    same = True
    for i in range(3):
        for x in range(3):
            basis[i, x] = round(
                last_cell[i, 0] * inverse[0, x] + last_cell[i, 1] * inverse[1, x] + last_cell[i, 2] * inverse[2, x]
            )
            same &= basis[i, x] == (i == x)
    volume = 0.0
    for i in range(3):
        y, z = (i + 1) % 3, (i + 2) % 3
        volume += basis[0, i] * (basis[1, y] * basis[2, z] - basis[1, z] * basis[2, y])
    if same or abs(volume) != 1:  # the same basis, or no basis of the same lattice: the cell itself changed
        return
    inverse_into(basis, back)
    vector = np.zeros(3)
    for table in (numbers, offsets):
        for a in range(table.shape[0]):
            for x in range(3):
                vector[x] = table[a, 0] * basis[0, x] + table[a, 1] * basis[1, x] + table[a, 2] * basis[2, x]
            for x in range(3):
                table[a, x] = vector[x]
    for x in range(3):
        for i in range(3):
            vector[i] = last_cell[i, x]
        for i in range(3):
            last_cell[i, x] = (
                round(back[i, 0]) * vector[0] + round(back[i, 1]) * vector[1] + round(back[i, 2]) * vector[2]
            )


@kernel
def unwrap(
    positions: Floats, cells: Floats, origins: Floats, search: Bools, begun: bool, last_cell: Floats, wrapped: Floats,
    numbers: Floats, offsets: Floats, running: Floats, correction: Floats,
) -> None:  # fmt: skip
    """Raw ``positions`` (frame, atom, axis) become lattice-unwrapped ones, in place.

    Each is w + n h with w in its own frame's cell. Where ``search`` is true the n of a frame makes w's step from the
    frame before the shortest one; elsewhere n goes on as the raw positions have it. ``wrapped``, ``numbers``,
    ``offsets`` (what was added to the raw n), ``running`` and ``last_cell`` carry w, n and c from one call to the next.
    ``correction``, where it is not empty, gets  c(f+1) = c(f) - n(f) [h(f+1) - h(f)].
    """
    frames, atoms = positions.shape[0], positions.shape[1]
    cell, inverse, reduced_inverse = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    reduced, integers = cell, np.zeros((3, 3), np.int64)
    safe, skewed = 0.0, False
    raw, w, m = np.zeros(3), np.zeros(3), np.zeros(3)
    for f in range(frames):
        started = begun or f > 0
        if f == 0 or _differ(cells[f], cell):
            for i in range(3):
                for k in range(3):
                    cell[i, k] = cells[f, i, k]
            inverse_into(cell, inverse)
            if started:
                _rebase(last_cell, inverse, numbers, offsets)
            reduced, integers = reduce_cell(cell)
            inverse_into(reduced, reduced_inverse)
            safe, skewed = np.inf, False
            for i in range(3):
                square = _dot(reduced[i], reduced[i])
                safe = min(safe, 0.25 * square)
                if abs(_dot(reduced[i], reduced[(i + 1) % 3])) > 1e-12 * square:
                    skewed = True
        for a in range(atoms):
            for i in range(3):
                raw[i] = positions[f, a, i]
            for i in range(3):
                s = 0.0
                for k in range(3):
                    s += (raw[k] - origins[f, k]) * inverse[k, i]
                m[i] = np.floor(s)
            for i in range(3):
                w[i] = raw[i] - (m[0] * cell[0, i] + m[1] * cell[1, i] + m[2] * cell[2, i])
            if correction.size > 0:
                for i in range(3):
                    if started:
                        for k in range(3):
                            running[a, i] -= numbers[a, k] * (cell[k, i] - last_cell[k, i])
                    correction[f, a, i] = running[a, i]
            if started and search[f]:
                d = (w[0] - wrapped[a, 0], w[1] - wrapped[a, 1], w[2] - wrapped[a, 2])
                k0, k1, k2 = shortest(d, reduced, reduced_inverse, safe, skewed)
                for i in range(3):
                    numbers[a, i] += k0 * integers[0, i] + k1 * integers[1, i] + k2 * integers[2, i]
                    offsets[a, i] = numbers[a, i] - m[i]
            else:
                for i in range(3):
                    numbers[a, i] = m[i] + offsets[a, i]
            for i in range(3):
                wrapped[a, i] = w[i]
                shift = offsets[a, 0] * cell[0, i] + offsets[a, 1] * cell[1, i] + offsets[a, 2] * cell[2, i]
                positions[f, a, i] = raw[i] + shift
        for i in range(3):
            for k in range(3):
                last_cell[i, k] = cell[i, k]
