"""Pictures of quasielastic fits: one spectrum with what it is made of and its residuals; widths and EISF against Q."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import PALETTE, label, new_axes, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

SIZE = (6.2, 5.0)
HIGH = 5.0  # standard errors up to which residuals are drawn, at least
DECADES = 4.5  # of intensity that are drawn
DRAWN = 200


def fit_figure(result: Dataset, row: int) -> Figure:
    """The spectrum at the ``row``-th q on a logarithmic scale, its fit and parts; below it the residuals in σ."""
    with style():
        figure: Any = new_axes().figure
        figure.clear()
        figure.set_size_inches(*SIZE)
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        _spectrum(result.isel(q=row), top)
        _residuals(result.isel(q=row), below)
        top.set_title(_title(result.isel(q=row)), fontsize="medium", loc="left")
    made: Figure = figure
    return made


def widths_figure(result: Dataset, laws: list[tuple[str, Floats, Floats]], component: int) -> Figure:
    """Widths against Q, with the jump laws that were fitted to those of one line: name, Q, width."""
    from ._fit_qens import draw

    with style():
        ax = new_axes()
        draw(result, ax)
        high = ax.get_ylim()[1]
        for k, (name, q, width) in enumerate(laws):
            ax.plot(
                q, width, color=PALETTE[(k + 3) % len(PALETTE)], ls=("-", "--", "-.", ":")[k % 4], lw=1.3, label=name
            )
        if laws and component == 0 and result.sizes["component"] == 1:
            high = max(high, 1.1 * max(float(np.nanmax(width)) for _, _, width in laws))
        ax.set_ylim(0, high)
        ax.legend(loc="best", fontsize="small")
    return ax.figure  # type: ignore[return-value]  # not a part of a figure


def eisf_figure(result: Dataset) -> Figure:
    """EISF against Q with its errors; open where the fit is bad."""
    with style():
        ax = new_axes()
        q, eisf, error, bad = (result[name].values for name in ("q", "eisf", "eisf_error", "bad"))
        for some, face, name in ((bad == 0, PALETTE[0], "EISF"), (bad > 0, "white", "EISF, bad fit")):
            if (some & np.isfinite(eisf)).any():
                ax.errorbar(
                    q[some], eisf[some], yerr=np.nan_to_num(error[some]), fmt="o", ms=5, capsize=2.5,
                    color=PALETTE[0], mfc=face, label=name,
                )  # fmt: skip
        high = np.nanmax(eisf + np.nan_to_num(error), initial=0.0)
        ax.set_ylim(min(0.0, 1.1 * float(np.nanmin(eisf, initial=0.0))), max(0.05, 1.15 * min(float(high), 1.2)))
        ax.set_xlim(0, 1.06 * float(np.nanmax(q, initial=0.1)))
        ax.set_xlabel(label("Q", "1/Å"))
        ax.set_ylabel("EISF")
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="best")
    return ax.figure  # type: ignore[return-value]  # not a part of a figure


def _names(row: Dataset) -> list[str]:
    """What each line of a fit is called in its picture, with its width."""
    names = []
    for k in range(max(int(row.chosen), 0)):
        width, error = float(row.width[k]), float(row.width_error[k])
        if np.isfinite(width):
            names.append(f"line, {_micro(width, error)}")
        elif np.isfinite(float(row.width_upper[k])):
            names.append(f"line, below {1e3 * float(row.width_upper[k]):.3g} µeV")
        elif np.isfinite(float(row.width_lower[k])):
            names.append(f"line, above {1e3 * float(row.width_lower[k]):.3g} µeV")
        else:
            names.append("line, not determined")
    return names


def _spectrum(row: Dataset, ax: Axes) -> None:
    energy, values, fit = (row[name].values for name in ("energy", "S", "fit"))
    used = np.isfinite(fit)
    if not used.any():
        ax.text(0.5, 0.5, "not fitted", transform=ax.transAxes, ha="center")
        return
    error = row.S_error.values[used] if "S_error" in row else None
    ax.set_yscale("log")
    ax.errorbar(
        energy[used], values[used], yerr=error, fmt="o", ms=2.6, lw=0, elinewidth=0.7, color="#7F7F7F", zorder=1,
        label="spectrum",
    )  # fmt: skip
    ax.plot(energy[used], fit[used], color="#000000", lw=1.5, label="fit", zorder=4)
    for k, name in enumerate(_names(row)):
        ax.plot(energy[used], row.line.values[k][used], color=PALETTE[k], lw=1.3, label=name, zorder=3)
    elastic, floor, seen = (row[name].values for name in ("elastic", "floor", "resolution"))
    if np.isfinite(elastic).any():
        ax.plot(energy[used], elastic[used], color=PALETTE[4], lw=1.3, ls="--", label="elastic line", zorder=3)
    if np.isfinite(floor).any() and np.abs(floor[used]).max() > 0:
        ax.plot(energy[used], floor[used], color=PALETTE[3], lw=1.2, ls="-.", label="background", zorder=2)
    peak = float(np.nanmax(fit))
    scaled = seen * peak / np.nanmax(seen)
    ax.plot(energy[used], scaled[used], color="#56B4E9", lw=1.0, ls=":", label="resolution, scaled", zorder=2)
    positive = values[used][values[used] > 0]
    low = 0.4 * float(np.percentile(positive, 1)) if len(positive) else peak / 1e3
    ax.set_ylim(max(low, peak / 10**DECADES), 2.2 * max(peak, float(np.nanmax(values[used]))))
    units = str(row.S.attrs.get("units", "1"))
    ax.set_ylabel(label("S", "as measured" if units == "1" else units))
    ax.legend(loc="upper left", fontsize="x-small", ncols=1, handlelength=1.6)


def _residuals(row: Dataset, ax: Axes) -> None:
    energy, residual = row.energy.values, row.residual.values
    used = np.isfinite(residual)
    ax.axhspan(-1, 1, color="#7F7F7F", alpha=0.15, lw=0)
    ax.axhline(0, color="#7F7F7F", lw=0.8)
    ax.plot(energy[used], residual[used], "o", ms=2.2, color=PALETTE[0])
    reach = max(HIGH, 1.1 * float(np.abs(residual[used]).max(initial=0.0)))
    ax.set_ylim(-reach, reach)
    if used.any():
        ax.set_xlim(energy[used][0], energy[used][-1])
    ax.set_xlabel(label("energy transfer", "meV"))
    ax.set_ylabel("residual / σ")


def _title(row: Dataset) -> str:
    q, chosen, ratio = float(row.q), int(row.chosen), float(row.redchi)
    if chosen < 0:
        return f"Q = {q:.3g} 1/Å"
    lines = "1 line" if chosen == 1 else f"{chosen} lines"
    measure = f", reduced χ² = {ratio:.3g}" if np.isfinite(ratio) else ""
    return f"Q = {q:.3g} 1/Å: {lines}{measure}{' — bad fit' if int(row.bad) else ''}"


def _micro(width: float, error: float) -> str:
    """A width with its error in µeV, or in meV where it is larger than that."""
    unit, scale = ("µeV", 1e3) if width < 1 else ("meV", 1.0)
    if not np.isfinite(error) or error <= 0:
        return f"{width * scale:.3g} {unit}"
    digits = max(0, 1 - int(np.floor(np.log10(error * scale))))
    return f"{width * scale:.{digits}f} ± {error * scale:.{digits}f} {unit}"
