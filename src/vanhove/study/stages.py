"""The stages of a study's simulations, where it says them one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vanhove.base.errors import Refusal

from .mistakes import Mistake

if TYPE_CHECKING:
    from vanhove.simulate._protocol import Protocol, Stage

    from .schema import Simulate

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Temperature = Annotated[float, Field(gt=0, lt=20000, allow_inf_nan=False)]
COMMON = {"kind", "name", "frozen"}
MOVING = COMMON | {"thermostat", "pressure", "coupling"}
KEYS = {
    "minimise": COMMON | {"energy", "force", "iterations"},
    "hold": MOVING | {"temperature", "time"},
    "ramp": MOVING - {"thermostat"} | {"start", "to", "rate"},
    "produce": MOVING | {"temperature", "time", "every", "velocities"},
}
NEEDED = {"minimise": (), "hold": ("time",), "ramp": ("rate",), "produce": ()}
REPLACED = ("mix", "quench", "equilibrate")  # what a study says that names no stages


class StageTable(BaseModel):
    """One ``[[simulate.stages]]``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Literal["minimise", "hold", "ramp", "produce"]
    name: str | None = None
    temperature: Temperature | None = None  # K; the run's own when not given
    time: Positive | None = None  # ps
    start: Temperature | None = None  # K; where the stage before ends when not given
    to: Temperature | None = None  # K; the run's own when not given
    rate: Positive | None = None  # K/ps
    every: Positive | None = None  # ps
    velocities: bool | None = None
    thermostat: Literal["nose-hoover", "langevin", "none"] | None = None
    pressure: Annotated[float, Field(allow_inf_nan=False)] | None = None  # bar
    coupling: Literal["isotropic", "anisotropic", "triclinic"] | None = None
    frozen: str | list[str] | list[int] | dict[str, Any] | None = None
    energy: Positive | None = None
    force: Positive | None = None
    iterations: Annotated[int, Field(ge=1)] | None = None

    @property
    def at_its_own(self) -> bool:
        """Whether it is at a temperature of its own, whatever that of the run."""
        return self.kind == "minimise" or (self.to if self.kind == "ramp" else self.temperature) is not None


def _named(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class ConstrainTable(BaseModel):
    """``constrain = "no-rotation"``, or a table with the options of :func:`vanhove.simulate.constrain`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: str
    mobile: list[str] = []
    formers: list[str] = []
    anions: list[str] = []
    cutoffs: dict[str, Positive] = {}


Constrain = Annotated[ConstrainTable, BeforeValidator(_named)]


class Split(NamedTuple):
    """The stages that make what all runs begin with, and those of each run."""

    making: Sequence[StageTable]
    running: Sequence[StageTable]


def split(stages: Sequence[StageTable]) -> Split:
    """Those before the first that is at the run's own temperature are done once for each replica."""
    first = next((n for n, stage in enumerate(stages) if not stage.at_its_own), len(stages))
    return Split(stages[:first], stages[first:])


def making(asked: Simulate) -> Protocol:
    """What is done once for each replica: at least a minimisation, since atoms packed at random are too close."""
    from vanhove.simulate._protocol import Minimise

    stages, _ = _stages(split(asked.stages or []).making, asked, None, None)
    return protocol_of(stages or [Minimise()], asked)


def running(asked: Simulate, temperature: float) -> Protocol:
    """What is done at each temperature, with the constraint."""
    both = split(asked.stages or [])
    _, ends = _stages(both.making, asked, None, None)
    stages, _ = _stages(both.running, asked, temperature, ends)
    return protocol_of(stages, asked, constrained=True)


def mistakes(asked: Simulate) -> list[Mistake]:
    """What is wrong with a study's stages; each protocol is built as it will be run."""
    stages, key = asked.stages, "simulate.stages"
    if stages is None:
        return []
    found = [
        Mistake(f"simulate.{name}", "the stages say it already", "Leave it out, or leave [[simulate.stages]] out")
        for name in REPLACED
        if name in asked.model_fields_set
    ]
    for number, stage in enumerate(stages, 1):
        given = stage.model_fields_set
        wrong = sorted(given - KEYS[stage.kind])
        missing = [name for name in NEEDED[stage.kind] if name not in given]
        if wrong:
            said = f"stage {number} is a {stage.kind}, which has no {', '.join(wrong)}"
            found.append(Mistake(key, said, f"A {stage.kind} has {', '.join(sorted(KEYS[stage.kind]))}"))
        if missing:
            found.append(Mistake(key, f"stage {number}, a {stage.kind}, has no {', '.join(missing)}", "Add it"))
    if not stages or stages[-1].kind != "produce" or stages[-1].at_its_own:
        found.append(
            Mistake(
                key, "the last stage does not produce at the run's temperature",
                'End with kind = "produce" and no temperature',
            )
        )  # fmt: skip
    if found:
        return found
    try:
        making(asked)
        for temperature in asked.temperatures:
            running(asked, temperature)
    except Refusal as refusal:
        found.append(Mistake(key, f"{refusal.what} ({refusal.where})" if refusal.where else refusal.what, refusal.do))
    return found


def protocol_of(stages: Sequence[Stage], asked: Simulate, *, constrained: bool = False) -> Protocol:
    """The protocol of some stages; the runs are ``constrained``, what makes their beginning is not."""
    from vanhove.simulate._constrain import Constraint
    from vanhove.simulate._protocol import Protocol

    held = asked.constrain if constrained else None
    return Protocol(
        tuple(stages), timestep=asked.timestep * 1000, damping=asked.damping * 1000,
        pressure_damping=asked.pressure_damping * 1000,
        constrain=None if held is None else Constraint.from_dict(held.model_dump()),
    )  # fmt: skip


def _stages(
    tables: Sequence[StageTable], asked: Simulate, temperature: float | None, ends: float | None
) -> tuple[list[Stage], float | None]:
    """The stages of some tables at a run's temperature, and the temperature that the last of them ends at."""
    from vanhove.simulate._protocol import Hold, Minimise, Produce, Ramp

    made: list[Stage] = []
    for table in tables:
        options = {name: getattr(table, name) for name in ("name", "pressure", "coupling", "frozen")}
        how = {name: value for name, value in options.items() if value is not None}
        if table.thermostat is not None:
            how["thermostat"] = None if table.thermostat == "none" else table.thermostat
        if table.kind == "minimise":
            limits = {name: getattr(table, name) for name in ("energy", "force", "iterations")}
            made.append(Minimise(**{name: value for name, value in limits.items() if value is not None}, **how))
            continue
        at = _known(table.temperature if table.kind != "ramp" else table.to, temperature)
        if table.kind == "ramp":
            start = table.start or ends
            if start is None:
                raise Refusal("A ramp follows no temperature", str(_said(table)), "Say where it begins: start = 300")
            if start != at:
                how.setdefault("name", "quench" if at < start else "heat")
                made.append(Ramp(start, at, float(table.rate or 0), **how))
        elif table.kind == "hold":
            made.append(Hold(at, float(table.time or 0), **how))
        else:
            every, velocities = table.every or asked.every, table.velocities
            how["velocities"] = asked.velocities if velocities is None else velocities
            made.append(Produce(at, table.time or asked.produce, every, **how))
        ends = at
    return made, ends


def _known(own: float | None, of_the_run: float | None) -> float:
    found = own if own is not None else of_the_run
    if found is None:
        raise ValueError("a stage at the run's temperature is no stage of the making")
    return found


def _said(table: StageTable) -> Mapping[str, Any]:
    return table.model_dump(exclude_none=True)
