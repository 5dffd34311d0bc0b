"""Orientations of units as quaternions (w, x, y, z), from the best fit of a unit's own mean shape."""

from __future__ import annotations

from itertools import permutations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.progress import Progress
from vanhove.trajectory.blocks import cut_frames, drift, in_order
from vanhove.trajectory.budget import memory_budget, thread_count

from .polyanions import arms_of, check_whole

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    from .polyanions import Units

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SAMPLE = 200  # frames that the mean shape, and the mean orientation, are taken from
ALIKE = 0.35  # of the shape's radius: a permutation of atoms that a rotation makes up for to within this is a symmetry
MOST_PERMUTATIONS = 10080  # of the atoms of a unit that are looked through for symmetries


class Motion(NamedTuple):
    """How units move along a run."""

    quaternions: Floats  # (frame, unit, 4): from the mean shape to the unit
    centres: Floats  # (frame, unit, axis) Å, of mass, as paths in the frame of reference
    places: Floats  # (unit, axis) Å: mean of the centres' positions, in the frame of reference
    arms: Floats  # (frame, unit, bond, axis): directions of the bonds; no bonds where they were not asked for
    shapes: Floats  # (unit, member, axis) Å, about the members' mean
    misfit: float  # Å, root mean square of what the fit leaves
    broken: int  # units that break up


def product_of(a: Floats, b: Floats) -> Floats:
    """The rotation ``b`` and then ``a``."""
    w, v, u, z = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    scalar = w * u - (v * z).sum(axis=-1, keepdims=True)
    return np.concatenate([scalar, w * z + u * v + np.cross(v, z)], axis=-1)


def inverse_of(a: Floats) -> Floats:
    """The rotation back."""
    back: Floats = a * np.array([1.0, -1.0, -1.0, -1.0])
    return back


def rotated(a: Floats, vectors: Floats) -> Floats:
    """Vectors turned by quaternions."""
    v = a[..., 1:]
    across = 2 * np.cross(v, vectors)
    turned: Floats = vectors + a[..., :1] * across + np.cross(v, across)
    return turned


