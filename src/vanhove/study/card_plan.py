"""``[validate]`` of a TOML file: what :func:`vanhove.study.validate` is given, and where from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from vanhove.base.errors import Refusal, nearest

from .card_bounds import Bounds
from .card_motion import Moves
from .card_physics import Reference
from .mistakes import Mistake, mistakes_of, refusal
from .schema import File  # noqa: TC001  pydantic looks it up when the class is made

if TYPE_CHECKING:
    from ase import Atoms

TABLE = "validate"
KINDS = ("training", "deepmd", "buckingham", "pedone", "calculator")


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _named(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise PydanticCustomError("text_or_table", "Input should be a name or a table")
    return value


Words = Annotated[list[str], BeforeValidator(_list)]
Cells = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)]
Temperature = Annotated[float, Field(gt=0, lt=20000, allow_inf_nan=False)]
TextOrTable = Annotated[str | dict[str, Any], BeforeValidator(_named)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Structure(_Table):
    """A structure from a file that ASE reads, or from a table of sites that comes along."""

    structure: str
    supercell: Cells = [1, 1, 1]


class Larger(_Table):
    """A cell larger than any of the training: its labelled frames, or a structure."""

    frames: Words = []
    structure: str | None = None
    supercell: Cells = [1, 1, 1]


class Validate(_Table):
    """The table of that name."""

    potential: TextOrTable
    title: str = ""
    held_out: Words = []
    trained_on: Words = []
    temperature: Temperature | None = None
    temperatures: list[Temperature] = []
    own_zero: bool | None = None
    ranks: Annotated[int, Field(ge=1)] | None = None
    start: Structure | None = None
    larger: Larger | None = None
    reference: File | None = None
    moves: dict[str, Any] = {}
    bounds: dict[str, Any] = {}


def read_validation(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arguments of :func:`vanhove.study.validate` but the folder; paths are relative to the file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refusal("There is no such file", str(file), "Check the path")
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise Refusal("The file can't be read as text", f"{file}: {error}", "Give a TOML file with [validate]")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refusal("The file is not valid TOML", f"{file}: {error}", "Correct that line")
    said = table.pop(TABLE, None)
    if not isinstance(said, dict):
        raise Refusal("The file says nothing to validate", str(file), f"Give it a table [{TABLE}]")
    strange = [Mistake(name, "there is no such key", f"All stands under [{TABLE}]") for name in table]
    try:
        asked = Validate.model_validate(said)
    except ValidationError as error:
        found = [Mistake(_under(one.key), one.what, one.do) for one in mistakes_of(error, Validate)]
        raise refusal(file, text, [*strange, *found])
    problems = [*strange, *_mistakes(asked)]
    if problems:
        raise refusal(file, text, problems)
    return _arguments(asked, file.resolve().parent)


def _under(key: str) -> str:
    return f"{key} in {TABLE}" if key.startswith("entry") else f"{TABLE}.{key}"


def _mistakes(asked: Validate) -> list[Mistake]:
    found = [
        Mistake(f"validate.{name}.{key}", "there is no such key", nearest(key, known))
        for name, table, known in (
            ("moves", asked.moves, [one.name for one in fields(Moves)]),
            ("bounds", asked.bounds, [one.name for one in fields(Bounds)]),
        )
        for key in table
        if key not in known
    ]
    if isinstance(asked.potential, dict):
        kinds = [kind for kind in KINDS if kind in asked.potential]
        if len(kinds) != 1:
            offered = " or ".join(f"{{ {kind} = ... }}" for kind in KINDS)
            found.append(
                Mistake("validate.potential", f"it says {' and '.join(kinds) or 'no kind'}", f"Give {offered}")
            )
    larger = asked.larger
    if larger is not None and bool(larger.frames) == (larger.structure is not None):
        found.append(Mistake("validate.larger", "it says both or nothing", "Give frames, or a structure"))
    return found


def _arguments(asked: Validate, folder: Path) -> dict[str, Any]:
    def at(path: str) -> Path:
        return folder / Path(path).expanduser()

    given: dict[str, Any] = {
        "potential": potential_of(asked.potential, folder), "title": asked.title, "temperature": asked.temperature,
        "temperatures": asked.temperatures, "own_zero": asked.own_zero, "ranks": asked.ranks,
        "held_out": [at(path) for path in asked.held_out] or None,
        "trained_on": [at(path) for path in asked.trained_on] or None,
        "moves": Moves(**asked.moves), "bounds": Bounds(**asked.bounds),
    }  # fmt: skip
    if asked.start is not None:
        given["start"] = structure_of(at(asked.start.structure), asked.start.supercell)
    if asked.larger is not None:
        frames = [at(path) for path in asked.larger.frames]
        given["larger"] = frames or structure_of(at(str(asked.larger.structure)), asked.larger.supercell)
    if asked.reference is not None:
        options = asked.reference.open_options
        if "topology" in options:
            options["topology"] = at(options["topology"])
        given["reference"] = reference_of([at(path) for path in asked.reference.path], options)
    return given


def potential_of(asked: str | dict[str, Any], folder: Path) -> Any:
    """The potential that a table or a name means; paths are relative to ``folder``."""
    from vanhove import simulate as room

    if isinstance(asked, str):
        path = folder / Path(asked).expanduser()
        return path if path.exists() else asked
    options = dict(asked)
    kind = next(kind for kind in KINDS if kind in options)
    said = options.pop(kind)
    if kind == "training":
        return room.committee(folder / Path(str(said)).expanduser())
    if kind == "deepmd":
        files = [said] if isinstance(said, str) else list(said)
        return [room.deepmd(folder / Path(str(file)).expanduser(), **options) for file in files]
    try:
        if kind == "calculator":
            return room.calculator(str(said), **options)
        make = room.buckingham if kind == "buckingham" else room.pedone
        return make({pair: tuple(numbers) for pair, numbers in said.items()}, **options)
    except (TypeError, AttributeError) as error:  # the function names the option that it does not know or misses
        raise Refusal(f"The potential can't be made: {error}", f"{kind} in [validate]", "See simulate-potentials")


def reference_of(paths: Sequence[Path], options: dict[str, Any]) -> Any:
    """A run; folders of labelled frames whose spacing is not said are frames without times."""
    from vanhove.simulate import labelled
    from vanhove.trajectory import open as open_trajectory

    if all(path.is_dir() for path in paths) and options.get("spacing") is None:
        return Reference.of(labelled(list(paths)), options.get("temperature"))
    return open_trajectory(list(paths), **options)


def structure_of(path: Path, supercell: list[int] | tuple[int, ...] = (1, 1, 1)) -> Atoms:
    """A structure from a file that ASE reads, its last frame, repeated."""
    from ase.io import read
    from ase.io.formats import UnknownFileTypeError

    if not path.is_file():
        raise Refusal("There is no such structure", str(path), "Check the path")
    try:
        atoms: Any = read(path, index=-1)
    except (UnknownFileTypeError, ValueError, KeyError, IndexError, OSError) as error:
        raise Refusal("The structure can't be read", f"{path}: {error}", "Give a file that ASE reads: POSCAR, cif, xyz")
    found: Atoms = atoms.repeat(tuple(supercell))
    return found
