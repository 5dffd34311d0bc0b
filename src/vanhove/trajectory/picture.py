"""A picture of the structure: shaded atoms, translucent polyhedra and the ions' paths, as a figure for a paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.figures import new_axes, style

from .composing import VIEW, compose
from .shading import JUMP_COLOUR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import Dataset

    from .atom_choice import Threshold, Which
    from .atom_values import Coloured
    from .composing import Pair, Picture
    from .core import Trajectory
    from .scene import Scene
    from .shading import Shading

    Floats = NDArray[np.float64]

LONGEST_ROW = 62  # letters of a legend; more go to the next row
ENTRY = 5  # letters that the symbol of an entry is as wide as


def draw_structure(
    traj: Trajectory,
    *,
    color: Coloured | str | None = None,
    polyhedra: Pair | Sequence[Pair] | None = None,
    paths: Which | None = None,
    mark: Dataset | Which | Sequence[tuple[int, float]] | None = None,
    enlarge: Which | Threshold | None = None,
    ax: Axes | None = None,
    frame: int = -1,
    cell: bool = True,
    view: tuple[float, float] = VIEW,
    points: int | None = None,
    near: float | None = None,
) -> Axes:
    """Draw one frame of a trajectory, with the ions' paths through all of it.

    Parallel projection, so that the scale bar holds everywhere; what is far fades. Atoms stand in the cell, polyhedra
    at its border are drawn whole.

    A path is a smooth curve through ``points``, each the mean of the ion's positions over consecutive frames, so that
    vibrations average out. It is wrapped piece by piece into the cell h (row vectors) of the frame shown, and broken at
    its borders:

        r → r − ⌊½(rₖ + rₖ₊₁) h⁻¹⌋ h    for both ends of the piece k.

    Where more paths would hide each other, some are drawn, evenly over the ranks of displacement; the colour bar says
    how many of how many. Of more than 200 frames a point every n-th is read, which is written below the picture.

    Parameters
    ----------
    traj
        All atoms of the system, or a selection.
    color
        What colours the paths, or the atoms where no paths are drawn: ``"displacement"`` (the net displacement of each
        ion between the ends of its path; usual for paths), ``"time"``, ``"species"`` (usual for atoms), or a result
        with one value an atom: a dataset (its first variable of atoms alone, else its first with atoms), one variable
        of it (``result["q_frame"]``), or an array. It may be about all atoms, about the whole system of which ``traj``
        is a selection, about one species, or about the ions of the paths; other atoms are drawn faint. Values of every
        frame, (frame, atom), colour a path along its way, and atoms as they are in ``frame``; of other dimensions the
        last value is taken. The result of ``dynamics.cages`` colours by the cage that an ion is in. Squared
        displacements ``r2`` are shown as distances. Text, true and false, and up to 20 whole numbers are labels with a
        legend, in which ``""`` and −1 mean none; all else has a colour bar. Grey: no value.
    polyhedra
        ``("Si", "S")``: the polyhedron of the S around every Si, out to 1.25 times the usual shortest distance;
        ``("Si", "S", 2.8)``: out to 2.8 Å. Several are given as a list.
    paths
        The ions whose paths are drawn: a species, a mask (one value an atom) or the numbers of atoms.
    mark
        Atoms to ring: a species, a mask or numbers. Or jumps, drawn in red on the paths: the result of
        ``dynamics.jumps`` (or any dataset with ``atom`` and ``time``), or pairs (atom, time in ps).
    enlarge
        Atoms to draw 1.75 times as large: a species, a mask, numbers, or ``(result, least)`` for those with a larger
        value: ``(displacements, 4.0)`` for more than 4 Å.
    ax
        Axes to draw on; a new figure's when None.
    frame
        The frame whose atoms are shown; negative ones count from the end.
    cell
        Whether the cell's edges are drawn.
    view
        Degrees by which the cell is turned about its vertical and tilted towards the reader.
    points
        Of each path: 48 for those of a species; up to 240 for a few ions that are named.
    near
        Å. Shows the paths in one piece, not wrapped into a cell, with only those atoms and polyhedra that come so near
        to them, as whichever periodic images.
    """
    picture = compose(
        traj, color=color, polyhedra=polyhedra, paths=paths, mark=mark, enlarge=enlarge, frame=frame, cell=cell,
        view=view, points=points, near=near,
    )  # fmt: skip
    with style():
        axes = ax if ax is not None else _new_axes()
        picture.scene.paint(axes)
        _add_legend(axes, picture)
        _add_scale_bar(axes, picture.scene)
        if picture.shading is not None:
            _add_shading(axes, picture.shading)
        if picture.notes:
            axes.text(
                1.0, 0.01, "; ".join(picture.notes), transform=axes.transAxes, ha="right", va="bottom", fontsize=8.5,
                color="#555555", zorder=5,
            )  # fmt: skip
    return axes


def _new_axes() -> Axes:
    axes = new_axes()
    figure: Any = axes.figure
    figure.set_size_inches(6.4, 6.0)
    return axes


def _ball(name: str, colour: str, size: float = 8.0) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], marker="o", linestyle="", markersize=size, markerfacecolor=colour, markeredgecolor="#444", label=name
    )


def _add_legend(ax: Axes, picture: Picture) -> None:
    """Species, polyhedra and jumps above the picture."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [_ball(*ball) for ball in picture.balls]
    handles += [Patch(facecolor=c, edgecolor=c, alpha=0.45, label=name) for name, c in picture.solids]
    if picture.jumps:
        handles.append(Line2D([], [], color=JUMP_COLOUR, linewidth=3.2, label=picture.jumps))
    if handles:
        ax.legend(
            handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.985), ncols=_columns(handles),
            handletextpad=0.5, columnspacing=1.4, borderaxespad=0.0,
        )  # fmt: skip


