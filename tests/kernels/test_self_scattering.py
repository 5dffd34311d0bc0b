"""Sums over single atoms against the same sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from vanhove.kernels.self_scattering import (
    add_phase_pairs,
    add_powder_pairs,
    add_powder_steps,
    add_weighted_power,
    fill_phases,
)
from vanhove.spectra.self_routes import _table

Q = np.array([0.3, 1.0, 2.5])


def rows_of(paths: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(paths.transpose(1, 2, 0)).reshape(-1, len(paths))


def plain(paths: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    far = np.linalg.norm(paths[second] - paths[first], axis=-1)
    return np.array([np.sinc(q * far / np.pi).sum() for q in Q])


@pytest.mark.parametrize("step", [1e-4, 2e-3, 6e-3, 0.02, 0.1, 1.0])
def test_counted_lengths_give_the_sum_over_true_ones(step: float) -> None:
    """From motion much smaller than the counted lengths to much larger: 1 - F is good relative to itself."""
    rng = np.random.default_rng(11)
    paths = np.cumsum(rng.normal(0, step, (4000, 6, 3)), axis=0)
    lags = np.array([0, 1, 3, 40])
    unit, sums = 0.01, np.zeros((len(lags), len(Q)))
    table = _table(Q, unit, 1 << 14)
    add_powder_steps(rows_of(paths), lags, 4000 - lags, 1 / unit, table, Q, sums)
    for k, lag in enumerate(lags.tolist()):
        exact = plain(paths, np.arange(4000 - lag), np.arange(lag, 4000))
        n = 6 * (4000 - lag)
        scatter = 0.13 * Q[-1] * unit / n**0.5  # one standard deviation of what rounding each length adds
        np.testing.assert_allclose(sums[k] / n, exact / n, rtol=0, atol=4 * scatter)
        np.testing.assert_allclose(1 - sums[k] / n, 1 - exact / n, rtol=1e-4, atol=1e-14)


def test_what_has_not_moved_counts_as_one() -> None:
    sums = np.zeros((1, 3))
    add_powder_steps(np.ones((6, 50)), np.array([7]), np.array([43]), 100.0, _table(Q, 0.01, 64), Q, sums)
    np.testing.assert_array_equal(sums, 86.0)


@pytest.mark.parametrize("multiples", [64, 200, 1 << 14])
def test_no_tail_is_cut_off(multiples: int) -> None:
    """Tables that end before the displacements do give the same sums."""
    rng = np.random.default_rng(12)
    paths = np.cumsum(rng.normal(0, 0.3, (500, 3, 3)), axis=0)
    lags, unit = np.array([1, 100]), 0.01
    exact = np.array([plain(paths, np.arange(500 - m), np.arange(m, 500)) for m in lags])
    table = _table(Q, unit, multiples)
    sums = np.zeros((2, 3))
    add_powder_steps(rows_of(paths), lags, 500 - lags, 1 / unit, table, Q, sums)
    np.testing.assert_allclose(sums, exact, atol=1e-4 * 1500)
    again = np.zeros((2, 3))
    times = np.arange(500.0)
    add_powder_pairs(rows_of(paths), times, 500, 1, lags.astype(float), 1e-3, 1 / unit, table, Q, again)
    np.testing.assert_allclose(again, sums, rtol=1e-9)


def test_pairs_of_uneven_frames_and_every_third_origin() -> None:
    rng = np.random.default_rng(13)
    times = np.unique(np.round(np.geomspace(1, 200, 60)).astype(int)).astype(float)
    paths = np.cumsum(rng.normal(0, 0.2, (len(times), 4, 3)), axis=0)
    lags = np.array([3.0, 20.0])
    pairs = [
        np.array([(i, j) for i in range(0, len(times), 3) for j in range(len(times)) if times[j] - times[i] == lag]).T
        for lag in lags
    ]
    sums = np.zeros((2, 3))
    add_powder_pairs(rows_of(paths), times, len(times), 3, lags, 1e-3, 1e3, _table(Q, 1e-3, 1 << 14), Q, sums)
    np.testing.assert_allclose(sums, [plain(paths, *pair) for pair in pairs], atol=2e-3)
    cycles = rng.normal(size=(5, 3))
    found = np.zeros((2, 5))
    add_phase_pairs(rows_of(paths), times, len(times), 3, lags, 1e-3, cycles, found)
    by_hand = [[np.cos(2 * np.pi * (paths[j] - paths[i]) @ cycle).sum() for cycle in cycles] for i, j in pairs]
    np.testing.assert_allclose(found, by_hand, atol=1e-11)


def test_phases_are_exact_far_away_too() -> None:
    rng = np.random.default_rng(14)
    paths = rng.uniform(-1000, 1000, (300, 2, 3))
    cycles = np.array([0.4, -0.3, 0.2])
    out = np.zeros((2, 700))
    fill_phases(rows_of(paths), cycles, out)
    exact = np.exp(2j * np.pi * (paths @ cycles)).T
    np.testing.assert_allclose(out[:, :600].view(np.complex128), exact, atol=1e-11)
    assert not out[:, 600:].any()
    power = np.zeros(300)
    add_weighted_power(exact, 0.25, power)
    np.testing.assert_allclose(power, 0.5, rtol=1e-12)
