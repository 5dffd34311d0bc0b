"""Densities of states back from spectra that were made of them."""

from __future__ import annotations

import numpy as np
import pytest
import scatterers as made

import vanhove as vh
from vanhove.base.errors import VanhoveWarning
from vanhove.spectra.multiphonon import States, recoil, several

Q = np.arange(1.0, 6.0, 0.25)
ENERGY = np.arange(-30, 50.01, 0.4)
CUT = (-1.5, 1.5)


def measured(model, energy=ENERGY, *, fwhm=0.8, counts=None, seed=20261120, q=Q, orders=None, e_i=60.0, **attrs):
    """As a chopper spectrometer sees it: what kinematics forbids is masked."""
    S = model.spectrum(q, energy, fwhm, orders=orders)
    k_i, k_f = np.sqrt(e_i / 2.072), np.sqrt(np.maximum(e_i - energy, 0.0) / 2.072)
    reached = (q[:, None] > np.abs(k_i - k_f) + 0.2) & (q[:, None] < 0.95 * (k_i + k_f)) & (energy < 0.9 * e_i)
    error = None
    if counts is not None:
        S, error = made.counted(S, counts, np.random.default_rng(seed))
        reached &= error > 0
        error = np.where(reached, error, np.nan)
    return made.sqe(q, energy, np.where(reached, S, np.nan), error, **{"temperature": 300.0, **attrs})


def own(got):
    """Energies, g and its errors where g was measured."""
    mine = got.extrapolated.values == 0
    return (got[name].values[mine] for name in ("energy", "g", "g_error"))


@pytest.fixture(scope="module")
def sodium():
    return made.Harmonic(made.peaks, mass=23.0, temperature=300.0)


def test_the_sum_of_convolutions_is_the_exponential_of_the_transform(sodium):
    """All orders of phonons, two ways: folded one after another, and F(Q, t) = exp(-2W + 2W a(t)) transformed."""
    energy = np.arange(-40.0, 60.0, 0.5)
    grid = np.arange(0.01, 45.0, 0.02)
    states = States(grid, sodium.g(grid), 300.0, classical=False)
    np.testing.assert_allclose(states.gamma * recoil(23.0), sodium.recoil * sodium.gamma, rtol=2e-4)
    q = np.array([1.0, 4.0])
    got = several(states, sodium.exponent(q), np.tile(energy, (2, 1)))
    whole = sodium.spectrum(q, energy, 0.05) - sodium.spectrum(q, energy, 0.05, orders=1)
    np.testing.assert_allclose(got, whole, atol=1e-3 * whole.max())


@pytest.mark.parametrize("side", ["loss", "both"])
def test_a_harmonic_model_comes_back_as_its_own_density_of_states(sodium, side):
    spectrum = measured(sodium, counts=3e4)
    got = vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass="Na", multiphonon=True, side=side)
    E, g, error = own(got)
    pulls = ((g - sodium.g(E)) / error)[E < 45]
    assert abs(pulls.mean()) < 0.3
    assert 0.65 < (pulls**2).mean() < 1.4
    np.testing.assert_allclose(float(got.u2), sodium.u2, rtol=0.02)
    np.testing.assert_allclose(got.attrs["scale"], 1.0, rtol=0.02)
    grid = np.arange(0.01, 60, 0.02)
    mean = (grid * sodium.g(grid)).sum() / sodium.g(grid).sum()
    assert abs(float(got.mean_energy) - mean) < 3 * float(got.mean_energy_error)
    assert got.attrs["extrapolation"].startswith("g ∝ E² below 1.6 meV")
    below = got.extrapolated.values == 1
    np.testing.assert_allclose(got.g.values[below], sodium.g(got.energy.values[below]), rtol=0.25)
    assert "from its own g(E)" in got.attrs["debye_waller"]


def test_without_multiphonon_a_tail_stays_and_is_said(sodium):
    spectrum = measured(sodium, counts=3e4)
    one = vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass=23.0)
    all_ = vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass=23.0, multiphonon=True)
    assert one.g.sel(energy=slice(38, 45)).mean() > 10 * abs(all_.g.sel(energy=slice(38, 45)).mean())
    assert one.attrs["multiphonon"].startswith("not taken off")
    assert float(all_.more.sel(energy=40, method="nearest")) > 0.8
    assert (one.more.values[one.extrapolated.values == 0] == 0).all()


