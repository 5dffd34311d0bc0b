"""The same run as LAMMPS itself writes it: DCD and XTC, wrapped and unwrapped, against its text dump and data file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from written import moved

import vanhove as vh
from vanhove.base.errors import Refusal

SCRIPT = """
units metal
atom_style charge
lattice fcc 5.3
region box prism 0 3 0 3 0 3 0.6 -0.4 0.5
create_box 2 box
create_atoms 1 box
set type 1 type/fraction 2 0.4 4242
set type 1 charge 1.0
set type 2 charge -1.5
mass 1 22.98977
mass 2 32.06
pair_style lj/cut 5.0
pair_coeff * * 0.01 3.2
velocity all create 4000 4243
timestep 0.004
fix 1 all {fix} temp 4000 4000 0.1 {pressure}
write_data start.data
dump text all custom 25 run.dump id type xu yu zu q
dump_modify text sort id format float %.10g
dump a all dcd 25 wrapped.dcd
dump b all dcd 25 unwrapped.dcd
dump_modify b unwrap yes
dump c all xtc 25 wrapped.xtc
dump d all xtc 25 unwrapped.xtc
dump_modify d unwrap yes precision 100000
run 1000
"""
FRAMES, ATOMS = 41, 108


@pytest.fixture(scope="module", params=["nvt", "npt"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one short run of a hot triclinic cell, fixed or under pressure, has written its files."""
    from vanhove.simulate.engine import find_lammps

    try:
        lammps = find_lammps()
    except Refusal as refusal:
        pytest.skip(str(refusal))
    place = tmp_path_factory.mktemp("lammps")
    pressure = "tri 5000 5000 0.3" if request.param == "npt" else ""
    (place / "in.run").write_text(SCRIPT.format(fix=request.param, pressure=pressure))
    done = subprocess.run(
        lammps.command(1, "in.run"), cwd=place, env=lammps.environment({}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return place


def opened(folder: Path, name: str) -> vh.Trajectory:
    clock = {} if name.endswith("xtc") else {"timestep": 0.004}
    return vh.open(folder / name, topology=folder / "start.data", **clock)  # type: ignore[arg-type]  # one option


@pytest.mark.parametrize(
    ("name", "near"), [("wrapped.dcd", 5e-5), ("unwrapped.dcd", 5e-5), ("wrapped.xtc", 0.02), ("unwrapped.xtc", 2e-4)]
)
def test_every_format_tells_the_same_run(folder: Path, name: str, near: float) -> None:
    truth, traj = opened(folder, "run.dump"), opened(folder, name)
    assert (traj.n_frames, traj.n_atoms) == (truth.n_frames, truth.n_atoms) == (FRAMES, ATOMS)
    assert traj.species.tolist() == truth.species.tolist()
    assert {*traj.species.tolist()} == {"Na", "S"}
    np.testing.assert_allclose(traj.times, 0.1 * np.arange(FRAMES), atol=1e-9)
    assert traj.spacing == pytest.approx(0.1)
    np.testing.assert_allclose(traj.masses, truth.masses)
    for one in (traj, truth):
        assert one.charges is not None
        np.testing.assert_allclose(one.charges, np.where(one.species == "Na", 1.0, -1.5))
    np.testing.assert_allclose(traj.cells, truth.cells, atol=2e-5)
    scaled = np.einsum("fai,fij->faj", traj.positions - truth.positions, np.linalg.inv(truth.cells))
    np.testing.assert_allclose(
        scaled, np.round(scaled[:1]) + 0 * scaled, atol=near / 5
    )  # images apart, always the same
    if truth.constant_cell:  # else paths depend on the cell's corner, which DCD and XTC do not keep
        np.testing.assert_allclose(moved(traj.read_paths()), moved(truth.read_paths()), atol=near)
    else:
        assert any("corner" in note for note in traj.history[-1]["parameters"]["notes"])
    crossed = np.abs(np.einsum("fai,fij->faj", truth.positions, np.linalg.inv(truth.cells)) - 0.5) > 0.5
    assert crossed.any(axis=2).mean() > 0.1  # many atoms left the cell they began in


def test_the_same_atoms_stand_at_the_same_places(folder: Path) -> None:
    truth = opened(folder, "run.dump")
    for name, near in (("wrapped.dcd", 5e-5), ("wrapped.xtc", 0.02)):
        between = opened(folder, name).positions - truth.positions
        scaled = np.einsum("fai,fij->faj", between, np.linalg.inv(truth.cells))
        scaled -= np.round(scaled)
        np.testing.assert_allclose(np.einsum("fai,fij->faj", scaled, truth.cells), 0, atol=near)
    np.testing.assert_allclose(
        vh.open(folder / "unwrapped.dcd", topology=folder / "start.data", timestep=0.004, unwrap="none").positions,
        truth.positions, atol=5e-5,
    )  # fmt: skip
