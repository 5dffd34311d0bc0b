"""Crystals that come along: formula, density, symmetry, distances, and the units that they are known for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.units import DENSITY_G_CM3
from vanhove.simulate import crystal, crystal_sites
from vanhove.simulate.site_table import shipped, sites_of
from vanhove.structure import speciation

if TYPE_CHECKING:
    from ase import Atoms

# name, formula of the cell, space group, density g/cm³ (of the cell and its atoms by hand)
CRYSTALS = [
    ("li6ps5cl", "Cl4Li24P4S20", 216, 1.860),
    ("beta-li3ps4", "Li12P4S16", 62, 1.854),
    ("li2si2o5", "Li8O20Si8", 37, 2.467),
]
BONDS = {  # Å: shortest and longest of a bond, and how far it reaches
    ("P", "S"): (2.03, 2.06, 2.5),
    ("Si", "O"): (1.58, 1.66, 2.0),
    ("Li", "S"): (2.2, 2.7, 2.7),
    ("Li", "O"): (1.85, 2.1, 2.1),
}
CLOSEST = {("Li", "Li"): 1.9, ("S", "S"): 3.2, ("O", "O"): 2.5, ("Si", "Si"): 2.9, ("P", "P"): 4.0, ("Li", "P"): 2.7,
           ("Cl", "S"): 3.2, ("Li", "Cl"): 2.2, ("Li", "Si"): 2.6}  # fmt: skip


def distances(atoms: Atoms, first: str, second: str) -> Any:
    """From every atom of the first kind to every one of the second, itself far away."""
    symbols = np.array(list(atoms.symbols))
    far = atoms.get_all_distances(mic=True) + 99 * np.eye(len(atoms))
    return far[np.ix_(symbols == first, symbols == second)]


def test_the_names() -> None:
    assert shipped() == sorted(name for name, *_ in CRYSTALS)
    assert crystal("Li6PS5Cl") == crystal("li6ps5cl")
    with pytest.raises(Refusal, match="Did you mean 'li6ps5cl'"):
        crystal("li6ps5br")


@pytest.mark.parametrize(("name", "formula", "group", "density"), CRYSTALS)
def test_formula_density_and_source(name: str, formula: str, group: int, density: float) -> None:
    atoms = crystal(name)
    assert atoms.get_chemical_formula() == formula
    assert float(atoms.get_masses().sum()) * DENSITY_G_CM3 / atoms.cell.volume == pytest.approx(density, abs=5e-4)
    (step,) = json.loads(atoms.info["history"])
    assert "(19" in step["parameters"]["source"] or "(20" in step["parameters"]["source"]
    assert "not from a measurement" in step["parameters"]["source"]  # and how they were derived


@pytest.mark.parametrize(("name", "formula", "group", "density"), CRYSTALS)
def test_symmetry(name: str, formula: str, group: int, density: float) -> None:
    """spglib finds the space group and every site's letter; the argyrodite's with all 48h places taken."""
    spglib = pytest.importorskip("spglib")
    atoms = crystal(name, occupancies={"T5": {"Li": 1.0}}, formula="Li12PS5Cl") if name == "li6ps5cl" else crystal(name)
    found = spglib.get_symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), symprec=1e-4)
    assert found.number == group
    letters: dict[str, set[str]] = {}
    for site, letter in zip(atoms.arrays["site"].tolist(), found.wyckoffs, strict=True):
        letters.setdefault(site, set()).add(letter)
    for site, found_letters in letters.items():
        wyckoff, places = _wyckoff(name, site), np.sum(atoms.arrays["site"] == site)
        assert found_letters == {wyckoff[-1]}, site
        assert places == int(wyckoff[:-1]), site


def _wyckoff(name: str, site: str) -> str:
    import tomllib
    from importlib import resources

    file = resources.files("vanhove.simulate") / "data" / "crystals" / f"{name}.toml"
    return str(tomllib.loads(file.read_text(encoding="utf-8"))["sites"][site]["wyckoff"])


@pytest.mark.parametrize("name", [name for name, *_ in CRYSTALS])
def test_every_site_has_as_many_places_as_its_letter_says(name: str) -> None:
    for site, places in crystal_sites(name).items():
        assert len(places) == int(_wyckoff(name, site)[:-1]), site


@pytest.mark.parametrize("name", [name for name, *_ in CRYSTALS])
def test_distances(name: str) -> None:
    atoms = crystal(name, supercell=(1, 2, 2))
    present = set(atoms.symbols)
    for (first, second), (shortest, longest, reach) in BONDS.items():
        if {first, second} <= present:
            found = distances(atoms, first, second)
            assert found.min() >= shortest, (first, second)
            assert found[found < reach].max() <= longest, (first, second)
            if first in ("P", "Si"):
                assert ((found < reach).sum(axis=1) == 4).all()
    for (first, second), least in CLOSEST.items():
        if {first, second} <= present:
            assert distances(atoms, first, second).min() > least, (first, second)


def test_beta_li3ps4_is_all_ps4() -> None:
    units = speciation(vh.from_ase([crystal("beta-li3ps4")], spacing=1.0), "P", "S")
    assert units["unit"].values.tolist() == ["PS4"]
    assert units["fraction"].values == pytest.approx([1.0])


def test_li2si2o5_is_all_q3() -> None:
    network = speciation(vh.from_ase([crystal("li2si2o5")], spacing=1.0), "Si", "O")
    assert network["Qn"].values == pytest.approx([0, 0, 0, 1, 0])
    assert float(network["bridging"]) == pytest.approx(0.6)


def test_an_argyrodite_of_the_size_that_is_simulated() -> None:
    """Half of S and Cl exchanged in 416 atoms: each site's numbers and the formula are exact."""
    half = {"Cl": {"Cl": 0.5, "S": 0.5}, "Sfree": {"S": 0.5, "Cl": 0.5}}
    atoms = crystal("li6ps5cl", supercell=(2, 2, 2), occupancies=half, seed=3)
    assert atoms.get_chemical_formula() == "Cl32Li192P32S160"
    for site in ("Cl", "Sfree"):
        on = atoms[atoms.arrays["site"] == site]
        assert on.get_chemical_formula() == "Cl16S16"
    assert distances(atoms, "Li", "Li").min() > 2.0  # one side of a doublet only
    again, other = (crystal("li6ps5cl", supercell=(2, 2, 2), occupancies=half, seed=seed) for seed in (3, 4))
    assert atoms == again
    assert atoms != other


