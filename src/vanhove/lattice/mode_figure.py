"""A mode as a figure: atoms with arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal
from vanhove.base.figures import colour_of, label, new_axes, style

from .mode_files import arrows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

ALONG = {"a": 0, "b": 1, "c": 2}
BALL = 0.28  # Å, the radius of an atom's disc
SHORTEST = 0.05  # of the longest arrow: shorter ones only litter


def draw_mode(phonons: Dataset, mode: int, ax: Axes | None = None, *, amplitude: float = 2.0, view: str = "c") -> Axes:
    """Draw a mode at the zone centre: every atom with the arrow of its displacement, seen along a cell vector.

    Parameters
    ----------
    phonons
        The result of ``lattice.phonons``.
    mode
        Its number from 0, in order of energy, imaginary ones first.
    ax
        Axes to draw on; a new figure's when None.
    amplitude
        Å: length of the longest arrow.
    view
        The cell vector along which one looks: ``"a"``, ``"b"`` or ``"c"``. Parallel projection.
    """
    if view not in ALONG:
        raise Refusal(f"view={view!r}", "", 'Give "a", "b" or "c"')
    energy, moved = arrows(phonons, mode, amplitude)
    with style():
        axes = ax if ax is not None else new_axes()
        _paint(axes, phonons, moved, ALONG[view])
        said = "imaginary, " if energy < 0 else ""
        axes.set_title(f"mode {mode}: {said}{abs(energy):.2f} meV, along {view}", fontsize="medium")
    return axes


def _paint(ax: Axes, phonons: Dataset, moved: Floats, view: int) -> None:
    from matplotlib.collections import EllipseCollection

    cell = phonons.cell.values
    frame = _screen(cell, view)
    fractions = phonons.position.values @ np.linalg.inv(cell)
    places = (fractions - np.floor(fractions)) @ cell @ frame.T
    shown = moved @ frame.T
    species = phonons.atom_species.values
    order = np.argsort(places[:, 2])  # what is near is painted last
    names = list(dict.fromkeys(species.tolist()))
    colours = np.array([colour_of(element_of(str(s)), names.index(s)) for s in species])
    size = np.full(len(places), 2 * BALL)
    balls = EllipseCollection(
        size, size, np.zeros(len(places)), units="xy", offsets=places[order, :2], transOffset=ax.transData,
        facecolors=colours[order].tolist(), edgecolors="#444444", linewidths=0.5, alpha=0.75,
    )  # fmt: skip
    ax.add_collection(balls)
    long = np.linalg.norm(moved, axis=1) > SHORTEST * np.linalg.norm(moved, axis=1).max()
    ax.quiver(
        places[long, 0], places[long, 1], shown[long, 0], shown[long, 1], angles="xy", scale_units="xy", scale=1,
        color="#111111", width=0.004, zorder=4,
    )  # fmt: skip
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ cell @ frame.T
    for one in range(8):
        for bit in (1, 2, 4):
            if not one & bit:
                ax.plot(*corners[[one, one | bit], :2].T, color="#B0B0B0", lw=0.8, zorder=0)
    for name in names:
        ax.plot([], [], "o", color=colour_of(element_of(str(name)), names.index(name)), label=name)
    reach = np.concatenate([corners[:, :2], places[:, :2], places[:, :2] + shown[:, :2]])
    ax.set_xlim(reach[:, 0].min() - 2 * BALL, reach[:, 0].max() + 2 * BALL)
    ax.set_ylim(reach[:, 1].min() - 2 * BALL, reach[:, 1].max() + 2 * BALL)
    ax.set_aspect("equal")
    ax.grid(visible=False)
    ax.set_xlabel(label("x", "Å"))
    ax.set_ylabel(label("y", "Å"))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _screen(cell: Floats, view: int) -> Floats:
    """Rows: right, up and towards the reader, who looks along a cell vector and has the next one to the right."""
    towards = cell[view] / np.linalg.norm(cell[view])
    right = cell[(view + 1) % 3] - (cell[(view + 1) % 3] @ towards) * towards
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(towards, right), towards])
