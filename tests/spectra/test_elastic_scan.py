"""Scans over temperature: planted ⟨u²⟩ and a planted onset of quasielastic scattering."""

from __future__ import annotations

import numpy as np
import pytest
import scatterers as made

import vanhove as vh

Q = np.linspace(0.4, 2.2, 10)
ENERGY = np.linspace(-0.5, 0.5, 201)
KELVIN = np.array([20.0, 60.0, 100.0, 140.0, 180.0, 220.0, 260.0, 300.0])
WINDOW, QUASI = (-0.03, 0.03), (0.06, 0.3)
FWHM = 0.02


def u2(T):
    return 6e-4 * T + 2e-3 * np.maximum(T - 190, 0)


def planted(T, *, moving=200.0, counts=3e5, seed=0, intercept=0.0):
    """Elastic line exp(-Q²⟨u²⟩/3), vibrations ∝ kT, and from ``moving`` on a Lorentzian that takes from the line."""
    sigma = FWHM / 2.3548
    share = 0.15 * (Q[:, None] ** 2 / 4) * max(T - moving, 0.0) / 100
    line = np.exp(-(Q[:, None] ** 2) * u2(T) / 3 - intercept)
    elastic = np.exp(-0.5 * (ENERGY / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    width = 0.08
    S = (
        line * elastic
        + share * width / np.pi / (ENERGY**2 + width**2)
        + 1e-5 * T * Q[:, None] ** 2 * (abs(ENERGY) > 0.031)
    )
    error = None
    if counts:
        S, error = made.counted(S, counts, np.random.default_rng([20261120, int(T), seed]))
        error = np.where(error > 0, error, np.nan)
        S = np.where(np.isfinite(error), S, np.nan)
    return made.sqe(Q, ENERGY, S, error, temperature=T)


def scan(**options):
    return {float(T): planted(T, **options) for T in KELVIN}


def test_u2_and_onset_are_recovered():
    got = vh.spectra.elastic_scan(scan(moving=210.0), window=WINDOW, quasielastic=QUASI)
    truth = u2(KELVIN) - u2(KELVIN[0])
    early = KELVIN < 210  # above, the part of the Lorentzian in the window counts as elastic
    np.testing.assert_allclose(got.u2[early], truth[early], atol=6e-4)  # five standard errors
    assert float(got.u2[0]) == 0
    assert (np.diff(got.u2) > 0).all()
    assert float(got.onset) == 220.0
    assert got.attrs["onset"].startswith("between 180 and 220 K")
    np.testing.assert_allclose(got.elastic[0], 1.0)
    exact = np.exp(-(Q**2) * (u2(100.0) - u2(20.0)) / 3)
    assert (abs(got.elastic.sel(temperature=100) - exact) < 4 * got.elastic_error.sel(temperature=100)).all()
    assert "20 K" in got.attrs["reference"]


def test_without_motion_there_is_no_onset():
    redchi, pulls = [], []
    for seed in range(12):
        got = vh.spectra.elastic_scan(scan(moving=1e9, seed=seed), window=WINDOW, quasielastic=QUASI)
        assert np.isnan(float(got.onset))
        assert got.attrs["onset"].startswith("none up to 300 K")
        redchi.append(got.redchi.values[1:])
        pulls.append(((got.u2 - (u2(KELVIN) - u2(20.0))) / got.u2_error).values[1:])
    assert 0.75 < np.mean(redchi) < 1.25
    assert 0.75 < np.std(pulls) < 1.25


def test_the_lowest_vibrations_are_not_taken_for_an_onset():
    """At k_BT below the window's energies vibrations rise faster than linearly in T; that is no motion."""
    quasi = (3.0, 8.0)
    energy = np.linspace(-10, 10, 161)
    cold = [5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 120.0]
    spectra = {}
    for T in cold:
        model = made.Harmonic(made.peaks, mass=23.0, temperature=T)
        S, error = made.counted(model.spectrum(Q, energy, 0.5, orders=1), 1e5, np.random.default_rng(int(T)))
        spectra[T] = made.sqe(Q, energy, np.where(error > 0, S, np.nan), np.where(error > 0, error, np.nan))
    got = vh.spectra.elastic_scan(spectra, window=(-0.6, 0.6), quasielastic=quasi, q=(1.0, 2.2))
    assert np.isnan(float(got.onset)), got.attrs["onset"]


def test_multiple_scattering_goes_into_the_intercept():
    spectra = {T: planted(T, moving=1e9, counts=None, intercept=1e-3 * T) for T in KELVIN}
    # the errors only weigh here
    spectra = {T: one.assign(S_error=0.01 * one.S) for T, one in spectra.items()}
    free = vh.spectra.elastic_scan(spectra, window=(-0.02, 0.02), quasielastic=QUASI)
    fixed = vh.spectra.elastic_scan(spectra, window=(-0.02, 0.02), quasielastic=QUASI, intercept=False)
    truth = u2(KELVIN) - u2(20.0)
    np.testing.assert_allclose(free.u2, truth, atol=4e-3)
    assert (fixed.u2[1:] > free.u2[1:] + 0.01).all()


def test_summed_spectra_and_quasielastic_intensity():
    spectra = scan(counts=None)
    got = vh.spectra.elastic_scan(spectra, window=WINDOW, quasielastic=QUASI, q=(1.0, 2.2))
    some = Q >= 1.0 - 1e-9
    np.testing.assert_allclose(got.S[3], spectra[140.0].S[some].sum("q"))
    beside = (abs(ENERGY) >= 0.06) & (abs(ENERGY) <= 0.3)
    np.testing.assert_allclose(got.quasielastic[3], 0.005 * spectra[140.0].S.values[some][:, beside].sum())
    assert got.attrs["onset"].startswith("not looked for: without errors")
    assert got.sizes["q"] == int(some.sum())


def test_other_grids_come_to_that_of_the_lowest_temperature():
    spectra = scan(counts=None)
    spectra[60.0] = spectra[60.0].rebin(energy=np.linspace(-0.5025, 0.5025, 101)).drop_vars("coverage")
    got = vh.spectra.elastic_scan(spectra, window=WINDOW, quasielastic=QUASI)
    plain = vh.spectra.elastic_scan(scan(counts=None), window=WINDOW, quasielastic=QUASI)
    np.testing.assert_allclose(got.u2[1], plain.u2[1], atol=2e-3)


def test_wrong_input_is_refused():
    spectra = scan(counts=None)
    ask = vh.spectra.elastic_scan
    with pytest.raises(vh.Refusal, match="two temperatures"):
        ask({20.0: spectra[20.0]}, window=WINDOW, quasielastic=QUASI)
    with pytest.raises(vh.Refusal, match="no numbers"):
        ask({"cold": spectra[20.0], "warm": spectra[60.0]}, window=WINDOW, quasielastic=QUASI)
    with pytest.raises(vh.Refusal, match="positive ones, in K"):
        ask({-1.0: spectra[20.0], 20.0: spectra[20.0]}, window=WINDOW, quasielastic=QUASI)
    with pytest.raises(vh.Refusal, match="about 0"):
        ask(spectra, window=(0.1, 0.2), quasielastic=QUASI)
    with pytest.raises(vh.Refusal, match="No energy lies in quasielastic"):
        ask(spectra, window=WINDOW, quasielastic=(2.0, 3.0))
    with pytest.raises(vh.Refusal, match="No spectrum lies within"):
        ask(spectra, window=WINDOW, quasielastic=QUASI, q=(7, 8))
    with pytest.raises(vh.Refusal, match="spectrum at 60 K holds no S"):
        ask({20.0: spectra[20.0], 60.0: 1}, window=WINDOW, quasielastic=QUASI)
    few = {T: spectra[T] for T in (20.0, 300.0)}
    got = ask({T: one.assign(S_error=0.01 * one.S) for T, one in few.items()}, window=WINDOW, quasielastic=QUASI)
    assert "fewer than 4 temperatures" in got.attrs["onset"]


def test_spectra_may_be_files(tmp_path):
    spectra = scan(counts=None)
    for T, one in spectra.items():
        vh.save(one, tmp_path / f"{T:g}.nc")
    paths = {f"{T:g}": str(tmp_path / f"{T:g}.nc") for T in spectra}  # as the command line hands them on
    got = vh.spectra.elastic_scan(paths, window=WINDOW, quasielastic=QUASI)
    assert got.u2.equals(vh.spectra.elastic_scan(spectra, window=WINDOW, quasielastic=QUASI).u2)
