"""Where DeePMD-kit is: in this environment, or in one of its own that ``VANHOVE_DEEPMD`` names.

It pins versions of its own, so that many people keep it apart. It is never imported here: its command is a process, and
so is the small script that evaluates models.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from vanhove.base.errors import Refusal

VARIABLE = "VANHOVE_DEEPMD"
PACKAGE = "deepmd-kit"
BACKEND = "--tf"
INSTALL = f'Run: pip install "vanhove[deepmd]", or set {VARIABLE} to the environment that has it'


@dataclass(frozen=True)
class Home:
    """The Python that has DeePMD-kit, and where its packages lie (None: where Python looks by itself)."""

    python: Path
    packages: Path | None
    version: str

    def dp(self, *words: str | os.PathLike[str]) -> list[str]:
        """DeePMD's command with its TensorFlow backend."""
        return [str(self.python), "-m", "deepmd", BACKEND, *(os.fspath(word) for word in words)]

    def script(self, path: str | os.PathLike[str], *words: str) -> list[str]:
        """A script of ours under its Python."""
        return [str(self.python), os.fspath(path), *words]

    def environment(self, threads: int) -> dict[str, str]:
        """What such a process runs in; which device it uses is TensorFlow's own choice."""
        inherited = dict(os.environ)
        if self.packages is not None:  # another Python's packages are not for this one
            inherited.pop("PYTHONPATH", None)
            inherited.pop("PYTHONHOME", None)
        return {
            "TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true",
            # threads that wait must sleep: others want the core
            "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", **inherited,
            "OMP_NUM_THREADS": str(threads), "DP_INTRA_OP_PARALLELISM_THREADS": str(threads),
            "DP_INTER_OP_PARALLELISM_THREADS": "1", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip


def environment_packages() -> Path | None:
    """The packages of the environment that ``VANHOVE_DEEPMD`` names; None where it names none."""
    named = os.environ.get(VARIABLE)
    return _packages(_python(Path(named))) if named else None


def deepmd_version() -> str | None:
    """Of the DeePMD-kit that is used; None where there is none."""
    return _version(environment_packages())


def find_deepmd() -> Home:
    """The DeePMD-kit that there is; refused with the command that installs it."""
    named = os.environ.get(VARIABLE)
    python = _python(Path(named)) if named else Path(sys.executable)
    packages = _packages(python) if named else None
    version = _version(packages)
    if version is None:
        where = (
            f"{VARIABLE} names {named}, and {PACKAGE} is not in it" if named else f"the package {PACKAGE} is missing"
        )
        raise Refusal("DeePMD is not installed here", where, INSTALL)
    return Home(python, packages, version)


def _python(named: Path) -> Path:
    """The Python of an environment's folder, or the Python itself; not resolved, a link is what makes it that one."""
    python = (named if named.is_file() else named / "bin" / "python").absolute()
    if not python.is_file():
        raise Refusal(f"{VARIABLE} names no Python environment", str(named), "Give its folder, or its Python")
    return python


def _packages(python: Path) -> Path:
    found = sorted(python.parent.parent.glob("lib/python3.*/site-packages"))
    if not found:
        raise Refusal(f"{VARIABLE} names a Python without packages of its own", str(python), "Give an environment's")
    return found[-1]


def _version(packages: Path | None) -> str | None:
    where = sys.path if packages is None else [str(packages)]
    return next((found.version for found in metadata.distributions(name=PACKAGE, path=where)), None)
