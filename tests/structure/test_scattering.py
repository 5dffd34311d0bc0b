"""What neutrons and X-rays see: the table agrees with itself, and with others where they are right."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.base.scattering import _table, form_factor, neutron, usual_ion

periodictable = pytest.importorskip("periodictable")

KNOWN = [label for label, values in _table().items() if "-" not in values]


def printed_error(text):
    """Half a unit of the last digit printed, none for a number that is too short to tell."""
    digits = text.lower().replace("-", "").replace(".", "").partition("e")[0].lstrip("0")
    return abs(float(text)) * 0.6 / max(1, int(digits or 1))


@pytest.mark.parametrize("label", KNOWN)
def test_coherent_cross_section_is_that_of_the_scattering_length(label):
    """σ = 4π|b|², within what is printed; natural Eu is printed so (the real part alone gives its value)."""
    one = neutron(label)
    wanted = 4 * math.pi * abs(one.b) ** 2 / 100
    real, imaginary, coherent = _table()[label][:3]
    length = float(np.hypot(printed_error(real), printed_error(imaginary) if one.b.imag else 0.0))
    allowed = printed_error(coherent) + 8 * math.pi * abs(one.b) * length / 100 + 0.001 * wanted
    rounded_apart = {"76Ge": 0.5, "Eu": 0.2}  # b and σ of 76Ge are printed to one digit with errors of a third
    assert abs(one.sigma_coh - wanted) <= allowed + rounded_apart.get(label, 0.0)


def test_natural_mixtures_are_sums_over_their_isotopes():
    """⟨b⟩, and ⟨σ⟩ as the sum of what is coherent and incoherent: so the incoherent part holds the isotopes' spread."""
    compared = 0
    for element in periodictable.elements:
        name = str(element.symbol)
        share = {
            f"{number}{name}": element[number].abundance / 100
            for number in element.isotopes
            if element[number].abundance > 0
        }
        if name not in KNOWN or len(share) < 2 or not all(label in KNOWN for label in share):
            continue
        natural, parts = neutron(name), {label: neutron(label) for label in share}
        length = sum(share[label] * parts[label].b for label in share)
        scattered = sum(share[label] * (parts[label].sigma_coh + parts[label].sigma_inc) for label in share)
        assert abs(length - natural.b) <= 0.03 * abs(natural.b) + 0.08, name
        # lithium's 6Li content differs from ore to ore; samarium's isotopes are known to some barns
        loose = {"Sm": 0.2}.get(name, 0.06)
        assert abs(scattered - natural.sigma_coh - natural.sigma_inc) <= loose * scattered + 0.1, name
        compared += 1
    assert compared > 40


def test_the_numbers_that_ion_conductors_need():
    seven, six, natural = neutron("7Li"), neutron("6Li"), neutron("Li")
    assert (seven.b, seven.sigma_coh, seven.sigma_inc) == (-2.22, 0.619, 0.78)
    assert six.sigma_abs == 940
    assert six.b == 2.00 - 0.261j
    assert natural.sigma_inc == 0.92
    assert neutron("Cl").sigma_inc == pytest.approx(5.3)
    assert neutron("S").b == pytest.approx(2.847)
    assert neutron("P").b == pytest.approx(5.13)
    assert neutron("Na").sigma_inc == pytest.approx(1.62)
    assert neutron("Si").b == pytest.approx(4.1491)
    assert neutron("V").sigma_inc == pytest.approx(5.08)


def test_natural_chlorine_s_incoherence_is_mostly_the_spread_of_its_isotopes():
    c = {"35Cl": 0.7577, "37Cl": 0.2423}
    spins = sum(c[label] * neutron(label).sigma_inc for label in c)
    mean = sum(c[label] * neutron(label).b for label in c)
    spread = 4 * math.pi / 100 * sum(c[label] * abs(neutron(label).b - mean) ** 2 for label in c)
    assert spins + spread == pytest.approx(neutron("Cl").sigma_inc, rel=0.05)


def test_two_misprints_of_the_lists_are_set_right(shared_data):
    """All else is as others have it."""
    with open(shared_data / "tables" / "scippneutron_scattering_parameters.csv", encoding="utf-8") as file:
        rows = {row[0]: row for row in csv.reader(file)}
    differing = []
    for label, row in rows.items():
        if label not in KNOWN:
            assert not row[1] or not row[9], label
            continue
        one = neutron(label)
        theirs = [float(row[i] or 0) for i in (1, 3, 9, 11, 15)]
        ours = [one.b.real, one.b.imag, one.sigma_coh, one.sigma_inc, one.sigma_abs]
        if not np.allclose(ours, theirs, rtol=1e-12):
            differing.append(label)
    assert differing == ["Xe", "147Sm"]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("Xx", "no element or isotope.*Did you mean"),
        ("Po", "not known"),
        ("9Li", "not known.*Li, 6Li, 7Li"),
        ("191Ir", "never measured"),
    ],
)
def test_what_is_not_in_the_table_is_refused(label, message):
    with pytest.raises(Refusal, match=message):
        neutron(label)


@pytest.mark.parametrize("name", ["Li", "Na", "Si", "P", "S", "Cl", "Li1+", "Na1+", "Si4+", "Cl1-", "O2-"])
def test_forward_scattering_counts_electrons(name):
    element = name.rstrip("0123456789+-")
    charge = int(name[len(element) : -1] or 0) * (-1 if name.endswith("-") else 1) if name != element else 0
    electrons = getattr(periodictable, element).number - charge
    assert form_factor(name, 0.0) == pytest.approx(electrons, abs=0.01)
    q = np.linspace(0, 20, 50)
    assert (np.diff(form_factor(name, q)) < 0).all()


def test_far_out_an_ion_scatters_as_its_atom():
    """The electrons that are missing are the outer ones."""
    np.testing.assert_allclose(form_factor("Na1+", [8.0, 12.0]), form_factor("Na", [8.0, 12.0]), rtol=0.01)
    assert form_factor("Na+", 1.0) == form_factor("Na1+", 1.0)


def test_which_form_factor_stands_for_a_species():
    usual = {name: usual_ion(name) for name in ("Li", "7Li", "Na", "Si", "P", "S", "Cl", "O", "H", "Ge", "Ti")}
    assert usual == {
        "Li": "Li1+", "7Li": "Li1+", "Na": "Na1+", "Si": "Si4+", "P": "P", "S": "S", "Cl": "Cl1-", "O": "O2-", "H": "H",
        "Ge": "Ge4+", "Ti": "Ti",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("S2-", "no X-ray form factor of 'S2-'.*Did you mean 'S'"),
        ("Fe4+", "Did you mean 'Fe3\\+'"),
        ("Xx", "Write it like"),
    ],
)
def test_form_factors_that_are_not_there(name, message):
    with pytest.raises(Refusal, match=message):
        form_factor(name, 1.0)
    with pytest.raises(Refusal, match="form factors end"):
        form_factor("S", [1.0, 80.0])


def test_the_table_is_part_of_what_is_installed():
    """A package without its data file fails at the first neutron."""
    from importlib.resources import files

    text = files("vanhove.base").joinpath("data", "neutron.txt").read_text(encoding="utf-8")
    assert "V. F. Sears" in text
    assert len(KNOWN) > 300
