"""CP2K's xyz with velocities and cells beside it, written with the formats of its source, against the planted truth."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from ab_initio_files import AU_SPEED, INPUT, LABELS, NPT, STEP, Frames, motion, table, xyz
from written import GENERAL, TRICLINIC, moved, put

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers import format_of, scan


def run(
    folder: Path, steps: Frames, *, cells: np.ndarray = GENERAL, cell_steps: Frames | None = None,
    speed_steps: Frames | None = None, suffix: str = "", labels: list[str] = LABELS,
) -> Path:  # fmt: skip
    """The files of a run; velocities where their steps are given."""
    put(folder / f"X-1.cell{suffix}", table(steps if cell_steps is None else cell_steps, cells))
    if speed_steps is not None:
        put(folder / f"X-vel-1.xyz{suffix}", xyz(speed_steps, motion(speed_steps)[1] / AU_SPEED, labels))
    return put(folder / f"X-pos-1.xyz{suffix}", xyz(steps, motion(steps)[0], labels))


def notes_of(traj: vh.trajectory.Trajectory) -> str:
    return "; ".join(traj.history[0]["parameters"]["notes"])


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_run_with_velocities(tmp_path: Path, suffix: str) -> None:
    steps = list(range(0, 90, 10))
    positions, velocities = motion(steps)
    path = run(tmp_path, steps, speed_steps=steps, suffix=suffix)
    assert format_of(path) == "cp2k-xyz"
    traj = vh.open(path)
    assert traj.species.tolist() == LABELS
    assert traj.constant_cell
    np.testing.assert_allclose(traj.cells[0], GENERAL)
    np.testing.assert_allclose(traj.times, np.array(steps) * STEP / 1e3, rtol=1e-14)
    np.testing.assert_allclose(traj.positions, positions, atol=1e-9)
    np.testing.assert_allclose(traj.velocities, velocities, atol=1e-5)  # 10 decimals of an atomic unit
    assert f"X-vel-1.xyz{suffix}, taken to be in CP2K's default unit, bohr*au_t^-1" in notes_of(traj)


def test_velocities_are_what_the_positions_do(tmp_path: Path) -> None:
    steps = list(range(7))
    traj = vh.open(run(tmp_path, steps, speed_steps=steps))
    between = (traj.positions[2:] - traj.positions[:-2]) / (2 * STEP / 1e3)
    error = 0.4 * 90**3 * (STEP / 1e3) ** 2 / 6  # of the central difference: A ω³ h² / 6
    np.testing.assert_allclose(traj.velocities[1:-1], between, atol=error + 1e-5)


def test_ase_reads_the_same_positions(tmp_path: Path) -> None:
    io = pytest.importorskip("ase.io")
    path = run(tmp_path, list(range(4)))
    images = io.read(path, index=":", format="xyz")
    traj = vh.open(path, unwrap="none")
    np.testing.assert_allclose(traj.positions, [image.positions for image in images], atol=1e-14)
    assert traj.species.tolist() == images[0].get_chemical_symbols()


def test_a_changing_cell_is_matched_by_step(tmp_path: Path) -> None:
    steps = list(range(0, 90, 10))
    every = list(range(85))
    cells = TRICLINIC * (1 + 2e-4 * np.array(every))[:, None, None]
    traj = vh.open(run(tmp_path, steps, cells=cells, cell_steps=every, speed_steps=steps))
    assert not traj.constant_cell
    np.testing.assert_allclose(traj.cells, cells[steps], atol=1e-9)
    inverse = np.linalg.inv(traj.cells)
    scaled = np.einsum("fai,fij->faj", traj.positions - motion(steps)[0], inverse)
    np.testing.assert_allclose(scaled, np.round(scaled), atol=1e-7)
    np.testing.assert_allclose(traj.velocities, motion(steps)[1], atol=1e-5)


def test_wrapped_and_running_positions_give_the_same_paths(tmp_path: Path) -> None:
    steps = list(range(0, 900, 10))
    path = run(tmp_path, steps)
    truth = motion(steps)[0]
    np.testing.assert_allclose(moved(vh.open(path).positions), moved(truth), atol=1e-8)
    scaled = truth @ np.linalg.inv(GENERAL)
    put(path, xyz(steps, (scaled % 1) @ GENERAL))
    np.testing.assert_allclose(moved(vh.open(path).positions), moved(truth), atol=1e-8)
    with pytest.raises(Refusal, match="unwrap='file'"):
        vh.open(path, unwrap="file")


def test_cells_that_are_missing(tmp_path: Path) -> None:
    steps = list(range(0, 90, 10))
    path = run(tmp_path, steps, cells=NPT[:8], cell_steps=[s for s in steps if s != 50])
    with pytest.raises(Refusal, match="cell at step 50 is not known, nor at 0 other") as caught:
        vh.open(path)
    assert "EACH" in caught.value.do
    path = run(tmp_path, steps, cells=NPT[:6], cell_steps=steps[:6], speed_steps=steps)
    with pytest.warns(VanhoveWarning, match="3 frames after it are left out"):
        traj = vh.open(path)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.005)
    np.testing.assert_allclose(traj.velocities, motion(steps[:6])[1], atol=1e-5)
    assert len(traj.cells) == 6
    assert vh.open(run(tmp_path, steps, cell_steps=[0])).n_frames == 9  # a cell that stays needs no steps


def test_velocities_at_other_steps(tmp_path: Path) -> None:
    steps = list(range(0, 90, 10))
    finer = vh.open(run(tmp_path, steps, speed_steps=list(range(0, 90, 5))))
    np.testing.assert_allclose(finer.velocities, motion(steps)[1], atol=1e-5)
    coarser = vh.open(run(tmp_path, steps, speed_steps=list(range(0, 90, 20))))
    assert not coarser.has_velocities
    assert coarser.n_frames == 9
    assert "the velocities are left out: X-vel-1.xyz does not have step 10" in notes_of(coarser)
    path = run(tmp_path, steps, speed_steps=steps[:-1])
    with pytest.warns(VanhoveWarning, match="The last frame is left out"):
        cut = vh.open(path)
    np.testing.assert_allclose(cut.velocities, motion(steps[:-1])[1], atol=1e-5)
    (tmp_path / "X-vel-1.xyz").write_bytes(b"")
    assert not vh.open(path).has_velocities
    put(tmp_path / "X-vel-1.xyz", xyz(steps, motion(steps)[1][:, :5], LABELS[:5]))
    with pytest.raises(Refusal, match="not of the same atoms"):
        vh.open(path)
    put(tmp_path / "X-vel-1.xyz", xyz(steps, motion(steps)[1] / AU_SPEED, LABELS[::-1]))
    with pytest.raises(Refusal, match="of another species"):
        _ = vh.open(path).velocities


def test_restarts(tmp_path: Path) -> None:
    steps = [0, 10, 20, 30, 30, 40, 50]  # a restart writes its first step again
    path = run(tmp_path, steps, speed_steps=steps)
    traj = vh.open(path)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.005)
    np.testing.assert_allclose(traj.velocities, motion(list(range(0, 60, 10)))[1], atol=1e-5)
    assert "left out as repeated later in the file: 1 frame" in notes_of(traj)
    back = [0, 10, 20, 30, 40, 20, 30, 40, 50]
    with pytest.warns(VanhoveWarning, match="frames 2 to 4 lie before a restart"):
        traj = vh.open(run(tmp_path, back, cells=NPT))
    np.testing.assert_allclose(traj.positions[0], motion([0])[0][0], atol=1e-8)
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.005)
    np.testing.assert_allclose(traj.cells, NPT[[0, 1, 5, 6, 7, 8]], atol=1e-9)


def test_runs_that_follow_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, steps in zip(folders, ([0, 10, 20, 30], [30, 40, 50]), strict=True):
        folder.mkdir()
        run(folder, steps, speed_steps=steps)
    traj = vh.open([folder / "X-pos-1.xyz" for folder in folders])
    np.testing.assert_allclose(traj.times, np.arange(6) * 0.005)
    np.testing.assert_allclose(traj.velocities, motion(list(range(0, 60, 10)))[1], atol=1e-5)


def test_times(tmp_path: Path) -> None:
    steps = list(range(0, 4000, 7))
    path = run(tmp_path, steps)
    put(path, xyz(steps, motion(steps)[0], step=0.3333333))
    traj = vh.open(path)
    np.testing.assert_allclose(traj.times, np.array(steps) * 0.3333333e-3, atol=1.1e-6)
    assert np.ptp(np.diff(traj.times)) < 1e-12  # what was rounded to 0.001 fs is even again
    changed = [0, 1, 2, 12, 22]  # a restart with another step: the printed times count
    text = xyz(changed[:3], motion(changed[:3])[0]) + xyz(changed[3:], motion(changed[3:])[0], step=0.25)
    np.testing.assert_allclose(vh.open(put(path, text)).times, [0, 0.0005, 0.001, 0.003, 0.0055])
    put(path, xyz(steps[:5], motion(steps[:5])[0], time=False))
    assert format_of(path) == "cp2k-xyz"
    with pytest.raises(Refusal, match="spacing="):
        vh.open(path)
    np.testing.assert_allclose(vh.open(path, spacing=0.1).times, np.arange(5) * 0.1)
    np.testing.assert_allclose(vh.open(path, timestep=0.01).times, np.array(steps[:5]) * 0.01)


@pytest.mark.parametrize(
    ("lines", "cell"),
    [
        ("ABC 8.0 10.0 12.0", np.diag([8.0, 10, 12])),
        ("abc [nm] 0.8 1.0 1.2D0\nPERIODIC xyz", np.diag([8.0, 10, 12])),
        ("ABC 8.0 10.0 12.0\nALPHA_BETA_GAMMA 90 85 120", None),
        ("A 8.0 1.0 -0.5\nB 2.0 1.0E+01 1.0\nC [angstrom] -1.0 2.0 12.0", GENERAL),
        ("A [bohr] 10 0 0\nB 0 10 0\nC 0 0 10", np.diag([5.29177210903, 10, 10])),
        ("ABC 4.0 5.0 6.0\nMULTIPLE_UNIT_CELL 2 2 2", np.diag([8.0, 10, 12])),
    ],
)
def test_a_cell_from_the_input(tmp_path: Path, lines: str, cell: np.ndarray | None) -> None:
    steps = list(range(5))
    path = run(tmp_path, steps, speed_steps=steps)
    put(tmp_path / "X-vel-1.xyz", xyz(steps, motion(steps)[1] / 1e3))
    told = put(tmp_path / "run.inp", INPUT.replace("CELL_LINES", lines))
    traj = vh.open(path, topology=told)
    if cell is None:
        ase = pytest.importorskip("ase.geometry")
        cell = ase.cellpar_to_cell([8, 10, 12, 90, 85, 120])
    np.testing.assert_allclose(traj.cells[0], cell, atol=1e-9)
    assert traj.temperature == 600
    np.testing.assert_allclose(traj.velocities, motion(steps)[1], atol=1e-6)  # in the unit that the input says


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("ENSEMBLE NVT", "ENSEMBLE NPT_F", "changes its cell"), ("run_type MD", "RUN_TYPE CELL_OPT", "CELL_OPT"),
        ("CELL_LINES", "ABC 8 ${B} 12", "is not 3 numbers"), ("CELL_LINES", "ABC 8 10", "is not 3 numbers"),
        ("CELL_LINES", "CELL_FILE_NAME a.cif", "neither A, B, C nor ABC"), ("&SUBSYS", "&OTHER", "no &CELL"),
        ("UNIT angstrom*fs^-1", "UNIT hartree", "not known"), ("UNIT angstrom*fs^-1", "UNIT fs", "no unit of velocity"),
        ("&FORCE_EVAL", "&FORCE_EVAL\n&SUBSYS\n&CELL\nABC 1 2 3\n&END\n&END\n&END\n&FORCE_EVAL", "which differ"),
        ("&GLOBAL", "&A\n" * 80 + "&GLOBAL", "too deep"),
        ("CELL_LINES", "ABC 8 10 12\nALPHA_BETA_GAMMA 20 20 150", "no volume"),
    ],
)  # fmt: skip
def test_inputs_that_say_no_cell(tmp_path: Path, old: str, new: str, what: str) -> None:
    path = run(tmp_path, [0, 1])
    told = put(tmp_path / "run.inp", INPUT.replace(old, new).replace("CELL_LINES", "ABC 8 10 12"))
    with pytest.raises(Refusal, match=what):
        vh.open(path, topology=told)


def test_what_else_the_input_says(tmp_path: Path) -> None:
    path = run(tmp_path, [0, 1])
    text = INPUT.replace("CELL_LINES", "ABC 8 10 12\nPERIODIC XY")
    with pytest.warns(VanhoveWarning, match="PERIODIC XY"):
        vh.open(path, topology=put(tmp_path / "run.inp", text))
    text = INPUT.replace("CELL_LINES", "ABC 8 10 12").replace(
        "&VELOCITIES\n      UNIT angstrom*fs^-1", "&TRAJECTORY\nUNIT bohr"
    )
    traj = vh.open(path, topology=put(tmp_path / "run.inp", text.replace("TYPE", "REGION").replace("NVT", "NVE")))
    np.testing.assert_allclose(traj.positions, motion([0, 1])[0] * 0.529177210903, atol=1e-9)
    assert traj.temperature is None
    annealed = text.replace("ENSEMBLE", "ANNEALING 0.99\nENSEMBLE")
    assert vh.open(path, topology=put(tmp_path / "run.inp", annealed)).temperature is None


def test_no_cell_names_what_to_give(tmp_path: Path) -> None:
    path = run(tmp_path, [0, 1, 2])
    (tmp_path / "X-1.cell").rename(tmp_path / "kept.cell")
    with pytest.raises(Refusal, match="without a cell") as caught:
        vh.open(path)
    assert "topology='run.inp'" in caught.value.do
    put(tmp_path / "X-1.restart", INPUT)
    with pytest.raises(Refusal, match=r"topology='X-1\.restart'"):
        vh.open(path)
    np.testing.assert_allclose(vh.open(path, topology=tmp_path / "kept.cell").cells[0], GENERAL)
    renamed = path.rename(tmp_path / "renamed.xyz")
    with pytest.raises(Refusal, match=r"no X-1\.cell"):
        vh.open(renamed)
    assert vh.open(renamed, topology=tmp_path / "kept.cell").n_frames == 3
    for kind, what in (("vel", "velocities"), ("frc", "forces")):
        other = put(tmp_path / f"X-{kind}-1.xyz", xyz([0], motion([0])[1]))
        with pytest.raises(Refusal, match=f"holds {what}, not positions"):
            vh.open(other)


def test_velocities_in_another_unit_are_noticed(tmp_path: Path) -> None:
    steps = list(range(5))
    path = run(tmp_path, steps, speed_steps=steps)
    put(tmp_path / "X-vel-1.xyz", xyz(steps, motion(steps)[1] / 1e3))
    with pytest.warns(VanhoveWarning, match="21.9 times as fast from step 0 to 1"):
        vh.open(path)
    traj = vh.open(path, units="real")
    np.testing.assert_allclose(traj.velocities, motion(steps)[1], atol=1e-6)
    far = [10 * s for s in steps]  # so far apart nothing can be said
    path = run(tmp_path, far, speed_steps=far)
    put(tmp_path / "X-vel-1.xyz", xyz(far, motion(far)[1] / 1e3))
    assert vh.open(path).has_velocities


def test_kinds_that_begin_with_an_element(tmp_path: Path) -> None:
    labels = ["Li1", "Li_a", "Li2x", "Li", "P1", "S", "S_2", "S2"]
    traj = vh.open(run(tmp_path, [0, 1], labels=labels))
    assert traj.species.tolist() == ["Li"] * 4 + ["P", "S", "S", "S"]
    assert "kind Li1 is taken as Li" in notes_of(traj)
    path = run(tmp_path, [0, 1], labels=["CA", *labels[1:]])  # of a protein or of calcium: not to be guessed
    with pytest.raises(Refusal, match="kind CA"):
        vh.open(path)
    named = vh.open(path, species={"CA": "C", "Li_a": "6Li", "Li": "7Li"})
    assert named.species.tolist() == ["C", "6Li", "7Li", "7Li", "P", "S", "S", "S"]
    assert vh.open(path, species=LABELS).species.tolist() == LABELS


def test_extended_xyz_is_not_mistaken(tmp_path: Path) -> None:
    text = '1\n i = 1, time = 2.0, Lattice="5 0 0 0 5 0 0 0 5"\nLi 0 0 0\n'
    assert format_of(put(tmp_path / "a.xyz", text)) == "extxyz"


def test_cut_files(tmp_path: Path) -> None:
    steps = list(range(0, 60, 10))
    path = run(tmp_path, steps, speed_steps=steps, cells=NPT[:6])
    texts = {name: (tmp_path / name).read_text() for name in ("X-pos-1.xyz", "X-vel-1.xyz", "X-1.cell")}
    for name, text in texts.items():
        place = text.rindex("\n", 0, len(text) - 8) + 9
        put(tmp_path / name, text[:place])
        with pytest.warns(VanhoveWarning) as caught:
            traj = vh.open(path)
        assert "The file was cut" in str(caught[0].message)
        np.testing.assert_allclose(traj.velocities, motion(steps[:5])[1], atol=1e-5)
        put(tmp_path / name, text)
    put(tmp_path / "X-1.cell", texts["X-1.cell"].rstrip("\n"))
    assert vh.open(path).n_frames == 6  # only the last line end is missing


@pytest.mark.parametrize("name", ["X-pos-1.xyz", "X-vel-1.xyz"])
@pytest.mark.parametrize("word", ["NaN", "********************"])
def test_what_is_no_number_is_named(tmp_path: Path, name: str, word: str) -> None:
    steps = [0, 10, 20, 30]
    path = run(tmp_path, steps, speed_steps=steps)
    values = motion(steps)[name != "X-pos-1.xyz"] / (1 if name == "X-pos-1.xyz" else AU_SPEED)
    bad = f"{values[2, 5, 1]:20.10f}"
    put(tmp_path / name, (tmp_path / name).read_text().replace(bad, f" {word}"))
    with pytest.raises(Refusal, match=r"not a (finite )?number") as caught:
        _ = vh.open(path).positions
    assert f"{name}, frame 2 (step 20), row 6 of 8" in caught.value.where


def test_damage_is_named(tmp_path: Path) -> None:
    path = run(tmp_path, [0, 10, 20], cells=NPT[:3])
    text, rows = path.read_text(), (tmp_path / "X-1.cell").read_text()
    for old, new, what in [
        (" i =       10", " j =       10", "not begin with its number"),
        ("       8\n i =       20", "7\n i = 20", "changes"),
        ("time =        5.000", "time =       x5.000", "no number"), ("i =       10", "i = ********", "does not begin"),
    ]:  # fmt: skip
        with pytest.raises(Refusal, match=what):
            vh.open(put(path, text.replace(old, new)))
    put(path, text)
    for old, new, what in [
        ("Ax [Angstrom]", "Ax [bohr]", "printed in bohr"), ("9.0225000000", "9.0235000000", "volume they span"),
        ("9.0225000000", "NaN", "volume they span"), ("      10", "      1O", "volume they span"),
        (rows, "x", "no whole"), (rows, "# Step", "no cell"), (rows, "y" * 200000, "does not end"),
    ]:  # fmt: skip
        with pytest.raises(Refusal, match=what):
            vh.open(path, topology=put(tmp_path / "X-1.cell", rows.replace(old, new)))


def test_small_blocks_and_other_processes_give_the_same(tmp_path: Path) -> None:
    steps = list(range(9))
    path = run(tmp_path, steps, speed_steps=steps, cells=NPT)
    frames = scan(path, Options()).frames
    assert frames is not None
    whole = list(frames(10**9))
    small = list(pickle.loads(pickle.dumps(frames))(1))
    assert len(small) > len(whole)
    for field in ("positions", "velocities"):
        ours, theirs = (np.concatenate([getattr(block, field) for block in blocks]) for blocks in (small, whole))
        np.testing.assert_array_equal(ours, theirs)
