"""Labels by LAMMPS, a calculator and CP2K: right numbers, each frame once, resumed, nothing used that failed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

import vanhove as vh
from vanhove import Refusal
from vanhove.base.errors import VanhoveWarning
from vanhove.simulate import buckingham, calculator, cp2k, forces, label, potential

Processes = Callable[[Path], dict[int, str]]


def salt(seed: int = 4, a: float = 11.0) -> Any:
    """A few Na2S at random in a skewed cell that lies as it likes."""
    rng = np.random.default_rng(seed)
    cell = np.array([[a, 0, 0], [1.5, a, 0], [0.5, -1.0, a]])
    spots = np.array(list(np.ndindex(3, 2, 2)))[:12] / [3, 2, 2]
    atoms: Any = Atoms("Na8S4", scaled_positions=spots + rng.uniform(-0.03, 0.03, (12, 3)), cell=cell, pbc=True)
    atoms.rotate(40, (1, 2, 3), rotate_cell=True)
    return atoms


def copper(seed: int = 3) -> Any:
    atoms: Any = bulk("Cu", cubic=True)
    atoms.positions += np.random.default_rng(seed).normal(size=atoms.positions.shape) * 0.1
    return atoms


def pair(distance: float, second: str = "H", width: float = 7.5) -> Any:
    return Atoms(["H", second], positions=[(0.1, 0, 0), (0.1 + distance, 0.2, 0.1)], cell=[width] * 3, pbc=True)


def strained(atoms: Any, strain: Any) -> Any:
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ (np.eye(3) + np.asarray(strain)), scale_atoms=True)
    return moved


def slope_of_strain(engine: Any, atoms: Any, folder: Path, i: int, j: int, step: float = 2e-4) -> float:
    """-dE/dε_ij by a difference, ε symmetric."""
    strain = np.zeros((3, 3))
    strain[i, j] = strain[j, i] = step / (1 if i == j else 2)
    found = label([strained(atoms, strain), strained(atoms, -strain)], engine, folder)
    energy = np.concatenate([system.energy for system in found])
    return float(-(energy[0] - energy[1]) / (2 * step))


# --- LAMMPS ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("lammps")
def test_labels_of_lammps_are_those_of_simulate_forces(tmp_path: Path) -> None:
    form, several = potential("na2s-sis2"), [salt(1), salt(2), salt(3)]
    found = label(several, form, tmp_path / "labels", ranks=1)
    (system,) = found
    assert (system.name, system.frames, system.species) == ("Na8S4", 3, tuple(several[0].get_chemical_symbols()))
    assert system.frame_of.tolist() == [0, 1, 2]
    calculated = forces(form, ranks=1)
    for frame, atoms in enumerate(several):
        np.testing.assert_allclose(system.forces[frame], calculated(atoms), atol=1e-6)
        np.testing.assert_array_equal(system.positions[frame], atoms.positions)
        np.testing.assert_array_equal(system.cell[frame], atoms.cell.array)
    assert "na2s-sis2" in system.source


@pytest.mark.usefixtures("lammps")
def test_virials_of_lammps_are_slopes_of_the_energy_with_strain(tmp_path: Path) -> None:
    """In any orientation of the cell, with the sign that a compressed cell pushes outwards."""
    form, atoms = potential("na2s-sis2"), salt()
    virial = label(atoms, form, tmp_path / "one").systems[0].virial
    assert virial is not None
    for i, j in ((0, 0), (2, 2), (0, 1), (1, 2)):
        slope = slope_of_strain(form, atoms, tmp_path / f"{i}{j}", i, j)
        assert virial[0, i, j] == pytest.approx(slope, abs=2e-3), (i, j)
    pushing = buckingham({"Ar-Ar": (1000.0, 0.3, 0.0)}, {"Ar": 0.0}, cutoff=5.0)
    gas = Atoms("Ar2", positions=[(0, 0, 0), (2, 0, 0)], cell=[10] * 3, pbc=True)
    found = label(gas, pushing, tmp_path / "gas").systems[0].virial
    assert found is not None
    assert found[0, 0, 0] == pytest.approx(2 * 1000 / 0.3 * np.exp(-2 / 0.3) * 0.04336410424180094, rel=1e-6)
    assert abs(found[0, 1, 1]) < 1e-12


@pytest.mark.usefixtures("lammps")
def test_a_trajectory_a_mapping_and_labelled_frames_are_labelled(tmp_path: Path) -> None:
    form = potential("na2s-sis2")
    several = [salt(seed) for seed in range(4)]
    steps = np.cumsum([each.positions - several[0].positions for each in several], axis=0) + several[0].positions
    species, cell = several[0].get_chemical_symbols(), several[0].cell.array
    traj = vh.from_arrays(steps, cell, species, [0.0, 1, 2, 3], wrapped=False)
    first = label(traj, form, tmp_path / "labels", ranks=1)
    assert first.frames == 4
    again = label({"melt": traj[1:3], "others": [salt(9, 12.0)]}, form, tmp_path / "labels", ranks=1)
    assert again.names == ("melt", "others")
    np.testing.assert_array_equal(again.systems[0].energy, first.systems[0].energy[1:3])
    third = label(again, form, tmp_path / "labels", ranks=1)
    assert third.names == again.names
    np.testing.assert_array_equal(third.systems[1].forces, again.systems[1].forces)
    with pytest.raises(Refusal, match="selection"):
        label(traj.select("Na"), form, tmp_path / "labels")


@pytest.mark.usefixtures("lammps")
def test_one_structure_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    apart, charged = salt(), salt()
    charged.symbols[0] = "S"  # the cell is charged
    with pytest.warns(VanhoveWarning, match=r"1 of 2 structures have no label.*charge.*: 1\."):
        found = label([apart, charged], potential("na2s-sis2"), tmp_path / "labels", ranks=1)
    assert (found.frames, found.systems[0].frame_of.tolist()) == (1, [0])
    with pytest.raises(Refusal, match="None of 1 structures has a label"):
        label(charged, potential("na2s-sis2"), tmp_path / "other", ranks=1)


# --- a calculator ----------------------------------------------------------------------------------------------------


def test_labels_of_a_calculator_are_its_own(tmp_path: Path) -> None:
    from ase.calculators.emt import EMT

    several = [copper(seed) for seed in range(3)]
    found = label(several, calculator("emt"), tmp_path / "labels", ranks=1).systems[0]
    for frame, atoms in enumerate(several):
        atoms.calc = EMT()
        assert found.energy[frame] == pytest.approx(atoms.get_potential_energy(), abs=1e-12)
        np.testing.assert_allclose(found.forces[frame], atoms.get_forces(), atol=1e-12)
    virial = found.virial
    assert virial is not None
    for i, j in ((0, 0), (0, 1)):
        slope = slope_of_strain(calculator("emt"), copper(0), tmp_path / f"{i}{j}", i, j)
        assert virial[0, i, j] == pytest.approx(slope, abs=1e-4)


def test_lammps_and_ase_agree_on_argon(lammps: Any, tmp_path: Path) -> None:
    """The same pair energy by both: Buckingham's without charges, once by LAMMPS and once by ASE."""
    A, rho, kcal = 1000.0, 0.5, 0.04336410424180094
    atoms: Any = bulk("Ar", "sc", a=3.0) * (2, 2, 2)
    atoms.positions += np.random.default_rng(2).normal(size=atoms.positions.shape) * 0.1
    one = label(atoms, buckingham({"Ar-Ar": (A, rho, 0.0)}, {"Ar": 0.0}, cutoff=8.0), tmp_path / "one", ranks=1)
    options = {"A": A * kcal, "rho": rho, "cutoff": 8.0}
    other = label(atoms, calculator("labels_by_hand:ByHand", **options), tmp_path / "other", ranks=1)
    assert one.systems[0].energy == pytest.approx(other.systems[0].energy, rel=1e-6)
    np.testing.assert_allclose(one.systems[0].forces, other.systems[0].forces, atol=1e-6)
    assert other.systems[0].virial is None  # it has no stress, and says so


