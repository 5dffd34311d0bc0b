"""One round of an active learning: train, explore, judge, pick, label. What is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import warn
from vanhove.base.results import Column, dataset, save

from ._deviation import force_deviation
from ._label import label
from ._labelled import Labelled
from ._parity import parity
from ._train import Committee, train
from .deepmd_evaluate import Computed, Frames, evaluate, frames_of
from .label_data import System, joined
from .learn_explore import Explored, explore
from .learn_folder import HELD_OUT, PICKED, TRAIN, LearnFolder, RoundFolder
from .learn_pick import GIVEN, RULE, Judged, Pick, judge, pick, trust_levels
from .point_frames import Frame
from .training_status import Status, line

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from .learn_plan import Plan

    Floats = NDArray[np.float64]

Say = Callable[[str], None]
FEWEST_TO_SHARE = 4  # labels of a round; of fewer all are trained on


def committee_of(folder: LearnFolder, number: int, plan: Plan, say: Say) -> Committee:
    """The committee of a round, trained from the start on all frames so far."""

    def told(status: Status) -> None:
        say(f"round {number}: {line(status)}")

    where = folder.training(number)
    return train(
        folder.frames(TRAIN, number), where, settings=plan.settings, models=plan.models,
        seed=plan.seed, held_out=folder.frames(HELD_OUT, number), threads=plan.threads, progress=told,
    )  # fmt: skip


def do_round(folder: LearnFolder, number: int, plan: Plan, say: Say) -> dict[str, Any]:
    """Do what is left of a round; what it found, in numbers."""
    here = folder.round(number)
    models = committee_of(folder, number, plan, say)
    how = plan.explorations.of(number)
    explored = explore(
        plan.structures, how, models.potential(0), here, plan.seed, number, lambda said: say(f"round {number}: {said}")
    )
    found = here.record(PICKED)
    if found is None:
        say(f"round {number}: comparing the models")
        found = _judged(here, explored, models, folder.frames(HELD_OUT, number), plan)
        here.write(found, PICKED)
    picks = [Pick(one["run"], one["frame"], one["deviation"]) for one in found["picked"]]
    new = _labelled(folder, number, explored, picks, plan, say) if picks else None
    told = {
        "round": number, "explored": how.to_dict(), **found, "labelled": new.frames if new else 0,
        "unlabelled": len(picks) - (new.frames if new else 0), "trained_on": models.train.frames,
        **_surprise(models, new, plan),
    }  # fmt: skip
    here.write(told)
    return told


def _judged(
    here: RoundFolder, explored: Sequence[Explored], models: Committee, held_out: Labelled, plan: Plan
) -> dict[str, Any]:
    """Shares, trust levels, errors and picks of a round."""
    potentials = [models.potential(number) for number in range(len(models.models))]
    there = [one for one in explored if one.frames]
    sets = [
        Frames(one.condition.name, one.species, one.positions, one.cell, np.arange(one.frames)) for one in there
    ]  # fmt: skip
    apart = frames_of(held_out)
    said = evaluate(potentials, [*sets, *apart], plan.threads)
    spread = [force_deviation(np.array([one[k].forces for one in said])) for k in range(len(sets) + len(apart))]
    unseen = np.concatenate([each.max(axis=1) for each in spread[len(sets) :]])
    trust = trust_levels(plan.trust, unseen, [one.forces for one in (*models.train, *held_out)])
    largest = {one.condition: each.max(axis=1) for one, each in zip(there, spread, strict=False)}
    judged = [judge(one, largest.get(one.condition, np.empty(0)), trust) for one in explored]
    if sets:
        save(_deviations(judged, spread[: len(sets)], models), here.deviation)
    picks, rescued = pick(judged, plan.per_round)
    error = parity(_as_labels(held_out, said[0][len(sets) :]), held_out).attrs
    return {
        "trust": list(trust), "rule": RULE if plan.trust is None else GIVEN,
        "force": error["force"], "force_error": error["force_error"], "rescued": rescued,
        "runs": [_run_told(one) for one in judged],
        "picked": [_pick_told(one, judged[one.run]) for one in picks],
    }  # fmt: skip


def _as_labels(reference: Labelled, said: Sequence[Computed]) -> Labelled:
    return Labelled.of(
        replace(system, energy=one.energy, forces=one.forces, virial=one.virial)
        for system, one in zip(reference, said, strict=True)
    )


def _run_told(one: Judged) -> dict[str, Any]:
    return {
        **one.condition._asdict(), "frames": one.planned, "seen": len(one.deviation),
        "accurate": int(one.accurate.sum()), "candidate": int(one.candidate.sum()), "failed": one.failed,
        "stopped": one.stopped,
    }  # fmt: skip


def _pick_told(one: Pick, of: Judged) -> dict[str, Any]:
    time = round((one.frame + 1) * of.every, 6)
    return {**one._asdict(), **of.condition._asdict(), "time": time}


def _deviations(judged: Sequence[Judged], spread: Sequence[Floats], models: Committee) -> Any:
    """As :func:`deviation` gives them, with the conditions of each frame."""
    there = [one for one in judged if len(one.deviation)]
    counts = [len(one.deviation) for one in there]
    each = {
        "deviation_max": ("largest model deviation of a force", [one.max(axis=1) for one in spread]),
        "deviation_mean": ("mean model deviation of the forces", [one.mean(axis=1) for one in spread]),
    }
    variables = {name: Column(("frame",), np.concatenate(of), "eV/Å", said) for name, (said, of) in each.items()}
    conditions = [one.condition for one in there]
    pressures = [np.nan if one.pressure is None else one.pressure for one in conditions]
    variables |= {
        "system": Column(("frame",), np.repeat([one.structure for one in conditions], counts), "1", "structure"),
        "temperature": Column(("frame",), np.repeat([one.temperature for one in conditions], counts), "K", "set"),
        "pressure": Column(("frame",), np.repeat(pressures, counts), "bar", "set; none where the cell is kept"),
        "number": Column(("frame",), np.concatenate([np.arange(n) for n in counts]), "1", "frame of its run, from 0"),
    }
    return dataset(
        "simulate.deviation", variables, {"frame": Column(("frame",), np.arange(sum(counts)), "1", "frame")},
        parameters=dict(models=models.fingerprint), history=[],
        title=f"Model deviation of {len(models.models)} models on the frames of a round", models=len(models.models),
    )  # fmt: skip


def _labelled(
    folder: LearnFolder, number: int, explored: Sequence[Explored], picks: Sequence[Pick], plan: Plan, say: Say
) -> Labelled:
    """The picks that have a label, saved as what later rounds are trained on and tested with."""
    here = folder.round(number)
    say(f"round {number}: labelling {len(picks)} frames")
    by_structure: dict[str, list[Atoms]] = {}
    for one in picks:
        run = explored[one.run]
        places, cell = run.positions[one.frame], run.cell[one.frame]
        frame = Frame(run.condition.structure, 0, run.species, cell, places)
        by_structure.setdefault(frame.system, []).append(frame.atoms())
    found = label(by_structure, plan.labeller, here.labels, ranks=plan.ranks)
    named = [
        replace(one, name=f"{one.name}-explored", source=f"{one.source}, of round {number}") for one in found.systems
    ]
    kept, tested = _shared(joined(named), plan.held_out, plan.seed + number)
    if tested is not None:
        tested.save(here.path / HELD_OUT)
    kept.save(here.path / TRAIN)  # last: a round with it has both
    return kept + tested if tested is not None else kept


def _shared(found: Labelled, share: float, seed: int) -> tuple[Labelled, Labelled | None]:
    """What is trained on, and what is held out: by chance, since no two picks are neighbours."""
    out = round(share * found.frames)
    if found.frames < FEWEST_TO_SHARE or found.frames - out < 1:
        return found, None
    taken = np.random.default_rng(seed).permutation(found.frames)[: max(out, 1)]
    train_, test, before = list[System](), list[System](), 0
    for system in found:
        mask = np.isin(np.arange(before, before + system.frames), taken)
        before += system.frames
        train_ += [system.taken(~mask)] if (~mask).any() else []
        test += [system.taken(mask)] if mask.any() else []
    return Labelled.of(train_), Labelled.of(test)


def _surprise(models: Committee, new: Labelled | None, plan: Plan) -> dict[str, Any]:
    """How wrong the committee is on the frames that it was unsure of, which it has not seen: eV/Å."""
    if new is None:
        return {"force_new": None, "force_new_error": None}
    found = parity(models, new, threads=plan.threads).attrs
    return {"force_new": found["force"], "force_new_error": found["force_error"]}


def make_start(folder: LearnFolder, plan: Plan) -> None:
    """Save the frames to begin with: those given, or those that are labelled now."""
    if (folder.start / TRAIN).is_dir():
        return
    data = plan.begin.data
    if data is None:
        structures = {name: [frame.atoms() for frame in frames] for name, frames in plan.begin.to_label.items()}
        data = label(structures, plan.labeller, folder.start / "labels", ranks=plan.ranks)
    kept, tested = data.split(plan.held_out, seed=plan.seed)
    tested.save(folder.start / HELD_OUT)
    kept.save(folder.start / TRAIN)


def warn_of_nothing(told: dict[str, Any]) -> None:
    """Say it where a round can't be learned from."""
    runs = told["runs"]
    if not told["picked"] and sum(one["failed"] for one in runs):
        warn(
            f"Round {told['round']} gave no frame to label, and frames failed",
            next((one["stopped"] for one in runs if one["stopped"]), ""),
            "Explore cooler or for a shorter time first, or begin with more frames",
        )  # fmt: skip
