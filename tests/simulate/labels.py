"""Labelled frames of which everything is known: atoms on springs, and atoms that push each other away."""

from __future__ import annotations

from typing import Any

import numpy as np

from vanhove.simulate._labelled import Labelled, System

SIZE = 6.0  # Å


def springs(name: str = "Li2S", frames: int = 30, k: float = 1.0, seed: int = 1, **changed: Any) -> System:
    """E = k Σ|r - c|²/2 of two Li and one S, drawn around the middle."""
    generator = np.random.default_rng(seed)
    positions = SIZE / 2 + generator.normal(scale=0.7, size=(frames, 3, 3))
    away = positions - SIZE / 2
    given = dict(
        name=name, species=("Li", "Li", "S"), cell=np.tile(np.eye(3) * SIZE, (frames, 1, 1)), positions=positions,
        energy=k * (away**2).sum(axis=(1, 2)) / 2, forces=-k * away, virial=-k * np.einsum("fai,faj->fij", away, away),
        source="springs",
    )  # fmt: skip
    return System(**{**given, **changed})


def labels(**changed: Any) -> Labelled:
    """Two systems of them."""
    return Labelled.of([springs("one", 40, seed=1, **changed), springs("two", 20, seed=2, **changed)])


STRENGTH, SOFTNESS, BOX = 300.0, 0.4, 8.0  # eV, Å, Å


def pushing(name: str = "pushing", frames: int = 60, seed: int = 1) -> System:
    """Four Li and four S in a cell of 8 Å, E = Σ A exp(-r/ρ) over pairs of nearest images, none closer than 2 Å."""
    generator = np.random.default_rng(seed)
    positions = np.array([_apart(generator) for _ in range(frames)])
    away = positions[:, :, None] - positions[:, None]
    away -= BOX * np.rint(away / BOX)
    r = np.linalg.norm(away, axis=-1)
    pair = STRENGTH * np.exp(-r / SOFTNESS) * ~np.eye(8, dtype=bool)
    forces = np.einsum("fij,fijk->fik", pair / SOFTNESS / np.where(r > 0, r, 1), away)
    virial = np.einsum("fij,fijk,fijl->fkl", pair / SOFTNESS / np.where(r > 0, r, 1), away, away) / 2
    return System(
        name, ("Li",) * 4 + ("S",) * 4,
        np.tile(np.eye(3) * BOX, (frames, 1, 1)), positions, pair.sum(axis=(1, 2)) / 2, forces, virial, source="pairs",
    )  # fmt: skip


def _apart(generator: np.random.Generator) -> Any:
    while True:
        positions = generator.random((8, 3)) * BOX
        away = positions[:, None] - positions[None]
        away -= BOX * np.rint(away / BOX)
        if np.linalg.norm(away, axis=-1)[np.triu_indices(8, 1)].min() > 2.0:
            return positions
