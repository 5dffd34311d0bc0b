"""Names of pairs and the order of species in a formula."""

from __future__ import annotations

import pytest

from vanhove.base.errors import Refusal
from vanhove.structure.pairs import all_pairs, formula_place, members, split_pair


@pytest.mark.parametrize(
    "formula",
    [
        ["Li", "P", "S", "Cl"], ["Na", "Si", "S"], ["Li", "Ge", "P", "S"], ["Li", "La", "Zr", "O"], ["Na", "Cl"],
        ["Li", "B", "H"], ["Ag", "I"], ["Ca", "Al", "Si", "O"], ["Ba", "Ti", "O", "F"], ["Li", "Si", "P", "S", "Br"],
        ["U", "O"], ["Li", "Lu", "Hf", "N"], ["Na", "Ni", "O"], ["H", "O"], ["Na", "Sb", "S"], ["C", "H", "O"],
    ],
    ids="".join,
)  # fmt: skip
def test_species_stand_as_in_a_formula(formula):
    assert sorted(formula, key=formula_place) == formula


def test_isotopes_stand_beside_each_other_and_unknown_labels_last():
    assert sorted(["X", "S", "7Li", "6Li"], key=formula_place) == ["6Li", "7Li", "S", "X"]


def test_every_pair_once():
    assert all_pairs({"S": 4, "P": 1, "Li": 3}) == ["Li-Li", "Li-P", "Li-S", "P-S", "S-S"]
    assert all_pairs({"Li": 1}) == []


def test_a_pair_has_two_names():
    assert split_pair(" Li - S ") == ("Li", "S")
    for wrong in ("Li", "Li-", "-S", "Li-S-P", ""):
        with pytest.raises(Refusal, match="no pair"):
            split_pair(wrong)


def test_an_element_means_its_isotopes_unless_it_is_there_itself():
    assert members("Li", ["6Li", "7Li", "S"]) == [0, 1]
    assert members("Li", ["6Li", "Li", "S"]) == [1]
    assert members("7Li", ["6Li", "7Li", "S"]) == [1]
    with pytest.raises(Refusal, match="Did you mean 'S'"):
        members("Si", ["Li", "S"])
