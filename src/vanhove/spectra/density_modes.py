"""ρ_a(Q,t) and j_a(Q,t) of every species along a run, streamed over frames, in chunks of Q that fit the budget."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.dynamics.velocities import drift_velocity
from vanhove.structure.q_shells import ACCURACY, GRID, GRID_BYTES, SPREAD
from vanhove.trajectory.blocks import add_blocks, cut_frames, drift, frame_weights
from vanhove.trajectory.budget import memory_budget, thread_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    from .q_points import Points

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Complexes = NDArray[np.complex128]

Frame = Literal["cell"] | None

AT_ONCE = 16  # frames whose sums are written together: runs of memory in the direction of time
DIRECT = 0.10  # ns an atom and vector take as a direct sum, …
MOVING = 0.25  # … with its velocity, …
ROW = 0.40  # … and an atom and row of vectors: measured, to choose the faster way


class Rows(NamedTuple):
    """Vectors as the kernel takes them: the third of ``axes`` along the rows, each vector (or its opposite) once."""

    axes: tuple[int, int, int]
    values: tuple[Floats, Floats, Floats]
    rows: Ints
    firsts: Ints
    entries: Ints
    place: Ints  # (vector,) where the sum of each is
    vectors: int  # that are different

    @classmethod
    def of(cls, hkl: Ints) -> Rows:
        """Along the axis that gives the fewest rows."""
        choices = [_half(hkl[:, axes]) for axes in ((1, 2, 0), (2, 0, 1), (0, 1, 2))]
        last = int(np.argmin([len(np.unique(half[:, :2], axis=0)) for half in choices]))
        axes = ((1, 2, 0), (2, 0, 1), (0, 1, 2))[last]
        different, place = np.unique(choices[last], axis=0, return_inverse=True)
        h_values, h = np.unique(different[:, 0], return_inverse=True)
        k_values, k = np.unique(different[:, 1], return_inverse=True)
        l_values, along = np.unique(np.abs(different[:, 2]), return_inverse=True)
        rows, row = np.unique(np.column_stack([h.ravel(), k.ravel()]), axis=0, return_inverse=True)
        pairs, entry = np.unique(np.column_stack([row.ravel(), along.ravel()]), axis=0, return_inverse=True)
        entries = np.full((len(pairs), 3), -1, np.int64)
        entries[:, 0] = pairs[:, 1]
        entries[entry.ravel(), np.where(different[:, 2] >= 0, 1, 2)] = np.arange(len(different))
        firsts = np.searchsorted(pairs[:, 0], np.arange(len(rows) + 1))
        values = (h_values.astype(float), k_values.astype(float), l_values.astype(float))
        return cls(axes, values, rows, firsts, entries, place.ravel(), len(different))


def series(traj: Trajectory, points: Points, *, moving: bool, reference: Frame) -> Iterator[tuple[slice, Complexes]]:
    """ρ_a(Q,t), (1, species, vector, time), or with ``moving`` the components of j_a(Q,t) along Q and two across.

    In chunks of the vectors, whose slice comes with each; frames are read once for each chunk. Species come in the
    order of ``traj.composition``. What is given is overwritten by the next.
    """
    if reference not in ("cell", None):
        raise Refusal(f"drift={reference!r}", "", 'Pass "cell" or None')
    species = len(traj.composition)
    each = 16 * (3 if moving else 1) * species * traj.n_frames
    room = max(1, int(memory_budget() / 2 / each))
    chunks = -(-len(points.hkl) // room)
    edges = np.linspace(0, len(points.hkl), chunks + 1).astype(int).tolist()
    kept = np.empty((3 if moving else 1, species, -(-len(points.hkl) // chunks), traj.n_frames), np.complex128)
    origins = _origins(traj, reference)
    velocity = drift_velocity(traj, reference, []) if moving else np.zeros((traj.n_frames, 3))
    what = "j(Q,t)" if moving else "ρ(Q,t)"
    for n, (first, last) in enumerate(pairwise(edges)):
        part = slice(first, last)
        here = kept[:, :, : last - first]
        label = what if chunks == 1 else f"{what}, part {n + 1} of {chunks}"
        _fill(traj, points, part, here, origins, velocity if moving else None, label)
        yield part, here


def _fill(
    traj: Trajectory, points: Points, part: slice, kept: Complexes, origins: Floats, velocity: Floats | None,
    label: str,
) -> None:  # fmt: skip
    """One pass over the frames for the vectors of ``part``."""
    from vanhove.kernels.density_modes import TILE, keep, keep_along, modes_of

    hkl = points.hkl[part]
    rows = Rows.of(hkl)
    axes = list(rows.axes)
    inverses = np.linalg.inv(traj.cells).astype(np.float64)
    order = np.argsort(_numbers(traj), kind="stable").astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(list(traj.composition.values()))]).astype(np.int64)
    species, components = len(starts) - 1, len(kept)
    on_grid = _grid_is_faster(traj.n_atoms, hkl, rows, species, components)
    own_axes = None if velocity is None else _along_and_across(points.vectors[part])

    def work(frames: slice) -> Sums:
        all_positions = traj.read("positions", frames)
        all_velocities = np.empty((len(all_positions), 0, 3))
        if velocity is not None:
            all_velocities = traj.read("velocities", frames)
            all_velocities -= velocity[frames, None]
        start = range(traj.n_frames)[frames].start
        for at in range(0, len(all_positions), AT_ONCE):
            few = slice(start + at, min(start + at + AT_ONCE, start + len(all_positions)))
            positions, velocities = all_positions[at : at + AT_ONCE], all_velocities[at : at + AT_ONCE]
            if on_grid:
                sums = _on_grid(positions, velocities, inverses[few], origins[few], order, starts, hkl)
            else:
                turned = np.ascontiguousarray(inverses[few][:, :, axes])
                found = modes_of(
                    positions, velocities, turned, np.ascontiguousarray(origins[few][:, axes]), order, starts,
                    *rows.values, rows.rows, rows.firsts, rows.entries,
                )  # fmt: skip
                sums = np.take(found, rows.place, axis=3)
            if own_axes is None:
                keep(sums, few.start, kept)
            else:
                keep_along(sums, own_axes, few.start, kept)
        return {}

    scratch = 2 * 16 * AT_ONCE * components * species * len(hkl) + 8 * TILE * 2 * sum(len(v) for v in rows.values)
    if on_grid:
        scratch += GRID_BYTES * math.prod(_modes(hkl))
    fixed = scratch + kept.nbytes // thread_count()
    add_blocks(cut_frames(traj, 2 * 24 * traj.n_atoms * (2 if velocity is not None else 1), fixed=fixed), work, label)


def _numbers(traj: Trajectory) -> Ints:
    """The species of every atom, counted in the order of ``traj.composition``."""
    names = list(traj.composition)
    labels, of = np.unique(traj.species, return_inverse=True)
    numbers: Ints = np.array([names.index(str(label)) for label in labels], np.int64)[of.ravel()]
    return numbers


def _origins(traj: Trajectory, reference: Frame) -> Floats:
    """What the drift takes off fractional coordinates, (frame, axis): in a changing cell the centre's own."""
    if reference is None:
        return np.zeros((traj.n_frames, 3))
    if traj.constant_cell:
        path = drift(traj, "cell")
        assert path is not None
        same: Floats = path @ np.linalg.inv(traj.cells[0])
        return same
    everything = traj.whole_system
    weights = frame_weights(everything, "cell", [])
    inverses = np.linalg.inv(traj.cells)
    centres = np.empty((traj.n_frames, 3))

    def work(frames: slice) -> Sums:
        centres[frames] = np.einsum("fai,a,fij->fj", everything.read("positions", frames), weights, inverses[frames])
        return {}

    add_blocks(cut_frames(everything, 3 * 24 * everything.n_atoms), work, "drift")
    return centres


