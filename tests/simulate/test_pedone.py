from __future__ import annotations

import json

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.base.units import COULOMB_EV_A, KCAL_MOL_IN_EV
from vanhove.simulate._pedone import MorseTerm, Pedone, pedone
from vanhove.simulate._potential import potential

# As printed, typed in a second time: charge, D, a, r0, B of the pair with oxygen.
PRINTED = {
    "Li": (0.6, 0.001114, 3.429506, 2.681360, 1.0),
    "Na": (0.6, 0.023363, 1.763867, 3.006315, 5.0),
    "K": (0.6, 0.011612, 2.062605, 3.305308, 5.0),
    "Mg": (1.2, 0.038908, 2.281000, 2.586153, 5.0),
    "Ca": (1.2, 0.030211, 2.241334, 2.923245, 5.0),
    "Al": (1.8, 0.361581, 1.900442, 2.164818, 0.9),
    "Si": (2.4, 0.340554, 2.006700, 2.100000, 1.0),
    "Zr": (2.4, 0.206237, 2.479675, 2.436997, 1.0),
    "P": (3.0, 0.831326, 2.585833, 1.800790, 1.0),
    "O": (-1.2, 0.042395, 1.379316, 3.618701, 22.0),
}


def test_the_published_set_is_as_printed() -> None:
    found = potential("pedone")
    assert isinstance(found, Pedone)
    assert found.charges == {label: numbers[0] for label, numbers in PRINTED.items()}
    for label, numbers in PRINTED.items():
        assert found.term(f"O-{label}") == found.term(f"{label}-O") == MorseTerm(*numbers[1:])
    bare = [pair for pair in found.pair_labels if found.term(pair).D == 0 and found.term(pair).B == 0]
    assert sorted(bare) == sorted(pair for pair in found.pair_labels if "O" not in pair.split("-"))
    assert "10.1021/jp0611018" in found.source
    assert "silicates" in found.good_for


@pytest.mark.parametrize("label", PRINTED)
def test_energies_against_the_formula(label: str) -> None:
    charge, D, a, r0, B = PRINTED[label]
    r = np.linspace(0.9, 9, 40)
    expected = D * ((1 - np.exp(-a * (r - r0))) ** 2 - 1) + B / r**12 - 1.2 * charge * COULOMB_EV_A / r
    assert potential("pedone").energy(f"{label}-O", r) * KCAL_MOL_IN_EV == pytest.approx(expected, rel=1e-12)


def test_slope_is_the_derivative() -> None:
    found = potential("pedone")
    r, h = np.linspace(0.8, 9, 50), 1e-5
    for pair in found.pair_labels:
        numeric = (found.energy(pair, r + h) - found.energy(pair, r - h)) / (2 * h)
        assert found.slope(pair, r) == pytest.approx(numeric, rel=1e-6, abs=1e-5)


def test_the_core_holds_every_pair_apart_and_leaves_one_well() -> None:
    """Nothing turns over at short range, and no second well lies between the core and the Morse well."""
    found = potential("pedone")
    r = np.geomspace(0.02, 15, 400_000)
    for pair, turnover in found.turnovers.items():
        assert turnover.radius == 0
        assert np.isinf(turnover.barrier)
        energy = found.energy(pair, r)
        minima = r[1:-1][(energy[1:-1] < energy[:-2]) & (energy[1:-1] < energy[2:])]
        attract = "O" in pair.split("-") and pair != "O-O"
        assert len(minima) == attract
        if attract:
            assert turnover.minimum_radius == pytest.approx(minima[0], abs=1e-3)
        else:
            assert np.isnan(turnover.minimum)


def test_without_a_core_the_morse_barrier_is_what_holds() -> None:
    found = pedone({"Si-O": (0.340554, 2.0067, 2.1, 0.0), "O-O": PRINTED["O"][1:]}, {"Si": 2.4, "O": -1.2})
    r = np.linspace(0.001, 3, 3_000_000)
    energy = found.energy("Si-O", r)
    top = np.flatnonzero((energy[1:-1] > energy[:-2]) & (energy[1:-1] > energy[2:]))[0] + 1
    assert found.turnovers["Si-O"].radius == pytest.approx(r[top], abs=1e-5)
    assert found.turnovers["Si-O"].barrier == pytest.approx(energy[top], rel=1e-9)
    nothing = pedone({"O-O": PRINTED["O"][1:]}, {"Si": 2.4, "O": -1.2})
    assert np.isinf(nothing.turnovers["Si-O"].radius)


def test_description_says_what_a_person_should_know() -> None:
    text = potential("pedone").describe()
    for word in ("cutoff 10 Å", "Li +0.6", "O -1.2", "3.429506", "by their charges alone: Li-Li", "silicates", "11780"):
        assert word in text


def test_commands_are_lammps_own_style_over_the_coulomb_sum() -> None:
    lines = potential("pedone", accuracy=1e-5).commands(["O", "Li"])
    assert lines[:2] == ["pair_style hybrid/overlay pedone 10.0 coul/long 10.0", "pair_coeff * * coul/long"]
    assert [line.split()[:4] for line in lines[2:4]] == [
        ["pair_coeff", "1", "1", "pedone"],
        ["pair_coeff", "1", "2", "pedone"],
    ]
    D, a, r0, B = map(float, lines[3].split()[4:8])
    assert (D * KCAL_MOL_IN_EV, a, r0, B * KCAL_MOL_IN_EV) == pytest.approx(PRINTED["Li"][1:], rel=1e-12)
    assert lines[4:] == ["kspace_style pppm 1e-05"]


def test_parameters_survive_json_and_name_every_pair() -> None:
    said = potential("pedone").to_dict()
    assert json.loads(json.dumps(said)) == said
    assert len(said["pairs"]) == 55
    assert said["form"] == "pedone"


def test_wrong_sets_are_refused() -> None:
    with pytest.raises(Refusal, match="D=-1"):
        pedone({"O-O": (-1.0, 1.0, 1.0, 0.0)}, {"O": -1.2})
    with pytest.raises(Refusal, match="a of O-O is nan"):
        pedone({"O-O": (1.0, float("nan"), 1.0, 0.0)}, {"O": -1.2})
    with pytest.raises(Refusal, match=r"unknown \['O-K'\]"):
        pedone({"O-K": (1.0, 1.0, 1.0, 0.0)}, {"O": -1.2})
    with pytest.raises(Refusal, match="Did you mean 'pedone'"):
        potential("pedon")
