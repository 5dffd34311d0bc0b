"""From hops that are known to spectra and back: what was planted in a trajectory is what the fit of its QENS says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vanhove as vh
from hoppers import as_trajectory, caged_flights, random_flights
from vanhove.spectra.jump_laws import law_of, sphere_form_factor

if TYPE_CHECKING:
    from xarray import Dataset

SLOW, FAST = (2.7, 18.6), (1.2, 1.2)  # Å and ps: jumps between cages and inside them
D = (6.5e-6, 20e-6)  # cm²/s
GROUPS = 10  # of ions, whose spectra are replicas


def two_populations(seed: int, ions: int, frames: int, spacing: float) -> vh.Trajectory:
    rng = np.random.default_rng(seed)
    paths = [random_flights(rng, ions // 2, frames, spacing, *jumps) for jumps in (SLOW, FAST)]
    return as_trajectory(rng, paths, spacing)


def by_groups(traj: vh.Trajectory, q: np.ndarray, max_lag: float) -> Dataset:
    import xarray as xr

    group = np.arange(traj.n_atoms) % GROUPS
    parts = [
        vh.spectra.incoherent(traj.select(group == g), "Li", q, drift=None, max_lag=max_lag) for g in range(GROUPS)
    ]
    return xr.concat([part[["S"]] for part in parts], "replica", combine_attrs="override")


def check(found: Dataset, sigmas: float, share: float) -> None:
    """Both (length, τ) pairs and D within a share of what was planted, or within so many standard errors."""
    for k, ((length, tau), diffusion) in enumerate(zip((SLOW, FAST), D, strict=True)):
        for name, value in (("length", length), ("tau", tau), ("D", diffusion)):
            estimate, error = float(found[name][k]), float(found[f"{name}_error"][k])
            assert 0 < error < 0.3 * value
            assert abs(estimate - value) < max(sigmas * error, share * value), f"{name} of {k}: {estimate} ± {error}"


@pytest.mark.parametrize(("length", "tau"), [SLOW, FAST])
def test_flights_are_what_they_claim(length: float, tau: float) -> None:
    """F(Q, t) of the paths is exp(-(t/τ)(1 - sin Qd/Qd)), and so is the MSD d²t/τ."""
    rng = np.random.default_rng(20261220)
    path = random_flights(rng, 400, 1500, 0.2, length, tau)
    for lag in (5, 50):
        moved = (path[lag:] - path[:-lag])[::lag].reshape(-1, 3)
        assert (moved**2).sum(axis=1).mean() == pytest.approx(length**2 * 0.2 * lag / tau, rel=0.05)
        for q in (0.5, 1.5):
            expected = np.exp(-(0.2 * lag / tau) * (1 - np.sinc(q * length / np.pi)))
            assert np.cos(q * moved).mean() == pytest.approx(expected, abs=0.01)


def test_caged_flights_are_what_they_claim() -> None:
    rng = np.random.default_rng(20261221)
    path = caged_flights(rng, 500, 1500, 0.2, radius=1.5, hop=2.0, length=4.0, escape=60.0)
    for lag in (5, 100):
        moved = (path[lag:] - path[:-lag])[::lag].reshape(-1, 3)
        t = 0.2 * lag
        for q in (0.7, 1.5):
            still = float(sphere_form_factor(np.array(1.5 * q)))
            inside = still + (1 - still) * np.exp(-t / 2.0)
            expected = inside * np.exp(-(t / 60.0) * (1 - np.sinc(q * 4.0 / np.pi)))
            assert np.cos(q * moved).mean() == pytest.approx(expected, abs=0.012)


def test_two_populations_come_back_from_a_short_run() -> None:
    traj = two_populations(20261222, 100, 3000, 0.25)
    spectra = by_groups(traj, np.arange(0.4, 2.0, 0.3), 150.0)
    found = vh.spectra.fit_qens(
        spectra, jump_model="chudley-elliott", lorentzians=2, elastic=False, background=None, window=(-1, 1)
    )
    check(found, sigmas=3, share=0.05)


@pytest.mark.slow
def test_two_populations_come_back() -> None:
    """The published pair of a fast ion conductor at 600 K, as a closed loop."""
    traj = two_populations(20261223, 400, 10_000, 0.2)
    spectra = by_groups(traj, np.arange(0.3, 2.0, 0.1), 400.0)
    found = vh.spectra.fit_qens(
        spectra, jump_model="chudley-elliott", lorentzians=2, elastic=False, background=None, window=(-2, 2)
    )
    check(found, sigmas=2, share=0.05)
    at_small_q = found.width.sel(q=0.3, method="nearest")
    assert at_small_q[1] / at_small_q[0] < 4, "one by one they could hardly be told apart"
    # and as a spectrometer sees them, with its resolution and its counting noise
    whole = vh.spectra.incoherent(traj, "Li", np.arange(0.3, 2.0, 0.2), drift=None, max_lag=400.0)
    seen = vh.spectra.instrument(whole, 0.02, energy=(-1.0, 1.0), counts=3e7, seed=1)
    measured = vh.spectra.fit_qens(
        seen, 0.02, jump_model="chudley-elliott", lorentzians=2, elastic=False, background=None
    )
    np.testing.assert_allclose(measured.D, D, rtol=0.05)
    np.testing.assert_allclose(measured.length, [SLOW[0], FAST[0]], rtol=0.07)
    np.testing.assert_allclose(measured.tau, [SLOW[1], FAST[1]], rtol=0.10)


@pytest.mark.slow
def test_a_caged_hopper_that_escapes_comes_back() -> None:
    """Narrow width: escapes. Wide width, flat in Q: hops in the cage. EISF: the cage's size."""
    rng = np.random.default_rng(20261224)
    radius, hop, length, escape = 1.5, 2.0, 4.0, 60.0
    path = caged_flights(rng, 300, 10_000, 0.2, radius=radius, hop=hop, length=length, escape=escape)
    spectra = vh.spectra.incoherent(
        as_trajectory(rng, [path], 0.2), "Li", np.arange(0.6, 2.2, 0.1), drift=None, max_lag=500.0
    )
    widths = vh.spectra.fit_qens(spectra, lorentzians=2, elastic=False, background=None, window=(-2, 2))
    out = vh.spectra.fit_jump_model(widths, "chudley-elliott", component=0)
    assert float(out.tau) == pytest.approx(escape, rel=0.05)
    assert float(out.length) == pytest.approx(length, rel=0.05)
    inside = vh.spectra.fit_jump_model(widths, "confined", component=1)
    assert float(inside.tau) == pytest.approx(hop, rel=0.05)
    assert float(inside.radius) == pytest.approx(radius, rel=0.05)
    wide = widths.width.sel(component=1)
    assert float(wide.std() / wide.mean()) < 0.1, "flat in Q"
    jumps = law_of("chudley-elliott").width(widths.q.values, length, escape)
    np.testing.assert_allclose(widths.width.sel(component=0), jumps, rtol=0.15)
