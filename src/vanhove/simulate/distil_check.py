"""A distilled model in the cell that it is for: how fast it is, where it goes, and what its calculator says of that."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.structure.neighbours import neighbours_in_frames

from ._label import label
from ._parity import parity
from ._protocol import Hold, Produce, Protocol
from ._run import run
from .engine import useful_ranks
from .engines import find_engine
from .point_frames import frames_of
from .point_store import FRAMES

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray
    from xarray import Dataset

    from ._calculator import Calculator
    from ._run import Finished
    from ._train import Committee
    from .distil_sample import Sampling
    from .label_data import Labelled

    Floats = NDArray[np.float64]

FRAMES_KEPT, EVERY_LABELLED = 24, 4  # of the model's run: the calculator labels one in four
REACH = 5.0  # Å; atoms that are never that near have no closest approach
WORSE = 1.5  # times the error on frames held out: where the model goes it knows less than where it was trained
CLOSER = 0.1  # Å; what a long run may come closer by chance than a short one did
_LOOP = re.compile(r"^Loop time of ([\d.eE+-]+) on \d+ procs for (\d+) steps", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Trial:
    """What the model moves, and how."""

    atoms: Atoms
    temperature: float
    protocol: Protocol


@dataclass(frozen=True)
class Speed:
    """Seconds a step of the same atoms."""

    calculator: float
    calculator_threads: int
    model: float
    model_processes: int
    atoms: int

    @property
    def ratio(self) -> float:
        """How many times faster the model is."""
        return self.calculator / self.model


class Approach(NamedTuple):
    """The shortest distance (Å) of two species, in the frames labelled and where the model went."""

    pair: str
    data: float
    model: float


@dataclass(frozen=True)
class Checked:
    """What the trial of a model showed."""

    temperature: float  # K
    parity: Dataset  # beside the calculator, on frames where the model went by itself
    speed: Speed
    approaches: tuple[Approach, ...]  # one a pair of species
    run: Finished


def trial_of(atoms: Atoms, plan: Sampling, target: float | None, ps: float) -> Trial:
    """Equilibrate half of the time, then keep frames."""
    kelvin = target if target is not None else sorted(plan.temperatures)[-2:][0]
    if not (math.isfinite(ps) and ps > 0):
        raise Refusal(f"check_ps={ps}", "", "Give a positive number, or check=False")
    step = plan.timestep / 1000
    every = max(1, round(ps / 2 / FRAMES_KEPT / step)) * step
    stages = (Hold(kelvin, FRAMES_KEPT * every, "equilibrate"), Produce(kelvin, FRAMES_KEPT * every, every))
    return Trial(atoms, float(kelvin), Protocol(stages, timestep=plan.timestep))


def check_model(
    trained: Committee, calculator: Calculator, trial: Trial, data: Labelled, folder: Path, ranks: int | None, seed: int
) -> Checked:
    """Let the model move the atoms, and have the calculator label where they went."""
    here = folder / f"{len(trial.atoms)}-{trial.temperature:g}K-{trained.fingerprint[:8]}"
    finished = run(trial.atoms, trained.potential(0), trial.protocol, here / "run", seed=seed, ranks=ranks)
    frames = [frame.atoms() for frame in frames_of(finished.trajectory)][1:]
    labels = label({"check": frames[EVERY_LABELLED - 1 :: EVERY_LABELLED]}, calculator, here / "labels", ranks=ranks)
    cells = np.array([one.cell.array for one in frames])
    closest = _closest([(labels.systems[0].species, np.array([one.positions for one in frames]), cells)])
    before = _closest([(one.species, one.positions, one.cell) for one in data])
    speed = Speed(
        _seconds_of_labels(here / "labels"), ranks or find_engine(calculator).ranks(len(trial.atoms)),
        _seconds_of_run(finished.directory), ranks or useful_ranks(len(trial.atoms)), len(trial.atoms),
    )  # fmt: skip
    approaches = tuple(Approach(pair, before.get(pair, math.inf), near) for pair, near in sorted(closest.items()))
    return Checked(trial.temperature, parity(trained, labels), speed, approaches, finished)


def verdict_of(held_out: Dataset, check: Checked | None) -> str:
    """How far the model can be trusted to stand in for its calculator."""
    error = float(held_out.attrs["force"])
    size = _size(held_out)
    said = [f"On frames held out forces err by {error:.3f} eV/Å in the root mean square, {error / size:.0%} of them."]
    if check is None:
        return said[0] + " The model was not tried."
    there, ratio = float(check.parity.attrs["force"]), check.speed.ratio
    worse = f", {there / error:.1f} times as much: sample more" if there > WORSE * error else ""
    said.append(
        f"Where the model went by itself, {check.speed.atoms} atoms at {check.temperature:g} K, they err by "
        f"{there:.3f} eV/Å{worse}."
    )
    near = [one for one in check.approaches if one.model < one.data - CLOSER]
    if near:
        listed = ", ".join(f"{one.pair} {one.model:.2f} Å (labelled: {one.data:.2f} Å)" for one in near)
        said.append(f"Atoms came closer than in any frame labelled: {listed}.")
    else:
        said.append("No two atoms came closer than in the frames labelled.")
    said.append(
        f"A step takes {check.speed.calculator:.3g} s by the calculator and {check.speed.model:.3g} s by the model, "
        f"{ratio:.3g} times less."
    )
    return " ".join(said)


def _size(found: Dataset) -> float:
    """Root mean square of the reference's forces, over all systems together."""
    return float(np.sqrt(np.average(found.force_reference.values**2, weights=found.frames.values)))


def _closest(systems: Iterable[tuple[Sequence[str], Floats, Floats]]) -> dict[str, float]:
    """The shortest distance of each pair of species (``"Li-S"``) in all frames of all systems."""
    found: dict[str, float] = {}
    for species, positions, cells in systems:
        names, kind = np.unique(np.array(species), return_inverse=True)
        every = np.arange(len(species))
        near = neighbours_in_frames(positions, cells, every, every, REACH)
        shortest = np.full((len(names), len(names)), np.inf)
        np.minimum.at(shortest, (kind[near.i], kind[near.j]), np.sqrt((near.vector**2).sum(axis=1)))
        for a, b in zip(*np.nonzero(np.isfinite(shortest)), strict=True):
            if a <= b:
                pair = f"{names[a]}-{names[b]}"
                found[pair] = min(float(shortest[a, b]), found.get(pair, math.inf))
    return found


def _seconds_of_run(directory: Path) -> float:
    """Seconds a step of LAMMPS's own loop, of all legs that moved: what starting a process takes is left out."""
    texts = [path.read_text(errors="replace") for path in sorted(directory.glob("legs/*/log.lammps"))]
    loops = [_LOOP.findall(text)[-1] for text in texts if _LOOP.search(text)]
    seconds, steps = (sum(float(loop[k]) for loop in loops) for k in (0, 1))
    return seconds / steps if steps else math.nan


def _seconds_of_labels(directory: Path) -> float:
    """The usual time between two labels that the calculator's process wrote one after the other."""
    written = sorted(path.stat().st_mtime_ns for path in (directory / FRAMES).glob("*.npz"))
    return float(np.median(np.diff(written))) * 1e-9 if len(written) > 1 else math.nan
