"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest

from vanhove.report.numbers import at_most, interval, plain, shared_power, subscripts, with_error


@pytest.mark.parametrize(
    ("value", "error", "unit", "text"),
    [
        (2.3149e-5, 0.0514e-5, "cm²/s", "(2.31 ± 0.05) × 10⁻⁵ cm²/s"),
        (0.2581, 0.0119, "eV", "0.258 ± 0.012 eV"),
        (0.2581, 0.0996, "eV", "0.26 ± 0.10 eV"),
        (1653.0, 37.0, "mS/cm", "1650 ± 40 mS/cm"),
        (-1.5, 0.2, "", "−1.50 ± 0.20"),
        (3.0e-7, 8.0e-7, "cm²/s", "(3 ± 8) × 10⁻⁷ cm²/s"),
        (2.5e-5, math.nan, "cm²/s", "2.50 × 10⁻⁵ cm²/s"),
        (2.5e-5, None, "cm^2/s", "2.50 × 10⁻⁵ cm²/s"),
    ],
)
def test_value_and_error(value, error, unit, text):
    assert with_error(value, error, unit).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("bound", "text"),
    [(3.201e-7, "≤ 3.3 × 10⁻⁷"), (3.2e-7, "≤ 3.2 × 10⁻⁷"), (9.96e-6, "≤ 1.0 × 10⁻⁵"), (0.451, "≤ 0.46")],
)
def test_a_bound_is_rounded_up(bound, text):
    assert at_most(bound) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.0, 3, "0"), (12.34, 2, "12"), (1.0, 3, "1.00"), (99.96, 3, "100"), (9.996e-5, 3, "1.00 × 10⁻⁴"),
     (123456.0, 3, "1.23 × 10⁵"),
     (math.inf, 3, "–")],
)  # fmt: skip
def test_plain_numbers(value, digits, text):
    assert plain(value, digits) == text


def test_intervals_tell_their_ends_apart():
    assert interval(0.83, 2.11, "mS/cm") == "0.8 to 2.1\N{NO-BREAK SPACE}mS/cm"
    assert interval(1.02e-9, 1.07e-9, "cm²/s").startswith("(1.02 to 1.07) × 10⁻⁹")
    assert interval(0.19, 1.8e4) == "0.19 to 1.8 × 10⁴"
    assert interval(1e-4, 1e-4) == "(1.00 to 1.00) × 10⁻⁴"


def test_a_column_shares_its_power_of_ten_where_it_can():
    assert shared_power([2e-5, 4e-6, math.nan]) == -5
    assert shared_power([2e-5, 4e-9]) == 0
    assert shared_power([]) == 0


def test_formulas_have_subscripts():
    assert subscripts("Na2SiS3") == "Na₂SiS₃"
    assert subscripts("Li10GeP2S12") == "Li₁₀GeP₂S₁₂"
    assert subscripts("7Li") == "7Li"
