"""Numbers as people write them: digits as the error allows, powers of ten, units, bounds that are rounded up."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "−"
SPACE = "\N{NO-BREAK SPACE}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SAME_POWER = 300.0  # highest over lowest value up to which a column shares its power of ten
WIDE = 8.0  # high over low end beyond which the ends of an interval are written each on its own
PLAIN = (-2, 4)  # decades that are written without a power of ten
UNITS = {"cm2/s": "cm²/s", "cm^2/s": "cm²/s", "g/cm3": "g/cm³", "A": "Å", "1": "", "1/A": "Å⁻¹"}


def finite(value: float | None) -> bool:
    """Whether there is a number."""
    return value is not None and math.isfinite(value)


def with_error(value: float, error: float | None, unit: str = "") -> str:
    """``"(2.31 ± 0.05) × 10⁻⁵ cm²/s"``; without an error three digits are given."""
    if error is None or not math.isfinite(error) or error <= 0:
        return with_unit(plain(value), unit)
    power = _power(value if abs(value) >= error else error)
    scale = 10.0**power
    decimals = _decimals(error / scale)
    text = f"{_fixed(value / scale, decimals)} ± {_fixed(error / scale, decimals)}"
    return with_unit(f"({text}) {times(power)}" if power else text, unit)


def interval(low: float, high: float, unit: str = "") -> str:
    """``"0.8 to 2.1 mS/cm"``, with digits enough to tell its ends apart."""
    if 0 < low * WIDE < high:
        return with_unit(f"{plain(low, 2)} to {plain(high, 2)}", unit)
    power = _power(max(abs(low), abs(high)))
    scale = 10.0**power
    decimals = _decimals((high - low) / scale) if high > low else 2
    text = f"{_fixed(low / scale, decimals)} to {_fixed(high / scale, decimals)}"
    if power:
        text = f"({text}) {times(power)}"
    return with_unit(text, unit)


def at_most(bound: float, unit: str = "") -> str:
    """``"≤ 3.2 × 10⁻⁷ cm²/s"``: two digits, rounded up, since a bound may not sink."""
    if bound <= 0:
        return with_unit(f"≤ {plain(bound)}", unit)
    lead = math.floor(math.log10(bound)) - 1
    raised = math.ceil(round(bound / 10.0**lead, 9)) * 10.0**lead
    return with_unit(f"≤ {plain(raised, digits=2)}", unit)


def plain(value: float, digits: int = 3) -> str:
    """A number with so many significant digits."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "–"
    power = _power(float(f"{value:.{digits - 1}e}"))
    mantissa = float(f"{value:.{digits - 1}e}") / 10.0**power
    lead = math.floor(math.log10(abs(mantissa)) + 1e-12)
    text = _fixed(mantissa, max(0, digits - 1 - lead))
    return f"{text} {times(power)}" if power else text


def kelvin(temperature: float | None) -> str:
    """``"1200 K"``."""
    return "" if temperature is None else f"{temperature:g}{SPACE}K"


def with_unit(text: str, unit: str) -> str:
    """The text with its unit behind it, separated by a space that does not break."""
    symbol = UNITS.get(unit, unit)
    return f"{text}{SPACE}{symbol}" if symbol else text


def subscripts(formula: str) -> str:
    """Digits of a formula as subscripts: ``"Na2S"`` → ``"Na₂S"``; a number that begins a word stays."""
    done: list[str] = []
    for before, here in zip(" " + formula, formula, strict=False):
        inside = before.isalpha() or before in ")]" or (done and done[-1] in "₀₁₂₃₄₅₆₇₈₉")
        done.append(here.translate(_LOWERED) if here.isdigit() and inside else here)
    return "".join(done)


_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def shared_power(values: Sequence[float]) -> int:
    """The power of ten that suits all of ``values``, or 0 where they lie too far apart."""
    sizes = [abs(value) for value in values if finite(value) and value != 0]
    if not sizes or max(sizes) > SAME_POWER * min(sizes):
        return 0
    return _power(max(sizes))


def _power(value: float) -> int:
    if value == 0:
        return 0
    decade = math.floor(math.log10(abs(value)) + 1e-12)
    return 0 if PLAIN[0] <= decade < PLAIN[1] else decade


def _decimals(error: float) -> int:
    """Two significant digits of an error that begins with 1 or 2, else one; below 0: tens, hundreds."""
    decade = math.floor(math.log10(error))
    lead = round(error / 10.0 ** (decade - 1))
    if lead >= 100:  # 0.0996 rounds to 0.10
        decade, lead = decade + 1, 10
    return -decade + (1 if lead < 30 else 0)


def _fixed(value: float, decimals: int) -> str:
    text = f"{round(value, decimals):.{max(0, decimals)}f}"
    return f"{MINUS}{text[1:]}" if text.startswith("-") else text


def times(power: int) -> str:
    """``"× 10⁻⁵"``."""
    return f"× 10{str(power).translate(_SUPERSCRIPTS)}"