def _along_and_across(vectors: Floats) -> Floats:
    """Three unit vectors for each: along it, and two at right angles to it."""
    along = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    least = np.eye(3)[np.argmin(np.abs(along), axis=1)]
    across = np.cross(along, least)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return np.ascontiguousarray(np.stack([along, across, np.cross(along, across)], axis=1))


def _half(hkl: Ints) -> Ints:
    """One of Q and -Q: the first number that is not 0 is above 0."""
    first = np.take_along_axis(hkl, np.argmax(hkl != 0, axis=1)[:, None], axis=1)
    return np.where(first < 0, -hkl, hkl)


def _modes(hkl: Ints) -> tuple[int, int, int]:
    """The grid of h, k, l with 0 in its middle that holds all vectors."""
    a, b, c = (2 * int(n) + 1 for n in np.abs(hkl).max(axis=0))
    return a, b, c


def _grid_is_faster(atoms: int, hkl: Ints, rows: Rows, species: int, components: int) -> bool:
    """Whether sums on a grid take less time; never where the grid does not fit the memory budget."""
    points = math.prod(_modes(hkl))
    if GRID_BYTES * points * thread_count() > memory_budget() / 4:
        return False
    each = DIRECT if components == 1 else MOVING
    return components * (SPREAD * atoms + GRID * species * points) < atoms * (
        each * rows.vectors + ROW * len(rows.rows)
    )


def _on_grid(
    positions: Floats, velocities: Floats, inverses: Floats, origins: Floats, order: Ints, starts: Ints, hkl: Ints
) -> Complexes:
    """What the kernel gives, by finufft: the sums of each frame on a grid of h, k, l, of which some are taken."""
    import finufft

    modes = _modes(hkl)
    h, k, along = (hkl + [n // 2 for n in modes]).T
    components = 3 if velocities.shape[1] else 1
    sums = np.empty((len(positions), components, len(starts) - 1, len(hkl)), np.complex128)
    grid = np.empty(modes, np.complex128)
    # the coarser of its two finer grids takes a quarter of the memory, and of the time in what is worked on here
    plan = finufft.Plan(1, modes, eps=ACCURACY, isign=1, nthreads=1, upsampfac=1.25)
    for f, frame in enumerate(positions):
        phases = 2 * np.pi * ((frame[order] @ inverses[f] - origins[f]) % 1.0) - np.pi
        # the grid's phases begin at -π: the sign is that of exp(iπ(h + k + l))
        sign = 1.0 - 2.0 * (hkl.sum(axis=1) % 2)
        for a, (first, last) in enumerate(pairwise(starts.tolist())):
            plan.setpts(*np.ascontiguousarray(phases[first:last].T))
            for i in range(components):
                strengths = velocities[f, order[first:last], i] if components == 3 else np.ones(last - first)
                plan.execute(strengths.astype(np.complex128), out=grid)
                sums[f, i, a] = sign * grid[h, k, along]
    return sums
