"""A figure of the page: drawn once, kept as a file with its numbers beside it, and set into the page."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.figures import new_axes, style
from vanhove.base.files import whole, write_text

from .svg import RASTER_DPI, drawn, inlined

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from xarray import Dataset

SIZE = (4.7, 3.55)  # inches: its letters stay legible on a phone
FOLDER = "figures"
DIGITS = 8  # of the numbers beside a figure
MOST_ROWS = 50_000  # of the table beside a figure


@dataclass(frozen=True)
class Panel:
    """What a figure shows, and how it is drawn."""

    name: str  # of its files, and what its ids in the page begin with
    title: str
    caption: str  # what, how, temperature, units
    draw: Callable[[Axes], object]
    numbers: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # column with its unit → values
    size: tuple[float, float] = SIZE
    painted: bool = False  # thousands of shapes: they become an image, letters and scales stay shapes


@dataclass(frozen=True)
class Figure:
    """A drawn panel, as the page needs it."""

    name: str
    title: str
    caption: str
    svg: Markup  # stands in the page as it is: matplotlib and we wrote it
    csv: str  # the numbers as a data address; "" where there are none


def render(panel: Panel, folder: Path) -> Figure:
    """Draw a panel, write its files into ``folder`` and give it to the page."""
    from markupsafe import Markup

    with style():
        axes = new_axes()
        figure: Any = axes.figure
        figure.set_size_inches(*panel.size)
        panel.draw(axes)
        for artist in axes.collections if panel.painted else ():
            artist.set_rasterized(True)
        svg = drawn(figure)
        if panel.painted:
            with whole(folder / FOLDER / f"{panel.name}.png") as file:
                figure.savefig(file, format="png", dpi=RASTER_DPI, metadata={"Software": None})
    write_text(folder / FOLDER / f"{panel.name}.svg", svg)
    table = written(panel.numbers)
    if table:
        write_text(folder / FOLDER / f"{panel.name}.csv", table)
    address = base64.b64encode(table.encode()).decode()
    return Figure(
        panel.name, panel.title, panel.caption, Markup(inlined(svg, panel.name, panel.title)),  # noqa: S704
        f"data:text/csv;base64,{address}" if table else "",
    )  # fmt: skip


def slug(label: str) -> str:
    """A label as the name of a file and of an element of the page."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", label).strip("-")


def written(columns: Mapping[str, Sequence[Any]]) -> str:
    """Columns of equal length as CSV."""
    if not columns:
        return ""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(columns)
    for line in zip(*columns.values(), strict=True):
        writer.writerow([f"{item:.{DIGITS}g}" if isinstance(item, float) else item for item in line])
    return table.getvalue()


def numbers_of(result: Dataset) -> dict[str, list[Any]]:
    """A dataset's first variable and all others of its dimensions, as columns; scalars only where all are scalars.

    None of a field in space: nobody reads its millions of numbers in a table, and a page can't hold them.
    """
    first = next(iter(result.data_vars.values()), None)
    if first is None or first.size > MOST_ROWS:
        return {}
    alike = [name for name, variable in result.data_vars.items() if variable.dims == first.dims]
    frame = result[alike].to_dataframe() if first.dims else result[alike].to_array("quantity").to_dataframe("value")
    index = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index()[[*index, *(alike if first.dims else ["value"])]]
    return {_headed(result, str(name)): frame[name].tolist() for name in frame.columns}


def _headed(result: Dataset, name: str) -> str:
    units = result[name].attrs.get("units", "1") if name in result.variables else "1"
    return name if units in ("", "1") else f"{name} ({units})"
