"""A picture of the structure: shaded atoms, translucent polyhedra and the ions' paths, as a figure for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.figures import colour_of, label, new_axes, style

from .blocks import add_blocks, cut_frames
from .polyhedra import bonds, hulls, periodic
from .scene import PAPER, Scene, mix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from xarray import DataArray, Dataset

    from .blocks import Sums
    from .core import Trajectory

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]
    Pair = tuple[str, str] | tuple[str, str, float]

VIEW = (24.0, 13.0)  # degrees
PATH_POINTS = 48  # of each ion; every one is a mean over frames, so that vibrations average out
PATHS_PER_AREA = 0.13  # Å⁻² of a face of the cell; more are a thicket
CURVE = 5  # pieces that a smooth curve draws between two points
FEWEST_CORNERS = 4
RANGE = (0.14, 0.88)  # of a colour map: its ends are too close to black and to the paper
PALE = 0.45  # how far the framework's colours give way where paths are the subject
# Drawn smaller than ions are, so that one sees between them; Å.
RADII = {"Li": 0.50, "Na": 0.62, "K": 0.80, "Ag": 0.70, "Si": 0.36, "P": 0.36, "Ge": 0.40, "Al": 0.40, "B": 0.30,
         "O": 0.42, "S": 0.46, "Se": 0.52, "Cl": 0.52, "Br": 0.58, "I": 0.65}  # fmt: skip
USUAL_RADIUS = 0.48


@dataclass(frozen=True)
class Shading:
    """Numbers shown as colours: one a thing drawn, and what a colour bar says of them."""

    values: Floats
    name: str
    colours: Floats  # (thing, rgb)
    bar: Any  # matplotlib's ScalarMappable


def draw_structure(
    traj: Trajectory,
    *,
    color: Dataset | str | None = None,
    polyhedra: Pair | Sequence[Pair] | None = None,
    paths: str | None = None,
    mark: NDArray[Any] | Sequence[int] | str | None = None,
    ax: Axes | None = None,
    frame: int = -1,
    cell: bool = True,
    view: tuple[float, float] = VIEW,
) -> Axes:
    """Draw one frame of a trajectory, with the ions' paths through all of it.

    Parallel projection, so that the scale bar holds everywhere; what is far fades. Atoms stand in the cell, polyhedra
    at its border are drawn whole.

    A path is a smooth curve through 48 points (fewer where there are fewer frames), each the mean of the ion's
    positions over consecutive frames, so that vibrations average out. It is wrapped piece by piece into the cell h (row
    vectors) of the frame shown, and broken at its borders:

        r → r − ⌊½(rₖ + rₖ₊₁) h⁻¹⌋ h    for both ends of the piece k.

    Where more paths would hide each other, some are drawn, evenly over the ranks of displacement; the colour bar says
    how many of how many.

    Parameters
    ----------
    traj
        All atoms of the system, or a selection.
    color
        What colours the paths, or the atoms where no paths are drawn: ``"displacement"`` (the net displacement of each
        ion between the ends of its path; usual for paths), ``"time"``, ``"species"`` (usual for atoms), or a
        dataset with a dimension ``atom`` that has one value for each atom (or each of the ions); its first such
        variable is taken, at the last value of its other dimensions.
    polyhedra
        ``("Si", "S")``: the polyhedron of the S around every Si, out to 1.25 times the usual shortest distance;
        ``("Si", "S", 2.8)``: out to 2.8 Å. Several are given as a list.
    paths
        The species whose paths are drawn.
    mark
        Atoms to ring: a species, a mask (one value an atom) or the atoms' numbers.
    ax
        Axes to draw on; a new figure's when None.
    frame
        The frame whose atoms are shown; negative ones count from the end.
    cell
        Whether the cell's edges are drawn.
    view
        Degrees by which the cell is turned about its vertical and tilted towards the reader.
    """
    if not -traj.n_frames <= frame < traj.n_frames:
        raise Refusal(f"frame={frame}", f"the trajectory has {traj.n_frames} frames", "Choose one of them")
    at = frame % traj.n_frames
    matrix = np.array(traj.cells[at])
    species = traj.species
    places = _wrapped(traj.read("positions", slice(at, at + 1))[0], matrix)
    ions = None if paths is None else _atoms_of(species, paths)
    pale = np.zeros(len(species), bool) if ions is None else ~np.isin(np.arange(len(species)), ions)
    scene = Scene(matrix, view)
    shading: Shading | None = None

    legend = _add_polyhedra(scene, matrix, places, species, polyhedra, pale=ions is not None)
    tints = _species_colours(species, pale)
    if ions is not None:
        segments, shading = _path_segments(traj, ions, matrix, color, paths or "")
        scene.add_paths(segments, shading.colours)
    elif color is not None and not (isinstance(color, str) and color == "species"):
        if isinstance(color, str):
            raise Refusal(f"color={color!r} without paths", "", 'Name the ions, as in paths="Na", or give a dataset')
        shading = _shading(*_values_of(color, len(species)), "viridis")
        tints = shading.colours
    scene.add_atoms(places, tints, _radii(species), _marked(species, mark))
    if cell:
        scene.add_cell()
    with style():
        axes = ax if ax is not None else _new_axes()
        scene.paint(axes)
        coloured_atoms = shading is not None and ions is None
        known = [] if coloured_atoms else [(name, colour_of(element_of(name))) for name in traj.composition]
        _add_legend(axes, known, legend)
        _add_scale_bar(axes, matrix)
        if shading is not None:
            _add_colour_bar(axes, shading)
    return axes


# which atoms, and what they look like


def _wrapped(positions: Floats, matrix: Floats) -> Floats:
    fractions = positions @ np.linalg.inv(matrix)
    wrapped: Floats = (fractions - np.floor(fractions)) @ matrix
    return wrapped


def _atoms_of(species: NDArray[np.str_], wanted: str) -> Index:
    elements = np.array([element_of(name) for name in species.tolist()])
    found = np.flatnonzero((species == wanted) | (elements == wanted))
    if len(found) == 0:
        raise Refusal(f"There is no '{wanted}' in this trajectory", "", nearest(wanted, sorted(set(species.tolist()))))
    return found


def _marked(species: NDArray[np.str_], mark: NDArray[Any] | Sequence[int] | str | None) -> NDArray[np.bool_]:
    ringed = np.zeros(len(species), bool)
    if mark is None:
        return ringed
    which = _atoms_of(species, mark) if isinstance(mark, str) else np.asarray(mark)
    if which.dtype == bool and which.shape != ringed.shape:
        raise Refusal(
            f"mark has the shape {which.shape} for {len(species)} atoms", "", "Give one true or false an atom"
        )
    if which.dtype != bool and len(which) and not (-len(species) <= which.min() <= which.max() < len(species)):
        raise Refusal(f"mark names an atom beyond the {len(species)} there are")
    ringed[which] = True
    return ringed


def _species_colours(species: NDArray[np.str_], pale: NDArray[np.bool_]) -> Floats:
    from matplotlib.colors import to_rgb

    names, index = np.unique(species, return_inverse=True)
    table = np.array([to_rgb(colour_of(element_of(name), i)) for i, name in enumerate(names.tolist())])
    return mix(table[index], PAPER, PALE * pale[:, None].astype(np.float64))


def _radii(species: NDArray[np.str_]) -> Floats:
    names, index = np.unique(species, return_inverse=True)
    radii: Floats = np.array([RADII.get(element_of(name), USUAL_RADIUS) for name in names.tolist()])[index]
    return radii


# polyhedra


def _add_polyhedra(
    scene: Scene,
    matrix: Floats,
    places: Floats,
    species: NDArray[np.str_],
    polyhedra: Pair | Sequence[Pair] | None,
    *,
    pale: bool,
) -> list[tuple[str, str]]:
    """Add faces, and the ligands that they have outside the cell; what the legend says of them."""
    from matplotlib.colors import to_rgb

    if polyhedra is None:
        return []
    pairs: list[Any] = [polyhedra] if isinstance(polyhedra[0], str) else list(polyhedra)
    said = []
    for centre, ligand, *cutoff in pairs:
        former, anions = _atoms_of(species, centre), _atoms_of(species, ligand)
        points, images = periodic(places[anions], matrix)
        found = bonds(places[former], points, cutoff[0] if cutoff else None)
        counts = np.bincount(found[:, 0], minlength=len(former))
        colour = np.array(to_rgb(colour_of(element_of(centre))))
        for number in np.unique(counts[counts >= FEWEST_CORNERS]).tolist():
            whole = counts == number
            members = found[whole[found[:, 0]], 1].reshape(-1, number)
            scene.add_faces(hulls(points[members]), colour)
        outside = np.unique(found[images[found[:, 1]], 1])
        if len(outside):
            labels = np.full(len(outside), ligand)
            tints = _species_colours(labels, np.full(len(outside), pale))
            scene.add_atoms(points[outside], tints, _radii(labels), np.zeros(len(outside), bool))
        usual = int(np.bincount(counts).argmax())
        if usual < FEWEST_CORNERS:
            warn(f"Most {centre} have {usual} {ligand} around them, which makes no polyhedron", "", "Give a cutoff")
            continue
        said.append((f"{centre}{ligand}$_{{{usual}}}$", colour_of(element_of(centre))))
    return said


# paths and the numbers shown as colours


def _path_segments(
    traj: Trajectory, ions: Index, matrix: Floats, color: Dataset | str | None, species: str
) -> tuple[Floats, Shading]:
    """The pieces of all paths in the cell (piece, end, axis) and how they are coloured."""
    if traj.n_frames < 2:
        raise Refusal("A path needs two frames or more", "the trajectory has one", "Leave out paths=")
    means = _mean_fractions(traj, ions)  # (point, ion, axis)
    net = np.linalg.norm((means[-1] - means[0]) @ matrix, axis=1)
    most = max(1, round(PATHS_PER_AREA * float(np.abs(np.linalg.det(matrix))) ** (2 / 3)))
    kept = np.argsort(net, kind="stable")[np.linspace(0, len(net) - 1, min(len(net), most)).round().astype(int)]
    of = species if len(kept) == len(ions) else f"{len(kept)} of {len(ions)} {species}"
    fractions = _smooth(means[:, kept])
    start, end = fractions[:-1], fractions[1:]
    image = np.floor(0.5 * (start + end))
    segments = np.stack([start - image, end - image], axis=2) @ matrix  # (point, ion, end, axis)
    duration = float(traj.times[-1] - traj.times[0])
    shape = segments.shape[:2]
    if color is None or (isinstance(color, str) and color == "displacement"):
        values, name = np.broadcast_to(net[kept], shape), f"displacement in {duration:.3g} ps of {of} (Å)"
    elif isinstance(color, str) and color == "time":
        when = np.linspace(0, duration, shape[0])
        values, name = np.broadcast_to(when[:, None], shape), f"time on the paths of {of} (ps)"
    elif isinstance(color, str) and color == "species":
        values, name = np.zeros(shape), ""
    elif isinstance(color, str):
        raise Refusal(f"color={color!r}", "", nearest(color, ["displacement", "time", "species"]))
    else:
        per_ion, name = _values_of(color, traj.n_atoms, ions)
        values = np.broadcast_to(per_ion[kept], shape)
    shading = _shading(values.ravel(), name, "plasma")
    if not name:
        plain = _species_colours(np.full(values.size, species), np.zeros(values.size, bool))
        shading = Shading(shading.values, "", plain, None)
    return segments.reshape(-1, 2, 3), shading


def _mean_fractions(traj: Trajectory, ions: Index) -> Floats:
    """Unwrapped fractional coordinates, averaged over groups of consecutive frames: (point, ion, axis)."""
    chosen = traj.select(np.isin(np.arange(traj.n_atoms), ions))
    points = min(PATH_POINTS, traj.n_frames)
    group = np.arange(traj.n_frames) * points // traj.n_frames
    inverses = np.linalg.inv(chosen.cells)

    def work(frames: slice) -> Sums:
        fractions = np.einsum("fai,fij->faj", chosen.read("positions", frames), inverses[frames])
        summed = np.zeros((points, chosen.n_atoms, 3))
        np.add.at(summed, group[frames], fractions)
        return {"summed": summed}

    blocks = cut_frames(chosen, 3 * 24 * chosen.n_atoms, fixed=24 * points * chosen.n_atoms)
    summed: Floats = add_blocks(blocks, work, "paths")["summed"]  # type: ignore[assignment]  # Sums names no dtype
    return summed / np.bincount(group)[:, None, None]


def _smooth(points: Floats) -> Floats:
    """A cubic spline through the points, along the first axis."""
    from scipy.interpolate import make_interp_spline

    if len(points) < 4:
        return points
    knots = np.arange(len(points), dtype=np.float64)
    fine = np.linspace(0, knots[-1], CURVE * (len(points) - 1) + 1)
    curve: Floats = make_interp_spline(knots, points, k=3)(fine)
    return curve


def _values_of(result: Dataset, atoms: int, ions: Index | None = None) -> tuple[Floats, str]:
    """One number an atom (or an ion), and what a person calls it."""
    for name, variable in result.data_vars.items():
        if "atom" not in variable.dims:
            continue
        last: DataArray = variable.isel({dim: -1 for dim in variable.dims if dim != "atom"})
        values = np.asarray(last.values, dtype=np.float64)
        if ions is not None and len(values) == atoms:
            values = values[ions]
        if len(values) != (atoms if ions is None else len(ions)):
            raise Refusal(
                f"'{name}' has {len(values)} atoms", f"{atoms} are drawn", "Give the result of the same trajectory"
            )
        return values, label(str(variable.attrs.get("long_name", name)), str(variable.attrs.get("units", "1")))
    raise Refusal("The dataset to colour by has no variable along 'atom'", f"it has {list(result.data_vars)}")


def _shading(values: Floats, name: str, colours: str) -> Shading:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        raise Refusal(f"'{name}' has no finite value to colour by")
    table = ListedColormap(colormaps[colours](np.linspace(*RANGE, 256))).with_extremes(bad="#BBBBBB")
    bar = ScalarMappable(Normalize(float(finite.min()), float(finite.max())), table)
    return Shading(values, name, np.asarray(bar.to_rgba(np.ma.masked_invalid(values)))[:, :3], bar)


# around the picture


def _new_axes() -> Axes:
    axes = new_axes()
    figure: Any = axes.figure
    figure.set_size_inches(6.4, 6.0)
    return axes


def _add_legend(ax: Axes, species: list[tuple[str, str]], polyhedra: list[tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], marker="o", linestyle="", markersize=8, markerfacecolor=c, markeredgecolor="#444", label=name)
        for name, c in species
    ]
    handles += [Patch(facecolor=c, edgecolor=c, alpha=0.45, label=name) for name, c in polyhedra]
    if handles:
        ax.legend(
            handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.985), ncols=len(handles), handletextpad=0.3,
            columnspacing=1.4, borderaxespad=0.0,
        )  # fmt: skip


def _add_scale_bar(ax: Axes, matrix: Floats) -> None:
    size = float(np.linalg.norm(matrix, axis=1).mean())
    length = max((n for n in (1, 2, 5, 10, 20, 50, 100) if n <= 0.3 * size), default=1)
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    x, y = left + 0.02 * (right - left), bottom + 0.025 * (top - bottom)
    ax.plot([x, x + length], [y, y], color="#222222", linewidth=2.6, solid_capstyle="butt", zorder=5)
    ax.text(x + length / 2, y + 0.012 * (top - bottom), f"{length:g} Å", ha="center", va="bottom", zorder=5)


def _add_colour_bar(ax: Axes, shading: Shading) -> None:
    if shading.bar is None:
        return
    bar = ax.figure.colorbar(shading.bar, ax=ax, orientation="horizontal", shrink=0.62, aspect=32, pad=0.02)
    bar.set_label(shading.name)
    bar.outline.set_visible(False)
