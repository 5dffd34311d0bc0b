from __future__ import annotations

import pytest

from vanhove import Refusal
from vanhove.base import units
from vanhove.base.elements import element_by_mass, element_of, is_species, mass_of


def test_constants_agree_with_scipys() -> None:
    """Ours are CODATA 2018; a later set moves the measured ones (u, ε₀) by some 1e-9, the exact ones not at all."""
    from scipy import constants as si

    assert pytest.approx(si.k / si.e * 1e3, rel=1e-9) == units.K_B
    assert pytest.approx(si.hbar / si.e * 1e15, rel=1e-9) == units.HBAR
    assert pytest.approx(si.atomic_mass * 1e4 / si.e * 1e3, rel=1e-8) == units.U_A2_PER_PS2_IN_MEV
    assert pytest.approx(si.e**2 / (4 * si.pi * si.epsilon_0) / si.e * 1e10, rel=1e-8) == units.COULOMB_EV_A
    assert pytest.approx(si.atomic_mass * 1e27, rel=1e-8) == units.DENSITY_G_CM3
    assert pytest.approx(si.calorie * 1e3 / si.N_A / si.e, rel=1e-9) == units.KCAL_MOL_IN_EV


def test_nernst_einstein_factor_from_si() -> None:
    """σ = e²nD/k_BT of 0.02 ions/Å³ with 1e-5 cm²/s at 1000 K, once by the factor and once in SI."""
    from scipy import constants as si

    in_si = si.e**2 * 0.02e30 * 1e-9 / (si.k * 1000)  # S/m
    assert pytest.approx(in_si * 10, rel=1e-8) == units.SIGMA_MS_CM * 0.02 * 1e-5 / (units.K_B_EV * 1000)


def test_diffusion_unit() -> None:
    assert pytest.approx(1e-16 / 1e-12) == units.CM2_S_PER_A2_PS


def test_elements_and_isotopes() -> None:
    assert element_of("7Li") == "Li"
    assert mass_of("Na") == pytest.approx(22.98976928, abs=1e-6)
    assert mass_of("7Li") == pytest.approx(7.0160034, abs=1e-6)
    assert mass_of("Li") == pytest.approx(6.94, abs=0.01)
    assert is_species("6Li")
    assert not is_species("Xx")


@pytest.mark.parametrize("label", ["Xx", "99Li", "type1", ""])
def test_what_is_no_element_is_refused(label: str) -> None:
    with pytest.raises(Refusal, match="no element or isotope"):
        mass_of(label)


def test_element_by_mass() -> None:
    assert element_by_mass(22.99) == "Na"
    assert element_by_mass(28.086) == "Si"
    assert element_by_mass(500.0) is None
    assert element_by_mass(58.8, tolerance=0.2) is None  # between cobalt and nickel: never a guess
