"""Peaks of S(Q) and g(r): where, how high, how wide, and how far apart in real space that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label
from vanhove.base.results import Column, history_of
from vanhove.base.results import dataset as labelled

from .curve_kinds import window_of
from .peak_shape import Peak, find_peak, shape
from .rows import Row, stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

LENGTH = 7.7  # of Q·r: how far apart what causes a peak at Q is
PLAIN = {"q": "S", "r": "g"}  # what is looked at along each axis
KEPT = ("trajectory", "temperature", "frames", "convention", "weights", "scatterers")  # of what the source says


def peaks(dataset: Dataset, window: Sequence[float], *, variable: str | None = None, dips: bool = False) -> Dataset:
    r"""The peak of every curve in a window of Q or r, on whatever it stands (A4).

    .. math:: y(x) \approx a + b\,(x - x_0) + h\, e^{-4 \ln 2\, (x - x_0)^2 / w^2}

    is fitted by least squares around the place where such a peak explains most of the curve in the window. So a
    pre-peak is found on the slope of its neighbour, and below zero as well. The line is what the peak stands on:
    ``position`` is x₀, ``width`` the full width w at half of the ``prominence`` h, and ``height`` a + h, the curve's
    value there. For S(Q) ``length`` = 7.7/x₀ is the distance in real space that the peak tells of.

    Parameters
    ----------
    dataset
        A result of ``structure_factor`` (all pairs, and the total if it has one) or ``rdf``.
    window
        From where to where to look, (low, high) in the unit of the axis. One peak is reported: the one that explains
        most. Both its sides at half height must lie inside.
    variable
        What to look at; by default S, with S_total, or g.
    dips
        Look for dips instead, as partials of unlike pairs have them: prominences are negative then.

    Returns
    -------
    ``position``, ``height``, ``prominence``, ``width`` and, along Q, ``length``, by ``pair`` (``"total"`` for the
    total), with standard errors that follow from those of the curve, and grow where it scatters more than they say.
    All are NaN where a straight line with scatter could look as much like a peak (F test; that happens in less than one
    of a hundred windows), where it is a shoulder without a top of its own, or where it reaches out of the window:
    ``attrs["verdict"]`` has the sentence. ``curve`` and ``fit`` are what was seen.
    """
    axis = _axis(dataset)
    low, high = window_of(window)
    curves, units = _curves(dataset, axis, variable)
    x = dataset[axis].values.astype(float)
    if "q_mean" in dataset:  # where the vectors of a shell are, rather than the middle of the shell
        x = np.where(np.isfinite(dataset["q_mean"].values), dataset["q_mean"].values, x)
    inside = (x >= low) & (x <= high)
    unit = str(dataset[axis].attrs["units"])
    if not inside.any():
        raise Refusal(
            f"No point lies between {low:g} and {high:g} {unit}",
            f"the curves go from {x[0]:.4g} to {x[-1]:.4g} {unit}",
            "Give another window",
        )  # fmt: skip
    names, x = list(curves), x[inside]
    values = np.array([curves[name][0][inside] for name in names])
    errors = np.array([curves[name][1][inside] for name in names])
    sign = -1.0 if dips else 1.0
    # a shell of few vectors scatters more than one of many, from one glass to the next
    weight = dataset["n_q"].values[inside].astype(float) if "n_q" in dataset else np.ones(len(x))
    found = [find_peak(x, sign * y, error, weight, unit) for y, error in zip(values, errors, strict=True)]
    said = [f"{name}: {one}" for name, one in zip(names, found, strict=True) if isinstance(one, str)]
    fits = [np.full(len(x), np.nan) if isinstance(one, str) else sign * shape(x, one) for one in found]
    table = ("pair", axis)
    return labelled(
        "structure.peaks",
        {
            **_numbers(found, sign, axis, units, unit),
            "curve": Column(table, values, units, "what was looked at"),
            "curve_error": Column(table, errors, units, "standard error of what was looked at"),
            "fit": Column(table, np.array(fits), units, "Gaussian on a straight line"),
        },
        {
            "pair": Column(("pair",), names, "1", "pair of species, or the total"),
            axis: Column((axis,), x, unit, str(dataset[axis].attrs["long_name"])),
        },
        parameters=dict(window=[low, high], variable=variable, dips=dips),
        history=history_of(dataset),
        title=f"{'Dips' if dips else 'Peaks'} from {low:g} to {high:g} {unit}",
        verdict="; ".join(said) or f"every curve has a {'dip' if dips else 'peak'}",
        source=str(dataset.attrs.get("observable", "")),
        **{key: dataset.attrs[key] for key in KEPT if key in dataset.attrs},
    )


def _axis(result: Dataset) -> str:
    for axis, plain in PLAIN.items():
        if axis in result.coords and plain in result:
            return axis
    raise Refusal(
        "This dataset has neither S(Q) nor g(r)", str(result.attrs.get("observable", "")),
        "Give a result of structure_factor or rdf",
    )  # fmt: skip


def _curves(result: Dataset, axis: str, variable: str | None) -> tuple[dict[str, tuple[Floats, Floats]], str]:
    """Values and errors of every curve by its name, and the unit of them all."""
    named = variable or PLAIN[axis]
    fitting = [str(name) for name, one in result.data_vars.items() if one.dims in (("pair", axis), (axis,))]
    if named not in fitting:
        raise Refusal(f"variable={variable!r}", "", nearest(named, fitting))
    wanted = [named] if variable or f"{named}_total" not in result else [named, f"{named}_total"]
    curves: dict[str, tuple[Floats, Floats]] = {}
    for name in wanted:
        one = result[name]
        error = result[f"{name}_error"].values if f"{name}_error" in result else np.full(one.shape, np.nan)
        if one.dims == (axis,):
            curves["total"] = one.values, error
            continue
        for k, pair in enumerate(result["pair"].values.tolist()):
            curves[pair] = one.values[k], error[k]
    return curves, str(result[named].attrs["units"])


def _numbers(found: Sequence[Peak | str], sign: float, axis: str, units: str, unit: str) -> dict[str, Column]:
    """What is said of every peak, and its standard error; NaN where there is none."""
    rows = {name: [np.nan] * len(found) for name in ("position", "height", "prominence", "width")}
    errors = {name: [np.nan] * len(found) for name in rows}
    for k, one in enumerate(found):
        if isinstance(one, str):
            continue
        values = (one.position, sign * (one.level + one.prominence), sign * one.prominence, one.width)
        spreads = (*one.errors("position", "height", "prominence", "width"),)
        for name, value, spread in zip(rows, values, spreads, strict=True):
            rows[name][k], errors[name][k] = value, spread
    called = {
        "position": (unit, "position"),
        "height": (units, "height of the curve there"),
        "prominence": (units, "height above what the peak stands on"),
        "width": (unit, "full width at half of the prominence"),
    }
    columns = {}
    for name, (its_unit, line) in called.items():
        columns[name] = Column(("pair",), np.array(rows[name]), its_unit, line)
        columns[f"{name}_error"] = Column(("pair",), np.array(errors[name]), its_unit, f"standard error of the {name}")
    if axis == "q":
        position, error = np.array(rows["position"]), np.array(errors["position"])
        columns["length"] = Column(("pair",), LENGTH / position, "Å", "7.7 / position")
        columns["length_error"] = Column(("pair",), LENGTH * error / position**2, "Å", "standard error of the length")
    return columns


def draw(result: Dataset, ax: Axes) -> None:
    """Every curve in the window, each to its own scale, with its fit and a mark at its peak."""
    axis = "q" if "q" in result.coords else "r"
    x = result[axis].values
    names = result["pair"].values.tolist()
    rows = []
    for k, name in enumerate(names):
        colour = "#000000" if name == "total" else PALETTE[k % (len(PALETTE) - 1)]
        rows.append(Row(name, colour, result["curve"].values[k], np.nan_to_num(result["curve_error"].values[k])))
    placed = stack(ax, x, rows)
    for k, name in enumerate(names):
        position = float(result["position"].values[k])
        if not np.isfinite(position):
            continue
        ax.plot(x, placed[name](result["fit"].values[k]), color="#000000", linewidth=0.9, linestyle="--", zorder=4)
        top = placed[name](result["height"].values[k])
        error = float(result["position_error"].values[k])
        ax.errorbar(position, top, xerr=error, color="#000000", marker="v", markersize=5, capsize=2, zorder=5)
    ax.set(xlim=(float(x[0]), float(x[-1])), xlabel=axis_label({"q": "Q", "r": "r"}[axis], result[axis].attrs["units"]))
    ax.set_ylabel({"q": "S(Q)", "r": "g(r)"}[axis] + ", each to its own scale")
