"""How diffusion and conductivity follow temperature: all species in one picture, and bounds where there is no value."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import colour_of

from .findings import carriers, said_of_conductivity
from .numbers import finite
from .panel import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .findings import Coefficient, Conductivity, Findings

    Number = Coefficient | Conductivity

ARROW = 0.55  # lower end of a bound's arrow, of the bound


def by_temperature(found: Findings, mobile: Sequence[str]) -> list[Panel]:
    """D of all species, and σ by the mobile ones, where there are two temperatures or more."""
    shown_of = carriers(found, list(mobile))
    carried = [one for one in found.conductivities if one.species in shown_of]
    by = f" by {' and '.join(shown_of)}" if any(shown_of) else ""
    asked: list[tuple[str, str, str, Sequence[Number]]] = [
        ("diffusion-all", "Diffusion coefficients", "D (cm²/s)", found.coefficients),
        ("conductivity-all", f"Ionic conductivity{by}", "σ (mS/cm)", carried),
    ]
    panels = []
    for name, title, axis, numbers in asked:
        shown = [one for one in numbers if one.temperature and (finite(one.value) or finite(one.upper))]
        if len({one.temperature for one in shown}) < 2:
            continue
        caption = f"{axis} against 1000/T (1/K), logarithmic, with standard errors."
        if name == "conductivity-all":
            caption += f" {said_of_conductivity(found)}"
        if any(not finite(one.value) for one in shown):
            caption += " Arrows point down from upper bounds (95 %), where the run does not support a value."
        panels.append(Panel(name, title, caption, partial(_draw, shown=shown, axis=axis), _table(shown, axis)))
    return panels


def _draw(ax: Axes, shown: Sequence[Number], axis: str) -> None:
    from matplotlib.lines import Line2D

    ax.set(yscale="log", xlabel="1000/T (1/K)", ylabel=axis)
    handles = []
    for place, name in enumerate(dict.fromkeys(one.species for one in shown)):
        colour = colour_of(name, place)
        inverse, values, errors, bounds = np.array(
            [
                (1000 / (one.temperature or np.nan), one.value, one.error, one.upper)
                for one in shown
                if one.species == name
            ]
        ).T
        given = np.isfinite(values)
        ax.errorbar(
            inverse[given], values[given], yerr=np.nan_to_num(errors[given]), fmt="o", ms=5.5, capsize=2.5, color=colour
        )
        top = bounds[~given]
        ax.errorbar(
            inverse[~given],
            top,
            yerr=(1 - ARROW) * top,
            uplims=True,
            fmt="_",
            ms=9,
            capsize=3,
            color=colour,
            alpha=0.75,
        )
        handles.append(Line2D([], [], marker="o", ls="", color=colour, label=name or "all together"))
    ax.margins(x=0.12)
    _kelvin_axis(ax, sorted({one.temperature for one in shown if one.temperature}))
    ax.legend(handles=handles, loc="best")


def _kelvin_axis(ax: Axes, temperatures: list[float]) -> None:
    def inverse(x: Any) -> Any:
        return 1000 / np.maximum(x, 1e-9)

    top = ax.secondary_xaxis("top", functions=(inverse, inverse))
    top.set_xticks(temperatures, [f"{kelvin:g}" for kelvin in temperatures])
    top.minorticks_off()
    top.set_xlabel("T (K)")


def _table(shown: Sequence[Number], axis: str) -> dict[str, list[Any]]:
    unit = axis[axis.index("(") :]
    return {
        "run": [one.run for one in shown],
        "temperature (K)": [one.temperature for one in shown],
        "species": [one.species for one in shown],
        f"value {unit}": [one.value for one in shown],
        f"standard error {unit}": [one.error for one in shown],
        f"upper bound 95 % {unit}": [one.upper for one in shown],
    }
