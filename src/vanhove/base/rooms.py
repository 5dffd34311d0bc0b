"""How a room shows what it holds without loading it.

A room's ``__init__`` is one table, name → :class:`Entry`. It serves lazy attribute access (PEP 562), ``vanhove list``
and the study; loading a file, and with it numba or scipy, waits until the name is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from .errors import nearest


@dataclass(frozen=True)
class Entry:
    """One public function of a room: the file that holds it and what a person reads about it in a list."""

    file: str  # "_msd": with an underscore, since a module `msd` beside a function `msd` would shadow it
    line: str  # one line for people
    id: str = ""  # the paragraph of the physics page that defines it
    version: int = 1  # counted up when the numbers change: results kept under an older one are computed anew
    takes: str = "trajectory"  # or "structure" (its last frame), "dataset" (the result of another observable), "values"
    sources: tuple[str, ...] = ()  # which other observables, where its first argument does not say
    files: tuple[str, ...] = ()  # the options that may name a file (a measured curve): text with a dot or a slash
    measured: bool = False  # whether the dataset may be a measured spectrum, read from its file


Table = dict[str, Entry]


def names_file(value: object) -> bool:
    """Whether an option's value is a file's name, not that of something that comes along ("OSIRIS PG002")."""
    return isinstance(value, str) and ("." in value or "/" in value)


def serve(room: str, table: Mapping[str, Entry | str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a room that loads each name's file when it is first asked for.

    A name that nobody lists needs no :class:`Entry`, only its file.
    """

    def getattr_(name: str) -> Any:
        if name in table:
            entry = table[name]
            file = entry if isinstance(entry, str) else entry.file
            return getattr(import_module(f"{room}.{file}"), name)
        if name.startswith("_"):  # Python's own probing (__path__, __wrapped__): no advice wanted
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        raise AttributeError(f"{room} has no '{name}'. {nearest(name, list(table))}")

    def dir_() -> list[str]:
        return sorted(table)

    return getattr_, dir_
