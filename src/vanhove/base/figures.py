"""One look for every figure: legible at the width of a page, safe for colour-blind readers, quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), a palette that people with any colour vision tell apart.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000"]

# One colour for a species wherever it is drawn.
PHASE_COLOURS = {"glass": "#E69F00", "interface": "#CC79A7", "crystal": "#0072B2"}
SPECIES_COLOURS = {
    "Li": "#009E73", "Na": "#0072B2", "Si": "#7F7F7F", "P": "#CC79A7", "S": "#E69F00", "Cl": "#56B4E9", "O": "#D55E00",
}  # fmt: skip

STYLE: dict[str, Any] = {
    "figure.figsize": (5.6, 3.8),
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "font.size": 10.5,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.9,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "svg.fonttype": "path",  # the page looks the same wherever it is opened
    "svg.hashsalt": "vanhove",  # the same result draws the same bytes
}


def colour_of(label: str, index: int = 0) -> str:
    """The colour of a species, else the palette's ``index``-th."""
    return SPECIES_COLOURS.get(label, PALETTE[index % len(PALETTE)])


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house style; what the person set before comes back afterwards."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        yield


def new_axes() -> Axes:
    """Axes of a new figure that no window manager holds on to (nothing to close)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as MplFigure

    figure: Figure = MplFigure()
    FigureCanvasAgg(figure)
    return figure.subplots()


def label(name: str, units: str) -> str:
    """An axis label with its unit; a pure number has none."""
    return name if units in ("", "1") else f"{name} ({units})"
