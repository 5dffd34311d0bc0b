"""Labels from vasprun.xml and OUTCAR: planted truth, ASE, killed runs, steps without labels, XML that means harm."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from label_files import Frames, outcar, springs, vasprun

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import System, labelled

WRITERS: dict[str, Callable[..., str]] = {"vasprun.xml": vasprun, "OUTCAR": outcar}
ROUNDED = {"vasprun.xml": (1e-12, 1e-12, 1e-9, 1e-9), "OUTCAR": (6e-6, 6e-7, 1e-8, 2e-5)}  # what they print


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def agree(system: System, frames: Frames, name: str) -> None:
    place, force, energy, virial = ROUNDED[name.removesuffix(".gz")]
    assert system.species == frames.species
    np.testing.assert_allclose(system.cell, frames.cell, atol=1e-9)
    np.testing.assert_allclose(system.positions, frames.positions, atol=place)
    np.testing.assert_allclose(system.forces, frames.forces, atol=force)
    np.testing.assert_allclose(system.energy, frames.energy, atol=energy)
    assert system.virial is not None
    np.testing.assert_allclose(system.virial, frames.virial, atol=virial)


@pytest.mark.parametrize("name", [*WRITERS, "OUTCAR.gz", "vasprun.xml.gz"])
def test_every_step_of_a_run(tmp_path: Path, name: str) -> None:
    frames = springs(7, breathing=0.02)
    found = labelled(write(tmp_path / "run-1", name, WRITERS[name.removesuffix(".gz")](frames)))
    assert found.names == ("run-1",)
    agree(found.systems[0], frames, name)
    assert found.systems[0].frame_of.tolist() == list(range(7))
    for said in ("VASP 6.3.0", "GGA PE", "400 eV", name):
        assert said in found.systems[0].source


@pytest.mark.parametrize("name", WRITERS)
def test_ase_reads_the_same(tmp_path: Path, name: str) -> None:
    io = pytest.importorskip("ase.io")
    frames = springs(5, breathing=0.03)
    path = write(tmp_path, name, WRITERS[name](frames))
    images = io.read(path, index=":", format={"OUTCAR": "vasp-out", "vasprun.xml": "vasp-xml"}[name])
    (system,) = labelled(path)
    assert list(system.species) == images[0].get_chemical_symbols()
    assert len(images) == system.frames
    for k, image in enumerate(images):
        np.testing.assert_allclose(system.positions[k], image.positions, atol=1e-10)
        np.testing.assert_allclose(system.forces[k], image.get_forces(apply_constraint=False), atol=1e-12)
        np.testing.assert_allclose(system.energy[k], image.get_potential_energy(force_consistent=True), atol=1e-9)
        assert system.virial is not None
        stress = image.get_stress(voigt=False, apply_constraint=False)
        np.testing.assert_allclose(-system.virial[k] / system.volume[k], stress, atol=1e-8)


def test_the_work_of_a_pressure_is_no_energy_of_the_electrons(tmp_path: Path) -> None:
    frames = springs(3, breathing=0.03)
    agree(labelled(write(tmp_path, "vasprun.xml", vasprun(frames, pstress=25.0))).systems[0], frames, "vasprun.xml")


@pytest.mark.parametrize("name", WRITERS)
def test_steps_of_a_force_field_are_left_out(tmp_path: Path, name: str) -> None:
    frames = springs(6, breathing=0.02)
    path = write(tmp_path, name, WRITERS[name](frames, learned=(1, 4, 5)))
    with pytest.warns(VanhoveWarning, match=r"3 frames are left out: a machine-learned force field.*frames 1, 4, 5"):
        (system,) = labelled(path)
    assert system.frame_of.tolist() == [0, 2, 3]
    agree(system, frames.part([0, 2, 3]), name)


def test_steps_that_did_not_converge_are_left_out(tmp_path: Path) -> None:
    frames = springs(4)
    said = "1 frame is left out: their electrons did not come to rest in NELM=7"
    for name, text in (
        ("vasprun.xml", vasprun(frames, steps=[3, 7, 6, 2], nelm=7)),
        ("OUTCAR", outcar(frames, converged=[True, False, True, True], nelm=7)),
    ):
        with pytest.warns(VanhoveWarning, match=said):
            (system,) = labelled(write(tmp_path, name, text))
        assert system.frame_of.tolist() == [0, 2, 3]
        agree(system, frames.part([0, 2, 3]), name)
    with (
        pytest.warns(VanhoveWarning, match="4 frames are left out"),
        pytest.raises(Refusal, match="no frame with energy and forces"),
    ):
        labelled(write(tmp_path, "vasprun.xml", vasprun(frames, steps=7, nelm=7)))


@pytest.mark.filterwarnings("ignore::vanhove.base.errors.VanhoveWarning")
@pytest.mark.parametrize("name", WRITERS)
def test_a_killed_run_gives_its_whole_steps(tmp_path: Path, name: str) -> None:
    """Cut anywhere: what comes is true, or there is a refusal."""
    frames = springs(3, ("Li", "S"), breathing=0.02)
    text, seen = WRITERS[name](frames), set()
    for cut in [*range(200, len(text), 173), len(text)]:
        try:
            (system,) = labelled(write(tmp_path, name, text[:cut]))
        except Refusal:
            continue
        seen.add(system.frames)
        agree(system, frames.part(slice(0, system.frames)), name)
    assert seen == {1, 2, 3}


@pytest.mark.parametrize("name", WRITERS)
def test_a_killed_run_is_said(tmp_path: Path, name: str) -> None:
    frames = springs(3)
    with pytest.warns(VanhoveWarning, match="cut"):
        (system,) = labelled(write(tmp_path, name, WRITERS[name](frames, ended=False)))
    assert system.frames == 3


def test_runs_without_stress_have_no_virial(tmp_path: Path) -> None:
    for name, writer in WRITERS.items():
        (system,) = labelled(write(tmp_path, name, writer(springs(2), stress=False)))
        assert system.virial is None


def test_two_runs_are_two_systems_or_one(tmp_path: Path) -> None:
    frames = springs(6)
    one = write(tmp_path / "a", "OUTCAR", outcar(frames.part(slice(0, 4))))
    two = write(tmp_path / "b", "vasprun.xml", vasprun(frames.part(slice(4, 6))))
    assert labelled([one, two]).names == ("a", "b")
    (both,) = labelled([one, two], name="Li3PS4")
    assert both.frame_of.tolist() == [0, 1, 2, 3, 0, 1]
    assert "OUTCAR" in both.source
    assert "vasprun.xml" in both.source
    np.testing.assert_allclose(both.energy, frames.energy, atol=1e-8)


def test_species_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, "OUTCAR", outcar(springs(2)))
    (system,) = labelled(path, species={"Li": "7Li"})
    assert system.species == ("7Li",) * 4 + ("P",) + ("S",) * 3


def test_documents_that_mean_harm_are_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    text = vasprun(springs(2)).replace("<modeling>", f"{bomb}<modeling>")
    with pytest.raises(Refusal, match="document type"):
        labelled(write(tmp_path, "vasprun.xml", text))
    late = vasprun(springs(2)).replace("</modeling>", "<!ENTITY a 'b'></modeling>")
    with pytest.raises(Refusal, match="declaration"):
        labelled(write(tmp_path, "vasprun.xml", late))


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    frames = springs(3)
    for name, text, what in (
        ("vasprun.xml", vasprun(frames).replace(f"{frames.forces[1, 0, 0]:24.16f}", " " * 21 + "NaN"), "frame 1"),
        ("vasprun.xml", vasprun(frames).replace(f"{frames.energy[2]:.10f}", "*" * 12), "frame 2"),
        ("OUTCAR", outcar(frames).replace(f"{frames.forces[1, 0, 0]:14.6f}", " " * 4 + "*" * 10), "frame 1"),
        ("OUTCAR", outcar(frames).replace(f"{frames.energy[2]:18.8f}", "*" * 18), "step 3"),
    ):
        with pytest.raises(Refusal, match=what):
            labelled(write(tmp_path, name, text))


def test_a_table_of_other_atoms_is_refused(tmp_path: Path) -> None:
    text = outcar(springs(3))
    short = text.replace("   4   1   3\n", "   4   1   4\n")
    assert short != text
    with pytest.raises(Refusal):
        labelled(write(tmp_path, "OUTCAR", short))
    with pytest.raises(Refusal, match="ends in its head"):
        labelled(write(tmp_path, "OUTCAR", text[:400]))
