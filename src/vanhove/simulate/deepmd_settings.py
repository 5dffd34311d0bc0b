"""How a DeePMD model is trained: the network, and the phases of the training one after the other. Settings are data."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CLOSEST = (
    "closest"  # a wall by the closest two atoms of the data: alone within the first part of it, none from the second
)
WALL_OF_CLOSEST = (0.6, 0.85)
FOLDER = resources.files("vanhove.simulate") / "data" / "training"
BASE = "base"  # a mapping's key: the settings that it changes


def _both(value: Any) -> Any:
    """One number is the same from beginning to end."""
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[tuple[Positive, Positive], BeforeValidator(_both)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Weights = Annotated[tuple[Weight, Weight], BeforeValidator(_both)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Network(_Table):
    """Descriptor and fitting network (DeePMD's ``se_e2_a``: distances and angles)."""

    cutoff: Positive  # Å
    smooth_from: Weight  # Å, where neighbours begin to fade out
    embedding: Annotated[tuple[Count, ...], Field(min_length=1)]
    one_sided: bool = False  # embeddings by the neighbour's species alone: fewer, so that each sees more frames
    axis: Count  # columns of the embedding that make the angles
    fitting: Annotated[tuple[Count, ...], Field(min_length=1)]
    precision: Literal["float32", "float64"]

    @model_validator(mode="after")
    def _fits(self) -> Network:
        if self.smooth_from >= self.cutoff:
            raise ValueError("smooth_from must be below cutoff")
        if self.axis > self.embedding[-1]:
            raise ValueError("axis can't be more than the last number of embedding")
        return self


class Wall(_Table):
    """The repulsion of bare nuclei (ZBL) alone within ``inner`` Å, the network alone beyond ``outer``."""

    inner: Positive
    outer: Positive

    @model_validator(mode="after")
    def _ordered(self) -> Wall:
        if self.inner >= self.outer:
            raise ValueError("inner must be below outer")
        return self


class Phase(_Table):
    """Steps of Adam while the rate falls exponentially, and with it the prefactors go from the first to the second."""

    steps: Count
    rate: Rate
    decay_every: Count  # steps
    energy: Weights
    force: Weights
    virial: Weights
    wall: Wall | Literal["closest"] | None = None


class Round(_Table):
    """A round of exploration by the models: every temperature (K) at every pressure (bar)."""

    temperatures: Annotated[tuple[Positive, ...], Field(min_length=1)]
    pressures: Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(min_length=1)]


class Settings(_Table):
    """All that decides a training, but the data and the seed."""

    title: str = ""
    source: str = ""
    network: Network
    frames: Count  # a step
    sampling: Literal["frames", "atoms"]  # systems are drawn by how many frames, or how many atoms in all of them
    report_every: Count  # steps
    checkpoint_every: Count  # steps
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    rounds: tuple[Round, ...] = ()

    @model_validator(mode="after")
    def _works(self) -> Settings:
        if self.checkpoint_every % self.report_every:
            raise ValueError("checkpoint_every must be a multiple of report_every")  # DeePMD saves where it reports
        for before, after in zip(self.phases, self.phases[1:], strict=False):
            if after.wall and not before.wall:
                raise ValueError("a phase with a wall can't follow one without: DeePMD does not add a table later")
        return self

    @property
    def steps(self) -> int:
        """Of all phases together."""
        return sum(phase.steps for phase in self.phases)

    def settled(self, closest: float) -> Settings:
        """With walls in Å, where they were to be found by the closest two atoms of the data (Å)."""
        inner, outer = (round(part * closest, 3) for part in WALL_OF_CLOSEST)
        phases = tuple(
            phase.model_copy(update={"wall": Wall(inner=inner, outer=outer)}) if phase.wall == CLOSEST else phase
            for phase in self.phases
        )
        return self.model_copy(update={"phases": phases})

    def to_dict(self) -> dict[str, Any]:
        """What decides the model, as JSON knows it; titles and later rounds have no part in it."""
        return self.model_dump(mode="json", exclude={"title", "source", "rounds"})

    def describe(self) -> str:
        """What a person should know of them."""
        net = self.network
        lines = [
            f"{self.title or 'settings'} ({self.source or 'your own'})",
            f"network: cutoff {net.cutoff:g} Å, embedding {_chain(net.embedding)}, fitting {_chain(net.fitting)}",
        ]
        for number, phase in enumerate(self.phases, 1):
            wall = f"ZBL below {_reach(phase.wall)}" if phase.wall else "no wall"
            goes = ", ".join(
                f"{name} {_course(getattr(phase, name))}" for name in ("rate", "energy", "force", "virial")
            )
            lines.append(f"phase {number}: {phase.steps} steps, {goes}, {wall}")
        return "\n".join(lines)


