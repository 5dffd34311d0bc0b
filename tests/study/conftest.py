"""Observables and an engine that count their calls, and a trajectory of a few walking atoms."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.results import Column, dataset
from vanhove.base.rooms import Entry

if TYPE_CHECKING:
    from ase import Atoms
    from xarray import Dataset


def walk(seed: int = 5, *, frames: int = 60, temperature: float | None = 900.0, step: float = 0.3) -> vh.Trajectory:
    """Sodium that walks, silicon that sits, in a box of 12 Å."""
    generator = np.random.default_rng(seed)
    species = ["Na"] * 12 + ["Si"] * 6
    moves = generator.normal(scale=step, size=(frames, 18, 3))
    moves[0] = generator.uniform(0, 12, (18, 3))
    positions = moves.cumsum(axis=0)
    positions[:, 12:] = positions[0, 12:] + generator.normal(scale=0.05, size=(frames, 6, 3))
    return vh.from_arrays(
        positions, 12.0, species, np.arange(frames) * 0.1, wrapped=False, temperature=temperature
    )  # fmt: skip


def counted(traj: vh.Trajectory, species: str, *, scale: float = 1.0, mode: Literal["a", "b"] | None = "a") -> Dataset:
    """Counts atoms."""
    number = scale * traj.select(species).n_atoms
    return dataset(
        "dynamics.counted", {"number": Column((), number, "1", "number")}, {},
        parameters=dict(species=species, scale=scale, mode=mode), history=list(traj.history), title="Counted",
    )  # fmt: skip


def doubled(counted: Dataset, *, factor: float = 2.0) -> Dataset:
    """Multiplies."""
    return dataset(
        "dynamics.doubled", {"number": Column((), factor * float(counted["number"]), "1", "number")}, {},
        parameters=dict(factor=factor), history=json.loads(counted.attrs["history"]), title="Doubled",
    )  # fmt: skip


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Two observables of our own, ``counted`` and ``doubled``, and how often each was called."""
    import vanhove.dynamics as room

    called: Counter[str] = Counter()

    def counting(function: Callable[..., Dataset]) -> Callable[..., Dataset]:
        import functools

        @functools.wraps(function)
        def wrapper(*arguments: Any, **options: Any) -> Dataset:
            called[function.__name__] += 1
            return function(*arguments, **options)

        return wrapper

    for function, takes in ((counted, "trajectory"), (doubled, "dataset")):
        name = function.__name__
        monkeypatch.setitem(room.TABLE, name, Entry("_none", f"{name}, for a test", takes=takes))
        monkeypatch.setitem(vars(room), name, counting(function))
    return called


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """A simulation that takes no time and leaves what the real one leaves; how often each run was made."""
    from ase.io import write

    import vanhove.simulate as room

    made: Counter[str] = Counter()

    def run(atoms: Atoms, potential: Any, protocol: Any, directory: Path, **options: Any) -> None:
        made[directory.name.rsplit("-", 1)[0]] += 1
        directory.mkdir(parents=True)
        production = protocol.production
        options["progress"]("mix", 900.0, 50, 100, 10.0, 1.0)
        if production is not None:
            places = np.repeat(atoms.positions[None], 30, axis=0)
            places += np.random.default_rng(1).normal(size=places.shape).cumsum(axis=0) * 0.3
            times = np.arange(30) * production.every
            traj = vh.from_arrays(
                places, atoms.cell.array, atoms.get_chemical_symbols(), times, wrapped=False,
                temperature=production.temperature,
            )  # fmt: skip
            traj.save(directory / "trajectory.h5md")
        write(directory / "final.extxyz", atoms, format="extxyz")
        record = {"history": [], "engine": {"name": "none"}, "finished": {"steps": 100, "ns_per_day": 10.0}}
        (directory / "run.json").write_text(json.dumps(record))

    monkeypatch.setitem(vars(room), "run", run)
    return made


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[..., Path]:
    """Writes a study, "files" or "simulated", with changes (old, new) to its text; gives its path."""

    def write(kind: str = "files", *changes: tuple[str, str]) -> Path:
        if not (tmp_path / "run.h5md").exists():
            walk().save(tmp_path / "run.h5md")
        text = STUDIES[kind]
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


FILES_STUDY = """\
title = "Walkers"

[[files]]
path = "run.h5md"
name = "walk"

[analysis]
mobile = ["Na"]

[observables]
counted = { scale = 2.0 }
doubled = {}
"""

SIMULATED_STUDY = """\
title = "Glass"

[material]
formula = "Na2SiS3"
atoms = 48
density = 2.01
potential = "na2s-sis2"

[simulate]
temperatures = [1000, 1200]
produce = 1
every = 0.1

[observables]
counted = { species = ["Na", "S"] }
"""

STUDIES = {"files": FILES_STUDY, "simulated": SIMULATED_STUDY}