def rotation_vector(a: Floats) -> Floats:
    """The axis times the angle, in degrees, of the shorter way round."""
    a = np.where(a[..., :1] < 0, -a, a)
    sine = np.linalg.norm(a[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, a[..., :1])
    scale = np.divide(angle, sine, out=np.full_like(sine, 2.0), where=sine > 1e-12)
    turned: Floats = np.degrees(a[..., 1:] * scale)
    return turned


def fitted(shapes: Floats, vectors: Floats) -> tuple[Floats, Floats]:
    r"""The rotation of each shape (…, member, axis) that fits vectors (…, member, axis) best, and the overlap it gives.

    The quaternion is the eigenvector of the largest eigenvalue of a symmetric 4×4 matrix (Horn 1987), never a
    reflection; both sets are about their means.
    """
    S = np.einsum("...mi,...mj->...ij", shapes, vectors)
    N = np.empty((*S.shape[:-2], 4, 4))
    xx, yy, zz = S[..., 0, 0], S[..., 1, 1], S[..., 2, 2]
    N[..., 0, 0], N[..., 1, 1], N[..., 2, 2], N[..., 3, 3] = xx + yy + zz, xx - yy - zz, yy - xx - zz, zz - xx - yy
    N[..., 0, 1] = N[..., 1, 0] = S[..., 1, 2] - S[..., 2, 1]
    N[..., 0, 2] = N[..., 2, 0] = S[..., 2, 0] - S[..., 0, 2]
    N[..., 0, 3] = N[..., 3, 0] = S[..., 0, 1] - S[..., 1, 0]
    N[..., 1, 2] = N[..., 2, 1] = S[..., 0, 1] + S[..., 1, 0]
    N[..., 1, 3] = N[..., 3, 1] = S[..., 2, 0] + S[..., 0, 2]
    N[..., 2, 3] = N[..., 3, 2] = S[..., 1, 2] + S[..., 2, 1]
    values, axes = np.linalg.eigh(N)
    best = axes[..., -1]
    return np.where(best[..., :1] < 0, -best, best), values[..., -1]


def follow(
    traj: Trajectory, units: Units, reference: Literal["cell", "framework"] | None, *, arms: bool, mobile: list[str],
) -> Motion:  # fmt: skip
    """Orientation and place of every unit in every frame."""
    shown = traj.where(np.isin(np.arange(traj.n_atoms), units.atoms))
    own = units._replace(atoms=np.searchsorted(np.unique(units.atoms), units.atoms))
    number, size = units.atoms.shape
    bonds = units.bonds.shape[1] if arms else 0
    copies = 1 if arms else 4  # without bonds they are wanted smoothed: running sums, and what these are of
    kept, budget = 8 * traj.n_frames * number * (7 * copies + 3 * bonds), memory_budget()
    if kept > budget:
        raise Refusal(
            f"Orientations of {number} units in {traj.n_frames} frames take {kept / 1e9:.1f} GB",
            f"the memory budget is {budget / 1e9:.1f} GB", "Choose fewer frames or units, or raise VANHOVE_MEMORY",
        )  # fmt: skip
    small, cells = own.are_small(shown), shown.cells
    path = drift(traj, reference, mobile)
    weights = shown.masses[own.atoms]
    weights = weights / weights.sum(axis=1, keepdims=True)
    shapes = _shapes(shown, own, small)
    around = shapes - shapes.mean(axis=1, keepdims=True)
    quaternions, centres = np.empty((traj.n_frames, number, 4)), np.empty((traj.n_frames, number, 3))
    directions = np.empty((traj.n_frames, number, bonds, 3))

    def work(frames: slice) -> tuple[Floats, float, float, Floats]:
        positions = shown.read("positions", frames)
        vectors = own.vectors(positions, np.ascontiguousarray(cells[frames]), small)
        lengths = np.linalg.norm(arms_of(own, vectors), axis=-1)
        if bonds:
            directions[frames] = arms_of(own, vectors) / np.maximum(lengths, 1e-12)[..., None]
        inner = np.einsum("um,fumx->fux", weights, vectors)
        if path is not None:
            inner -= path[frames, None]
        centres[frames] = shown.read_paths(frames)[:, own.atoms[:, 0]] + inner
        place = (positions[:, own.atoms[:, 0]] + inner).sum(axis=0) / traj.n_frames
        vectors -= vectors.mean(axis=2, keepdims=True)
        quaternions[frames], overlap = fitted(around, vectors)
        misfit = (vectors**2).sum() + len(vectors) * (around**2).sum() - 2 * overlap.sum()
        return lengths.max(axis=(0, 2)), float(max(misfit, 0.0)), float(np.median(lengths)), place

    blocks = cut_frames(shown, 24 * shown.n_atoms * 3 + 8 * number * (3 * size * 6 + 120 + 8 * bonds))
    longest, misfit, usual, places = np.zeros(number), 0.0, [], np.zeros((number, 3))
    with Progress("orientations", len(blocks)) as progress:
        for most, rest, median, place in in_order(work, blocks, ahead=thread_count()):
            longest = np.maximum(longest, most)
            misfit += rest
            places += place
            usual.append(median)
            progress.advance()
    broken = check_whole(longest, float(np.median(usual)), units.name)
    left = float(np.sqrt(misfit / (traj.n_frames * number * size)))
    return Motion(quaternions, centres, places, directions, around, left, broken)


def _shapes(shown: Trajectory, units: Units, small: bool) -> Floats:
    """Every unit's own shape, averaged over frames turned back, as it lies in the first frame."""
    some = shown.every(-(-shown.n_frames // SAMPLE))
    vectors = units.vectors(some.read("positions"), np.ascontiguousarray(some.cells), small)
    vectors -= vectors.mean(axis=2, keepdims=True)
    shapes: Floats = vectors[0]
    for _ in range(2):  # the first frame's noise goes with the first average
        turns = inverse_of(fitted(shapes, vectors)[0])
        shapes = rotated(turns[:, :, None], vectors).mean(axis=0)
    second = np.linalg.svd(shapes, compute_uv=False)[:, 1]
    if (second < 0.05).any():
        raise Refusal(
            f"{int((second < 0.05).sum())} units {units.name} lie on a line",
            "they have no orientation about it", "Give units of three atoms or more that bend",
        )  # fmt: skip
    return shapes


def smoothed(values: Floats, half: int) -> Floats:
    """Running means along the first axis over ``half`` frames to either side, over fewer at the ends."""
    frames = len(values)
    sums = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values - values[:1], axis=0)])
    low, high = np.maximum(np.arange(frames) - half, 0), np.minimum(np.arange(frames) + half + 1, frames)
    counts = (high - low).reshape(-1, *[1] * (values.ndim - 1))
    mean: Floats = values[:1] + (sums[high] - sums[low]) / counts
    return mean


def steady(quaternions: Floats, half: int) -> Floats:
    """Running mean of orientations, each with the sign that follows on from the frame before."""
    follows = np.ones(quaternions.shape[:2])
    follows[1:] = np.where((quaternions[1:] * quaternions[:-1]).sum(axis=-1) < 0, -1.0, 1.0)
    mean = smoothed(quaternions * np.cumprod(follows, axis=0)[..., None], half)
    unit: Floats = mean / np.linalg.norm(mean, axis=-1, keepdims=True)
    return unit


def symmetries(shapes: Floats, kinds: list[str]) -> Floats:
    """Rotations that bring a unit onto itself, but for which of its like atoms is where: (unit, element, 4).

    The first is none; units with fewer of them than others have it several times.
    """
    number, size, _ = shapes.shape
    none = np.array([1.0, 0.0, 0.0, 0.0])
    groups = [np.flatnonzero(np.array(kinds) == kind) for kind in dict.fromkeys(kinds)]
    count = np.prod([float(np.prod(np.arange(1, len(group) + 1, dtype=float))) for group in groups])
    if count > MOST_PERMUTATIONS:
        return np.broadcast_to(none, (number, 1, 4))
    orders = []
    for choice in product(*(permutations(group.tolist()) for group in groups)):
        order = np.empty(size, np.int64)
        for group, places in zip(groups, choice, strict=True):
            order[group] = places
        orders.append(order)
    table = np.array(orders)
    radius = (shapes**2).sum(axis=(1, 2))
    found = []
    for one, square in zip(shapes, radius, strict=True):  # each a batch of permutations
        turns, overlap = fitted(one, one[table])
        found.append(turns[2 * square - 2 * overlap < ALIKE**2 * square])
    most = max(len(turns) for turns in found)
    result = np.tile(none, (number, most, 1))
    for k, turns in enumerate(found):
        order = np.argsort(-turns[:, 0], kind="stable")  # none of them comes first
        result[k, : len(turns)] = turns[order]
    return result
