"""XTC: packed in every way the format allows, the planted truth comes back; damage never leads out of a frame."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binary_files import xtc_bytes, xtc_frame
from hypothesis import given, settings
from hypothesis import strategies as st
from written import ORTHOGONAL, TRICLINIC, Floats, moved, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import scan

LABELS = ["Li", "S"] * 10
NPT = TRICLINIC * np.linspace(1, 1.05, 6)[:, None, None]
TIMES, STEPS = [0.2 * k for k in range(6)], [100 * k for k in range(6)]
ROUNDING = 0.005001  # Å: half of the last digit that is kept


def put(path: Path, positions: Floats, cells: Floats, **how: Any) -> Path:
    times, steps = how.pop("times", TIMES), how.pop("steps", STEPS)
    path.write_bytes(xtc_bytes(positions, cells, times, steps, **how))
    return path


@pytest.mark.parametrize("cell", [ORTHOGONAL, TRICLINIC, NPT], ids=["orthogonal", "triclinic", "npt"])
@pytest.mark.parametrize("wide", [False, True])
def test_wrapped_frames_give_the_walk(tmp_path: Path, wide: bool, cell: Floats) -> None:
    truth = walk(cell)
    traj = vh.open(put(tmp_path / "a.xtc", truth.wrapped, truth.cells, wide=wide), species=LABELS)
    np.testing.assert_allclose(traj.times, TIMES, atol=1e-12)
    np.testing.assert_allclose(traj.cells, truth.cells, atol=1e-6)
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=ROUNDING)
    found = np.einsum("fai,fij->faj", traj.positions - truth.origins[:, None], np.linalg.inv(truth.cells))
    np.testing.assert_allclose(moved(found), moved(truth.fractional), atol=2e-3)
    notes = traj.history[-1]["parameters"]["notes"]
    assert "positions rounded to 0.01 Å" in notes
    assert traj.constant_cell == (cell is not NPT)


@settings(max_examples=150, deadline=None)
@given(
    atoms=st.integers(1, 60),
    spread=st.sampled_from([0.0, 0.02, 3.0, 40.0, 2000.0, 90000.0]),
    precision=st.sampled_from([10.0, 1000.0, 1e4, 1e6]),
    index=st.sampled_from([9, 10, 15, 24, 37, 45, 57, 64, 65, 69, 72]),
    runs=st.booleans(),
    wide=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_every_grouping_and_range_comes_back(
    tmp_path_factory: pytest.TempPathFactory, atoms: int, spread: float, precision: float, index: int, runs: bool,
    wide: bool, seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    spread = min(spread, 3e8 / precision)  # in 32 bits, wherever the walk ends
    positions = rng.normal(scale=[spread, spread / 3, spread / 50 + 0.01], size=(2, atoms, 3)).cumsum(axis=1)
    positions = np.round(positions / 10 * precision) / precision * 10
    path = tmp_path_factory.mktemp("xtc") / "a.xtc"
    cells = np.stack([np.eye(3) * 1e5] * 2)
    how: dict[str, Any] = dict(precision=precision, index=index, runs=runs, wide=wide)
    path.write_bytes(xtc_bytes(positions, cells, [0.0, 1.0], [0, 1], **how))
    traj = vh.open(path, species=["Li"] * atoms, unwrap="none")
    single = 1e-7 if atoms <= 9 else 1e-14
    np.testing.assert_allclose(traj.positions, positions, atol=1e-9 + single * np.abs(positions).max(), rtol=0)


# times


def test_single_precision_times_are_even_again(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    steps = [500_000_000 + 100 * k for k in range(6)]  # at 1 µs the last bit is 0.06 ps, the spacing 0.2
    times = [0.002 * step for step in steps]
    assert len(set(np.diff(np.float32(times)))) > 1
    traj = vh.open(put(tmp_path / "a.xtc", truth.wrapped, truth.cells, times=times, steps=steps), species=LABELS)
    assert traj.spacing == pytest.approx(0.2, rel=1e-9)
    np.testing.assert_allclose(traj.times, times, rtol=1e-12)


def test_uneven_times_stay_uneven(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    times, steps = [0, 0.1, 0.2, 0.4, 0.8, 1.6], [0, 1, 2, 4, 8, 17]
    path = put(tmp_path / "a.xtc", truth.wrapped, truth.cells, times=times, steps=steps)
    np.testing.assert_array_equal(vh.open(path, species=LABELS).times, times)
    with pytest.warns(VanhoveWarning, match="overrides the file's times"):
        np.testing.assert_allclose(vh.open(path, species=LABELS, timestep=0.1).times, 0.1 * np.array(steps))
    with pytest.warns(VanhoveWarning, match="overrides the times"):
        assert vh.open(path, species=LABELS, spacing=1.0).spacing == 1.0


def test_files_without_times_count_steps_or_nothing(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    path = put(tmp_path / "a.xtc", truth.wrapped, truth.cells, times=[0.0] * 6)
    with pytest.raises(Refusal, match="does not say when") as caught:
        vh.open(path, species=LABELS)
    assert "timestep=" in caught.value.do
    np.testing.assert_allclose(vh.open(path, species=LABELS, timestep=0.001).times, 0.1 * np.arange(6))
    path = put(tmp_path / "b.xtc", truth.wrapped, truth.cells, times=[0.0] * 6, steps=[0] * 6)
    for clock, says in (({}, "does not say when"), (dict(timestep=0.001), "timestep=0.001 can't be used")):
        with pytest.raises(Refusal, match=says) as caught:
            vh.open(path, species=LABELS, **clock)
        assert "spacing=" in caught.value.do
    assert vh.open(path, species=LABELS, spacing=0.5).n_frames == 6
    with pytest.raises(Refusal, match="in nm, as every XTC"):
        vh.open(path, species=LABELS, spacing=0.5, units="real")


def test_frames_that_a_restart_repeats_are_left_out(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    order = [0, 1, 2, 3, 2, 3, 4, 5]
    path = tmp_path / "a.xtc"
    broken = truth.wrapped.copy()
    broken[2:4] += 1.0  # what the run did before it was started again
    frames = [broken[k] if place < 4 else truth.wrapped[k] for place, k in enumerate(order)]
    path.write_bytes(xtc_bytes(frames, truth.cells[order], [TIMES[k] for k in order], [STEPS[k] for k in order]))
    with pytest.warns(VanhoveWarning, match="Times go back") as told:
        traj = vh.open(path, species=LABELS)
    assert "frames 2 to 3" in str(told[0].message)
    np.testing.assert_allclose(traj.times, TIMES)
    np.testing.assert_allclose(moved(traj.positions), moved(truth.unwrapped), atol=2 * ROUNDING)
    assert any("repeated" in note for note in traj.history[-1]["parameters"]["notes"])


# what is broken


def test_a_cut_file_gives_its_whole_frames(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    data = xtc_bytes(truth.wrapped, truth.cells, TIMES, STEPS)
    frames = [xtc_frame(truth.wrapped[k], truth.cells[k], 0, 0.0, seed=k) for k in range(6)]
    edges = np.cumsum([len(frame) for frame in frames])
    fill = np.array([-int.from_bytes(frame[88:92], "big") % 4 for frame in frames])  # of the last four bytes, may lack
    path = tmp_path / "a.xtc"
    for cut in range(1, len(data), 3):
        path.write_bytes(data[:cut])
        whole = int((edges - fill <= cut).sum())
        if whole == 0:
            with pytest.raises(Refusal, match=r"whole frame|recognises"):
                vh.open(path, species=LABELS)
        elif edges[whole - 1] - 3 <= cut <= edges[whole - 1]:
            assert vh.open(path, species=LABELS).n_frames == whole
        else:
            with pytest.warns(VanhoveWarning, match="cut"):
                assert vh.open(path, species=LABELS).n_frames == whole


def test_one_frame_is_a_file(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=1)
    assert (
        vh.open(put(tmp_path / "a.xtc", truth.wrapped, truth.cells, times=[3.0], steps=[7]), species=LABELS).times
        == 3.0
    )


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        (4, 21, "number of atoms changes"), (0, 1996, "should begin"), (52, 19, "do not agree"),
        (88, 1, "do not agree"), (88, 2**31 - 1, "cut"), (56, 0, "precision"), (84, 8, "step of its packing"),
        (84, 73, "step of its packing"), (72, -(2**31), "range of positions"), (88, 40, "damaged"),
    ],
)  # fmt: skip
def test_heads_that_make_no_sense_are_refused(tmp_path: Path, at: int, value: int, says: str) -> None:
    truth = walk(ORTHOGONAL)
    data = xtc_bytes(truth.wrapped, truth.cells, TIMES, STEPS)
    place = sum(len(xtc_frame(truth.wrapped[k], truth.cells[k], 0, 0.0, seed=k)) for k in range(2)) + at
    path = tmp_path / "a.xtc"
    path.write_bytes(data[:place] + struct.pack(">i", value) + data[place + 4 :])
    if says == "cut":
        with pytest.warns(VanhoveWarning, match="cut"):
            assert vh.open(path, species=LABELS).n_frames == 2
        return
    with pytest.raises(Refusal) as caught:
        _ = vh.open(path, species=LABELS).positions
    assert says in str(caught.value)
    if at != 88 or value != 40:
        assert "frame 2" in caught.value.where


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_small_system_that_went_wrong_names_frame_and_atom(tmp_path: Path, value: float) -> None:
    truth = walk(ORTHOGONAL, atoms=5)
    positions = truth.wrapped.copy()
    positions[3, 2, 1] = value
    traj = vh.open(put(tmp_path / "a.xtc", positions, truth.cells), species=["Li"] * 5)
    with pytest.raises(Refusal, match="position") as caught:
        _ = traj.positions
    assert "frame 3, atom 3" in caught.value.where


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_no_damage_leads_out_of_the_frames(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], wide: bool
) -> None:
    truth = walk(TRICLINIC, frames=2, atoms=40)
    data = bytearray(xtc_bytes(truth.wrapped, truth.cells, [0, 1], [0, 1], wide=wide))
    for place, value in changes:
        data[56 + place % (len(data) - 56)] = value  # the packed parts: the rest is damaged elsewhere
    path = tmp_path_factory.mktemp("xtc") / "a.xtc"
    path.write_bytes(data)
    contents = None
    try:
        contents = scan(path, Options(species=["Li"] * 40))
        assert contents.frames is not None
        blocks = [block.positions for block in contents.frames(10**6)]
    except (Refusal, VanhoveWarning):
        return
    assert all((np.abs(block) < 1e8).all() for block in blocks)


def test_blocks_keep_to_the_memory_and_frames_can_be_sent_elsewhere(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=40)
    path = put(tmp_path / "a.xtc", truth.wrapped, truth.cells, times=range(40), steps=range(40))
    frames = pickle.loads(pickle.dumps(scan(path, Options(species=LABELS)).frames))
    small = [block.positions for block in frames(20 * 24 * 20)]
    assert max(map(len, small)) <= 20
    np.testing.assert_array_equal(np.concatenate(small), np.concatenate([b.positions for b in frames(10**9)]))
    np.testing.assert_allclose(np.concatenate(small), truth.wrapped, atol=ROUNDING)


# peers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("precision", [100.0, 1000.0, 1e5])
def test_mdanalysis_reads_what_we_write(tmp_path: Path, precision: float) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = walk(NPT, atoms=300, step=0.3)
    path = put(tmp_path / "a.xtc", truth.wrapped, truth.cells, precision=precision)
    universe = mda.Universe.empty(300).load_new(str(path))
    ours = vh.open(path, species=["Li"] * 300, unwrap="none")
    for frame, theirs in enumerate(universe.trajectory):
        np.testing.assert_allclose(ours.positions[frame], theirs.positions, atol=2e-6)
        np.testing.assert_allclose(ours.cells[frame], theirs.triclinic_dimensions, atol=1e-4)
        assert theirs.time == pytest.approx(ours.times[frame], abs=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("atoms", "edge", "digits"),
    [(1, 20, 3), (9, 20, 3), (10, 20, 3), (999, 30, 3), (999, 30, 1), (999, 40, 6), (300, 3000, 5), (300, 40000, 4)],
)
def test_we_read_what_mdanalysis_writes(tmp_path: Path, atoms: int, edge: float, digits: int) -> None:
    mda = pytest.importorskip("MDAnalysis")
    rng = np.random.default_rng(atoms)
    universe = mda.Universe.empty(atoms, trajectory=True)
    written = []
    with mda.Writer(str(tmp_path / "a.xtc"), n_atoms=atoms, precision=digits) as writer:
        for frame in range(4):
            positions = rng.uniform(0, edge, (atoms, 3))
            positions[1::3] = positions[0::3][: len(positions[1::3])] + rng.normal(
                0, 0.6, positions[1::3].shape
            )  # as water
            positions[2::3] = positions[0::3][: len(positions[2::3])] + rng.normal(0, 0.6, positions[2::3].shape)
            universe.dimensions = [edge * (1 + 0.1 * frame), edge, edge, 80, 75, 95]
            universe.atoms.positions = positions
            universe.trajectory.ts.time = 0.3 * frame
            writer.write(universe.atoms)
            written.append((positions, universe.trajectory.ts.triclinic_dimensions.copy()))
    ours = vh.open(tmp_path / "a.xtc", species=["Li"] * atoms, unwrap="none")
    rounding = (0.5 * 10 * 10.0**-digits if atoms > 9 else 0) + 2e-7 * edge
    np.testing.assert_allclose(ours.positions, [positions for positions, _ in written], atol=rounding)
    np.testing.assert_allclose(ours.cells, [cell for _, cell in written], atol=1e-6 * edge)
    np.testing.assert_allclose(ours.times, 0.3 * np.arange(4), atol=1e-9)
    theirs = mda.Universe.empty(atoms).load_new(str(tmp_path / "a.xtc"))
    for frame, block in enumerate(theirs.trajectory):
        np.testing.assert_allclose(ours.positions[frame], block.positions, atol=2e-7 * edge)
