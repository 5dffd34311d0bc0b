"""Planted laws are found with the errors that are stated; temperatures make a table; what is no law is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from planted_velocities import thermal_speed2, trajectory, with_spectrum

import vanhove as vh
from vanhove.spectra.energies import FWHM_OVER_SIGMA
from vanhove.spectra.excess import excess, intensity
from vanhove.spectra.low_energy import Curve, fit_laws, folded

SPACING = 0.02
WINDOW = (1.5, 6.0)


def measured(g: np.ndarray, energy: np.ndarray, error: np.ndarray | None = None, **attrs: object) -> xr.Dataset:
    """A density of states as a measurement gives it: independent values, no parts of a run."""
    variables = {"g": ("energy", g)} | ({} if error is None else {"g_error": ("energy", error)})
    return xr.Dataset(variables, {"energy": energy}, attrs)


def planted(law: str, temperature: float = 300.0, seed: int = 1, frames: int = 6000, n: int = 30) -> xr.Dataset:
    """The density of states of atoms that obey a law up to 8 meV, with a band above it."""
    begin = {"linear": lambda e: 6 + 7 * e, "quadratic": lambda e: e**2, "quartic": lambda e: e**4 / 64}[law]

    def g(e: np.ndarray) -> np.ndarray:
        return np.where(e < 8, begin(e), begin(np.array(8.0)) * np.exp(-(((e - 8) / 6) ** 2)))

    rng = np.random.default_rng(seed)
    paths, velocities = with_spectrum(rng, g, frames, n, SPACING, thermal_speed2(6.94, temperature))
    return vh.spectra.vdos(trajectory(paths, velocities, SPACING, temperature=temperature), "Li", drift=None)


@pytest.mark.parametrize(("exponent", "preferred"), [(1, "linear"), (2, "quadratic"), (4, "power")])
def test_planted_exponents_come_back(exponent: int, preferred: str) -> None:
    """With independent errors, and with those of a resolution; one standard error covers in about 68 of 100."""
    rng = np.random.default_rng(exponent)
    for fwhm in (0.0, 0.5):
        energy = np.arange(1.0, 5.001, 0.1 if fwhm == 0 else 0.18)
        truth = folded("power", np.array([1e-3, float(exponent)]), energy, fwhm)
        sigma = max(fwhm / FWHM_OVER_SIGMA, 1e-3)
        together = np.exp(-(((energy[:, None] - energy) / sigma) ** 2) / 4) + 1e-9 * np.eye(len(energy))
        factor = np.linalg.cholesky(together)
        found, laws = [], []
        for _ in range(100):
            noise = factor @ rng.normal(size=len(energy))
            fit = fit_laws(Curve(energy, truth * (1 + 0.05 * noise), 0.05 * truth, fwhm, fwhm > 0, relative=False))
            power = fit.by_name["power"]
            found.append((power.parameters[1], power.errors[1]))
            laws.append(fit.preferred)
        n, error = np.array(found).T
        assert abs(n.mean() - exponent) < 4 * n.std() / 10
        assert error.mean() == pytest.approx(n.std(), rel=0.25)
        assert 0.55 <= np.mean(np.abs(n - exponent) < error) <= 0.82
        assert laws.count(preferred) >= 95


def test_offset_and_slope_are_covered() -> None:
    rng = np.random.default_rng(20)
    energy = np.arange(1.0, 6.0, 0.1)
    truth = 2e-3 * energy + 1e-3
    pulls = []
    for _ in range(200):
        g = truth + 1e-4 * rng.normal(size=len(energy))
        result = vh.spectra.low_energy_law(measured(g, energy, np.full(len(g), 1e-4)), (1.0, 5.9))
        pulls.append(
            [
                float((result.linear - 2e-3) / result.linear_error),
                float((result.linear_offset - 1e-3) / result.linear_offset_error),
            ]
        )
    assert (np.mean(np.abs(pulls) < 1, axis=0) > 0.6).all()
    assert (np.mean(np.abs(pulls) < 1, axis=0) < 0.76).all()
    assert result.attrs["preferred"] == "linear"
    assert float(result.inverse_square_damping) == pytest.approx(np.pi * float(result.linear))


@pytest.mark.parametrize(("law", "preferred", "exponent"), [("quadratic", "quadratic", 2), ("quartic", "power", 4)])
def test_simulated_atoms_show_their_law(law: str, preferred: str, exponent: int) -> None:
    """From velocities to the exponent: window, parts of the run and fit together."""
    result = vh.spectra.low_energy_law(planted(law), WINDOW)
    assert result.attrs["preferred"] == preferred
    assert float(result.power[0]) == pytest.approx(exponent, abs=3.5 * float(result.power_error[0]))
    assert float(result.power_error[0]) < 0.1
    assert np.isnan(result.inverse_square_damping[0])


def test_the_slope_of_a_liquid() -> None:
    dos = planted("linear")
    known = vh.spectra.low_energy_law(dos, WINDOW, unstable_fraction=0.2)
    unknown = vh.spectra.low_energy_law(dos, WINDOW)
    assert known.attrs["preferred"] == "linear"
    ratio = float(known.linear[0] / known.linear_offset[0])
    assert ratio == pytest.approx(7 / 6, rel=0.35)
    assert float(unknown.inverse_square_damping[0]) == pytest.approx(np.pi * float(unknown.linear[0]))
    assert float(known.inverse_square_damping[0]) == pytest.approx(5 * np.pi * float(known.linear[0]))
    assert float(known.inverse_square_damping_error[0]) == pytest.approx(5 * np.pi * float(known.linear_error[0]))
    assert "N_INM/3N" in unknown.inverse_square_damping.attrs["long_name"]


def test_the_slope_of_overdamped_modes_gives_their_damping_back() -> None:
    """g = (1/3πN) Σ E/(E² + Γ²): α is Σ 1/(3πNΓ²) as long as E is far below Γ."""
    rng = np.random.default_rng(5)
    gamma, n_atoms = rng.uniform(60, 120, 150), 200
    energy = np.linspace(0.5, 5, 60)
    g = (energy[:, None] / (energy[:, None] ** 2 + gamma**2)).sum(axis=1) / (3 * np.pi * n_atoms)
    fraction = len(gamma) / (3 * n_atoms)
    result = vh.spectra.low_energy_law(measured(g, energy, 0.01 * g), (0.5, 5), unstable_fraction=fraction)
    assert float(result.inverse_square_damping) == pytest.approx(np.mean(gamma**-2.0), rel=0.005)


def test_a_table_by_temperature() -> None:
    """In the order of temperature, whatever the order given; excess over the lowest."""
    cold, hot = planted("quadratic", 200.0, 1), planted("linear", 600.0, 2)
    result = vh.spectra.low_energy_law([hot, cold], WINDOW)
    assert result.temperature.values.tolist() == [200.0, 600.0]
    assert result.preferred.values[:, 0].tolist() == ["quadratic", "linear"]
    assert result.attrs["preferred"] == "200 K Li quadratic, 600 K Li linear"
    alone = vh.spectra.low_energy_law(hot, WINDOW)
    for name in ("linear", "linear_offset", "quadratic", "power", "linear_error"):
        assert float(result[name].sel(temperature=600, species="Li")) == float(alone[name].sel(species="Li"))
    more, error = float(result.excess[1, 0]), float(result.excess_error[1, 0])
    expected = excess(hot, cold, WINDOW)
    assert (more, error) == (float(expected.value[0]), float(expected.error[0]))
    shapes = [lambda e: e**2, lambda e: 6 + 7 * e]
    e = np.linspace(0, 60, 60001)
    truth = []
    for shape in shapes:
        g = np.where(e < 8, shape(e), shape(np.array(8.0)) * np.exp(-(((e - 8) / 6) ** 2)))
        inside = (e >= WINDOW[0]) & (e <= WINDOW[1])
        truth.append(np.trapezoid(g[inside], e[inside]) / np.trapezoid(g, e))
    assert abs(more - (truth[1] - truth[0])) < 4 * error + 0.002
    np.testing.assert_array_equal(result.centre.values[:, 0], [float(cold.centre[0]), float(hot.centre[0])])
    assert float(result.excess[0, 0]) == 0
    vh.draw(result).figure.canvas.draw()


def test_intensity_of_a_straight_line_between_any_energies() -> None:
    energy = np.linspace(0, 10, 21)
    dos = measured(2 * energy + 1, energy, np.full(21, 0.1))
    found = intensity(dos, (1.23, 4.56))
    assert float(found.value) == pytest.approx(4.56**2 - 1.23**2 + 4.56 - 1.23)
    dos.g[8] = np.nan  # a masked point: the line goes on over it
    assert float(intensity(dos, (1.23, 4.56)).value) == pytest.approx(4.56**2 - 1.23**2 + 4.56 - 1.23)


def test_masked_points_of_a_measurement_are_left_out() -> None:
    rng = np.random.default_rng(6)
    energy = np.arange(0.0, 8.0, 0.1)
    g = 1e-3 * energy**2 * (1 + 0.03 * rng.normal(size=len(energy)))
    error = 0.03e-3 * np.maximum(energy, 0.1) ** 2
    g[energy < 1.5], error[energy < 1.5] = np.nan, np.nan  # the elastic line
    result = vh.spectra.low_energy_law(measured(g, energy, error), (1.5, 6.0))
    assert result.attrs["preferred"] == "quadratic"
    with pytest.raises(vh.Refusal, match="leaves the density of states"):
        vh.spectra.low_energy_law(measured(g, energy, error), (1.0, 6.0))


def test_without_errors_the_scatter_is_what_there_is() -> None:
    rng = np.random.default_rng(7)
    energy = np.arange(1.0, 6.0, 0.1)
    covered, preferred = 0, []
    for _ in range(100):
        g = 1e-3 * energy**2 + 2e-4 * rng.normal(size=len(energy))
        result = vh.spectra.low_energy_law(measured(g, energy), (1.0, 5.9))
        covered += abs(float(result.quadratic) - 1e-3) < float(result.quadratic_error)
        preferred.append(result.attrs["preferred"])
        assert np.isnan(result.error_scale)
    assert preferred.count("quadratic") >= 95
    assert 58 <= covered <= 78


def test_a_band_is_no_law_and_is_said_to_be_none() -> None:
    energy = np.arange(1.0, 9.0, 0.1)
    g = np.exp(-((energy - 4) ** 2))
    result = vh.spectra.low_energy_law(measured(g, energy, np.full(len(g), 0.01)), (1.0, 8.0))
    assert "misses the points" in str(result.verdict.values)
    assert float(result.error_scale) > 5


def test_close_values_of_a_coarse_resolution_are_not_taken_as_independent() -> None:
    """Twice as many energies of the same curve say no more."""
    dos = planted("quadratic")
    fine = dos.interp(energy=np.linspace(0, 20, 800)).assign_attrs(dos.attrs)
    few, many = vh.spectra.low_energy_law(dos, WINDOW), vh.spectra.low_energy_law(fine, WINDOW)
    assert int(many.points[0]) <= int(few.points[0]) + 1
    assert float(many.quadratic_error[0]) == pytest.approx(float(few.quadratic_error[0]), rel=0.35)


def test_a_neutron_weighted_density_has_no_species() -> None:
    rng = np.random.default_rng(8)
    g = lambda e: np.where(e < 8, e**2, 64 * np.exp(-(((e - 8) / 6) ** 2)))  # noqa: E731
    paths, velocities = with_spectrum(rng, g, 6000, 20, SPACING)
    traj = trajectory(paths, velocities, SPACING, ["Li"] * 12 + ["S"] * 8)
    result = vh.spectra.low_energy_law(vh.spectra.neutron_dos(vh.spectra.vdos(traj)), WINDOW)
    assert result.linear.dims == ()
    assert result.attrs["preferred"] == "quadratic"
    assert "quadratic (a E²)" in result.attrs["verdict"]


def test_what_can_not_be_is_refused() -> None:
    dos = planted("quadratic")
    for window, match in (
        ((6.0, 1.5), "window=\\(6.0, 1.5\\)"),
        ((1.0,), "first and the last"),
        ((1.5, 900.0), "leaves the density of states"),
        ((2.0, 3.0), "points that can be told apart"),
    ):
        with pytest.raises(vh.Refusal, match=match):
            vh.spectra.low_energy_law(dos, window)
    with pytest.raises(vh.Refusal, match="unstable_fraction=2"):
        vh.spectra.low_energy_law(dos, WINDOW, unstable_fraction=2)
    with pytest.raises(vh.Refusal, match="does not say its temperature"):
        vh.spectra.low_energy_law([measured(dos.g.values[0], dos.energy.values)], WINDOW)
    with pytest.raises(vh.Refusal, match="at one temperature"):
        vh.spectra.low_energy_law([dos, dos], WINDOW)
    with pytest.raises(vh.Refusal, match="reads a density of states"):
        vh.spectra.low_energy_law(dos.drop_vars("g"), WINDOW)
    other = dos.assign_coords(species=["Na"]).assign_attrs(temperature=500.0)
    with pytest.raises(vh.Refusal, match="not of the same species"):
        vh.spectra.low_energy_law([dos, other], WINDOW)


def test_it_comes_back_from_its_file_and_draws(tmp_path: Path) -> None:
    results = [planted("quadratic", 200.0), planted("linear", 600.0)]
    for result in (vh.spectra.low_energy_law(results[0], WINDOW), vh.spectra.low_energy_law(results, WINDOW)):
        vh.save(result, tmp_path / "law.nc")
        assert vh.load(tmp_path / "law.nc").identical(result)
        ax = vh.draw(vh.load(tmp_path / "law.nc"))
        assert ax.get_xlim()[1] == pytest.approx(1.6 * WINDOW[1])
