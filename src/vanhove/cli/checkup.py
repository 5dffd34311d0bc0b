"""``vanhove doctor``: what works on this machine, by trying it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from vanhove.base.errors import Refusal
from vanhove.base.files import cache_folder
from vanhove.base.version import __version__

from .text import aligned

# What an extra brings, by the package that stands for it.
EXTRAS = {
    "chgnet": ("chgnet", "a universal potential"),
    "bench": ("MDAnalysis", "benchmarks against the peers"),
}


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
        ("calculators", _calculators()),
        ("deepmd", _deepmd()),
    ]
    rows += [(extra, _extra(extra, *told)) for extra, told in EXTRAS.items()]
    rows += [("cp2k", _cp2k())]
    return aligned(rows)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _extra(extra: str, package: str, purpose: str) -> str:
    found = _version(package)
    return f"{package} {found}: {purpose}" if found else f'not installed: {purpose}; pip install "vanhove[{extra}]"'


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
    """DeePMD-kit, here or in an environment of its own, and the plugin that LAMMPS loads."""
    from vanhove.simulate._deepmd import PLUGIN
    from vanhove.simulate.deepmd_home import PACKAGE, VARIABLE, find_deepmd
    from vanhove.simulate.engine import file_of

    purpose = "machine-learned potentials, trained and run"
    try:
        home = find_deepmd()
    except Refusal as refusal:
        return f"not installed: {purpose}; {refusal.where}. {refusal.do}"
    told = f"{PACKAGE} {home.version}: {purpose}"
    told += f"; by {VARIABLE}, {home.python}" if home.packages else f"; {VARIABLE} may name another environment"
    if file_of(PACKAGE, PLUGIN, home.packages) is None:
        return f'{told}; but without the plugin of LAMMPS: pip install --force-reinstall "vanhove[deepmd]" there'
    return told


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


def _calculators() -> str:
    """Really move some atoms by an ASE calculator, in the process that a run starts."""
    from ase.build import bulk

    from vanhove.simulate import Hold, calculator, run

    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="vanhove-doctor-") as folder:
            run(bulk("Cu", cubic=True), calculator("emt"), [Hold(300.0, ps=0.02)], Path(folder) / "run", ranks=1)
    except Refusal as refusal:
        return f"do not work: {refusal}"
    return f"ASE {_version('ase')} works (20 steps in {time.monotonic() - began:.1f} s)"


def _lammps() -> str:
    """Really start the engine, as a study does: a few steps of a small melt on two ranks."""
    from vanhove.simulate import Hold, Minimise, packing, potential, run

    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="vanhove-doctor-") as folder:
            melt = packing("Na2SiS3", 2.0, n_atoms=96, seed=1)
            run(melt, potential("na2s-sis2"), [Minimise(), Hold(1000.0, ps=0.02)], Path(folder) / "run", ranks=2)
    except Refusal as refusal:
        return f"does not work: {refusal}"
    version = f"LAMMPS {_version('lammps')} with MPICH {_version('mpich')}"
    return f"{version} works (20 steps on 2 ranks in {time.monotonic() - began:.1f} s)"
