"""Painting a periodic structure in parallel projection: from the back to the front, in slabs of depth.

Knows points, colours and radii; which atoms, polyhedra and paths these are is decided in ``composing.py``. The same
scene goes to a figure (:meth:`Scene.paint`) and to a page that can be turned (``structure_page.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

SLABS = 48  # layers of depth that lines and surfaces are sorted into
FOG = 0.55  # how far the farthest things fade into the paper
PATH_FOG = 0.25  # less: the colour of a path is a number
PAPER = np.array([1.0, 1.0, 1.0])
CELL_COLOUR = (0.35, 0.35, 0.38)
PATH_WIDTH = 0.11  # Å
MARK_WIDTH = 0.13  # Å
CELL_WIDTH = 0.07  # Å
MARGIN = 1.6  # Å around the cell
THINNEST = 0.7  # points, where the picture is small
HALO = 1.9  # width of the white rim of a path, in its own widths: shows which of two lines is in front
FACE_ALPHA, FACE_EDGE_ALPHA = 0.30, 0.55
# A lit ball as discs on each other: radius, shift towards the light (both in radii), lightening (below 0: darker).
_INWARDS = np.linspace(0.0, 1.0, 11)
BALL = np.vstack([
    [1.0, 0.0, -0.45],
    np.column_stack([0.93 * (1 - 0.88 * _INWARDS), 0.38 * _INWARDS, -0.14 + 0.84 * _INWARDS**1.6]),
])  # fmt: skip
LIGHT = np.array([-0.66, 0.75])
RINGS = np.array([[1.62, 0.0, -1.0], [1.30, 0.0, 1.0]])  # around a marked atom: black, then white, as in BALL
EDGES = np.array([(i, j) for i, j in combinations(range(8), 2) if (i ^ j) in (1, 2, 4)])
CORNERS = np.array([(i & 1, i >> 1 & 1, i >> 2 & 1) for i in range(8)], dtype=np.float64)


@dataclass(frozen=True)
class Tips:
    """What is said of pieces of lines when they are pointed at: a text for each owner, and the time of a piece."""

    texts: list[str]
    owner: Index  # (piece)
    times: Floats  # (piece), ps


@dataclass(frozen=True)
class Atoms:
    """Balls, and what is said of each."""

    places: Floats
    colours: Floats
    radii: Floats
    ringed: NDArray[np.bool_]
    tips: Sequence[str]
    kind: str
    fog: float


@dataclass(frozen=True)
class Faces:
    """Translucent triangles."""

    corners: Floats  # (face, corner, axis)
    colours: Floats


@dataclass(frozen=True)
class Lines:
    """Pieces of lines."""

    segments: Floats  # (piece, end, axis)
    colours: Floats
    width: float  # Å
    halo: bool  # a white rim
    fog: float
    kind: str
    tips: Tips | None = None


class Scene:
    """What is in one picture, and the direction it is seen from."""

    def __init__(self, cell: Floats, view: tuple[float, float], origin: Floats | float = 0.0) -> None:
        turn, tilt = np.radians(view)
        right = np.array([-np.sin(turn), np.cos(turn), 0.0])
        towards = np.array([np.cos(tilt) * np.cos(turn), np.cos(tilt) * np.sin(turn), np.sin(tilt)])
        self._axes = np.stack([right, np.cross(towards, right), towards], axis=1)  # columns: right, up, to the reader
        self.view = view
        self.corners = origin + CORNERS @ cell
        depth = (self.corners @ self._axes)[:, 2]
        self._near, self._far = float(depth.max()), float(depth.min())
        self.atoms: list[Atoms] = []
        self.faces: list[Faces] = []
        self.lines: list[Lines] = []

    def add_atoms(
        self, places: Floats, colours: Floats, radii: Floats, ringed: NDArray[np.bool_], *, tips: Sequence[str],
        kind: str = "atoms", fog: float = FOG,
    ) -> None:  # fmt: skip
        """Balls at ``places`` (atom, axis), in colours (atom, rgb), with radii in Å; some with a dark ring."""
        self.atoms.append(Atoms(places, colours, radii, ringed, tips, kind, fog))

    def add_faces(self, corners: Floats, colour: Floats) -> None:
        """Translucent triangles (face, corner, axis)."""
        self.faces.append(Faces(corners, np.broadcast_to(colour, (len(corners), 3))))

    def add_paths(
        self, segments: Floats, colours: Floats, width: float, *, tips: Tips | None = None, kind: str = "paths"
    ) -> None:
        """Pieces of paths (piece, end, axis), each with a white rim."""
        self.lines.append(Lines(segments, colours, width, halo=True, fog=PATH_FOG, kind=kind, tips=tips))

    def add_cell(self) -> None:
        """The edges of the cell, in pieces, so that what is inside covers the ones behind it."""
        start, end = self.corners[EDGES[:, 0]], self.corners[EDGES[:, 1]]
        steps = np.linspace(0, 1, SLABS + 1)[:, None, None]
        points = start + steps * (end - start)  # (step, edge, axis)
        segments = np.stack([points[:-1], points[1:]], axis=2).reshape(-1, 2, 3)
        colours = np.broadcast_to(np.array(CELL_COLOUR), (len(segments), 3))
        self.lines.append(Lines(segments, colours, CELL_WIDTH, halo=False, fog=FOG, kind="cell"))

    def paint(self, ax: Axes) -> None:
        """Draw everything on ``ax``, which loses its axes and grid."""
        low, high = self._extent()
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        ax.set_axis_off()
        box = ax.get_window_extent()
        dots = min(box.width / (high[0] - low[0]), box.height / (high[1] - low[1]))
        points = dots * 72.0 / ax.figure.dpi  # typographic points an Å
        for faces in self.faces:
            self._paint_faces(ax, faces.corners @ self._axes, faces.colours)
        for lines in self.lines:
            self._paint_lines(ax, lines, points)
        for atoms in self.atoms:
            self._paint_atoms(ax, atoms)

    def _extent(self) -> tuple[Floats, Floats]:
        """The corners of the picture: the cell with a margin, and all of the atoms that stand out of it."""
        flat = self.corners @ self._axes[:, :2]
        low, high = flat.min(axis=0) - MARGIN, flat.max(axis=0) + MARGIN
        for atoms in self.atoms:
            places = atoms.places @ self._axes[:, :2]
            around = atoms.radii[:, None] * np.where(atoms.ringed, RINGS[0, 0], 1.0)[:, None] + 0.1
            low, high = np.minimum(low, (places - around).min(axis=0)), np.maximum(high, (places + around).max(axis=0))
        return low, high

    def _depth(self, towards: Floats) -> Floats:
        """0 at the front of the cell, 1 at its back."""
        depth: Floats = (self._near - towards) / (self._near - self._far)
        return depth

    def _slabs(self, depth: Floats) -> Index:
        """The order of painting: 0 is the back."""
        slabs: Index = np.clip(((1.0 - depth) * SLABS).astype(np.intp), 0, SLABS - 1)
        return slabs

    def _paint_faces(self, ax: Axes, corners: Floats, colours: Floats) -> None:
        from matplotlib.collections import PolyCollection

        depth = self._depth(corners[:, :, 2].mean(axis=1))
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        slope = np.abs(normal[:, 2]) / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)  # 1: seen face on
        shaded = faded(mix(colours, PAPER, 0.35 * slope[:, None]), depth, FOG)
        slabs = self._slabs(depth)
        for slab in np.unique(slabs):
            mine = slabs == slab
            order = np.flatnonzero(mine)[np.argsort(-depth[mine], kind="stable")]
            ax.add_collection(PolyCollection(
                list(corners[order][:, :, :2]), facecolors=_rgba(shaded[order], FACE_ALPHA),
                edgecolors=_rgba(shaded[order] * 0.8, FACE_EDGE_ALPHA), linewidths=0.5, zorder=2 + slab / SLABS,
            ), autolim=False)  # fmt: skip

    def _paint_lines(self, ax: Axes, lines: Lines, points: float) -> None:
        from matplotlib.collections import LineCollection

        flat = lines.segments @ self._axes
        depth = self._depth(flat[:, :, 2].mean(axis=1))
        colours = faded(lines.colours, depth, lines.fog)
        slabs = self._slabs(depth)
        width = max(lines.width * points, THINNEST)
        for slab in np.unique(slabs):
            mine = slabs == slab
            zorder = 2 + (slab + 0.3) / SLABS
            ends = flat[mine][:, :, :2]
            if lines.halo:
                rim = LineCollection(ends, colors="white", linewidths=HALO * width, capstyle="butt", zorder=zorder)
                ax.add_collection(rim, autolim=False)
            ax.add_collection(LineCollection(
                ends, colors=colours[mine], linewidths=width, capstyle="round", zorder=zorder + 0.1 / SLABS
            ), autolim=False)  # fmt: skip

    def _paint_atoms(self, ax: Axes, atoms: Atoms) -> None:
        from matplotlib.collections import EllipseCollection

        flat = atoms.places @ self._axes
        depth = self._depth(flat[:, 2])
        slabs = self._slabs(depth)
        for slab in np.unique(slabs):
            mine = np.flatnonzero(slabs == slab)
            mine = mine[np.argsort(-depth[mine], kind="stable")]
            centres, sizes, colours = _balls(flat[mine], atoms.radii[mine], atoms.colours[mine], atoms.ringed[mine])
            tints = faded(colours, np.repeat(depth[mine], len(RINGS) + len(BALL)), atoms.fog)
            shown = sizes > 0
            ax.add_collection(EllipseCollection(
                2 * sizes[shown], 2 * sizes[shown], np.zeros(int(shown.sum())), units="xy", offsets=centres[shown],
                offset_transform=ax.transData, facecolors=tints[shown], edgecolors="none", linewidths=0,
                zorder=2 + (slab + 0.6) / SLABS,
            ), autolim=False)  # fmt: skip


def _balls(flat: Floats, radii: Floats, colours: Floats, ringed: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Every atom as its discs, rings first: centres (disc, 2), radii (disc,) and colours (disc, rgb)."""
    layers = np.vstack([RINGS, BALL])
    centres = flat[:, None, :2] + radii[:, None, None] * layers[:, 1, None] * LIGHT
    sizes = radii[:, None] * layers[:, 0]
    sizes[~ringed, : len(RINGS)] = 0.0
    amount = layers[:, 2, None]
    light = mix(colours[:, None, :], PAPER, np.maximum(amount, 0.0))
    tints = light * (1.0 - np.maximum(-amount, 0.0))
    return centres.reshape(-1, 2), sizes.ravel(), tints.reshape(-1, 3)


def mix(colours: Floats, other: Floats, amount: Floats | float) -> Floats:
    """``colours`` moved towards ``other``: all the way where ``amount`` is 1."""
    mixed: Floats = colours + (other - colours) * amount
    return mixed


def faded(colours: Floats, depth: Floats, fog: float) -> Floats:
    """Colours as they look through the air in front of them."""
    return mix(colours, PAPER, fog * np.clip(depth, 0.0, 1.0)[:, None])


def _rgba(colours: Floats, alpha: float) -> Floats:
    return np.column_stack([np.clip(colours, 0, 1), np.full(len(colours), alpha)])
