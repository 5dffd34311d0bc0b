"""The compiled pieces of the MSD against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from vanhove.kernels.correlate import add_power, add_squared_steps, add_squares, centred_rows, squared_step_covariance

RNG = np.random.default_rng(20261120)


def test_rows_are_transposed_without_drift_and_mean() -> None:
    block, drift = RNG.normal(size=(37, 5, 3)), RNG.normal(size=(37, 3))
    rows = np.full((6, 80), 7.0)
    centred_rows(block, 2, 4, drift, rows)
    expected = (block - drift[:, None])[:, 2:4].reshape(37, 6).T
    np.testing.assert_allclose(rows[:, :37], expected - expected.mean(axis=1, keepdims=True), atol=1e-14)
    assert (rows[:, 37:] == 7.0).all()  # zeros that an FFT needs are the caller's


def test_squares_and_power_add_up_by_axis() -> None:
    rows = RNG.normal(size=(6, 40))
    squares = np.ones((3, 30))
    add_squares(rows, squares)
    np.testing.assert_allclose(squares, 1 + (rows[:3, :30] ** 2 + rows[3:, :30] ** 2), rtol=1e-14)
    spectra = np.fft.rfft(rows, axis=1)
    power = np.ones((3, 21))
    add_power(spectra, power)
    np.testing.assert_allclose(power, 1 + np.abs(spectra[:3]) ** 2 + np.abs(spectra[3:]) ** 2, rtol=1e-13)


@pytest.mark.parametrize("parts", [1, 4, 7])
def test_squared_steps_by_part_and_group(parts: int) -> None:
    frames, lags, groups = 50, np.array([1, 3, 20, 49]), np.array([0, 1, 1])
    rows = RNG.normal(size=(9, 64))
    sums = np.zeros((3, parts, 2, len(lags)))
    add_squared_steps(rows, frames, lags, groups, sums)
    expected = np.zeros_like(sums)
    for r in range(9):
        for k, lag in enumerate(lags):
            squares = (rows[r, lag:frames] - rows[r, : frames - lag]) ** 2
            edges = np.arange(parts + 1) * (frames - lag) // parts
            for part in range(parts):
                expected[r % 3, part, groups[r // 3], k] += squares[edges[part] : edges[part + 1]].sum()
    np.testing.assert_allclose(sums, expected, rtol=1e-13)


def test_covariance_of_squared_steps_of_a_random_walk() -> None:
    """Steps of a walk have the covariance of their overlap; the double sum over origins by hand."""
    frames, lags = 30, np.array([1, 2, 7, 20])
    origins = frames - lags
    found = squared_step_covariance(np.arange(3.0), lags, origins)
    for a, i in enumerate(lags):
        for b, j in enumerate(lags):
            total = 0.0
            for t in range(origins[a]):
                for s in range(origins[b]):
                    total += max(0, min(t + i, s + j) - max(t, s)) ** 2
            assert found[a, b] == pytest.approx(total / (origins[a] * origins[b]), rel=1e-12)


def test_covariance_knows_a_cage_before_the_line() -> None:
    """Vibration with memory on a walk: ψ is given until its increments are constant, the rest follows."""
    memory, lags, frames = 3.0, np.array([2, 5, 12]), 40

    def psi(m: int) -> float:
        return 0.3 * abs(m) + 2 * (1 - np.exp(-abs(m) / memory))

    growth = np.array([psi(m) for m in range(80)])
    found = squared_step_covariance(growth, lags, frames - lags)
    for a, i in enumerate(lags.tolist()):
        for b, j in enumerate(lags.tolist()):
            taus = [s - t for t in range(frames - i) for s in range(frames - j)]
            c = [0.5 * (psi(tau + j) + psi(tau - i) - psi(tau) - psi(tau + j - i)) for tau in taus]
            assert found[a, b] == pytest.approx(np.square(c).mean(), rel=1e-9)
    assert np.linalg.eigvalsh(found).min() > 0
