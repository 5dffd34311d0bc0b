"""Windows that ions pass through: polygons of atoms, given, or found as the triangles that jumps cross."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.progress import Progress
from vanhove.trajectory.blocks import cut, cut_frames, drift, in_order
from vanhove.trajectory.budget import memory_budget, thread_count

from .images import half_width, numbers, rounded, shortest

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .encounters import Ways

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AROUND = 8  # nearest atoms to the middle of a jump that may make its window
TRIPLES = np.array(list(combinations(range(AROUND), 3)))
HOW = "Give lists of atoms, as many in each and in order around the window, or the species of the anions"


class Windows(NamedTuple):
    """Polygons; ``atoms`` counts in the trajectory."""

    atoms: Ints  # (window, corner)
    shifts: Ints  # (window, corner, axis): whole cells from each corner to its image beside the first, at first


def given_windows(traj: Trajectory, windows: Any) -> Windows:
    """Windows by their atoms: each corner is the image nearest to the first one, at the first frame."""
    try:
        atoms = np.array([[int(atom) for atom in one] for one in windows], np.int64)
    except (TypeError, ValueError) as error:
        raise Refusal("windows are neither a species nor lists of as many atoms each", str(error), HOW) from error
    if atoms.ndim != 2 or atoms.shape[1] < 3:
        raise Refusal(f"The lists of windows have the shape {atoms.shape}", "", "Give three atoms or more for each")
    if atoms.min() < 0 or atoms.max() >= traj.n_atoms:
        raise Refusal(f"A window names an atom beyond the {traj.n_atoms} there are", "", "Atoms count from 0")
    if (np.diff(np.sort(atoms, axis=1), axis=1) == 0).any():
        raise Refusal("A window names an atom twice", "", "Name each atom once")
    positions, cell = traj.read("positions", slice(0, 1))[0], traj.cells[0]
    apart = positions[atoms] - positions[atoms[:, :1]]
    return Windows(atoms, numbers(shortest(apart, cell) - apart, cell))


def mean_places(
    traj: Trajectory, atoms: Ints, reference: Literal["cell", "framework"] | None, mobile: Sequence[str]
) -> Floats:  # fmt: skip
    """Mean positions of some atoms, rising, in the frame of reference."""
    shown = traj.where(np.isin(np.arange(traj.n_atoms), atoms))
    path = drift(traj, reference, mobile)
    total = np.zeros((len(atoms), 3))
    for part in in_order(
        lambda frames: shown.read("positions", frames).sum(axis=0), cut_frames(shown, 60 * len(atoms))
    ):
        total += part
    return total / traj.n_frames - (0.0 if path is None else path.mean(axis=0))


def crossed(ways: Ways, atoms: Ints, places: Floats, cell: Floats) -> tuple[Windows, Ints]:
    """The triangle of atoms that each jump crosses, and which of the windows it is; -1 where it crosses none.

    Of several that are crossed the bottleneck is the one with the shortest edges (the least area would be that of a
    sliver). The atoms are at their mean places over the run: where
    they are at the moment of the jump has no part in the choice. A straight line stands for the way.
    """
    number, around = len(ways.start), min(AROUND, len(atoms))
    if around < 3:
        raise Refusal(f"{len(atoms)} anions make no window", "", "Name other species")
    triples = TRIPLES[TRIPLES.max(axis=1) < around]
    chosen = np.full((number, 3), -1)
    shifts = np.zeros((number, 3, 3), np.int64)
    for part in cut(number, 8 * 40 * (len(atoms) + 3 * len(triples)), threads=1):
        apart = shortest(places[None] - ways.middle[part, None], cell)
        near = np.argsort((apart**2).sum(axis=-1), axis=1, kind="stable")[:, :around]
        corners = np.take_along_axis(apart, near[..., None], axis=1)[:, triples]  # (event, triple, corner, axis)
        along = (ways.end - ways.start)[part, None]
        hit = _hits(corners, along)
        edges = ((corners - np.roll(corners, 1, axis=2)) ** 2).sum(axis=(2, 3))
        best = np.where(hit, edges, np.inf).argmin(axis=1)
        row = np.arange(len(best))
        mine = near[row[:, None], triples[best]]
        images = corners[row, best] - places[mine]
        found = hit[row, best]
        here = np.flatnonzero(found) + part.start
        chosen[here] = mine[found]
        shifts[here] = numbers(images[found] - images[found][:, :1], cell)
    there = np.flatnonzero(chosen[:, 0] >= 0)
    which = np.full(number, -1)
    if len(there) == 0:
        return Windows(np.empty((0, 3), np.int64), np.empty((0, 3, 3), np.int64)), which
    order = np.argsort(chosen[there], axis=1)
    corner = np.take_along_axis(chosen[there], order, axis=1)
    moved = np.take_along_axis(shifts[there], order[..., None], axis=1)
    moved -= moved[:, :1].copy()
    table, index = np.unique(np.concatenate([corner, moved.reshape(-1, 9)], axis=1), axis=0, return_inverse=True)
    which[there] = index.reshape(-1)
    return Windows(atoms[table[:, :3]], table[:, 3:].reshape(-1, 3, 3)), which


def through(ways: Ways, corners: Floats, cell: Floats) -> Ints:
    """Which of the windows, ``corners`` (window, corner, axis) at their mean places, each jump crosses; -1: none."""
    which = np.full(len(ways.start), -1)
    middle = corners.mean(axis=1)
    fan = np.stack([corners - middle[:, None], np.roll(corners, -1, axis=1) - middle[:, None]], axis=2)
    fan = np.concatenate([np.zeros_like(fan[:, :, :1]), fan], axis=2)  # triangles from the middle to each edge
    for part in cut(len(which), 8 * 40 * 3 * fan[..., 0, 0].size, threads=1):
        apart = shortest(middle[None] - ways.middle[part, None], cell)
        parts = _hits(fan[None] + apart[:, :, None, None], (ways.end - ways.start)[part, None, None])
        hit = np.any(parts, axis=2)
        nearest = np.where(hit, (apart**2).sum(axis=-1), np.inf).argmin(axis=1)
        which[part] = np.where(hit.any(axis=1), nearest, -1)
    return which


def _hits(corners: Floats, along: Floats) -> NDArray[np.bool_]:
    """Whether lines from -along/2 to along/2 cross triangles (…, corner, axis): all three volumes have one sign."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    along = np.broadcast_to(along, a.shape)
    sides = np.stack([(along * np.cross(p, q)).sum(axis=-1) for p, q in ((a, b), (b, c), (c, a))])
    normal = np.cross(b - a, c - a)
    slope = (along * normal).sum(axis=-1)
    place = np.divide((a * normal).sum(axis=-1), slope, out=np.full(slope.shape, np.inf), where=np.abs(slope) > 1e-12)
    inside: NDArray[np.bool_] = ((sides > 0).all(axis=0) | (sides < 0).all(axis=0)) & (np.abs(place) <= 0.5)
    return inside


