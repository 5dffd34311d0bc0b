"""The box of an H5MD file: its edges at every frame, and along which axes it repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal, warn
from vanhove.trajectory.links import inner

from .h5md_elements import Element, element
from .h5md_units import unit_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Box(NamedTuple):
    """Row vectors in Å, (1 or frame, 3, 3), and whether each axis is periodic."""

    cells: Floats
    periodic: NDArray[np.bool_]


def read_box(path: Path, group: Any, position: Element, frames: int, length: float) -> Box:
    """The box of a group of particles; ``length`` is the unit of its positions, for edges that state none."""
    box = inner(group, "box")
    edges = None if box is None else element(path, box, "edges")
    if edges is None:
        raise Refusal("The file has no box", f"{path}: box/edges", "Write the box, or use vh.from_arrays with cells")
    if edges.shape not in ((3,), (3, 3)) or edges.data.dtype.kind not in "fiu":
        raise Refusal("The box is not three lengths or three vectors", f"{path}: edges of shape {edges.data.shape}")
    own = unit_of(edges.data, length=1)
    table = np.asarray(edges.rows(_rows(path, edges, position, frames)), np.float64) * (length if own is None else own)
    cells = table[:, :, None] * np.eye(3) if table.ndim == 2 else table
    return Box(cells[:1] if (cells == cells[0]).all() else cells, _periodic(path, box))


def _rows(path: Path, edges: Element, position: Element, frames: int) -> NDArray[np.intp]:
    """Which box belongs to each frame: the one of the same step."""
    if not edges.moving:
        return np.zeros(1, np.intp)
    matched = edges.matched(position, frames)
    if matched is not None:
        return matched
    boxes = int(edges.data.shape[0])
    if boxes == 1:
        warn(
            "The box is stored once, as if it could change", f"{path}: 1 box, {frames} frames",
            "It is taken as fixed: check that the run kept its volume and shape",
        )  # fmt: skip
        return np.zeros(1, np.intp)
    raise Refusal(
        "The box is not known at every frame", f"{path}: {boxes} boxes, {frames} frames", "Write both together"
    )


def _periodic(path: Path, box: Any) -> NDArray[np.bool_]:
    """Along which axes the box repeats; what can't be read counts as periodic."""
    said = _boundary(box)
    if len(said) != 3 or not set(said) <= {"periodic", "none"}:
        warn("The boundary can't be read", f"{path}: box/boundary {said}", "Every axis is taken as periodic")
        return np.ones(3, bool)
    if "none" in said:
        warn(
            "The box is not periodic along every axis", f"{path}: {', '.join(said)}",
            "It is taken as periodic: distances and volumes across that boundary mean nothing",
        )  # fmt: skip
    return np.array([word == "periodic" for word in said])


def _boundary(box: Any) -> list[str]:
    """One word an axis; ESPResSo says one for all, and a later draft of H5MD has truth values."""
    try:
        values = np.atleast_1d(box.attrs["boundary"])
    except (KeyError, OSError, TypeError, ValueError):
        return []
    if values.dtype.kind == "b":
        return ["periodic" if value else "none" for value in values.tolist()]
    words = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.tolist()]
    return words * 3 if len(words) == 1 else words
