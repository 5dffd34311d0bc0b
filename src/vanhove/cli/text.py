"""Plain text on a terminal: columns, and numbers with their errors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines with their columns under each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def measured(value: float | None, error: float | None, unit: str) -> str:
    """``"1.23e-05 ± 0.04e-05 cm²/s"``: the error to two digits, the value to the error's last."""
    if value is None or not math.isfinite(value):
        return "–"
    unit = "" if unit in ("", "1") else f" {unit}"
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.4g}{unit}"
    largest = max(abs(value), error)
    power = math.floor(math.log10(largest))
    decimals = max(0, power - math.floor(math.log10(error)) + 1)
    if -3 < power < 5:
        digits = max(0, decimals - power)
        return f"{value:.{digits}f} ± {error:.{digits}f}{unit}"
    scale = 10.0**power
    return f"({value / scale:.{decimals}f} ± {error / scale:.{decimals}f})e{power:+03d}{unit}"


def kelvin(temperature: float) -> str:
    """``"612 K"``; what is no temperature of a solid to three digits."""
    return f"{temperature:.0f} K" if temperature == 0 or 1 <= temperature < 1e5 else f"{temperature:.3g} K"


def rounded(number: float) -> str:
    """One digit, two around 1: ``"1000"`` of 987, ``"0.001"`` of 0.00103, ``"1.4"`` of 1.43."""
    return f"{float(f'{number:.{2 if 0.1 < number < 10 else 1}g}'):g}"


def counted(number: int, noun: str) -> str:
    """``"1 frame"``, ``"2 frames"``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def summary(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The numbers of a study: a line for each quantity, a column for each temperature."""
    cells: dict[tuple[str, str, str, int], dict[float | None, str]] = {}
    kelvins: set[float] = set()
    for row in rows:
        kelvin = row["temperature"]
        if kelvin is not None:
            kelvins.add(kelvin)
        number = 0  # of the line: replicas have a value each at the same temperature
        while kelvin in cells.get(key := (row["name"], _of(row), row["unit"], number), {}):
            number += 1
        cells.setdefault(key, {})[kelvin] = _cell(row)
    columns = [*sorted(kelvins), *[None] * any(None in line for line in cells.values())]
    head = ["", "", "", *("" if kelvin is None else f"{kelvin:g} K" for kelvin in columns)]
    lines = [
        [name, species, "" if unit == "1" else unit, *(line.get(kelvin, "") for kelvin in columns)]
        for (name, species, unit, _), line in cells.items()
        if set(line.values()) != {"–"}  # why there is no value stands on the page
    ]
    return aligned([head, *lines])


def _of(row: Mapping[str, Any]) -> str:
    from vanhove.study.results import in_words

    return in_words(row["species"] or "", row.get("phase") or "")


def _cell(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "–" if row["upper"] is None else f"< {row['upper']:.3g}"
    if row["error"] is None and row["low"] is not None and row["high"] is not None:
        return f"{row['value']:.3g} ({row['low']:.3g} to {row['high']:.3g})"
    return measured(row["value"], row["error"], "")
