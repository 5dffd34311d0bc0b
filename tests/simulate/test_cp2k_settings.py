"""CP2K's settings, its input, what it says when it gives up, and how its mesh is tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from vanhove import Refusal
from vanhove.base.errors import VanhoveWarning
from vanhove.simulate import cp2k, cp2k_convergence
from vanhove.simulate._cp2k import from_dict
from vanhove.simulate.cp2k_input import single_point, warn_if_narrow
from vanhove.simulate.cp2k_program import find_cp2k, gave_up

ODD = """
 *******************************************************************************
 *   ___                                                                       *
 *  /   \\                                                                      *
 * [ABORT]                                                                     *
 *  \\___/            Use the LSD option for an odd number of electrons         *
 *    |                                                                        *
 *  O/|                                                                        *
 * /| |                                                                        *
 * / \\                                                   qs_environment.F:1375 *
 *******************************************************************************


 ===== Routine Calling Stack =====
"""
LONG = """
 *******************************************************************************
 * [ABORT]                                                                     *
 *  \\___/  The requested basis set <NOPE> for element <S> was not found in the *
 *    |                       basis set files <BASIS_MOLOPT>                   *
 *  O/|                                                                        *
 * /| |                                                                        *
 * / \\                                          aobasis/basis_set_types.F:1509 *
 *******************************************************************************
"""


def sections(text: str) -> dict[str, Any]:
    """The input as nested tables; a line's first word is its name."""
    root: dict[str, Any] = {}
    stack = [root]
    for line in text.splitlines():
        words = line.split()
        if words[0].startswith("&END"):
            stack.pop()
        elif words[0].startswith("&"):
            here: dict[str, Any] = {"": words[1:]}
            stack[-1].setdefault(words[0][1:], []).append(here)
            stack.append(here)
        else:
            stack[-1].setdefault(words[0], []).append(words[1:])
    assert len(stack) == 1
    return root


def test_lps_is_as_printed() -> None:
    """500 and 50 Ry, PBE-D3, GTH-PBE, the three basis sets; four grids, as CP2K has it by default."""
    settings = cp2k("lps")
    assert settings == cp2k()
    assert (settings.cutoff, settings.rel_cutoff, settings.dispersion) == (500.0, 50.0, "D3")
    assert dict(settings.basis) == {"Li": "DZVP-MOLOPT-SR-GTH", "P": "TZVP-MOLOPT-GTH", "S": "TZVP-MOLOPT-GTH"}
    assert settings.species == ["Li", "P", "S"]
    said = settings.describe()
    for words in ("PBE", "GTH-PBE", "500 Ry", "50 Ry relative", "D3 (damped to zero)", "Chen", "Γ point", "metals"):
        assert words in said
    assert "nothing to train" in cp2k("cheap").describe()


def test_the_input_says_all_of_it() -> None:
    cell = np.array([[5.0, 0.1, 0], [0, 6, 0.25], [0.5, 0, 7]])
    places = np.array([[0, 0, 0], [1.25, 1 / 3, 2], [3, 3, 3]])
    found = sections(single_point(cp2k(minimizer="cg", max_scf=7), ["7Li", "S", "S"], cell, places))
    assert found["GLOBAL"][0]["RUN_TYPE"] == [["ENERGY_FORCE"]]
    (force,) = found["FORCE_EVAL"]
    (dft,), (subsystem,) = force["DFT"], force["SUBSYS"]
    assert force["STRESS_TENSOR"] == [["ANALYTICAL"]]
    assert dft["MGRID"][0]["CUTOFF"] == [["500.0"]]
    assert dft["MGRID"][0]["REL_CUTOFF"] == [["50.0"]]
    assert dft["MGRID"][0]["NGRIDS"] == [["4"]]
    assert dft["SCF"][0]["OT"][0]["MINIMIZER"] == [["CG"]]
    assert dft["SCF"][0]["MAX_SCF"] == [["7"]]
    assert dft["SCF"][0]["SCF_GUESS"] == [["ATOMIC"]]
    assert dft["XC"][0]["XC_FUNCTIONAL"][0][""] == ["PBE"]
    (pairs,) = dft["XC"][0]["VDW_POTENTIAL"][0]["PAIR_POTENTIAL"]
    assert pairs["TYPE"] == [["DFTD3"]]
    assert "UKS" not in dft
    np.testing.assert_array_equal(np.array([subsystem["CELL"][0][axis][0] for axis in "ABC"], float), cell)
    rows = subsystem["COORD"][0]
    np.testing.assert_array_equal(np.array([*rows["Li"], *rows["S"]], float), places)  # to the last digit
    kinds = {kind[""][0]: kind["BASIS_SET"][0][0] for kind in subsystem["KIND"]}
    assert kinds == {"Li": "DZVP-MOLOPT-SR-GTH", "S": "TZVP-MOLOPT-GTH"}  # an isotope has its element's electrons
    assert all(kind["POTENTIAL"] == [["GTH-PBE"]] for kind in subsystem["KIND"])
    none = sections(single_point(cp2k(dispersion="none", multiplicity=2, charge=-1), ["S"], cell, places[:1]))
    electrons = none["FORCE_EVAL"][0]["DFT"][0]
    assert "VDW_POTENTIAL" not in electrons["XC"][0]
    assert (electrons["UKS"], electrons["MULTIPLICITY"], electrons["CHARGE"]) == ([["T"]], [["2"]], [["-1"]])


