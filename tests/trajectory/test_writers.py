"""What is written is read again as it was, by us and by others."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from written import COLUMNS, GENERAL, NAMES, ORTHOGONAL, TRICLINIC, dump_text, moved, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.trajectory.writers import FORMATS, format_of, write
from vanhove.trajectory.writers.lammps_dump import steps_of

SUFFIXES = [suffix for known in FORMATS.values() for suffix in known.suffixes]
TEXT = [".lammpstrj", ".extxyz"]
BREATHING = np.linspace(1.0, 1.03, 12)[:, None, None]
CELLS = {
    "cube": ORTHOGONAL, "tilted": TRICLINIC, "general": GENERAL, "breathing": ORTHOGONAL * BREATHING,
    "breathing tilted": TRICLINIC * BREATHING, "breathing general": GENERAL * BREATHING,
}  # fmt: skip


def made(cells: np.ndarray, *, wrapped: bool = False, frames: int = 12, atoms: int = 40, **more: Any) -> vh.Trajectory:
    """A walk far out of the cell, of numbers with all their digits."""
    rng = np.random.default_rng(11)
    scaled = rng.uniform(0, 1, (atoms, 3)) + np.cumsum(rng.normal(0, 0.12, (frames, atoms, 3)), axis=0)
    if wrapped:
        scaled -= np.floor(scaled)
    positions = scaled @ np.broadcast_to(cells, (frames, 3, 3))
    species = np.array(["Na", "Si", "S", "S"])[np.arange(atoms) % 4].tolist()
    given: dict[str, Any] = dict(
        velocities=rng.normal(0, 5, (frames, atoms, 3)), charges={"Na": 0.6, "Si": 1.2, "S": -0.9}, temperature=600.0
    )
    return vh.from_arrays(positions, cells, species, 0.1 * np.arange(frames) + 3, wrapped=wrapped, **(given | more))


def check_same(again: vh.Trajectory, traj: vh.Trajectory, tolerance: float = 1e-9) -> None:
    assert again.species.tolist() == traj.species.tolist()
    np.testing.assert_array_equal(again.times, traj.times)
    np.testing.assert_array_equal(again.masses, traj.masses)
    np.testing.assert_allclose(again.cells, traj.cells, rtol=1e-15, atol=1e-14)
    assert again.constant_cell == traj.constant_cell
    np.testing.assert_allclose(again.positions, traj.positions, rtol=0, atol=tolerance)
    np.testing.assert_allclose(again.read_paths(), traj.read_paths(), rtol=0, atol=tolerance)
    assert again.has_velocities == traj.has_velocities
    if traj.has_velocities:
        np.testing.assert_allclose(again.velocities, traj.velocities, rtol=0, atol=tolerance)
    assert (again.charges is None) == (traj.charges is None)
    if traj.charges is not None:
        np.testing.assert_array_equal(again.charges, traj.charges)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("cell", CELLS)
def test_round_trip(tmp_path: Path, suffix: str, cell: str) -> None:
    traj = made(CELLS[cell])
    lost = write(traj, tmp_path / f"run{suffix}")
    again = vh.open(tmp_path / f"run{suffix}")
    check_same(again, traj)
    h5md = format_of(tmp_path / f"run{suffix}") == "h5md"
    assert lost == ([] if h5md else ["the temperature, 600 K"])
    assert again.temperature == (600.0 if h5md else None)


@pytest.mark.parametrize("suffix", [".h5md", *TEXT])
@pytest.mark.parametrize("cell", ["tilted", "breathing general"])
def test_round_trip_of_little(tmp_path: Path, suffix: str, cell: str) -> None:
    traj = made(CELLS[cell], velocities=None, charges=None, temperature=None)
    assert write(traj, tmp_path / f"run{suffix}") == []
    check_same(vh.open(tmp_path / f"run{suffix}"), traj)


@pytest.mark.parametrize("suffix", TEXT)
def test_what_was_wrapped(tmp_path: Path, suffix: str) -> None:
    """The shortest image unwraps what came wrapped; what is written is that, by the file's own word."""
    traj = made(TRICLINIC * BREATHING, wrapped=True)
    assert np.abs(traj.positions[-1] - traj.positions[0]).max() > 9
    write(traj, tmp_path / f"run{suffix}")
    check_same(vh.open(tmp_path / f"run{suffix}"), traj)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_numbers_from_a_text_file_go_out_as_they_came(tmp_path: Path, suffix: str) -> None:
    truth = walk(TRICLINIC)
    source = put(tmp_path / "in.dump", dump_text(truth, COLUMNS["xu"] + " vx vy vz", before="ITEM: UNITS\nmetal"))
    traj = vh.open(source, species=NAMES, timestep=0.002)
    write(traj, tmp_path / f"run{suffix}")
    again = vh.open(tmp_path / f"run{suffix}")
    np.testing.assert_array_equal(again.positions, truth.unwrapped)
    if format_of(tmp_path / f"run{suffix}") != "extxyz":  # there they are momenta
        np.testing.assert_array_equal(again.velocities, truth.velocities)
    np.testing.assert_allclose(again.velocities, truth.velocities, rtol=0, atol=1e-10)