def test_multiple_scattering_as_a_ratio_is_taken_off(sodium):
    whole, single = (sodium.spectrum(Q, ENERGY, 0.4, orders=orders) for orders in (None, 1))
    spectrum = made.sqe(Q, ENERGY, single + 1.3 * (whole - single), temperature=300.0)
    got = vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass=23.0, multiphonon=True, multiple_scattering=0.3)
    E, g, _ = own(got)
    np.testing.assert_allclose(g, sodium.g(E), atol=1e-3)
    assert "0.3 times" in got.attrs["multiple_scattering"]


def test_one_phonon_with_a_given_debye_waller_factor(sodium):
    spectrum = measured(sodium, orders=1, fwhm=0.2)
    for options in ({"u2": sodium.u2}, {"mass": 23.0}):
        got = vh.spectra.dos_from_sqe(spectrum, 300.0, elastic=CUT, **options)
        E, g, _ = own(got)
        np.testing.assert_allclose(g, sodium.g(E), atol=2e-4)
        np.testing.assert_allclose(float(got.u2), sodium.u2, rtol=3e-3)


def test_multiphonon_with_a_given_debye_waller_factor_needs_no_mass(sodium):
    got = vh.spectra.dos_from_sqe(measured(sodium), elastic=CUT, u2=sodium.u2, multiphonon=True)
    E, g, _ = own(got)
    np.testing.assert_allclose(g, sodium.g(E), atol=1e-3)
    assert "scale" not in got.attrs


def linear(energy):
    x = np.abs(energy)
    return x / (1 + np.exp((x - 20) / 2))


@pytest.mark.parametrize(("shape", "law", "power"), [(linear, "g ∝ E below", 1), (made.peaks, "g ∝ E² below", 2)])
def test_no_power_law_is_forced_at_low_energy(shape, law, power):
    """What is planted linear stays linear, also below the cut; ⟨u²⟩ of a linear law is infinite, and so is given."""
    model = made.Harmonic(shape, mass=23.0, temperature=300.0)
    energy = np.arange(-20.1, 50.01, 0.2)  # all of g: the norm is over what was measured
    k = np.where(energy == 0, 1.0, energy * -np.expm1(-energy / (0.08617333262 * 300)))
    S = np.exp(-(Q[:, None] ** 2) * 0.02 / 3) * Q[:, None] ** 2 * model.g(energy) / k
    S, error = made.counted(S, 1e5, np.random.default_rng(20261120))
    got = vh.spectra.dos_from_sqe(made.sqe(Q, energy, S, np.where(error > 0, error, np.nan)), 300, elastic=CUT, u2=0.02)
    assert got.attrs["extrapolation"].startswith(law)
    E, g, error = own(got)
    pulls = (g - model.g(E)) / error
    assert abs(pulls.mean()) < 0.3
    assert 0.6 < (pulls**2).mean() < 1.5
    low = (E > 1.5) & (E < 4)
    slope = np.polyfit(np.log(E[low]), np.log(g[low]), 1)[0]
    truth = np.polyfit(np.log(E[low]), np.log(model.g(E[low])), 1)[0]
    assert abs(slope - truth) < 0.06
    np.testing.assert_allclose(got.g.values[got.energy < 1.5], model.g(got.energy.values[got.energy < 1.5]), rtol=0.12)
    fixed = vh.spectra.dos_from_sqe(
        made.sqe(Q, energy, S), 300, elastic=CUT, u2=0.02, below="linear" if power == 2 else "quadratic"
    )
    assert "as asked for" in fixed.attrs["extrapolation"]
    none = vh.spectra.dos_from_sqe(made.sqe(Q, energy, S), 300, elastic=CUT, u2=0.02, below="nan")
    assert np.isnan(none.g.values[none.energy < 1.5]).all()
    assert none.attrs["extrapolation"].startswith("none")


