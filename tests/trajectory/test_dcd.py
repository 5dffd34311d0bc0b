"""DCD: every way its writers keep cells, bytes and atoms gives the planted truth; what it does not say is asked for."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binary_files import Dcd, six_numbers, symmetric
from written import ORTHOGONAL, TRICLINIC, Floats, Truth, moved, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan

LABELS = ["Li", "S"] * 10
NPT = TRICLINIC * np.linspace(1, 1.05, 6)[:, None, None]


def put(path: Path, dcd: Dcd, change: Any = bytes) -> Path:
    path.write_bytes(change(dcd.bytes()))
    return path


def of(truth: Truth, **how: Any) -> Dcd:
    return Dcd(truth.wrapped, six_numbers(truth.cells), **how)


def check(path: Path, truth: Truth, tolerance: float = 4e-6) -> vh.Trajectory:
    traj = vh.open(path, species=LABELS, timestep=0.001)
    assert traj.species.tolist() == LABELS
    np.testing.assert_allclose(traj.cells, truth.cells, atol=1e-9)
    np.testing.assert_allclose(traj.times, 0.1 * np.arange(6))
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=tolerance)
    scaled = truth.fractional  # displacements by the lattice of each frame are known without any convention
    found = np.einsum("fai,fij->faj", traj.positions - truth.origins[:, None], np.linalg.inv(truth.cells))
    np.testing.assert_allclose(moved(found), moved(scaled), atol=1e-6)
    return traj


@pytest.mark.parametrize("cell", [ORTHOGONAL, TRICLINIC, NPT], ids=["orthogonal", "triclinic", "npt"])
@pytest.mark.parametrize("marker", [4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_of_either_order_and_marks_of_either_size(tmp_path: Path, order: str, marker: int, cell: Floats) -> None:
    truth = walk(cell)
    traj = check(put(tmp_path / "a.dcd", of(truth, order=order, marker=marker)), truth)
    assert traj.constant_cell == (cell is not NPT)
    assert "single precision" in traj.history[-1]["parameters"]["notes"]


@pytest.mark.parametrize("how", ["cosines", "degrees"])
@pytest.mark.parametrize("cell", [TRICLINIC, NPT], ids=["triclinic", "npt"])
def test_cells_by_angles(tmp_path: Path, how: str, cell: Floats) -> None:
    truth = walk(cell)
    check(put(tmp_path / "a.dcd", Dcd(truth.wrapped, six_numbers(truth.cells, how))), truth)


@pytest.mark.parametrize("version", [24, 36])
def test_cells_of_charmm_are_symmetric_matrices(tmp_path: Path, version: int) -> None:
    truth = walk(symmetric(np.stack([TRICLINIC]))[0])
    dcd = Dcd(truth.wrapped, six_numbers(truth.cells, "symmetric"), version=version)
    check(put(tmp_path / "a.dcd", dcd), truth)


def test_a_nearly_rectangular_matrix_of_charmm_is_told_by_the_version(tmp_path: Path) -> None:
    cell = np.array([[9.0, 0.3, -0.2], [0.3, 11.0, 0.1], [-0.2, 0.1, 13.0]])
    truth = walk(cell)
    numbers = six_numbers(truth.cells, "symmetric")
    check(put(tmp_path / "a.dcd", Dcd(truth.wrapped, numbers, version=36)), truth)
    as_angles = vh.open(put(tmp_path / "b.dcd", Dcd(truth.wrapped, numbers)), species=LABELS, spacing=1.0)
    np.testing.assert_allclose(np.linalg.norm(as_angles.cells[0], axis=1), np.diag(cell))
    assert "the cell is read as lengths and cosines of angles" in as_angles.history[-1]["parameters"]["notes"]


def test_cells_of_old_charmm(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    check(put(tmp_path / "a.dcd", Dcd(truth.wrapped, six_numbers(truth.cells, "old"), version=20)), truth)


@pytest.mark.parametrize("version", [20, 24, 36])
def test_right_angles_are_right_in_every_version(tmp_path: Path, version: int) -> None:
    truth = walk(ORTHOGONAL * 20)
    for numbers in (six_numbers(truth.cells), six_numbers(truth.cells, "degrees" if version > 20 else "old")):
        traj = vh.open(
            put(tmp_path / "a.dcd", Dcd(truth.wrapped, numbers, version=version)), species=LABELS, spacing=1.0
        )
        np.testing.assert_allclose(traj.cells[0], ORTHOGONAL * 20, atol=1e-9)


@pytest.mark.parametrize("numbers", [[9, 3, 11, -2, 150, 13], [9, 0, -11, 0, 0, 13], [9, 0, np.nan, 0, 0, 13], [0] * 6])
def test_cells_that_are_none_are_refused(tmp_path: Path, numbers: list[float]) -> None:
    truth = walk(ORTHOGONAL)
    path = put(tmp_path / "a.dcd", Dcd(truth.wrapped, np.tile(np.array(numbers, float), (6, 1))))
    with pytest.raises(Refusal, match="cell"):
        vh.open(path, species=LABELS, spacing=1.0)


def test_fixed_atoms_stay_where_the_first_frame_has_them(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    free = [0, 3, 4, 11, 19]
    still = np.setdiff1d(np.arange(20), free)
    unwrapped = truth.unwrapped.copy()
    unwrapped[:, still] = unwrapped[0, still]
    truth = replace(truth, unwrapped=unwrapped)
    path = put(tmp_path / "a.dcd", of(truth, free=free))
    check(path, truth)
    contents = scan(path, Options(species=LABELS, spacing=1.0))
    assert contents.frames is not None
    for memory in (1, 10**9):
        blocks = [block.positions for block in contents.frames(memory)]
        np.testing.assert_allclose(np.concatenate(blocks), truth.wrapped, atol=4e-6)


def test_a_fourth_coordinate_is_passed_over(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    check(put(tmp_path / "a.dcd", of(truth, fourth=True)), truth)


def test_what_was_unwrapped_stays_so(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    path = put(tmp_path / "a.dcd", Dcd(truth.unwrapped, six_numbers(truth.cells)))
    traj = vh.open(path, species=LABELS, timestep=1.0)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=4e-6)
    plain = vh.open(path, species=LABELS, timestep=1.0, unwrap="none")
    np.testing.assert_allclose(plain.positions, truth.unwrapped, atol=4e-6)
    with pytest.raises(Refusal, match="unwrap='file'"):
        vh.open(path, species=LABELS, timestep=1.0, unwrap="file")


# times


def test_times_are_never_assumed(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dcd", of(walk(ORTHOGONAL), start=5000, every=50))
    with pytest.raises(Refusal, match="does not say when") as caught:
        vh.open(path, species=LABELS)
    assert "timestep=" in caught.value.do
    np.testing.assert_allclose(vh.open(path, species=LABELS, timestep=0.002).times, 10 + 0.1 * np.arange(6))
    np.testing.assert_allclose(vh.open(path, species=LABELS, spacing=0.5).times, 0.5 * np.arange(6))
    uncounted = put(tmp_path / "b.dcd", of(walk(ORTHOGONAL), every=0))
    for given, says in (({}, "does not say when"), (dict(timestep=0.002), "timestep=0.002 can't be used")):
        with pytest.raises(Refusal, match=says) as caught:
            vh.open(uncounted, species=LABELS, **given)
        assert "spacing=" in caught.value.do


def test_a_last_step_that_even_frames_do_not_reach_is_told(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    with pytest.warns(VanhoveWarning, match="evenly spaced"):
        vh.open(put(tmp_path / "a.dcd", of(truth, start=150, last=640)), species=LABELS, timestep=0.001)
    for last in (0, 150, 600 + 50, 750, 600):  # nothing, the first, the last, one more, the number of steps
        vh.open(put(tmp_path / "a.dcd", of(truth, start=150, last=last)), species=LABELS, timestep=0.001)
    by_lammps = of(truth, start=150, last=600, title=b"Written by LAMMPS")  # 150, 200, 300 ... which says the last
    with pytest.warns(VanhoveWarning, match="evenly spaced"):
        vh.open(put(tmp_path / "a.dcd", by_lammps), species=LABELS, timestep=0.001)


def test_restarted_files_are_joined(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=10)
    whole = of(truth).positions
    cell = six_numbers(truth.cells)
    first = put(tmp_path / "a.dcd", Dcd(whole[:6], cell[:6]))
    second = put(tmp_path / "b.dcd", Dcd(whole[5:], cell[5:], start=500))
    traj = vh.open([first, second], species=LABELS, timestep=0.001)
    np.testing.assert_allclose(traj.times, 0.1 * np.arange(10))
    np.testing.assert_allclose(moved(traj.positions), moved(truth.unwrapped), atol=1e-5)


def test_lengths_follow_the_unit_style(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    traj = vh.open(put(tmp_path / "a.dcd", of(truth)), species=LABELS, timestep=1.0, units="nano")
    np.testing.assert_allclose(traj.cells[0], 10 * TRICLINIC, atol=1e-8)
    np.testing.assert_allclose(moved(traj.positions), 10 * moved(truth.unwrapped), atol=1e-4)


# what is not there, or broken


def test_atoms_are_asked_for(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dcd", of(walk(ORTHOGONAL)))
    for species in (None, {1: "Li"}, ["Li", "S"], ["Li"] * 19):
        with pytest.raises(Refusal, match="which atoms") as caught:
            vh.open(path, species=species, spacing=1.0)
        assert "topology=" in caught.value.do
        assert "20 atoms" in caught.value.where
    with pytest.raises(Refusal, match="Xx"):
        vh.open(path, species=["Xx"] * 20, spacing=1.0)


def test_a_file_without_cells_takes_that_of_the_topology_or_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dcd", Dcd(walk(ORTHOGONAL).wrapped, None))
    with pytest.raises(Refusal, match="no cell") as caught:
        vh.open(path, species=LABELS, spacing=1.0)
    assert "topology=" in caught.value.do


@pytest.mark.parametrize("marker", [4, 8])
def test_a_cut_file_gives_its_whole_frames(tmp_path: Path, marker: int) -> None:
    dcd = of(walk(TRICLINIC), marker=marker)
    data, header, each = dcd.bytes(), len(dcd.header()), len(dcd.frame(0))
    path = tmp_path / "a.dcd"
    for cut in range(len(data) - each - 1, len(data)):
        path.write_bytes(data[:cut])
        whole = (cut - header) // each
        with pytest.warns(VanhoveWarning, match="cut"):
            traj = vh.open(path, species=LABELS, spacing=1.0)
        assert traj.n_frames == whole
        assert np.isfinite(traj.positions).all()
    for cut in (*range(1, header, 7), header, header + 1, header + each - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(Refusal, match=r"cut|no whole frame|no DCD|recognises"):
            vh.open(path, species=LABELS, spacing=1.0)


def test_a_position_that_is_no_number_names_frame_and_atom(tmp_path: Path) -> None:
    for value in (np.nan, np.inf, -np.inf, 1e30):
        truth = walk(ORTHOGONAL)
        positions = truth.wrapped.copy()
        positions[4, 7, 2] = value
        traj = vh.open(put(tmp_path / "a.dcd", Dcd(positions, six_numbers(truth.cells))), species=LABELS, spacing=1.0)
        with pytest.raises(Refusal, match="position") as caught:
            _ = traj.positions
        assert "frame 4, atom 8" in caught.value.where


def test_a_damaged_record_names_the_frame(tmp_path: Path) -> None:
    dcd = of(walk(ORTHOGONAL))
    place = len(dcd.header()) + 3 * len(dcd.frame(0)) + 56
    traj = vh.open(
        put(tmp_path / "a.dcd", dcd, lambda data: data[:place] + b"\xff" + data[place + 1 :]),
        species=LABELS,
        spacing=1.0,
    )
    with pytest.raises(Refusal, match="damaged") as caught:
        _ = traj.positions
    assert "frame 3" in caught.value.where


def test_headers_that_claim_too_much_take_no_memory(tmp_path: Path) -> None:
    dcd = of(walk(ORTHOGONAL))
    data = dcd.bytes()
    for at, claim in (
        (len(dcd.header()) - 8, 2**31 - 1),
        (len(dcd.header()) - 8, 0),
        (len(dcd.header()) - 8, -5),
        (40, 9),
    ):
        bad = data[:at] + claim.to_bytes(4, "little", signed=True) + data[at + 4 :]
        (tmp_path / "a.dcd").write_bytes(bad)
        with pytest.raises(Refusal):
            vh.open(tmp_path / "a.dcd", species=LABELS, spacing=1.0)
    put(tmp_path / "a.dcd", of(walk(ORTHOGONAL), declared=10**9))
    with pytest.warns(VanhoveWarning, match="1000000000 that its header counts"):
        assert vh.open(tmp_path / "a.dcd", species=LABELS, spacing=1.0).n_frames == 6


def test_velocities_and_packed_files_are_refused_by_name(tmp_path: Path) -> None:
    import gzip

    with pytest.raises(Refusal, match="velocities"):
        vh.open(put(tmp_path / "a.dcd", of(walk(ORTHOGONAL), kind=b"VELD")), species=LABELS, spacing=1.0)
    packed = put(tmp_path / "a.dcd.gz", of(walk(ORTHOGONAL)), gzip.compress)
    with pytest.raises(Refusal, match="gunzip"):
        vh.open(packed, species=LABELS, spacing=1.0)
    (tmp_path / "b").write_bytes(b"no such thing")
    with pytest.raises(Refusal, match="no DCD"):
        vh.open(tmp_path / "b", species=LABELS, spacing=1.0, format="dcd")


def test_blocks_keep_to_the_memory_and_frames_can_be_sent_elsewhere(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=40)
    contents = scan(put(tmp_path / "a.dcd", of(truth)), Options(species=LABELS, spacing=1.0))
    frames = pickle.loads(pickle.dumps(contents.frames))
    small = [block.positions for block in frames(20 * 24 * 20)]
    assert max(map(len, small)) <= 20
    np.testing.assert_array_equal(np.concatenate(small), np.concatenate([b.positions for b in frames(10**9)]))
    np.testing.assert_allclose(np.concatenate(small), truth.wrapped, atol=4e-6)


# peers and real files


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", ["cosines", "degrees"])
def test_mdanalysis_reads_what_we_write(tmp_path: Path, how: str) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = walk(NPT)
    path = put(tmp_path / "a.dcd", Dcd(truth.wrapped, six_numbers(truth.cells, how)))
    universe = mda.Universe.empty(20).load_new(str(path))
    ours = vh.open(path, species=LABELS, spacing=1.0, unwrap="none")
    for frame, theirs in enumerate(universe.trajectory):
        np.testing.assert_allclose(ours.positions[frame], theirs.positions, atol=1e-6)
        np.testing.assert_allclose(ours.cells[frame], theirs.triclinic_dimensions, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_we_read_what_mdanalysis_writes(tmp_path: Path) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = walk(NPT)
    universe = mda.Universe.empty(20, trajectory=True)
    lengths, cosines = six_numbers(truth.cells)[:, [0, 2, 5]], six_numbers(truth.cells)[:, [4, 3, 1]]
    with mda.Writer(str(tmp_path / "a.dcd"), n_atoms=20, dt=0.1, nsavc=100) as writer:
        for frame in range(6):
            universe.dimensions = [*lengths[frame], *np.degrees(np.arccos(cosines[frame]))]
            universe.atoms.positions = truth.wrapped[frame]
            writer.write(universe.atoms)
    traj = vh.open(tmp_path / "a.dcd", species=LABELS, timestep=0.001)
    np.testing.assert_allclose(traj.cells, truth.cells, atol=2e-5)
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=4e-6)
    found = np.einsum("fai,fij->faj", traj.positions - truth.origins[:, None], np.linalg.inv(truth.cells))
    np.testing.assert_allclose(moved(found), moved(truth.fractional), atol=1e-5)


def test_the_wrapped_file_with_its_data_file_is_unwrapped_right(shared_data: Path) -> None:
    folder = shared_data / "reader-cases"
    traj = vh.open(
        folder / "example_LAMMPS.dcd", topology=folder / "example_LAMMPS.data", species={1: "Li", 2: "S"}, spacing=1.0
    )
    assert (traj.n_frames, traj.n_atoms, int((traj.species == "Li").sum())) == (200, 256, 204)
    raw = vh.open(
        folder / "example_LAMMPS.dcd", topology=folder / "example_LAMMPS.data", species={1: "Li", 2: "S"}, spacing=1.0,
        unwrap="none",
    ).positions  # fmt: skip
    edge = float(traj.cells[0, 0, 0])
    assert 0 <= raw.min() <= raw.max() <= edge  # wrapped it is
    steps = np.diff(raw, axis=0)
    path = np.cumsum(steps - edge * np.round(steps / edge), axis=0)
    np.testing.assert_allclose(moved(traj.positions)[1:], path, atol=1e-9)
    lithium = traj.species == "Li"
    with_first = np.concatenate([np.zeros_like(path[:1]), path])
    naive = [np.mean(np.sum((with_first[lag:] - with_first[:-lag])[:, lithium] ** 2, axis=2)) for lag in (1, 10, 100)]
    ours = vh.dynamics.msd(traj, "Li", drift=None, lags=[1.0, 10.0, 100.0])
    np.testing.assert_allclose(ours["msd"], naive, rtol=1e-9)