def test_a_long_supercell() -> None:
    atoms = crystal("li6ps5cl", supercell=(2, 2, 20))
    assert atoms.get_chemical_formula() == "Cl320Li1920P320S1600"
    assert atoms.cell.lengths() == pytest.approx([19.718, 19.718, 197.18])


def test_the_third_lithium_site_can_be_taken() -> None:
    """Homma's shares: 0.7 on 4b, 0.3 on 4c; ions on the two sites keep their distance."""
    shares = {"Li2": {"Li": 0.7}, "Li3": {"Li": 0.3}}
    atoms = crystal("beta-li3ps4", supercell=(1, 2, 5), occupancies=shares)
    assert atoms.get_chemical_formula() == "Li120P40S160"
    sites = atoms.arrays["site"].tolist()
    assert (sites.count("Li2"), sites.count("Li3")) == (28, 12)
    assert distances(atoms, "Li", "S").min() > 2.2


def test_sites_by_name() -> None:
    """T5 pairs meet in T5a, and four anions are as near to each interstice as the others."""
    places = crystal_sites("li6ps5cl", ["T5", "T5a", "T2", "T1x"], supercell=(2, 1, 1))
    assert {name: len(some) for name, some in places.items()} == {"T5": 96, "T5a": 48, "T2": 96, "T1x": 32}
    cell = crystal("li6ps5cl", supercell=(2, 1, 1)).cell.array

    def nearest(here: Any, there: Any, number: int) -> Any:
        apart = (here[:, None] - there[None]) @ np.linalg.inv(cell)
        return np.sort(np.linalg.norm((apart - np.round(apart)) @ cell, axis=2), axis=1)[:, :number]

    doublet = nearest(places["T5a"], places["T5"], 3)
    assert doublet[:, 0] == pytest.approx(doublet[:, 1])
    assert (doublet[:, 1] < 1.0).all()
    assert (doublet[:, 2] > 1.5).all()
    every = crystal_sites("li6ps5cl", supercell=(2, 1, 1))
    anions = np.concatenate([every["Cl"], every["S"], every["Sfree"]])
    for name in ("T2", "T1x"):
        around = nearest(places[name], anions, 5)
        assert np.ptp(around[:, :4]) < 0.01
        assert (around[:, 4] > 3.5).all()
    with pytest.raises(Refusal, match=r"no site 'T5b'\. Did you mean 'T5"):
        crystal_sites("li6ps5cl", ["T5b"])


def test_sites_serve_the_analysis_of_hops() -> None:
    """Ions that rest on T5 are found there, in a supercell, by the names."""
    from vanhove.dynamics import sites

    atoms = crystal("li6ps5cl", supercell=(1, 1, 2), seed=2)
    traj = vh.from_ase([atoms] * 20, spacing=0.05)
    found = sites(traj, "Li", crystal_sites("li6ps5cl", ["T5"], supercell=(1, 1, 2)), radius=0.7)
    assert float(found["unassigned"]) == 0
    assert float(found["occupancy"].sum()) == pytest.approx(48)
    assert found.attrs["hops"] == 0


def test_the_neutron_structure_agrees(shared_data: Path) -> None:
    """Another argyrodite, refined from neutrons: sites are within 0.25 Å, in the mirrored setting that it uses."""
    path = next((shared_data / "structures").glob("*.cif"))
    measured = sites_of(path)
    mine = crystal_sites("li6ps5cl")
    for label, name in (("Li1", "T5"), ("S2", "S"), ("P1", "P"), ("S1", "Sfree")):
        places = (-measured.find(label).places % 1.0) * 9.859
        apart = mine[name][:, None] - places[None]
        apart -= 9.859 * np.round(apart / 9.859)
        nearest = np.linalg.norm(apart, axis=2).min(axis=1)
        assert nearest.max() < 0.25, label
