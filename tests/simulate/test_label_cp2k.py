"""Labels from CP2K: single points of three layouts of the output, runs from their files, and what must not be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from label_files import Frames, cp2k_output, cp2k_run, cp2k_xyz, springs

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import System, labelled
from vanhove.simulate.cp2k_output import read_output

VERSIONS = [7.1, 2023.1, 2025.2]
INPUT = "&FORCE_EVAL\n &SUBSYS\n  &CELL\n{}  &END\n &END\n&END\n"


def cell_input(frames: Frames) -> str:
    rows = (f"   {name} " + " ".join(map(repr, row.tolist())) for name, row in zip("ABC", frames.cell[0], strict=True))
    return INPUT.format("\n".join(rows) + "\n")


def agree(system: System, frames: Frames, place: float = 1e-9, force: float = 3e-9) -> None:
    assert system.species == frames.species
    np.testing.assert_allclose(system.cell, frames.cell, atol=1e-9)
    np.testing.assert_allclose(system.positions, frames.positions, atol=place)
    np.testing.assert_allclose(system.forces, frames.forces, atol=force)
    np.testing.assert_allclose(system.energy, frames.energy, atol=3e-9)
    assert system.virial is not None
    np.testing.assert_allclose(system.virial, frames.virial, atol=2e-6)


@pytest.mark.parametrize("unit", ["GPa", "bar"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_single_point(tmp_path: Path, version: float, unit: str) -> None:
    frames = springs(1)
    (tmp_path / "point.out").write_text(cp2k_output(frames, version=version, unit=unit))
    with_three_decimals = labelled(tmp_path / "point.out").systems[0]
    assert "three decimals" in with_three_decimals.source
    np.testing.assert_allclose(with_three_decimals.cell, frames.cell, atol=1e-3)
    (tmp_path / "run.inp").write_text(cell_input(frames))
    (system,) = labelled(tmp_path / "point.out")
    agree(system, frames, 6e-7, 3e-7)
    assert system.name == "point"
    for said in (f"CP2K version {version}", "PBE", "DFT-D3", "500 Ry", "cell from run.inp"):
        assert said in system.source


def test_the_cell_of_another_input_is_not_taken(tmp_path: Path) -> None:
    frames = springs(1)
    (tmp_path / "point.out").write_text(cp2k_output(frames))
    (tmp_path / "run.inp").write_text(INPUT.format("   ABC 9 9 9\n"))
    np.testing.assert_allclose(labelled(tmp_path / "point.out").systems[0].cell, frames.cell, atol=1e-3)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_point_that_did_not_converge_is_refused(tmp_path: Path, version: float) -> None:
    path = tmp_path / "point.out"
    path.write_text(cp2k_output(springs(1), version=version, converged=[False]))
    with pytest.raises(Refusal, match="did not come to rest"):
        labelled(path)
    path.write_text(cp2k_output(springs(1), version=version, converged=[False], outer=True))
    assert labelled(path).frames == 1  # the inner loop may end early where the outer one converges


def test_points_that_lack_something_are_refused(tmp_path: Path) -> None:
    path, text = tmp_path / "point.out", cp2k_output(springs(1))
    for old, match in (
        ("ATOMIC FORCES in", "no forces"), ("ENERGY|", "no energy"), ("ATOMIC COORDINATES", "no atoms"),
        (" CELL| Vector a", "no cell"),
    ):  # fmt: skip
        path.write_text(text.replace(old, "nothing"))
        with pytest.raises(Refusal, match=match):
            labelled(path)
    path.write_text(text.replace("energy [a.u.]", "energy [kcal/mol]"))
    with pytest.raises(Refusal, match="energy is in kcal/mol"):
        labelled(path)
    path.write_text(text.replace("tensor [GPa]", "tensor [psi]"))
    with pytest.raises(Refusal, match="stress is in psi"):
        labelled(path)


@pytest.mark.filterwarnings("ignore::vanhove.base.errors.VanhoveWarning")
@pytest.mark.parametrize("version", VERSIONS)
def test_an_output_that_was_cut_gives_no_half_labels(tmp_path: Path, version: float) -> None:
    frames = springs(1, ("Li", "S"))
    path, text = tmp_path / "point.out", cp2k_output(frames, version=version)
    (tmp_path / "run.inp").write_text(cell_input(frames))
    whole = 0
    for cut in range(100, len(text) + 1, 83):
        path.write_text(text[:cut])
        try:
            (system,) = labelled(path)
        except Refusal:
            continue
        whole += 1
        np.testing.assert_allclose(system.forces, frames.forces, atol=3e-7)
        np.testing.assert_allclose(system.energy, frames.energy, atol=3e-9)
        if system.virial is not None:
            np.testing.assert_allclose(system.virial, frames.virial, atol=2e-6)
    assert whole


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run(tmp_path: Path, version: float) -> None:
    frames = springs(6, breathing=0.02)
    out = cp2k_run(tmp_path, frames, version=version)
    (system,) = labelled(out)
    agree(system, frames)
    assert system.name == "X"
    assert system.frame_of.tolist() == list(range(6))
    (bare,) = labelled(tmp_path / "X-pos-1.xyz")
    assert bare.virial is None
    assert "not known without its output" in bare.source
    np.testing.assert_array_equal(bare.energy, system.energy)
    np.testing.assert_array_equal(bare.forces, system.forces)


def test_a_run_in_one_cell(tmp_path: Path) -> None:
    frames = springs(4)
    out = cp2k_run(tmp_path, frames, cells=False)
    with pytest.raises(Refusal, match="without a cell"):
        labelled(out)
    (tmp_path / "run.inp").write_text(cell_input(frames))
    agree(labelled(out).systems[0], frames)
    (tmp_path / "run.inp").rename(tmp_path / "X-1.restart")
    assert labelled(tmp_path / "X-pos-1.xyz").frames == 4


def test_steps_that_did_not_converge_are_left_out(tmp_path: Path) -> None:
    frames = springs(5, breathing=0.01)
    out = cp2k_run(tmp_path, frames)
    out.write_text(cp2k_output(frames, run="MD", forces=False, converged=[True, False, None, True, False]))
    with pytest.warns(VanhoveWarning, match=r"2 frames are left out: their electrons.*frames 1, 4"):
        (system,) = labelled(out)
    assert system.frame_of.tolist() == [0, 2, 3]
    agree(system, frames.part([0, 2, 3]))


def test_steps_are_matched_by_their_numbers(tmp_path: Path) -> None:
    frames = springs(5, breathing=0.01)
    out = cp2k_run(tmp_path, frames)
    some = frames.part([0, 2, 4])
    (tmp_path / "X-frc-1.xyz").write_text(cp2k_xyz(some, some.forces / 51.422067476, [0, 2, 4]))
    with pytest.warns(VanhoveWarning, match=r"2 frames are left out: X-frc-1.xyz has no forces.*frames 1, 3"):
        (system,) = labelled(out)
    assert system.frame_of.tolist() == [0, 2, 4]
    agree(system, some, force=1e-6)


def test_files_of_other_runs_are_refused(tmp_path: Path) -> None:
    frames, others = springs(4), springs(4, seed=8)
    out = cp2k_run(tmp_path, frames)
    out.write_text(cp2k_output(others, run="MD", forces=False))
    with pytest.raises(Refusal, match="not of one run"):
        labelled(out)
    swapped = springs(4, frames.species[::-1])
    (tmp_path / "X-frc-1.xyz").write_text(cp2k_xyz(swapped, swapped.forces, list(range(4))))
    with pytest.raises(Refusal, match="another order"):
        labelled(tmp_path / "X-pos-1.xyz")
    (tmp_path / "X-frc-1.xyz").unlink()
    with pytest.raises(Refusal, match=r"no X-frc-1\.xyz beside it"):
        labelled(tmp_path / "X-pos-1.xyz")
    (tmp_path / "X-pos-1.xyz").unlink()
    with pytest.raises(Refusal, match="positions of the run are not beside"):
        labelled(out)


def test_the_output_tells_of_every_calculation(tmp_path: Path) -> None:
    frames = springs(3)
    path = tmp_path / "x.out"
    path.write_text(cp2k_output(frames, run="MD", converged=[True, None, False], ended=False))
    output = read_output(path)
    assert [one.converged for one in output.calculations] == [True, None, False]
    assert not output.ended
    for k, one in enumerate(output.calculations):
        np.testing.assert_allclose(one.forces, frames.forces[k], atol=3e-7)
