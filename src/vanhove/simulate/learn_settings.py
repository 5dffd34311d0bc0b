"""What the rounds of an active learning explore: temperatures and pressures, for how long. Settings are data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from vanhove.base.errors import Refusal, nearest

from ._protocol import Produce, Protocol
from .deepmd_settings import BASE, load_settings, shipped

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

USUAL_ROUNDS = 5  # where one table is given for all
SHIPPED_STEP = 0.5  # fs, of the rounds that come along with published settings


def _several(value: Any) -> Any:
    """One number is a list of one."""
    return (value,) if isinstance(value, int | float) and not isinstance(value, bool) else value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Temperatures = Annotated[tuple[Positive, ...], Field(min_length=1), BeforeValidator(_several)]
Pressures = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], BeforeValidator(_several)]


class Explore(BaseModel):
    """A round's runs: every structure at every temperature (K), and at every pressure (bar) where there are any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperatures: Temperatures
    pressures: Pressures = ()  # none: the cell is kept
    ps: Positive = 5.0
    every: Positive = 0.05  # ps, between the frames that are looked at
    timestep: Positive = 1.0  # fs
    coupling: Literal["isotropic", "anisotropic", "triclinic"] = "isotropic"

    @model_validator(mode="after")
    def _works(self) -> Explore:
        for name in ("temperatures", "pressures"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} has one twice")
        if self.every > self.ps / 2:
            raise ValueError("every must be at most half of ps")
        return self

    @property
    def conditions(self) -> list[tuple[float, float | None]]:
        """Temperature and pressure of each run of a structure; no pressure where the cell is kept."""
        return [(temperature, pressure) for temperature in self.temperatures for pressure in self.pressures or (None,)]

    @property
    def frames(self) -> int:
        """Of a run that comes to its end; the one that it begins with is known and does not count."""
        protocol = self.protocol(self.temperatures[0], None)
        stage = protocol.stages[0]
        assert isinstance(stage, Produce)
        return protocol.steps(stage) // protocol.frame_steps(stage)

    def protocol(self, temperature: float, pressure: float | None) -> Protocol:
        """What a run does."""
        stage = Produce(
            temperature, self.ps, self.every, pressure=pressure, name="explore",
            coupling="isotropic" if pressure is None else self.coupling,
        )  # fmt: skip
        return Protocol((stage,), timestep=self.timestep)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON knows it."""
        return self.model_dump(mode="json")


class Explorations(NamedTuple):
    """What each round explores; after the last that is listed, that one again."""

    listed: tuple[Explore, ...]

    def of(self, number: int) -> Explore:
        """Of a round, counted from 1."""
        return self.listed[min(number, len(self.listed)) - 1]

    @property
    def usual_rounds(self) -> int:
        """How many rounds there are where nobody says: two more than are listed, so that the last can be repeated."""
        return USUAL_ROUNDS if len(self.listed) == 1 else len(self.listed) + 2

    def to_list(self) -> list[dict[str, Any]]:
        """All of it, as JSON knows it."""
        return [one.to_dict() for one in self.listed]


def explorations(asked: str | Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Explorations:
    """One table for all rounds, a list of tables, or the name of settings that have rounds (``"lps"``).

    ``{"base": "lps", "ps": 10}`` changes all rounds of those.
    """
    if isinstance(asked, str):
        return _shipped(asked, {})
    if isinstance(asked, Mapping):
        table = dict(asked)
        base = table.pop(BASE, None)
        return _shipped(str(base), table) if base is not None else Explorations((_checked(table, ""),))
    tables = [one for one in asked if isinstance(one, Mapping)] if isinstance(asked, Sequence) else []
    if not tables or len(tables) < len(asked):
        raise Refusal(
            "What is to be explored is not said", f"explore is {asked!r}"[:200],
            'Give {"temperatures": [600, 900], "pressures": [0]}, a list of such tables, or "lps"',
        )  # fmt: skip
    several = len(tables) > 1
    listed = tuple(_checked(dict(one), f" {number}" if several else "") for number, one in enumerate(tables, 1))
    return Explorations(listed)


def _shipped(name: str, changes: Mapping[str, Any]) -> Explorations:
    having = [each for each in shipped() if load_settings(each).rounds]
    if name not in having:
        raise Refusal(f"There are no rounds '{name}'", "explore", nearest(name, having))
    tables = [
        {"temperatures": one.temperatures, "pressures": one.pressures, "timestep": SHIPPED_STEP, **changes}
        for one in load_settings(name).rounds
    ]
    return Explorations(tuple(_checked(table, f" {n}") for n, table in enumerate(tables, 1)))


def _checked(table: dict[str, Any], which: str) -> Explore:
    try:
        found = Explore.model_validate(table)
        found.protocol(found.temperatures[0], None)
    except ValidationError as error:
        found_wrong = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        raise _refusal(found_wrong[0], f"explore{which}")  # what is misspelt is missing, too
    return found


def _refusal(detail: ErrorDetails, where: str) -> Refusal:
    key = str(detail["loc"][0]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        return Refusal(f"{key}: there is no such key", where, nearest(key, list(Explore.model_fields)))
    if detail["type"] == "missing":
        return Refusal(f"{key}: it is missing", where, f"Give it: {key} = [600, 900]")
    said = detail["msg"].removeprefix("Value error, ").replace("Input should", "it must")
    return Refusal(f"{key}: {said}" if key else said, where, "Correct it")
