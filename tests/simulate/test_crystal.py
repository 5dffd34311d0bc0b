"""Crystals: the formula is exact, the symmetry is used, and split sites are taken on one side only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write

from vanhove.base.errors import Refusal, VanhoveWarning
from vanhove.simulate import crystal
from vanhove.simulate._crystal import whole_numbers
from vanhove.simulate.site_table import sites_of

CIF = """data_argyrodite
_cell_length_a 9.86
_cell_length_b 9.86
_cell_length_c 9.86
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F -4 3 m'
_space_group_IT_number 216
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_occupancy
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li1 Li 0.5 0.3202(5) 0.0183 0.67975
Cl1 Cl {cl} 0 0 0
S1 S {s} 0 0 0
S3 S {cl} 0.25 0.25 0.75
Cl2 Cl {s} 0.25 0.25 0.75
P1 P 1 0 0 0.5
S2 S 1.0004 0.1186 -0.1186 0.6186
"""


def argyrodite(folder: Path, exchanged: float = 0.0) -> Path:
    path = folder / "argyrodite.cif"
    path.write_text(CIF.format(cl=1 - exchanged, s=exchanged))
    return path


def closest(atoms: Atoms, element: str) -> float:
    some = atoms[[symbol == element for symbol in atoms.get_chemical_symbols()]]
    return float((some.get_all_distances(mic=True) + 99 * np.eye(len(some))).min())


def test_a_cell_of_argyrodite(tmp_path: Path) -> None:
    atoms = crystal(argyrodite(tmp_path))
    assert atoms.get_chemical_formula() == "Cl4Li24P4S20"
    of_site = dict(zip(*np.unique(atoms.arrays["site"], return_counts=True), strict=True))
    assert of_site == {"Li1": 24, "Cl1": 4, "S3": 4, "P1": 4, "S2": 16}
    # every P has its four S at the distance that the coordinates say
    p = atoms.arrays["site"] == "P1"
    d = atoms.get_all_distances(mic=True)[np.ix_(p, atoms.arrays["site"] == "S2")]
    np.testing.assert_allclose(np.sort(d, axis=1)[:, :4], 0.1186 * 3**0.5 * 9.86, rtol=1e-6)
    assert closest(atoms, "Li") > 2.0  # a doublet's halves are 1.9 Å apart


def test_the_seed_decides_and_the_formula_does_not_hang_on_it(tmp_path: Path) -> None:
    path = argyrodite(tmp_path, 0.37)
    first, again, other = (crystal(path, supercell=(2, 2, 1), seed=seed, formula="Li6PS5Cl") for seed in (1, 1, 2))
    assert first == again
    assert not np.array_equal(first.positions, other.positions)
    assert first.get_chemical_formula() == other.get_chemical_formula() == "Cl16Li96P16S80"


@pytest.mark.parametrize(("share", "cells"), [(0.5, (1, 1, 1)), (0.615, (3, 2, 2)), (0.1, (1, 1, 1))])
def test_exchanged_anions_are_rounded_together(tmp_path: Path, share: float, cells: tuple[int, int, int]) -> None:
    """Whole numbers on both sites next to the shares, and the element's total exact."""
    numbers = whole_numbers(sites_of(argyrodite(tmp_path, share)), int(np.prod(cells)))
    by_site = dict(zip([site.name for site in sites_of(argyrodite(tmp_path)).sites], numbers, strict=True))
    places = 4 * int(np.prod(cells))
    assert abs(by_site["Cl1"].get("S", 0) - share * places) < 1
    assert by_site["Cl1"].get("S", 0) == by_site["S3"].get("Cl", 0)
    assert sum(counts.get("Cl", 0) for counts in numbers) == places


def test_occupancies_can_be_given(tmp_path: Path) -> None:
    half = {"Cl1": {"Cl": 0.5, "S": 0.5}, "S3": {"S": 0.5, "Cl": 0.5}}
    atoms = crystal(argyrodite(tmp_path), supercell=(2, 2, 2), occupancies=half)
    on = atoms.arrays["site"] == "Cl1"
    assert sorted(np.array(atoms.get_chemical_symbols())[on]) == ["Cl"] * 16 + ["S"] * 16
    assert atoms.get_chemical_formula() == "Cl32Li192P32S160"
    with pytest.raises(Refusal, match=r"no site 'Cl9'\. Did you mean 'Cl"):
        crystal(argyrodite(tmp_path), occupancies={"Cl9": {"Cl": 1.0}})
    with pytest.raises(Refusal, match=r"'P1' is 1\.500 times occupied"):
        crystal(argyrodite(tmp_path), occupancies={"P1": {"P": 1.0, "S": 0.5}})


def test_no_whole_atoms_are_asked_back(tmp_path: Path) -> None:
    path = argyrodite(tmp_path)
    path.write_text(path.read_text().replace("Li1 Li 0.5 ", "Li1 Li 0.49 "))
    with pytest.raises(Refusal, match=r"23\.52 Li: no whole atoms.*formula="):
        crystal(path)
    assert crystal(path, formula="Li6PS5Cl").get_chemical_formula() == "Cl4Li24P4S20"
    with pytest.raises(Refusal, match="another crystal than one with"):
        crystal(path, formula="Li3PS4Cl")
    with pytest.raises(Refusal, match="other elements"):
        crystal(path, formula="Li6PS5Br")


def test_a_charge_is_said(tmp_path: Path) -> None:
    path = argyrodite(tmp_path)
    path.write_text(path.read_text().replace("Li1 Li 0.5 ", "Li1 Li 0.25 "))
    with pytest.warns(VanhoveWarning, match="not neutral by formal charges: -12 e"):
        crystal(path)


def test_too_crowded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"closer than 3\.5 Å"):
        crystal(argyrodite(tmp_path), min_distance=3.5)


def test_a_file_without_symmetry_is_repeated(tmp_path: Path) -> None:
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    write(tmp_path / "POSCAR", salt, format="vasp")
    for given in (tmp_path / "POSCAR", salt):
        atoms = crystal(given, supercell=(2, 1, 3))
        assert atoms.get_chemical_formula() == "Cl24Na24"
        np.testing.assert_allclose(atoms.cell.lengths(), [11.28, 5.64, 16.92])
        assert closest(atoms, "Na") == pytest.approx(5.64 / 2**0.5)


def test_what_is_no_crystal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="There is no crystal 'Li6PS5'"):
        crystal("Li6PS5")
    (tmp_path / "x.cif").write_text("data_x\n_cell_length_a 5\n")
    with pytest.raises(Refusal, match="can't be read as a crystal"):
        crystal(tmp_path / "x.cif")
    (tmp_path / "POSCAR").write_text("nothing\n")
    with pytest.raises(Refusal, match="can't be read"):
        crystal(tmp_path / "POSCAR")
    with pytest.raises(Refusal, match="periodic"):
        crystal(Atoms("Li2", positions=[[0, 0, 0], [0, 0, 2]]))
    with pytest.raises(Refusal, match="three whole numbers"):
        crystal(bulk("Na"), supercell=(0, 1, 1))


def test_the_measured_structure(shared_data: Path) -> None:
    path = next((shared_data / "structures").glob("*.cif"))
    atoms = crystal(path, formula="Li6PS5Cl")
    assert atoms.get_chemical_formula() == "Cl4Li24P4S20"
    assert closest(atoms, "Li") > 2.0
