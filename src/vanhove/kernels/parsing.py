"""Numbers out of text: rows of columns as LAMMPS, VASP and xyz files have them.

Decimal numbers are rounded correctly. Digits and a power of ten that are exact doubles take one division, which rounds
once (W. D. Clinger, PLDI 1990). Others are rounded in integer arithmetic (D. Lemire, Softw. Pract. Exper. 51, 1700
(2021)): the digits w times 5^q, known to 128 bits, hold every bit that decides a double.
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

# What a column holds; POSITION, VELOCITY and IMAGE stand for their three axes, x first.
SKIP, ID, LABEL, POSITION, VELOCITY, IMAGE, MASS = 0, 1, 2, 3, 6, 9, 12

# Why a row was not taken.
GOOD, SHORT, LONG, NOT_A_NUMBER, NEW_ATOM, TWICE, RELABELLED, MORE_ROWS = range(8)

_DIGITS = 18  # more do not fit into 63 bits; what follows them is below a thousandth of the last bit
_REACH = 64  # powers of ten that are rounded correctly: 1e-46 to 1e64 with 18 digits
_ZERO = np.int64(0)
_ONE = np.uint64(1)  # positions are unsigned: a signed index costs a test for counting from the end
_LOW = np.uint64(0xFFFFFFFF)


def _powers_of_five() -> NDArray[np.uint64]:
    """5^q for -64 <= q <= 64: its first 128 bits as a high and a low word, rounded up where it is a reciprocal."""
    table = np.empty((2 * _REACH + 1, 2), np.uint64)
    for q in range(-_REACH, _REACH + 1):
        five = 5 ** abs(q)
        bits = five if q >= 0 else (1 << (five.bit_length() + 128)) // five + 1
        excess = bits.bit_length() - 128
        bits = bits >> excess if excess >= 0 else bits << -excess
        table[q + _REACH] = bits >> 64, bits & 0xFFFFFFFFFFFFFFFF
    return table


_FIVES = _powers_of_five()
_TENS = 10.0 ** np.arange(23)
_EXACT = np.int64(1) << np.int64(53)
_TWOS = 2.0 ** np.arange(-400, 401)


@kernel
def _product(a: np.uint64, b: np.uint64) -> tuple[Any, Any]:
    """The high and the low word of a 64 × 64 bit product."""
    half = np.uint64(32)
    a0, a1, b0, b1 = a & _LOW, a >> half, b & _LOW, b >> half
    low, middle, other = a0 * b0, a1 * b0, a0 * b1
    carry = (low >> half) + (middle & _LOW) + (other & _LOW)
    return a1 * b1 + (middle >> half) + (other >> half) + (carry >> half), a * b


@kernel
def _scaled(digits: Any, power: Any) -> Any:
    """``digits`` · 10^``power``, rounded to the nearest double."""
    if digits < _EXACT and -22 <= power <= 0:
        return np.float64(digits) / _TENS[-power]
    if digits == 0:
        return 0.0
    if power < -_REACH or power > _REACH:
        return np.float64(digits) * 10.0**power
    word = np.uint64(digits)
    zeros = 0
    for step in (32, 16, 8, 4, 2, 1):
        if word >> np.uint64(64 - step) == 0:
            word <<= np.uint64(step)
            zeros += step
    high, low = _product(word, _FIVES[power + _REACH, 0])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):  # the bits beyond the double's may still be carried into it
        more, _ = _product(word, _FIVES[power + _REACH, 1])
        before = low
        low += more
        if low < before:
            high += np.uint64(1)
    top = np.int64(high >> np.uint64(63))
    shift = np.uint64(top + 9)
    mantissa = high >> shift  # 54 bits: one more than the double's
    half_way = low <= np.uint64(1) and -4 <= power <= 23 and mantissa << shift == high
    if half_way and mantissa & np.uint64(3) == np.uint64(1):
        mantissa -= np.uint64(1)  # exactly between two doubles: to the even one
    mantissa = (mantissa + (mantissa & np.uint64(1))) >> np.uint64(1)
    # floor(log2 5^q) = floor(q log2 10) - q
    exponent = ((power * 217706) >> 16) + top - zeros + 11
    return np.float64(np.int64(mantissa)) * _TWOS[exponent + 400]


@kernel
def _number(text: Bytes, p: np.uint64) -> tuple[Any, Any, Any]:
    """The decimal number at ``p``: its value, where it ends, and whether it is one (nan and inf are not)."""
    sign = 1 - 2 * np.int64(text[p] == 45)  # no branch: signs can't be foreseen
    p += np.uint64(text[p] == 45) | np.uint64(text[p] == 43)
    begin, digits, fraction = p, _ZERO, _ZERO
    while 48 <= text[p] <= 57:
        digits = digits * 10 + (np.int64(text[p]) - 48)
        p += _ONE
    length = np.int64(p - begin)
    if text[p] == 46:
        p += _ONE
        point = p
        while 48 <= text[p] <= 57:
            digits = digits * 10 + (np.int64(text[p]) - 48)
            p += _ONE
        fraction = np.int64(p - point)
        length += fraction
    power: Any = -fraction
    good: Any = length > 0
    if text[p] > 32 or length > _DIGITS:
        digits, power, p, good = _long_number(text, begin)
    return sign * _scaled(digits, power), p, good


@kernel
def _long_number(text: Bytes, p: np.uint64) -> tuple[Any, Any, Any, Any]:
    """A number of any length, with or without exponent: leading digits, their power of ten, its end, if it is one."""
    digits, used, power = _ZERO, _ZERO, _ZERO
    point, good = False, False
    while (48 <= text[p] <= 57) or (text[p] == 46 and not point):
        if text[p] == 46:
            point = True
        else:
            good = True
            if used < _DIGITS:
                digits = digits * 10 + (np.int64(text[p]) - 48)
                used += digits > 0  # leading zeros are no digits
                power -= point
            else:
                power += not point
        p += _ONE
    if good and (text[p] | 32 == 101 or text[p] | 32 == 100):  # e, E, and Fortran's d, D
        p += _ONE
        down = text[p] == 45
        p += np.uint64(down or text[p] == 43)
        exponent, good = _ZERO, False
        while 48 <= text[p] <= 57:
            exponent = exponent * 10 + (np.int64(text[p]) - 48) if exponent < 9999 else exponent
            good = True
            p += _ONE
        power += -exponent if down else exponent
    return digits, power, p, good and text[p] <= 32 and used + power <= 308


@kernel
def _row(text: Bytes, p: np.uint64, roles: Ints, loose: bool, values: Floats) -> tuple[Any, Any, Any, Any, Any]:
    """One row into ``values`` (by role): the fault, where it ends or failed, its id, its label's hash and place."""
    number, label, place = _ZERO, _ZERO, p
    for role in roles:
        while text[p] <= 32 and text[p] != 10:
            p += _ONE
        if text[p] == 10:
            return SHORT, p, number, label, place
        start = p
        if role == SKIP:
            while text[p] > 32:
                p += _ONE
        elif role == ID:
            negative = text[p] == 45
            p += np.uint64(negative)
            number, digits = _ZERO, p
            while 48 <= text[p] <= 57:
                number = number * 10 + (np.int64(text[p]) - 48)
                p += _ONE
            if p == digits or text[p] > 32:
                return NOT_A_NUMBER, start, number, label, place
            if negative:
                number = -number
        elif role == LABEL:
            label, place = np.int64(1469598103934665603), start  # Fowler, Noll and Vo's hash
            while text[p] > 32:
                label = (label ^ np.int64(text[p])) * np.int64(1099511628211)
                p += _ONE
        else:
            value, p, good = _number(text, p)
            if not good:
                return NOT_A_NUMBER, start, number, label, place
            values[role] = value
    while text[p] != 10:
        if text[p] > 32 and not loose:
            return LONG, p, number, label, place
        p += _ONE
    return GOOD, p + _ONE, number, label, place


