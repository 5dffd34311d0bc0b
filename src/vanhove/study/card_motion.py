"""Runs by the potential that is judged: at constant energy, hot, in a larger cell, and beside a reference."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal
from vanhove.base.results import Column, dataset
from vanhove.base.units import KCAL_MOL_IN_EV
from vanhove.simulate._deviation import deviation
from vanhove.simulate._guards import Stopped
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol
from vanhove.simulate._run import Finished, run
from vanhove.simulate.deck import start_of
from vanhove.simulate.folder import LEGS
from vanhove.simulate.thermo import Log

from .card_bounds import FAILS, UNTESTED, Bounds, Judgement, below, with_error
from .card_contacts import of_trajectory
from .card_parity import typical
from .card_steps import Outcome

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from .card_subject import Subject

    Floats = NDArray[np.float64]

ENERGY_STAGE = "constant-energy"
BLOCKS = 10  # of the energies: the noise of neighbouring ones is not independent
FEWEST = 20  # energies, for a drift with an error
CONTACT_EVERY = 0.01  # ps between the frames of a hot run
SPREAD_FRAMES = 40  # of a run in a larger cell
LOGS = ("log.lammps", "log.ase", "log.cp2k")


@dataclass(frozen=True)
class Moves:
    """How the runs of a card are made; times are ps, temperatures K.

    ``timestep`` is that of all runs: the drift is judged by it. ``hot`` is the temperature of the hot run, by default
    the highest that is known of the training, else one and a half times the card's. Each run begins with
    ``equilibrate``.
    ``compared`` is how long the run beside the reference is, by default as long as that.
    """

    timestep: float = 0.001
    equilibrate: float = 0.5
    energy: float = 5.0
    hot: float | None = None
    hot_time: float = 2.0
    larger_time: float = 2.0
    compared: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if value is None and one.name in ("hot", "compared"):
                continue
            least = 0 if one.name == "seed" else 1e-12
            if isinstance(value, bool) or not (isinstance(value, int | float) and least <= value < math.inf):
                raise Refusal(f"{one.name}={value} in the moves", "", "Give a positive number")

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


@dataclass(frozen=True)
class Ground:
    """What runs begin from."""

    atoms: Atoms
    temperature: float  # K
    settled: bool = True  # whether it is a frame of a run


def asked_of(subject: Subject, ground: Ground, protocol: Protocol, seed: int) -> dict[str, Any]:
    """What names a run."""
    return {
        "subject": subject.to_dict(), "start": start_of(ground.atoms, subject.potential).fingerprint,
        "protocol": protocol.to_dict(), "seed": seed,
    }  # fmt: skip


def protocol_of(
    moves: Moves, temperature: float, *stages: Hold | Produce, timestep: float | None = None, settled: bool = True
) -> Protocol:
    """A stretch to come to equilibrium, and what follows it; a structure that nothing moved yet is relaxed first."""
    first: list[Hold | Minimise] = [] if settled else [Minimise()]
    first.append(Hold(temperature, ps=moves.equilibrate, name="equilibrate"))
    return Protocol((*first, *stages), timestep=1000 * (timestep or moves.timestep))


def moved(subject: Subject, ground: Ground, protocol: Protocol, folder: Path, seed: int) -> Finished | str:
    """The run, or why it came to no end; what is not the potential's fault is raised."""
    try:
        return run(ground.atoms, subject.potential, protocol, folder, seed=seed, ranks=subject.ranks)
    except Stopped as stopped:
        return f"{stopped.what}."


