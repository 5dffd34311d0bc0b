"""All Q at once: laws of the width inside the fit of the spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vanhove as vh
from vanhove.fitting.convolution import PseudoVoigtResolution
from vanhove.spectra.global_fit import fit_globally
from vanhove.spectra.global_model import positive
from vanhove.spectra.jump_laws import law_of

if TYPE_CHECKING:
    from xarray import Dataset

Q = np.arange(0.3, 1.95, 0.2)
E = np.linspace(-0.5, 0.5, 401)
RESOLUTION = PseudoVoigtResolution(0.01)
Part = tuple[str, float, float, float]  # law, length, tau, area


def exact_of(parts: list[Part], *, elastic: float = 0.0, floor: float = 0.005, q: np.ndarray = Q) -> np.ndarray:
    lines = np.zeros((len(q), len(E)))
    for model, length, tau, area in parts:
        for i, width in enumerate(law_of(model).width(q, length, tau)):
            lines[i] += area * RESOLUTION.lorentzian(E, width)
    return lines + elastic * RESOLUTION.delta(E) + floor


def counted(rng: np.random.Generator, exact: np.ndarray, counts: float = 5000.0, q: np.ndarray = Q) -> Dataset:
    """With the scatter of counts, that many in the highest point; errors exact."""
    import xarray as xr

    error = np.sqrt(exact * exact.max() / counts)
    S = exact + error * rng.normal(size=exact.shape)
    both = ("q", "energy")
    return xr.Dataset({"S": (both, S, {"units": "1"}), "S_error": (both, error)}, {"q": q, "energy": E})


def test_two_populations_are_told_apart() -> None:
    rng = np.random.default_rng(20261210)
    truth: list[Part] = [("chudley-elliott", 2.7, 18.6, 0.5), ("chudley-elliott", 1.2, 1.2, 0.4)]
    found = fit_globally(
        counted(rng, exact_of(truth, elastic=0.1), 50_000), RESOLUTION.fwhm, components=2, background="flat"
    )
    for k, (_, length, tau, area) in enumerate(truth):
        for name, value in (("length", length), ("tau", tau), ("D", length**2 / (6 * tau) * 1e-4)):
            error = float(found[f"{name}_error"][k])
            assert abs(float(found[name][k]) - value) < 3 * error < 0.6 * value, name
        misfit = (found.area[:, k] - area) / found.area_error[:, k]
        assert float((misfit**2).mean()) < 3
    assert found.attrs["verdict"] == "0: fitted 1: fitted"
    assert ((found.eisf - 0.1) / found.eisf_error).std() < 2
    np.testing.assert_allclose(found.redchi, 1, atol=0.4)
    np.testing.assert_allclose(found.width[:, 0], law_of("chudley-elliott").width(Q, 2.7, 18.6), rtol=0.05)
    one = fit_globally(counted(rng, exact_of(truth, elastic=0.1), 50_000), RESOLUTION.fwhm, background="flat")
    assert (one.redchi > 3).any(), "one population does not do"


@pytest.mark.parametrize(
    ("model", "length", "tau"),
    [("fick", 2.0, 60.0), ("singwi-sjolander", 2.4, 19.2), ("hall-ross", 2.4, 19.2), ("confined", 5.0, 20.0)],
)
def test_every_law_can_be_inside(model: str, length: float, tau: float) -> None:
    rng = np.random.default_rng(20261211)
    exact = exact_of([(model, length, tau, 1.0)])
    found = fit_globally(counted(rng, exact), RESOLUTION.fwhm, model=model, elastic=False, background="flat")
    D = length**2 / (6 * tau) * 1e-4
    assert abs(float(found.D[0]) - D) < 3 * float(found.D_error[0]) < 0.3 * D
    if model == "fick":
        assert np.isnan(found.length).all()
    else:
        assert abs(float(found.tau[0]) - tau) < 3 * float(found.tau_error[0]) < 0.3 * tau


def test_the_resolution_may_be_a_measurement() -> None:
    import xarray as xr

    rng = np.random.default_rng(20261212)
    vanadium = xr.Dataset(
        {"S": (("q", "energy"), np.repeat(RESOLUTION.delta(E - 0.001)[None], len(Q), 0), {"units": "1"})},
        {"q": Q, "energy": E},
    )
    made = counted(rng, exact_of([("chudley-elliott", 2.7, 18.6, 1.0)], elastic=0.3))
    found = fit_globally(made.assign_coords(energy=E + 0.002), vanadium, background="flat")
    np.testing.assert_allclose([found.length[0], found.tau[0]], [2.7, 18.6], rtol=0.03)


@pytest.mark.slow
def test_errors_cover_the_truth() -> None:
    rng = np.random.default_rng(20261213)
    q = np.array([0.5, 0.9, 1.3, 1.7])
    exact = exact_of([("chudley-elliott", 2.7, 18.6, 1.0)], q=q)
    inside = {"length": 0, "tau": 0, "D": 0, "area": 0}
    for _ in range(60):
        found = fit_globally(counted(rng, exact, 300.0, q), RESOLUTION.fwhm, elastic=False, background="flat")
        for name, value in (("length", 2.7), ("tau", 18.6), ("D", 2.7**2 / (6 * 18.6) * 1e-4), ("area", 1.0)):
            inside[name] += abs(found[name].values.ravel()[0] - value) < found[f"{name}_error"].values.ravel()[0]
    assert all(31 <= number <= 52 for number in inside.values()), inside  # 41 of 60, within 3 σ


def test_small_q_says_only_d() -> None:
    rng = np.random.default_rng(20261214)
    q = np.array([0.2, 0.25, 0.3, 0.35])
    made = counted(rng, exact_of([("chudley-elliott", 1.2, 1.2, 1.0)], q=q), 500.0, q)
    found = fit_globally(made, RESOLUTION.fwhm, elastic=False, background="flat")
    assert found.attrs["verdict"].startswith("Only D is determined")
    assert abs(float(found.D[0]) - 2e-5) < 3 * float(found.D_error[0])
    assert np.isnan(found.length).all()


def test_without_errors_the_scatter_says_them() -> None:
    rng = np.random.default_rng(20261215)
    made = counted(rng, exact_of([("chudley-elliott", 2.7, 18.6, 1.0)]), 1000.0)
    found = fit_globally(made.drop_vars("S_error"), RESOLUTION.fwhm, elastic=False, background="flat")
    weighted = fit_globally(made, RESOLUTION.fwhm, elastic=False, background="flat")
    assert abs(float(found.tau[0]) - 18.6) < 3 * float(found.tau_error[0]) < 1.5
    assert float(found.tau_error[0]) == pytest.approx(float(weighted.tau_error[0]), rel=0.5)


def test_replicas_give_their_own_errors() -> None:
    import xarray as xr

    rng = np.random.default_rng(20261216)
    exact = exact_of([("chudley-elliott", 2.7, 18.6, 1.0)])
    parts = [counted(rng, exact, 500.0) for _ in range(8)]
    found = fit_globally(xr.concat(parts, "replica"), RESOLUTION.fwhm, elastic=False, background="flat")
    assert "8 replicas" in found.attrs["error"]
    assert abs(float(found.tau[0]) - 18.6) < 3 * float(found.tau_error[0]) < 1.5
    of_mean = fit_globally(counted(rng, exact, 4000.0), RESOLUTION.fwhm, elastic=False, background="flat")
    assert float(found.tau_error[0]) == pytest.approx(float(of_mean.tau_error[0]), rel=0.7)


def test_no_amplitude_is_negative() -> None:
    from scipy.optimize import nnls

    rng = np.random.default_rng(20261217)
    for _ in range(50):
        design, seen = rng.normal(size=(30, 4)), rng.normal(size=30)
        expected, _ = nnls(design, seen)
        np.testing.assert_allclose(positive(design.T @ design, design.T @ seen, 4), expected, atol=1e-8)
        free = positive(design.T @ design, design.T @ seen, 0)
        np.testing.assert_allclose(free, np.linalg.lstsq(design, seen, rcond=None)[0], atol=1e-8)


def test_wrong_input_is_refused() -> None:
    made = counted(np.random.default_rng(1), exact_of([("fick", 2.0, 60.0, 1.0)]))
    with pytest.raises(vh.Refusal, match="components=3"):
        fit_globally(made, 0.01, components=3)
    with pytest.raises(vh.Refusal, match="2 laws for 1"):
        fit_globally(made, 0.01, model=["fick", "fick"])
    with pytest.raises(vh.Refusal, match="two at least"):
        fit_globally(made.isel(q=[0]), 0.01)
    with pytest.raises(vh.Refusal, match="no resolution"):
        fit_globally(made)
