"""A task: one thing to compute, named by all that decides its result."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vanhove.base.files import digest, file_identity
from vanhove.base.results import plain

KEY_IN_NAMES = 8  # hexadecimal digits of a key that a file or folder is named by


@dataclass(frozen=True)
class Task:
    """One function applied to resolved options and to the results of other tasks.

    The key is the content of that sentence: same key, same result. It holds neither where the result is kept nor how
    fast it was made.
    """

    label: str  # what a person reads and a file is called: "msd-Na-1100K"
    function: str  # "dynamics.msd"
    version: int  # the function's declared version
    options: Mapping[str, Any] = field(hash=False)  # resolved: defaults filled in
    inputs: tuple[str, ...] = ()  # keys of tasks and of trajectories
    run: str = ""  # the run it belongs to; "" for what joins several
    species: str = ""
    phase: str = ""  # of a glass-ceramic: where the ions begin
    temperature: float | None = None  # K
    intermediate: bool = False  # whether only other tasks want it: when they are done it may be missing
    cores: int = 0  # processors it keeps busy; 0: all there are

    @cached_property
    def key(self) -> str:
        """Hash of function, declared version, resolved options and input keys."""
        return digest(self.function, self.version, canonical(self.options), self.inputs)

    @property
    def name(self) -> str:
        """The label with the beginning of the key: unlike any other's."""
        return f"{self.label}-{self.key[:KEY_IN_NAMES]}"

    @property
    def file(self) -> str:
        """Where a dataset is kept, relative to the results folder."""
        return f"data/{self.name}.nc"


def canonical(options: Mapping[str, Any]) -> str:
    """Options as text: the same for the same values, in whichever order they were written."""
    return json.dumps(plain(options), sort_keys=True, ensure_ascii=False)


def files_key(paths: Sequence[str | os.PathLike[str]], options: Mapping[str, Any]) -> str:
    """The key of a trajectory that is there already: what its files hold and how they are read."""
    return digest("files", *(file_identity(path) for path in paths), canonical(options))