@pytest.mark.parametrize("suffix", [".h5md", *TEXT])
@pytest.mark.parametrize("source", ["memory", "file", "store"])
def test_views(tmp_path: Path, suffix: str, source: str) -> None:
    traj = made(TRICLINIC * BREATHING)
    if source != "memory":
        path = tmp_path / ("in.h5md" if source == "store" else "in.lammpstrj")
        write(traj, path)
        traj = vh.open(path)
    part = traj.select(["S", "Na"])[2:11].every(3)
    lost = write(part, tmp_path / f"part{suffix}")
    again = vh.open(tmp_path / f"part{suffix}")
    assert (again.n_frames, again.n_atoms) == (3, 30)
    np.testing.assert_array_equal(again.times, traj.times[[2, 5, 8]])
    np.testing.assert_allclose(again.positions, part.positions, rtol=0, atol=1e-9)
    if suffix == ".h5md":
        np.testing.assert_array_equal(again.read_paths(), part.read_paths())
        assert again.system.atoms_in_all == 40
    else:
        assert any("30 of 40 atoms" in phrase for phrase in lost)


def test_isotopes_are_elements_with_their_masses(tmp_path: Path) -> None:
    traj = made(ORTHOGONAL, temperature=None).with_isotopes({"Si": "29Si"})
    for suffix in TEXT:
        lost = write(traj, tmp_path / f"run{suffix}")
        assert len(lost) == 1
        assert "29Si" in lost[0]
        again = vh.open(tmp_path / f"run{suffix}")
        np.testing.assert_array_equal(again.masses, traj.masses)
        assert set(again.species) == {"Na", "Si", "S"}
    again = vh.open(tmp_path / "run.lammpstrj", species={1: "Na", 2: "29Si", 3: "S"})
    assert again.species.tolist() == traj.species.tolist()


@pytest.mark.parametrize("cell", ["cube", "breathing general"])
def test_wrapped(tmp_path: Path, cell: str) -> None:
    traj = made(CELLS[cell], temperature=None)
    assert write(traj, tmp_path / "run.dump", wrapped=True) == []
    check_same(vh.open(tmp_path / "run.dump"), traj)
    assert "x y z ix iy iz vx vy vz mass q" in (tmp_path / "run.dump").read_text()
    (phrase,) = write(traj, tmp_path / "run.xyz", wrapped=True)
    assert "unwrapped" in phrase
    rows = [line.split() for line in (tmp_path / "run.dump").read_text().splitlines() if len(line.split()) > 10]
    table = np.array([row[3:6] for row in rows if row[0].isdigit()], float).reshape(traj.positions.shape)
    xyz = vh.open(tmp_path / "run.xyz", unwrap="none").positions
    np.testing.assert_array_equal(xyz, table)
    scaled = table @ np.linalg.inv(traj.cells)
    assert -1e-9 < scaled.min() < scaled.max() < 1 + 1e-9
    same = made(CELLS[cell], wrapped=True)
    np.testing.assert_allclose(moved(vh.open(tmp_path / "run.xyz").positions), moved(same.positions), atol=1e-8)
    with pytest.raises(Refusal, match="unwrapped"):
        write(traj, tmp_path / "run.h5md", wrapped=True)


