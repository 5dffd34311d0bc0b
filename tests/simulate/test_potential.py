from __future__ import annotations

import json

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.simulate._potential import Buckingham, PairTerm, buckingham, potential


def test_the_published_set_is_as_printed() -> None:
    found = potential("na2s-sis2")
    assert found.charges == {"Na": 0.6, "Si": 2.4, "S": -1.2}
    assert found.term("S-S") == PairTerm(482620.301, 0.284, 3317.512)
    assert found.term("S-Na") == found.term("Na-S") == PairTerm(7051023.133, 0.180, 0.0)
    assert [pair for pair in found.pair_labels if found.term(pair).C] == ["S-S"]
    assert "10.1021/acs.jpcb.3c02909" in found.source
    assert found.cutoff == 10.0
    assert found.accuracy == 1e-4


@pytest.mark.parametrize(
    ("pair", "at_1_5"), [("Na-Na", 81), ("Na-S", 1535), ("Na-Si", 319), ("Si-Si", 1275), ("Si-S", -83), ("S-S", 2481)]
)
def test_energies_at_the_closest_packing_distance(pair: str, at_1_5: float) -> None:
    assert potential("na2s-sis2").energy(pair, 1.5) == pytest.approx(at_1_5, abs=1)


def test_turnover_of_the_published_set() -> None:
    """Values computed independently of this code."""
    found = potential("na2s-sis2").turnovers
    assert found["S-S"].radius == pytest.approx(0.786, abs=1e-3)
    assert found["S-S"].barrier == pytest.approx(1.69e4, rel=5e-3)
    assert found["Si-S"].radius == pytest.approx(0.008, abs=5e-4)
    assert found["Si-S"].barrier == pytest.approx(2.3e6, rel=5e-3)
    assert (found["Si-S"].minimum_radius, found["Si-S"].minimum) == pytest.approx((1.948, -446), rel=2e-3)
    assert (found["Na-S"].minimum_radius, found["Na-S"].minimum) == pytest.approx((2.49, -89), rel=2e-3)
    assert found["Na-S"].radius < 0.005
    for pair in ("Na-Na", "Na-Si", "Si-Si"):
        assert found[pair].radius == 0
        assert np.isinf(found[pair].barrier)
        assert np.isnan(found[pair].minimum)


@pytest.mark.parametrize("C", [500.0, 3317.512, 1e4, 3e4])
@pytest.mark.parametrize("charge", [-1.2, 0.0, 0.8])
def test_turnover_against_a_brute_force_search(C: float, charge: float) -> None:
    set_ = buckingham({"S-S": (482620.301, 0.284, C)}, {"S": charge})
    found = set_.turnovers["S-S"]
    r = np.linspace(0.2, 10, 2_000_001)
    energy = set_.energy("S-S", r)
    maxima = np.flatnonzero((energy[1:-1] > energy[:-2]) & (energy[1:-1] > energy[2:])) + 1
    minima = np.flatnonzero((energy[1:-1] < energy[:-2]) & (energy[1:-1] < energy[2:])) + 1
    assert found.radius == pytest.approx(r[maxima[0]], abs=1e-5)
    assert found.barrier == pytest.approx(energy[maxima[0]], rel=1e-9)
    if len(minima):
        deepest = minima[np.argmin(energy[minima])]
        assert found.minimum_radius == pytest.approx(r[deepest], abs=1e-4)
        assert found.minimum == pytest.approx(energy[deepest], rel=1e-9)
    else:
        assert np.isnan(found.minimum)


def test_slope_is_the_derivative() -> None:
    set_ = potential("na2s-sis2")
    r, h = np.linspace(0.8, 9, 50), 1e-5
    for pair in set_.pair_labels:
        numeric = (set_.energy(pair, r + h) - set_.energy(pair, r - h)) / (2 * h)
        assert set_.slope(pair, r) == pytest.approx(numeric, rel=1e-6, abs=1e-5)


def test_a_pair_that_nothing_holds_apart() -> None:
    found = buckingham({"Li-Li": (10.0, 0.3, 1e6)}, {"Li": 0.0}).turnovers["Li-Li"]
    assert np.isinf(found.radius)
    assert np.isnan(found.barrier)


def test_description_names_every_pair_and_its_turnover() -> None:
    text = potential("na2s-sis2").describe()
    for word in ("Na-Na", "Si-S", "0.7858", "1.69e+04", "-446.2", "1.948", "none", "10.1021"):
        assert word in text


def test_parameters_survive_json_and_whole_numbers_are_the_same_ones() -> None:
    first = buckingham({"Na-Na": (1, 1, 0)}, {"Na": 1}, cutoff=8).to_dict()
    second = Buckingham({"Na": 1.0}, {"Na-Na": PairTerm(1.0, 1.0, 0.0)}, cutoff=8.0).to_dict()
    assert json.dumps(first) == json.dumps(second)


def test_commands_follow_the_order_of_the_types() -> None:
    lines = potential("na2s-sis2").commands(["S", "Na"])
    assert lines[1].startswith("pair_coeff 1 1 482620.301 0.284 3317.512")
    assert lines[2].startswith("pair_coeff 1 2 7051023.133 0.18 0.0")
    assert lines[-1] == "kspace_style pppm 0.0001"
    assert buckingham({"Ar-Ar": (1e5, 0.3, 100.0)}, {"Ar": 0.0}).commands(["Ar"])[0] == "pair_style buck 10.0"


def test_wrong_sets_are_refused() -> None:
    with pytest.raises(Refusal, match="Did you mean 'na2s-sis2'"):
        potential("na2s-sis")
    with pytest.raises(Refusal, match=r"missing pairs \['Na-S', 'S-S'\]"):
        buckingham({"Na-Na": (1.0, 0.1, 0.0)}, {"Na": 1.0, "S": -1.0})
    with pytest.raises(Refusal, match=r"unknown \['Na-K'\]"):
        buckingham({"Na-Na": (1.0, 0.1, 0.0), "Na-K": (1.0, 0.1, 0.0)}, {"Na": 1.0})
    with pytest.raises(Refusal, match="rho=0"):
        buckingham({"Na-Na": (1.0, 0.0, 0.0)}, {"Na": 1.0})
    with pytest.raises(Refusal, match="A of Na-Na is nan"):
        buckingham({"Na-Na": (float("nan"), 0.1, 0.0)}, {"Na": 1.0})
    with pytest.raises(Refusal, match="no element"):
        buckingham({"Xy-Xy": (1.0, 0.1, 0.0)}, {"Xy": 1.0})
