from __future__ import annotations

import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate._composition import composition, formula_unit


@pytest.mark.parametrize(
    ("formula", "unit"),
    [
        ("Na2SiS3", {"Na": 2, "Si": 1, "S": 3}),
        ("Na2S-SiS2", {"Na": 2, "S": 3, "Si": 1}),
        ("50 Na2S - 50 SiS2", {"Na": 2, "S": 3, "Si": 1}),
        ("0.75Li2S·0.25P2S5", {"Li": 3, "S": 4, "P": 1}),
        ("67Li2S-33P2S5", {"Li": 67, "S": 116, "P": 33}),
        ("Li6PS5Cl", {"Li": 6, "P": 1, "S": 5, "Cl": 1}),
        ("Li2S + 0 P2S5", {"Li": 2, "S": 1}),
    ],
)
def test_the_formula_unit_has_the_smallest_whole_counts(formula: str, unit: dict[str, int]) -> None:
    assert formula_unit(formula) == unit


def test_counts_of_a_cell() -> None:
    assert composition("Na2S-SiS2", 480) == {"Na": 160, "S": 240, "Si": 80}


def test_the_number_of_atoms_by_name() -> None:
    assert composition("75Li2S-25P2S5", atoms=800) == {"Li": 300, "S": 400, "P": 100}
    assert composition("75Li2S-25P2S5", n_atoms=800) == composition("75Li2S-25P2S5", 800)
    with pytest.raises(Refusal, match="How many atoms"):
        composition("75Li2S-25P2S5")
    with pytest.raises(Refusal, match="once"):
        composition("75Li2S-25P2S5", 800, n_atoms=800)


def test_counts_that_are_not_whole_name_the_nearest() -> None:
    with pytest.raises(Refusal, match="Take 480 or 486 atoms"):
        composition("Na2SiS3", 483)
    with pytest.raises(Refusal, match="Take 6 atoms"):
        composition("Na2SiS3", 3)


def test_a_charged_formula_is_refused_with_its_charge() -> None:
    with pytest.raises(Refusal, match=r"not charge-neutral: -1 e a unit of LiS"):
        composition("LiS", 16)


def test_charges_decide_where_the_usual_ones_are_wrong() -> None:
    with pytest.raises(Refusal, match="charge-neutral"):
        composition("Li4P2S6", 24)  # phosphorus is +4 here
    assert composition("Li4P2S6", 24, charges={"Li": 1, "P": 4, "S": -2}) == {"Li": 8, "P": 4, "S": 12}


@pytest.mark.parametrize("formula", ["", "na2s", "Na2S-", "Na2Xy3", "Na2S--SiS2"])
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(Refusal):
        composition(formula, 60)


def test_an_element_without_a_usual_charge_asks_for_it() -> None:
    with pytest.raises(Refusal, match="charge of Fe is not known"):
        composition("LiFeO2", 16)
