"""Fast and slow ions: ranked by displacement from each of many origins, and who is near them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.structure.averages import block_sums, ratio, time_blocks
from vanhove.structure.neighbours import PAIR_BYTES, ball, neighbours_in_frames
from vanhove.trajectory.blocks import add_blocks, cut
from vanhove.trajectory.blocks import drift as drift_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory
    from vanhove.trajectory.blocks import Sums

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FAST, SLOW, BETWEEN, ANION = range(4)  # kinds of atoms, by origin
KINDS = {"fast": (FAST,), "slow": (SLOW,), "ion": (FAST, SLOW, BETWEEN), "anion": (ANION,)}


@dataclass(frozen=True)
class Ranking:
    """The ions at every origin, sorted: fast ones, slow ones, those between."""

    atoms: Ints  # (ion) numbers in the whole system
    order: Ints  # (origin, ion) places in ``atoms``
    displacement: Floats  # (origin, ion) Å, as ``atoms``
    each: int  # ions in either group

    @property
    def labels(self) -> Ints:
        """(origin, ion): 1 fast, -1 slow, 0 between."""
        found = np.zeros(self.order.shape, np.int64)
        np.put_along_axis(found, self.order[:, : self.each], 1, axis=1)
        np.put_along_axis(found, self.order[:, self.each : 2 * self.each], -1, axis=1)
        return found

    def in_order(self, positions: Floats, origins: slice, anions: Ints) -> Floats:
        """The ions in the order of their rank at each of the ``origins``, then the anions."""
        ions = np.take_along_axis(positions[:, self.atoms], self.order[origins][..., None], axis=1)
        return np.ascontiguousarray(np.concatenate([ions, positions[:, anions]], axis=1))

    def means(self) -> tuple[Floats, Floats]:
        """Mean displacement of the fast, the slow and all ions, and its standard error."""
        ranked = np.take_along_axis(self.displacement, self.order, axis=1)
        parts = (ranked[:, : self.each], ranked[:, self.each : 2 * self.each], ranked)
        sums = np.stack([part.mean(axis=1) for part in parts], axis=1)
        return averaged(sums)


def averaged(values: Floats) -> tuple[Floats, Floats]:
    """Mean over the origins, (origin, …), and its standard error from ten consecutive blocks of them."""
    block_of = time_blocks(len(values))
    blocks = int(block_of[-1]) + 1
    wholes = np.bincount(block_of).reshape(-1, *[1] * (values.ndim - 1))
    return ratio(block_sums(values, block_of, blocks), wholes)


def rank(some: Trajectory, ions: Trajectory, fraction: float, drift: Literal["cell", "framework"] | None) -> Ranking:
    """By the distance gone until the next frame."""
    if not 0 < fraction <= 0.5:
        raise Refusal(f"fraction={fraction}", "", "Give a share of the ions above 0 and up to 0.5")
    each = round(fraction * ions.n_atoms)
    if each < 1 or 2 * each > ions.n_atoms:
        each = int(fraction * ions.n_atoms)
    if each < 1:
        raise Refusal(f"{fraction:g} of {ions.n_atoms} ions is none", "", "Give a larger fraction")
    path = drift_of(some, drift, sorted(set(ions.species.tolist())))
    table = np.empty((some.n_frames - 1, ions.n_atoms))

    def work(part: slice) -> Sums:
        frames = slice(part.start, part.stop + 1)
        paths = ions.read_paths(frames)
        if path is not None:
            paths -= path[frames, None]
        table[part] = np.linalg.norm(np.diff(paths, axis=0), axis=2)
        return {}

    add_blocks(cut(len(table), 4 * 24 * ions.n_atoms), work, "displacements")
    descending = np.argsort(-table, axis=1, kind="stable")
    slow = descending[:, ::-1][:, :each]  # slowest first
    order = np.concatenate([descending[:, :each], slow, descending[:, each : ions.n_atoms - each]], axis=1)
    return Ranking(ions.atom_numbers, order, table, each)


def pair_curves(
    everything: Trajectory, ranking: Ranking, anions: Ints, groups: list[str], width: float, bins: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """The g and n of the groups ("fast-anion") at the origins, (group, bin), each with its standard error."""
    from vanhove.kernels.pairs import pair_counts

    n_ions, each = len(ranking.atoms), ranking.each
    sizes = np.array([each, each, n_ions - 2 * each, len(anions)])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    first, second = (place[:-1] for place in np.triu_indices(4))  # the last one is anions with each other
    pair_of = np.full((4, 4), -1)
    pair_of[first, second] = pair_of[second, first] = np.arange(len(first))
    inside = np.zeros((2, len(groups), 4))
    for k, group in enumerate(groups):
        for side, name in enumerate(group.split("-")):
            inside[side, k, list(KINDS[name])] = 1
    weights = inside[0][:, first] * inside[1][:, second] + inside[0][:, second] * inside[1][:, first]
    centres, others = inside @ sizes
    partners = centres * others - (inside[0] * inside[1]) @ sizes
    shells = 4 * np.pi / 3 * np.diff((width * np.arange(bins + 1)) ** 3)
    origins, cells, volumes = len(ranking.order), everything.cells, everything.volumes
    block_of = time_blocks(origins)
    blocks = int(block_of[-1]) + 1
    numbers = np.arange(starts[-1])

    def work(part: slice) -> Sums:
        counted = pair_counts(
            ranking.in_order(everything.read("positions", part), part, anions), np.ascontiguousarray(cells[part]),
            numbers, starts, pair_of, len(first), width, bins,
        ).astype(np.float64)  # fmt: skip
        scaled = counted * volumes[part, None, None]
        return {"n": block_sums(counted, block_of[part], blocks), "g": block_sums(scaled, block_of[part], blocks)}

    table = 8 * len(first) * bins
    each_frame = 3 * 24 * everything.n_atoms + 4 * table
    total = add_blocks(cut(origins, each_frame, fixed=2 * blocks * table), work, "g(r) of fast and slow ions")
    frames = np.bincount(block_of)[:, None, None]
    with np.errstate(divide="ignore"):
        scale = np.where(partners > 0, partners, np.nan)[:, None] * shells
    g = ratio(np.asarray(weights @ total["g"]) / scale, frames)
    n = ratio(np.cumsum(weights @ total["n"], axis=-1) / centres[:, None], frames)
    return *g, *n


def surroundings(
    everything: Trajectory,
    ranking: Ranking,
    anions: Ints,
    reach: Mapping[str, float],
    bonds: list[tuple[Ints, Ints, float]],
) -> dict[str, Floats]:
    """Neighbours at the origins, summed over blocks of them, by kind of ion (fast, slow, between).

    ``reach`` has the distances (Å) of neighbours among the ``"ions"`` and the ``"anions"``; NaN: not looked for.
    ``bonds`` are formers, anions and the length of their bonds. "ions" is (block, kind, kind of neighbour), "anions"
    (block, kind), "formers" (block, kind) the formers bonded to these anions.
    """
    cells = everything.cells
    block_of = time_blocks(len(ranking.order))
    blocks = int(block_of[-1]) + 1
    place = np.zeros(everything.n_atoms, np.int64)
    place[ranking.atoms] = np.arange(len(ranking.atoms))
    kinds = np.array([BETWEEN, FAST, SLOW])[ranking.labels]  # a label of -1 is the last of the three

    def work(part: slice) -> Sums:
        positions, mine = everything.read("positions", part), np.ascontiguousarray(cells[part])
        block, kind = block_of[part], kinds[part]
        sums: Sums = {}
        if np.isfinite(reach["ions"]):
            near = neighbours_in_frames(positions, mine, ranking.atoms, ranking.atoms, reach["ions"])
            centre, other = kind[near.frame, place[near.i]], kind[near.frame, place[near.j]]
            sums["ions"] = _tally((block[near.frame], centre, other), (blocks, 3, 3))
        if np.isfinite(reach["anions"]):
            held = np.zeros(positions.shape[:2])  # formers bonded to every anion
            for formers, some_anions, length in bonds:
                bonded = neighbours_in_frames(positions, mine, some_anions, formers, length)
                np.add.at(held, (bonded.frame, bonded.i), 1.0)
            near = neighbours_in_frames(positions, mine, ranking.atoms, anions, reach["anions"])
            where = (block[near.frame], kind[near.frame, place[near.i]])
            sums["anions"] = _tally(where, (blocks, 3))
            sums["formers"] = _tally(where, (blocks, 3), held[near.frame, near.j])
        return sums

    farthest = np.nanmax(list(reach.values()))
    dense = (len(ranking.atoms) + len(anions)) / float(everything.volumes.min())
    each = int(1.5 * PAIR_BYTES * len(ranking.atoms) * max(1.0, dense * ball(farthest))) + 3 * 24 * everything.n_atoms
    total = add_blocks(cut(len(ranking.order), each), work, "neighbours of fast and slow ions")
    return {name: np.asarray(array, np.float64) for name, array in total.items()}


def _tally(where: tuple[Ints, ...], shape: tuple[int, ...], weights: Floats | None = None) -> Floats:
    flat = np.ravel_multi_index(where, shape)
    return np.bincount(flat, weights, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
