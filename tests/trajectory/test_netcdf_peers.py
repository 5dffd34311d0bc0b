"""NetCDF trajectories against scipy and MDAnalysis: each reads what the others write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from binary_files import as_amber, as_lammps_dumps, lengths_and_cosines
from written import NAMES, TRICLINIC, walk

import vanhove as vh

NPT = TRICLINIC * np.linspace(1, 1.05, 6)[:, None, None]


@pytest.mark.parametrize("version", [1, 2])
def test_scipy_reads_what_we_write(tmp_path: Path, version: int) -> None:
    from scipy.io import netcdf_file

    file = as_lammps_dumps(walk(NPT), version=version)
    (tmp_path / "a.nc").write_bytes(file.bytes())
    with netcdf_file(tmp_path / "a.nc", mmap=False) as theirs:
        for name, (_, values, _) in file.variables.items():
            np.testing.assert_array_equal(theirs.variables[name].data, values)


def test_we_read_what_scipy_writes(tmp_path: Path) -> None:
    from scipy.io import netcdf_file

    truth = walk(NPT)
    file = as_lammps_dumps(truth)
    with netcdf_file(tmp_path / "a.nc", "w", version=2) as theirs:
        theirs.createDimension("frame", None)
        for name, size in file.sizes.items():
            theirs.createDimension(name, size)
        for name, value in file.attributes.items():
            setattr(theirs, name, value)
        for name, (dims, values, attributes) in file.variables.items():
            variable = theirs.createVariable(name, np.asarray(values).dtype, dims)
            variable[:] = values
            for key, value in attributes.items():
                setattr(variable, key, value)
    traj = vh.open(tmp_path / "a.nc", species=NAMES)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-12)
    np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-12)
    np.testing.assert_allclose(traj.times, 0.2 * np.arange(6), rtol=1e-12)


@pytest.mark.filterwarnings("ignore")
def test_mdanalysis_reads_what_we_write(tmp_path: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = walk(NPT)
    path = tmp_path / "a.ncdf"
    path.write_bytes(as_amber(truth).bytes())
    ours = vh.open(path, species=truth.species, unwrap="none")
    theirs = mda.Universe.empty(20, velocities=True).load_new(str(path))
    for frame, block in enumerate(theirs.trajectory):
        np.testing.assert_allclose(ours.positions[frame], block.positions, atol=1e-9)
        np.testing.assert_allclose(ours.velocities[frame], block.velocities, rtol=1e-5)
        np.testing.assert_allclose(ours.cells[frame], block.triclinic_dimensions, atol=1e-4)
        assert ours.times[frame] == pytest.approx(block.time, abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_we_read_what_mdanalysis_writes(tmp_path: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = walk(NPT)
    universe = mda.Universe.empty(20, trajectory=True, velocities=True)
    lengths, cosines = lengths_and_cosines(truth.cells)
    with mda.Writer(str(tmp_path / "a.ncdf"), n_atoms=20, velocities=True) as writer:
        for frame in range(6):
            universe.dimensions = [*lengths[frame], *np.degrees(np.arccos(cosines[frame]))]
            universe.atoms.positions, universe.atoms.velocities = truth.wrapped[frame], truth.velocities[frame]
            universe.trajectory.ts.time = 0.2 * frame
            writer.write(universe.atoms)
    traj = vh.open(tmp_path / "a.ncdf", species=truth.species)
    np.testing.assert_allclose(traj.cells, truth.cells, atol=1e-5)
    np.testing.assert_allclose(traj.times, 0.2 * np.arange(6), rtol=1e-9)
    np.testing.assert_allclose(traj.velocities, truth.velocities, rtol=1e-5)
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=1e-5)
