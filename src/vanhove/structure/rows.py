"""Curves of many pairs above one another, each to its own scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Placed = Callable[[Floats], Floats]  # the height on the axes of a value of a row

FILLED = 0.9  # of its height, by the curve of a row
MOST_ROOMY = 8  # rows beside which name and range have a line each


class Row(NamedTuple):
    """One curve, the error of it that is shown as a band, and the value of a grey line."""

    name: str
    colour: str
    values: Floats
    errors: Floats
    line: float | None = None
    height: float = 1.0


def stack(ax: Axes, x: Floats, rows: list[Row]) -> dict[str, Placed]:
    """Draw ``rows`` from the top down; gives where the values of each lie, for what else is drawn."""
    edge = ax.get_yaxis_transform()
    total = sum(row.height for row in rows)
    ax.grid(visible=False, axis="y")
    ax.set(ylim=(-0.1, total), yticks=[])
    base, roomy = total, len(rows) <= MOST_ROOMY
    places: dict[str, Placed] = {}
    for row in rows:
        base -= row.height
        known = np.isfinite(row.values)
        size = 9.5 if roomy else 8.5
        ax.text(1.01, base + 0.52 * row.height, row.name, transform=edge, color=row.colour, va="center", fontsize=size)
        if not known.any():
            continue
        seen = row.values[known] if row.line is None else np.append(row.values[known], row.line)
        low, high = float(seen.min()), float(seen.max())
        placed = _placing(base, low, FILLED * row.height / max(high - low, 1e-9))
        if row.line is not None:
            ax.axhline(float(placed(np.array(row.line))), color="#BBBBBB", linewidth=0.7, zorder=1)
        spread = np.nan_to_num(row.errors[known])
        ax.plot(x[known], placed(row.values[known]), color=row.colour, zorder=3)
        low_edge, high_edge = placed(row.values[known] - spread), placed(row.values[known] + spread)
        ax.fill_between(x[known], low_edge, high_edge, color=row.colour, alpha=0.3, linewidth=0)
        span = f"{_short(low)} to {_short(high)}"
        place = (1.01, base + 0.52 * row.height - 0.3) if roomy else (1.12, base + 0.52 * row.height)
        ax.text(*place, span, transform=edge, va="center", fontsize=7, color="#555555")
        places[row.name] = placed
    return places


def _placing(base: float, low: float, scale: float) -> Placed:
    return lambda values: np.asarray(base + scale * (values - low))


def _short(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
