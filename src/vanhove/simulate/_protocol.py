"""Protocols: what is done to a structure, stage after stage. Plain data, so that a run knows its own again."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from vanhove.base.errors import Refusal, nearest

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")


@dataclass(frozen=True)
class Minimise:
    """Relax to the nearest minimum of the energy, so that no force is absurd when the atoms begin to move.

    Ends when the energy's relative change falls below ``energy``, the force below ``force`` (kcal/mol/Å), or after
    ``iterations``.
    """

    energy: float = 1e-6
    force: float = 1e-6
    iterations: int = 2000
    name: str = "minimise"

    def __post_init__(self) -> None:
        _check(self, energy=self.energy, force=self.force, iterations=self.iterations)


@dataclass(frozen=True)
class Hold:
    """Keep ``temperature`` (K) for ``ps``: to mix, to equilibrate."""

    temperature: float
    ps: float
    name: str = "hold"

    def __post_init__(self) -> None:
        _check(self, temperature=self.temperature, ps=self.ps)


@dataclass(frozen=True)
class Ramp:
    """Change the temperature from ``start`` to ``stop`` (K) at ``rate`` (K/ps)."""

    start: float
    stop: float
    rate: float
    name: str = "quench"

    def __post_init__(self) -> None:
        _check(self, start=self.start, stop=self.stop, rate=self.rate)
        if self.start == self.stop:
            raise Refusal(f"Stage '{self.name}' ramps from {self.start:g} K to {self.stop:g} K", "", "Use Hold")

    @property
    def ps(self) -> float:
        """How long it takes (ps)."""
        return abs(self.stop - self.start) / self.rate


@dataclass(frozen=True)
class Produce:
    """Keep ``temperature`` (K) for ``ps`` and write a frame every ``every`` ps, the first one at 0."""

    temperature: float
    ps: float
    every: float
    velocities: bool = False
    name: str = "produce"

    def __post_init__(self) -> None:
        _check(self, temperature=self.temperature, ps=self.ps, every=self.every)
        if self.every > self.ps:
            raise Refusal(f"A frame every {self.every:g} ps in {self.ps:g} ps of production", "", "Shorten every=")


Stage = Minimise | Hold | Ramp | Produce
KINDS: dict[str, type[Stage]] = {"minimise": Minimise, "hold": Hold, "ramp": Ramp, "produce": Produce}


@dataclass(frozen=True)
class Protocol:
    """Stages in order, at constant volume, with a Nosé-Hoover thermostat.

    ``timestep`` and the thermostat's ``damping`` time are fs. At most one stage produces, and it is the last.
    """

    stages: tuple[Stage, ...]
    timestep: float = 1.0
    damping: float = 100.0

    def __post_init__(self) -> None:
        for name, value in (("timestep", self.timestep), ("damping", self.damping)):
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
        stages = [{"kind": kinds[type(stage)], **_values(stage)} for stage in self.stages]
        return {"stages": stages, "timestep": float(self.timestep), "damping": float(self.damping)}

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


def temperatures(stage: Stage) -> tuple[float, float]:
    """The temperature (K) at a stage's beginning and end; 0 where no atom moves."""
    if isinstance(stage, Minimise):
        return 0.0, 0.0
    return (stage.start, stage.stop) if isinstance(stage, Ramp) else (stage.temperature, stage.temperature)


def _values(stage: Stage) -> dict[str, Any]:
    # 3000 and 3000.0 are the same temperature, and must give the run the same key
    return {
        f.name: float(getattr(stage, f.name)) if f.type == "float" else getattr(stage, f.name) for f in fields(stage)
    }


def _build(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    try:
        return kind(**values)
    except TypeError as error:  # the constructor names the option that is unknown or missing
        raise Refusal(str(error).replace("__init__() ", ""), where)


def _check(stage: Any, **values: float) -> None:
    if not _NAME.match(stage.name):
        raise Refusal(f"A stage can't be named {stage.name!r}", "it names a folder", "Use letters, digits, - and _")
    for name, value in values.items():
        if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value} in stage '{stage.name}'", "", "Give a positive number")
