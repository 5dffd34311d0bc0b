"""MDANSE works from file to file: its trajectory is converted before the clock starts, as its manual has it."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rows.base import threads, universe

if TYPE_CHECKING:
    from collections.abc import Callable

    from systems import System

ALL = '{"0": {"function_name": "select_all", "operation_type": "union"}}'


def converted(sample: System) -> Path:
    """The trajectory in MDANSE's format, written once."""
    import MDAnalysis as mda
    from MDANSE.Framework.Converters.Converter import Converter

    name = sample.folder / f"{len(sample.times)}"
    made = name.with_suffix(".mdt")
    if made.exists():
        return made
    warnings.simplefilter("ignore")
    system = universe(sample, sample.positions, velocities=sample.velocities.astype(np.float32))
    system.add_TopologyAttr("name", sample.species.tolist())
    system.add_TopologyAttr("elements", sample.species.tolist())
    system.add_TopologyAttr("resname", ["X"])
    with tempfile.TemporaryDirectory(dir=sample.folder) as folder:
        topology, run = Path(folder) / "top.pdb", Path(folder) / "run.trr"
        system.atoms.write(str(topology))
        with mda.Writer(str(run), len(sample.species)) as writer:
            for _ in system.trajectory:
                writer.write(system.atoms)
        half = Path(folder) / "half"
        asked = {
            "topology_file": (str(topology), "AUTO"), "coordinate_files": ([str(run)], "AUTO"), "atom_aliases": "{}",
            "time_step": float(sample.times[1]), "fold": False, "continuous": False,
            "output_files": (str(half), 64, 128, "none", "no logs"),
        }  # fmt: skip
        Converter.create("MDAnalysis").run(asked, status=False)
        os.replace(half.with_suffix(".mdt"), made)
    return made


def job(sample: System, name: str, **asked: Any) -> Callable[[], dict[str, Any]]:
    """A job of MDANSE's by name; gives every array of its result."""
    import h5py
    from MDANSE.Framework.Jobs.IJob import IJob

    trajectory = converted(sample)
    folder = tempfile.TemporaryDirectory()
    out = Path(folder.name) / "out"
    mode = ("multicore", threads()) if threads() > 1 else ("single-core", 1)
    usual = {
        "trajectory": str(trajectory), "atom_selection": ALL, "atom_transmutation": "{}", "grouping_level": "atom",
        "weights": "equal", "running_mode": mode, "output_files": (str(out), ["MDAFormat"], "no logs"),
    }  # fmt: skip

    def work() -> dict[str, Any]:
        assert folder  # kept as long as this is called
        made = IJob.create(name)
        with contextlib.redirect_stdout(io.StringIO()):
            made.run({key: value for key, value in (usual | asked).items() if key in made.settings}, status=False)
        arrays: dict[str, Any] = {}
        with h5py.File(out.with_suffix(".mda")) as file:
            file.visititems(
                lambda key, item: arrays.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        return arrays

    return work
