"""Activation energies: exact laws, planted scatter, and what is said when the points can't tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import linregress

import vanhove as vh
from vanhove.base.units import K_B_EV

KELVIN = np.array([1100.0, 1200, 1300, 1400, 1500, 1600])
E_A, PREFACTOR = 0.30, 1e-3


def law(kelvin: np.ndarray | float) -> np.ndarray:
    return PREFACTOR * np.exp(-E_A / (K_B_EV * np.asarray(kelvin)))


@pytest.mark.parametrize("errors", [None, 0.1 * law(KELVIN)])
def test_an_exact_law_comes_back(errors: np.ndarray | None) -> None:
    result = vh.dynamics.arrhenius(KELVIN, law(KELVIN), errors, at=[300, 600], units="cm²/s")
    assert float(result.E_a) == pytest.approx(E_A, rel=1e-9)
    assert float(result.prefactor) == pytest.approx(PREFACTOR, rel=1e-9)
    np.testing.assert_allclose(result.value_at, law([300, 600]), rtol=1e-8)
    assert (result.value_at_low <= result.value_at * (1 + 1e-9)).all()
    assert (result.value_at_high >= result.value_at * (1 - 1e-9)).all()
    assert result.attrs["verdict"] == "fitted"
    assert result.E_a.attrs["units"] == "eV"
    assert result.prefactor.attrs["units"] == result.value_at.attrs["units"] == "cm²/s"
    assert vh.dynamics.arrhenius(KELVIN, law(KELVIN))["at"] == 300


def test_times_t() -> None:
    sigma = 5e4 * np.exp(-E_A / (K_B_EV * KELVIN)) / KELVIN
    result = vh.dynamics.arrhenius(KELVIN, sigma, 0.1 * sigma, times_T=True, at=300, units="mS/cm")
    assert float(result.E_a) == pytest.approx(E_A, rel=1e-9)
    assert float(result.prefactor) == pytest.approx(5e4, rel=1e-9)
    assert result.prefactor.attrs["units"] == "K mS/cm"
    assert float(result.value_at) == pytest.approx(5e4 * np.exp(-E_A / (K_B_EV * 300)) / 300, rel=1e-9)


def test_weights_and_covariance_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    relative = np.array([0.02, 0.1, 0.05, 0.2, 0.03, 0.08])
    values = law(KELVIN) * np.exp(relative * rng.normal(size=6))
    result = vh.dynamics.arrhenius(KELVIN, values, relative * values, at=300.0)
    parameters, covariance = curve_fit(
        lambda x, a, b: a - b * x, 1 / (K_B_EV * KELVIN), np.log(values), sigma=relative, absolute_sigma=True
    )
    assert float(result.E_a) == pytest.approx(parameters[1], rel=1e-6)
    assert float(result.E_a_error) == pytest.approx(covariance[1, 1] ** 0.5, rel=1e-5)
    assert float(result.prefactor_error / result.prefactor) == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-5)
    reach = np.array([1, -1 / (K_B_EV * 300)])
    error = np.sqrt(reach @ covariance @ reach)
    assert float(np.log(result.value_at_high / result.value_at_low)) == pytest.approx(2 * 1.959964 * error, rel=1e-5)
    assert result.attrs["birge"] == pytest.approx((result.attrs["chi2"] / 4) ** 0.5)


def test_without_errors_they_come_from_the_scatter() -> None:
    values = law(KELVIN) * np.exp(0.1 * np.random.default_rng(2).normal(size=6))
    result = vh.dynamics.arrhenius(KELVIN, values)
    theirs = linregress(1 / (K_B_EV * KELVIN), np.log(values))
    assert float(result.E_a_error) == pytest.approx(theirs.stderr, rel=1e-9)
    assert "Student" in result.attrs["interval"]


@pytest.mark.parametrize(("points", "given"), [(3, True), (6, True), (6, False)])
def test_intervals_hold(points: int, given: bool) -> None:
    """The 95 % interval at 300 K, and E_a by its standard error (68 of 100 where the errors are known)."""
    rng = np.random.default_rng([3, points, given])
    kelvin, runs = KELVIN[:points], 500
    inside, within = 0, 0
    for _ in range(runs):
        values = law(kelvin) * (1 + 0.08 * rng.normal(size=points))
        result = vh.dynamics.arrhenius(kelvin, values, 0.08 * law(kelvin) if given else None)
        inside += bool(result.value_at_low < law(300.0) < result.value_at_high)
        within += bool(abs(result.E_a - E_A) < result.E_a_error)
    assert inside / runs == pytest.approx(0.95, abs=0.035)
    if given:
        assert within / runs == pytest.approx(0.68, abs=0.065)


def test_refused_values_are_left_out_and_counted() -> None:
    values = law(KELVIN)
    values[[0, 4]] = np.nan
    errors = 0.1 * law(KELVIN)
    errors[5] = np.nan
    result = vh.dynamics.arrhenius(KELVIN, values, errors)
    assert result.attrs["left_out"] == 3
    np.testing.assert_array_equal(result.temperature, KELVIN[1:4])
    assert float(result.E_a) == pytest.approx(E_A, rel=1e-9)


def test_too_few_points_give_nan_and_a_sentence() -> None:
    for kelvin in ([], [1000.0], [1000.0, 1000.0]):
        result = vh.dynamics.arrhenius(kelvin, law(kelvin))
        assert np.isnan([result.E_a, result.E_a_error, result.value_at, result.value_at_low]).all()
        assert "two temperatures" in result.attrs["verdict"]
        vh.draw(result)
    two = vh.dynamics.arrhenius(KELVIN[:2], law(KELVIN[:2]))
    assert float(two.E_a) == pytest.approx(E_A)
    assert np.isnan(two.E_a_error)
    assert "not its error" in two.attrs["verdict"]
    assert np.isfinite(vh.dynamics.arrhenius(KELVIN[:2], law(KELVIN[:2]), 0.1 * law(KELVIN[:2])).E_a_error)


def test_more_scatter_than_the_errors_say_is_said() -> None:
    values = law(KELVIN) * np.exp(0.3 * np.array([1, -1, 1, -1, 1, -1]))
    result = vh.dynamics.arrhenius(KELVIN, values, 0.05 * values)
    assert result.attrs["birge"] > 3
    assert "times as widely as their errors" in result.attrs["verdict"]


def kinked(kelvin: np.ndarray) -> np.ndarray:
    """0.5 eV below 800 K and 0.2 eV above."""
    return np.exp(-1 / K_B_EV * np.where(kelvin > 800, 0.2 / kelvin, 0.2 / 800 + 0.5 * (1 / kelvin - 1 / 800)))


@pytest.mark.parametrize("given", [True, False])
def test_a_planted_crossover_is_found(given: bool) -> None:
    kelvin = np.linspace(400, 1600, 13)
    values = kinked(kelvin) * np.exp(0.03 * np.random.default_rng(4).normal(size=13))
    result = vh.dynamics.arrhenius(kelvin, values, 0.03 * values if given else None, at=[300, 1000])
    assert result.attrs["crossover"].startswith("two slopes that meet near")
    assert "two laws that meet at" in result.attrs["verdict"]
    assert result.attrs["criterion"].startswith("AIC with" if given else "AICc with")
    assert abs(float(result.crossover) - 800) < 3 * float(result.crossover_error)
    assert (abs(result.E_a_branch - [0.5, 0.2]) < 3 * result.E_a_branch_error).all()
    truth = kinked(np.array([300.0, 1000]))
    assert (result.value_at_low < truth).all()
    assert (truth < result.value_at_high).all()
    below = result.prefactor_branch[0] * np.exp(-result.E_a_branch[0] / (K_B_EV * 300))
    assert float(result.value_at[0]) == pytest.approx(float(below), rel=1e-9)
    line = vh.dynamics.arrhenius(kelvin, values, at=300.0, kind="time")
    assert float(line.E_a) == pytest.approx(-float(vh.dynamics.arrhenius(kelvin, values).E_a))
    vh.draw(result).figure.canvas.draw()


def test_a_straight_law_has_no_crossover() -> None:
    for points, given in ((6, True), (8, True), (8, False), (30, True), (30, False)):
        rng = np.random.default_rng([7, points, given])
        kelvin = np.linspace(500, 1600, points)
        seen = 0
        for _ in range(100):
            values = law(kelvin) * np.exp(0.1 * rng.normal(size=points))
            result = vh.dynamics.arrhenius(kelvin, values, 0.1 * values if given else None)
            seen += np.isfinite(float(result.crossover))
        assert seen <= 8, (points, given)
    exact = vh.dynamics.arrhenius(np.linspace(500, 1600, 30), law(np.linspace(500, 1600, 30)))
    assert exact.attrs["crossover"].startswith("none seen")
    assert "not looked for" in vh.dynamics.arrhenius(KELVIN[:5], law(KELVIN[:5])).attrs["crossover"]


def test_too_much_scatter_is_no_crossover() -> None:
    """Errors that are ten times too small make no second process."""
    rng = np.random.default_rng(8)
    kelvin = np.linspace(500, 1600, 12)
    seen = 0
    for _ in range(100):
        values = law(kelvin) * np.exp(0.2 * rng.normal(size=12))
        seen += np.isfinite(float(vh.dynamics.arrhenius(kelvin, values, 0.02 * values).crossover))
    assert seen <= 8


def test_a_time_falls() -> None:
    tau = 1 / law(KELVIN)
    result = vh.dynamics.arrhenius(KELVIN, tau, 0.1 * tau, kind="time", at=300.0, units="ps")
    assert float(result.E_a) == pytest.approx(E_A, rel=1e-9)
    assert float(result.value_at) == pytest.approx(1 / float(law(300.0)), rel=1e-8)
    rate = vh.dynamics.arrhenius(KELVIN, law(KELVIN), 0.1 * law(KELVIN))
    assert float(result.covariance) == pytest.approx(-float(rate.covariance))
    vh.draw(result).figure.canvas.draw()
    with pytest.raises(vh.Refusal, match="kind"):
        vh.dynamics.arrhenius(KELVIN, tau, kind="fall")  # type: ignore[arg-type]  # what is refused


def test_the_covariance_gives_the_error_anywhere() -> None:
    result = vh.dynamics.arrhenius(KELVIN, law(KELVIN), 0.1 * law(KELVIN), at=500.0)
    b = -1 / (K_B_EV * 500)
    variance = (result.prefactor_error / result.prefactor) ** 2 + b**2 * result.E_a_error**2 + 2 * b * result.covariance
    assert float(np.log(result.value_at_high / result.value_at)) == pytest.approx(1.959964 * float(variance) ** 0.5)


def test_replicas_are_points() -> None:
    rng = np.random.default_rng(9)
    kelvin = np.repeat(KELVIN, 3)
    values = law(kelvin) * np.exp(0.1 * rng.normal(size=18))
    several = vh.dynamics.arrhenius(kelvin, values, 0.1 * law(kelvin))
    means = np.exp(np.log(values).reshape(6, 3).mean(axis=1))
    weights = 0.1 * law(KELVIN) / np.sqrt(3) * means / law(KELVIN)
    assert float(several.E_a) == pytest.approx(float(vh.dynamics.arrhenius(KELVIN, means, weights).E_a), rel=0.05)
    assert several.attrs["dof"] == 16


def coverage(points: int, given: bool, runs: int) -> tuple[float, float, float, float]:
    """Shares of the repeats whose E_a is within a standard error, its 68 % and 95 % interval, and value_at's 95 %."""
    rng = np.random.default_rng([20261120, points, given])
    kelvin = np.linspace(1100, 1600, points)
    hits = np.zeros(4)
    for _ in range(runs):
        values = law(kelvin) * np.exp(0.08 * rng.normal(size=points))
        result = vh.dynamics.arrhenius(kelvin, values, 0.08 * values if given else None)
        low, high = result.E_a_interval.values.T
        inside = (low < E_A) & (high > E_A)
        hits += [
            abs(float(result.E_a) - E_A) < float(result.E_a_error), *inside,
            float(result.value_at_low) < law(300.0) < float(result.value_at_high),
        ]  # fmt: skip
    return tuple((hits / runs).tolist())


