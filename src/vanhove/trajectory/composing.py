"""What is in a picture of the structure: which atoms, polyhedra, paths and marks, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from vanhove.base.elements import element_of
from vanhove.base.errors import Refusal, nearest, warn
from vanhove.base.figures import colour_of

from .atom_choice import atoms_of, beyond, chosen
from .atom_values import AtomValues, values_of
from .paths import MOST_POINTS, POINTS, POINTS_OF_FEW, Marked, Paths, is_jumps, jumps_of, on_paths, trace
from .polyhedra import bonds, hulls, most_corners, periodic
from .scene import FOG, MARK_WIDTH, PAPER, PATH_FOG, PATH_WIDTH, Scene, Tips, mix
from .shading import JUMP_COLOUR, Shading, shading_of
from .stage import Stage, cell_stage, near_paths

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from .atom_choice import Threshold, Which
    from .atom_values import Coloured
    from .core import Trajectory

    Floats = NDArray[np.float64]
    Index = NDArray[np.intp]

Pair = tuple[str, str] | tuple[str, str, float]

VIEW = (24.0, 13.0)  # degrees
FEWEST_CORNERS = 4
SAME_PLACE = 1e-4  # Å
FEW = 8  # ions: their paths are drawn bolder, and all else fainter
BOLD = 1.6
PALE = 0.45  # how far the framework's colours give way where paths are the subject
FAINT = 0.62  # those of atoms that the result shown as colours is not about
ENLARGED = 1.75  # times the usual radius
JUMP_RADIUS = 0.19  # Å
# Drawn smaller than ions are, so that one sees between them; Å.
RADII = {"Li": 0.50, "Na": 0.62, "K": 0.80, "Ag": 0.70, "Si": 0.36, "P": 0.36, "Ge": 0.40, "Al": 0.40, "B": 0.30,
         "O": 0.42, "S": 0.46, "Se": 0.52, "Cl": 0.52, "Br": 0.58, "I": 0.65}  # fmt: skip
USUAL_RADIUS = 0.48
WORDS = ("displacement", "time", "species")  # that paths can be coloured by


class Options(TypedDict, total=False):
    """What can be asked of a picture; see :func:`vanhove.draw_structure`."""

    color: Coloured | str | None
    polyhedra: Pair | Sequence[Pair] | None
    paths: Which | None
    mark: Dataset | Which | Sequence[tuple[int, float]] | None
    enlarge: Which | Threshold | None
    frame: int
    cell: bool
    view: tuple[float, float]
    points: int | None
    near: float | None


@dataclass
class Picture:
    """A scene with what stands beside it."""

    scene: Scene
    balls: list[tuple[str, str, float]] = field(default_factory=list)  # what, colour, size in the legend
    solids: list[tuple[str, str]] = field(default_factory=list)  # polyhedra
    jumps: str = ""
    shading: Shading | None = None
    notes: list[str] = field(default_factory=list)


def compose(traj: Trajectory, **options: Any) -> Picture:
    """The picture that ``options`` (:class:`Options`) ask for."""
    frame = options.get("frame", -1)
    if not -traj.n_frames <= frame < traj.n_frames:
        raise Refusal(f"frame={frame}", f"the trajectory has {traj.n_frames} frames", "Choose one of them")
    return _Composer(traj, frame % traj.n_frames).made(options)


@dataclass
class _Composer:
    traj: Trajectory
    frame: int

    def made(self, options: dict[str, Any]) -> Picture:
        traj = self.traj
        self.species, self.matrix = traj.species, np.array(traj.cells[self.frame])
        positions = traj.read("positions", slice(self.frame, self.frame + 1))[0]
        fractions = positions @ np.linalg.inv(self.matrix)
        self.places: Floats = (fractions - np.floor(fractions)) @ self.matrix
        self.now = float(traj.times[self.frame])
        self.tips = [f"{name}, atom {number}" for number, name in enumerate(self.species.tolist())]
        self.tints = _species_colours(self.species)
        paths, color, mark = (options.get(name) for name in ("paths", "color", "mark"))
        ions = None if paths is None else chosen(traj, paths, "paths")
        if ions is not None and len(ions) == 0:
            raise Refusal("paths names no atom")
        values = None if color is None or isinstance(color, str) else values_of(color, traj, ions)
        points = 0 if ions is None else self._points(paths, ions, options.get("points"))
        traced = None if ions is None else trace(traj, ions, self._names(ions), self.matrix, points)
        self.stage = self._stage(traced, options.get("near"))
        self.picture = Picture(Scene(self.stage.box, options.get("view", VIEW), self.stage.origin))
        self._settle_tints(ions, values, color, marked=is_jumps(mark))
        if options.get("polyhedra"):
            self._add_polyhedra(options["polyhedra"])
        if traced is not None:
            self._add_paths(traced, points, color, values, mark)
        elif is_jumps(mark):
            raise Refusal(
                "mark names jumps, and jumps are marked on paths", "", "Name the ions whose paths are drawn: paths="
            )
        ringed = np.zeros(traj.n_atoms, bool)
        if mark is not None and not is_jumps(mark):
            ringed[chosen(traj, mark, "mark")] = True
        self._add_atoms(ringed, options.get("enlarge"))
        if options.get("cell", True) and not self.stage.whole:
            self.picture.scene.add_cell()
        return self.picture

    def _stage(self, paths: Paths | None, near: float | None) -> Stage:
        if near is None:
            return cell_stage(self.places, self.matrix)
        if paths is None:
            raise Refusal("near= shows what is around paths", "", "Name the ions whose paths are drawn: paths=[...]")
        return near_paths(paths, self.places, self.matrix, near)

    # atoms

    def _settle_tints(self, ions: Index | None, values: AtomValues | None, color: Any, *, marked: bool) -> None:
        """The colours of atoms: their species', or what their values say; others recede."""
        pale = np.zeros(self.traj.n_atoms)
        self.valued = np.zeros(self.traj.n_atoms, bool)
        if ions is not None:
            pale[:] = PALE if len(ions) > FEW else FAINT
            pale[ions] = 0.0
        elif isinstance(color, str) and color != "species":
            raise Refusal(f"color={color!r} without paths", "", 'Name the ions, as in paths="Na", or give a dataset')
        if values is not None:
            self.valued[ions if ions is not None else slice(None)] = True
            self.valued &= values.covered
            if not self.valued.any():
                raise Refusal("The result to colour by has no value of the ions whose paths are drawn")
            now = values.at(self.now)[0]
            ranged = values.values[:, self.valued] if ions is not None else now[self.valued]
            shading = shading_of(
                ranged, values.name, values.labels, colours="viridis" if ions is None or marked else "plasma",
                marked=marked,
            )  # fmt: skip
            self.picture.shading = shading
            self.tints[self.valued] = shading.colours(now[self.valued])
            if ions is None:
                pale[~self.valued] = FAINT
            for atom in np.flatnonzero(self.valued & np.isfinite(now)).tolist():
                self.tips[atom] += f": {values.words(now[atom])}"
        self.tints = mix(self.tints, PAPER, pale[:, None])

    def _add_atoms(self, ringed: NDArray[np.bool_], enlarge: Any) -> None:
        radii = _radii(self.species)
        stage = self.stage
        plain = np.setdiff1d(stage.atoms, np.flatnonzero(self.valued))
        where = plain[np.sort(np.unique(self.species[plain], return_index=True)[1])]
        for atom in where.tolist():
            self.picture.balls.append((str(self.species[atom]), _hex(self.tints[atom]), 8.0))
        if enlarge is not None:
            large, words = beyond(self.traj, enlarge, self.now, "enlarge")
            radii[large] *= ENLARGED
            if words:
                share = f"{words} ({int(large.sum())})"
                self.picture.balls.append((share, "#FFFFFF", 8.0 * ENLARGED))
        scene = self.picture.scene
        valued = self.valued[stage.atoms]
        for here, fog in ((valued, PATH_FOG), (~valued, FOG)):
            if here.any():
                mine = stage.atoms[here]
                tips = [self.tips[atom] for atom in mine.tolist()]
                scene.add_atoms(stage.places[here], self.tints[mine], radii[mine], ringed[mine], tips=tips, fog=fog)

    def _names(self, ions: Index) -> str:
        names = list(dict.fromkeys(self.species[ions].tolist()))
        return ", ".join(names) if len(ions) > 1 else f"{names[0]} {ions[0]}"

    # polyhedra

    def _add_polyhedra(self, wanted: Pair | Sequence[Pair]) -> None:
        """Add faces, and the ligands that they have outside the cell."""
        from matplotlib.colors import to_rgb

        pairs: list[Any] = [wanted] if isinstance(wanted[0], str) else list(wanted)
        outer: list[Index] = []
        outer_places: list[Floats] = []
        for centre, ligand, *cutoff in pairs:
            former, anions = atoms_of(self.species, centre), atoms_of(self.species, ligand)
            points, _, origin = periodic(self.places[anions], self.matrix, self.stage.low, self.stage.high)
            centres = self.stage.places[np.isin(self.stage.atoms, former)]
            if len(centres) == 0:
                continue
            found = bonds(centres, points, cutoff[0] if cutoff else None)
            counts = np.bincount(found[:, 0], minlength=len(centres))
            most_corners(int(counts.max()), centre, ligand)
            colour = colour_of(element_of(centre))
            for number in np.unique(counts[counts >= FEWEST_CORNERS]).tolist():
                whole = counts == number
                members = found[whole[found[:, 0]], 1].reshape(-1, number)
                self.picture.scene.add_faces(hulls(points[members]), np.array(to_rgb(colour)))
            corners = np.unique(found[:, 1])
            outer.append(anions[origin[corners]])
            outer_places.append(points[corners])
            usual = int(np.bincount(counts).argmax())
            if usual < FEWEST_CORNERS:
                warn(f"Most {centre} have {usual} {ligand} around them, which makes no polyhedron", "", "Give a cutoff")
                continue
            self.picture.solids.append((f"{centre}{ligand}$_{{{usual}}}$", colour))
        if outer:
            self._add_outer(np.concatenate(outer), np.concatenate(outer_places))

    def _add_outer(self, atoms: Index, places: Floats) -> None:
        """Corners of polyhedra beyond the border, each once, whichever polyhedra it belongs to."""
        from scipy.spatial import cKDTree

        beyond_it = cKDTree(self.stage.places).query(places)[0] > SAME_PLACE
        _, once = np.unique(np.round(places, 6), axis=0, return_index=True)
        mine = np.sort(once[beyond_it[once]])
        if len(mine) == 0:
            return
        atoms, places = atoms[mine], places[mine]
        tips = [f"{self.tips[atom]} (image)" for atom in atoms.tolist()]
        self.picture.scene.add_atoms(
            places, self.tints[atoms], _radii(self.species[atoms]), np.zeros(len(atoms), bool), tips=tips
        )

    # paths

    @staticmethod
    def _points(paths: Any, ions: Index, points: int | None) -> int:
        """Points of a path: many where a few ions were named, fewer for a web of them."""
        if points is not None or isinstance(paths, str):
            return POINTS if points is None else points
        return max(POINTS, min(MOST_POINTS, POINTS_OF_FEW // len(ions)))

    def _add_paths(self, paths: Paths, points: int, color: Any, values: AtomValues | None, mark: Any) -> None:
        whole = self.stage.whole
        jumps = jumps_of(mark, self.traj) if is_jumps(mark) else None
        marked = None if jumps is None else on_paths(jumps, paths, self.matrix, points, whole=whole)
        segments = paths.segments(self.matrix, whole=whole)
        bold = BOLD if len(paths.ions) <= FEW else 1.0
        shape = segments.shape[:2]
        tints = self._path_tints(paths, shape, color, values, marked=marked is not None)
        owner = np.broadcast_to(np.arange(shape[1]), shape)
        names = [self.tips[ion].split(":", maxsplit=1)[0] for ion in paths.ions.tolist()]
        tips = Tips([f"{name}: {net:.2f} Å in all" for name, net in zip(names, paths.net, strict=True)],
                    owner.ravel(), np.broadcast_to(paths.middles[:, None], shape).ravel())  # fmt: skip
        self.picture.scene.add_paths(segments.reshape(-1, 2, 3), tints.reshape(-1, 3), bold * PATH_WIDTH, tips=tips)
        if paths.every > 1:
            self.picture.notes.append(f"paths from every {_ordinal(paths.every)} frame")
        if marked is not None:
            self._add_marks(paths, segments, marked, names, bold)

    def _path_tints(
        self, paths: Paths, shape: tuple[int, ...], color: Any, values: AtomValues | None, *, marked: bool
    ) -> Floats:
        if values is not None:
            shading = self.picture.shading
            assert shading is not None
            return shading.colours(values.at(paths.middles)[:, paths.ions])
        if isinstance(color, str) and color not in WORDS:
            raise Refusal(f"color={color!r}", "", nearest(color, list(WORDS)))
        if color == "species":
            return np.broadcast_to(_species_colours(self.species[paths.ions]), (*shape, 3))
        if color == "time":
            numbers = np.broadcast_to(paths.middles[:, None], shape)
            name = f"time on the path{'s' if len(paths.ions) > 1 else ''} of {paths.of} (ps)"
        else:
            numbers, name = (
                np.broadcast_to(paths.net, shape),
                f"displacement in {paths.duration:.3g} ps of {paths.of} (Å)",
            )
        self.picture.shading = shading_of(numbers, name, (), colours="viridis" if marked else "plasma")
        return self.picture.shading.colours(numbers)

    def _add_marks(self, paths: Paths, segments: Floats, marked: Marked, names: list[str], bold: float) -> None:
        from matplotlib.colors import to_rgb

        shown, picture = len(marked.ions), self.picture
        if shown == 0:
            raise Refusal(
                f"None of the {marked.given} jumps is on the paths that are drawn",
                f"they are those of {paths.of} from {paths.times[0]:g} to {paths.times[-1]:g} ps",
                "Name the ions that jump: paths=[...]",
            )
        red = np.array(to_rgb(JUMP_COLOUR))
        pieces = segments[marked.pieces]
        owner = np.nonzero(marked.pieces)[1]
        when = np.broadcast_to(paths.middles[:, None], marked.pieces.shape)[marked.pieces]
        tips = Tips([f"{name} jumps" for name in names], owner, when)
        picture.scene.add_paths(
            pieces, np.broadcast_to(red, (len(pieces), 3)), bold * MARK_WIDTH, tips=tips, kind="jumps"
        )
        said = []
        for ion, time, length in zip(marked.ions, marked.jumps.times, marked.jumps.lengths, strict=True):
            far = "" if np.isnan(length) else f", {length:.2f} Å"
            said.append(f"{names[ion]}: jump at {time:.4g} ps{far}")
        picture.scene.add_atoms(
            marked.places, np.broadcast_to(red, (shown, 3)), np.full(shown, bold * JUMP_RADIUS), np.zeros(shown, bool),
            tips=said, kind="jumps", fog=PATH_FOG,
        )  # fmt: skip
        picture.jumps = "jumps" if shown == marked.given else f"jumps ({shown} of {marked.given})"


def _species_colours(species: NDArray[np.str_]) -> Floats:
    from matplotlib.colors import to_rgb

    names, index = np.unique(species, return_inverse=True)
    table = np.array([to_rgb(colour_of(element_of(name), i)) for i, name in enumerate(names.tolist())])
    colours: Floats = table[index]
    return colours


def _radii(species: NDArray[np.str_]) -> Floats:
    names, index = np.unique(species, return_inverse=True)
    radii: Floats = np.array([RADII.get(element_of(name), USUAL_RADIUS) for name in names.tolist()])[index]
    return radii


def _hex(colour: Floats) -> str:
    from matplotlib.colors import to_hex

    return str(to_hex(np.clip(colour, 0, 1).tolist()))


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
