"""What was written on the command line → the arguments that an observable's function takes."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from vanhove.base.errors import Refusal, nearest

# `--species` already says which element a type is, `--spacing` how far apart the frames are and `--units` what a dump's
# velocities are in, so an observable's ions, the voxels of a grid and polyanions have words of their own.
ALIASES = {"of": "species", "voxel": "spacing", "polyanions": "units"}
WORDS = {parameter: word for word, parameter in ALIASES.items()}


def species_map(text: str) -> dict[int | str, str]:
    """``"1=Na,2=Si"`` → ``{1: "Na", 2: "Si"}``."""
    species: dict[int | str, str] = {}
    for part in text.split(","):
        key, _, label = (piece.strip() for piece in part.partition("="))
        if not (key and label):
            raise Refusal(f"--species {text}", f"'{part}' names no type", "Write it like --species 1=Na,2=Si,3=S")
        species[int(key) if key.isdigit() else key] = label
    return species


def split(tokens: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Files, and ``--option value`` pairs by the option's parameter; an option named twice is a list."""
    files: list[str] = []
    options: dict[str, str] = {}
    waiting = list(tokens)
    while waiting:
        token = waiting.pop(0)
        if not token.startswith("--"):
            files.append(token)
            continue
        name, equals, value = token[2:].partition("=")
        name = name.replace("-", "_")
        name = ALIASES.get(name, name)
        if not equals:
            value = waiting.pop(0) if waiting and not waiting[0].startswith("--") else "true"
        options[name] = f"{options[name]},{value}" if name in options else value
    return files, options


def usage(parameters: Iterable[inspect.Parameter]) -> str:
    """``"--of …, --drift cell, --lags all"``: the options with their defaults."""
    return ", ".join(f"--{_word(p)} {'…' if p.default is p.empty else str(p.default).lower()}" for p in parameters)


def _word(parameter: inspect.Parameter) -> str:
    """The option's word; units with a default are those of numbers, not polyanions."""
    if parameter.name == "units" and parameter.default is not parameter.empty:
        return "units"
    return WORDS.get(parameter.name, parameter.name)


def check_known(given: Iterable[str], known: Iterable[str], observable: str) -> None:
    """Refuse an option that is none of ``known``, with the nearest that is."""
    words = [WORDS.get(name, name) for name in known]
    for name in given:
        if name not in known:
            raise Refusal(f"{observable} has no option --{WORDS.get(name, name)}", "", nearest(name, words))


def arguments(observable: str, parameters: Sequence[inspect.Parameter], given: dict[str, str]) -> dict[str, Any]:
    """The arguments for ``parameters`` that ``given`` names, as the types that the function's signature asks for."""
    missing = [p for p in parameters if p.default is p.empty and p.name not in given]
    if missing:
        wanted = ", ".join(f"--{_word(p)}" for p in missing)
        raise Refusal(f"{observable} needs {wanted}", "", f"Its options: {usage(parameters)}")
    return {p.name: _typed(observable, p.name, given[p.name]) for p in parameters if p.name in given}


def _typed(observable: str, name: str, text: str) -> Any:
    """``text`` as the annotation asks: number, word, list (commas), mapping (``Na=1,S=-2``) or none."""
    from pydantic import TypeAdapter, ValidationError

    from vanhove.study.options import hint_of

    hint = hint_of(observable, name)
    if hint is Any:
        return _loose(_readings(text)[0])
    adapter, said = TypeAdapter(hint), []
    for reading in _readings(text):
        try:
            return adapter.validate_python(reading)
        except ValidationError as error:
            said += [line["msg"] for line in error.errors()]
    raise Refusal(f"--{WORDS.get(name, name)} {text}", "", f"It must be {_wanted(said, hint)}")


def _wanted(said: list[str], hint: Any) -> str:
    """Pydantic's messages as "'all', 'log' or a number"."""
    begin = "Input should be "
    kinds = [text.removeprefix(begin) for text in said if text.startswith(begin)]
    wanted = [text if text.startswith("'") else text.partition(",")[0] for text in kinds]  # words, or "a number, …"
    wanted = list(dict.fromkeys(text.replace("a valid ", "a ") for text in wanted))
    wanted += ["none"] * (type(None) in typing.get_args(hint))
    return " or ".join([", ".join(wanted[:-1]), wanted[-1]]) if len(wanted) > 1 else "".join(wanted)


def _readings(text: str) -> list[Any]:
    """What a text may stand for, the most structured first."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    readings: list[Any] = [text, [text]]
    if "," in text:
        readings.insert(0, parts)
    if parts and all("=" in part for part in parts):
        readings.insert(0, {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in parts)})
    if text.lower() == "none":
        readings.insert(0, None)
    return readings


def _loose(reading: Any) -> Any:
    """A reading whose type no annotation tells: numbers where they are numbers."""
    if isinstance(reading, dict):
        return {key: _loose(value) for key, value in reading.items()}
    if isinstance(reading, list):
        return [_loose(value) for value in reading]
    try:
        return None if reading is None else float(reading)
    except ValueError:
        return reading
