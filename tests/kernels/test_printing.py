"""Numbers printed by the compiled loop are what Python makes of them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vanhove.kernels.printing import print_frames


def texts(parts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [part.encode() for part in parts]
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([len(part) for part in encoded])


def printed(columns: np.ndarray, decimals: list[int], heads: list[str], tails: list[str], kinds: list[int],
            headers: list[str], *, numbered: bool = False) -> str:  # fmt: skip
    out = np.empty(1000 + 64 * columns.size, np.uint8)
    used, frame, atom = print_frames(
        *texts(headers), *texts(heads), *texts(tails), np.array(kinds), numbered, columns, np.array(decimals), out
    )
    return f"refused {frame} {atom}" if used < 0 else out[:used].tobytes().decode()


def number(value: float, decimals: int = 10) -> str:
    return printed(np.array([[[value]]]), [decimals], [""], ["\n"], [0], [""]).rstrip("\n")


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (0.0, 10, "0"), (-0.0, 10, "0"), (-1e-12, 10, "0"), (1.0, 10, "1"), (-1.5, 10, "-1.5"), (10.0, 10, "10"),
        (0.05, 10, "0.05"), (-0.0000000001, 10, "-0.0000000001"), (6.7041, 10, "6.7041"), (99.99999999999, 10, "100"),
        (1234567.125, 10, "1234567.125"), (-3.0, 0, "-3"), (2.5e9, 10, "2500000000"), (1.0, 0, "1"),
        (0.1 + 0.2, 10, "0.3"),
    ],
)  # fmt: skip
def test_by_hand(value: float, decimals: int, expected: str) -> None:
    assert number(value, decimals) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e17, -1e300])
def test_what_is_no_length_is_refused(value: float) -> None:
    assert number(value) == "refused 0 0"


@given(st.floats(-1e5, 1e5), st.integers(0, 12))
def test_to_the_decimals(value: float, decimals: int) -> None:
    text = number(value, decimals)
    assert abs(Fraction(text) - Fraction(value)) <= Fraction(51, 100) / 10**decimals + Fraction(abs(value)) / 2**52
    assert "e" not in text
    assert text == "0" or not (text.endswith((".", "0")) and "." in text)


@given(st.integers(-(10**11), 10**11), st.integers(0, 8))
def test_what_came_from_text_goes_out_as_it_came(digits: int, places: int) -> None:
    value = float(f"{digits}e-{places}")
    assert float(number(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-9e16, max_value=9e16))
def test_large_numbers_keep_sixteen_digits(value: float) -> None:
    assert abs(float(number(value)) - value) <= max(1e-10, abs(value) * 1e-15)


def test_frames_of_rows() -> None:
    columns = np.arange(12.0).reshape(2, 3, 2) / 4
    text = printed(columns, [1, 10], ["1 Na ", "2 S "], [" 22.99\n", "\n"], [0, 1, 0], ["A\n", "BB\n"], numbered=True)
    assert text == (
        "A\n1 1 Na 0 0.25 22.99\n2 2 S 0.5 0.75\n3 1 Na 1 1.25 22.99\n"
        "BB\n1 1 Na 1.5 1.75 22.99\n2 2 S 2 2.25\n3 1 Na 2.5 2.75 22.99\n"
    )
    columns[1, 2, 0] = np.nan
    assert printed(columns, [1, 1], ["", ""], ["\n", "\n"], [0, 1, 0], ["", ""]) == "refused 1 2"
