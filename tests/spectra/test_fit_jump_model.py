"""Jump models: planted laws come back with the stated coverage, and what widths leave open is said."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.units import HBAR
from vanhove.spectra import jump_laws
from vanhove.spectra.confinement import Elastic, cage_of
from vanhove.spectra.jump_fit import Widths, fit

Q = np.arange(0.3, 2.0, 0.1)
JUMPS = ["chudley-elliott", "singwi-sjolander", "hall-ross"]


def widths_of(model: str, length: float, tau: float, q: np.ndarray = Q) -> np.ndarray:
    return jump_laws.law_of(model).width(q, length, tau)


@pytest.mark.parametrize(
    ("length", "tau", "D"),
    [(2.4, 19.2, 5.0e-6), (2.7, 18.6, 6.5e-6), (1.2, 1.2, 20e-6), (3.9, 7.0, 36e-6)],
    ids=["measured", "simulated narrow", "simulated wide", "silicate"],
)
def test_published_jumps(length: float, tau: float, D: float) -> None:
    gamma = HBAR / tau * (1 - np.sin(Q * length) / (Q * length))
    found = vh.spectra.fit_jump_model((Q, gamma, 0.03 * gamma))
    np.testing.assert_allclose([found.length, found.tau], [length, tau], rtol=1e-6)
    assert float(found.D) == pytest.approx(D, rel=0.01)  # as rounded in print


@pytest.mark.parametrize("model", JUMPS)
def test_every_jump_law_has_one_diffusion_coefficient(model: str) -> None:
    """Γ → ħDQ² with D = length²/6τ at small Q, ħ/τ at large Q."""
    assert widths_of(model, 2.0, 5.0, np.array([1e-3]))[0] == pytest.approx(HBAR * 4 / 30 * 1e-6, rel=1e-5)
    assert widths_of(model, 2.0, 5.0, np.array([200.0]))[0] == pytest.approx(HBAR / 5, rel=4e-3)


def test_laws_are_those_of_their_jumps() -> None:
    """Γτ/ħ = 1 - ⟨sin Ql/Ql⟩ over the lengths of the jumps, with √⟨l²⟩ = length."""
    rng = np.random.default_rng(20261121)
    exponential = rng.gamma(2.0, 2.0 / 6**0.5, 400_000)  # l·exp(-l/l₀)
    gaussian = np.linalg.norm(rng.normal(0, 2.0 / 3**0.5, (400_000, 3)), axis=1)
    for model, lengths in (("singwi-sjolander", exponential), ("hall-ross", gaussian)):
        assert np.sqrt((lengths**2).mean()) == pytest.approx(2.0, rel=5e-3)
        for q in (0.5, 1.0, 2.0):
            expected = 1 - np.sinc(q * lengths / np.pi).mean()
            assert jump_laws.law_of(model).shape(np.array(2.0 * q)) == pytest.approx(expected, abs=2e-3)


def test_width_inside_a_sphere_has_both_limits() -> None:
    radius, D = 3.0, 0.02  # Å, Å²/ps
    length, tau = jump_laws.LENGTH_OVER_RADIUS * radius, radius**2 / (jump_laws.PLATEAU * D)
    assert length**2 / (6 * tau) == pytest.approx(D)
    low, high = (jump_laws.law_of("confined").width(np.array([q]), length, tau)[0] for q in (0.05, 100.0))
    assert low == pytest.approx(4.333 * HBAR * D / radius**2, rel=2e-3)
    assert high == pytest.approx(HBAR * D * 1e4, rel=0.02)
    flat = jump_laws.confined(np.array([0.0, 2.0]) * jump_laws.LENGTH_OVER_RADIUS)  # Qa < π
    assert flat[1] / flat[0] < 1.1


def test_lines_inside_a_sphere_are_those_of_walkers() -> None:
    """Incoherent scattering of a reflected walk: what is left of it at half the height is the tabulated width."""
    rng = np.random.default_rng(20261122)
    radius, D, step, frames = 1.0, 1.0, 1e-3, 600
    places = rng.normal(size=(2000, 3))
    places *= rng.uniform(0, 1, (2000, 1)) ** (1 / 3) / np.linalg.norm(places, axis=1)[:, None]
    path = np.empty((frames, 2000, 3))
    for frame in range(frames):
        path[frame] = places
        for _ in range(4):
            moved = places + rng.normal(0, (2 * D * step) ** 0.5, places.shape)
            distance = np.linalg.norm(moved, axis=1, keepdims=True)
            places = np.where(distance > radius, moved * (2 * radius / distance - 1), moved)
    q, lags = 4.0, np.arange(300)
    phases = np.exp(1j * q * path).astype(np.complex64)
    correlation = np.array([(phases[: frames - k].conj() * phases[k:]).real.mean() for k in lags])
    still = float(jump_laws.sphere_form_factor(np.array(q)))
    times = 4 * step * lags
    assert correlation[-50:].mean() == pytest.approx(still, abs=0.02)
    energies = np.linspace(0, 40, 4001)  # ħ/ps
    line = np.trapezoid((correlation - still) * np.cos(energies[:, None] * times), times)
    half = energies[np.argmin(line > line[0] / 2)]
    table = float(jump_laws.confined(np.array(q * radius * jump_laws.LENGTH_OVER_RADIUS))) * jump_laws.PLATEAU
    assert half == pytest.approx(table, rel=0.06)


@pytest.mark.parametrize(
    ("model", "with_errors"),
    [("chudley-elliott", True), ("chudley-elliott", False), ("hall-ross", True), ("singwi-sjolander", True),
     ("confined", True), ("fick", True)],
)  # fmt: skip
def test_errors_cover_the_truth(model: str, with_errors: bool) -> None:
    length, tau = (5.0, 10.0) if model == "confined" else (2.7, 18.6)
    law, rng = jump_laws.law_of(model), np.random.default_rng(20261123)
    exact = law.width(Q, length, tau)
    sigma = 0.05 * exact if with_errors else np.full_like(exact, 0.05 * exact.mean())
    truth = (
        {"D": length**2 / (6 * tau)} if model == "fick" else {"D": length**2 / (6 * tau), "tau": tau, "length": length}
    )
    one, two = (dict.fromkeys(truth, 0) for _ in range(2))
    repeats = 2000 if with_errors and model == "chudley-elliott" else 500
    for _ in range(repeats):
        seen = exact + sigma * rng.normal(size=len(Q))
        found = fit(law, Widths(Q, seen, sigma if with_errors else None))
        for name, value in truth.items():
            one[name] += abs(found.values[name] - value) < found.errors[name]
            low, high = found.intervals[name]
            two[name] += low <= value <= high
    for name in truth:
        assert 0.60 < one[name] / repeats < 0.75, name
        assert 0.92 < two[name] / repeats < 0.98, name


def test_the_law_is_chosen_by_criterion() -> None:
    rng = np.random.default_rng(20261124)
    for model, length, tau in (("chudley-elliott", 3.9, 7.0), ("confined", 5.0, 19.0), ("singwi-sjolander", 4.0, 7.0)):
        exact = widths_of(model, length, tau)
        found = vh.spectra.fit_jump_model((Q, exact * (1 + 0.03 * rng.normal(size=len(Q))), 0.03 * exact), "auto")
        assert found.attrs["model"] == model
        assert jump_laws.law_of(model).name in found.attrs["chosen"]
        assert float(found.criterion.min()) == float(found.criterion.sel(model=model))
        assert float(found.D_by_model.sel(model=model)) == float(found.D)


def test_small_q_says_only_d() -> None:
    rng = np.random.default_rng(20261125)
    q = np.arange(0.1, 0.4, 0.04)
    exact = widths_of("chudley-elliott", 2.4, 19.2, q)
    found = vh.spectra.fit_jump_model((q, exact * (1 + 0.03 * rng.normal(size=len(q))), 0.03 * exact))
    assert found.attrs["verdict"].startswith("Only D is determined")
    assert abs(float(found.D) - 5e-6) < 2.5 * float(found.D_error)
    assert np.isnan([found.tau, found.tau_error, found.length, found.length_error]).all()
    assert found.length_interval.values[0] == 0
    assert 2.4 < found.length_interval.values[1] < 10
    assert 19.2 < found.tau_interval.values[1] < np.inf


def test_flat_widths_say_only_the_time() -> None:
    rng = np.random.default_rng(20261126)
    q = np.arange(1.0, 3.0, 0.1)
    exact = widths_of("hall-ross", 12.0, 19.2, q)
    found = vh.spectra.fit_jump_model((q, exact * (1 + 0.03 * rng.normal(size=len(q))), 0.03 * exact), "hall-ross")
    assert found.attrs["verdict"].startswith("Only the residence time")
    assert abs(float(found.tau) - 19.2) < 2.5 * float(found.tau_error)
    assert np.isnan(float(found.D))
    assert found.D_interval.values[1] == np.inf


def test_in_a_cage_the_radius_comes_from_the_elastic_share() -> None:
    import xarray as xr

    radius, tau = 1.4, 3.0
    still = jump_laws.sphere_form_factor(Q * radius)
    length = jump_laws.LENGTH_OVER_RADIUS * radius
    exact = widths_of("confined", length, tau)
    made = xr.Dataset(
        {
            "width": (("q", "component"), np.stack([np.full_like(Q, 0.01), exact], axis=1)),
            "width_error": (("q", "component"), np.stack([np.full_like(Q, 1e-4), 0.1 * exact], axis=1)),
            "area": (("q", "component"), np.stack([still, 1 - still], axis=1)),
            "area_error": (("q", "component"), np.full((len(Q), 2), 0.005)),
        },
        {"q": Q},
    )
    found = vh.spectra.fit_jump_model(made, "confined", component=1)
    assert found.attrs["verdict"].startswith("Only the residence time")
    assert "radius from the EISF" in found.attrs["verdict"]
    assert float(found.radius) == pytest.approx(radius, rel=1e-3)
    assert float(found.D) == pytest.approx(length**2 / (6 * tau) * 1e-4, rel=0.01)
    assert 0 < float(found.D_error) < 0.2 * float(found.D)
    narrow = vh.spectra.fit_jump_model(made, "confined", component=0)
    assert float(narrow.tau) == pytest.approx(HBAR / 0.01, rel=0.01)
    assert np.isnan(float(narrow.radius)), "nothing is narrower: there is no EISF"


def test_ions_that_stay_do_not_make_the_cage_smaller() -> None:
    rng = np.random.default_rng(20261127)
    share = 0.4 + 0.6 * jump_laws.sphere_form_factor(1.4 * Q) + 0.004 * rng.normal(size=len(Q))
    cage = cage_of(Elastic(Q, share, np.full_like(Q, 0.004)))
    assert abs(cage.radius - 1.4) < 2 * cage.radius_error < 0.3
    assert cage.moving == pytest.approx(0.6, abs=0.1)
    assert np.isnan(cage_of(Elastic(Q, np.ones_like(Q), np.full_like(Q, 0.01))).radius)


def test_widths_by_temperature_go_to_an_activation_energy() -> None:
    import xarray as xr

    rng = np.random.default_rng(20261128)
    kelvin = [400.0, 500.0, 600.0]
    runs = []
    for T in kelvin:
        tau = 0.5 * np.exp(0.16 / (8.617333e-5 * T))
        exact = widths_of("chudley-elliott", 2.7, tau)
        width = exact * (1 + 0.03 * rng.normal(size=len(Q)))
        runs.append(
            xr.Dataset({"width": ("q", width), "width_error": ("q", 0.03 * exact)}, {"q": Q}, {"temperature": T})
        )
    found = vh.spectra.fit_jump_model(runs[::-1])
    assert found.D.dims == ("temperature",)
    assert found.temperature.values.tolist() == kelvin
    law = vh.dynamics.arrhenius(found.temperature, found.D, found.D_error)
    assert abs(float(law.E_a) - 0.16) < 2.5 * float(law.E_a_error)
    with pytest.raises(vh.Refusal, match="told apart by their temperatures"):
        vh.spectra.fit_jump_model([runs[0], runs[0]])


def test_what_is_not_a_width_is_left_out() -> None:
    gamma = widths_of("chudley-elliott", 2.7, 18.6)
    error = 0.03 * gamma
    whole = vh.spectra.fit_jump_model((Q, gamma, error), window=(0.5, 1.8))
    holes = gamma.copy()
    holes[[0, 16]] = np.nan
    error[16] = np.nan
    again = vh.spectra.fit_jump_model((Q, holes, error), window=(0.5, 2.0))
    assert float(again.D) == pytest.approx(float(whole.D))
    nothing = vh.spectra.fit_jump_model((Q, np.full_like(Q, np.nan)), "auto")
    assert np.isnan(float(nothing.D))
    assert "needs" in nothing.attrs["verdict"]


def test_wrong_input_is_refused() -> None:
    import xarray as xr

    with pytest.raises(vh.Refusal, match="Did you mean 'chudley-elliott'"):
        vh.spectra.fit_jump_model((Q, Q), "chudley-eliott")
    with pytest.raises(vh.Refusal, match="no law '5'"):
        vh.spectra.fit_jump_model((Q, Q), 5)  # type: ignore[arg-type]
    with pytest.raises(vh.Refusal, match="not numbers"):
        vh.spectra.fit_jump_model((["a", "b"], [1.0, 2.0]))
    with pytest.raises(vh.Refusal, match="shapes"):
        vh.spectra.fit_jump_model((Q, Q[:3]))
    with pytest.raises(vh.Refusal, match="component=1"):
        vh.spectra.fit_jump_model(xr.Dataset({"width": ("q", Q)}, {"q": Q}), component=1)
    with pytest.raises(vh.Refusal, match="window"):
        vh.spectra.fit_jump_model((Q, Q), window=(2.0, 1.0))
    with pytest.raises(vh.Refusal, match="width"):
        vh.spectra.fit_jump_model(5.0)
