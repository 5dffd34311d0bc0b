"""Labels from extended XYZ: ASE both ways, the signs of stress and virial, mixed compositions, names of labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import Frames, springs

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import System, labelled

SHAPES = st.builds(
    springs, st.integers(1, 4), st.lists(st.sampled_from(["Li", "P", "S"]), min_size=2, max_size=6).map(tuple),
    seed=st.integers(0, 1000), breathing=st.sampled_from([0.0, 0.02]),
)  # fmt: skip


def text_of(frames: Frames, comments: list[str] | None = None, column: str = "forces") -> str:
    """The most digits that there are."""
    text = ""
    for f, energy in enumerate(frames.energy.tolist()):
        lattice = " ".join(map(repr, frames.cell[f].ravel().tolist()))
        said = f"energy={energy!r}" if comments is None else comments[f]
        columns = f"species:S:1:pos:R:3:{column}:R:3"
        text += f'{len(frames.species)}\nLattice="{lattice}" Properties={columns} {said} pbc="T T T"\n'
        both = np.hstack([frames.positions[f], frames.forces[f]]).tolist()
        text += "".join(
            f"{name} " + " ".join(map(repr, row)) + "\n" for name, row in zip(frames.species, both, strict=True)
        )
    return text


def put(folder: Path, text: str, name: str = "set.xyz") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def agree(system: System, frames: Frames) -> None:
    assert system.species == frames.species
    for what in ("cell", "positions", "energy", "forces"):
        np.testing.assert_allclose(getattr(system, what), getattr(frames, what), rtol=1e-15, atol=1e-15, err_msg=what)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames=SHAPES)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, frames: Frames) -> None:
    words = [
        f'energy={e!r} virial="{" ".join(map(repr, v.ravel().tolist()))}"'
        for e, v in zip(frames.energy.tolist(), frames.virial, strict=True)
    ]
    (system,) = labelled(put(tmp_path_factory.mktemp("x"), text_of(frames, words)))
    agree(system, frames)
    np.testing.assert_array_equal(system.virial, frames.virial)
    assert system.name == "set"


@pytest.mark.parametrize("form", ["six", "nine"])
def test_ase_writes_and_reads_the_same(tmp_path: Path, form: str) -> None:
    """ASE's stress is positive in tension: the virial is minus it times the volume."""
    ase: Any = pytest.importorskip("ase")
    io = pytest.importorskip("ase.io")
    single = pytest.importorskip("ase.calculators.singlepoint").SinglePointCalculator
    frames = springs(4, breathing=0.03)
    images = []
    for f, energy in enumerate(frames.energy):
        atoms = ase.Atoms(list(frames.species), frames.positions[f], cell=frames.cell[f], pbc=True)
        stress = -frames.virial[f] / atoms.get_volume()
        six = stress.ravel()[[0, 4, 8, 5, 2, 1]]
        atoms.calc = single(atoms, energy=energy, forces=frames.forces[f], stress=six if form == "six" else stress)
        images.append(atoms)
    io.write(tmp_path / "ase.extxyz", images)
    (system,) = labelled(tmp_path / "ase.extxyz")
    back = io.read(tmp_path / "ase.extxyz", index=":")
    for f, image in enumerate(back):
        np.testing.assert_array_equal(system.positions[f], image.positions)
        np.testing.assert_array_equal(system.forces[f], image.get_forces())
        assert system.energy[f] == image.get_potential_energy()
        assert system.virial is not None
        np.testing.assert_allclose(-system.virial[f] / system.volume[f], image.get_stress(voigt=False), atol=1e-15)
    np.testing.assert_allclose(system.virial, frames.virial, atol=1e-6)


def test_frames_of_many_compositions_become_systems(tmp_path: Path) -> None:
    one, two = springs(3), springs(2, ("S", "Li", "Li"), seed=9)
    mixed = replace(one, species=one.species[::-1]).part(slice(0, 2))  # the same atoms in another order
    texts = [text_of(part) for part in (one.part([0]), two.part([0]), mixed.part([0]), one.part([1, 2]), two.part([1]))]
    found = labelled(put(tmp_path, "".join(texts)))
    assert found.names == ("set-Li4P1S3", "set-Li2S1", "set-Li4P1S3-2")
    agree(found.systems[0], one)
    agree(found.systems[1], two)
    assert [system.frame_of.tolist() for system in found] == [[0, 3, 4], [1, 5], [2]]
    assert labelled(tmp_path / "set.xyz", name="all").names[1] == "all-Li2S1"


def test_free_energies_are_what_forces_derive_from(tmp_path: Path) -> None:
    frames = springs(2)
    words = [f"energy={e + 0.3!r} free_energy={e!r}" for e in frames.energy.tolist()]
    agree(labelled(put(tmp_path, text_of(frames, words))).systems[0], frames)
    words[1] = words[1].partition(" ")[0]  # one frame without: then not a mixture of both
    (system,) = labelled(put(tmp_path, text_of(frames, words)))
    np.testing.assert_allclose(system.energy, frames.energy + 0.3)


