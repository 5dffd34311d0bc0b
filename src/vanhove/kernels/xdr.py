"""Positions out of XTC frames, which keep them as whole numbers in as few bits as their differences need.

A frame holds the range of each axis and its atoms in groups. A group begins with one atom whose three numbers,
counted from the least of their axis, are the digits of one number in a mixed base, in as many bits as the largest
needs. One bit says whether five follow with a new length of the run; a run holds up to ten atoms, each by its
difference from the one before in a base that grows and shrinks by steps of 2^(1/3). The first of a run stands before
the group's own atom: of a water molecule the oxygen comes second, which makes the differences smaller.

Every length is checked against what is there, so that no damaged byte leads out of the frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GOOD, SHORT, NO_BASE, NO_RANGE, NO_PRECISION, OVERRUN = range(6)  # what was wrong with a frame

PADDING = 16  # bytes behind the last frame that may be looked at
SMALLEST = 9  # the first base that is used
UNPACKED = 9  # so many atoms or fewer are not packed
HEAD = 56  # bytes before what is packed: magic, atoms, step, time, nine of the cell, atoms again
PACKED_HEAD = 32  # precision, ranges, base; the number of bytes follows
_ZERO = np.uint64(0)


def _bases() -> Ints:
    """The bases of differences, ⌊2^(k/3)⌋, with three that their author wrote otherwise."""
    table = np.zeros(73, np.int64)
    for k in range(SMALLEST, 73):
        root = round(2 ** (k / 3))
        table[k] = root if root**3 <= 2**k else root - 1
    table[[37, 57, 69]] = 5060, 524287, 8388607
    return table


BASES = _bases()


@kernel
def _whole(data: Bytes, at: Any) -> Any:
    """The signed 32-bit number at ``at``, highest byte first."""
    p = np.uint64(at)
    value = np.int64(0)
    for i in range(4):
        value = (value << 8) | np.int64(data[p + np.uint64(i)])
    return value - ((value >> 31) << 32)


@kernel
def _bits(data: Bytes, at: np.uint64, count: Any) -> Any:
    """``count`` (at most 32) bits from bit ``at`` on, the highest first."""
    p = at >> np.uint64(3)
    word = _ZERO
    for i in range(8):
        word = (word << np.uint64(8)) | np.uint64(data[p + np.uint64(i)])
    word <<= at & np.uint64(7)
    return np.int64((word >> np.uint64(1)) >> np.uint64(63 - count))


@kernel
def _long(data: Bytes, at: np.uint64, count: Any) -> Any:
    """``count`` (at most 64) bits as a number: its lowest eight come first, its highest, fewer than eight, last."""
    p, shift = at >> np.uint64(3), at & np.uint64(7)
    word = _ZERO
    for i in range(8):
        word = (word << np.uint64(8)) | np.uint64(data[p + np.uint64(i)])
    word = (word << shift) | (np.uint64(data[p + np.uint64(8)]) >> (np.uint64(8) - shift))
    whole, rest = count >> 3, count & 7
    swapped = _ZERO
    for i in range(8):
        swapped |= ((word >> np.uint64(56 - 8 * i)) & np.uint64(255)) << np.uint64(8 * i)
    if whole == 8:
        return swapped
    mask = (np.uint64(1) << np.uint64(8 * whole)) - np.uint64(1)
    last = (swapped >> np.uint64(8 * whole)) & np.uint64(255)
    return (swapped & mask) | ((last >> np.uint64(8 - rest)) << np.uint64(8 * whole))


@kernel
def _longer(data: Bytes, at: np.uint64, count: Any, second: Any, third: Any, digits: Ints, number: Ints) -> None:
    """The three digits of a number of up to 72 bits in the bases (any, ``second``, ``third``), byte by byte."""
    length = 0
    while count > 0:
        take = min(count, 8)
        digits[length] = _bits(data, at, take)
        at += np.uint64(take)
        count -= take
        length += 1
    for axis in (2, 1):
        base = third if axis == 2 else second
        rest = np.int64(0)
        for j in range(length - 1, -1, -1):
            rest = (rest << 8) | digits[j]
            digits[j] = rest // base
            rest -= digits[j] * base
        number[axis] = rest
    number[0] = 0
    for j in range(min(length, 4) - 1, -1, -1):
        number[0] = (number[0] << 8) | (digits[j] & 255)


@kernel
def _bit_length(number: Any) -> Any:
    count = 0
    while number > 0:
        number >>= 1
        count += 1
    return count


@kernel
def _bits_of_product(a: Any, b: Any, c: Any) -> Any:
    """Bits of a·b·c, each below 2^24."""
    low = a * b
    high = (low >> 24) * c + (((low & 0xFFFFFF) * c) >> 24)
    return _bit_length(high) + 24 if high > 0 else _bit_length((low * c) & 0xFFFFFF)


@kernel
def unpack_frames(data: Bytes, starts: Ints, stops: Ints, wide: bool, positions: Floats) -> tuple[Any, Any, Any]:
    """Fill ``positions`` (frame, atom, axis), in Å, from the frames at ``starts`` in ``data``.

    Behind them are ``PADDING`` bytes; ``wide`` says that a frame's number of bytes takes eight. Gives what was wrong,
    in which frame, at which atom.
    """
    for frame in range(starts.size):
        fault, atom = _unpack(data, starts[frame], stops[frame], wide, positions[frame])
        if fault != GOOD:
            return fault, frame, atom
    return GOOD, 0, 0


@kernel
def _unpack(data: Bytes, start: Any, stop: Any, wide: bool, positions: Floats) -> tuple[Any, Any]:
    atoms = positions.shape[0]
    at = start + HEAD
    head = PACKED_HEAD + (8 if wide else 4)
    if stop - at < head:
        return SHORT, 0
    precision = np.float64(np.int32(_whole(data, at)).view(np.float32))
    if not (precision > 0 and precision < 1e12):
        return NO_PRECISION, 0
    scale = 10.0 / precision
    least, size, wanted = np.zeros(3, np.int64), np.zeros(3, np.int64), np.zeros(3, np.int64)
    for axis in range(3):
        least[axis] = _whole(data, at + 4 + 4 * axis)
        size[axis] = _whole(data, at + 16 + 4 * axis) - least[axis] + 1
        if size[axis] < 1:
            return NO_RANGE, 0
        wanted[axis] = min(_bit_length(size[axis]), 32)
    index = _whole(data, at + 28)
    if index < SMALLEST or index >= BASES.size:
        return NO_BASE, 0
    together = max(size[0], size[1], size[2]) <= 0xFFFFFF
    many = _bits_of_product(size[0], size[1], size[2]) if together else wanted[0] + wanted[1] + wanted[2]
    second, third = np.uint64(size[1]), np.uint64(size[2])
    p, end = np.uint64(8 * (at + head)), np.uint64(8 * stop)
    digits, number = np.zeros(9, np.int64), np.zeros(3, np.int64)
    run, a = 0, 0
    while a < atoms:
        if p + np.uint64(many + 1) > end:
            return SHORT, a
        if not together:
            x = _bits(data, p, wanted[0])
            y = _bits(data, p + np.uint64(wanted[0]), wanted[1])
            z = _bits(data, p + np.uint64(wanted[0] + wanted[1]), wanted[2])
        elif many <= 64:
            word = _long(data, p, many)
            rest = word // third
            x, y, z = np.int64(rest // second), np.int64(rest % second), np.int64(word % third)
        else:
            _longer(data, p, many, size[1], size[2], digits, number)
            x, y, z = number[0], number[1], number[2]
        p += np.uint64(many)
        x, y, z = x + least[0], y + least[1], z + least[2]
        step = 0
        if _bits(data, p, 1) == 1:
            step = _bits(data, p + np.uint64(1), 5)
            p += np.uint64(5)
            run = step // 3
            step = step % 3 - 1
        p += np.uint64(1)
        if run > 0:
            if a + 1 + run > atoms:
                return OVERRUN, a
            if p + np.uint64(run * index) > end:
                return SHORT, a
            base = np.uint64(BASES[index])
            half = BASES[index] // 2
            u, v, w = x, y, z
            for k in range(run):
                if index <= 64:
                    word = _long(data, p, index)
                    rest = word // base
                    dx, dy, dz = np.int64(rest // base), np.int64(rest % base), np.int64(word % base)
                else:
                    _longer(data, p, index, BASES[index], BASES[index], digits, number)
                    dx, dy, dz = number[0], number[1], number[2]
                p += np.uint64(index)
                u, v, w = u + dx - half, v + dy - half, w + dz - half
                place = a if k == 0 else a + k + 1
                positions[place, 0], positions[place, 1], positions[place, 2] = u * scale, v * scale, w * scale
            a += 1  # the second of the group
        positions[a, 0], positions[a, 1], positions[a, 2] = x * scale, y * scale, z * scale
        a += max(run, 1)
        index += step
        if index < SMALLEST or index >= BASES.size:
            return NO_BASE, a
    return (GOOD if p <= end else SHORT), 0