def constant_energy(subject: Subject, ground: Ground, moves: Moves, protocol: Protocol, folder: Path) -> Outcome:
    """The drift of the energy that Newton's equations keep."""
    known = {"temperature": ground.temperature, "ps": moves.energy, "timestep": moves.timestep}
    done = moved(subject, ground, protocol, folder, moves.seed)
    if isinstance(done, str):
        return Outcome({**known, "stopped": done})
    time, energy = energies_of(done.directory, protocol.timestep / 1000)
    energy = 1000 * (energy - energy[0]) / len(ground.atoms)
    slope, error = drift(time, energy)
    curve = dataset(
        "study.drift",
        {"energy": Column(("time",), energy, "meV", "change of the energy an atom")},
        {"time": Column(("time",), time, "ps", "time")},
        parameters=known, history=[], title="Energy that should be constant", drift=slope, drift_error=error,
    )  # fmt: skip
    scatter = float(np.std(energy - np.polyval(np.polyfit(time, energy, 1), time))) if len(time) > 2 else math.nan
    measured = done.summary["stages"][-1].get("measured", math.nan)
    return Outcome(
        {**known, "drift": slope, "drift_error": error, "scatter": scatter, "measured": measured}, {"curve": curve}
    )


def energies_of(folder: Path, timestep: float) -> tuple[Floats, Floats]:
    """Time (ps) and total energy (eV) along the stage at constant energy, from the logs of its legs."""
    found: dict[int, float] = {}
    for leg in sorted((folder / LEGS).glob(f"[0-9]*-{ENERGY_STAGE}")):
        for name in LOGS:
            for row in Log(leg / name).read():
                found[row.step] = row.total * KCAL_MOL_IN_EV
    steps = sorted(found)
    return timestep * np.array(steps, float), np.array([found[step] for step in steps])


def drift(time: Floats, energy: Floats) -> tuple[float, float]:
    """Slope of the energy, with its standard error from the means of ten blocks about their line."""
    if len(time) < FEWEST:
        return (float(np.polyfit(time, energy, 1)[0]) if len(time) > 1 else math.nan), math.nan
    x, y = (np.array([part.mean() for part in np.array_split(array, BLOCKS)]) for array in (time, energy))
    slope, middle = np.polyfit(x, y, 1)
    left = y - (slope * x + middle)
    return float(slope), float(np.sqrt((left**2).sum() / (BLOCKS - 2) / ((x - x.mean()) ** 2).sum()))


def judge_drift(found: Outcome | None, why_not: str, bounds: Bounds) -> list[Judgement]:
    """The drift at constant energy."""
    about = "drift of the energy"
    if found is None:
        return [Judgement("drift", about, UNTESTED, why_not)]
    values = found.values
    run = f"{values['ps']:g} ps with steps of {1000 * values['timestep']:g} fs at {values['temperature']:g} K"
    if "stopped" in values:
        return [Judgement("drift", about, FAILS, f"The run of {run} came to no end. {values['stopped']}")]
    value, error = values["drift"], values["drift_error"]
    said = f"it drifts by {with_error(value, error)} meV an atom and ps; the bound is {bounds.drift:g}"
    text = f"In {run} at constant energy {said}."
    return [Judgement("drift", about, below(abs(value), error, bounds.drift), text)]


def hot_run(subject: Subject, ground: Ground, moves: Moves, protocol: Protocol, folder: Path) -> Outcome:
    """How close atoms come in a run that is hotter than those the potential is for."""
    known: dict[str, Any] = {"temperature": ground.temperature, "ps": moves.hot_time}
    done = moved(subject, ground, protocol, folder, moves.seed)
    if isinstance(done, str):
        return Outcome({**known, "stopped": done})
    return Outcome({**known, "closest": {pair: one.distance for pair, one in of_trajectory(done.trajectory).items()}})


def larger_run(subject: Subject, ground: Ground, moves: Moves, protocol: Protocol, folder: Path) -> Outcome:
    """A run in a larger cell, and the model deviation along it where there is a committee."""
    known: dict[str, Any] = {
        "temperature": ground.temperature, "ps": moves.larger_time, "atoms": len(ground.atoms),
    }  # fmt: skip
    done = moved(subject, ground, protocol, folder, moves.seed)
    if isinstance(done, str):
        return Outcome({**known, "stopped": done})
    if not subject.models:
        return Outcome(known)
    spread = deviation(subject.models, done.trajectory, threads=subject.ranks)
    return Outcome({**known, "deviation": typical(spread)}, {"deviation": spread})
