"""Times of staying: closed forms, survival curves with stays that the run cut off, coverage of the stated errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import vanhove as vh
from vanhove.dynamics.residence import dispersion, mean_stay, survival

Floats = NDArray[np.float64]
CELL = np.array([[12.0, 0, 0], [3.0, 11.0, 0], [-2.0, 4.0, 10.0]])
CENTRES = np.array([[0.0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])


def chain(rng: np.random.Generator, frames: int, n: int, leave: float, spread: float = 0.0) -> NDArray[np.int64]:
    """Which of four places each ion is at, (frame, ion); it leaves with a chance per frame for any other one."""
    chance = leave * np.exp(spread * rng.normal(size=n) - spread**2 / 2)
    steps = np.where(rng.random((frames, n)) < chance, rng.integers(1, 4, (frames, n)), 0)
    steps[0] = rng.integers(0, 4, n)
    return np.asarray(np.cumsum(steps, axis=0) % 4)


def caged(places: NDArray[np.int64], rng: np.random.Generator, spacing: float = 0.5) -> vh.Trajectory:
    """Ions within 1 Å of four moving S in a skewed cell."""
    frames, n = places.shape
    centres = CENTRES @ CELL + np.cumsum(rng.normal(0, 0.02, (frames, 1, 3)), axis=0)
    ions = np.take_along_axis(np.broadcast_to(centres, (frames, 4, 3)), places[:, :, None], axis=1)
    ions = ions + rng.uniform(-0.5, 0.5, (frames, n, 3)) + rng.integers(-1, 2, (frames, n, 3)) @ CELL
    everything = np.concatenate([ions, np.broadcast_to(centres, (frames, 4, 3))], axis=1)
    labels = ["Li"] * n + ["S"] * 4
    return vh.from_arrays(everything, CELL, labels, spacing * np.arange(frames), wrapped=True)


def test_survival_of_a_textbook_sample() -> None:
    """Six stays, two of them cut off: S falls by 1/6, then by 1/4 (after one was cut off at 2), then by 1/2."""
    steps, ended = np.array([1, 2, 3, 3, 5, 6]), np.array([True, False, True, False, True, False])
    found = survival(steps, ended, 0.5, 6)
    assert found.time.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    first, second, third = 5 / 6, 5 / 6 * 3 / 4, 5 / 6 * 3 / 4 / 2
    np.testing.assert_allclose(found.share, [1, first, first, second, second, third, third])
    greenwood = second * np.sqrt(1 / (6 * 5) + 1 / (4 * 3))
    assert found.error[3] == pytest.approx(greenwood)


def test_a_survival_curve_is_exponential_though_half_the_stays_are_cut_off() -> None:
    rng = np.random.default_rng(20261130)
    life, limit = rng.geometric(0.02, 20000), rng.integers(1, 100, 20000)
    found = survival(np.minimum(life, limit), life <= limit, 1.0, 99)
    expected = 0.98**found.time
    off = (found.share - expected)[1:] / np.maximum(found.error[1:], 1e-9)
    assert np.abs(off).max() < 4
    assert (np.minimum(life, limit)).mean() < 0.7 * 50  # where the mean of what was seen is far off


def test_mean_stays_and_their_bounds() -> None:
    stay = mean_stay(np.array([100.0, 100.0, 0.0]), np.array([4, 0, 0]))
    np.testing.assert_allclose(stay.mean, [25, np.nan, np.nan])
    np.testing.assert_allclose(stay.error, [12.5, np.nan, np.nan])
    assert stay.least[1] == pytest.approx(100 / 2.9957, rel=1e-4)
    assert stay.least[0] < 25
    assert np.isnan(stay.least[2])


def test_ions_that_differ_enlarge_the_error() -> None:
    rng = np.random.default_rng(20261131)
    times = np.full(100, 50.0)
    assert dispersion(rng.poisson(5.0, 100), times) == 1.0
    unlike = rng.poisson(rng.choice([1.0, 9.0], 100))
    assert dispersion(unlike, times) == pytest.approx(np.sqrt(1 + 16 / 5), rel=0.2)
    assert dispersion(np.zeros(100), times) == 1.0
    assert dispersion(np.array([3]), np.array([9.0])) == 1.0


def covered(repeats: int, spread: float) -> float:
    truth_in = 0
    for number in range(repeats):
        rng = np.random.default_rng([20261120, number])
        result = vh.dynamics.cages(caged(chain(rng, 300, 20, 0.01, spread), rng), "Li", "S", 1.5, returns=0.0)
        truth_in += abs(1 / float(result.residence_time) - 0.02) < float(result.residence_error) * 0.02 / float(
            result.residence_time
        )
    return truth_in / repeats


def test_one_standard_error_covers_two_of_three() -> None:
    """A quick look at what the slow test measures."""
    assert 0.55 < covered(100, 0.0) < 0.80


@pytest.mark.slow
def test_one_standard_error_covers_64_to_72_of_100() -> None:
    assert 0.64 <= covered(2000, 0.0) <= 0.72
