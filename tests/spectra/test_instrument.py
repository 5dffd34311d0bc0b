"""A simulated spectrum through an instrument: against closed forms, and against the same simulation made that way."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from brownian_spectra import brownian, simulated, width

import vanhove as vh
from vanhove.base.errors import VanhoveWarning
from vanhove.base.units import HBAR
from vanhove.fitting.convolution import PseudoVoigtResolution
from vanhove.spectra.energies import PLANCK, detailed_balance
from vanhove.spectra.instruments import RECOIL, Geometry, elastic_angles, presets

Q = np.linspace(0.3, 1.9, 5)
D = 0.1  # Å²/ps
SPACING, LAGS = 0.05, 4001  # 200 ps: h/T = 20.7 µeV


def test_it_replaces_the_resolution_the_simulation_was_shown_with() -> None:
    shown = brownian(Q, D, SPACING, LAGS)  # von Hann's window, h/T wide
    seen = vh.spectra.instrument(shown, 0.05)
    direct = brownian(Q, D, SPACING, LAGS, resolution=0.05)
    np.testing.assert_allclose(seen.S, direct.S, atol=1e-12 * float(direct.S.max()))
    again = vh.spectra.instrument(direct, 0.05)
    np.testing.assert_allclose(again.S, direct.S, atol=1e-12 * float(direct.S.max()))


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_diffusing_ion_gives_the_lines_in_closed_form(share: float) -> None:
    seen = vh.spectra.instrument(brownian(Q, D, SPACING, LAGS), (0.05, share), energy=(-1.0, 1.0))
    line = PseudoVoigtResolution(0.05, share)
    for k, hwhm in enumerate(width(Q, D)):
        expected = line.lorentzian(seen.energy.values, hwhm)
        # F is cut at T and folded at h/2Δt: the wings of a Lorentzian sum up, 1/3 (π/2)² of them at E = 0
        np.testing.assert_allclose(seen.S[k], expected, atol=1e-3 * expected.max())
        np.testing.assert_allclose(seen.R[k], line.delta(seen.energy.values))


def test_other_energies_lie_on_the_same_curve() -> None:
    given = brownian(Q, D, SPACING, LAGS)
    own = vh.spectra.instrument(given, (0.06, 0.3))
    some = own.energy.values[1950:2040:7]
    other = vh.spectra.instrument(given, (0.06, 0.3), energy=some)
    np.testing.assert_allclose(other.S, own.S.sel(energy=some), rtol=1e-9)
    between = np.array([-0.0314, 0.0271, 0.1])
    expected = [PseudoVoigtResolution(0.06, 0.3).lorentzian(between, hwhm) for hwhm in width(Q, D)]
    found = vh.spectra.instrument(given, (0.06, 0.3), energy=between)
    np.testing.assert_allclose(found.S, expected, rtol=2e-3)


def test_an_elastic_line_becomes_the_resolution() -> None:
    still = simulated(np.ones((1, LAGS)), [1.0], SPACING)
    seen = vh.spectra.instrument(still, 0.05, energy=(-0.2, 0.2))
    np.testing.assert_allclose(seen.S[0], seen.R[0], atol=1e-3 * float(seen.R.max()))


@pytest.mark.parametrize("resolution", [0.05, (0.05, 0.5), "measured"])
def test_the_area_stays(resolution: object) -> None:
    given = brownian(Q, D, SPACING, LAGS)
    seen = vh.spectra.instrument(given, _measured(0.05) if resolution == "measured" else resolution)
    np.testing.assert_allclose(np.trapezoid(seen.S, seen.energy, axis=1), 1.0, rtol=1e-12)


def _measured(fwhm: float, shift: float = 0.0, q: tuple[float, ...] = (0.3, 1.1, 1.9)) -> xr.Dataset:
    """A measured Gaussian, twice as wide at the last Q, on uneven energies, in counts, with masked points."""
    energy = np.sort(np.random.default_rng(3).uniform(-0.6, 0.6, 601))
    widths = np.where(np.arange(len(q)) == len(q) - 1, 2.0, 1.0) * fwhm
    rows = np.array([713.0 * PseudoVoigtResolution(w).delta(energy, shift) for w in widths])
    rows[:, 40:60] = np.nan
    return xr.Dataset({"S": (("q", "energy"), rows, {"units": "1"})}, {"q": list(q), "energy": energy})


def test_a_measured_resolution_is_centred_and_taken_by_q() -> None:
    given = brownian([0.3, 1.1, 1.9], D, SPACING, LAGS)
    seen = vh.spectra.instrument(given, _measured(0.06, shift=0.011), energy=(-0.3, 0.3))
    np.testing.assert_allclose(seen.fwhm, [0.06, 0.06, 0.12], rtol=5e-3)
    for k, fwhm in enumerate((0.06, 0.06, 0.12)):
        like = vh.spectra.instrument(given, fwhm, energy=(-0.3, 0.3))
        np.testing.assert_allclose(seen.S[k], like.S[k], atol=5e-3 * float(like.S[k].max()))
    assert seen.attrs["window"] == "measured"


def test_detailed_balance_is_in_the_spectrum_before_the_resolution() -> None:
    """A symmetric resolution leaves the first moment as it is: that of S, not of S seen through it."""
    t = 0.005 * np.arange(801)
    F = np.exp(-0.5 * (3.0 * t) ** 2)[None]  # an ideal gas
    given = simulated(F, [2.0], 0.005, correction="detailed-balance", temperature=100.0)
    classical = simulated(F, [2.0], 0.005)
    seen = vh.spectra.instrument(given, 4.0)
    e = seen.energy.values
    sigma = 3.0 * HBAR
    line = np.exp(-0.5 * (e / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)) * detailed_balance(e, 100.0)
    assert np.trapezoid(e * seen.S[0], e) == pytest.approx(np.trapezoid(e * line, e), rel=1e-6)
    assert np.trapezoid(seen.S[0], e) == pytest.approx(np.trapezoid(line, e), rel=1e-6)
    assert abs(np.trapezoid(e * vh.spectra.instrument(classical, 4.0).S[0], e)) < 1e-9


def test_errors_are_those_of_the_simulation_under_the_new_window() -> None:
    rng = np.random.default_rng(8)
    noise = 0.01 * rng.normal(size=(400, 501))
    many = simulated(1 + noise, np.linspace(0.1, 4, 400), 0.1)
    errors = many.S.std("q").mean().item()
    seen = vh.spectra.instrument(simulated(1 + noise, many.q, 0.1, error=errors), 0.3)
    inside = slice(20, -20)  # at ±Nyquist and 0 a cosine is not half itself on average
    spread = seen.S.std("q").values[inside]
    told = seen.S_error.mean("q").values[inside]
    assert np.median(told / spread) == pytest.approx(1.0, abs=0.05)


# kinematics


def test_elastic_scattering_spans_two_k_sin_theta() -> None:
    low, high = Geometry(2.08, "e_f", (20.0, 160.0)).q_range(0.0)
    k = np.sqrt(2.08 / RECOIL)
    np.testing.assert_allclose([low, high], [2 * k * np.sin(np.radians(10)), 2 * k * np.sin(np.radians(80))])
    np.testing.assert_allclose(elastic_angles(2.08, [low, high]), [20.0, 160.0])
    assert np.sqrt(25.0 / RECOIL) == pytest.approx(0.694692 * np.sqrt(25.0), rel=1e-5)  # the rule of thumb


@pytest.mark.parametrize("fixed", ["e_i", "e_f"])
def test_reachable_points_are_those_some_angle_gives(fixed: str) -> None:
    geometry = Geometry(25.0, fixed, (3.0, 135.0))
    energy = np.linspace(-30, 30, 61)
    for e in energy:
        other = 25.0 - e if fixed == "e_i" else 25.0 + e
        low, high = geometry.q_range(e)
        if other < 0:
            assert np.isnan(low)
            assert not geometry.reachable(1.0, e)
            continue
        ki, kf = np.sqrt(25.0 / RECOIL), np.sqrt(other / RECOIL)
        angles = np.radians(np.linspace(3.0, 135.0, 2000))
        every = np.hypot(ki - kf * np.cos(angles), kf * np.sin(angles))  # |k_i - k_f| as vectors
        np.testing.assert_allclose([low, high], [every.min(), every.max()], rtol=1e-12)
        for q in (0.5, 2.0, 5.0):
            assert geometry.reachable(q, e) == (every.min() <= q <= every.max())


def test_what_no_detector_sees_is_masked_in_value_and_error() -> None:
    given = brownian(np.linspace(0.2, 4, 20), D, 0.02, 2001, error=0.1)
    seen = vh.spectra.instrument(given, 1.0, e_i=10.0, two_theta=(5, 120))
    reach = Geometry(10.0, "e_i", (5.0, 120.0)).reachable(given.q.values[:, None], seen.energy.values)
    np.testing.assert_array_equal(np.isfinite(seen.S), reach)
    np.testing.assert_array_equal(np.isfinite(seen.S_error), reach)
    assert np.isnan(seen.S.sel(energy=slice(10.01, None))).all()  # more than the neutron had
    assert "direct geometry, E_i = 10 meV" in seen.attrs["kinematics"]


def test_presets_carry_their_source_and_the_papers_numbers() -> None:
    known = presets()
    assert known["OSIRIS-PG002"].fwhm == 0.0254
    assert known["BASIS-Si111"].fwhm == 0.0035
    assert known["BASIS-Si111"].band == (-0.1, 0.1)
    assert [known[f"ARCS-{e}"].fwhm for e in (25, 50, 180)] == [0.96, 1.80, 10.14]
    assert all(each.source and each.says for each in known.values())
    k = np.sqrt(known["OSIRIS-PG002"].geometry.energy / RECOIL)
    reach = [2 * k * np.sin(np.radians(angle) / 2) for angle in known["OSIRIS-PG002"].geometry.two_theta]
    np.testing.assert_allclose(reach, [0.35, 1.75])


def test_an_instrument_by_name() -> None:
    given = brownian(Q, D, 0.5, 8001)  # 4 ns, to ±4 meV
    seen = vh.spectra.instrument(given, "basis-si111")
    assert abs(seen.energy.values).max() <= 0.1
    assert float(seen.fwhm[0]) == 0.0035
    assert "Mamontov" in seen.attrs["source"]
    coarser = vh.spectra.instrument(given, 0.02, geometry="BASIS-Si111", energy=(-0.3, 0.3))
    assert abs(coarser.energy.values).max() > 0.29
    assert "E_f = 2.08 meV" in coarser.attrs["kinematics"]


# counting


def test_counts_scatter_as_their_errors_say() -> None:
    given = brownian(Q, D, SPACING, LAGS)
    plain = vh.spectra.instrument(given, 0.05, energy=(-0.5, 0.5), background=0.05)
    counted = vh.spectra.instrument(given, 0.05, energy=(-0.5, 0.5), background=0.05, counts=2e6, seed=5)
    again = vh.spectra.instrument(given, 0.05, energy=(-0.5, 0.5), background=0.05, counts=2e6, seed=5)
    other = vh.spectra.instrument(given, 0.05, energy=(-0.5, 0.5), background=0.05, counts=2e6, seed=6)
    np.testing.assert_array_equal(counted.S, again.S)
    assert not counted.S.equals(other.S)
    pull = ((counted.S - plain.S) / counted.S_error).values
    assert pull.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * pull.size))
    neutrons = (counted.S / counted.S_error) ** 2
    assert float(neutrons.sum()) == pytest.approx(2e6, rel=4e-3)


def test_points_without_a_neutron_keep_an_error_and_masked_ones_stay_masked() -> None:
    given = brownian(np.linspace(0.2, 4, 8), D, SPACING, LAGS)
    seen = vh.spectra.instrument(given, 0.05, energy=(-4, 4), e_f=1.845, counts=300.0)
    known = np.isfinite(seen.S)
    assert not known.all()
    assert (seen.S_error.values[known] > 0).all()
    assert np.isnan(seen.S_error.values[~known]).all()
    assert (seen.S.values[known] == 0).any()


# between Q, and what has no F(q, lag)


def test_between_simulated_q_it_is_linear() -> None:
    given = brownian([0.5, 1.0, 1.5], D, SPACING, LAGS)
    seen = vh.spectra.instrument(given, 0.05, q=[0.5, 1.1])
    whole = vh.spectra.instrument(given, 0.05)
    np.testing.assert_allclose(seen.S[0], whole.S[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(seen.S[1], 0.8 * whole.S[1] + 0.2 * whole.S[2], rtol=1e-9, atol=1e-12)
    with pytest.raises(vh.Refusal, match="not between those simulated"):
        vh.spectra.instrument(given, 0.05, q=[2.0])


def test_without_f_a_gaussian_is_taken_out_of_a_gaussian() -> None:
    narrow = brownian(Q, D, SPACING, LAGS, resolution=0.03, with_f=False)
    seen = vh.spectra.instrument(narrow, 0.05)
    direct = brownian(Q, D, SPACING, LAGS, resolution=0.05)
    np.testing.assert_allclose(seen.S, direct.S, atol=2e-3 * float(direct.S.max()))


def test_smoothing_twice_is_never_silent() -> None:
    with pytest.warns(VanhoveWarning, match="has a resolution of 0.03 meV already"):
        vh.spectra.instrument(brownian(Q, D, SPACING, LAGS, resolution=0.03, with_f=False), (0.05, 0.5))
    with pytest.raises(vh.Refusal, match="through an instrument already"):
        vh.spectra.instrument(vh.spectra.instrument(brownian(Q, D, SPACING, LAGS), 0.05), 0.05)


# refusals


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(resolution=0.005), "needs lags up to 827"),
        (dict(resolution="BASIS-Si111"), "needs lags up to"),
        (dict(resolution=0.0), "full width at half maximum"),
        (dict(resolution=(0.05, 2.0)), "share"),
        (dict(resolution=(0.05, 0.1, 0.1)), "FWHM in meV"),
        (dict(resolution="OSIRIS"), "OSIRIS-PG002"),
        (dict(resolution="MARI-30"), 'geometry="MARI-30"'),
        (dict(resolution=0.05, energy=(-100.0, 100.0)), "beyond what these frames know"),
        (dict(resolution=0.05, energy=(0.3, -0.3)), "rising"),
        (dict(resolution=0.05, energy=(0.001, 0.002)), "No two energies"),
        (dict(resolution=0.05, e_i=5.0, e_f=5.0), "fixes one of the two"),
        (dict(resolution=0.05, two_theta=(3, 135)), "without an energy"),
        (dict(resolution=0.05, e_i=-5.0), "positive energy"),
        (dict(resolution=0.05, e_i=5.0, two_theta=(135, 3)), "lowest and the highest"),
        (dict(resolution=0.05, e_i=0.01, energy=(-0.1, 0.1)), "sees none of these"),
        (dict(resolution=0.05, counts=0.0), "number of neutrons"),
    ],
)
def test_what_can_not_be_is_refused(arguments: dict, words: str) -> None:
    with pytest.raises(vh.Refusal, match=words):
        vh.spectra.instrument(brownian(Q, D, SPACING, LAGS), **arguments)


def test_what_is_no_spectrum_of_one_thing_is_refused() -> None:
    given = brownian(Q, D, SPACING, LAGS)
    with pytest.raises(vh.Refusal, match="Weigh it with neutron_sqe"):
        vh.spectra.instrument(given.expand_dims(pair=["Li-Li"]), 0.05)
    with pytest.raises(vh.Refusal, match="even energies"):
        vh.spectra.instrument(given.drop_vars(["F", "lag"]).isel(energy=slice(1, None)), 0.05)
    without = brownian(Q, D, SPACING, LAGS, correction="detailed-balance")
    del without.attrs["temperature"]
    with pytest.raises(vh.Refusal, match="needs a temperature"):
        vh.spectra.instrument(without, 0.05)


def test_the_finest_resolution_is_planck_over_the_longest_lag() -> None:
    seen = vh.spectra.instrument(brownian(Q, D, SPACING, LAGS), PLANCK / 200.0)
    assert seen.attrs["finest"] == pytest.approx(4.135667697e-3 / 0.2)  # h = 4.1357 meV·ps: 4.14 µeV for 1 ns
