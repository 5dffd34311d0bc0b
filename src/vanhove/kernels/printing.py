"""Numbers into text: frames of rows as LAMMPS dumps and xyz files have them.

A number is written with a fixed number of decimals and without the zeros behind them, so that what came from a text
file of fewer decimals goes out as it came in.
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

LARGEST = 1e17  # what is beyond has no room in 63 bits, and is no length or velocity
_SCALES = 10.0 ** np.arange(18)
_TENS = np.array([10**k for k in range(19)], np.uint64)
_TEN = np.uint64(10)
_ZERO = np.uint64(48)


@kernel
def _whole(out: Bytes, p: int, n: np.uint64, places: int) -> Any:
    """The digits of ``n`` with ``places`` of them behind a point; where they end."""
    length = 1
    while length < 19 and n >= _TENS[length]:
        length += 1
    length = max(length, places + 1)
    end = p + length + (places > 0)
    at = end - 1
    for _ in range(places):
        out[at] = np.uint8(_ZERO + n % _TEN)
        n //= _TEN
        at -= 1
    if places > 0:
        out[at] = 46
        at -= 1
    while at >= p:
        out[at] = np.uint8(_ZERO + n % _TEN)
        n //= _TEN
        at -= 1
    return end


@kernel
def _number(out: Bytes, p: int, value: float, decimals: int) -> Any:
    """``value`` to ``decimals``, fewer where it would be more than 17 digits; where it ends, -1 where it is none."""
    size = abs(value)
    if not size < LARGEST:
        return -1
    places = decimals
    while places > 0 and size * _SCALES[places] >= LARGEST:
        places -= 1
    n = np.uint64(np.rint(size * _SCALES[places]))
    if value < 0 and n > np.uint64(0):
        out[p] = 45
        p += 1
    while places > 0 and n % _TEN == np.uint64(0):
        n //= _TEN
        places -= 1
    return _whole(out, p, n, places)


@kernel
def _copied(out: Bytes, p: int, text: Bytes, start: int, stop: int) -> Any:
    for k in range(start, stop):
        out[p] = text[k]
        p += 1
    return p


@kernel
def print_frames(
    headers: Bytes, header_stops: Ints, heads: Bytes, head_stops: Ints, tails: Bytes, tail_stops: Ints, kinds: Ints,
    numbered: bool, columns: Floats, decimals: Ints, out: Bytes,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Frames into ``out``: the bytes used, or -1 with the frame and the atom of a number that can't be written.

    Above every frame stands its header. A row is the atom's number from 1 (where ``numbered``), the head of its kind,
    its ``columns`` (frame, atom, column) each with its ``decimals``, and the tail of its kind; heads end with a space
    and tails with a line end. The texts lie one behind the other, each up to its stop.
    """
    p = 0
    for f in range(columns.shape[0]):
        p = _copied(out, p, headers, header_stops[f - 1] if f > 0 else 0, header_stops[f])
        for a in range(columns.shape[1]):
            if numbered:
                p = _whole(out, p, np.uint64(a + 1), 0)
                out[p] = 32
                p += 1
            kind = kinds[a]
            p = _copied(out, p, heads, head_stops[kind - 1] if kind > 0 else 0, head_stops[kind])
            for c in range(columns.shape[2]):
                if c > 0:
                    out[p] = 32
                    p += 1
                p = _number(out, p, columns[f, a, c], decimals[c])
                if p < 0:
                    return -1, f, a
            p = _copied(out, p, tails, tail_stops[kind - 1] if kind > 0 else 0, tail_stops[kind])
    return p, 0, 0
