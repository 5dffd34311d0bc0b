"""What a model is distilled from: frames of the calculator's own runs, some of them strained, and its labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.files import digest
from vanhove.base.progress import Progress

from ._label import label
from ._protocol import Hold, Produce, Protocol
from ._run import Finished, run
from .point_frames import frames_of

if TYPE_CHECKING:
    from ase import Atoms

    from ._calculator import Calculator
    from .label_data import Labelled

STRAINED = 4  # every so many frames one
FEWEST = 10  # frames of a run: fewer leave no block of time to hold out
HARDEST = 0.2  # strains above tear any solid


@dataclass(frozen=True)
class Sampling:
    """What is sampled: K, ps, fs, and a share of the lengths."""

    temperatures: tuple[float, ...]
    frames: int
    every: float
    equilibrate: float
    timestep: float
    strain: float
    seed: int

    def __post_init__(self) -> None:
        if not self.temperatures or not all(math.isfinite(one) and one > 0 for one in self.temperatures):
            raise Refusal(f"temperatures={list(self.temperatures)}", "", "Give some above 0 K")
        if len(set(self.temperatures)) < len(self.temperatures):
            raise Refusal(f"temperatures={list(self.temperatures)}: one is there twice", "", "Name each once")
        for name in ("every", "equilibrate", "timestep"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise Refusal(f"{name}={value}", "", "Give a positive number")
        if not 0 <= self.strain <= HARDEST:
            raise Refusal(f"strain={self.strain}", "", f"Give a share of the lengths between 0 and {HARDEST:g}")

    def of_each(self, structures: int) -> int:
        """Frames of every run."""
        each = math.ceil(self.frames / (structures * len(self.temperatures)))
        if each < FEWEST:
            raise Refusal(
                f"{self.frames} frames are {each} for each of {structures} structures at {len(self.temperatures)} "
                "temperatures", "", f"Give at least {FEWEST * structures * len(self.temperatures)}",
            )  # fmt: skip
        return each

    def protocol(self, temperature: float, frames: int) -> Protocol:
        """Equilibrate, then a frame now and then; the one at 0 is not used."""
        stages = (
            Hold(temperature, self.equilibrate, "equilibrate"),
            Produce(temperature, frames * self.every, self.every),
        )
        return Protocol(stages, timestep=self.timestep)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON knows it."""
        return {**asdict(self), "temperatures": list(self.temperatures)}


def named(atoms: Any) -> dict[str, Atoms]:
    """One structure, several, or a table of them, by name."""
    from ase import Atoms as AseAtoms

    if isinstance(atoms, AseAtoms):
        return {"A": atoms}
    given = dict(atoms) if isinstance(atoms, Mapping) else None
    if given is None and isinstance(atoms, Sequence) and not isinstance(atoms, str):
        given = {str(number): one for number, one in enumerate(atoms, 1)}
    if not given or not all(isinstance(one, AseAtoms) for one in given.values()):
        raise Refusal(
            f"A {type(atoms).__name__} holds no structures to sample", "", "Give ase.Atoms, several, or names of them"
        )
    return {str(name): one for name, one in given.items()}


def sample(
    structures: Mapping[str, Atoms], calculator: Calculator, plan: Sampling, folder: Path, ranks: int | None, *,
    show: bool,
) -> dict[str, Finished]:  # fmt: skip
    """A run for every structure and temperature; those that are whole are not done again."""
    each = plan.of_each(len(structures))
    todo = [(name, temperature) for name in structures for temperature in plan.temperatures]
    protocols = {temperature: plan.protocol(temperature, each) for temperature in plan.temperatures}
    steps = sum(sum(map(one.steps, one.stages)) for one in (protocols[temperature] for _, temperature in todo))
    found = {}
    with Progress("sample", steps if show else 0) as line:
        done = 0

        def tell(_stage: str, _kelvin: float, now: int, *_: float) -> None:
            if show:
                line.advance(done + now - line.done)

        for number, (name, temperature) in enumerate(todo):
            called, protocol = f"{name}-{temperature:g}K", protocols[temperature]
            found[called] = run(
                structures[name], calculator, protocol, folder / called, seed=plan.seed + number, ranks=ranks,
                progress=tell,
            )  # fmt: skip
            done += sum(map(protocol.steps, protocol.stages))
    return found


def label_samples(
    runs: Mapping[str, Finished], calculator: Calculator, plan: Sampling, folder: Path, ranks: int | None
) -> Labelled:
    """Energy, forces and virial of every frame of every run, each run a system."""
    asked = {name: _frames(name, finished, plan) for name, finished in runs.items()}
    return label(asked, calculator, folder, ranks=ranks)


def _frames(name: str, finished: Finished, plan: Sampling) -> list[Atoms]:
    frames = [frame.atoms() for frame in frames_of(finished.trajectory)][1:]
    if plan.strain:
        draw = np.random.default_rng([plan.seed, int(digest(name)[:8], 16)])
        for frame in frames[STRAINED - 1 :: STRAINED]:
            _strain(frame, plan.strain, draw)
    return frames


def _strain(atoms: Any, most: float, draw: np.random.Generator) -> None:
    """Deform cell and atoms by a symmetric strain, every component drawn between ± the largest."""
    random = draw.uniform(-most, most, (3, 3))
    deformed = np.eye(3) + (np.tril(random) + np.tril(random, -1).T)
    atoms.set_cell(atoms.cell.array @ deformed, scale_atoms=True)
