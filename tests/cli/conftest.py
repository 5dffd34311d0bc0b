"""The command, run in this process in an empty folder, and a small dump for it to read."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from vanhove.cli import main


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Command:
    """Calls ``vanhove`` with words, as a shell would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, line: str) -> Said:
        self._monkeypatch.setattr(sys, "argv", ["vanhove", *shlex.split(line)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = self._capsys.readouterr()
        return Said(code, said.out, said.err)

    def works(self, line: str) -> Said:
        said = self(line)
        assert said.code == 0, said.err
        return said

    def refuses(self, line: str, *words: str) -> None:
        """One message with these words, exit code 2, no traceback, and no file more than before."""
        before = self.left()
        said = self(line)
        assert said.code == 2, said
        assert said.out == ""
        assert said.err.count("vanhove: ") == 1
        assert "Traceback" not in said.err
        for word in words:
            assert word in said.err, said.err
        assert self.left() == before

    @staticmethod
    def left() -> list[str]:
        return sorted(str(path) for path in Path().rglob("*"))


@pytest.fixture
def vanhove(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Command(monkeypatch, capsys)


@pytest.fixture(scope="session")
def dump_text() -> str:
    """A LAMMPS dump, a frame each 0.1 ps at 1 fs a step: 12 Na that walk, 6 Si and 18 S that shake."""
    rng = np.random.default_rng(5)
    frames, atoms = 60, 36
    types = np.repeat([1, 2, 3], [12, 6, 18])
    steps = np.where(types == 1, 0.4, 0.0)[:, None] * rng.normal(0, 1, (frames, atoms, 3))
    positions = rng.uniform(0, 9, (atoms, 3)) + np.cumsum(steps, 0) + rng.normal(0, 0.05, (frames, atoms, 3))
    parts = []
    for frame in range(frames):
        parts.append(
            f"ITEM: TIMESTEP\n{100 * frame}\nITEM: NUMBER OF ATOMS\n{atoms}\n"
            "ITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\nITEM: ATOMS id type xu yu zu\n"
        )
        for i in rng.permutation(atoms):
            x, y, z = positions[frame, i]
            parts.append(f"{i + 1} {types[i]} {x:.6f} {y:.6f} {z:.6f}\n")
    return "".join(parts)


@pytest.fixture
def dump(tmp_path: Path, dump_text: str) -> Path:
    path = tmp_path / "run.lammpstrj"
    path.write_text(dump_text)
    return path
