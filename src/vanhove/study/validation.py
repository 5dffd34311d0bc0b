"""Validation of a potential, above all of a machine-learned one: tests against bounds, and a card of how it did."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal
from vanhove.base.files import write_text
from vanhove.base.results import plain
from vanhove.base.version import __version__
from vanhove.simulate._labelled import Labelled, labelled
from vanhove.simulate._protocol import Hold, Produce
from vanhove.simulate.folder import Folder
from vanhove.trajectory import Trajectory
from vanhove.trajectory import open as open_trajectory

from .card_beside import NO_REFERENCE, judge_physics
from .card_bounds import Bounds, Judgement, overall
from .card_contacts import Closest, of_frames
from .card_motion import (
    CONTACT_EVERY,
    ENERGY_STAGE,
    SPREAD_FRAMES,
    Ground,
    Moves,
    asked_of,
    constant_energy,
    hot_run,
    judge_drift,
    larger_run,
    protocol_of,
)  # fmt: skip
from .card_parity import errors, judge_errors, judge_larger
from .card_physics import Reference, compare, protocol_beside, start_of_reference
from .card_range import range_of, said_range
from .card_steps import Outcome, Steps
from .card_subject import Subject
from .card_wall import judge_approach, judge_wall, squeeze

if TYPE_CHECKING:
    from ase import Atoms

    from vanhove.simulate._train import Committee
    from vanhove.simulate.pairwise import Potential

CARD = "card.json"
NO_TEMPERATURE = "No temperature was given, so nothing was moved."
NO_START = "No structure was given, and no frames to begin from."
HOTTER = 1.5
PathLike = str | os.PathLike[str]
Frames = Labelled | PathLike | Sequence[PathLike]


class _CardFolder(Folder):
    holds = "validation"


@dataclass(frozen=True)
class Card:
    """What came of a validation; ``directory`` holds card.json and the curves."""

    directory: Path
    verdict: str  # "holds", "fails", "open" or "not tested"
    sentence: str
    judgements: tuple[Judgement, ...]
    content: dict[str, Any]

    def describe(self) -> str:
        """Every judgement, and the verdict."""
        lines = [f"{one.verdict:<11}{one.about}: {one.text}" for one in self.judgements]
        return "\n".join([*lines, "", self.sentence])


def validate(
    potential: Potential | Committee | PathLike | Sequence[PathLike],
    directory: PathLike,
    *,
    held_out: Frames | None = None,
    trained_on: Frames | None = None,
    larger: Frames | Atoms | None = None,
    start: Atoms | None = None,
    reference: Trajectory | Labelled | Reference | PathLike | None = None,
    temperature: float | None = None,
    temperatures: Sequence[float] = (),
    moves: Moves | None = None,
    bounds: Bounds | None = None,
    own_zero: bool | None = None,
    ranks: int | None = None,
    title: str = "",
    progress: Callable[[str], None] | None = None,
) -> Card:
    r"""Test a potential against frames, against itself and against a reference run, and write its card (E6).

    The tests: errors of forces, energies and virials on frames that it was not trained on; the same, or the model
    deviation, in a cell larger than any of the training; the drift at constant energy; a repulsive wall between all
    pairs of species, and how close atoms come in a hot run; g(r), vibrations and mean squared displacements beside a
    reference run. What nothing was given for is said to be not tested.

    Parameters
    ----------
    potential
        A committee, a training's folder, a model's file or several; a potential that ``simulate`` made, or its name.
        Runs are made by the first model, the others tell where they disagree.
    directory
        The card's own folder. Killed at any moment, the work goes on where it was; a test is done again when what it
        was asked changes, and no other.
    held_out, trained_on
        Frames with energies and forces, as :func:`vanhove.simulate.labelled` returns or reads them. Those of a training
        are known.
    larger
        Labelled frames, or a structure, of a cell with more atoms than any of the training.
    start
        The structure that runs begin from; by default the first of the frames held out of the largest system.
    reference
        A run to compare with, of ab-initio molecular dynamics say; or labelled frames of one system, which have no
        times: then g(r) alone is compared.
    temperature
        K, of the runs; by default the reference's, which is that of the run beside it in any case.
    temperatures
        K, those of the training, where they are known: for the range of validity, and the highest for the hot run.
    moves, bounds
        How the runs are made, and what judgements use.
    own_zero
        Whether energies are compared without each system's mean: by default for potentials of pairs, which count
        energies from another zero than first principles.
    ranks
        Processes or threads of the engines; by default what serves.

    Returns
    -------
    Card
        ``verdict``, ``judgements``, ``describe()``; ``directory`` has ``card.json`` and the curves in ``data``.
        ``vanhove.report.write_card(directory)`` makes the page.
    """
    subject = Subject.of(potential, ranks)
    moves, bounds = moves or Moves(), bounds or Bounds()
    known = subject.committee
    trained = _frames(trained_on) or (known.train if known is not None else None)
    kept = _frames(held_out) or (_held_out_of(known) if known is not None else None)
    run = open_trajectory(reference) if isinstance(reference, str | os.PathLike) else reference
    beside = None if run is None else Reference.of(run)
    kelvin = temperature if temperature is not None else (None if beside is None else beside.trajectory.temperature)
    _check_kelvin(kelvin, *temperatures)
    folder = _CardFolder(directory)
    with folder.locked():
        work = _Work(
            Steps(folder.path, progress or (lambda _: None)), subject, moves, kelvin, tuple(temperatures), start
        )
        found = work.all_of_it(trained, kept, larger, beside)
    doubts = list(dict.fromkeys(doubt for one in found.values() for doubt in one.doubts))
    zero = subject.zero_of_its_own if own_zero is None else own_zero
    judgements = _judged(found, work, bounds, own_zero=zero, refers=beside is not None)
    verdict, sentence = overall(judgements)
    content = {
        "title": title or f"Model card of {subject.name}", "vanhove": __version__, "verdict": verdict,
        "sentence": sentence, "judgements": [one.to_dict() for one in judgements],
        "range": said_range(found.get("range"), temperatures), "subject": subject.facts(), "name": subject.name,
        "found": {name: one.values for name, one in found.items()},
        "curves": {name: list(one.curves) for name, one in found.items()},
        "bounds": bounds.to_dict(), "moves": moves.to_dict(), "temperature": kelvin, "hot": work.hot,
        "temperatures": list(temperatures), "own_zero": zero, "doubts": doubts,
    }  # fmt: skip
    content = without_nan(plain(content))
    write_text(folder.path / CARD, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return Card(folder.path, verdict, sentence, tuple(judgements), content)


def read_card(directory: PathLike) -> Card:
    """The card that :func:`validate` wrote."""
    path = Path(directory) / CARD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal("There is no card", str(path), "Make one with study.validate, or vanhove validate")
    except ValueError as error:
        raise Refusal("The card can't be read", f"{path}: {error}", "Make it again")
    told = tuple(Judgement(**one) for one in content["judgements"])
    return Card(Path(directory), content["verdict"], content["sentence"], told, content)


def without_nan(value: Any) -> Any:
    """The same with null for what is no number: JSON has no word for that."""
    if isinstance(value, dict):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Work:
    """The tests of one card, one after the other."""

    def __init__(
        self, steps: Steps, subject: Subject, moves: Moves, kelvin: float | None, temperatures: tuple[float, ...],
        start: Atoms | None,
    ) -> None:  # fmt: skip
        self.steps, self.subject, self.moves, self.kelvin, self.start = steps, subject, moves, kelvin, start
        warmest = max(temperatures) if temperatures else (None if kelvin is None else HOTTER * kelvin)
        self.hot = moves.hot or warmest

    def all_of_it(
        self, trained: Labelled | None, kept: Labelled | None, larger: Any, reference: Reference | None
    ) -> dict[str, Outcome]:
        """What each test found; those that nothing was given for are left out."""
        found: dict[str, Outcome] = {}
        frames = trained or kept
        closest: dict[str, Closest] = {} if frames is None else of_frames(frames)
        if trained is not None:
            found["range"] = range_of(trained, closest)
        elif kept is not None:
            found["seen"] = range_of(kept, closest)
        if kept is not None:
            found["parity"] = self._errors("parity", kept)
        if frames is not None:
            asked = {"subject": self.subject.to_dict(), "frames": frames.fingerprint}
            make = partial(squeeze, self.subject, frames, closest, self.steps.folder)
            found["wall"] = self.steps.step("wall", asked, make)
        ground = self._ground(kept or trained, reference)
        if ground is not None and self.kelvin is not None and self.hot is not None:
            stages = Hold(self.kelvin, self.moves.energy, ENERGY_STAGE, thermostat=None)
            found["drift"] = self._run(
                "drift", Ground(ground, self.kelvin, self.start is None), constant_energy, stages
            )
            hot = Produce(self.hot, self.moves.hot_time, every=self._every(CONTACT_EVERY, self.moves.hot_time))
            found["hot"] = self._run("hot", Ground(ground, self.hot, self.start is None), hot_run, hot)
        if larger is not None:
            self._larger(larger, found)
        kelvin = self.kelvin if reference is None else reference.trajectory.temperature or self.kelvin
        if reference is not None and kelvin is not None:
            found["physics"] = self._physics(reference, kelvin)
        return found

    def _errors(self, name: str, frames: Labelled) -> Outcome:
        asked = {"subject": self.subject.to_dict(), "frames": frames.fingerprint, "names": frames.names}
        return self.steps.step(name, asked, partial(errors, self.subject, frames, self.steps.folder))

    def _run(self, name: str, ground: Ground, make: Callable[..., Outcome], *stages: Hold | Produce) -> Outcome:
        protocol = protocol_of(self.moves, ground.temperature, *stages, settled=ground.settled)
        asked = asked_of(self.subject, ground, protocol, self.moves.seed)
        where = self.steps.run_folder(name, asked)
        return self.steps.step(name, asked, partial(make, self.subject, ground, self.moves, protocol, where))

    def _every(self, wanted: float, ps: float) -> float:
        """Time between frames of a run of ``ps``: not shorter than its step, and not longer than the run."""
        return min(max(wanted, self.moves.timestep), ps)

    def _larger(self, larger: Any, found: dict[str, Outcome]) -> None:
        if not hasattr(larger, "get_positions"):
            found["larger"] = self._errors("larger", _must_be_frames(larger))
        elif self.kelvin is not None:
            every = self._every(self.moves.larger_time / SPREAD_FRAMES, self.moves.larger_time)
            stage = Produce(self.kelvin, self.moves.larger_time, every=every)
            found["larger"] = self._run("larger", Ground(larger, self.kelvin, settled=False), larger_run, stage)

    def _physics(self, reference: Reference, kelvin: float) -> Outcome:
        theirs = reference.trajectory
        ground = Ground(start_of_reference(theirs), kelvin)
        protocol = protocol_beside(reference, self.moves, kelvin)
        asked = asked_of(self.subject, ground, protocol, self.moves.seed)
        asked |= {"reference": theirs.fingerprint, "timed": reference.timed}
        where = self.steps.run_folder("physics", asked)
        make = partial(compare, self.subject, ground, self.moves, protocol, where, reference)
        return self.steps.step("physics", asked, make)

    def _ground(self, frames: Labelled | None, reference: Reference | None) -> Atoms | None:
        """What runs begin from: what was given, a frame of the largest system, or the reference's first."""
        if self.start is not None:
            return self.start
        if frames is None:
            return None if reference is None else start_of_reference(reference.trajectory)
        from ase import Atoms as AseAtoms

        from vanhove.base.elements import element_of

        largest = max(frames, key=lambda system: system.atoms)
        symbols = [element_of(label) for label in largest.species]
        return AseAtoms(symbols, positions=largest.positions[0], cell=largest.cell[0], pbc=True)


