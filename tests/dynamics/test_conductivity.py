"""Nernst-Einstein: numbers by hand, and nothing added up that wasn't seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.constants import Boltzmann, e
from walks import LENGTH, SPACING, brownian, ions

import vanhove as vh

N = 40
CHARGES = {"Li": 1.0, "Cl": -1.0}


def salt(seed: int = 1, temperature: float | None = 500.0) -> vh.Trajectory:
    """Li that walk and Cl that shake."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, LENGTH, (2 * N, 3))
    shaken = 0.1 * rng.normal(size=(600, N, 3))
    paths = start + np.concatenate([brownian(rng, 600, N, 0.5), shaken], axis=1)
    return ions(paths, ["Li"] * N + ["Cl"] * N, temperature=temperature)


def test_the_number_by_hand() -> None:
    """σ = n q² e² D/k_BT in SI units, then in mS/cm."""
    traj = salt()
    result = vh.dynamics.conductivity(traj, {"Li": 0.8, "Cl": -0.8}, reference=None)
    D = vh.dynamics.diffusion(vh.dynamics.msd(traj, "Li", drift=None, lags="log"))
    n = N / (LENGTH * 1e-10) ** 3
    siemens_per_metre = n * (0.8 * e) ** 2 * float(D.D) * 1e-4 / (Boltzmann * 500)
    lithium = result.sel(species="Li")
    assert float(lithium.sigma) == pytest.approx(10 * siemens_per_metre, rel=1e-6)
    assert float(lithium.sigma_error / lithium.sigma) == pytest.approx(float(D.D_error / D.D), rel=1e-9)
    assert float(lithium.sigma_upper / lithium.sigma) == pytest.approx(float(D.D_upper / D.D), rel=1e-9)
    assert result.sigma.attrs["units"] == "mS/cm"
    assert result.attrs["temperature"] == 500
    # the planted walk: D = step²/2 a frame
    planted = 0.125 / SPACING * 1e-4
    assert abs(float(D.D) - planted) < 4 * float(D.D_error)


def test_what_did_not_diffuse_is_left_out_and_bounded() -> None:
    result = vh.dynamics.conductivity(salt(), CHARGES)
    assert result["species"].values.tolist() == ["Li", "Cl"]
    assert np.isnan(result.sigma.sel(species="Cl"))
    assert 0 < result.sigma_upper.sel(species="Cl") < 0.05 * result.sigma.sel(species="Li")
    assert float(result.sigma_total) == float(result.sigma.sel(species="Li"))
    assert float(result.sigma_total_upper) == pytest.approx(float(result.sigma_upper.sum()))
    assert "Not in the total" in result.attrs["verdict"]
    assert "Cl" in result.attrs["verdict"]


def test_the_total_adds_up() -> None:
    rng = np.random.default_rng(2)
    paths = np.concatenate([brownian(rng, 600, N, 0.5), brownian(rng, 600, N, 0.3)], axis=1)
    traj = ions(paths, ["Li"] * N + ["Cl"] * N, temperature=500)
    result = vh.dynamics.conductivity(traj, CHARGES, reference=None)
    assert result.attrs["verdict"] == "diffusive"
    assert float(result.sigma_total) == pytest.approx(float(result.sigma.sum()))
    assert float(result.sigma_total_error) == pytest.approx(float(np.sqrt((result.sigma_error**2).sum())))


def test_results_that_are_there_are_used() -> None:
    traj = salt()
    lithium = vh.dynamics.diffusion(vh.dynamics.msd(traj, "Li"), window=(1.0, 5.0))
    result = vh.dynamics.conductivity(traj, CHARGES, diffusion={"Li": lithium})
    assert float(result.D.sel(species="Li")) == float(lithium.D)


def test_what_counts_is_chosen_by_selecting_or_by_zero() -> None:
    traj = salt()
    both = [vh.dynamics.conductivity(traj, {"Li": 1, "Cl": 0}), vh.dynamics.conductivity(traj.select("Li"), {"Li": 1})]
    for result in both:
        assert result["species"].values.tolist() == ["Li"]
        assert result.attrs["verdict"] == "diffusive"
    assert float(both[0].sigma_total) == pytest.approx(float(both[1].sigma_total))


def test_charges_of_the_trajectory_serve() -> None:
    paths = brownian(np.random.default_rng(3), 300, 10)
    traj = ions(paths, ["Li"] * 5 + ["Cl"] * 5, temperature=500, charges=CHARGES)
    np.testing.assert_array_equal(vh.dynamics.conductivity(traj, reference=None).charge, [1, -1])


def test_missing_charges_are_refused_and_never_zero() -> None:
    with pytest.raises(vh.Refusal, match="No charge is given for Cl"):
        vh.dynamics.conductivity(salt(), {"Li": 1})
    with pytest.raises(vh.Refusal, match="No charges are given"):
        vh.dynamics.conductivity(salt())
    with pytest.raises(vh.Refusal, match="Every charge is 0"):
        vh.dynamics.conductivity(salt(), {"Li": 0, "Cl": 0})


def test_a_charged_cell_is_warned_of() -> None:
    with pytest.warns(vh.VanhoveWarning, match=r"add up to \+40 e"):
        vh.dynamics.conductivity(salt(), {"Li": 2, "Cl": -1})


def test_no_temperature_is_refused() -> None:
    with pytest.raises(vh.Refusal, match="needs the temperature"):
        vh.dynamics.conductivity(salt(temperature=None), CHARGES)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(vh.Refusal, match="nernst-einstein"):
        vh.dynamics.conductivity(salt(), CHARGES, method="nernst")


def test_it_comes_back_from_its_file_and_draws(tmp_path: Path) -> None:
    result = vh.dynamics.conductivity(salt(), CHARGES)
    vh.save(result, tmp_path / "sigma.nc")
    assert vh.load(tmp_path / "sigma.nc").identical(result)
    vh.draw(result).figure.canvas.draw()
