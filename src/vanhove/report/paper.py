"""Our numbers beside a paper's: a table, and the literature's points in the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.study.expected import compare

from .numbers import at_most, finite, kelvin, plain, with_error
from .runs import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vanhove.study.expected import Comparison, Expected, Overlay
    from vanhove.study.results import Results

    from .panel import Panel

INVERSE = ("diffusion-all", "conductivity-all", "arrhenius-")  # figures against 1000/T
MARKERS = "sD^vP*X<>"


def beside(results: Results, expected: Expected) -> Table | None:
    """Ours, theirs, the difference in standard errors, the factor, and where it stands."""
    rows = [_line(one) for one in compare(results.summary, expected)]
    head = ["Quantity", "Of", "T", "Ours", "Theirs", "Difference", "Ours / theirs", "Where"]
    return Table(head, rows) if rows else None


def sources(expected: Expected) -> list[str]:
    """The papers that the numbers and points are from."""
    named = [one.source for one in expected.quantity] + [one.source for one in expected.overlay]
    return list(dict.fromkeys(filter(None, named)))


def _line(one: Comparison) -> list[str]:
    theirs, ours = one.theirs, one.ours
    if ours is None:
        told = "not computed"
    elif finite(ours["value"]):
        told = with_error(ours["value"], ours["error"], ours["unit"])
    elif finite(ours["upper"]):
        told = at_most(ours["upper"], ours["unit"])
    else:
        told = "refused"
    return [
        theirs.name,
        ", ".join(filter(None, [theirs.species, theirs.phase])) or "–",
        kelvin(theirs.temperature if ours is None else ours["temperature"]) or "–",
        told,
        with_error(theirs.value, theirs.error, theirs.unit),
        "–" if one.sigmas is None else f"{one.sigmas:+.1f} σ",
        "–" if one.factor is None else plain(one.factor, 2),
        "; ".join(filter(None, [theirs.where, theirs.note])) or "–",
    ]


def overlaid(panel: Panel, overlays: Sequence[Overlay]) -> Panel:
    """The panel with the points that are meant for it."""
    mine = [one for one in overlays if fnmatchcase(panel.name, one.figure) and one.points]
    if not mine:
        return panel

    def drawn(ax: Axes) -> None:
        panel.draw(ax)
        before = ax.get_legend()
        handles: list[Any] = [] if before is None else list(before.legend_handles)
        labels = [] if before is None else [text.get_text() for text in before.get_texts()]
        for marker, overlay in zip(MARKERS, mine, strict=False):
            x, y, error = np.array([[_number(part) for part in point] for point in overlay.points]).T
            if overlay.x == "temperature" and panel.name.startswith(INVERSE):
                x = 1000 / x
            handles.append(
                ax.errorbar(
                    x, y, yerr=np.nan_to_num(error) if np.isfinite(error).any() else None, fmt=marker, ms=5,
                    mfc="none", color="#222222", capsize=2, zorder=5,
                )
            )  # fmt: skip
            labels.append(overlay.label)
        ax.legend(handles, labels, loc="best")

    told = ", ".join(one.label for one in mine)
    return replace(panel, draw=drawn, caption=f"{panel.caption} Open symbols: {told}.")


def _number(part: float | None) -> float:
    """No number as an array knows it."""
    return float("nan") if part is None else part