def _judged(found: dict[str, Outcome], work: _Work, bounds: Bounds, *, own_zero: bool, refers: bool) -> list[Judgement]:
    trained = found.get("range")
    seen = trained or found.get("seen")
    why_not = NO_TEMPERATURE if work.kelvin is None else NO_START
    closest = {} if seen is None else seen.values["closest"]
    return [
        *judge_errors(found.get("parity"), bounds, own_zero=own_zero),
        *judge_larger(
            found.get("larger"), found.get("parity"), None if trained is None else trained.values["largest"], bounds
        ),
        *judge_drift(found.get("drift"), why_not, bounds),
        *judge_wall(found.get("wall"), work.hot, bounds),
        *judge_approach(found.get("hot"), closest, why_not, bounds),
        *judge_physics(found.get("physics"), NO_TEMPERATURE if refers else NO_REFERENCE, bounds),
    ]


def _frames(given: Frames | None) -> Labelled | None:
    return None if given is None else _must_be_frames(given)


def _must_be_frames(given: Any) -> Labelled:
    return given if isinstance(given, Labelled) else labelled(given)


def _held_out_of(known: Committee) -> Labelled | None:
    try:
        return known.held_out
    except Refusal:  # nothing was held out of that training: the card says so
        return None


def _check_kelvin(*given: float | None) -> None:
    for kelvin in given:
        if kelvin is not None and not 0 < kelvin < 1e5:
            raise Refusal(f"A temperature of {kelvin} K", "", "Give a positive number")
