"""Mistakes in a study file, said in plain words: which key, what is wrong, what to write."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from vanhove.base.errors import Refusal, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


class Mistake(NamedTuple):
    """One mistake at a key, ``"simulate.temperatures"``."""

    key: str
    what: str
    do: str = ""


def refusal(file: Path, text: str, found: Sequence[Mistake]) -> Refusal:
    """One message for all mistakes of a file, in its order; with the line of each whose key stands there once."""
    ordered = sorted(((_line(mistake.key, text), mistake) for mistake in found), key=lambda pair: pair[0] or math.inf)
    if len(ordered) == 1:
        return Refusal(_said(*ordered[0]), str(file), ordered[0][1].do)
    parts = [f"({n}) {_said(line, mistake)}. {mistake.do}" for n, (line, mistake) in enumerate(ordered, 1)]
    return Refusal(f"{len(parts)} mistakes in {file}:", " ".join(part.strip() for part in parts))


def _said(line: int | None, mistake: Mistake) -> str:
    place = mistake.key if line is None else f"{mistake.key} (line {line})"
    return f"{place}: {mistake.what}"


def _line(key: str, text: str) -> int | None:
    last = re.escape(key.rsplit(" ", 1)[-1].rsplit(".", 1)[-1])
    said = re.compile(rf"""(^\s*(\[+\s*)?([\w.-]+\.)?|^[^#]*[{{,]\s*)["']?{last}["']?\s*[=\].]""")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if said.match(line)]
    return lines[0] if len(lines) == 1 else None


def mistakes_of(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """Pydantic's findings in our words; a missing key is not told beside an unknown one that was meant to be it."""
    details = error.errors()
    misspelt = {detail["loc"][:-1] for detail in details if detail["type"] == "extra_forbidden"}
    return [
        _mistake(detail, model)
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"][:-1] in misspelt)
    ]


def _mistake(detail: Any, model: type[BaseModel]) -> Mistake:
    where, kind, value = detail["loc"], detail["type"], detail["input"]
    key = key_path(where)
    if kind == "extra_forbidden":
        known = _fields(model, where[:-1])
        return Mistake(key, "there is no such key", nearest(str(where[-1]), known) if known else "")
    if kind == "missing":
        return Mistake(key, "it is missing")
    return Mistake(key, f"{_shown(value)} won't do, it {_in_plain_words(detail['msg'])}")


def _in_plain_words(message: str) -> str:
    said = message.replace("Input should", "must").replace("a valid ", "a ").replace("a integer", "a whole number")
    said = said.replace("a dictionary", "a table").replace(
        "List should have at least 1 item after", "must not be empty;"
    )
    said = said.replace("Dictionary should have at least 1 item after", "must not be empty;")
    return re.sub(r"; *validation, not 0$", "", said)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def key_path(where: Sequence[str | int]) -> str:
    """``("files", 0, "path")`` → ``"entry 1 of files, path"``; ``("simulate", "mix")`` → ``"simulate.mix"``."""
    path = ""
    for part in where:
        if isinstance(part, int):
            path = f"entry {part + 1} of {path}"
        else:
            path = f"{path}, {part}" if path.startswith("entry") else f"{path}.{part}" if path else part
    return path


def _fields(model: type[BaseModel], where: Sequence[str | int]) -> list[str]:
    """The keys that the section at ``where`` knows."""
    current: Any = model
    for part in where:
        if isinstance(part, int):
            continue
        current = _section_in(current.model_fields[part].annotation)
        if current is None:
            return []
    return list(current.model_fields)


def _section_in(annotation: Any) -> Any:
    """The model inside ``Model``, ``Model | None`` or ``list[Model]``."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part)) is not None), None)
