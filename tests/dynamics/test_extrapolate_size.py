"""The size of the box: an exact law comes back, errors hold, and what is said where nothing can be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import linregress

import vanhove as vh

LENGTHS = np.array([15.0, 15, 20, 20, 30, 45])


def law(length: np.ndarray) -> np.ndarray:
    return 2e-5 - 8e-5 / np.asarray(length)


@pytest.mark.parametrize("errors", [None, 0.05 * law(LENGTHS)])
def test_an_exact_law_comes_back(errors: np.ndarray | None) -> None:
    result = vh.dynamics.extrapolate_size(LENGTHS, law(LENGTHS), errors, units="cm²/s")
    assert float(result.limit) == pytest.approx(2e-5, rel=1e-9)
    np.testing.assert_allclose(result.correction, 8e-5 / np.array([15, 20, 30, 45]), rtol=1e-9)
    np.testing.assert_array_equal(result.replicas, [2, 2, 1, 1])
    assert np.isnan(result.mean_error[2])
    assert result.attrs["verdict"] == "fitted"


def test_errors_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    errors = law(LENGTHS) * np.array([0.1, 0.05, 0.02, 0.1, 0.04, 0.08])
    values = law(LENGTHS) + errors * rng.normal(size=6)
    given = vh.dynamics.extrapolate_size(LENGTHS, values, errors)
    best, covariance = curve_fit(lambda x, a, b: a - b * x, 1 / LENGTHS, values, sigma=errors, absolute_sigma=True)
    assert float(given.limit) == pytest.approx(best[0], rel=1e-6)
    assert float(given.limit_error) == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-5)
    theirs = linregress(1 / LENGTHS, values)
    own = vh.dynamics.extrapolate_size(LENGTHS, values)
    assert float(own.limit_error) == pytest.approx(theirs.intercept_stderr, rel=1e-9)
    assert "Student" in own.attrs["interval"]
    assert float(own["mean"][0]) == pytest.approx(values[:2].mean())
    assert float(own.mean_error[0]) == pytest.approx(values[:2].std(ddof=1) / 2**0.5)


def test_intervals_hold() -> None:
    for given in (True, False):
        rng = np.random.default_rng([2, given])
        inside = within = 0
        for _ in range(400):
            values = law(LENGTHS) * (1 + 0.05 * rng.normal(size=6))
            result = vh.dynamics.extrapolate_size(LENGTHS, values, 0.05 * law(LENGTHS) if given else None)
            inside += bool(result.limit_low < 2e-5 < result.limit_high)
            within += bool(abs(result.limit - 2e-5) < result.limit_error)
        assert inside / 400 == pytest.approx(0.95, abs=0.035)
        if given:
            assert within / 400 == pytest.approx(0.68, abs=0.07)


def test_what_the_points_cannot_say() -> None:
    for lengths in ([], [20.0], [20.0, 20.0]):
        result = vh.dynamics.extrapolate_size(lengths, law(lengths))
        assert np.isnan([result.limit, result.limit_error]).all()
        assert "two sizes" in result.attrs["verdict"]
        vh.draw(result).figure.canvas.draw()
    two = vh.dynamics.extrapolate_size([20.0, 30.0], law([20.0, 30.0]))
    assert np.isnan(two.limit_error)
    assert "not its error" in two.attrs["verdict"]
    vh.draw(two).figure.canvas.draw()
    wide = law(LENGTHS) * (1 + 0.3 * np.array([1, -1, 1, -1, 1, -1]))
    assert "times as widely" in vh.dynamics.extrapolate_size(LENGTHS, wide, 0.02 * wide).attrs["verdict"]
    left = vh.dynamics.extrapolate_size([10.0, *LENGTHS], [np.nan, *law(LENGTHS)])
    assert left.attrs["left_out"] == 1


@pytest.mark.parametrize(("lengths", "values"), [([10.0], [1.0, 2.0]), ([10.0, -1.0], [1.0, 2.0])])
def test_bad_lists_are_refused(lengths: list[float], values: list[float]) -> None:
    with pytest.raises(vh.Refusal):
        vh.dynamics.extrapolate_size(lengths, values)
