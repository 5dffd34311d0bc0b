"""Frames that are there twice, in one system or in several of the same atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .label_findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .label_data import Labelled, System

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SAME_PLACE = 2e-4  # Å: a step of a run is coarser
ROUNDED = 2e-5  # Å: five decimals and float32 are finer
SAME_CELL = 1e-4  # Å
SAME_ENERGY = 1e-3  # eV an atom
SAME_FORCE = 0.05  # eV/Å
SUMS = 3  # that stand for a frame


def repeats(data: Labelled) -> list[Finding]:
    """Same places with the same labels are a doubt, with other labels an error."""
    found = []
    for systems in _of_same_atoms(data):
        owner = np.concatenate([np.full(system.frames, k) for k, system in enumerate(systems)])
        frame = np.concatenate([np.arange(system.frames) for system in systems])
        first, second = same_frames(systems)
        for k, system in enumerate(systems):
            mine = owner[second] == k
            if not mine.any():
                continue
            with_whom = sorted({systems[other].name for other in owner[first[mine]].tolist()} - {system.name})
            where = f"frames of {', '.join(with_whom)}" if with_whom else "others of its frames"
            differ = np.array([
                _differ(systems[owner[a]], frame[a], system, frame[b])
                for a, b in zip(first[mine].tolist(), second[mine].tolist(), strict=True)
            ])  # fmt: skip
            repeated, torn = frame[second[mine]][~differ], frame[second[mine]][differ]
            if len(torn):
                found.append(Finding(
                    "error", "duplicates", system.name, f"{_count(torn)} the places of {where} but other labels",
                    "They were computed with other settings, or labels were mixed up: keep one of each",
                    tuple(torn.tolist()),
                ))  # fmt: skip
            if len(repeated):
                found.append(Finding(
                    "doubt", "duplicates", system.name, f"{_count(repeated)} the places and labels of {where}",
                    "Leave them out: what is trained on must not be tested with", tuple(repeated.tolist()),
                ))  # fmt: skip
    return found


def same_frames(systems: Sequence[System]) -> tuple[Ints, Ints]:
    """Pairs of frames with the same atoms in the same places, as numbers in all systems one after the other.

    Of frames that are there more than twice each is paired with the one before it. What stands for a frame are sums of
    cosines of its fractional coordinates with weights of their own: the same for wrapped and unwrapped atoms, and
    hardly changed by rounding, so that equal frames are neighbours in their order.
    """
    rng = np.random.default_rng(8)
    atoms, waves = systems[0].atoms, rng.integers(1, 3, (SUMS, 3))
    weights = rng.normal(size=(SUMS, atoms)) / np.sqrt(atoms)
    sums, scaled = [], []
    for system in systems:
        inside = system.positions @ np.linalg.inv(system.cell)
        scaled.append(inside - np.floor(inside))
        phases = 2 * np.pi * np.einsum("fai,ki->fka", inside, waves)
        sums.append((np.cos(phases) * weights).sum(axis=2))
    keys, fractions = np.concatenate(sums), np.concatenate(scaled)
    cells = np.concatenate([system.cell for system in systems])
    narrow = 1 / np.linalg.norm(np.linalg.inv(cells), axis=1).max()
    tolerance = 2 * np.pi * 4 * ROUNDED / narrow * np.abs(weights).sum(axis=1).max()
    order = np.argsort(keys[:, 0], kind="stable")
    pairs: list[tuple[int, int]] = []
    waiting = np.arange(len(order) - 1)
    step = 1
    while len(waiting):  # partners farther along the order, for as long as their first sums are equal
        waiting = waiting[waiting + step < len(order)]
        a, b = order[waiting], order[waiting + step]
        near = np.abs(keys[a] - keys[b]) <= tolerance
        alike = np.flatnonzero(near.all(axis=1))
        candidates = [sorted((int(a[k]), int(b[k]))) for k in alike]
        pairs += [(one, other) for one, other in candidates if _same_places(fractions, cells, one, other)]
        waiting = waiting[near[:, 0]]
        step += 1
    latest = {other: one for one, other in sorted(pairs)}
    second = np.array(sorted(latest), np.int64)
    return np.array([latest[k] for k in second.tolist()], np.int64), second


def _same_places(fractions: Floats, cells: Floats, a: int, b: int) -> bool:
    if np.abs(cells[a] - cells[b]).max() > SAME_CELL:
        return False
    apart = fractions[a] - fractions[b]
    apart = (apart - np.rint(apart)) @ cells[b]
    return bool(np.abs(apart).max() <= SAME_PLACE)


def _of_same_atoms(data: Labelled) -> list[list[System]]:
    groups: dict[tuple[str, ...], list[System]] = {}
    for system in data.systems:
        groups.setdefault(system.species, []).append(system)
    return list(groups.values())


def _differ(one: System, a: int, other: System, b: int) -> bool:
    energy = abs(one.energy[a] - other.energy[b]) / one.atoms
    return bool(energy > SAME_ENERGY or np.abs(one.forces[a] - other.forces[b]).max() > SAME_FORCE)


def _count(frames: Ints) -> str:
    return f"{len(frames)} frame has" if len(frames) == 1 else f"{len(frames)} frames have"
