"""Numbers out of text: to the last bit what Python's own ``float`` says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanhove.kernels import parsing


def parse(words: list[str]) -> tuple[int, np.ndarray]:
    """The fault and the numbers of words, three a row."""
    rows = [words[i : i + 3] for i in range(0, len(words), 3)]
    text = "\n".join(" ".join(row) for row in rows) + "\n"
    data = np.frombuffer(bytearray(text.encode()), np.uint8)
    values = np.empty((1, len(rows), 3))
    fault, *_ = parsing.parse_frames(
        data, np.array([0]), np.array([data.size]), parsing.POSITION + np.arange(3), False, np.empty(0, np.int64),
        np.empty(0, np.int64), np.eye(3)[None], np.zeros((1, 3)), False, False, values, np.empty((0, 0, 3)),
    )  # fmt: skip
    return fault, values.reshape(-1)


def check(words: list[str]) -> None:
    padded = words + ["0"] * (-len(words) % 3)
    fault, values = parse(padded)
    assert fault == parsing.GOOD
    expected = np.array([float(word.lower().replace("d", "e")) for word in padded])
    wrong = values != expected
    assert not wrong.any(), [(w, v, e) for w, v, e, bad in zip(padded, values, expected, wrong, strict=True) if bad]


FORMATS = ["%r", "%.6f", "%g", "%.16e", "%.17g", "%.8E", "%.4f", "%12.8f", "%.15g"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30), min_size=1, max_size=30
    ),
    st.sampled_from(FORMATS),
)
def test_floats_in_every_usual_format(numbers: list[float], form: str) -> None:
    usual = [x for x in numbers if x == 0 or abs(x) > 1e-25]
    check([(form % x).strip() for x in usual] or ["0"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1), min_size=1), st.integers(-40, 40))
def test_up_to_eighteen_digits_round_correctly(integers: list[int], power: int) -> None:
    check([f"{n}e{power}" for n in integers])


def test_half_way_between_two_doubles() -> None:
    check(
        ["9007199254740993", "9007199254740995", "4503599627370496.5", "4503599627370497.5", "1e23", "8.5e22", "1e22"]
    )
    check([str(2**53 + 1 + 2 * k) for k in range(9)] + [f"{2**54 + 2 + 4 * k}" for k in range(9)])


def test_shapes_of_a_number() -> None:
    check(["5.", ".5", "+3.25", "-0.0", "007", "1E+05", "1e5", "2.5d-3", "1D2", "0.000000000000000000000000125"])


def test_beyond_the_digits_that_count() -> None:
    long = [
        "0.333333333333333333333333333333",
        "123456789012345678901234567890",
        "3.14159265358979323846264338327950288",
    ]
    _, values = parse(long)
    np.testing.assert_allclose(values, [float(word) for word in long], rtol=2.3e-16)


def test_powers_far_away_stay_close() -> None:
    words = ["1.5e-200", "2.5e120", "9.9e307"]
    _, values = parse(words)
    np.testing.assert_allclose(values, [float(word) for word in words], rtol=1e-13)


@pytest.mark.parametrize(
    "word",
    ["nan", "-nan", "inf", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "12abc", "0x10", "1,5", "***", "1e400", "--1"],
)
def test_what_is_no_number(word: str) -> None:
    assert parse(["1.0", word, "2.0"])[0] == parsing.NOT_A_NUMBER


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab 1", max_size=300), max_size=40), st.integers(0, 45), st.booleans())
def test_skipping_lines(lines: list[str], skipped: int, ended: bool) -> None:
    text = "\n".join(lines) + ("\n" if ended else "")
    data = np.frombuffer(bytearray(text.encode()), np.uint8)
    at, left = parsing.skip_lines(data, 0, data.size, skipped)
    ends = text.count("\n")
    assert left == max(0, skipped - ends)
    if left == 0:
        assert text[:at].count("\n") == skipped
        assert at == 0 or skipped == 0 or text[at - 1] == "\n"
    else:
        assert at == len(text)