@kernel
def _ends(block: Bytes) -> Any:
    """Line ends in a block of at most 255 bytes; in one byte, so that it vectorises."""
    count = np.uint8(0)
    for byte in block:
        count += np.uint8(byte == 10)
    return np.int64(count)


@kernel
def skip_lines(text: Bytes, start: int, stop: int, lines: int) -> tuple[int, int]:
    """Where ``lines`` more lines have ended, and how many are missing when the text ends first."""
    p = start
    while p + 192 <= stop:
        ends = _ends(text[p : p + 192])
        if ends >= lines:
            break
        lines -= ends
        p += 192
    while lines > 0 and p < stop:
        lines -= text[p] == 10
        p += 1
    return p, lines


@kernel
def first_rows(
    text: Bytes, roles: Ints, loose: bool, ids: Ints, labels: Ints, places: Ints, masses: Floats
) -> tuple[Any, Any, Any]:
    """Ids, labels (hash, and place in the text) and masses of every row; the fault, its row and its place."""
    values = np.zeros(16)
    p = np.uint64(0)
    for row in range(ids.size):
        fault, p, ids[row], labels[row], place = _row(text, p, roles, loose, values)
        places[row] = np.int64(place)
        if fault != GOOD:
            return fault, row, np.int64(p)
        masses[row] = values[MASS]
    return GOOD, ids.size, np.int64(p)


@kernel
def parse_frames(
    text: Bytes, starts: Ints, stops: Ints, roles: Ints, loose: bool, ids: Ints, labels: Ints, cells: Floats,
    origins: Floats, fractional: bool, images: bool, positions: Floats, velocities: Floats,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """Frames of rows into (frame, atom, axis) arrays; the fault, its frame, its row and its place, or GOOD.

    ``ids`` (rising) say where each atom goes; empty, rows are in order. ``labels`` (of the atoms so sorted) must stay.
    ``fractional``: x = o + s h. ``images``: x + i h, the image flags applied. The text goes on for a byte after the
    last row: a line end.
    """
    atoms = positions.shape[1]
    values = np.zeros(16)
    seen = np.full(atoms, -1)
    moving = velocities.size > 0
    for f in range(starts.size):
        p, slot = np.uint64(starts[f]), np.int64(-1)
        cell = cells[f if cells.shape[0] > 1 else 0]
        for row in range(atoms):
            begin = p
            fault, p, number, label, _ = _row(text, p, roles, loose, values)
            if fault != GOOD:
                return fault, f, row, np.int64(p)
            slot += 1
            if ids.size == 0:
                slot = np.int64(row)
            elif slot >= atoms or ids[slot] != number:
                slot = np.searchsorted(ids, number)
                if slot >= atoms or ids[slot] != number:
                    return NEW_ATOM, f, row, np.int64(begin)
            if seen[slot] == f:
                return TWICE, f, row, np.int64(begin)
            seen[slot] = f
            if labels.size > 0 and labels[slot] != label:
                return RELABELLED, f, row, np.int64(begin)
            for axis in range(3):
                x = values[POSITION + axis]
                if fractional:
                    x = origins[f, axis]
                    for k in range(3):
                        x += values[POSITION + k] * cell[k, axis]
                if images:
                    for k in range(3):
                        x += values[IMAGE + k] * cell[k, axis]
                positions[f, slot, axis] = x
            if moving:
                for axis in range(3):
                    velocities[f, slot, axis] = values[VELOCITY + axis]
        if np.int64(p) != stops[f]:
            return MORE_ROWS, f, atoms, np.int64(p)
    return GOOD, 0, 0, 0
