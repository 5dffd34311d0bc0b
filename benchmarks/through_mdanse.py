"""MDANSE as a peer: a system written to a file of its own, untimed, and its jobs run on that without its window.

A job opens the file, reads it atom by atom, and here leaves its result in memory. It gives every lag the same origins,
the run without its last lags, where ours and other peers take all pairs of frames that are so far apart. Importing
MDANSE silences all warnings and asks OpenMP and BLAS for one thread: prepare it last.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from common import System
    from numpy.typing import NDArray

NM = 0.1  # in an Å: MDANSE's lengths are nm
EVERYTHING = '{"0": {"function_name": "select_all", "operation_type": "union"}}'


def write(sample: System, path: Path, velocities: NDArray[np.float64] | None = None) -> None:
    from MDANSE.Chemistry.ChemicalSystem import ChemicalSystem
    from MDANSE.MolecularDynamics.Configuration import PeriodicRealConfiguration
    from MDANSE.MolecularDynamics.Trajectory import TrajectoryWriter
    from MDANSE.MolecularDynamics.UnitCell import UnitCell

    atoms = ChemicalSystem()
    atoms.initialise_atoms(sample.species.tolist())
    cell = UnitCell(NM * sample.length * np.eye(3))
    units = {"time": "ps", "unit_cell": "nm", "coordinates": "nm", "velocities": "nm/ps"}
    writer = TrajectoryWriter(path, atoms, len(sample.times))
    for number, (positions, time) in enumerate(zip(sample.positions, sample.times, strict=True)):
        moving = {} if velocities is None else {"velocities": NM * velocities[number]}
        writer.dump_configuration(PeriodicRealConfiguration(atoms, NM * positions, cell, **moving), time, units=units)
    writer.write_standard_atom_database()
    writer.close()


def job(name: str, path: Path, **settings: object) -> Callable[[], object]:
    """One of its jobs on one core, of all atoms, each counted alike, no resolution folded in."""
    from MDANSE.Framework.Jobs.IJob import IJob

    logging.getLogger("MDANSE").setLevel(logging.CRITICAL)  # it tells what it does
    asked = {
        "trajectory": str(path),
        "atom_selection": EVERYTHING,
        "atom_transmutation": "{}",
        "grouping_level": "atom",
        "projection": None,
        "weights": "equal",
        "instrument_resolution": ("ideal", {}),
        "output_files": (str(path.with_suffix("")), ["FileInMemory"], "no logs"),
        "running_mode": ("single-core", 1),
        **settings,
    }

    def work() -> object:
        run = IJob.create(name)
        run.run(asked)
        return run.results

    return work