def test_forces_that_are_no_numbers_are_not_used(tmp_path: Path) -> None:
    touching = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 0)], cell=[10] * 3, pbc=True)
    fine = Atoms("Ar2", positions=[(0, 0, 0), (3, 0, 0)], cell=[10] * 3, pbc=True)
    options = {"A": 40.0, "rho": 0.5, "cutoff": 8.0}
    with pytest.warns(VanhoveWarning, match="no number"):
        found = label([touching, fine], calculator("labels_by_hand:ByHand", **options), tmp_path / "labels", ranks=1)
    assert found.systems[0].frame_of.tolist() == [1]


# --- CP2K, pretended -------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from ase import Atoms
from vanhove.simulate import cp2k, label

several = [Atoms("H2", positions=[(0.1, 0, 0), (0.9 + 0.05 * k, 0.2, 0.1)], cell=[7.5] * 3, pbc=True) for k in range(6)]
label(several, cp2k("cheap"), sys.argv[1])
"""


@pytest.mark.usefixtures("pretended")
def test_labels_of_cp2k_are_what_its_output_says(tmp_path: Path) -> None:
    from pretend_cp2k import energy

    atoms, engine = [pair(0.8), pair(1.1)], cp2k("cheap")
    found = label(atoms, engine, tmp_path / "labels").systems[0]
    virial = found.virial
    assert virial is not None
    for frame, each in enumerate(atoms):
        value, slopes, pushing, _ = energy(each.positions, each.cell.array)
        assert found.energy[frame] == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(found.forces[frame], slopes, atol=1e-9)
        np.testing.assert_allclose(virial[frame], pushing, atol=1e-9)
    assert slope_of_strain(engine, atoms[0], tmp_path / "strain", 0, 0) == pytest.approx(virial[0, 0, 0], abs=1e-6)
    assert "CP2K cheap, CP2K 2023.1" in found.source
    assert not (tmp_path / "labels" / "attempt").exists()


@pytest.mark.usefixtures("pretended")
def test_electrons_not_at_rest_are_reported_skipped_and_never_used(tmp_path: Path) -> None:
    several, folder = [pair(0.8), pair(0.3), pair(1.0)], tmp_path / "labels"
    with pytest.warns(
        VanhoveWarning, match=r"1 of 3 structures have no label: the electrons did not come to rest.*: 1\."
    ):
        found = label(several, cp2k("cheap"), folder)
    assert found.systems[0].frame_of.tolist() == [0, 2]
    (failed,) = (folder / "failed").glob("*.json")
    assert "minimizer" in json.loads(failed.read_text())["do"]
    assert "NOT converged" in failed.with_suffix(".out").read_text()
    before = failed.stat().st_mtime_ns
    with pytest.warns(VanhoveWarning, match="1 of 3"):
        label(several, cp2k("cheap"), folder)
    assert failed.stat().st_mtime_ns == before, "what failed is not tried again in the same way"
    with pytest.warns(VanhoveWarning, match="1 of 3"):
        label(several, cp2k("cheap", minimizer="cg"), folder)
    assert failed.stat().st_mtime_ns > before, "in another way it is"
    with pytest.raises(Refusal, match="None of 2 structures has a label: the electrons did not come to rest"):
        label([pair(0.8), pair(1.0)], cp2k("cheap", max_scf=1), tmp_path / "others")
    mended = label([pair(0.8), pair(1.0)], cp2k("cheap", max_scf=2), tmp_path / "others")
    assert mended.frames == 2
    assert not list((tmp_path / "others" / "failed").iterdir())


@pytest.mark.usefixtures("pretended")
def test_a_whole_folder_asks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several, folder = [pair(0.8), pair(1.0)], tmp_path / "labels"
    first = label(several, cp2k("cheap"), folder)
    monkeypatch.setenv("VANHOVE_CP2K", "/nowhere/cp2k")
    assert label(several, cp2k("cheap"), folder) == first
    with pytest.raises(Refusal, match=r"not installed.*apt install cp2k"):
        label([*several, pair(1.2)], cp2k("cheap"), folder)


@pytest.mark.usefixtures("pretended")
def test_one_folder_one_set_of_settings(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    first = label(pair(0.8), cp2k("cheap"), folder)
    for other in (cp2k("cheap", cutoff=400), cp2k("cheap", dispersion="D3BJ"), calculator("emt")):
        with pytest.raises(Refusal, match="labels made otherwise"):
            label(pair(0.8), other, folder)  # type: ignore[arg-type]
    assert label(pair(0.8), cp2k("cheap", max_scf=7), folder) == first
    again = label(pair(0.8), cp2k("cheap", cutoff=400), folder, restart=False)
    assert "cutoff" in again.systems[0].source


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("basis", "CP2K gave up: The requested basis set"), ("cut", "not whole")],
)
def test_what_is_wrong_with_cp2k_itself_stops(
    wrong: str, said: str, pretended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETEND", wrong)
    with pytest.raises(Refusal, match=said):
        label([pair(0.8), pair(1.0)], cp2k("cheap"), tmp_path / "labels")
    assert not (tmp_path / "labels" / "failed").exists()
    monkeypatch.delenv("PRETEND")
    assert label([pair(0.8), pair(1.0)], cp2k("cheap"), tmp_path / "labels").frames == 2


@pytest.mark.parametrize(
    ("wrong", "distance", "said"), [("newer", 0.3, "did not come to rest"), ("cholesky", 0.8, "Chol")]
)
def test_what_stops_among_the_electrons_is_the_structures_fault(
    wrong: str, distance: float, said: str, pretended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(pair(1.0), cp2k("cheap"), tmp_path / "labels")
    monkeypatch.setenv("PRETEND", wrong)
    with pytest.warns(VanhoveWarning, match=said):
        assert label([pair(1.0), pair(distance)], cp2k("cheap"), tmp_path / "labels").frames == 1


def test_killed_it_goes_on_with_what_is_missing(
    pretended: Path, tmp_path: Path, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "label_it.py"
    script.write_text(SCRIPT)
    undisturbed, folder = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run([sys.executable, str(script), str(undisturbed)], check=True)
    monkeypatch.setenv("PRETEND_SECONDS", "0.3")
    moments, done = np.random.default_rng(5), dict[str, int]()
    for _ in range(2):
        process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.PIPE)
        until = time.monotonic() + 120
        while not (folder / "attempt").exists() or len(list(folder.glob("frames/*.npz"))) < len(done) + 1:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.wait()
        until = time.monotonic() + 10
        while processes(folder) and time.monotonic() < until:
            time.sleep(0.02)
        assert processes(folder) == {}
        now = {path.name: path.stat().st_mtime_ns for path in folder.glob("frames/*.npz")}
        assert done.items() <= now.items(), "what was finished is not done again"
        done = now
    monkeypatch.delenv("PRETEND_SECONDS")
    subprocess.run([sys.executable, str(script), str(folder)], check=True)
    whole = sorted(path.name for path in undisturbed.glob("frames/*"))
    assert sorted(path.name for path in folder.glob("frames/*")) == whole
    for name in whole:
        with np.load(undisturbed / "frames" / name) as one, np.load(folder / "frames" / name) as other:
            assert all(np.array_equal(one[key], other[key]) for key in one.files)


@pytest.mark.usefixtures("pretended")
def test_a_damaged_file_is_refused_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    label(pair(0.8), cp2k("cheap"), folder)
    (file,) = (folder / "frames").iterdir()
    for damage in (b"", file.read_bytes()[:200], b"nonsense"):
        file.write_bytes(damage)
        with pytest.raises(Refusal, match="A label can't be read") as refused:
            label(pair(0.8), cp2k("cheap"), folder)
        assert file.name in str(refused.value)
    file.unlink()
    assert label(pair(0.8), cp2k("cheap"), folder).frames == 1


# --- what is asked wrongly -------------------------------------------------------------------------------------------


def test_what_can_not_be_labelled_is_said(tmp_path: Path) -> None:
    emt = calculator("emt")
    open_, flat, wild = copper(), copper(), copper()
    open_.pbc = [True, True, False]
    flat.set_cell([3.6, 3.6, -3.6])
    wild.positions[0, 0] = np.nan
    for structures, said in (
        ([], "no structure"), ("POSCAR", "A str is no structure"), (open_, "periodic along"),
        ([copper(), flat], "volume is -46"), ({"melt": [copper(), wild]}, "finite.*structure 1 of melt"),
        (Atoms(cell=[3] * 3, pbc=True), "no atoms"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=said):
            label(structures, emt, tmp_path / "labels")
    with pytest.raises(Refusal, match="computes no labels"):
        label(copper(), "emt", tmp_path / "labels")  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="has no Cu"):
        label(copper(), cp2k(), tmp_path / "labels")
    with pytest.raises(Refusal, match="ranks=0"):
        label(copper(), emt, tmp_path / "labels", ranks=0)
    assert not (tmp_path / "labels").exists()
