"""LAMMPS dumps: every kind of coordinates in every kind of box gives the planted truth, and bad files say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from written import COLUMNS, GENERAL, NAMES, ORTHOGONAL, TRICLINIC, dump_text, moved, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning

BOXES = {"orthogonal": ORTHOGONAL, "triclinic": TRICLINIC, "general": GENERAL}


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_columns_in_every_box(tmp_path: Path, kind: str, box: str) -> None:
    truth = walk(BOXES[box])
    path = put(tmp_path / "run.dump", dump_text(truth, COLUMNS[kind], general=box == "general"))
    traj = vh.open(path, species=NAMES, timestep=0.001)
    assert traj.n_frames == 6
    assert traj.n_atoms == 20
    assert traj.constant_cell
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.cells[0], BOXES[box], atol=1e-12)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.1)
    if kind in ("x", "xs"):  # where it starts among the images is not known to the file
        np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=1e-6)
    else:
        np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-6)
    np.testing.assert_allclose(moved(traj.read_paths()), moved(truth.unwrapped), atol=1e-6)


@pytest.mark.parametrize("columns", ["zu vx type yu id q xu", "mol id fx yu zu type xu", "xu yu zu type id"])
def test_columns_in_any_order_with_others_between(tmp_path: Path, columns: str) -> None:
    truth = walk(TRICLINIC)
    plain = dump_text(truth, columns.replace("q", "vy").replace("mol", "ix").replace("fx", "vz"))
    path = put(tmp_path / "run.dump", plain)
    traj = vh.open(path, species=NAMES, timestep=0.001)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-12)
    assert not traj.has_velocities


@pytest.mark.parametrize("kind", ["xu", "x", "xs+i"])
def test_gzip_reads_as_the_text(tmp_path: Path, kind: str) -> None:
    text = dump_text(walk(TRICLINIC), COLUMNS[kind])
    plain = vh.open(put(tmp_path / "a.dump", text), species=NAMES, timestep=1.0)
    packed = vh.open(put(tmp_path / "a.dump.gz", text), species=NAMES, timestep=1.0)
    np.testing.assert_array_equal(plain.positions, packed.positions)


def test_cells_that_change_are_kept_per_frame(tmp_path: Path) -> None:
    cells = TRICLINIC * np.linspace(1, 1.06, 6)[:, None, None]
    truth = walk(cells)
    traj = vh.open(put(tmp_path / "a.dump", dump_text(truth, COLUMNS["x+i"])), species=NAMES, timestep=1.0)
    assert not traj.constant_cell
    np.testing.assert_allclose(traj.cells, cells, atol=1e-12)
    np.testing.assert_allclose(traj.positions, truth.unwrapped, atol=1e-6)


def test_velocities_need_units(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    path = put(tmp_path / "a.dump", dump_text(truth, "id type xu yu zu vx vy vz"))
    without = vh.open(path, species=NAMES, timestep=1.0)
    assert not without.has_velocities
    with pytest.raises(Refusal, match="units="):
        _ = without.velocities
    for units, factor in {"metal": 1.0, "real": 1000.0}.items():
        traj = vh.open(path, species=NAMES, timestep=1.0, units=units)
        np.testing.assert_allclose(traj.velocities, truth.velocities * factor, rtol=1e-12)
        np.testing.assert_array_equal(traj.positions, truth.unwrapped)


def test_lengths_follow_the_unit_style(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    path = put(tmp_path / "a.dump", dump_text(truth, "id type xsu ysu zsu vx vy vz"))
    traj = vh.open(path, species=NAMES, timestep=1.0, units="nano")
    np.testing.assert_allclose(traj.positions, truth.unwrapped * 10, atol=1e-5)
    np.testing.assert_allclose(traj.cells[0], ORTHOGONAL * 10)
    np.testing.assert_allclose(traj.velocities, truth.velocities * 0.01)
    with pytest.raises(Refusal, match="lj"):
        vh.open(path, species=NAMES, timestep=1.0, units="lj")
    with pytest.raises(Refusal, match="metal"):
        vh.open(path, species=NAMES, timestep=1.0, units="mettal")


@pytest.mark.parametrize(("units", "ps"), [("real", 1e-3), ("metal", 1.0)])
def test_units_and_time_in_the_file_are_used(tmp_path: Path, units: str, ps: float) -> None:
    text = dump_text(walk(ORTHOGONAL, frames=2))
    first, second = text.split("ITEM: TIMESTEP\n100\n")
    timed = f"ITEM: UNITS\n{units}\nITEM: TIME\n0\n{first}ITEM: TIME\n250.5\nITEM: TIMESTEP\n100\n{second}"
    path = put(tmp_path / "a.dump", timed)
    np.testing.assert_allclose(vh.open(path, species=NAMES).times, [0, 250.5 * ps])
    with pytest.warns(VanhoveWarning, match="overrides the file's times"):
        traj = vh.open(path, species=NAMES, timestep=1.0)
    np.testing.assert_allclose(traj.times, [0, 100.0])


def test_log_spaced_steps_keep_their_times(tmp_path: Path) -> None:
    steps = [0, 166, 1000, 2000, 4000, 8000]
    path = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL), steps=steps))
    np.testing.assert_allclose(vh.open(path, species=NAMES, timestep=0.002).times, np.array(steps) * 0.002)
    with pytest.warns(VanhoveWarning, match="not evenly spaced"):
        vh.open(path, species=NAMES, spacing=0.1)


def test_missing_time_names_the_argument(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL)))
    with pytest.raises(Refusal, match="does not say when") as caught:
        vh.open(path, species=NAMES)
    assert "timestep=" in caught.value.do
    assert "--timestep" in caught.value.do
    assert str(path) in caught.value.where


def test_one_frame_needs_no_clock(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL, frames=1)))
    assert vh.open(path, species=NAMES).times.tolist() == [0.0]


def test_a_restart_within_the_file_replaces_what_it_repeats(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    path = put(tmp_path / "a.dump", dump_text(truth, steps=[0, 100, 200, 100, 200, 300]))
    with pytest.warns(VanhoveWarning, match="Steps go back"):
        traj = vh.open(path, species=NAMES, timestep=1.0)
    np.testing.assert_allclose(traj.times, [0, 100, 200, 300])
    np.testing.assert_array_equal(traj.positions, truth.unwrapped[[0, 3, 4, 5]])
    once = vh.open(
        put(tmp_path / "b.dump", dump_text(truth, steps=[0, 100, 200, 200, 300, 400])), species=NAMES, timestep=1
    )
    np.testing.assert_array_equal(once.positions, truth.unwrapped[[0, 1, 3, 4, 5]])


# bad files


def broken(tmp_path: Path, change: tuple[str, str], columns: str = COLUMNS["xu"]) -> Refusal:
    """The refusal of a dump in which ``change`` was made once, after its second frame began."""
    text = dump_text(walk(ORTHOGONAL, frames=3), columns, shuffle=False)
    place = text.index("ITEM: TIMESTEP\n100\n")
    assert change[0] in text[place:]
    path = put(tmp_path / "bad.dump", text[:place] + text[place:].replace(*change, 1))
    with pytest.raises(Refusal) as caught:
        _ = vh.open(path, species=NAMES, timestep=1.0).positions
    assert str(path) in caught.value.where
    assert "frame 1" in caught.value.where
    assert caught.value.do
    return caught.value


def row_of(text_columns: str, number: int = 4) -> str:
    text = dump_text(walk(ORTHOGONAL, frames=3), text_columns, shuffle=False)
    return text[text.index("ITEM: TIMESTEP\n100\n") :].split("\n")[9 + number]


def test_a_frame_with_other_columns(tmp_path: Path) -> None:
    said = broken(tmp_path, ("ITEM: ATOMS id type xu yu zu", "ITEM: ATOMS id type xu yu"))
    assert "columns change" in said.what


def test_a_frame_with_another_number_of_atoms(tmp_path: Path) -> None:
    assert "number of atoms changes from 20 to 19" in broken(tmp_path, ("ATOMS\n20", "ATOMS\n19")).what


def test_a_row_too_many(tmp_path: Path) -> None:
    row = row_of(COLUMNS["xu"])
    text = dump_text(walk(ORTHOGONAL, frames=3), shuffle=False)
    path = put(tmp_path / "bad.dump", text.replace(row, f"{row}\n{row}"))
    with pytest.raises(Refusal, match="where a frame should begin"):
        vh.open(path, species=NAMES, timestep=1.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda row: row.rsplit(" ", 1)[0], "fewer than the 5 columns"),
        (lambda row: row + " 1.0", "more than the 5 columns"),
        (lambda row: row.rsplit(" ", 1)[0] + " nan", "'nan', not a finite number"),
        (lambda row: row.rsplit(" ", 1)[0] + " -inf", "'-inf', not a finite number"),
        (lambda row: row.rsplit(" ", 1)[0] + " 1.0x", "'1.0x' is not a number"),
        (lambda row: row.rsplit(" ", 1)[0] + " ****", "'****' is not a number"),
        (lambda row: "999 " + row.split(" ", 1)[1], "an atom that the first one does not"),
        (lambda row: "1 " + row.split(" ", 1)[1], "an atom twice"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(tmp_path: Path, change: object, says: str) -> None:
    row = row_of(COLUMNS["xu"])
    said = broken(tmp_path, (row, change(row)))  # type: ignore[operator]  # parametrized by small functions
    assert says in said.what
    assert "step 100" in said.where
    assert "atom " in said.where


def test_an_atom_that_changes_its_type(tmp_path: Path) -> None:
    row = row_of(COLUMNS["xu"])
    words = row.split()
    words[1] = str(int(words[1]) % 3 + 1)
    assert "another species" in broken(tmp_path, (row, " ".join(words))).what


@pytest.mark.parametrize(
    ("columns", "says"), [("type xu yu zu", "no ids"), ("id type xu yu", "no full set"), ("id type x ys z", "full set")]
)
def test_missing_columns_are_refused(tmp_path: Path, columns: str, says: str) -> None:
    path = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL), columns))
    with pytest.raises(Refusal, match=says):
        vh.open(path, species=NAMES, timestep=1.0)


def test_unwrap_file_needs_something_to_go_by(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dump", dump_text(walk(ORTHOGONAL), COLUMNS["x"]))
    with pytest.raises(Refusal, match="image flags"):
        vh.open(path, species=NAMES, timestep=1.0, unwrap="file")


def test_an_open_boundary_is_said(tmp_path: Path) -> None:
    text = dump_text(walk(ORTHOGONAL)).replace("pp pp pp", "pp pp fs")
    with pytest.warns(VanhoveWarning, match="not periodic along z"):
        vh.open(put(tmp_path / "a.dump", text), species=NAMES, timestep=1.0)


def test_a_box_without_volume(tmp_path: Path) -> None:
    text = dump_text(walk(ORTHOGONAL))
    first = text.split("\n")[5]
    with pytest.raises(Refusal, match="ends before it begins"):
        vh.open(put(tmp_path / "a.dump", text.replace(first, "0.0 0.0")), species=NAMES, timestep=1.0)
    flat = dump_text(walk(GENERAL), general=True)
    second = flat.split("\n")[6]
    with pytest.raises(Refusal, match="no volume"):
        vh.open(put(tmp_path / "b.dump", flat.replace(second, "0.0 0.0 0.0 0.0")), species=NAMES, timestep=1.0)


# cut files


def cut_places(text: str) -> list[int]:
    """Cuts in every line of a frame's header, at its start and middle, and in its rows."""
    second = text.index("ITEM: TIMESTEP\n100\n")
    lengths = [len(line) + 1 for line in text[second:].split("\n")[:15]]
    starts = second + np.cumsum([0, *lengths])[:-1]
    return sorted({int(s) for s in starts[1:]} | {int(s + n // 2) for s, n in zip(starts, lengths, strict=True)})


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_cut_inside_a_frame_gives_the_whole_ones(tmp_path: Path, packed: bool) -> None:
    truth = walk(TRICLINIC, frames=2)
    text = dump_text(truth)
    for place in [*cut_places(text), len(text) - 3]:
        path = put(tmp_path / f"cut{place}.dump{'.gz' if packed else ''}", text[:place])
        with pytest.warns(VanhoveWarning, match="frame 1") as caught:
            traj = vh.open(path, species=NAMES, timestep=1.0)
        assert "its first frame is used" in str(caught[0].message)
        np.testing.assert_array_equal(traj.positions, truth.unwrapped[:1])


def test_a_packed_file_without_its_end(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=40)
    path = put(tmp_path / "a.dump.gz", dump_text(truth))
    whole = path.read_bytes()
    for keep in (len(whole) - 1, len(whole) - 9, len(whole) * 3 // 4, len(whole) // 2):
        path.write_bytes(whole[:keep])
        with pytest.warns(VanhoveWarning, match="cut"):
            traj = vh.open(path, species=NAMES, timestep=1.0)
        assert 10 < traj.n_frames <= 40
        np.testing.assert_array_equal(traj.positions, truth.unwrapped[: traj.n_frames])
    for keep in (3, 12, 200):
        path.write_bytes(whole[:keep])
        with pytest.raises(Refusal, match="no whole frame"):
            vh.open(path, species=NAMES, timestep=1.0, format="lammps-dump")


def test_damaged_packing_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.dump.gz", dump_text(walk(TRICLINIC, frames=40)))
    data = bytearray(path.read_bytes())
    data[-6] ^= 0xFF  # the checksum
    path.write_bytes(data)
    with pytest.raises(Refusal, match="gzip data is damaged"):
        vh.open(path, species=NAMES, timestep=1.0)


def test_packed_members_one_after_the_other(tmp_path: Path) -> None:
    truth = walk(TRICLINIC, frames=4)
    text = dump_text(truth)
    half = text.index("ITEM: TIMESTEP\n200\n")
    path = tmp_path / "a.dump.gz"
    first, second = put(tmp_path / "1.gz", text[:half]), put(tmp_path / "2.gz", text[half:])
    path.write_bytes(first.read_bytes() + second.read_bytes() + b"\0" * 100)
    np.testing.assert_array_equal(vh.open(path, species=NAMES, timestep=1.0).positions, truth.unwrapped)


def test_without_one_whole_frame(tmp_path: Path) -> None:
    text = dump_text(walk(ORTHOGONAL, frames=1))
    for place in (20, 60, len(text) // 2, len(text) - 4):
        path = put(tmp_path / "a.dump", text[:place])
        with pytest.raises(Refusal, match="no whole frame") as caught:
            vh.open(path, species=NAMES, timestep=1.0)
        assert "ends in the" in caught.value.where


def test_a_last_line_without_its_end(tmp_path: Path) -> None:
    head = "ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\n"
    head += "ITEM: ATOMS id type x y z\n"
    rows = "1 1 0.25 0.50 1.25\n2 1 1.00 2.00 3.75"
    text = head.format(0) + rows + "\n" + head.format(1) + rows
    traj = vh.open(put(tmp_path / "a.dump", text), species={1: "Li"}, timestep=1.0)  # every digit is there
    assert traj.n_frames == 2
    assert traj.positions[1, 1].tolist() == [1.0, 2.0, 3.75]
    for cut in (1, 2, 3, 4, 5):  # 3.7, 3., 3, nothing: none of them may count
        with pytest.warns(VanhoveWarning, match="cut"):
            assert vh.open(put(tmp_path / "b.dump", text[:-cut]), species={1: "Li"}, timestep=1.0).n_frames == 1


def test_windows_line_ends_and_tabs(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    text = dump_text(truth, COLUMNS["xs+i"])
    path = put(tmp_path / "a.dump", text.replace("\n", "\r\n").replace(" 1 ", "\t1  "))
    np.testing.assert_allclose(vh.open(path, species=NAMES, timestep=1.0).positions, truth.unwrapped, atol=1e-6)


# peers


@pytest.mark.filterwarnings("ignore:Guessed all Masses", "ignore:Reader has no dt")
@pytest.mark.parametrize("kind", ["xu", "x"])
def test_mdanalysis_reads_the_same(tmp_path: Path, kind: str) -> None:
    mda = pytest.importorskip("MDAnalysis")
    truth = walk(TRICLINIC)
    truth = replace(truth, origins=truth.origins * 0, unwrapped=truth.unwrapped - truth.origins[:, None])
    path = put(tmp_path / "a.lammpsdump", dump_text(truth, COLUMNS[kind]))
    universe = mda.Universe(
        str(path), format="LAMMPSDUMP", topology_format="LAMMPSDUMP",
        lammps_coordinate_convention="unwrapped" if kind == "xu" else "unscaled",
    )  # fmt: skip
    theirs = np.array([frame.positions.copy() for frame in universe.trajectory])
    ours = vh.open(path, species=NAMES, timestep=1.0, unwrap="none")
    np.testing.assert_allclose(ours.positions, theirs, atol=1e-4)  # theirs are in single precision
