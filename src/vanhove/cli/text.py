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


def summary(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The numbers of a study, one a line."""
    shown = [["quantity", "species", "T (K)", "value", "verdict"]]
    for row in rows:
        kelvin = row.get("temperature")
        value = measured(row.get("value"), row.get("error"), str(row.get("unit") or ""))
        if value == "–" and row.get("upper") is not None:
            value = f"< {measured(row['upper'], None, str(row.get('unit') or ''))}"
        cells = (row["name"], row.get("species"), None if kelvin is None else f"{kelvin:g}", value, row.get("verdict"))
        shown.append([str(cell or "") for cell in cells])
    return aligned(shown)
