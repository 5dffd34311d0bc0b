"""Weights against a hand table, and what a weighted density of states keeps."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from planted_velocities import trajectory, with_spectrum

import vanhove as vh
from vanhove.spectra.jackknife import standard_error

if TYPE_CHECKING:
    import xarray as xr

SPACING = 0.01
ATOMS = {"Li": 12, "P": 2, "S": 8, "Cl": 2}
# Sears 1992, by hand: σ_coh + σ_inc (barn), b (fm), mass (u)
HAND = {
    "Li": (0.454 + 0.92, -1.90, 6.94),
    "7Li": (0.619 + 0.78, -2.22, 7.016),
    "P": (3.307 + 0.005, 5.13, 30.974),
    "S": (1.0186 + 0.007, 2.847, 32.06),
    "Cl": (11.5257 + 5.3, 9.577, 35.45),
}


@cache
def densities(isotope: bool = False) -> xr.Dataset:
    rng = np.random.default_rng(1)
    species = [name for name, n in ATOMS.items() for _ in range(n)]
    paths, velocities = with_spectrum(rng, lambda e: e**2 * np.exp(-e / 6), 2500, len(species), SPACING)
    traj = trajectory(paths, velocities, SPACING, species)
    return vh.spectra.vdos(traj.with_isotopes({"Li": "7Li"}) if isotope else traj)


@pytest.mark.parametrize("convention", ["sigma/m", "b2/m"])
@pytest.mark.parametrize("isotope", [False, True])
def test_weights_are_those_of_a_hand_table(convention: str, isotope: bool) -> None:
    result = vh.spectra.neutron_dos(densities(), convention, {"Li": "7Li"} if isotope else None)
    names = ["7Li" if isotope else "Li", "P", "S", "Cl"]
    assert result.species.values.tolist() == names
    total = sum(ATOMS.values())
    expected = []
    for name, n in zip(names, ATOMS.values(), strict=True):
        sigma, b, mass = HAND[name]
        expected.append(n / total * (sigma if convention == "sigma/m" else b**2 / 100) / mass)
    np.testing.assert_allclose(result.weight, expected, rtol=5e-4)
    np.testing.assert_allclose(result.share, np.array(expected) / sum(expected), rtol=5e-4)
    assert result.attrs["weight_sum"] == pytest.approx(sum(expected), rel=5e-4)


def test_lithium_seven_is_seen_with_one_point_four_barn() -> None:
    result = vh.spectra.neutron_dos(densities(), isotopes={"Li": "7Li"})
    li = result.sel(species="7Li")
    assert float(li.weight * li.mass / li.concentration) == pytest.approx(1.40, abs=0.005)


def test_the_sum_is_normalised_and_its_parts_add_up() -> None:
    parts, result = densities(), vh.spectra.neutron_dos(densities())
    assert float(np.trapezoid(result.g, result.energy)) == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(result.contribution.sum("species"), result.g, atol=1e-15)
    by_hand = (result.weight.values[:, None] * parts.g.values[:4]).sum(axis=0)
    np.testing.assert_allclose(result.g_sum, by_hand, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(result.g, by_hand / np.trapezoid(by_hand, result.energy), atol=1e-14)
    assert result.attrs["nyquist"] == parts.attrs["nyquist"]
    assert result.attrs["resolution_fwhm"] == parts.attrs["resolution_fwhm"]


def test_the_error_knows_that_species_move_together() -> None:
    """The same motion of every species has the error of one, not that of four independent ones."""
    rng = np.random.default_rng(2)
    one, velocities = with_spectrum(rng, lambda e: e**2 * np.exp(-e / 6), 2500, 6, SPACING)
    traj = trajectory(np.tile(one, (1, 2, 1)), np.tile(velocities, (1, 2, 1)), SPACING, ["Li"] * 6 + ["S"] * 6)
    parts = vh.spectra.vdos(traj, drift=None)
    result = vh.spectra.neutron_dos(parts)
    np.testing.assert_allclose(result.g_error, parts.g_error.sel(species="Li"), rtol=1e-9)
    np.testing.assert_allclose(result.g_error, standard_error(result.g_without.values))


def test_isotopes_of_the_trajectory_or_of_the_weights_are_the_same() -> None:
    """Renaming before or after changes masses and cross-sections, and no motion (apart from the centre of mass)."""
    before, after = vh.spectra.neutron_dos(densities(True)), vh.spectra.neutron_dos(densities(), isotopes={"Li": "7Li"})
    np.testing.assert_allclose(before.weight, after.weight, rtol=1e-12)
    np.testing.assert_allclose(before.g, after.g, atol=0.01 * float(after.g.max()))


def test_a_part_of_the_atoms_is_said_to_be_one() -> None:
    rng = np.random.default_rng(3)
    paths, velocities = with_spectrum(rng, lambda e: e**2 * np.exp(-e / 6), 1500, 6, SPACING)
    traj = trajectory(paths, velocities, SPACING, ["Li"] * 3 + ["S"] * 3)
    with pytest.warns(vh.VanhoveWarning, match="50% of the atoms"):
        result = vh.spectra.neutron_dos(vh.spectra.vdos(traj, "Li"))
    assert result.species.values.tolist() == ["Li"]


def test_what_stands_still_scatters_without_energy() -> None:
    rng = np.random.default_rng(4)
    paths, velocities = with_spectrum(rng, lambda e: e**2 * np.exp(-e / 6), 1500, 6, SPACING)
    velocities[:, 3:] = 0
    traj = trajectory(paths, velocities, SPACING, ["Li"] * 3 + ["S"] * 3)
    result = vh.spectra.neutron_dos(vh.spectra.vdos(traj, drift=None))
    assert result.species.values.tolist() == ["Li"]
    assert float(np.trapezoid(result.g, result.energy)) == pytest.approx(1)


def test_what_can_not_be_is_refused() -> None:
    parts = densities()
    for options, match in (
        (dict(convention="b/m"), "convention='b/m'"),
        (dict(isotopes={"Na": "23Na"}), "no 'Na'"),
        (dict(isotopes={"Li": "6P"}), "no isotope of Li"),
    ):
        with pytest.raises(vh.Refusal, match=match):
            vh.spectra.neutron_dos(parts, **options)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(vh.Refusal, match="weighs a result of vdos"):
        vh.spectra.neutron_dos(vh.spectra.neutron_dos(parts))


def test_it_comes_back_from_its_file_and_draws(tmp_path: Path) -> None:
    vh.save(densities(), tmp_path / "g.nc")
    result = vh.spectra.neutron_dos(vh.load(tmp_path / "g.nc"), isotopes={"Li": "7Li"})
    vh.save(result, tmp_path / "n.nc")
    assert vh.load(tmp_path / "n.nc").identical(result)
    ax = vh.draw(result)
    assert len(ax.get_legend().get_texts()) == 5
    assert "σ/m" in ax.get_ylabel()
