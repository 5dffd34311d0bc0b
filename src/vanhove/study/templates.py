"""Studies to begin with: ``vanhove new DIR --study NAME`` writes a commented study.toml."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from vanhove.base.errors import Refusal, nearest
from vanhove.base.files import write_text

STUDY = "study.toml"


def templates() -> dict[str, str]:
    """Name → text of every study that can be begun with."""
    folder = resources.files("vanhove.study") / "data"
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def new(directory: str | os.PathLike[str], study: str = "empty") -> Path:
    """Write ``study.toml`` into ``directory``, made where it is missing; the file's path."""
    known = templates()
    if study not in known:
        raise Refusal(f"There is no study '{study}' to begin with", "", nearest(study, [*known]))
    path = Path(directory) / STUDY
    if path.exists():
        raise Refusal("There is a study already", str(path), "Choose another folder, or remove it first")
    try:
        write_text(path, known[study])
    except OSError as error:
        raise Refusal("The study can't be written", str(error), "Choose another folder")
    return path
