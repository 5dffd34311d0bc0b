"""A result as a few lines on a terminal: single numbers, curves at some lags, first peaks; always with units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .text import aligned, measured

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import DataArray, Dataset

    Floats = NDArray[np.float64]

POINTS = 6  # of a curve: enough to see what it does
SHORT = 8  # an array of so many values is shown whole
LINES = "component"  # of a fit: a column each


def table(result: Dataset) -> list[str]:
    """The lines that show ``result``."""
    curves = [str(dim) for dim, n in result.sizes.items() if n > 1 and dim != LINES and _is_number(result, str(dim))]
    lines = _numbers(result, set(curves))
    if result.attrs.get("observable") == "structure.rdf":
        lines += _peaks(result)
    else:
        lines += [line for dim in curves for line in _points(result, dim)]
    if "verdict" in result.attrs:
        lines.append(f"verdict  {result.attrs['verdict']}")
    return lines


def _is_number(result: Dataset, dim: str) -> bool:
    return dim in result.coords and bool(np.issubdtype(result[dim].dtype, np.number))


def _is_told(array: DataArray) -> bool:
    """Whether it holds paragraphs."""
    return not np.issubdtype(array.dtype, np.number) and any("\n" in str(value) for value in array.values.flat)


def _unit(array: DataArray) -> str:
    unit = str(array.attrs.get("units", ""))
    return "" if unit in ("", "1") else unit


def _head(array: DataArray) -> str:
    unit = _unit(array)
    return f"{array.name} ({unit})" if unit else str(array.name)


def _numbers(result: Dataset, curves: set[str]) -> list[str]:
    """Variables of a few named values: each value on a line, beside its error."""
    rows = []
    for name, array in result.data_vars.items():
        named = all(dim in array.coords and dim not in curves for dim in array.dims)
        if not named or array.size > SHORT or str(name).endswith("_error") or _is_told(array):
            continue
        error = result.get(f"{name}_error")
        if error is not None and error.shape != array.shape:
            error = None
        for place in np.ndindex(array.shape):
            where = [_label(array[dim].values[i]) for dim, i in zip(array.dims, place, strict=True)]
            spread = None if error is None else error.values[place]
            rows.append([" ".join([str(name), *where]), _shown(array.values[place], spread, _unit(array))])
    return aligned(rows) if rows else []


def _points(result: Dataset, dim: str) -> list[str]:
    """The curves over ``dim`` at a few of its values, evenly spread in their logarithm."""
    curves = list(_curves(result, dim))
    along = np.asarray(result[dim].values, float)
    positive = along[along > 0]
    if not curves or len(positive) == 0:
        return []
    if len(along) <= SHORT:  # sites, numbers of bridges: 0 is one of them
        chosen = np.arange(len(along))
    else:
        wanted = np.geomspace(positive.min(), positive.max(), POINTS)
        chosen = np.unique([int(np.argmin(np.abs(along - x))) for x in wanted])
    rows = [[_head(result[dim]), *(head for head, _, _ in curves)]]
    for i in chosen:
        cells = [_shown(values[i], None if errors is None else errors[i], "") for _, values, errors in curves]
        rows.append([f"{along[i]:.4g}", *cells])
    return aligned(rows)


def _curves(result: Dataset, dim: str) -> Iterator[tuple[str, NDArray[Any], Floats | None]]:
    """Heading, values and errors of what goes over ``dim`` alone, or over the lines of a fit; no paragraphs."""
    for name, array in result.data_vars.items():
        rest = [str(other) for other in array.dims if other != dim]
        if dim not in array.dims or rest not in ([], [LINES]) or str(name).endswith("_error"):
            continue
        error = result.get(f"{name}_error")
        for k in range(result.sizes[LINES] if rest else 1):
            at = {LINES: k} if rest else {}
            values = array.isel(at).values
            known = np.issubdtype(values.dtype, np.number)
            if np.isfinite(values).any() if known else not _is_told(array):
                number = f" {k}" if rest and result.sizes[LINES] > 1 else ""
                unit = f" ({_unit(array)})" if _unit(array) else ""
                yield f"{name}{number}{unit}", values, None if error is None else error.isel(at).values


def _shown(value: Any, error: Any, unit: str) -> str:
    """A number with its error; what is no number (a species, a name, yes or no) as it is written."""
    if not np.issubdtype(np.asarray(value).dtype, np.number):
        return str(value)
    return measured(float(value), None if error is None else float(error), unit)


def _label(value: Any) -> str:
    """The name of a place: numbers without the digits that only binary has."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _peaks(result: Dataset) -> list[str]:
    """The first peak of every pair's g(r), and the neighbours up to the minimum behind it."""
    from vanhove.structure._rdf import first_peak

    rows = [["pair", "first peak (Å)", "height", "neighbours", "up to (Å)"]]
    for pair in result["pair"].values.tolist():
        peak = first_peak(result, pair)
        values = (peak.position, peak.height, peak.coordination, peak.first_minimum)
        cells = [
            f"{x:{form}}" if np.isfinite(x) else "–"
            for x, form in zip(values, (".3f", ".2f", ".3f", ".3f"), strict=True)
        ]
        rows.append([pair, *cells])
    return aligned(rows)
