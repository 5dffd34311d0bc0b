"""All that an active learning is asked for, looked at before anything is done."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vanhove.base.errors import Refusal

from ._label import settings_of
from .deepmd_settings import Settings, load_settings
from .learn_explore import conditions_of
from .learn_settings import Explorations, explorations
from .learn_start import Begin, begin_of

if TYPE_CHECKING:
    from .pairwise import Potential
    from .point_frames import Frame

FEWEST_MODELS = 2
FEWEST_RATTLED = 5


@dataclass(frozen=True)
class Plan:
    """What is asked for; only ``rounds`` and ``converged`` may change in a folder that has begun."""

    begin: Begin
    explorations: Explorations
    labeller: Potential
    settings: Settings
    models: int
    seed: int
    trust: tuple[float, float] | None
    rounds: int
    per_round: int
    converged: float
    held_out: float
    ranks: int | None
    threads: int | None

    @property
    def structures(self) -> dict[str, Frame]:
        """What runs begin with."""
        return self.begin.structures

    def to_dict(self) -> dict[str, Any]:
        """All that decides what is found, as JSON knows it."""
        return {
            "start": self.begin.fingerprint,
            "structures": {name: frame.fingerprint({}) for name, frame in self.structures.items()},
            "explore": self.explorations.to_list(), "labeller": settings_of(self.labeller),
            "settings": self.settings.to_dict(), "models": self.models, "seed": self.seed,
            "trust": list(self.trust) if self.trust else None, "per_round": self.per_round, "held_out": self.held_out,
        }  # fmt: skip

    def describe(self) -> list[tuple[str, str]]:
        """What would be done, in words and numbers."""
        done = "to be labelled" if self.begin.data is None else "labelled"
        rows = [("start", f"{self.begin.frames} frames of {', '.join(self.begin.species)}, {done}")]
        listed = self.explorations.listed
        for number, how in enumerate(listed, 1):
            runs = len(conditions_of(list(self.structures), how))
            kelvin = ", ".join(f"{one:g}" for one in how.temperatures)
            bar = (
                f"at {', '.join(f'{one:g}' for one in how.pressures)} bar" if how.pressures else "in a cell that stays"
            )
            what = f"{runs} run{'s' * (runs > 1)} of {how.ps:g} ps at {kelvin} K {bar}, {runs * how.frames} frames"
            rows.append((f"round {number}" if len(listed) > 1 else "a round", what))
        return [
            *rows, ("rounds", f"at most {self.rounds}"),
            ("labels", f"at most {self.per_round} a round, by {self.labeller.name}"),
            ("training", f"{self.models} models of {self.settings.steps} steps, in each round"),
        ]  # fmt: skip


def plan_of(
    start: Any,
    explore: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    labeller: Potential,
    *,
    structures: Any,
    settings: str | os.PathLike[str] | Mapping[str, Any] | Settings,
    models: int,
    seed: int,
    trust: Sequence[float] | None,
    rounds: int | None,
    per_round: int,
    converged: float,
    rattled: int,
    held_out: float,
    ranks: int | None,
    threads: int | None,
) -> Plan:
    """The arguments of :func:`vanhove.simulate.learn`, checked; refused where they can't work."""
    for name, value, least in (
        ("rounds", rounds, 1), ("per_round", per_round, 1), ("ranks", ranks, 1), ("threads", threads, 1),
        ("models", models, FEWEST_MODELS), ("rattled", rattled, FEWEST_RATTLED),
    ):  # fmt: skip
        if value is not None and (isinstance(value, bool) or value != int(value) or value < least):
            why = "one model has nobody to disagree with" if name == "models" else ""
            raise Refusal(f"{name}={value}", why, f"Give {least} or more")
    for name, share in (("converged", converged), ("held_out", held_out)):
        if not 0 < share < 1:
            raise Refusal(f"{name}={share}", "", "Give a share between 0 and 1")
    how, wanted = load_settings(settings), explorations(explore)
    settings_of(labeller)  # refuses what computes no labels
    begin = begin_of(start, structures, labeller, rattled, seed)
    return Plan(
        begin, wanted, labeller, how, models, seed, _levels(trust), rounds or wanted.usual_rounds, per_round,
        converged, held_out, ranks, threads,
    )  # fmt: skip


def _levels(trust: Sequence[float] | None) -> tuple[float, float] | None:
    """Two trust levels, the lower first."""
    if trust is None:
        return None
    if len(trust) != 2 or not 0 < trust[0] < trust[1] < math.inf:
        raise Refusal(f"trust={trust!r}", "", "Give two deviations in eV/Å, the lower first: trust=(0.1, 0.4)")
    return float(trust[0]), float(trust[1])
