"""The order of the rooms: who may import whom."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import vanhove

PACKAGE = Path(vanhove.__file__).parent
# From the top down; rooms on one line do not import each other.
LAYERS = [
    {"cli"}, {"report"}, {"study"}, {"registry"}, {"simulate", "spectra", "softness", "lattice"}, {"dynamics"},
    {"structure"}, {"trajectory", "fitting"}, {"kernels"}, {"base"},
]  # fmt: skip
DEPTH = {room: depth for depth, layer in enumerate(LAYERS) for room in layer}
DOORS = {"__init__.py", "__main__.py"}  # of the package: they lead everywhere
FILES = sorted(path for path in PACKAGE.rglob("*.py") if str(path.relative_to(PACKAGE)) not in DOORS)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[tuple[str, int]]:
    """Rooms that a file imports anywhere, also in functions and for the type checker only, with the line."""
    package = ["vanhove", *path.relative_to(PACKAGE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from vanhove import registry` names a room; `from vanhove.base.files import whole` has named it already
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "vanhove" else [module]
        for name in names:
            parts = name.split(".")
            if parts[0] == "vanhove":
                found.add((parts[1] if len(parts) > 1 else "", node.lineno))
    return found


def test_every_room_has_its_place() -> None:
    assert {room_of(path) for path in FILES} <= set(DEPTH)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards(path: Path) -> None:
    mine = room_of(path)
    for room, line in imported_rooms(path):
        if room in (mine, ""):
            continue
        where = f"{path.relative_to(PACKAGE)}:{line}"
        assert room in DEPTH, f"{where} imports vanhove.{room}, which is no room"
        assert DEPTH[room] > DEPTH[mine], f"{where}: {mine} may not import {room}"
        assert not (mine == "simulate" and room == "dynamics"), f"{where}: simulate uses only structure"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_front_door_is_for_those_above_the_rooms(path: Path) -> None:
    """``import vanhove as vh`` reaches every room, so only those who may import every room may use it."""
    if room_of(path) not in ("cli", "report", "study"):
        assert "" not in {room for room, _ in imported_rooms(path)}


@pytest.mark.parametrize("room", ["structure", "dynamics", "spectra", "simulate", "softness", "lattice"])
def test_a_rooms_table_is_its_files(room: str) -> None:
    table = importlib.import_module(f"vanhove.{room}").TABLE
    files = {path.stem for path in (PACKAGE / room).glob("_*.py")} - {"__init__"}
    assert files == {entry.file for entry in table.values()}
    for name, entry in table.items():
        assert entry.line, f"{room}.{name} has no line for `vanhove list`"
        assert callable(getattr(importlib.import_module(f"vanhove.{room}"), name))
