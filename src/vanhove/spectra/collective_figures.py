"""Figures of spectra by Q: a map with logarithmic colours, or lines with their error bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.figures import PALETTE
from vanhove.base.figures import label as axis_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KEPT = 0.995  # of the intensity, that a picture's energies hold
DEEPEST = 1e-4  # of the highest point, that a picture goes down to


class Curves(NamedTuple):
    """What is drawn: (q, energy) with errors; NaN where a Q has nothing."""

    q: Floats
    energy: Floats
    values: Floats
    error: Floats
    name: str
    units: str

    @property
    def known(self) -> NDArray[np.intp]:
        """Rows with numbers, in the order of Q."""
        rows = np.flatnonzero(np.isfinite(self.values).any(axis=1))
        return rows[np.argsort(self.q[rows], kind="stable")]


def reach(energy: Floats, values: Floats) -> float:
    """Energies to either side that hold nearly all of the intensity."""
    mass = np.abs(np.nan_to_num(values)).reshape(-1, len(energy)).sum(axis=0)
    order = np.argsort(np.abs(energy), kind="stable")
    within = np.cumsum(mass[order]) / max(float(mass.sum()), 1e-300)
    far = float(np.abs(energy[order][min(int(np.searchsorted(within, KEPT)), len(energy) - 1)]))
    return min(max(far, 10 * float(energy[1] - energy[0])), float(energy[-1]))


def show_map(curves: Curves, ax: Axes) -> None:
    """Q against E with logarithmic colours; what is noise below zero has the lowest colour."""
    rows = curves.known
    values = curves.values[rows]
    image = mesh(ax, curves.energy, curves.q[rows], values)
    far = reach(curves.energy, values)
    ax.set_xlim(-far, far)
    ax.set_xlabel(axis_label("energy transfer", "meV"))
    ax.set_ylabel(axis_label("Q", "1/Å"))
    figure: Any = ax.figure
    figure.colorbar(image, ax=ax, label=axis_label(curves.name, curves.units), extend="min")


def mesh(ax: Axes, x: Floats, y: Floats, values: Floats) -> Any:
    """Coloured cells of ``values`` (y, x) about rising ``x`` and ``y``, down to a ten-thousandth of the highest."""
    from matplotlib.colors import LogNorm

    highest = float(np.nanmax(values))
    lowest = max(DEEPEST * highest, float(np.nanmin(np.where(values > 0, values, np.nan))))
    image = ax.pcolormesh(
        edges(x), edges(y), np.ma.masked_invalid(np.maximum(values, lowest)),
        norm=LogNorm(lowest, max(highest, 1.01 * lowest)), cmap="magma_r", rasterized=True,
    )  # fmt: skip
    ax.grid(visible=False)
    return image


def lines(curves: Curves, labels: list[str], ax: Axes) -> None:
    """One line a Q, on a logarithmic axis, with its error band."""
    rows = curves.known
    if not len(rows):
        return
    far = reach(curves.energy, curves.values[rows])
    highest = float(np.nanmax(curves.values[rows]))
    for k, row in enumerate(rows.tolist()):
        colour = PALETTE[k % len(PALETTE)]
        values, error = curves.values[row], curves.error[row]
        low = np.maximum(values - error, 1e-3 * DEEPEST * highest)
        ax.fill_between(curves.energy, low, values + error, color=colour, alpha=0.25, lw=0)
        ax.plot(curves.energy, values, color=colour, label=labels[row])
    ax.set_yscale("log")
    ax.set_xlim(-far, far)
    ax.set_ylim(DEEPEST * highest, 2 * highest)
    ax.set_xlabel(axis_label("energy transfer", "meV"))
    ax.set_ylabel(axis_label(curves.name, curves.units))
    ax.legend(loc="upper right")


def edges(centres: Floats) -> Floats:
    """Edges of cells about uneven, rising centres."""
    if len(centres) == 1:
        return np.array([0.5 * centres[0], 1.5 * centres[0]])
    middle = (centres[1:] + centres[:-1]) / 2
    all_edges: Floats = np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])
    return all_edges
