"""Studies to begin with: ``vanhove new DIR --study NAME`` writes a commented study.toml, and what belongs to it."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import write_text

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

STUDY = "study.toml"


def templates() -> dict[str, str]:
    """Name → text of the study.toml of every study that can be begun with."""
    return {name: files[STUDY] for name, files in packaged().items()}


def packaged() -> dict[str, dict[str, str]]:
    """Name → the files of every study that can be begun with, by their names."""
    entries = sorted((resources.files("vanhove.study") / "data").iterdir(), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".toml"): _texts(entry) for entry in entries}


def _texts(entry: Traversable) -> dict[str, str]:
    if entry.is_file():
        return {STUDY: entry.read_text(encoding="utf-8")}
    files = sorted(entry.iterdir(), key=lambda file: file.name)
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def new(directory: str | os.PathLike[str], study: str = "empty") -> Path:
    """Write ``study.toml`` and what belongs to it into ``directory``, made where it is missing; the file's path."""
    known = packaged()
    if study not in known:
        raise Refusal(f"There is no study '{study}' to begin with", "", nearest(study, [*known]))
    paths = {Path(directory) / name: text for name, text in known[study].items()}
    for path in paths:
        if path.exists():
            raise Refusal("There is a study already", str(path), "Choose another folder, or remove it first")
    try:
        for path, text in paths.items():
            write_text(path, text)
    except OSError as error:
        raise Refusal("The study can't be written", str(error), "Choose another folder")
    return Path(directory) / STUDY
