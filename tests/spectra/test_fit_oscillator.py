"""Damped oscillators: planted ones come back, under- and overdamped, through resolutions and transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.units import HBAR, K_B
from vanhove.fitting.convolution import PseudoVoigtResolution
from vanhove.spectra.energies import detailed_balance, energy_grid, lag_window, spectrum
from vanhove.spectra.oscillator_lines import MeasuredLines, below, correlation, density
from vanhove.spectra.wording import with_error

if TYPE_CHECKING:
    from xarray import Dataset

E = np.linspace(-25, 25, 301)
RESOLUTION = PseudoVoigtResolution(1.0)


def counted(rng: np.random.Generator, exact: np.ndarray, counts: float = 2000.0, **attributes: float | str) -> Dataset:
    """A spectrum with the scatter of that many counts in its highest point, errors exact."""
    import xarray as xr

    error = np.sqrt(exact * exact.max() / counts)
    S = exact + error * rng.normal(size=len(exact))
    return xr.Dataset(
        {"S": (("q", "energy"), S[None], {"units": "1"}), "S_error": (("q", "energy"), error[None])},
        {"q": [1.5], "energy": E},
        attributes,
    )


def measured_lines(oscillators: list[tuple[float, float, float]], kelvin: float) -> np.ndarray:
    """Independent of the code: an even, fine sum over the classical line with its Bose factor."""
    fine = np.linspace(-45, 45, 36_001)
    total = np.zeros_like(fine)
    for E0, gamma, area in oscillators:
        chi = gamma * fine / ((fine**2 - E0**2) ** 2 + (gamma * fine) ** 2)
        safe = np.where(fine == 0, 1.0, fine)
        bose = np.where(fine == 0, K_B * kelvin, safe / -np.expm1(-safe / (K_B * kelvin)))
        shape = np.where(fine == 0, gamma / E0**4, chi / safe) * bose
        total += area * E0**2 / (np.pi * K_B * kelvin) * shape
    return np.array([np.trapezoid(total * RESOLUTION.delta(fine, e), fine) for e in E])


@pytest.mark.parametrize(("E0", "gamma"), [(10.0, 2.0), (10.0, 20.0), (6.0, 14.0), (3.0, 0.01), (1.0, 400.0)])
def test_line_area_and_correlation_are_one_oscillator(E0: float, gamma: float) -> None:
    slow = min(gamma / 2, E0**2 / gamma)
    t = np.linspace(0, 20 * HBAR / slow, 400_001)
    F = correlation(t, E0, gamma)
    assert F[0] == pytest.approx(1)
    for energy in (0.0, 0.3 * slow, slow, E0):
        transformed = np.trapezoid(F * np.cos(energy * t / HBAR), t) / (np.pi * HBAR)
        assert transformed == pytest.approx(float(density(np.array(energy), E0, gamma)), rel=2e-3, abs=1e-6 / slow)
    edges = np.linspace(-2 * E0, 2 * E0, 400_001)
    by_sum = np.trapezoid(density(edges, E0, gamma), edges)
    assert below(edges, E0, gamma)[-1] - below(edges, E0, gamma)[0] == pytest.approx(by_sum, rel=1e-4)


@pytest.mark.parametrize(
    "oscillators",
    [[(10.0, 2.0, 1.0)], [(6.0, 14.0, 1.0)], [(5.0, 1.0, 0.5), (12.0, 4.0, 1.0)]],
    ids=["underdamped", "overdamped", "two"],
)
def test_planted_oscillators_come_back(oscillators: list[tuple[float, float, float]]) -> None:
    rng = np.random.default_rng(20261201)
    exact = measured_lines(oscillators, 300.0) + 0.3 * RESOLUTION.delta(E) + 0.002
    found = vh.spectra.fit_oscillator(
        counted(rng, exact, temperature=300.0), resolution=1.0, oscillators=len(oscillators), elastic=True,
        background="flat",
    )  # fmt: skip
    assert found.attrs["verdict"] == "fitted"
    for k, (E0, gamma, area) in enumerate(oscillators):
        for name, value in (("E0", E0), ("gamma", gamma), ("amplitude", area), ("rate", E0**2 / gamma)):
            estimate, error = float(found[name][0, k]), float(found[f"{name}_error"][0, k])
            assert abs(estimate - value) < 3 * error < 0.6 * value, name
        assert float(found.hwhm[0, k]) == pytest.approx(float(found.gamma[0, k]) / 2)
        assert bool(found.overdamped[0, k]) == (gamma > 2 * E0)
    assert found.redchi.item() == pytest.approx(1, abs=0.3)


@pytest.mark.slow
def test_errors_cover_the_truth() -> None:
    rng = np.random.default_rng(20261202)
    lines = MeasuredLines(E, RESOLUTION, 300.0)
    exact = lines.oscillator(8.0, 5.0) + 0.001
    inside = {"E0": 0, "gamma": 0, "amplitude": 0}
    for _ in range(100):
        found = vh.spectra.fit_oscillator(
            counted(rng, exact, 200.0, temperature=300.0), resolution=1.0, background="flat"
        )
        for name, value in (("E0", 8.0), ("gamma", 5.0), ("amplitude", 1.0)):
            inside[name] += abs(found[name].item() - value) < found[f"{name}_error"].item()
    assert all(55 < number < 82 for number in inside.values()), inside


def test_far_overdamped_only_the_half_width_is_known() -> None:
    rng = np.random.default_rng(20261203)
    exact = measured_lines([(9.0, 60.0, 1.0)], 300.0) + 0.002
    found = vh.spectra.fit_oscillator(
        counted(rng, exact, 500.0, temperature=300.0), resolution=1.0, background="flat", window=(-5, 5)
    )
    assert "can't be separated" in found.attrs["verdict"]
    assert np.isnan([found.E0.item(), found.gamma.item()]).all()
    assert bool(found.overdamped[0, 0])
    assert abs(found.rate.item() - 81 / 60) < 3 * found.rate_error.item() < 0.6


def test_simulated_spectra_are_fitted_through_their_own_transform() -> None:
    """Langevin oscillators, a trajectory: at small Q an elastic line and one phonon."""
    E0, gamma, spacing, frames, ions = 8.0, 3.0, 0.02, 3000, 200
    omega, friction = E0 / HBAR, gamma / HBAR
    drift = np.array([[0, 1], [-(omega**2), -friction]])
    values, vectors = np.linalg.eig(drift * spacing)
    step = (vectors @ np.diag(np.exp(values)) @ np.linalg.inv(vectors)).real
    size = 0.08  # Å, rms along an axis
    stationary = size**2 * np.diag([1, omega**2])
    kick = np.linalg.cholesky(stationary - step @ stationary @ step.T)
    rng = np.random.default_rng(20261204)
    state = np.sqrt(np.diag(stationary))[:, None] * rng.normal(size=(2, ions * 3))
    path = np.empty((frames, ions * 3))
    for frame in range(frames):
        path[frame] = state[0]
        state = step @ state + kick @ rng.normal(size=state.shape)
    traj = vh.from_arrays(
        path.reshape(frames, ions, 3) + 5,
        10.0,
        ["Li"] * ions,
        spacing * np.arange(frames),
        wrapped=False,
        temperature=300,
    )
    seen = vh.spectra.incoherent(traj, "Li", [1.0, 1.5], drift=None, max_lag=4.0)
    found = vh.spectra.fit_oscillator(seen, elastic=True, window=(-20, 20))
    assert "transform" in found.attrs["resolution"]
    assert found.attrs["correction"] == "classical"
    np.testing.assert_allclose(found.E0[:, 0], E0, rtol=0.02)
    np.testing.assert_allclose(found.gamma[:, 0], gamma, rtol=0.08)
    debye_waller = np.exp(-((found.q * size) ** 2))
    np.testing.assert_allclose(found.amplitude[:, 0], debye_waller * (found.q * size) ** 2, rtol=0.08)


def test_response_and_spectrum_say_the_same() -> None:
    """χ'' = π(1 - exp(-βE)) S of one simulation, with and without detailed balance in S."""
    import xarray as xr

    lags, spacing, kelvin = 400, 0.02, 300.0
    window, energy = lag_window(lags, spacing), energy_grid(lags, spacing)
    S_cl = spectrum(correlation(spacing * np.arange(lags), 9.0, 2.5), spacing, window)
    S = S_cl * detailed_balance(energy, kelvin)
    chi = np.pi * -np.expm1(-energy / (K_B * kelvin)) * S
    attributes = {"window": "Hann", "resolution_fwhm": window.fwhm, "nyquist": energy[-1], "temperature": kelvin}
    for name, values, correction in (
        ("S", S_cl, "classical"), ("S", S, "detailed-balance"), ("chi", chi, "detailed-balance"),
    ):  # fmt: skip
        made = xr.Dataset(
            {name: (("q", "energy"), values[None], {"units": "1/meV"})}, {"q": [1.0], "energy": energy},
            {**attributes, "correction": correction},
        )  # fmt: skip
        found = vh.spectra.fit_oscillator(made, window=(-60, 60))
        np.testing.assert_allclose([found.E0.item(), found.gamma.item()], [9.0, 2.5], rtol=1e-6)
        area = 1 / (K_B * kelvin) if name == "chi" else 1.0
        assert found.amplitude.item() == pytest.approx(area, rel=1e-6)


def test_wrong_input_is_refused() -> None:
    exact = measured_lines([(10.0, 2.0, 1.0)], 300.0)
    made = counted(np.random.default_rng(1), exact)
    with pytest.raises(vh.Refusal, match="temperature"):
        vh.spectra.fit_oscillator(made, resolution=1.0)
    with pytest.raises(vh.Refusal, match="oscillators=4"):
        vh.spectra.fit_oscillator(made, oscillators=4)
    with pytest.raises(vh.Refusal, match="enough points"):
        vh.spectra.fit_oscillator(made, temperature=300, window=(0, 0.5))
    assert "contains the resolution" in vh.spectra.fit_oscillator(made, temperature=300).attrs["resolution"]


def test_numbers_are_written_as_far_as_their_errors() -> None:
    assert with_error(2.7031, 0.0512) == "2.70 ± 0.05"
    assert with_error(12.0082, 0.0209) == "12.01 ± 0.02"
    assert with_error(18.62, 1.47) == "18.6 ± 1.5"
    assert with_error(1860.2, 23.0) == "1860 ± 23"
    assert with_error(2.7031, float("nan")) == "2.7"