def test_what_decides_the_labels_is_told_apart_from_how_they_are_reached() -> None:
    usual = cp2k()
    assert cp2k(max_scf=9, outer_scf=2, minimizer="cg").to_dict() == usual.to_dict()
    assert cp2k(max_scf=9).reaching["max_scf"] == 9
    changes: list[dict[str, Any]] = [
        {"cutoff": 400}, {"rel_cutoff": 60}, {"dispersion": "D3BJ"}, {"charge": 1}, {"multiplicity": 3},
        {"eps_scf": 1e-7}, {"basis": {"Li": "TZVP-MOLOPT-SR-GTH"}}, {"basis": "DZVP-MOLOPT-SR-GTH"},
    ]  # fmt: skip
    told = [cp2k(**change).to_dict() for change in changes]
    assert all(each != usual.to_dict() for each in told)
    assert all(one != other for n, one in enumerate(told) for other in told[:n])
    assert cp2k(basis={"Cl": "TZVP-MOLOPT-GTH"}).species == ["Li", "P", "S", "Cl"]
    assert cp2k(cutoff=400).name == "CP2K lps with other cutoff"
    mine = cp2k("cheap", cutoff=321, max_scf=5)
    assert from_dict(mine.to_dict(), mine.reaching) == mine


def test_what_is_asked_wrongly_is_said() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"settings": "lsp"}, "Did you mean 'lps'"), ({"cutoff": 0}, "cutoff=0"), ({"cutoff": np.nan}, "cutoff"),
        ({"dispersion": "D4"}, "dispersion='D4'"), ({"minimizer": "bfgs"}, "minimizer"), ({"max_scf": 0}, "max_scf=0"),
        ({"multiplicity": 0}, "multiplicity"), ({"charge": 0.5}, "charge"),
        ({"basis": {"Xx": "A"}}, "'Xx' is no element"),
        ({"basis": {"Cl": "A\n&END"}}, "no name of a basis"),
    ]  # fmt: skip
    for given, said in wrong:
        with pytest.raises(Refusal, match=said):
            cp2k(**given)
    with pytest.raises(Refusal, match="no basis for Cl"):
        single_point(cp2k(), ["Cl"], np.eye(3) * 9, np.zeros((1, 3)))


def test_narrow_cells_are_doubtful() -> None:
    warn_if_narrow([np.eye(3) * 7.3])
    with pytest.warns(VanhoveWarning, match=r"only 6\.4 Å wide"):
        warn_if_narrow([np.eye(3) * 9, np.array([[9, 0, 0], [9, 9, 0], [0, 0, 9.0]])])


def test_what_it_says_when_it_gives_up_is_understood() -> None:
    assert gave_up(ODD) == "Use the LSD option for an odd number of electrons"
    assert gave_up(LONG) == (
        "The requested basis set <NOPE> for element <S> was not found in the basis set files <BASIS_MOLOPT>"
    )
    assert gave_up("PROGRAM ENDED AT") == ""


def test_where_it_is_not_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VANHOVE_CP2K", str(tmp_path / "nowhere"))
    with pytest.raises(Refusal, match=r"nowhere is no program.*apt install cp2k"):
        find_cp2k()
    monkeypatch.delenv("VANHOVE_CP2K")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refusal, match=r"none of cp2k\.psmp"):
        find_cp2k()
    other = tmp_path / "cp2k.psmp"
    other.write_text("#!/bin/sh\necho I am something else\n")
    other.chmod(0o755)
    with pytest.raises(Refusal, match=r"does not say that it is CP2K.*something else"):
        _ = find_cp2k().version


def test_ranks_need_the_launcher_beside_it(pretended: Path) -> None:
    found = find_cp2k()
    assert found.version == "CP2K 2023.1"
    assert found.command(1, "-i", "x") == [str(pretended), "-i", "x"]
    with pytest.raises(Refusal, match="launcher"):
        found.command(2)
    launcher = pretended.with_name("mpirun")
    launcher.touch()
    assert find_cp2k().command(2)[:3] == [str(launcher), "-n", "2"]


@pytest.mark.usefixtures("pretended")
def test_the_coarsest_mesh_that_will_do(tmp_path: Path) -> None:
    """The pretended program has no mesh: all will do."""
    atoms = Atoms("H2", positions=[(0, 0, 0), (0.8, 0, 0)], cell=[7.5] * 3, pbc=True)
    found = cp2k_convergence(atoms, tmp_path / "mesh", engine=cp2k("cheap"), cutoffs=(300, 200), rel_cutoffs=(40, 50))
    assert (found.attrs["cutoff"], found.attrs["rel_cutoff"]) == (200.0, 40.0)
    assert dict(found.sizes) == {"cutoff": 2, "rel_cutoff": 2}
    assert found["force_difference"].attrs["units"] == "eV/Å"
    assert float(abs(found["net_force"]).max()) < 1e-9
    assert "200 and 40 Ry will do" in found.attrs["verdict"]
    assert sorted(path.name for path in (tmp_path / "mesh").iterdir()) == ["200-40", "200-50", "300-40", "300-50"]
    with pytest.raises(Refusal, match="One mesh"):
        cp2k_convergence(atoms, tmp_path / "mesh", engine=cp2k("cheap"), cutoffs=(300,))
    with pytest.raises(Refusal, match="tolerance"):
        cp2k_convergence(atoms, tmp_path / "mesh", engine=cp2k("cheap"), tolerance=0)


def test_the_choice_among_meshes() -> None:
    """The finest never; one that a finer one contradicts neither."""
    from vanhove.simulate._cp2k_convergence import _chosen

    assert _chosen(np.array([[False], [True], [True]])) == (1, 0)
    assert _chosen(np.array([[True], [False], [True]])) is None
    assert _chosen(np.array([[False, True], [False, True]])) == (0, 1)
    assert _chosen(np.array([[False, False], [False, True]])) is None