@pytest.mark.parametrize("cell", CELLS)
def test_ase_reads_the_xyz(tmp_path: Path, cell: str) -> None:
    ase = pytest.importorskip("ase")
    io = pytest.importorskip("ase.io")
    traj = made(CELLS[cell])
    write(traj, tmp_path / "run.xyz")
    images = io.read(tmp_path / "run.xyz", index=":")
    np.testing.assert_array_equal([image.info["Time"] for image in images], traj.times)
    for frame, image in enumerate(images):
        assert image.get_chemical_symbols() == traj.species.tolist()
        assert image.pbc.all()
        np.testing.assert_allclose(image.cell.array, traj.cells[frame], rtol=1e-15)
        np.testing.assert_allclose(image.get_masses(), traj.masses)
        np.testing.assert_allclose(image.get_initial_charges(), traj.charges)
        np.testing.assert_allclose(image.arrays["unwrapped_position"], traj.positions[frame], atol=1e-9)
        np.testing.assert_allclose(image.get_velocities() * 1e3 * ase.units.fs, traj.velocities[frame], atol=1e-5)
        scaled = image.get_scaled_positions(wrap=False)
        assert -1e-9 < scaled.min() < scaled.max() < 1 + 1e-9
        apart = image.positions - traj.positions[frame]
        whole = apart @ np.linalg.inv(traj.cells[frame])
        np.testing.assert_allclose(whole, np.rint(whole), atol=1e-8)


