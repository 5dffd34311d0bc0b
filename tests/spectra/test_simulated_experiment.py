"""The closed loop: hoppers of planted jump length and residence time, measured and fitted as an experiment would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from brownian_spectra import brownian, width

import vanhove as vh
from vanhove.base.units import HBAR

KELVIN = 600.0


def random_flights(length: float, tau: float, spacing: float, frames: int, n: int, seed: int) -> vh.Trajectory:
    """Li that jump ``length`` (Å) in any direction, every ``tau`` (ps) on average: the law of Chudley and Elliott."""
    rng = np.random.default_rng(seed)
    jumps = rng.poisson(spacing / tau, (frames, n))
    steps = np.zeros((frames, n, 3))
    for k in range(int(jumps.max())):
        direction = rng.normal(size=(frames, n, 3))
        direction *= length / np.linalg.norm(direction, axis=2, keepdims=True)
        steps += direction * (jumps > k)[..., None]
    times = spacing * np.arange(frames)
    return vh.from_arrays(np.cumsum(steps, axis=0), 30.0, ["Li"] * n, times, wrapped=False, temperature=KELVIN)


@pytest.mark.parametrize(
    ("name", "length", "tau", "spacing", "frames", "max_lag", "q"),
    [
        ("BASIS-Si111", 2.7, 18.6, 1.0, 4000, 1250.0, np.arange(0.3, 1.91, 0.2)),  # the slow jumps of Li6PS5Cl
        ("OSIRIS-PG002", 3.9, 7.0, 0.5, 2000, 200.0, np.arange(0.4, 1.71, 0.2)),  # those of Li2Si2O5
    ],
)
def test_jumps_that_were_put_in_come_out(
    name: str, length: float, tau: float, spacing: float, frames: int, max_lag: float, q: np.ndarray, tmp_path: Path
) -> None:
    traj = random_flights(length, tau, spacing, frames, 150, 20261)
    sqe = vh.spectra.incoherent(traj, "Li", q, max_lag=max_lag, drift=None)
    band = None if name.startswith("BASIS") else (-0.4, 0.4)
    seen = vh.spectra.instrument(sqe, name, energy=band, counts=3e6, seed=1)
    vh.save(seen, tmp_path / "seen.nc")
    measured = vh.load(tmp_path / "seen.nc")
    lines = vh.spectra.fit_qens(measured, float(seen.fwhm[0]), lorentzians=1, elastic=False, background="flat")
    planted = HBAR / tau * (1 - np.sin(q * length) / (q * length))
    np.testing.assert_allclose(lines.width[:, 0], planted, rtol=0.05)
    found = vh.spectra.fit_jump_model(lines, "chudley-elliott")
    assert float(found.length) == pytest.approx(length, rel=0.05)
    assert float(found.tau) == pytest.approx(tau, rel=0.05)
    assert float(found.D) == pytest.approx(length**2 / (6 * tau) * 1e-4, rel=0.05)


def test_a_measured_resolution_serves_the_simulation_and_its_fit() -> None:
    """The line that the simulation was seen through is the one it is fitted with, and need not be a Gaussian."""
    traj = random_flights(3.9, 7.0, 0.5, 2000, 150, 5)
    q = np.array([0.8, 1.2, 1.6])
    sqe = vh.spectra.incoherent(traj, "Li", q, max_lag=300.0, drift=None)
    seen = vh.spectra.instrument(sqe, (0.03, 0.4), energy=(-0.4, 0.4), counts=1e6, seed=2)
    resolution = seen[["R"]].rename(R="S")
    planted = HBAR / 7.0 * (1 - np.sin(q * 3.9) / (q * 3.9))
    lines = vh.spectra.fit_qens(seen, resolution, lorentzians=1, elastic=False, resolution_background=None)
    np.testing.assert_allclose(lines.width[:, 0], planted, rtol=0.05)
    again = vh.spectra.instrument(sqe, resolution, energy=(-0.4, 0.4), resolution_background=None)
    smooth = vh.spectra.instrument(sqe, (0.03, 0.4), energy=(-0.4, 0.4))
    beyond = 0.4 * 2 / np.pi * np.arctan(0.015 / 0.4)  # of the line is in wings that were not measured
    np.testing.assert_allclose(again.S, smooth.S, atol=1.05 * beyond * float(smooth.S.max()))


@pytest.mark.parametrize(
    ("resolution", "counts", "said"),
    [
        (0.05, None, "its own transform, Gaussian"),
        (0.05, 1e8, "simulated experiment, Gaussian"),
        ((0.05, 0.6), None, "pseudo-Voigt, 0.6 of it Lorentzian"),
        ((0.05, 0.6), 1e8, "pseudo-Voigt, 0.6 of it Lorentzian"),
        ("measured", None, "R(q, energy)"),
    ],
)
def test_an_experiment_knows_its_resolution(resolution: object, counts: float | None, said: str) -> None:
    """Fitted without being told: a Gaussian of the same width would be off by a tenth of the line and more."""
    q = np.array([0.5, 1.0])
    walk = brownian(q, 0.2, 0.25, 1601)
    if resolution == "measured":
        known = vh.spectra.instrument(walk, (0.05, 0.3), energy=(-2.0, 2.0))
        lopsided = known.R * (1 + 3 * known.energy)
        resolution = lopsided.where(np.abs(known.energy) < 0.3, 0.0).to_dataset(name="S")
    seen = vh.spectra.instrument(walk, resolution, energy=(-1.0, 1.0), counts=counts, resolution_background=None)
    found = vh.spectra.fit_qens(seen, lorentzians=1, elastic=False, background=None)
    assert said in found.attrs["resolution"]
    np.testing.assert_allclose(found.width[:, 0], width(q, 0.2), rtol=3e-3)


def test_real_vanadium_serves_as_resolution(shared_data: Path) -> None:
    """The lines of IN5 at 8 Å, as measured: uneven, masked, wider at higher Q. What they broaden is found again."""
    vanadium = vh.spectra.read_measured(shared_data / "qens-water-in5" / "V_273K_8A.hdf")
    q = vanadium.q.values[1::2]
    walk = brownian(q, 0.2, 0.25, 1601)
    seen = vh.spectra.instrument(walk, vanadium, energy=(-0.7, 0.7), counts=1e6)
    assert (np.diff(seen.fwhm) > 0).all()
    lines = vh.spectra.fit_qens(seen, vanadium, lorentzians=1, elastic=False)
    np.testing.assert_allclose(lines.width[:, 0], width(q, 0.2), rtol=0.02)
