"""Protocols: what is done to a structure, stage after stage. Plain data, so that a run knows its own again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vanhove.base.errors import Refusal, nearest

from ._constrain import Constraint, as_constraint
from .stages import KINDS, Hold, Minimise, Produce, Ramp, Stage, pressure, temperatures, thermostat, values_of

__all__ = [
    "KINDS",
    "Hold",
    "Minimise",
    "Produce",
    "Protocol",
    "Ramp",
    "Stage",
    "as_protocol",
    "melt_quench",
    "pressure",
    "temperatures",
    "thermostat",
]


@dataclass(frozen=True)
class Protocol:
    """Stages in order, at constant volume where they name no pressure.

    ``timestep``, the thermostats' ``damping`` time and ``pressure_damping``, that of the cell, are fs. At most one
    stage produces, and it is the last. ``constrain``, made by :func:`constrain`, holds in all stages.
    """

    stages: tuple[Stage, ...]
    timestep: float = 1.0
    damping: float = 100.0
    pressure_damping: float = 1000.0
    constrain: Constraint | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "constrain", as_constraint(self.constrain))
        for name in ("timestep", "damping", "pressure_damping"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise Refusal(f"{name}={value} fs", "a protocol", "Give a positive number")
        if not self.stages:
            raise Refusal("The protocol has no stage", "", "Give at least one, for example Hold(1000, ps=10)")
        if any(isinstance(stage, Produce) for stage in self.stages[:-1]):
            raise Refusal(
                "A stage follows the production",
                ", ".join(stage.name for stage in self.stages),
                "One run has one trajectory: start another run from final_structure(directory)",
            )
        for stage in self.stages:
            if not isinstance(stage, Minimise) and self.steps(stage) < 1:
                raise Refusal(f"Stage '{stage.name}' is shorter than one time step of {self.timestep:g} fs")
        production = self.production
        if production is not None and self.frame_steps(production) < 1:
            raise Refusal(f"A frame every {production.every:g} ps is more than one a time step", "", "Raise every=")
        if self.changes_cell and self.constrain is not None:
            raise Refusal(
                "The cell can't change while a constraint holds a part of it", f"constraint '{self.constrain.kind}'",
                "Find the cell in a run of its own, and start the constrained one from its final structure",
            )  # fmt: skip

    @property
    def changes_cell(self) -> bool:
        """Whether any stage has a pressure."""
        return any(pressure(stage) is not None for stage in self.stages)

    @property
    def production(self) -> Produce | None:
        """The stage that writes the trajectory, where there is one."""
        last = self.stages[-1]
        return last if isinstance(last, Produce) else None

    @property
    def highest_temperature(self) -> float:
        """K; 0 where no atom moves."""
        return max((max(temperatures(stage)) for stage in self.stages), default=0.0)

    def steps(self, stage: Stage) -> int:
        """Time steps of a stage; a minimisation has none."""
        return 0 if isinstance(stage, Minimise) else round(stage.ps * 1000 / self.timestep)

    def frame_steps(self, stage: Produce) -> int:
        """Time steps between two frames."""
        return round(stage.every * 1000 / self.timestep)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON knows it."""
        kinds = {kind: name for name, kind in KINDS.items()}
        stages = [{"kind": kinds[type(stage)], **values_of(stage)} for stage in self.stages]
        all_of_it: dict[str, Any] = {
            "stages": stages, "timestep": float(self.timestep), "damping": float(self.damping),
        }  # fmt: skip
        if self.changes_cell:
            all_of_it["pressure_damping"] = float(self.pressure_damping)
        if self.constrain is not None:
            all_of_it["constrain"] = self.constrain.to_dict()
        return all_of_it

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Protocol:
        """The protocol that :meth:`to_dict` wrote, or that a person did."""
        options = dict(data)
        stages = []
        for entry in options.pop("stages", []):
            values = dict(entry)
            kind = str(values.pop("kind", ""))
            if kind not in KINDS:
                raise Refusal(f"'{kind}' is no kind of stage", str(dict(entry)), nearest(kind, [*KINDS]))
            stages.append(_build(KINDS[kind], values, f"stage '{kind}'"))
        if options.get("constrain") is not None:
            options["constrain"] = Constraint.from_dict(options["constrain"])
        protocol: Protocol = _build(cls, {"stages": tuple(stages), **options}, "a protocol")
        return protocol


def melt_quench(
    temperature: float, *, mix: float = 3000.0, mix_ps: float = 10.0, rate: float = 100.0, relax_ps: float = 5.0
) -> list[Stage]:
    """The stages that make a glass or a liquid at ``temperature`` (K) of a random packing.

    Minimise, mix at ``mix`` K for ``mix_ps``, go to ``temperature`` at ``rate`` K/ps, relax for ``relax_ps``.
    """
    stages: list[Stage] = [Minimise(), Hold(mix, mix_ps, "mix")]
    if temperature != mix:
        stages.append(Ramp(mix, temperature, rate, "quench" if temperature < mix else "heat"))
    if relax_ps:
        stages.append(Hold(temperature, relax_ps, "relax"))
    return stages


def as_protocol(protocol: Protocol | Sequence[Stage]) -> Protocol:
    """A protocol of what was given: itself, or the stages of one with the usual time step and thermostat."""
    if isinstance(protocol, Protocol):
        return protocol
    stages = tuple(protocol)
    for stage in stages:
        if not isinstance(stage, Stage):
            raise Refusal(f"{stage!r} is no stage", "", "Give Minimise, Hold, Ramp or Produce")
    return Protocol(stages)


def _build(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    try:
        return kind(**values)
    except TypeError as error:  # the constructor names the option that is unknown or missing
        raise Refusal(str(error).replace("__init__() ", ""), where)