def load_settings(asked: str | os.PathLike[str] | Mapping[str, Any] | Settings) -> Settings:
    """Shipped settings by name, those of a TOML file, or a table.

    A table's ``base`` names the shipped settings that it changes: ``{"base": "small", "network": {"cutoff": 6.5}}``.
    One table as ``phases`` changes every phase, a list replaces them.
    """
    if isinstance(asked, Settings):
        return asked
    if isinstance(asked, Mapping):
        return _checked(_on_base(dict(asked)), "settings")
    if isinstance(asked, str) and asked in shipped():
        return _checked(tomllib.loads((FOLDER / f"{asked}.toml").read_text(encoding="utf-8")), asked)
    path = Path(asked)
    if not path.is_file():
        raise Refusal(f"There are no settings '{asked}', nor a file of that name", "", nearest(str(asked), shipped()))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refusal("The settings can't be read as TOML", f"{path}: {error}", "Correct the file")
    return _checked(_on_base(table), str(path))


def shipped() -> list[str]:
    """The names of the settings that come along."""
    return sorted(entry.name.removesuffix(".toml") for entry in FOLDER.iterdir() if entry.name.endswith(".toml"))


def _on_base(table: dict[str, Any]) -> dict[str, Any]:
    name = table.pop(BASE, None)
    if name is None:
        return table
    if name not in shipped():
        raise Refusal(f"There are no settings '{name}'", BASE, nearest(str(name), shipped()))
    base = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    changed = {key for key in table if key not in ("title", "source")}
    if changed:  # what is changed is no longer what its source says
        base |= {
            "title": f"{base['title']}, changed",
            "source": f"{base['source']}; changed: {', '.join(sorted(changed))}",
        }
    for key, value in table.items():
        there = base.get(key)
        if isinstance(value, Mapping) and isinstance(there, list):  # of every phase
            base[key] = [{**one, **value} for one in there]
        else:
            base[key] = {**there, **value} if isinstance(value, Mapping) and isinstance(there, dict) else value
    return base


def _checked(table: dict[str, Any], where: str) -> Settings:
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        found = error.errors()
        key, what, do = _said(found[0])
        more = f" ({len(found) - 1} more mistakes)" if len(found) > 1 else ""
        raise Refusal(f"{key}: {what}{more}" if key else what, where, do)


def _said(detail: ErrorDetails) -> tuple[str, str, str]:
    where = detail["loc"]
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
    if detail["type"] == "extra_forbidden":
        tables: dict[str, type[_Table]] = {"network": Network, "phases": Phase, "wall": Wall, "rounds": Round}
        inside = [tables[part] for part in where[:-1] if part in tables]
        return key, "there is no such key", nearest(str(where[-1]), list((inside or [Settings])[-1].model_fields))
    if detail["type"] == "missing":
        return key, "it is missing", 'Give it, or begin from shipped settings: base = "small"'
    said = detail["msg"].removeprefix("Value error, ").replace("Input should", "it must")
    return key, said, "Correct it"


def _reach(wall: Wall | str) -> str:
    return f"{wall.outer:g} Å" if isinstance(wall, Wall) else f"{WALL_OF_CLOSEST[1]:g} of the closest approach"


def _chain(numbers: tuple[int, ...]) -> str:
    return "-".join(map(str, numbers))


def _course(values: tuple[float, float]) -> str:
    first, last = values
    return f"{first:g}" if first == last else f"{first:g} → {last:g}"
