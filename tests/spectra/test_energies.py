"""The transform, its windows and detailed balance against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR, K_B
from vanhove.spectra.energies import PLANCK, Window, detailed_balance, energy_grid, lag_window, spectrum

LAGS, SPACING = 4001, 0.05


def half_width(energy: np.ndarray, line: np.ndarray) -> float:
    """Where the line, highest at 0, has first fallen to half of that."""
    right, at = line[line.size // 2 :], energy[line.size // 2 :]
    below = int(np.argmax(right < right[0] / 2))
    return float(np.interp(-right[0] / 2, -right[below - 1 : below + 1], at[below - 1 : below + 1]))


def test_the_integral_is_the_correlation_at_lag_zero() -> None:
    rng = np.random.default_rng(1)
    correlation = rng.normal(size=(3, 200))
    energy = energy_grid(200, SPACING)
    line = spectrum(correlation, SPACING, lag_window(200, SPACING))
    np.testing.assert_allclose(np.trapezoid(line, energy, axis=-1), correlation[:, 0], rtol=1e-12)
    np.testing.assert_allclose(line, line[:, ::-1], rtol=0, atol=1e-12)


def test_it_is_the_sum_by_hand() -> None:
    rng = np.random.default_rng(2)
    correlation, spacing = rng.normal(size=9), 0.3
    window = lag_window(9, spacing, resolution=4.0)
    weighted = correlation * window.values
    by_hand = [
        spacing
        / PLANCK
        * (
            weighted[0]
            + 2 * sum(weighted[k] * np.cos(e * k * spacing / HBAR) for k in range(1, 8))
            + weighted[8] * np.cos(e * 8 * spacing / HBAR)
        )
        for e in energy_grid(9, spacing)
    ]
    np.testing.assert_allclose(spectrum(correlation, spacing, window), by_hand, atol=1e-13)


def test_an_exponential_becomes_a_lorentzian() -> None:
    gamma = 0.2  # meV
    t = np.arange(LAGS) * SPACING
    line = spectrum(np.exp(-gamma * t / HBAR), SPACING, Window(np.ones(LAGS), 0.0, "none"))
    energy = energy_grid(LAGS, SPACING)
    near = np.abs(energy) < 4
    lorentzian = gamma / np.pi / (energy**2 + gamma**2)
    np.testing.assert_allclose(line[near], lorentzian[near], rtol=0.03)  # the cusp at 0 is sampled, not integrated
    assert half_width(energy, line) == pytest.approx(gamma, rel=0.01)


@pytest.mark.parametrize("resolution", [None, 0.05, 0.2])
def test_a_constant_becomes_a_line_of_the_stated_width(resolution: float | None) -> None:
    window = lag_window(LAGS, SPACING, resolution)
    many = 16 * (LAGS - 1) + 1  # zeros behind the last lag only draw the line with more points
    values = np.zeros(many)
    values[:LAGS] = window.values
    line = spectrum(np.ones(many), SPACING, Window(values, window.fwhm, window.name))
    assert 2 * half_width(energy_grid(many, SPACING), line) == pytest.approx(window.fwhm, rel=0.01)


def test_one_nanosecond_resolves_four_microelectronvolts() -> None:
    assert lag_window(1001, 1.0).fwhm == pytest.approx(4.1357e-3, rel=1e-4)


def test_a_finer_resolution_than_the_lags_give_is_refused() -> None:
    with pytest.raises(Refusal, match=r"needs lags up to 827.* ps"):
        lag_window(LAGS, SPACING, 0.005)
    with pytest.raises(Refusal, match="two lags"):
        lag_window(1, SPACING)
    with pytest.raises(Refusal, match="above 0"):
        lag_window(LAGS, SPACING, 0.0)


def test_detailed_balance() -> None:
    energy, kt = np.array([-30.0, -1e-9, 0.0, 1e-9, 5.0, 30.0, 4e4]), K_B * 300
    factor = detailed_balance(energy, 300)
    np.testing.assert_allclose(factor[0] / factor[5], np.exp(-30 / kt), rtol=1e-12)
    np.testing.assert_allclose(factor[1:4], 1, atol=1e-9)
    np.testing.assert_allclose(factor[4] - detailed_balance(-energy, 300)[4], 5 / kt, rtol=1e-12)  # odd part: βE
    assert factor[6] == pytest.approx(4e4 / kt)
