"""``vanhove doctor``: what works on this machine, by trying it."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from vanhove.base.errors import Refusal
from vanhove.base.files import cache_folder
from vanhove.base.version import __version__

from .text import aligned

PATIENCE = 120.0  # s for an engine to say who it is, on a machine that is busy


def checkup() -> list[str]:
    """The lines that say what works here."""
    from vanhove.trajectory.budget import memory_budget, thread_count

    rows = [
        ("vanhove", __version__),
        ("Python", f"{platform.python_version()}  {sys.executable}"),
        ("packages", ", ".join(f"{name} {_version(name)}" for name in ("numpy", "scipy", "numba", "xarray", "ase"))),
        ("cores", f"{len(os.sched_getaffinity(0))}, {thread_count()} threads for analysis (VANHOVE_THREADS)"),
        ("memory", f"{memory_budget() / 1e9:.1f} GB for blocks of a trajectory (VANHOVE_MEMORY)"),
        ("cache", _cache()),
        ("kernels", _kernels()),
        ("simulate", _lammps()),
        ("deepmd", _deepmd()),
        ("calculators", _calculator("emt", f"ASE {_version('ase')}")),
        ("chgnet", _chgnet()),
        ("cp2k", _cp2k()),
        ("bench", _bench()),
    ]
    return aligned(rows)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _missing(extra: str, purpose: str) -> str:
    """With the command for this very Python, which need not be the one that the word pip means."""
    return f'not installed: {purpose}; {shlex.quote(sys.executable)} -m pip install "vanhove[{extra}]"'


def _cache() -> str:
    folder = cache_folder()
    if folder is None:
        return "not writable: kernels are compiled at every start; set VANHOVE_CACHE to a folder"
    return f"{folder}, {shutil.disk_usage(folder).free / 1e9:.0f} GB free"


def _kernels() -> str:
    """Compile, or load, one kernel and ask it something."""
    import numpy as np

    began = time.monotonic()
    from vanhove.kernels.lattice import reduce_cell

    reduced, _ = reduce_cell(np.array([[1.0, 0, 0], [5.0, 1, 0], [0, 0, 1]]))
    works = bool(np.allclose(np.sort(np.linalg.norm(reduced, axis=1)), 1.0))
    return f"{'work' if works else 'give wrong numbers'} ({time.monotonic() - began:.1f} s to load)"


def _deepmd() -> str:
    """Whether LAMMPS really loads the plugin of DeePMD-kit, here or in an environment of its own."""
    from vanhove.simulate._deepmd import PLUGIN, plugin_environment
    from vanhove.simulate.deepmd_home import PACKAGE, VARIABLE, find_deepmd
    from vanhove.simulate.engine import file_of, find_lammps

    try:
        home = find_deepmd()
    except Refusal as refusal:
        if os.environ.get(VARIABLE):
            return f"does not work: {refusal.what} ({refusal.where}). {refusal.do}"
        missing = _missing("deepmd", "machine-learned potentials, trained and run (DeePMD)")
        return f"{missing}; or {VARIABLE} names another environment"
    name = f"DeePMD-kit {home.version}" + (f" of {home.python} ({VARIABLE})" if home.packages else "")
    if file_of(PACKAGE, PLUGIN, home.packages) is None:
        again = f'{shlex.quote(str(home.python))} -m pip install --force-reinstall "vanhove[deepmd]"'
        return f"{name} does not work: the plugin of LAMMPS is missing; {again}"
    try:
        lammps = find_lammps()
    except Refusal:
        return f"{name} is here; it works once LAMMPS does (simulate)"
    with tempfile.TemporaryDirectory(prefix="vanhove-doctor-") as folder:
        (Path(folder) / "in.styles").write_text("info styles pair\n", encoding="utf-8")
        said = _answer(lammps.command(1, "in.styles"), Path(folder), lammps.environment(plugin_environment()))
    if "deepmd" not in said.split():
        last = (said.strip().splitlines() or ["no answer"])[-1]
        return f"{name} does not work: LAMMPS does not load its plugin ({last})"
    return f"{name} works (LAMMPS loads it)"


def _cp2k() -> str:
    """CP2K is no Python package, a distribution brings it: really compute a molecule by it."""
    from ase import Atoms

    from vanhove.simulate import cp2k, label
    from vanhove.simulate.cp2k_program import INSTALL, find_cp2k

    purpose = "ab-initio energies, forces and dynamics"
    try:
        found = find_cp2k()
    except Refusal as refusal:
        return f"not installed: {purpose}; {refusal.where}. {INSTALL}"
    began = time.monotonic()
    molecule = Atoms("H2", positions=[(0, 0, 0), (0.74, 0, 0)], cell=[7.2] * 3, pbc=True)
    try:
        with tempfile.TemporaryDirectory(prefix="vanhove-doctor-") as folder:
            label(molecule, cp2k("cheap", cutoff=120, rel_cutoff=20), Path(folder) / "label")
    except Refusal as refusal:
        return f"does not work: {refusal}"
    return f"{found.version}, {found.binary}, works (H2 in {time.monotonic() - began:.1f} s): {purpose}"


def _answer(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """All that a command says."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as failed:
        return str(failed)
    return done.stdout.decode(errors="replace")


def _calculator(name: str, said: str) -> str:
    """Really move some atoms by an ASE calculator, in the process that a run starts."""
    from ase.build import bulk

    from vanhove.simulate import Hold, calculator, run

    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="vanhove-doctor-") as folder:
            run(bulk("Cu", cubic=True), calculator(name), [Hold(300.0, ps=0.01)], Path(folder) / "run", ranks=1)
    except Refusal as refusal:
        return f"{said} does not work: {refusal}"
    return f"{said} works (10 steps in {time.monotonic() - began:.1f} s)"


def _chgnet() -> str:
    if not _version("chgnet"):
        told = _missing("chgnet", "a universal potential")
        return f"{told} (gigabytes, unless the build of PyTorch without CUDA is installed before)"
    return _calculator("chgnet", f"CHGNet {_version('chgnet')} with PyTorch {_version('torch')}")


def _bench() -> str:
    found = _version("MDAnalysis")
    return f"MDAnalysis {found}" if found else _missing("bench", "benchmarks against the peers")


def _lammps() -> str:
    """Really start the engine, as a study does: a few steps of crystalline Na2S on two ranks."""
    from ase.build import bulk

    from vanhove.simulate import Hold, potential, run

    if not (_version("lammps") and _version("mpich")):
        return _missing("simulate", "LAMMPS with MPICH, for simulations")
    began = time.monotonic()
    crystal = bulk("SNaNa", "fluorite", a=6.53, cubic=True) * (2, 2, 2)
    try:
        with tempfile.TemporaryDirectory(prefix="vanhove-doctor-") as folder:
            run(crystal, potential("na2s-sis2"), [Hold(300.0, ps=0.02)], Path(folder) / "run", ranks=2)
    except Refusal as refusal:
        return f"does not work: {refusal}"
    version = f"LAMMPS {_version('lammps')} with MPICH {_version('mpich')}"
    return f"{version} works (20 steps on 2 ranks in {time.monotonic() - began:.1f} s)"
