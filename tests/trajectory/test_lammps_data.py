"""LAMMPS data files as topology: who the atoms are, by id, or a sentence that says what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binary_files import MASSES, Dcd, data_text, six_numbers
from written import GENERAL, NAMES, ORTHOGONAL, TRICLINIC, Truth, dump_text, put, walk

import vanhove as vh
from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.trajectory.readers.lammps_data import STYLES, read_data

CHARGES = {1: 1.0, 2: 4.0, 3: -2.0}


@pytest.fixture
def truth() -> Truth:
    return walk(TRICLINIC)


@pytest.fixture
def dcd(tmp_path: Path, truth: Truth) -> Path:
    path = tmp_path / "run.dcd"
    path.write_bytes(Dcd(truth.wrapped, six_numbers(truth.cells)).bytes())
    return path


def opened(dcd: Path, text: str, **options: Any) -> vh.Trajectory:
    return vh.open(dcd, topology=put(dcd.with_name("run.data"), text), spacing=1.0, **options)


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("hint", [False, True])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_names_the_atoms(dcd: Path, truth: Truth, style: str, hint: bool, images: bool) -> None:
    traj = opened(dcd, data_text(truth, style, hint=hint, images=images))
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.masses, [MASSES[kind] for kind in truth.types.tolist()])
    if style in ("charge", "full"):
        assert traj.charges is not None
        np.testing.assert_allclose(traj.charges, [CHARGES[kind] for kind in truth.types.tolist()])
    else:
        assert traj.charges is None
    assert traj.history[-1]["parameters"]["topology"] == "run.data"


def test_charges_that_look_like_types_need_the_hint(dcd: Path, truth: Truth) -> None:
    text = data_text(truth, "charge", hint=False, charges=(1, 2, 3)).replace(".000000", "")
    with pytest.raises(Refusal, match="can't be told from 9 columns") as caught:
        opened(dcd, text)
    assert "Atoms # full" in caught.value.do
    traj = opened(dcd, text.replace("Atoms\n", "Atoms # charge\n"))
    assert traj.charges is not None
    np.testing.assert_allclose(traj.charges, truth.types)


@pytest.mark.parametrize("ending", [".data", ".data.gz"])
def test_packed_files_and_files_of_other_systems(tmp_path: Path, dcd: Path, truth: Truth, ending: str) -> None:
    beside = put(tmp_path / f"x{ending}", data_text(truth).replace("\n", "\r\n"))
    assert vh.open(dcd, topology=beside, spacing=1.0).species.tolist() == truth.species
    with pytest.raises(Refusal, match="not of these atoms") as caught:
        vh.open(dcd, topology=put(tmp_path / f"y{ending}", data_text(walk(TRICLINIC, atoms=19))), spacing=1.0)
    assert "20 atoms" in caught.value.where
    assert "19" in caught.value.where


def test_rows_may_carry_comments_and_lack_the_last_line_end(dcd: Path, truth: Truth) -> None:
    text = data_text(truth, end="")
    assert opened(dcd, text).species.tolist() == truth.species
    head, rows = text.split("Atoms # full\n\n")
    commented = head + "Atoms  # full\n\n" + "".join(f"  {row}   # S of a sulfide\n" for row in rows.splitlines())
    assert opened(dcd, commented).species.tolist() == truth.species


def test_the_first_line_is_a_title_unless_it_counts_the_atoms(dcd: Path, truth: Truth) -> None:
    text = data_text(truth)
    assert opened(dcd, text.replace("LAMMPS data file of a test", "5 atoms")).n_atoms == 20
    untitled = text.replace("LAMMPS data file of a test\n\n", "")
    assert opened(dcd, untitled).species.tolist() == truth.species


# sections


def test_sections_in_any_order_with_others_between(dcd: Path, truth: Truth) -> None:
    text = data_text(truth)
    head, masses, atoms = text[: text.index("Masses")], text[text.index("Masses") : text.index("Atoms")], ""
    atoms = text[text.index("Atoms") :]
    speeds = "\nVelocities\n\n" + "".join(f"{i} 0.1 0.2 0.3\n" for i in truth.ids.tolist())
    others = "\nBonds\n\n1 1 1 8\n\nPair Coeffs # lj/cut\n\n1 0.1 2.0\n2 0.1 2.0\n3 0.1 2.0\n\n"
    for order in ([masses, others, atoms, speeds], [others, atoms, speeds, others, masses], [atoms, "\n", masses]):
        assert opened(dcd, head + "".join(order)).species.tolist() == truth.species


def test_types_by_label(dcd: Path, truth: Truth) -> None:
    traj = opened(dcd, data_text(truth, labels=["Na", "Si", "S"]))
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.masses, [MASSES[kind] for kind in truth.types.tolist()])
    traj = opened(dcd, data_text(truth, labels=["cation", "former", "anion"]))  # no elements: by mass
    assert traj.species.tolist() == truth.species
    for species in ({"cation": "7Li", 2: "P"}, {1: "7Li", "former": "P"}):
        renamed = opened(dcd, data_text(truth, labels=["cation", "former", "anion"]), species=species)
        assert renamed.species.tolist() == [{1: "7Li", 2: "P", 3: "S"}[kind] for kind in truth.types.tolist()]


def test_names_before_masses_and_the_person_before_both(dcd: Path, truth: Truth) -> None:
    assert opened(dcd, data_text(truth, masses="1 1 1", comments=True), species=NAMES).species.tolist() == truth.species
    heavy = data_text(truth, masses="7.016 28.0855 32.06", comments=False)
    assert set(opened(dcd, heavy).species.tolist()) == {"Li", "Si", "S"}
    assert set(opened(dcd, heavy, species={1: "7Li"}).species.tolist()) == {"7Li", "Si", "S"}
    assert opened(dcd, heavy, species=["7Li", "Si", "S"]).species.tolist()[0] in ("7Li", "Si", "S")
    each = ["P"] * 20
    assert opened(dcd, heavy, species=each).species.tolist() == each


def test_a_name_and_a_mass_that_disagree_are_told(dcd: Path, truth: Truth) -> None:
    with pytest.warns(VanhoveWarning, match="called Na and weighs 32.06") as told:
        traj = opened(dcd, data_text(truth, masses="32.06 28.0855 32.06", comments=True))
    assert "species=" in str(told[0].message)
    assert traj.species.tolist() == truth.species


def test_types_without_a_name_are_listed_with_masses_and_counts(dcd: Path, truth: Truth) -> None:
    counts = {kind: int((truth.types == kind).sum()) for kind in (1, 2, 3)}
    for masses in ("1 1 1", "22.98977 28.0855 500"):
        with pytest.raises(Refusal, match="which element each type is") as caught:
            opened(dcd, data_text(truth, masses=masses))
        for kind, mass in zip((1, 2, 3), masses.split(), strict=True):
            if masses == "1 1 1" or kind == 3:
                assert f"type {kind} (mass {float(mass):g}, {counts[kind]} atoms" in caught.value.where
        assert "species=" in caught.value.do
    with pytest.raises(Refusal, match="which element each type is"):
        opened(dcd, data_text(truth, masses=""))
    assert opened(dcd, data_text(truth, masses=""), species=NAMES).species.tolist() == truth.species
    with pytest.raises(Refusal, match="does not name type 3"):
        opened(dcd, data_text(truth, masses=""), species={1: "Na", 2: "Si"})


def test_charges_of_zero_are_no_charges(dcd: Path, truth: Truth) -> None:
    traj = opened(dcd, data_text(truth, charges=(0, 0, 0)))
    assert traj.charges is None
    assert any("all of them are zero" in note for note in traj.history[-1]["parameters"]["notes"])
    other = data_text(truth).replace("of a test", "of a test, units = lj")
    assert opened(dcd, other, species=NAMES).charges is None
    np.testing.assert_allclose(opened(dcd, other, species=NAMES).masses[:1], vh.open(
        dcd, species=truth.species, spacing=1.0).masses[:1], rtol=1e-3)  # fmt: skip


# boxes


def test_boxes_of_every_kind(tmp_path: Path) -> None:
    truth = walk(TRICLINIC)
    found = read_data(put(tmp_path / "a.data", data_text(truth)))
    assert found.cell is not None
    np.testing.assert_allclose(found.cell, TRICLINIC, atol=1e-12)
    rows = "".join(f"{' '.join(map(str, row))} {name}vec\n" for row, name in zip(GENERAL, "abc", strict=True))
    text = data_text(walk(ORTHOGONAL))
    start, stop = text.index("-1.5"), text.index("Masses")
    general = text[:start] + rows + "1 2 3 abc origin\n\n" + text[stop:]
    found = read_data(put(tmp_path / "b.data", general))
    assert found.cell is not None
    np.testing.assert_allclose(found.cell @ found.cell.T, GENERAL @ GENERAL.T, atol=1e-9)
    np.testing.assert_allclose(np.triu(found.cell, 1), 0, atol=1e-12)


def test_a_trajectory_without_cells_takes_the_box(tmp_path: Path, truth: Truth) -> None:
    path = tmp_path / "run.dcd"
    path.write_bytes(Dcd(truth.wrapped, None).bytes())
    traj = opened(path, data_text(truth))
    np.testing.assert_allclose(traj.cells[0], TRICLINIC, atol=1e-12)
    np.testing.assert_allclose(traj.positions[0], truth.wrapped[0], atol=1e-5)
    assert any("for all frames" in note for note in traj.history[-1]["parameters"]["notes"])
    text = data_text(truth)
    boxless = text[: text.index("-1.5")] + text[text.index("Masses") :]
    with pytest.raises(Refusal, match="no cell"):
        opened(path, boxless)


# dumps


def test_a_dump_takes_masses_and_charges_by_id(tmp_path: Path, truth: Truth) -> None:
    dump = put(tmp_path / "a.dump", dump_text(truth))
    beside = put(tmp_path / "a.data", data_text(truth))
    traj = vh.open(dump, topology=beside, timestep=1.0)
    assert traj.species.tolist() == truth.species
    np.testing.assert_allclose(traj.masses, [MASSES[kind] for kind in truth.types.tolist()])
    assert traj.charges is not None
    np.testing.assert_allclose(traj.charges, [CHARGES[kind] for kind in truth.types.tolist()])
    some = truth.ids[[2, 5, 11]]
    whole = dump_text(truth, shuffle=False).splitlines()
    rows = [line for line in whole if not line[:1].isdigit() or len(line.split()) != 5 or int(line.split()[0]) in some]
    few = put(tmp_path / "few.dump", "\n".join(rows).replace("\n20\n", "\n3\n") + "\n")
    part = vh.open(few, topology=beside, timestep=1.0)
    assert part.species.tolist() == [truth.species[k] for k in (2, 5, 11)]
    assert part.charges is not None
    np.testing.assert_allclose(part.charges, [CHARGES[int(truth.types[k])] for k in (2, 5, 11)])


def test_a_dump_of_another_run_is_noticed(tmp_path: Path, truth: Truth) -> None:
    dump = put(tmp_path / "a.dump", dump_text(truth))
    other = walk(TRICLINIC, seed=8)
    with pytest.raises(Refusal, match=r"not of these atoms|has no atom"):
        vh.open(dump, topology=put(tmp_path / "a.data", data_text(other)), timestep=1.0)
    with pytest.raises(Refusal, match="has no atom"):
        vh.open(dump, topology=put(tmp_path / "b.data", data_text(walk(TRICLINIC, atoms=19))), timestep=1.0)


def test_what_a_dump_says_itself_comes_first(tmp_path: Path, truth: Truth) -> None:
    text = dump_text(truth, "id type xu yu zu", shuffle=False)
    named = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5 and words[0].isdigit():
            kind = int(words[1])
            line += f" { ({1: 'K', 2: 'Ge', 3: 'Se'}[kind]) } {MASSES[kind]} {0.5 * kind}"  # noqa: PLW2901
        named.append(line)
    with_more = "\n".join(named).replace("xu yu zu", "xu yu zu element mass q") + "\n"
    beside = put(tmp_path / "a.data", data_text(truth, masses=""))
    traj = vh.open(put(tmp_path / "a.dump", with_more), topology=beside, timestep=1.0)
    assert set(traj.species.tolist()) == {"K", "Ge", "Se"}
    assert traj.charges is not None
    np.testing.assert_allclose(traj.charges, 0.5 * truth.types)
    np.testing.assert_allclose(traj.masses, [MASSES[kind] for kind in truth.types.tolist()])
    last = with_more.rfind("ITEM: TIMESTEP")
    varying = with_more[:last] + with_more[last:].replace(" 0.5\n", " 0.6\n")
    with_data = vh.open(
        put(tmp_path / "b.dump", varying), topology=put(tmp_path / "b.data", data_text(truth)), timestep=1.0
    )
    assert any("change" in note for note in with_data.history[-1]["parameters"]["notes"])
    assert with_data.charges is None
    alone = vh.open(put(tmp_path / "b.dump", varying), timestep=1.0)
    assert alone.charges is None
    units = vh.open(put(tmp_path / "a.dump", with_more), timestep=1.0, units="si", species=NAMES)
    assert units.charges is None


# what is broken


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("20 atoms\n", "", "no LAMMPS data file"), ("20 atoms\n", "0 atoms\n", "no LAMMPS data file"),
        ("20 atoms\n", "99999999999999 atoms\n", "cut"), ("20 atoms\n", "\u00b2 atoms\n", "no LAMMPS data file"),
        ("20 atoms\n", "21 atoms\n", "fewer"), ("Atoms # full", "Atoms # sphere", "style 'sphere'"),
        ("Atoms # full", "Atoms # atomic", "columns"), ("Masses", "Nothing", "which element"),
        ("1 22.98977", "1 -3", "mass of type 1"), ("1 22.98977", "1 nan", "mass of type 1"),
        ("1 22.98977", "1 x", "not a number"), ("1 22.98977", "1", "two columns"),
        ("3 atom types", "300 atom types", "two columns"),
        ("Atoms # full", "Atoms # full\n\n1 1 1 x 1 1 1", "not a number"),
        ("Atoms # full", "Nothing # full", "has no atoms"), ("xlo xhi", "xlo xhi\n1 y xlo xhi", "not a number"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_by_name(dcd: Path, truth: Truth, old: str, new: str, says: str) -> None:
    text = data_text(truth)
    assert old in text
    with pytest.raises(Refusal) as caught:
        opened(dcd, text.replace(old, new, 1))
    assert says in str(caught.value)
    assert "run.data" in caught.value.where


def test_an_atom_that_stands_twice_is_refused(dcd: Path, truth: Truth) -> None:
    text = data_text(truth, shuffle=False)
    first, second = (f"\n{number} " for number in truth.ids[:2].tolist())
    with pytest.raises(Refusal, match=f"Atom {truth.ids[0]} stands twice"):
        opened(dcd, text.replace(second, first))