def test_classical_spectra_have_the_classical_factor():
    model = made.Harmonic(made.peaks, mass=23.0, temperature=300.0, classical=True)
    spectrum = measured(model, correction="classical")
    got = vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass=23.0, multiphonon=True)
    E, g, _ = own(got)
    np.testing.assert_allclose(g, model.g(E), atol=1e-3)
    assert got.attrs["correction"] == "classical"
    wrong = vh.spectra.dos_from_sqe(spectrum.assign_attrs(correction=""), elastic=CUT, mass=23.0, multiphonon=True)
    assert abs(wrong.g - np.interp(wrong.energy, E, g)).max() > 0.005
    # errors of a simulated spectrum, which has none of its own, come from the scatter over Q
    assert np.isfinite(got.g_error.values[(got.extrapolated == 0) & (got.n_spectra > 2)]).all()


def test_the_gain_side_alone_is_the_same_by_detailed_balance(sodium):
    energy = np.arange(-45.0, 45.01, 0.4)
    spectrum = measured(sodium, energy, fwhm=0.2)
    loss, gain = (
        vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass=23.0, multiphonon=True, side=s) for s in ("loss", "gain")
    )
    np.testing.assert_allclose(
        gain.g.interp(energy=np.arange(2, 35)), loss.g.interp(energy=np.arange(2, 35)), atol=1e-3
    )


def test_several_incident_energies_are_joined(sodium):
    low = measured(sodium, np.arange(-8, 14.5, 0.1), fwhm=0.3, e_i=16.0, q=np.arange(0.8, 4.5, 0.2))
    high = measured(sodium, np.arange(-30, 50, 0.5), fwhm=1.0)
    low = low.assign(S=7.0 * low.S)  # each on a scale of its own
    got = vh.spectra.dos_from_sqe(
        [low, high], elastic=[(-0.6, 0.6), (-2.5, 2.5)], windows=[(0, 12), (6, 50)], mass=23.0, multiphonon=True
    )
    E, g, _ = own(got)
    np.testing.assert_allclose(g, sodium.g(E), atol=1.5e-3)
    assert E[0] < 0.75
    assert np.diff(E).min() == pytest.approx(0.1)
    scales = [float(x) for x in got.attrs["joined_scales"].split(",")]
    assert scales == pytest.approx([1.0, 7.0], rel=0.02)
    with pytest.raises(vh.Refusal, match="don't join"):
        vh.spectra.dos_from_sqe([low, high], elastic=CUT, windows=[(0, 5), (6, 50)], mass=23.0)
    with pytest.raises(vh.Refusal, match="Give windows="):
        vh.spectra.dos_from_sqe([low, high], elastic=CUT, mass=23.0)


def test_an_undecided_low_end_is_said_to_be(sodium):
    got = vh.spectra.dos_from_sqe(measured(sodium, counts=60.0), elastic=(-4, 4), mass=23.0)
    assert "do not tell E from E²" in got.attrs["extrapolation"] or "χ² lower" in got.attrs["extrapolation"]
    exact = vh.spectra.dos_from_sqe(measured(sodium), elastic=CUT, mass=23.0)
    assert "E" in exact.attrs["extrapolation"]


def test_questions_that_have_no_answer(sodium):
    spectrum = measured(sodium)
    ask = vh.spectra.dos_from_sqe
    for options, said in (
        ({}, "needs the scatterer's mass"),
        ({"mass": "Xx"}, "no element"),
        ({"mass": -1.0}, "positive"),
        ({"mass": 23.0, "multiple_scattering": 0.2}, "without multiphonon"),
        ({"mass": 23.0, "side": "left"}, "loss"),
        ({"mass": 23.0, "below": "cubic"}, "linear"),
        ({"mass": 23.0, "q": (20, 30)}, "No spectrum"),
        ({"mass": 23.0, "cutoff": 1.0}, "Too few energies"),
        ({"u2": 0.0, "multiphonon": True}, "mass= instead"),
    ):
        with pytest.raises(vh.Refusal, match=said):
            ask(spectrum, elastic=CUT, **options)
    with pytest.raises(vh.Refusal, match=r"elastic="):
        ask(spectrum, elastic=(1, 2), mass=23.0)
    with pytest.raises(vh.Refusal, match="temperature="):
        ask(made.sqe(Q, ENERGY, spectrum.S.values), elastic=CUT, mass=23.0)
    with pytest.raises(vh.Refusal, match="energies left"):
        ask(spectrum, elastic=(-60, 60), mass=23.0)
    with pytest.raises(vh.Refusal, match="sel\\(pair="):
        ask(spectrum.expand_dims(pair=["Li-S"]), elastic=CUT, mass=23.0)
    with pytest.raises(vh.Refusal, match="No spectrum is given"):
        ask([], elastic=CUT, mass=23.0)


