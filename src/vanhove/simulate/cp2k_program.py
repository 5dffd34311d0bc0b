"""CP2K as a program: where it is, how it is started, and what it says when it gives up. It is never imported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vanhove.base.errors import Refusal

VARIABLE = "VANHOVE_CP2K"
PROGRAMS = ("cp2k.psmp", "cp2k.popt", "cp2k.ssmp", "cp2k.sopt", "cp2k")
LAUNCHERS = ("mpirun", "mpiexec")
INSTALL = f"On Debian: apt install cp2k; elsewhere set {VARIABLE} to the program cp2k.psmp"
SAYS_ITSELF = 60.0  # s
_VERSION = re.compile(r"CP2K version (\S+)")
_BOX = re.compile(r"\[ABORT\][^\n]*\n(?P<said>(?: \*[^\n]*\n){1,12}?) \*{20,}")
_DRAWING = re.compile(r"^ \*(?:  \\___/ |    \|   |  O/\|   | /\| \|   | / \\   )?|\*$")
_PLACE = re.compile(r"\s*(?:[\w./-]+/)?[\w-]+\.F:\d+\s*$")


@dataclass(frozen=True)
class Program:
    """The CP2K of this machine, and the MPI launcher beside it."""

    binary: Path
    launcher: Path | None

    @property
    def version(self) -> str:
        """``"CP2K 2023.1"``, as the program says."""
        return _version(self.binary)

    def command(self, ranks: int, *arguments: str) -> list[str]:
        """The command of one process tree."""
        alone = [str(self.binary), *arguments]
        if ranks == 1:
            return alone
        if self.launcher is None:
            raise Refusal(f"{ranks} ranks of CP2K need MPI's launcher", f"none is beside {self.binary}", "Give ranks=1")
        return [str(self.launcher), "-n", str(ranks), *alone]

    def environment(self) -> dict[str, str]:
        """One thread a rank; what OpenMPI asks of somebody who is root, and no cores of its own choice for ranks."""
        return {
            **os.environ, "OMP_NUM_THREADS": "1",
            "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
        }  # fmt: skip


def find_cp2k() -> Program:
    """CP2K by the variable ``VANHOVE_CP2K``, or on the path; refused with what installs it."""
    wish = os.environ.get(VARIABLE)
    found = shutil.which(wish) if wish else next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        where = f"{VARIABLE}={wish} is no program" if wish else f"none of {', '.join(PROGRAMS)} is on the path"
        raise Refusal("CP2K is not installed here", where, INSTALL)
    binary = Path(found).absolute()
    # another MPI's launcher would start so many programs of one rank
    beside = (binary.parent / name for name in LAUNCHERS)
    launcher = next((path for path in beside if path.exists()), None)
    return Program(binary, launcher)


@cache
def _version(binary: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [str(binary), "--version"], capture_output=True, text=True, errors="replace", check=False,
            timeout=SAYS_ITSELF, stdin=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refusal("CP2K can't be started", f"{binary}: {error}", INSTALL)
    said = _VERSION.search(done.stdout)
    if said is None:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise Refusal("The program does not say that it is CP2K", f"{binary}: {told[-1] if told else ''}", INSTALL)
    return f"CP2K {said.group(1)}"


def gave_up(text: str) -> str:
    """What CP2K says in the box that it draws before it stops; empty where there is none."""
    found = _BOX.search(text)
    if found is None:
        return ""
    lines = [_PLACE.sub("", _DRAWING.sub("", line)) for line in found["said"].splitlines()]
    return " ".join(" ".join(lines).split())