@pytest.mark.slow
@pytest.mark.parametrize(("points", "given"), [(4, True), (4, False), (5, True), (8, True), (8, False)])
def test_one_standard_error_holds_two_times_in_three(points: int, given: bool) -> None:
    """In 64 to 72 of 100; few points without errors by Student's t, whose interval is wider than the error."""
    within, one, two, value = coverage(points, given, 2000)
    if given:
        assert 0.64 <= within <= 0.72
    assert 0.64 <= one <= 0.72
    assert 0.935 <= two <= 0.965
    assert 0.93 <= value <= 0.97


def test_what_has_no_logarithm_is_left_out_with_a_warning() -> None:
    values = law(KELVIN)
    values[2] = -1e-6
    with pytest.warns(vh.VanhoveWarning, match="1 of 6 values"):
        result = vh.dynamics.arrhenius(KELVIN, values)
    assert result.attrs["left_out"] == 1


@pytest.mark.parametrize(
    ("kelvin", "values", "errors"),
    [([300.0], [1.0, 2.0], None), ([300.0, 400.0], [1.0, 2.0], [0.1]), ([300.0, -4.0], [1.0, 2.0], None)],
)
def test_bad_lists_are_refused(kelvin: list[float], values: list[float], errors: list[float] | None) -> None:
    with pytest.raises(vh.Refusal):
        vh.dynamics.arrhenius(kelvin, values, errors)


@pytest.mark.parametrize("at", [-300.0, 0.0, float("nan"), [300.0, -1.0]])
def test_a_temperature_that_is_none_is_refused(at: float) -> None:
    with pytest.raises(vh.Refusal, match="at="):
        vh.dynamics.arrhenius(KELVIN, law(KELVIN), at=at)


def test_it_comes_back_from_its_file_and_draws(tmp_path: Path) -> None:
    values = law(KELVIN) * np.exp(0.1 * np.random.default_rng(6).normal(size=6))
    for errors in (None, 0.1 * values):
        result = vh.dynamics.arrhenius(KELVIN, values, errors, at=[300, 600])
        vh.save(result, tmp_path / "law.nc")
        assert vh.load(tmp_path / "law.nc").identical(result)
        vh.draw(result).figure.canvas.draw()
