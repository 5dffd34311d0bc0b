"""Labelled frames of which everything is known: atoms on springs to the middle of their cell."""

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