@pytest.mark.parametrize("cell", ["cube", "tilted", "breathing tilted"])
def test_ase_reads_the_dump(tmp_path: Path, cell: str) -> None:
    io = pytest.importorskip("ase.io")
    traj = made(CELLS[cell], velocities=None)
    write(traj, tmp_path / "run.dump")
    images = io.read(tmp_path / "run.dump", index=":", format="lammps-dump-text")
    assert len(images) == traj.n_frames
    for frame, image in enumerate(images):
        assert image.get_chemical_symbols() == traj.species.tolist()
        np.testing.assert_allclose(image.cell.array, traj.cells[frame], atol=1e-9)
        np.testing.assert_allclose(image.positions, traj.positions[frame], atol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_ovito_reads_the_dump(tmp_path: Path, cell: str) -> None:
    io = pytest.importorskip("ovito.io")
    traj = made(CELLS[cell])
    write(traj, tmp_path / "run.lammpstrj")
    pipeline = io.import_file(str(tmp_path / "run.lammpstrj"))
    assert pipeline.source.num_frames == traj.n_frames
    for frame in (0, 5, 11):
        theirs = pipeline.compute(frame)
        assert theirs.attributes["Time"] == traj.times[frame]
        np.testing.assert_allclose(theirs.cell[:, :3].T, traj.cells[frame], atol=1e-9)
        for name, mine in [
            ("Position", traj.positions[frame]), ("Velocity", traj.velocities[frame]), ("Mass", traj.masses),
            ("Charge", traj.charges),
        ]:  # fmt: skip
            np.testing.assert_allclose(theirs.particles[name], mine, atol=1e-9, err_msg=name)
        names = [theirs.particles.particle_types.type_by_id(i).name for i in theirs.particles.particle_types[...]]
        assert names == traj.species.tolist()


def test_mdanalysis_reads_the_xyz(tmp_path: Path) -> None:
    """Its reader of dumps takes neither ITEM: UNITS nor ITEM: TIME."""
    mda = pytest.importorskip("MDAnalysis")
    traj = made(TRICLINIC)
    write(traj, tmp_path / "run.xyz")
    theirs = mda.Universe(str(tmp_path / "run.xyz"), dt=0.1)
    assert theirs.atoms.names.tolist() == traj.species.tolist()
    assert theirs.trajectory.n_frames == traj.n_frames
    inside = vh.open(tmp_path / "run.xyz", unwrap="none").positions
    scaled = inside @ np.linalg.inv(traj.cells)
    for frame, _ in enumerate(theirs.trajectory):
        mine = (scaled[frame] - np.floor(scaled[frame])) @ traj.cells[frame]
        np.testing.assert_allclose(theirs.atoms.positions, mine, atol=1e-4)  # float32


def test_steps_count_the_times() -> None:
    traj = made(ORTHOGONAL)
    np.testing.assert_array_equal(steps_of(traj), 3000 + 100 * np.arange(12))  # of 1 fs
    assert steps_of(from_times([0.0, 0.0005, 0.002])).tolist() == [0, 1, 4]
    assert steps_of(from_times([0.0, 1 / 3, 0.7])).tolist() == [0, 1, 2]  # frames: nothing counts these
    assert steps_of(from_times([-1.0, 0.0, 1.0])).tolist() == [0, 1, 2]


def from_times(times: list[float]) -> vh.Trajectory:
    positions = np.zeros((len(times), 2, 3))
    positions[:, 1] = 2.0
    return vh.from_arrays(positions, 9.0, ["Na"] * 2, times, wrapped=False)


def test_steps_are_those_of_the_run(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    source = put(tmp_path / "in.dump", dump_text(truth, steps=[0, 7, 20, 21, 500, 501]))
    write(vh.open(source, species=NAMES, timestep=0.0017), tmp_path / "out.dump")
    lines = (tmp_path / "out.dump").read_text().splitlines()
    assert [lines[i + 1] for i, line in enumerate(lines) if line == "ITEM: TIMESTEP"] == [
        "0", "7", "20", "21", "500", "501",
    ]  # fmt: skip


def test_a_file_far_beyond_the_budget_is_streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither memory nor the cache holds it."""
    traj = made(ORTHOGONAL, frames=400, atoms=400, velocities=None)
    write(traj, tmp_path / "in.dump")
    monkeypatch.setenv("VANHOVE_MEMORY", "1MB")
    monkeypatch.setenv("VANHOVE_CACHE", str(tmp_path / "cache"))
    for suffix in (".h5md", ".xyz.gz", ".lammpstrj"):
        write(vh.open(tmp_path / "in.dump"), tmp_path / f"out{suffix}")
    assert not list((tmp_path / "cache").rglob("*.h5md"))
    monkeypatch.delenv("VANHOVE_MEMORY")
    for suffix in (".h5md", ".xyz.gz", ".lammpstrj"):
        np.testing.assert_allclose(
            vh.open(tmp_path / f"out{suffix}").positions, traj.positions, rtol=0, atol=1e-9, err_msg=suffix
        )


def test_packed_text_is_what_gunzip_gives(tmp_path: Path) -> None:
    traj = made(TRICLINIC, frames=30)
    write(traj, tmp_path / "a.dump")
    write(traj, tmp_path / "a.dump.gz")
    assert gzip.decompress((tmp_path / "a.dump.gz").read_bytes()) == (tmp_path / "a.dump").read_bytes()


@pytest.mark.parametrize("suffix", TEXT)
def test_a_number_that_is_none_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    traj = made(ORTHOGONAL)
    positions = traj.positions
    positions[7, 3, 1] = np.nan
    broken = vh.from_arrays(np.nan_to_num(positions), ORTHOGONAL, traj.species.tolist(), traj.times, wrapped=False)
    broken.system.source._arrays["positions"][7, 3, 1] = np.nan
    with pytest.raises(Refusal, match="atom 3 in frame 7"):
        write(broken, tmp_path / f"run{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_names_and_places(tmp_path: Path) -> None:
    traj = made(ORTHOGONAL)
    with pytest.raises(Refusal, match=r"Did you mean '\.extxyz'"):
        write(traj, tmp_path / "run.extxy")
    with pytest.raises(Refusal, match="no format that can be written: 'XDATCAR'"):
        write(traj, tmp_path / "XDATCAR")
    with pytest.raises(Refusal, match="Did you mean 'extxyz'"):
        write(traj, tmp_path / "x", format="extxzy")
    (tmp_path / "dir.xyz").mkdir()
    with pytest.raises(Refusal, match="folder"):
        write(traj, tmp_path / "dir.xyz")
    write(traj, tmp_path / "new" / "XYZ", format="extxyz")
    check_same(vh.open(tmp_path / "new" / "XYZ", format="extxyz"), traj)