def _columns(handles: Sequence[Any]) -> int:
    """As many as fit side by side; a legend fills its columns one by one."""
    widths = [len(re.sub(r"[$_{}]", "", str(handle.get_label()))) + ENTRY for handle in handles]
    for columns in range(len(widths), 1, -1):
        rows = -(-len(widths) // columns)
        if sum(max(widths[k : k + rows]) for k in range(0, len(widths), rows)) <= LONGEST_ROW:
            return columns
    return 1


def _add_shading(ax: Axes, shading: Shading) -> None:
    """A colour bar, or a legend of labels, below the picture."""
    if shading.bar is not None:
        bar = ax.figure.colorbar(shading.bar, ax=ax, orientation="horizontal", shrink=0.62, aspect=32, pad=0.02)
        bar.set_label(shading.name)
        bar.outline.set_visible(False)
        return
    from matplotlib.legend import Legend

    handles = [_ball(name, colour) for name, colour in shading.entries]
    below = Legend(
        ax, handles, [name for name, _ in shading.entries], title=shading.name or None, loc="upper center",
        bbox_to_anchor=(0.5, 0.0), ncols=_columns(handles), handletextpad=0.3, columnspacing=1.4, borderaxespad=0.2,
    )  # fmt: skip
    ax.add_artist(below)
    below.set_clip_on(False)


def _add_scale_bar(ax: Axes, scene: Scene) -> None:
    size = float(np.linalg.norm(scene.corners[[1, 2, 4]] - scene.corners[0], axis=1).mean())
    length = max((n for n in (1, 2, 5, 10, 20, 50, 100) if n <= 0.3 * size), default=1)
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    x, y = left + 0.02 * (right - left), bottom + 0.025 * (top - bottom)
    ax.plot([x, x + length], [y, y], color="#222222", linewidth=2.6, solid_capstyle="butt", zorder=5)
    ax.text(x + length / 2, y + 0.012 * (top - bottom), f"{length:g} Å", ha="center", va="bottom", zorder=5)
