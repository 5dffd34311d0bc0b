"""Which element each atom is: by the person's map, by name, by mass, or a message that says all that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from written import NAMES, ORTHOGONAL, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.trajectory.contents import Options
from vanhove.trajectory.readers.checks import settle_species

TYPES = np.array(["1", "2", "10", "2", "2"])
MASSES = np.array([22.99, 28.085, 32.06, 28.085, 28.085])
WHERE = Path("run.dump")


def test_by_map_by_name_and_by_mass() -> None:
    names = {1: "Na", "2": "29Si", 10: "S", 7: "never asked"}
    assert settle_species(TYPES, Options(names), WHERE).tolist() == ["Na", "29Si", "S", "29Si", "29Si"]
    assert settle_species(TYPES, Options(names), WHERE, masses=MASSES).tolist()[1] == "29Si"
    assert settle_species(np.array(["Li", "7Li"]), Options(), WHERE, masses=MASSES[:2]).tolist() == ["Li", "7Li"]
    assert settle_species(TYPES, Options(), WHERE, masses=MASSES).tolist() == ["Na", "Si", "S", "Si", "Si"]


def test_lists_count_from_one_or_from_zero() -> None:
    for first in (0, 1):
        labels = np.array([str(first + k) for k in (0, 1, 1, 2)])
        assert settle_species(labels, Options(["Li", "P", "S"]), WHERE).tolist() == ["Li", "P", "P", "S"]
        with pytest.raises(Refusal, match="names 2 atoms or types"):
            settle_species(labels, Options(["Li", "P"]), WHERE)


@pytest.mark.parametrize("masses", [np.ones(5), np.array([1.0, 2.5, 1.0, 2.5, 2.5])])
def test_reduced_masses_name_nothing(masses: np.ndarray) -> None:
    with pytest.raises(Refusal, match="does not say which element"):
        settle_species(TYPES, Options(), WHERE, masses=masses)


def test_the_message_lists_types_masses_and_counts() -> None:
    with pytest.raises(Refusal) as caught:
        settle_species(TYPES, Options(), WHERE, masses=np.array([23.3, 28.0, 99.5, 28.0, 30.0]))
    types = ["type 1 (mass 23.3, 1 atoms; Na?)", "type 2 (masses 28 to 30, 3 atoms)", "type 10 (mass 99.5, 1 atoms)"]
    assert caught.value.where == f"run.dump holds {', '.join(types)}"
    assert 'species={1: "..", 2: "..", 10: ".."}' in caught.value.do
    with pytest.raises(Refusal, match=r"species= does not name type 10.*type 1 \(mass 22.99, 1 atoms; Na\?\)"):
        settle_species(TYPES, Options({1: "Na", 2: "Si"}), WHERE, masses=MASSES)
    with pytest.raises(Refusal) as caught:
        settle_species(np.arange(500).astype(str), Options(), WHERE)
    assert "type 19 (1 atoms) and 480 more" in caught.value.where
    assert len(str(caught.value)) < 1200


# dumps


def test_types_without_species_are_listed(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    with pytest.raises(Refusal) as caught:
        vh.open(put(tmp_path / "a.dump", dump_text(truth)), timestep=1.0)
    count = int((truth.types == 2).sum())
    assert f"type 2 ({count} atoms)" in caught.value.where
    assert 'species={1: "..", 2: "..", 3: ".."}' in caught.value.do
    assert "--species 1=..,2=..,3=.." in caught.value.do


def test_extra_keys_are_ignored_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    path = put(tmp_path / "a.dump", dump_text(truth))
    traj = vh.open(path, species={**NAMES, 4: "Cl", "9": "Xe"}, timestep=1.0)
    assert traj.species.tolist() == truth.species
    assert vh.open(path, species={"3": "S", "1": "Na", "2": "Si"}, timestep=1.0).species.tolist() == truth.species
    assert vh.open(path, species=["Na", "Si", "S"], timestep=1.0).species.tolist() == truth.species
    assert vh.open(path, species=truth.species, timestep=1.0).species.tolist() == truth.species
    with pytest.raises(Refusal, match="does not name type 3"):
        vh.open(path, species={1: "Na", 2: "Si"}, timestep=1.0)
    with pytest.raises(Refusal, match="'Qq' is no element"):
        vh.open(path, species={1: "Na", 2: "Si", 3: "Qq"}, timestep=1.0)


def test_more_types_than_nine_are_listed_in_order(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL, atoms=12)
    truth.types[:] = np.arange(12) + 1
    with pytest.raises(Refusal, match=r"1=\.\.,2=\.\.,.*9=\.\.,10=\.\.,11=\.\.,12=\.\."):
        vh.open(put(tmp_path / "a.dump", dump_text(truth)), timestep=1.0)


def with_column(text: str, name: str, value_of_type: dict[str, str]) -> str:
    """Add a column after ``id type``, by type."""
    lines = text.replace("ITEM: ATOMS id type", f"ITEM: ATOMS id type {name}").split("\n")
    for number, line in enumerate(lines):
        words = line.split()
        if len(words) >= 5 and not line.startswith("ITEM"):
            lines[number] = " ".join([*words[:2], value_of_type[words[1]], *words[2:]])
    return "\n".join(lines)


def test_elements_and_masses_in_the_file_name_the_species(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    text = dump_text(truth)
    by_element = with_column(text, "element", {"1": "Na", "2": "Si", "3": "S"})
    traj = vh.open(put(tmp_path / "a.dump", by_element), timestep=1.0)
    assert traj.species.tolist() == truth.species
    np.testing.assert_array_equal(traj.positions, truth.unwrapped)
    by_mass = with_column(text, "mass", {"1": "22.99", "2": "28.0855", "3": "32.06"})
    traj = vh.open(put(tmp_path / "b.dump", by_mass), timestep=1.0)
    assert traj.species.tolist() == truth.species
    assert set(traj.masses.tolist()) == {22.99, 28.0855, 32.06}
    untold = with_column(text, "element", {"1": "C", "2": "C", "3": "C"})  # what LAMMPS writes unasked
    with pytest.raises(Refusal, match="which element"):
        vh.open(put(tmp_path / "c.dump", untold), timestep=1.0)


def notes_of(traj: vh.Trajectory) -> list[str]:
    return list(traj.history[-1]["parameters"]["notes"])


def test_labels_that_are_elements_come_before_numbered_types(tmp_path: Path) -> None:
    truth = walk(ORTHOGONAL)
    labelled = with_column(dump_text(truth), "typelabel", {"1": "Na", "2": "Si", "3": "S"})
    path = put(tmp_path / "a.dump", labelled)
    traj = vh.open(path, timestep=1.0)
    assert traj.species.tolist() == truth.species
    assert "species by the column typelabel" in notes_of(traj)
    np.testing.assert_array_equal(traj.positions, truth.unwrapped)
    for species in (NAMES, {1: "7Li", 2: "Si", 3: "S"}, ["7Li", "Si", "S"]):  # the person's word for numbered types
        named = vh.open(path, timestep=1.0, species=species)
        assert set(named.species) == {"7Li" if species is not NAMES else "Na", "Si", "S"}
        assert "species by the column typelabel" not in notes_of(named)
    assert set(vh.open(path, timestep=1.0, species={"Na": "7Li"}).species) == {"7Li", "Si", "S"}
    assert vh.open(path, timestep=1.0, species={9: "Xe"}).species.tolist() == truth.species  # not here
    roles = put(tmp_path / "b.dump", with_column(dump_text(truth), "typelabel", {"1": "ion", "2": "former", "3": "S"}))
    with pytest.raises(Refusal, match="which element each type is"):
        vh.open(roles, timestep=1.0)
    said = vh.open(roles, timestep=1.0, species={"ion": "Na", "former": "Si"})
    assert said.species.tolist() == truth.species
    with pytest.raises(Refusal, match="does not name typelabel former"):
        vh.open(roles, timestep=1.0, species={"ion": "Na"})
    both = with_column(labelled, "element", {"1": "K", "2": "Ge", "3": "Se"})
    traj = vh.open(put(tmp_path / "c.dump", both), timestep=1.0)
    assert set(traj.species) == {"K", "Ge", "Se"}
    assert "species by the column element" in notes_of(traj)


@pytest.mark.parametrize("atoms", [20, 21])
def test_a_label_for_every_atom_does_not_fill_the_history(tmp_path: Path, atoms: int) -> None:
    labels = ["Li", "S"] * (atoms // 2) + ["S"] * (atoms % 2)
    path = put(tmp_path / "run.dump", dump_text(walk(ORTHOGONAL, atoms=atoms), "id xu yu zu"))
    traj = vh.open(path, species=labels, timestep=0.001)
    assert traj.species.tolist() == labels
    assert traj.history[-1]["parameters"]["species"] == (labels if atoms == 20 else "21 labels")
