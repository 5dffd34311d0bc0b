"""The stages of a protocol. Plain data, so that a run knows its own again."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Any

from vanhove.base.errors import Refusal, nearest

from .selection import as_selection, said

THERMOSTATS = ["nose-hoover", "langevin"]
COUPLINGS = ["isotropic", "anisotropic", "triclinic"]
USUAL = {"thermostat": "nose-hoover", "pressure": None, "coupling": "isotropic", "frozen": None}
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")


@dataclass(frozen=True)
class Minimise:
    """Relax to the nearest minimum of the energy, so that no force is absurd when the atoms begin to move.

    Ends when the energy's relative change falls below ``energy``, the force below ``force`` (kcal/mol/Å), or after
    ``iterations``. ``frozen`` as for :class:`Hold`; rigid bodies stay where they are.
    """

    energy: float = 1e-6
    force: float = 1e-6
    iterations: int = 2000
    name: str = "minimise"
    frozen: Any = None

    def __post_init__(self) -> None:
        _check(self, energy=self.energy, force=self.force, iterations=self.iterations)
        _choose(self)


@dataclass(frozen=True)
class Hold:
    """Keep ``temperature`` (K) for ``ps``: to mix, to equilibrate.

    ``thermostat`` is ``"nose-hoover"``, ``"langevin"`` or None: then the energy is kept, and the temperature only says
    how fast atoms begin that were at rest.

    ``pressure`` (bar; 1 is the air's) lets the cell change until it has that pressure: by one factor for all lengths
    (``coupling="isotropic"``), a factor for each (``"anisotropic"``), or lengths and angles (``"triclinic"``). Without
    it the cell is kept.

    ``frozen`` atoms do not move at all: elements (``"P"``, ``["P", "S"]``), numbers from 0, or a condition on arrays of
    the structure (``{"region": "crystal"}``). The temperature is then that of the others.
    """

    temperature: float
    ps: float
    name: str = "hold"
    thermostat: str | None = "nose-hoover"
    pressure: float | None = None
    coupling: str = "isotropic"
    frozen: Any = None

    def __post_init__(self) -> None:
        _check(self, temperature=self.temperature, ps=self.ps)
        _check_thermostat(self)
        _check_pressure(self)
        _choose(self)


@dataclass(frozen=True)
class Ramp:
    """Change the temperature from ``start`` to ``stop`` (K) at ``rate`` (K/ps); other options as for :class:`Hold`."""

    start: float
    stop: float
    rate: float
    name: str = "quench"
    pressure: float | None = None
    coupling: str = "isotropic"
    frozen: Any = None

    def __post_init__(self) -> None:
        _check(self, start=self.start, stop=self.stop, rate=self.rate)
        _check_pressure(self)
        _choose(self)
        if self.start == self.stop:
            raise Refusal(f"Stage '{self.name}' ramps from {self.start:g} K to {self.stop:g} K", "", "Use Hold")

    @property
    def ps(self) -> float:
        """How long it takes (ps)."""
        return abs(self.stop - self.start) / self.rate


@dataclass(frozen=True)
class Produce:
    """Keep ``temperature`` (K) for ``ps`` and write a frame every ``every`` ps, the first one at 0.

    Other options as for :class:`Hold`.
    """

    temperature: float
    ps: float
    every: float
    velocities: bool = False
    name: str = "produce"
    thermostat: str | None = "nose-hoover"
    pressure: float | None = None
    coupling: str = "isotropic"
    frozen: Any = None

    def __post_init__(self) -> None:
        _check(self, temperature=self.temperature, ps=self.ps, every=self.every)
        _check_thermostat(self)
        _check_pressure(self)
        _choose(self)
        if self.every > self.ps:
            raise Refusal(f"A frame every {self.every:g} ps in {self.ps:g} ps of production", "", "Shorten every=")


Stage = Minimise | Hold | Ramp | Produce
KINDS: dict[str, type[Stage]] = {"minimise": Minimise, "hold": Hold, "ramp": Ramp, "produce": Produce}


def temperatures(stage: Stage) -> tuple[float, float]:
    """The temperature (K) at a stage's beginning and end; 0 where no atom moves."""
    if isinstance(stage, Minimise):
        return 0.0, 0.0
    return (stage.start, stage.stop) if isinstance(stage, Ramp) else (stage.temperature, stage.temperature)


def thermostat(stage: Stage) -> str | None:
    """What keeps the temperature of a stage, if anything does."""
    if isinstance(stage, Minimise):
        return None
    return "nose-hoover" if isinstance(stage, Ramp) else stage.thermostat


def pressure(stage: Stage) -> float | None:
    """The pressure (bar) that the cell of a stage is led to; None where the cell is kept."""
    return None if isinstance(stage, Minimise) else stage.pressure


def values_of(stage: Stage) -> dict[str, Any]:
    """All that a stage says, as JSON knows it; what is usual goes without saying."""
    values: dict[str, Any] = {}
    for one in fields(stage):
        value = getattr(stage, one.name)
        if one.name in USUAL and value == USUAL[one.name]:
            continue
        # 3000 and 3000.0 are the same temperature, and must give the run the same key
        values[one.name] = float(value) if "float" in str(one.type) else value
    if "frozen" in values:
        values["frozen"] = said(values["frozen"])
    return values


def _check_thermostat(stage: Hold | Produce) -> None:
    if stage.thermostat is not None and stage.thermostat not in THERMOSTATS:
        raise Refusal(
            f"There is no thermostat '{stage.thermostat}'",
            f"stage '{stage.name}'",
            nearest(stage.thermostat, THERMOSTATS),
        )


def _check_pressure(stage: Hold | Ramp | Produce) -> None:
    if stage.coupling not in COUPLINGS:
        raise Refusal(
            f"There is no coupling '{stage.coupling}'", f"stage '{stage.name}'", nearest(str(stage.coupling), COUPLINGS)
        )
    if stage.pressure is None:
        return
    number = isinstance(stage.pressure, int | float) and not isinstance(stage.pressure, bool)
    if not (number and math.isfinite(stage.pressure)):
        raise Refusal(f"pressure={stage.pressure} in stage '{stage.name}'", "", "Give a number, in bar")
    if thermostat(stage) != "nose-hoover":
        raise Refusal(
            "A pressure is kept together with a Nosé-Hoover thermostat only", f"stage '{stage.name}'",
            'Set thermostat="nose-hoover", or leave pressure out',
        )  # fmt: skip
    if stage.frozen is not None:
        raise Refusal(
            "The cell can't change around frozen atoms", f"stage '{stage.name}'", "Leave pressure or frozen out"
        )


def _choose(stage: Stage) -> None:
    object.__setattr__(stage, "frozen", as_selection(stage.frozen, f"frozen of stage '{stage.name}'"))


def _check(stage: Any, **values: float) -> None:
    if not _NAME.match(stage.name):
        raise Refusal(f"A stage can't be named {stage.name!r}", "it names a folder", "Use letters, digits, - and _")
    for name, value in values.items():
        if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
            raise Refusal(f"{name}={value} in stage '{stage.name}'", "", "Give a positive number")
