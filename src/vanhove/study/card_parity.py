"""Errors on frames with labels: those held out, and those of a cell larger than any of the training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.simulate._deviation import deviation
from vanhove.simulate._parity import parity

from .card_bounds import FAILS, HOLDS, UNTESTED, Bounds, Judgement, below, with_error, worst_of
from .card_steps import Outcome

if TYPE_CHECKING:
    from xarray import Dataset

    from vanhove.simulate._labelled import Labelled

    from .card_subject import Subject

WORST = 10
PERCENTILE = 95.0
NO_DATA = "No frames with labels were given that it was not trained on."


def errors(subject: Subject, frames: Labelled, folder: Path) -> Outcome:
    """Parity on labelled frames, and the model deviation on them where there is a committee."""
    said, same = subject.labels(frames, folder)
    found = parity(said, same, worst=WORST)
    curves: dict[str, Any] = {"parity": found}
    values: dict[str, Any] = {
        name: found.attrs[name] for name in ("force", "energy", "virial", "force_error", "energy_error", "virial_error")
    }
    scatter = [
        float(np.std((one.energy - other.energy) / one.atoms)) for one, other in zip(said, same, strict=True)
    ]  # fmt: skip
    counts = np.array([one.frames for one in same])
    values["energy_scatter"] = float(np.sqrt((counts * np.square(scatter)).sum() / counts.sum()))
    values["force_reference"] = math.sqrt(
        sum((one.forces**2).sum() for one in same) / sum(one.forces.size for one in same)
    )
    values["frames"], values["left_out"] = int(same.frames), int(frames.frames - same.frames)
    values["atoms"] = max(one.atoms for one in same)
    if subject.models:
        spread = deviation(subject.models, same, threads=subject.ranks)
        curves["deviation"] = spread
        values["deviation"] = typical(spread)
    return Outcome(values, curves)


def typical(spread: Dataset) -> float:
    """What the largest deviation of 95 % of the frames stays below (eV/Å)."""
    return float(np.percentile(spread["deviation_max"].values, PERCENTILE))


def judge_errors(found: Outcome | None, bounds: Bounds, *, own_zero: bool) -> list[Judgement]:
    """Of the frames that were held out."""
    if found is None:
        return [Judgement("parity", "forces, energies and virials", UNTESTED, NO_DATA)]
    values = found.values
    told = [
        _error(
            "forces", "a force component", values["force"], values["force_error"], bounds.force, "eV/Å",
            f" The reference's own are {values['force_reference']:.3g} eV/Å in the root mean square.",
        )
    ]  # fmt: skip
    if own_zero:
        about = " Each system's mean is taken off, since the potential counts energies from a zero of its own."
        told.append(
            _error("energies", "the energy an atom", values["energy_scatter"], math.nan, bounds.energy, "eV", about)
        )
    else:
        told.append(
            _error("energies", "the energy an atom", values["energy"], values["energy_error"], bounds.energy, "eV", "")
        )
    if math.isfinite(values["virial"]):
        told.append(
            _error(
                "virials",
                "a virial component an atom",
                values["virial"],
                values["virial_error"],
                bounds.virial,
                "eV",
                "",
            )
        )
    else:
        told.append(Judgement("parity", "virials", UNTESTED, "The frames, or the potential, have no virials."))
    if values["left_out"]:
        text = f"The potential gives nothing for {values['left_out']} of the frames that were held out."
        told.append(Judgement("parity", "frames without an answer", FAILS, text))
    return told


def _error(about: str, what: str, value: float, error: float, bound: float, unit: str, more: str) -> Judgement:
    verdict = below(value, error, bound)
    known = f"{with_error(value, error)} {unit}"
    text = f"The root mean square error of {what} is {known}; the bound is {bound:g} {unit}.{more}"
    return Judgement("parity", about, verdict, text)


def judge_larger(
    found: Outcome | None, held_out: Outcome | None, largest: int | None, bounds: Bounds
) -> list[Judgement]:
    """Of a cell larger than the training's; ``found`` is of its labelled frames, or of a run in it."""
    about = "a larger cell"
    if found is None:
        text = "No labelled frames and no structure of a larger cell were given."
        return [Judgement("larger", about, UNTESTED, text)]
    values = found.values
    if largest is None:
        return [
            Judgement("larger", about, UNTESTED, "What it was trained on was not given, so nothing is known larger.")
        ]
    if values["atoms"] <= largest:
        text = f"The cell given has {values['atoms']} atoms, and the training's has up to {largest}: it is not larger."
        return [Judgement("larger", about, UNTESTED, text)]
    size = f"{values['atoms']} atoms where the training has at most {largest}"
    if "stopped" in values:
        return [Judgement("larger", about, FAILS, f"A run of {size} came to no end. {values['stopped']}")]
    told = []
    if "force" in values:
        told.append(_larger_errors(values, held_out, size, bounds))
    if "deviation" in values:
        told.append(_larger_deviation(values, held_out, size, bounds))
    if not told:
        text = (
            f"A run of {size} came to its end. Whether its forces are right is not known: there are no labels and no "
            "committee."
        )
        told.append(Judgement("larger", about, UNTESTED, text))
    return told


def _larger_errors(values: dict[str, Any], held_out: Outcome | None, size: str, bounds: Bounds) -> Judgement:
    force = f"{values['force']:.3g} eV/Å"
    text = (
        f"On labelled frames of {size} the error of a force component is {force}; the bound is {bounds.force:g} eV/Å."
    )
    verdicts = [below(values["force"], values["force_error"], bounds.force)]
    if held_out is not None:
        share, before = (one["force"] / one["force_reference"] for one in (values, held_out.values))
        error = values["force_error"] / values["force_reference"]
        verdicts.append(below(share, error, bounds.growth * before) if share > 0 else HOLDS)
        text += (
            f" That is {100 * share:.3g} % of the reference's own, and {100 * before:.3g} % on the frames held out; "
            f"the bound is {bounds.growth:g} times that."
        )
    return Judgement("larger", "a larger cell, by labels", worst_of(verdicts), text)


def _larger_deviation(values: dict[str, Any], held_out: Outcome | None, size: str, bounds: Bounds) -> Judgement:
    about, now = "a larger cell, by model deviation", values["deviation"]
    where = "frames" if "force" in values else f"a run at {values['temperature']:g} K"
    text = (
        f"In {where} of {size} the largest model deviation of a frame stays below {now:.3g} eV/Å in 95 % of the frames."
    )
    before = None if held_out is None else held_out.values.get("deviation")
    if before is None:
        return Judgement("larger", about, UNTESTED, f"{text} There is none of frames held out to compare with.")
    text += (
        f" In the frames held out it stays below {before:.3g} eV/Å; the bound is {bounds.growth:g} times that. "
        "It shows what is unlike the training, not the error itself."
    )
    return Judgement("larger", about, HOLDS if now <= bounds.growth * before else FAILS, text)
