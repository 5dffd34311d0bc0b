"""The picture of the structure as a page that can be turned: one file that needs nothing from elsewhere."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import write_text
from vanhove.base.version import __version__

from .composing import Options, compose
from .scene import FOG
from .shading import JUMP_COLOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .composing import Picture
    from .core import Trajectory
    from .scene import Scene
    from .shading import Shading

    Floats = NDArray[np.float64]

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
COLOURS_OF_BAR = 24
TICKS = 3
HEAVIEST = 600_000  # things in a page; a browser takes seconds for one picture of so many


def structure_page(
    traj: Trajectory, path: str | os.PathLike[str], *, title: str | None = None, **options: Unpack[Options]
) -> Path:
    """Write the picture of :func:`draw_structure` as a page to turn, zoom and point at; its path.

    The page is one HTML file without any reference to elsewhere; it opens in any browser, also offline. Atoms and paths
    say what they are when they are pointed at (species, number in ``traj``, value; the time on a path), and species,
    polyhedra, paths, jumps and the cell can be switched off. The same input gives the same bytes.

    Parameters
    ----------
    traj
        All atoms of the system, or a selection.
    path
        The file to write, whole or not at all.
    title
        Stands on the page; composition and temperature when None.
    options
        ``color``, ``polyhedra``, ``paths``, ``mark``, ``enlarge``, ``frame``, ``cell``, ``view``, ``points``
        and ``near`` of :func:`draw_structure`.
    """
    unknown = sorted(set(options) - set(Options.__annotations__))
    if unknown:
        raise Refusal(
            f"structure_page has no option '{unknown[0]}'", "", f"Known: {', '.join(Options.__annotations__)}"
        )
    picture = compose(traj, **options)
    if title is None:
        kelvin = "" if traj.temperature is None else f", {traj.temperature:g}\u00a0K"
        title = ", ".join(f"{number}\u00a0{name}" for name, number in traj.composition.items()) + kelvin
    text = (resources.files("vanhove.trajectory") / "data" / "structure.html").read_text(encoding="utf-8")
    data = json.dumps(_scene(picture, traj.composition), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    parts = {"TITLE": html.escape(title), "VERSION": __version__, "SCENE": data.replace("<", "\\u003c")}
    write_text(path, re.sub(r"@@([A-Z]+)@@", lambda found: parts[found.group(1)], text))
    return Path(path)


def _scene(picture: Picture, species: Iterable[str]) -> dict[str, Any]:
    """A picture as plain lists: places in Å, colours as numbers of a palette."""
    scene, tints = picture.scene, _Palette()
    pieces = sum(len(lines.segments) for lines in scene.lines) + sum(len(faces.corners) for faces in scene.faces)
    if pieces + sum(len(atoms.places) for atoms in scene.atoms) > HEAVIEST:
        raise Refusal(
            f"A page of {pieces} pieces can't be turned in a browser", "", "Draw fewer atoms, polyhedra or paths"
        )
    atoms, lines = _atoms(scene, tints), _lines(scene, tints)
    faces = {
        "xyz": _rounded(np.concatenate([np.zeros((0, 3, 3)), *(one.corners for one in scene.faces)])),
        "colour": [code for one in scene.faces for code in tints.codes(one.colours)],
    }
    there = {*atoms["group"], *lines["group"], *(["polyhedra"] if faces["colour"] else [])}
    groups = [name for name in (*species, "polyhedra", "paths", "jumps", "cell") if name in there]
    key = [(name, colour, "") for name, colour, _ in picture.balls]
    key += [(_plain(name), colour, "solid") for name, colour in picture.solids]
    if picture.jumps:
        key.append((picture.jumps, JUMP_COLOUR, "line"))
    return {
        "corners": np.round(scene.corners, 4).tolist(), "view": list(scene.view), "fog": FOG, "atoms": atoms,
        "faces": faces, "lines": lines, "palette": tints.palette, "groups": groups, "key": key,
        "shading": _shading(picture.shading), "notes": picture.notes,
    }  # fmt: skip


class _Palette:
    """Colours, each kept once."""

    def __init__(self) -> None:
        self.palette: list[str] = []
        self._known: dict[int, int] = {}

    def codes(self, colours: Floats) -> list[int]:
        levels = np.rint(255 * np.clip(colours, 0, 1)).astype(np.int64)
        packed, which = np.unique(levels @ [65536, 256, 1], return_inverse=True)
        for one in packed.tolist():
            if one not in self._known:
                self._known[one] = len(self.palette)
                self.palette.append(f"#{one:06x}")
        codes: list[int] = np.array([self._known[one] for one in packed.tolist()], np.intp)[which].tolist()
        return codes


def _atoms(scene: Scene, tints: _Palette) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in ("xyz", "colour", "radius", "ringed", "fog", "tip", "group")}
    for some in scene.atoms:
        found["xyz"] += _rounded(some.places)
        found["colour"] += tints.codes(some.colours)
        found["radius"] += np.round(some.radii, 3).tolist()
        found["ringed"] += some.ringed.astype(int).tolist()
        found["fog"] += [some.fog] * len(some.places)
        found["tip"] += some.tips
        found["group"] += [tip.split(",", maxsplit=1)[0] if some.kind == "atoms" else some.kind for tip in some.tips]
    return found


def _lines(scene: Scene, tints: _Palette) -> dict[str, list[Any]]:
    names = ("xyz", "colour", "width", "fog", "group", "owner", "time", "tip")
    found: dict[str, list[Any]] = {name: [] for name in names}
    for some in scene.lines:
        number, before = len(some.segments), len(found["tip"])
        found["xyz"] += _rounded(some.segments)
        found["colour"] += tints.codes(some.colours)
        found["width"] += [round(some.width, 3)] * number
        found["fog"] += [some.fog] * number
        found["group"] += [some.kind] * number
        found["owner"] += [-1] * number if some.tips is None else (some.tips.owner + before).tolist()
        found["time"] += [0] * number if some.tips is None else [f"{time:.4g}" for time in some.tips.times.tolist()]
        found["tip"] += [] if some.tips is None else some.tips.texts
    return found


def _shading(shading: Shading | None) -> dict[str, Any] | None:
    if shading is None:
        return None
    told: dict[str, Any] = {"name": shading.name, "entries": list(shading.entries), "bar": None, "ticks": []}
    if shading.bar is not None:
        low, high = shading.bar.get_clim()
        tints = _Palette()
        codes = tints.codes(shading.colours(np.linspace(low, high, COLOURS_OF_BAR)))
        told["bar"] = [tints.palette[code] for code in codes]
        told["ticks"] = [f"{value:.3g}" for value in np.linspace(low, high, TICKS)]
    return told


def _rounded(places: Floats) -> list[float]:
    flat: list[float] = np.round(places, 3).ravel().tolist()
    return flat


def _plain(name: str) -> str:
    """A name without mathematics' marks: "SiS$_{4}$" is SiS₄."""
    return re.sub(r"\$_\{(\d+)\}\$", lambda found: found.group(1).translate(SUBSCRIPTS), name)