def test_vanadium_of_arcs(shared_data):
    """Peaks at 21-22 and 28 meV, cut-off about 36, mean 23 ± 1 meV."""
    vanadium = vh.spectra.read_measured(shared_data / "ins-vanadium" / "V-iqe.h5", temperature=300)
    got = vh.spectra.dos_from_sqe(
        vanadium, elastic=(-8, 8), mass="V", multiphonon=True, multiple_scattering=0.3, cutoff=40.0
    )
    E, g, _ = own(got)
    peaks = E[1:-1][(g[1:-1] > g[:-2]) & (g[1:-1] > g[2:]) & (g[1:-1] > 0.03)]
    assert len(peaks) == 2
    assert 20.5 < peaks[0] < 22.5
    assert 27.5 < peaks[1] < 29.0
    assert abs(float(got.mean_energy) - 23) < 1
    steepest = E[:-1][np.argmin(np.diff(g))]
    assert 30 < steepest < 37
    calculated = np.loadtxt(shared_data / "ins-vanadium" / "V-dos.dat")
    x, y = 4.135667 * calculated[:, 0], calculated[:, 1]
    assert abs(float(got.mean_energy) - (x * y).sum() / y.sum()) < 1.5
    assert abs(float(got.u2) / 3 - 0.0068) < 0.0006  # Å² per axis, that of a Debye temperature of 360-380 K


def test_a_negative_low_end_is_drawn_as_none(sodium):
    spectrum = measured(sodium)
    spectrum.S.values[:, abs(ENERGY) < 4] *= -1
    got = vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass="23")
    assert "negative: 0 is drawn" in got.attrs["extrapolation"]
    assert (got.g.values[got.extrapolated == 1] == 0).all()


def test_what_never_settles_is_told(sodium, monkeypatch):
    from vanhove.spectra import dos_solution

    monkeypatch.setattr(dos_solution, "MOST_ROUNDS", 2)
    with pytest.warns(VanhoveWarning, match="still changes after 2 rounds"):
        vh.spectra.dos_from_sqe(measured(sodium), elastic=CUT, mass=23.0, multiphonon=True)


def test_a_simulated_spectrum_gives_the_density_of_states_of_its_velocities():
    """60 atoms that swing at 15 ± 3 meV: F(Q, t) → S(Q, E) → g, beside the VDOS of the same trajectory."""
    rng = np.random.default_rng(20261120)
    times = 0.012 * np.arange(1500)
    energies = rng.normal(15, 3, (60, 3)).clip(5, 25)
    kT, mass = 0.08617333262 * 300, 23.0 * 0.10364269656
    omega = energies / 0.6582119569
    size = np.sqrt(2 * kT / (mass * omega**2) * rng.exponential(1, (60, 3)))
    swing = size * np.cos(omega * times[:, None, None] + rng.uniform(0, 2 * np.pi, (60, 3)))
    traj = vh.from_arrays(
        rng.uniform(0, 20, (60, 3)) + swing, 20.0, ["Na"] * 60, times, wrapped=False, temperature=300.0
    )
    spectrum = vh.spectra.incoherent(traj, "Na", q=np.arange(0.5, 4.1, 0.5), drift=None, resolution=0.6)
    got = vh.spectra.dos_from_sqe(spectrum, elastic=CUT, mass="Na", multiphonon=True, cutoff=40.0)
    assert got.attrs["correction"] == "classical"
    np.testing.assert_allclose(got.attrs["scale"], 1.0, atol=0.1)
    np.testing.assert_allclose(float(got.u2), (size**2 / 2).sum(1).mean(), rtol=0.12)
    velocities = vh.spectra.vdos(traj, drift=None)
    g = velocities.g.sel(species="Na") if "species" in velocities.g.dims else velocities.g
    for low, high in ((2, 9), (9, 12), (12, 15), (15, 18), (18, 25), (28, 40)):
        mine, theirs = (one.sel(energy=slice(low, high)).mean() * (high - low) for one in (got.g, g))
        assert abs(float(mine - theirs)) < 0.03, (low, high)
