"""Pictures of conductivities: bars by species, the collective MSD, the running integral with its spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import colour_of, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

TOTAL, SELF, DISTINCT, SHADE = "#000000", "#0072B2", "#D55E00", "#7F7F7F"
STRIP = 0.44  # of the axes' height, for the spectrum
ENOUGH = 6  # independent displacements of the charge: beyond, the curve is noise


def draw_bars(result: Dataset, ax: Axes) -> None:
    """A bar a species with its error and one for the total; an arrow down from the bound where there is no value."""
    names = [*result["species"].values.tolist(), "total"]
    columns = ("sigma", "sigma_error", "sigma_upper")
    values, errors, bounds = (np.append(result[name].values, float(result[_of_total(name)])) for name in columns)
    for place, (name, value, error, bound) in enumerate(zip(names, values, errors, bounds, strict=True)):
        colour = "#000000" if name == "total" else colour_of(name, place)
        if np.isfinite(value):
            ax.bar(place, value, yerr=error, color=colour, alpha=0.85, width=0.6, capsize=4)
            ax.annotate(
                f"{value:.3g} ± {error:.2g}", (place, value + error), (0, 3), textcoords="offset points", ha="center"
            )
        elif np.isfinite(bound):
            ax.errorbar(place, bound, yerr=0.12 * bound, uplims=True, color=colour, capsize=6, lw=1.6)
            ax.annotate(f"< {float(f'{bound:.2g}'):g}", (place, bound), (0, 3), textcoords="offset points", ha="center")
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.margins(y=0.12)
    ax.set_ylim(bottom=0)
    ax.set_axisbelow(True)
    ax.grid(visible=False, axis="x")
    ax.set_ylabel(label("σ, Nernst-Einstein", "mS/cm"))


def _of_total(name: str) -> str:
    return name.replace("sigma", "sigma_total", 1)


def draw_msd(result: Dataset, ax: Axes) -> None:
    """The collective MSD with its error band, its self and distinct parts, and the fitted line in its window."""
    lag, total = result.lag.values, result.msd.values
    start, end = result.window.values
    known = result.n_independent.values >= ENOUGH
    shown = lag <= (lag[known].max(initial=lag[0]) if not np.isfinite(end) else max(1.25 * end, lag[0]))
    to_msd = np.divide(total, result.running.values, out=np.zeros_like(total), where=result.running.values != 0)
    curves = (
        ("all", total, result.msd_error.values, TOTAL),
        ("self", *_part(result, "self", to_msd), SELF),
        ("distinct", *_part(result, "distinct", to_msd), DISTINCT),
    )
    ax.axhline(0.0, color=SHADE, lw=0.8)
    for name, values, error, colour in curves:
        band = (values - error)[shown], (values + error)[shown]
        ax.fill_between(lag[shown], *band, color=colour, alpha=0.2, lw=0)
        ax.plot(lag[shown], values[shown], color=colour, label=name)
    if np.isfinite(start):
        ax.axvspan(start, end, color=SHADE, alpha=0.12, lw=0)
    if np.isfinite(start) and np.isfinite(float(result.sigma_total)):
        ends = np.array([start, end])
        # the line whose slope is σ, in the collective MSD's own unit
        slope = float(result.sigma_total) * np.median(to_msd[shown] / lag[shown])
        ax.plot(ends, float(result.intercept) + slope * ends, color=TOTAL, ls="--", lw=1.2, label=_legend(result))
    else:
        ax.set_title("no steady conduction", fontsize="medium", loc="left")
    ax.set_xlim(0, lag[shown][-1])
    ax.set_xlabel(label("lag", "ps"))
    ax.set_ylabel(label("collective MSD", "Å²"))
    ax.legend(loc="upper left")


def draw_integral(result: Dataset, ax: Axes) -> None:
    """The running integral with its error band and parts, the plateau, and beside it σ(ω) by energy."""
    lag, (start, end) = result.lag.values, result.plateau.values
    ax.axhline(0.0, color=SHADE, lw=0.8)
    ax.axvspan(start, end, color=SHADE, alpha=0.12, lw=0)
    one = np.ones_like(lag)
    for name, values, error, colour in (
        ("all", result.running.values, result.running_error.values, TOTAL),
        ("self", *_part(result, "self", one), SELF),
        ("distinct", *_part(result, "distinct", one), DISTINCT),
    ):
        ax.fill_between(lag, values - error, values + error, color=colour, alpha=0.2, lw=0)
        ax.plot(lag, values, color=colour, label=name)
    value = float(result.sigma_total)
    if np.isfinite(value):
        ax.plot([start, end], [value, value], color=TOTAL, ls="--", lw=1.2, label=_legend(result))
    else:
        ax.plot([], [], " ", label="no plateau")
    ax.set_xlim(0, lag[-1])
    ax.set_xlabel(label("lag", "ps"))
    ax.set_ylabel(label("σ up to the lag", "mS/cm"))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="small")
    low, high = ax.get_ylim()
    ax.set_ylim(low, low + (high - low) / (1 - STRIP))
    ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])  # above, they would read as the panel's
    _draw_spectrum(result, ax)


def _draw_spectrum(result: Dataset, ax: Axes) -> None:
    """σ(ω) in a panel above the running integral."""
    energy, values, error = (result[name].values for name in ("energy", "spectrum", "spectrum_error"))
    share = np.cumsum(np.abs(values))
    last = energy[np.searchsorted(share, 0.98 * share[-1])]
    shown = energy <= max(last, energy[min(8, len(energy) - 1)])
    panel: Any = ax.inset_axes((0.16, 1.17 - STRIP, 0.83, STRIP - 0.19))
    panel.axhline(0.0, color=SHADE, lw=0.8)
    panel.fill_between(energy[shown], (values - error)[shown], (values + error)[shown], color=TOTAL, alpha=0.2, lw=0)
    panel.plot(energy[shown], values[shown], color=TOTAL, lw=1.2)
    panel.set_xlim(0, energy[shown][-1])
    panel.set_xlabel(label("ħω", "meV"), fontsize="small")
    panel.set_ylabel(label("Re σ(ω)", "mS/cm"), fontsize="small")
    panel.tick_params(labelsize="small")


def _part(result: Dataset, name: str, factor: Floats) -> tuple[Floats, Floats]:
    """A part summed over pairs with its error, the pairs' errors as independent ones."""
    values: Floats = result[name].sum("pair").values * factor
    error: Floats = np.sqrt((result[f"{name}_error"] ** 2).sum("pair").values) * factor
    return values, error


def _legend(result: Dataset) -> str:
    text = f"σ = {float(result.sigma_total):.3g} ± {float(result.sigma_total_error):.2g} mS/cm"
    if np.isfinite(float(result.haven_ratio)):
        text += f"\nHaven ratio {float(result.haven_ratio):.2f} ± {float(result.haven_ratio_error):.2f}"
    return text
