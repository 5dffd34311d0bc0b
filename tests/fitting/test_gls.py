"""Least squares with correlated errors, and the straight line on top of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import linregress, t

from vanhove.base.errors import Refusal
from vanhove.fitting.gls import gls
from vanhove.fitting.line import straight_line

X = np.linspace(1.0, 5.0, 9)


def walk_covariance(n: int) -> np.ndarray:
    index = np.arange(1, n + 1)
    return np.minimum.outer(index, index).astype(float)


def test_it_is_curve_fit_with_the_full_covariance() -> None:
    rng = np.random.default_rng(1)
    covariance = 0.04 * walk_covariance(9) + 0.01 * np.eye(9)
    y = 2 + 3 * X + rng.multivariate_normal(np.zeros(9), covariance)
    fit = gls(np.stack([np.ones(9), X], axis=1), y, covariance)
    parameters, theirs = curve_fit(lambda x, a, b: a + b * x, X, y, sigma=covariance, absolute_sigma=True)
    np.testing.assert_allclose(fit.parameters, parameters, rtol=1e-6)
    np.testing.assert_allclose(fit.covariance, theirs, rtol=1e-5)
    np.testing.assert_allclose(fit.weights @ y, fit.parameters, rtol=1e-12)
    assert fit.dof == 7


def test_its_covariance_and_chi2_hold() -> None:
    rng = np.random.default_rng(2)
    covariance = 0.04 * walk_covariance(9)
    design = np.stack([np.ones(9), X], axis=1)
    noise = rng.multivariate_normal(np.zeros(9), covariance, size=4000)
    fits = [gls(design, 2 + 3 * X + one, covariance) for one in noise]
    parameters = np.array([fit.parameters for fit in fits])
    np.testing.assert_allclose(np.cov(parameters.T), fits[0].covariance, rtol=0.08)
    assert np.mean([fit.chi2 for fit in fits]) == pytest.approx(7, abs=5 * np.sqrt(14 / 4000))


def test_a_singular_covariance_is_survived() -> None:
    covariance = np.ones((9, 9)) + 1e-18 * np.eye(9)
    fit = gls(np.stack([np.ones(9), X], axis=1), 2 + 3 * X, covariance)
    np.testing.assert_allclose(fit.parameters, [2, 3], rtol=1e-4)
    no_covariance_at_all = np.eye(3) * 1.0
    no_covariance_at_all[0, 1] = no_covariance_at_all[1, 0] = 2.0  # an eigenvalue below zero
    assert np.isfinite(gls(np.ones((3, 1)), np.arange(3.0), no_covariance_at_all).covariance).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    y = X.copy()
    y[3] = bad
    with pytest.raises(Refusal, match="finite"):
        gls(np.ones((9, 1)), y, np.eye(9))


def test_a_line_with_errors() -> None:
    errors = 0.1 * X
    y = 1 - 0.5 * X + errors * np.random.default_rng(3).normal(size=9)
    line = straight_line(X, y, errors)
    parameters, covariance = curve_fit(lambda x, a, b: a + b * x, X, y, sigma=errors, absolute_sigma=True)
    np.testing.assert_allclose([line.intercept, line.slope], parameters, rtol=1e-6)
    np.testing.assert_allclose(line.covariance, covariance, rtol=1e-5)
    value, error = line.at(np.array([0.0, 7.0]))
    basis = np.array([[1, 0.0], [1, 7.0]])
    np.testing.assert_allclose(value, basis @ parameters, rtol=1e-6)
    np.testing.assert_allclose(error**2, np.diag(basis @ covariance @ basis.T), rtol=1e-5)
    assert line.quantile(0.95) == pytest.approx(1.959964, abs=1e-6)


def test_a_line_without_errors_takes_them_from_the_scatter() -> None:
    y = 1 - 0.5 * X + 0.1 * np.random.default_rng(4).normal(size=9)
    line, theirs = straight_line(X, y), linregress(X, y)
    assert line.slope == pytest.approx(theirs.slope, rel=1e-10)
    assert line.slope_error == pytest.approx(theirs.stderr, rel=1e-10)
    assert line.intercept_error == pytest.approx(theirs.intercept_stderr, rel=1e-10)
    assert line.quantile(0.95) == pytest.approx(t.ppf(0.975, 7))
    assert np.isnan(straight_line(X[:2], y[:2]).slope_error)
