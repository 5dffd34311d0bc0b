"""``[learn]`` of a TOML file: what :func:`vanhove.simulate.learn` is given, and where from."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from vanhove.base.errors import Refusal, nearest

from .card_plan import Structure, structure_of
from .mistakes import Mistake, mistakes_of, refusal

LABELLERS = ("cp2k", "potential", "deepmd", "buckingham", "pedone", "calculator")


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _named(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise PydanticCustomError("text_or_table", "Input should be a name or a table")
    return value


def _explored(value: Any) -> Any:
    if not isinstance(value, str | dict | list):
        raise PydanticCustomError("explore", "Input should be a name, a table or several [[learn.explore]]")
    return value


Words = Annotated[list[str], BeforeValidator(_list)]
Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Start(_Table):
    """Labelled frames, or a structure that is rattled and labelled."""

    frames: Words = []
    structure: str | None = None
    supercell: Annotated[list[Count], Field(min_length=3, max_length=3)] = [1, 1, 1]


class Learn(_Table):
    """The table of that name; what is not said is as :func:`vanhove.simulate.learn` has it."""

    title: str = ""
    start: Start
    explore: Annotated[str | dict[str, Any] | list[dict[str, Any]], BeforeValidator(_explored)]
    labeller: Annotated[dict[str, Any], Field(min_length=1)]
    structures: dict[str, Structure] = {}
    settings: Annotated[str | dict[str, Any], BeforeValidator(_named)] = "small"
    models: Annotated[int, Field(ge=2)] = 4
    seed: int = 1
    trust: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    rounds: Count | None = None
    per_round: Count = 20
    converged: Share = 0.9
    rattled: Annotated[int, Field(ge=5)] = 20
    held_out: Share = 0.1
    ranks: Count | None = None
    threads: Count | None = None


class _File(_Table):
    learn: Learn


def read_learning(path: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """The title, and the arguments of :func:`vanhove.simulate.learn` but the folder; paths are relative to the file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refusal("There is no such file", str(file), "Check the path")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise Refusal("The file can't be read as text", f"{file}: {error}", "Give a TOML file with [learn]")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refusal("The file is not valid TOML", f"{file}: {error}", "Correct that line")
    if "learn" not in table:
        raise Refusal("The file says nothing to learn", str(file), "Give it a table [learn]")
    try:
        asked = _File.model_validate(table).learn
    except ValidationError as error:
        raise refusal(file, text, mistakes_of(error, _File))
    problems = _mistakes(asked)
    if problems:
        raise refusal(file, text, problems)
    return asked.title, _arguments(asked, file.resolve().parent)


def _mistakes(asked: Learn) -> list[Mistake]:
    found = []
    kinds = [kind for kind in LABELLERS if kind in asked.labeller]
    if len(kinds) != 1:
        offered = " or ".join(f"{{ {kind} = ... }}" for kind in LABELLERS)
        advice = nearest(next(iter(asked.labeller)), [*LABELLERS]) if not kinds else ""
        said = f"Give {offered}. {advice}".strip()
        found.append(Mistake("learn.labeller", f"it says {' and '.join(kinds) or 'no kind'}", said))
    if bool(asked.start.frames) == (asked.start.structure is not None):
        found.append(Mistake("learn.start", "it says both or nothing", "Give frames, or a structure"))
    return found


def _arguments(asked: Learn, folder: Path) -> dict[str, Any]:
    def at(path: str) -> Path:
        return folder / Path(path).expanduser()

    given = {name: getattr(asked, name) for name in Learn.model_fields if name not in ("title", "start", "structures")}
    start: Any = [at(path) for path in asked.start.frames]
    if asked.start.structure is not None:
        where = at(asked.start.structure)
        start = {where.name.split(".")[0]: structure_of(where, asked.start.supercell)}
    structures = {name: structure_of(at(one.structure), one.supercell) for name, one in asked.structures.items()}
    if isinstance(asked.settings, str) and at(asked.settings).is_file():
        given["settings"] = at(asked.settings)
    return {
        **given, "start": start, "structures": structures or None, "labeller": _labeller(asked.labeller, folder),
        "trust": None if asked.trust is None else (asked.trust[0], asked.trust[1]),
    }  # fmt: skip


def _labeller(asked: dict[str, Any], folder: Path) -> Any:
    from vanhove import simulate as room

    options = dict(asked)
    kind = next(kind for kind in LABELLERS if kind in options)
    said = options.pop(kind)
    if kind == "deepmd":
        said = folder / Path(str(said)).expanduser()
    if kind in ("buckingham", "pedone"):
        said = {pair: tuple(numbers) for pair, numbers in dict(said).items()}
    try:
        return getattr(room, kind)(said, **options)
    except TypeError as error:  # the function names the option that it does not know or misses
        raise Refusal(f"The labeller can't be made: {error}", f"{kind} in [learn.labeller]", "See training-labels")