def test_labels_of_other_names(tmp_path: Path) -> None:
    frames = springs(2)
    words = [f'REF_energy={e!r} REF_stress="0 0 0 0 0 0"' for e in frames.energy.tolist()]
    (system,) = labelled(put(tmp_path, text_of(frames, words, "REF_forces")))
    agree(system, frames)
    np.testing.assert_array_equal(system.virial, np.zeros((2, 3, 3)))
    words = [f"E0={e!r}" for e in frames.energy.tolist()]
    path = put(tmp_path, text_of(frames, words, "F"))
    with pytest.raises(Refusal, match="keys="):
        labelled(path)
    agree(labelled(path, keys={"energy": "E0", "forces": "F"}).systems[0], frames)
    with pytest.raises(Refusal, match="No frame has 'e1'"):
        labelled(path, keys={"energy": "E1"})
    with pytest.raises(Refusal, match=r"keys= has 'enrgy'.*Did you mean 'energy'"):
        labelled(path, keys={"enrgy": "E0"})


def test_two_sets_of_labels_are_not_guessed_between(tmp_path: Path) -> None:
    frames = springs(2)
    words = [f"energy={e + 9!r} REF_energy={e!r}" for e in frames.energy.tolist()]
    path = put(
        tmp_path, text_of(frames, words, "forces:R:3:REF_forces").replace("\nLi", "\nLi 1 2 3").replace("1 2 3", "")
    )
    rows = [line.split() for line in path.read_text().splitlines()]
    lines = [" ".join([*row, "1", "1", "1"]) if len(row) == 7 else " ".join(row) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(Refusal, match=r"several sets of labels.*energy with forces and ref_energy with ref_forces"):
        labelled(path)
    (system,) = labelled(path, keys={"energy": "REF_energy", "forces": "REF_forces"})
    np.testing.assert_array_equal(system.energy, frames.energy)
    np.testing.assert_array_equal(system.forces, np.ones_like(frames.forces))


def test_frames_without_labels_are_left_out_and_said(tmp_path: Path) -> None:
    frames = springs(3)
    words = [f"energy={e!r}" for e in frames.energy.tolist()]
    words[1] = "step=3"
    with pytest.warns(VanhoveWarning, match=r"1 frame is left out: they have no energy.*frames 1"):
        (system,) = labelled(put(tmp_path, text_of(frames, words)))
    assert system.frame_of.tolist() == [0, 2]
    with pytest.raises(Refusal, match="no frame with energy and forces"):
        labelled(put(tmp_path, text_of(frames, ["step=1"] * 3)))


def test_virials_in_some_frames_make_two_systems(tmp_path: Path) -> None:
    frames = springs(3)
    words = [f"energy={e!r}" for e in frames.energy.tolist()]
    words[2] += ' virial="1 0 0 0 1 0 0 0 1"'
    found = labelled(put(tmp_path, text_of(frames, words)))
    assert [system.virial is None for system in found] == [True, False]
    assert found.names == ("set-Li4P1S3", "set-Li4P1S3-2")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('Lattice="', 'Latice="', "has no cell"), ("energy=", "energy=x", "finite number"),
        ("pos:R:3", "pos:R:2", "pos"),
        ("species:S:1", "spec:S:1", "no species"), ("8\n", "7\n", "number of atoms"), ("Li ", "Xx ", "Xx"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused(tmp_path: Path, old: str, new: str, match: str) -> None:
    text = text_of(springs(2))
    assert old in text
    with pytest.raises(Refusal, match=match):
        labelled(put(tmp_path, text.replace(old, new)))


def test_nan_and_wrong_tensors_are_refused(tmp_path: Path) -> None:
    frames = springs(2)
    value = repr(frames.forces[1, 2, 0].item())
    with pytest.raises(Refusal, match=r"not a finite number.*frame 1"):
        labelled(put(tmp_path, text_of(frames).replace(value, "nan")))
    for tensor in ("1 2 3", "1 0 0 0 1 0 0 0 nan", "a b c d e f"):
        words = [f'energy={e!r} stress="{tensor}"' for e in frames.energy.tolist()]
        with pytest.raises(Refusal, match="finite numbers"):
            labelled(put(tmp_path, text_of(frames, words)))


def test_a_cut_file_gives_its_whole_frames(tmp_path: Path) -> None:
    frames = springs(3)
    text = text_of(frames)
    with pytest.warns(VanhoveWarning, match="The file was cut"):
        (system,) = labelled(put(tmp_path, text[: len(text) - 60]))
    agree(system, frames.part([0, 1]))


def test_clusters_are_said(tmp_path: Path) -> None:
    with pytest.warns(VanhoveWarning, match="not periodic"):
        labelled(put(tmp_path, text_of(springs(1)).replace('pbc="T T T"', 'pbc="T T F"')))