def areas(corners: Floats) -> Floats:
    """Å² of polygons (…, corner, axis); of one that is not flat, that of its projection along its mean normal."""
    apart = corners - corners[..., :1, :]
    vector = 0.5 * np.cross(apart[..., :-1, :], apart[..., 1:, :]).sum(axis=-2)
    size: Floats = np.linalg.norm(vector, axis=-1)
    return size


def follow_areas(traj: Trajectory, windows: Windows) -> Floats:
    """The area of each window in every frame, (window, frame) in Å²."""
    number, size = windows.atoms.shape
    kept, budget = 8 * number * traj.n_frames, memory_budget()
    if kept > budget:
        raise Refusal(
            f"Areas of {number} windows in {traj.n_frames} frames take {kept / 1e9:.1f} GB",
            f"the memory budget is {budget / 1e9:.1f} GB", "Choose fewer frames or windows, or raise VANHOVE_MEMORY",
        )  # fmt: skip
    shown = traj.where(np.isin(np.arange(traj.n_atoms), windows.atoms))
    atoms = np.searchsorted(np.unique(windows.atoms), windows.atoms)
    cells, found = shown.cells, np.empty((number, traj.n_frames))
    first = _corners(shown.read("positions", slice(0, 1)), cells[:1], atoms, windows.shifts)
    reach = 1.3 * float(np.linalg.norm(first - first[:, :, :1], axis=-1).max())
    small = reach < half_width(cells[:1] if shown.constant_cell else cells)

    def work(frames: slice) -> None:
        positions, here = shown.read("positions", frames), np.ascontiguousarray(cells[frames])
        corners = _corners(positions, here, atoms, windows.shifts)
        if small:
            corners = rounded(corners - corners[:, :, :1], here)
        found[:, frames] = areas(corners).T

    blocks = cut_frames(shown, 24 * shown.n_atoms + 24 * 8 * number * size)
    with Progress("windows", len(blocks)) as progress:
        for _ in in_order(work, blocks, ahead=thread_count()):
            progress.advance()
    return found


def _corners(positions: Floats, cells: Floats, atoms: Ints, shifts: Ints) -> Floats:
    placed: Floats = positions[:, atoms] + np.einsum("wci,fix->fwcx", shifts, cells)
    return placed
