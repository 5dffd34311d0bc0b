"""What the network of every frame is made of, added up over blocks of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.progress import Progress
from vanhove.trajectory.blocks import cut_frames, in_order
from vanhove.trajectory.budget import thread_count

from .averages import time_blocks
from .networks import Members, network, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vanhove.trajectory import Trajectory

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Row = tuple[int, ...]

TETRAHEDRAL = 4  # bonds: tables show that many at least


class Tally(NamedTuple):
    """Numbers of atoms, units and links; the first axis of each table is the block of the run."""

    frames: Ints  # (block)
    formers: Ints  # (block, phase)
    tables: dict[str, Ints]  # (block, phase, former or anion, n): how many have n of what the table counts
    links: Ints  # (block, kind)
    units: dict[Row, Floats]  # (3, block, phase): formers in this kind of unit, its number, formers bonded to a former
    series: dict[Row, Ints]  # (frame): formers in this kind of unit


class _Part(NamedTuple):
    """The same of some frames, with the kinds of units in one list."""

    frames: slice
    formers: Ints
    tables: dict[str, Ints]
    links: Ints
    rows: Ints
    units: Floats  # (3, block, phase, row)
    series: Ints  # (frame, row)


def tally(
    traj: Trajectory, atoms: Members, cutoffs: Mapping[str, float], largest: int, phase: Ints, phases: int
) -> Tally:
    """Count over all frames; ``phase`` is that of every former, (frame or one, former)."""
    cells, block_of = traj.cells, time_blocks(traj.n_frames)
    blocks = int(block_of[-1]) + 1

    def work(frames: slice) -> _Part:
        positions = traj.read("positions", frames)
        here = phase[frames] if len(phase) > 1 else np.broadcast_to(phase, (len(positions), phase.shape[1]))
        return _count(frames, positions, cells[frames], atoms, cutoffs, largest, here, phases, block_of[frames], blocks)

    parts = cut_frames(traj, atoms.bytes_per_frame(traj, cutoffs))
    total = Tally(
        np.bincount(block_of), np.zeros((blocks, phases), np.int64), {}, np.zeros((blocks, 3), np.int64), {}, {}
    )
    with Progress("speciation", len(parts)) as progress:
        for part in in_order(work, parts, ahead=thread_count()):
            _add(total, part, traj.n_frames)
            progress.advance()
    return total


def _count(
    frames: slice, positions: Floats, cells: Floats, atoms: Members, cutoffs: Mapping[str, float], largest: int,
    phase: Ints, phases: int, block_of: Ints, blocks: int,
) -> _Part:  # fmt: skip
    found = network(positions, cells, atoms, cutoffs)
    n, F, A = len(positions), len(atoms.former_kind), len(atoms.anion_kind)
    formers, anions = len(atoms.formers), len(atoms.anions)
    frame = np.repeat(np.arange(n), F)
    slot = block_of[frame] * phases + phase.ravel()  # block of the run and phase of every former
    shape = (blocks, phases)
    slots = blocks * phases

    rows, which = rows_of(found, formers, largest)
    row, sizes = which[found.unit], found.composition[:, :formers].sum(axis=1)
    bonded = np.minimum(found.homopolar, 1)
    weights = (None, 1.0 / sizes[found.unit], bonded)  # a former is the first of these shares of its unit
    in_rows = [
        np.bincount(slot * len(rows) + row, weight, slots * len(rows)).reshape(*shape, len(rows)) for weight in weights
    ]
    kind = np.tile(atoms.former_kind, n)
    edges = found.links.shared == 2
    ends = np.concatenate([found.links.first[edges], found.links.second[edges]])
    of_formers = {
        "coordination": found.coordination, "bridging": found.bridging, "homopolar": bonded,
        "edges": np.bincount(ends, minlength=n * F),
    }  # fmt: skip
    tables = {name: _table(slot * formers + kind, (*shape, formers), x) for name, x in of_formers.items()}
    anion_slot = np.repeat(block_of, A) * anions + np.tile(atoms.anion_kind, n)
    tables["anions"] = _table(anion_slot, (blocks, 1, anions), found.formers_of)
    link_slot = block_of[found.links.first // F] * 3 + np.clip(found.links.shared, 1, 3) - 1
    return _Part(
        frames=frames,
        formers=np.bincount(slot, minlength=slots).reshape(shape),
        tables=tables,
        links=np.bincount(link_slot, minlength=blocks * 3).reshape(blocks, 3),
        rows=rows,
        units=np.stack(in_rows),
        series=np.bincount(frame * len(rows) + row, minlength=n * len(rows)).reshape(n, len(rows)),
    )


def _table(slot: Ints, slots: tuple[int, ...], values: Ints) -> Ints:
    """How often each value stands in each slot: (*slots, value)."""
    width = int(values.max(initial=TETRAHEDRAL)) + 1
    counted: Ints = np.bincount(slot * width + values, minlength=int(np.prod(slots)) * width)
    return counted.reshape(*slots, width)


def _add(total: Tally, part: _Part, frames: int) -> None:
    total.formers[:] += part.formers
    total.links[:] += part.links
    for name, table in part.tables.items():
        known = total.tables.get(name, table[..., :0])
        width = max(known.shape[-1], table.shape[-1])
        total.tables[name] = _widened(known, width) + _widened(table, width)
    for k, composition in enumerate(part.rows.tolist()):
        if not part.series[:, k].any():
            continue  # a lone anion
        row = tuple(composition)
        if row not in total.units:
            total.units[row] = np.zeros(part.units.shape[:-1])
            total.series[row] = np.zeros(frames, np.int64)
        total.units[row] += part.units[..., k]
        total.series[row][part.frames] = part.series[:, k]


def _widened(table: Ints, width: int) -> Ints:
    return np.pad(table, [(0, 0)] * (table.ndim - 1) + [(0, width - table.shape[-1])])
