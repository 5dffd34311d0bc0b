"""What a card is about: a potential or a committee, and what it says of frames, whichever way it is computed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vanhove.base.errors import Refusal, nearest
from vanhove.simulate._deepmd import DeepMD
from vanhove.simulate._label import energies, label
from vanhove.simulate._labelled import Labelled
from vanhove.simulate._train import Committee, committee
from vanhove.simulate.deepmd_evaluate import evaluate, frames_of
from vanhove.simulate.pairwise import Pairwise
from vanhove.simulate.training_folder import TRAINING

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray

    from vanhove.simulate.pairwise import Potential

    Floats = NDArray[np.float64]

LABELS = "labels"
SHIPPED_ENDINGS = (".pb", ".pth")


@dataclass(frozen=True)
class Subject:
    """A potential; where there are several models of a committee it is the first of them."""

    potential: Any
    models: tuple[DeepMD, ...] = ()  # of a committee, else none
    committee: Committee | None = None
    ranks: int | None = None

    @classmethod
    def of(cls, given: Any, ranks: int | None) -> Subject:
        """From a potential, a committee, a training's folder, model files or a potential's name."""
        if isinstance(given, str | os.PathLike):
            given = _named(given)
        if isinstance(given, Committee):
            models = tuple(given.potential(number) for number in range(len(given.models)))
            return cls(models[0], models if len(models) > 1 else (), given, ranks)
        if isinstance(given, Sequence):
            models = tuple(cls.of(one, ranks).potential for one in given)
            if not models or not all(isinstance(one, DeepMD) for one in models):
                raise Refusal("Only DeePMD models make a committee", "", "Give one potential, or several model files")
            return cls(models[0], models if len(models) > 1 else (), None, ranks)
        if getattr(given, "engine", None) not in ("lammps", "ase", "cp2k"):
            raise Refusal(
                f"A {type(given).__name__} is no potential", "",
                "Give a model's file, a training's folder, or what simulate.potential, deepmd, calculator ... returned",
            )  # fmt: skip
        return cls(given, (), None, ranks)

    @property
    def name(self) -> str:
        """How the card calls it."""
        known: Potential = self.potential
        return known.name if not self.models else f"{known.name} of a committee of {len(self.models)}"

    @property
    def zero_of_its_own(self) -> bool:
        """Whether its energies are counted from atoms far apart, not from what its reference counts them from."""
        return isinstance(self.potential, Pairwise)

    def to_dict(self) -> dict[str, Any]:
        """All that decides what it says."""
        models = [model.to_dict() for model in self.models]
        return {"potential": self.potential.to_dict(), **({"models": models} if models else {})}

    def labels(self, frames: Labelled, folder: Path) -> tuple[Labelled, Labelled]:
        """What it says of the frames, and the frames that it says something of."""
        if isinstance(self.potential, DeepMD):
            said = evaluate([self.potential], frames_of(frames), self.ranks)[0]
            return Labelled.of([
                replace(system, energy=one.energy, forces=one.forces, virial=one.virial)
                for system, one in zip(frames, said, strict=True)
            ]), frames  # fmt: skip
        known = label(frames, self.potential, folder / LABELS, ranks=self.ranks)
        whole = {system.name: system for system in known}
        kept = [system for system in frames if system.name in whole]
        same = [
            system.taken(np.isin(system.frame_of, whole[system.name].frame_of))
            if whole[system.name].frames < system.frames else system
            for system in kept
        ]  # fmt: skip
        return Labelled.of([whole[system.name] for system in same]), Labelled.of(same)

    def energies(self, structures: Mapping[str, Sequence[Atoms]], folder: Path) -> dict[str, Floats]:
        """Energies (eV) of series of structures; NaN where it has none."""
        if isinstance(self.potential, DeepMD):
            sets = [frames_of(list(each))[0] for each in structures.values()]
            said = evaluate([self.potential], sets, self.ranks)[0]
            return {name: one.energy for name, one in zip(structures, said, strict=True)}
        of_all = np.array(energies(dict(structures), self.potential, folder / LABELS, ranks=self.ranks))
        ends = np.cumsum([len(each) for each in structures.values()])
        return dict(zip(structures, np.split(of_all, ends[:-1]), strict=True))

    def facts(self) -> dict[str, Any]:
        """What is known of how it was made."""
        told: dict[str, Any] = {"describe": self.potential.describe(), **self.to_dict()}
        if self.committee is not None:
            told["training"] = {
                "settings": self.committee.settings.to_dict(), "title": self.committee.settings.title,
                "models": [_plain_summary(one) for one in self.committee.summary],
            }  # fmt: skip
        return told


def _plain_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    last = summary["phases"][-1]
    return {"seconds_per_step": last.get("seconds_per_step"), "device": last.get("device")}


def _named(given: str | os.PathLike[str]) -> Any:
    from vanhove import simulate as room

    path = Path(given)
    if (path / TRAINING).is_file():
        return committee(path)
    if path.is_file() or path.suffix in SHIPPED_ENDINGS:
        return room.deepmd(path)
    if path.is_dir():
        raise Refusal("The folder holds no training", str(path), f"Name the one with {TRAINING}, or a model's file")
    try:
        return room.potential(str(given))
    except Refusal as refusal:
        raise Refusal(
            f"'{given}' is no model file, no training's folder and no potential's name", "",
            refusal.do or nearest(str(given), []),
        )  # fmt: skip
