"""Quasielastic fits: planted lines, their intervals, what can't be known, and measurements of others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vanhove as vh
from vanhove.base.errors import Refusal
from vanhove.base.units import HBAR
from vanhove.fitting.convolution import MeasuredResolution, PseudoVoigtResolution, gaussian, lorentzian
from vanhove.spectra import fit_qens
from vanhove.spectra.energies import detailed_balance, energy_grid, lag_window, spectrum
from vanhove.spectra.fit_figures import eisf_figure, fit_figure, widths_figure
from vanhove.spectra.transformed import TransformedResolution

FWHM = 0.02
ENERGY = np.linspace(-0.5, 0.5, 201)
SEEN = PseudoVoigtResolution(FWHM)
Q = 0.7  # 1/Å, of the published tables


def made(
    widths: tuple[float, ...],
    areas: tuple[float, ...],
    elastic: float = 0.5,
    *,
    repeats: int = 1,
    scale: float = 3000.0,
    floor: float = 0.02,
    seed: int = 6,
    centre: float = 0.0,
) -> xr.Dataset:
    """Counts of Poisson about planted lines seen through a Gaussian, errors those of the expected counts."""
    lines = sum(a * SEEN.lorentzian(ENERGY, w, centre) for w, a in zip(widths, areas, strict=True))
    expected = (elastic * SEEN.delta(ENERGY, centre) + lines + floor) * scale
    counts = np.random.default_rng(seed).poisson(expected, (repeats, len(ENERGY)))
    return spectra(counts / scale, np.sqrt(expected) / scale * np.ones((repeats, 1)))


def spectra(values: np.ndarray, errors: np.ndarray | None = None, energy: np.ndarray = ENERGY) -> xr.Dataset:
    variables = {"S": (("q", "energy"), np.atleast_2d(values))}
    if errors is not None:
        variables["S_error"] = (("q", "energy"), np.atleast_2d(errors))
    return xr.Dataset(variables, {"q": 0.1 * np.arange(1, len(np.atleast_2d(values)) + 1), "energy": energy})


def pull(found: xr.DataArray, error: xr.DataArray, true: float) -> float:
    return float(np.abs(found.values - true).max() / error.values.min())


def between(hits: int, repeats: int, probability: float = 0.6827, sigmas: float = 3.0) -> bool:
    return abs(hits - repeats * probability) < sigmas * (repeats * probability * (1 - probability)) ** 0.5


@pytest.mark.parametrize("number", [1, 2])
def test_intervals_cover_what_was_planted(number: int) -> None:
    """Of 200 measurements each standard error covers in 68 of 100, within what chance allows (3 σ)."""
    widths, areas = ((0.03,), (1.0,)) if number == 1 else ((0.02, 0.15), (1.0, 1.0))
    result = fit_qens(made(widths, areas, repeats=200), FWHM, lorentzians=number)
    for k, width in enumerate(widths):
        off = np.abs(result.width.values[:, k] - width) / result.width_error.values[:, k]
        assert between(int((off < 1).sum()), 200)
    share = 0.5 / (0.5 + sum(areas))
    assert between(int((np.abs(result.eisf - share) < result.eisf_error).sum()), 200)
    assert result.bad.values.sum() <= 2
    assert result.redchi.values.mean() == pytest.approx(1, abs=0.03)


@pytest.mark.slow
def test_intervals_cover_in_two_thirds_of_two_thousand() -> None:
    result = fit_qens(made((0.03,), (1.0,), repeats=2000), FWHM, lorentzians=1)
    covered = np.mean(np.abs(result.width.values[:, 0] - 0.03) < result.width_error.values[:, 0])
    assert 0.64 < covered < 0.72


@pytest.mark.parametrize("ratio", [0.05, 0.2, 1.0, 5.0])
def test_widths_from_a_twentieth_of_the_resolution_on(ratio: float) -> None:
    """Without noise the planted width comes back, through a resolution measured on another, uneven grid."""
    width = ratio * FWHM
    at = np.sort(np.concatenate([np.linspace(-0.3, 0.3, 90), np.linspace(-0.05, 0.05, 80)])) + 0.0131
    resolution = spectra(40 * gaussian(at - 0.0131, FWHM / 2), None, at)
    clean = 0.5 * SEEN.delta(ENERGY, 0.0007) + 2.0 * SEEN.lorentzian(ENERGY, width, 0.0007) + 0.02
    result = fit_qens(spectra(clean, np.full_like(clean, 1e-3)), resolution, lorentzians=1)
    assert float(result.width[0, 0]) == pytest.approx(width, rel=2e-3)
    assert float(result.area[0, 0]) == pytest.approx(2.0, rel=2e-3)
    assert float(result.eisf[0]) == pytest.approx(0.2, abs=1e-3)
    assert float(result.centre[0]) == pytest.approx(0.0007, abs=1e-6)
    assert result.attrs["resolution"].startswith("one measured spectrum for all q")


def test_the_number_of_lines_is_chosen() -> None:
    for widths, areas in (((), ()), ((0.03,), (1.0,)), ((0.02, 0.15), (1.0, 1.0))):
        result = fit_qens(made(widths, areas, repeats=6), FWHM)
        assert (result.chosen.values == len(widths)).all(), result.criterion.values
    assert result.sizes["lines"] == 4


def test_lines_come_narrowest_first_and_are_told_apart_from_the_background() -> None:
    result = fit_qens(made((0.01, 0.05, 0.25), (1.0, 1.0, 2.0), scale=1e6), FWHM, lorentzians=3)
    for k, (width, area) in enumerate([(0.01, 1.0), (0.05, 1.0), (0.25, 2.0)]):
        assert abs(float(result.width[0, k]) - width) < 3 * float(result.width_error[0, k]) < width
        assert abs(float(result.area[0, k]) - area) < 3 * float(result.area_error[0, k])


def test_a_width_that_is_not_determined_is_a_bound() -> None:
    narrow = fit_qens(made((0.0002,), (20.0,), 0.0, scale=300), FWHM, lorentzians=1, elastic=False)
    assert np.isnan(narrow.width[0, 0])
    assert np.isnan(narrow.width_error[0, 0])
    assert float(narrow.width_upper[0, 0]) == pytest.approx(0.02 * FWHM)
    assert "Width 1 is not determined: below" in str(narrow.verdict.values[0])
    wide = fit_qens(
        made((3.0,), (500.0,), floor=0.0, scale=1e5), FWHM, lorentzians=1, background=None
    )  # fmt: skip
    assert np.isnan(wide.width[0, 0])
    assert 0.5 < float(wide.width_lower[0, 0]) < 3.0
    assert "wider than the window" in str(wide.verdict.values[0])
    none = fit_qens(made((), ()), FWHM, lorentzians=1)
    assert np.isnan(none.width[0, 0])
    assert "not" in str(none.verdict.values[0])


def test_upper_bounds_hold_in_95_of_100() -> None:
    true = 0.001
    result = fit_qens(made((true,), (1.0,), 0.0, repeats=80, scale=2, floor=2.0), FWHM, lorentzians=1, elastic=False)
    bounds = result.width_upper.values[:, 0]
    bounded = np.isfinite(bounds)
    assert bounded.sum() > 30
    # a bound is given where the width came out small: those bounds are the lowest, so that fewer than 95 % must hold
    assert np.mean(np.where(bounded, bounds, np.inf) > true) > 0.9


def test_a_bad_fit_is_said_to_be_bad() -> None:
    result = fit_qens(made((0.02, 0.15), (1.0, 1.0), scale=3e4), FWHM, lorentzians=1)
    assert int(result.bad[0]) == 1
    assert float(result.redchi[0]) > 5
    assert str(result.verdict.values[0]).startswith("Bad fit with 1 line: reduced χ²")
    assert float(result.error_scale[0]) == pytest.approx(float(result.redchi[0]) ** 0.5)
    assert result.attrs["verdict"] == "The fit is not good."
    assert "Bad fit" in result.attrs["verdict"] or "[[Fit Statistics]]" in str(result.report.values[0])


def test_masked_points_do_not_count() -> None:
    clean = made((0.03,), (1.0,))
    spoilt = clean.copy(deep=True)
    spoilt["S"][0, 50], spoilt["S_error"][0, 60], spoilt["S_error"][0, 70] = np.nan, 0.0, -1.0
    spoilt["S"][0, 60], spoilt["S"][0, 70] = 1e6, -1e6
    some = np.delete(np.arange(len(ENERGY)), [50, 60, 70])
    expected, found = fit_qens(clean.isel(energy=some), FWHM, lorentzians=1), fit_qens(spoilt, FWHM, lorentzians=1)
    assert float(found.width[0, 0]) == pytest.approx(float(expected.width[0, 0]), rel=1e-6)
    assert np.isnan(found.fit.values[0, [50, 60, 70]]).all()


def test_a_spectrum_without_usable_points_is_left_out() -> None:
    two = made((0.03,), (1.0,), repeats=2)
    two["S_error"][1] = np.nan
    result = fit_qens(two, FWHM, lorentzians=1)
    assert np.isfinite(result.width[0, 0])
    assert np.isnan(result.width[1, 0])
    assert int(result.chosen[1]) == -1
    assert "too few" in str(result.verdict.values[1])
    assert "1 of 2" in result.attrs["verdict"]


def test_without_errors_the_scatter_says() -> None:
    given = made((0.03,), (1.0,), repeats=30)
    result = fit_qens(given.drop_vars("S_error"), FWHM, lorentzians=1)
    off = (result.width.values[:, 0] - 0.03) / result.width_error.values[:, 0]
    assert 0.6 < off.std() < 1.6
    assert np.isnan(result.redchi.values).all()
    assert "no errors" in result.attrs["error"]
    assert "S_error" not in result


def test_gaussian_lines_windows_and_the_elastic_line_left_out() -> None:
    clean = 0.5 * SEEN.delta(ENERGY) + 2.0 * SEEN.gaussian(ENERGY, 0.06) + 0.02
    one = spectra(clean, np.full_like(clean, 1e-3))
    found = fit_qens(one, FWHM, lorentzians=1, shape="gaussian", window=(-0.3, 0.3))
    assert float(found.width[0, 0]) == pytest.approx(0.06, rel=1e-4)
    assert found.energy.values[np.isfinite(found.fit.values[0])].max() <= 0.3
    apart = fit_qens(one, FWHM, lorentzians=1, shape="gaussian", elastic=False, exclude_elastic=0.04)
    assert float(apart.width[0, 0]) == pytest.approx(0.06, rel=1e-3)
    assert np.isnan(apart.eisf[0])


def test_detailed_balance_is_in_the_lines() -> None:
    line = 2.0 * SEEN.lorentzian(ENERGY, 0.1) * detailed_balance(ENERGY, 5.0)
    one = spectra(0.5 * SEEN.delta(ENERGY) + line, np.full_like(ENERGY, 1e-3))
    found = fit_qens(one, FWHM, lorentzians=1, temperature=5.0, background=None)
    assert float(found.width[0, 0]) == pytest.approx(0.1, rel=1e-5)
    assert found.attrs["correction"] == "detailed-balance"
    one.attrs = {"correction": "detailed-balance", "temperature": 5.0}
    assert float(fit_qens(one, FWHM, lorentzians=1, background=None).width[0, 0]) == pytest.approx(0.1, rel=1e-5)


def test_resolutions_are_matched_by_q() -> None:
    """Each q has its own resolution; they come in another order."""
    energy = np.linspace(-0.3, 0.3, 241)
    fwhm = {0.5: 0.01, 1.0: 0.02, 1.5: 0.03}
    order = [1.0, 0.5, 1.5]
    resolution = spectra(np.array([gaussian(energy, fwhm[q] / 2) for q in order]), None, energy)
    resolution = resolution.assign_coords(q=order)
    clean = np.array(
        [PseudoVoigtResolution(fwhm[q]).lorentzian(ENERGY, 0.03) for q in (0.52, 1.49) for q in (round(q * 2) / 2,)]
    )
    sample = spectra(clean, np.full_like(clean, 1e-3)).assign_coords(q=[0.52, 1.49])
    found = fit_qens(sample, resolution, lorentzians=1, elastic=False)
    np.testing.assert_allclose(found.width.values[:, 0], 0.03, rtol=2e-3)
    with pytest.raises(Refusal, match="no resolution for q = 2"):
        fit_qens(sample.assign_coords(q=[0.52, 2.0]), resolution, lorentzians=1)


def test_a_background_of_the_resolution_is_taken_off() -> None:
    energy = np.linspace(-0.3, 0.3, 241)
    resolution = spectra(50 * gaussian(energy, FWHM / 2) + 0.8, None, energy)
    clean = SEEN.delta(ENERGY) + SEEN.lorentzian(ENERGY, 0.05)
    sample = spectra(clean, np.full_like(clean, 1e-3))
    kept, off = (fit_qens(sample, resolution, lorentzians=1, resolution_background=how) for how in (None, "flat"))
    assert float(off.width[0, 0]) == pytest.approx(0.05, rel=2e-3)
    assert abs(float(kept.width[0, 0]) - 0.05) > abs(float(off.width[0, 0]) - 0.05)


@pytest.mark.parametrize("resolution", [None, 0.05])
def test_a_simulated_spectrum_is_fitted_through_its_own_transform(resolution: float | None) -> None:
    """Exact, whatever the window does to the line: aliasing, ripples and all."""
    window = lag_window(1501, 0.1, resolution)
    lags = 0.1 * np.arange(1501)
    F = 0.25 + 0.75 * np.exp(-0.012 * lags / HBAR)
    energy = energy_grid(1501, 0.1)
    one = spectra(spectrum(F, 0.1, window), None, energy)
    one.attrs = {"window": window.name, "resolution_fwhm": window.fwhm, "nyquist": energy[-1]}
    found = fit_qens(one, lorentzians=1, background=None, window=(-2, 2))
    assert float(found.width[0, 0]) == pytest.approx(0.012, rel=1e-6)
    assert float(found.eisf[0]) == pytest.approx(0.25, abs=1e-6)
    assert window.name in found.attrs["resolution"]


def test_neighbours_in_a_simulated_spectrum_are_not_independent() -> None:
    """Noise of the correlation function, as a window spreads it: intervals cover, though neighbours are alike."""
    window = lag_window(401, 0.1)
    lags, energy = 0.1 * np.arange(401), energy_grid(401, 0.1)
    rng = np.random.default_rng(20261120)
    noisy = np.exp(-0.2 * lags / HBAR) + 0.01 * rng.normal(size=(100, 401))
    one = spectra(spectrum(noisy, 0.1, window), None, energy)
    one.attrs = {"window": window.name, "resolution_fwhm": window.fwhm, "nyquist": energy[-1]}
    found = fit_qens(one, lorentzians=1, elastic=False, background=None)
    off = np.abs(found.width.values[:, 0] - 0.2) / found.width_error.values[:, 0]
    assert TransformedResolution(0.1, window).alike == pytest.approx(8 / 3)
    assert between(int((off < 1).sum()), 100)


def test_the_window_follows_resolution_and_intensity() -> None:
    energy = np.linspace(-2.0, 2.0, 1601)

    def fitted(fwhm: float, line: float, **options: object) -> xr.Dataset:
        clean = np.atleast_2d(PseudoVoigtResolution(fwhm).lorentzian(energy, line))
        one = spectra(clean, np.full_like(clean, 1e-3), energy)
        return fit_qens(one, fwhm, lorentzians=1, elastic=False, **options)  # type: ignore[arg-type]

    def reach(result: xr.Dataset) -> float:
        return float(np.abs(result.energy.values[np.isfinite(result.fit.values[0])]).max())

    narrow, wide, all_there = fitted(0.02, 0.02), fitted(0.02, 0.3), fitted(0.02, 0.02, window="all")
    assert reach(narrow) == pytest.approx(0.4, abs=0.003)
    assert narrow.attrs["fitted_window"].startswith("up to 0.4 meV from 0")
    assert 0.6 < reach(wide) < 3.08 * 0.3  # 80 % of a Lorentzian, less what of it is out of sight
    assert reach(all_there) == 2.0
    assert "all there is" in all_there.attrs["fitted_window"]
    asked = fitted(0.02, 0.02, window=(-0.1, 0.2))
    assert asked.attrs["fitted_window"].startswith("-0.1 to 0.1975 meV")
    for result in (narrow, wide, all_there, asked):
        assert float(result.width[0, 0]) == pytest.approx(0.3 if result is wide else 0.02, rel=1e-4)
    assert abs(float(narrow.window_sensitivity[0, 0])) < 1e-6
    assert np.isnan(wide.window_sensitivity[0, 0])  # too wide for half of its window
    one_side = spectra(np.exp(-energy[800:] / 0.1), np.full(801, 1e-3), energy[800:])
    assert reach(fit_qens(one_side, 0.02, lorentzians=1, elastic=False)) == 2.0


def test_a_width_that_hangs_on_the_window_is_said() -> None:
    """A background that is even in the time of flight, (E_i/(E_i - E))² in S, is a straight line near 0 only."""
    energy = np.linspace(-3.0, 1.75, 951)
    line = SEEN.lorentzian(energy, 0.03) + 0.05 * (2.5 / (2.5 - energy)) ** 2
    rng = np.random.default_rng(20261129)
    errors = np.tile(np.sqrt(line / 4000), (4, 1))
    one = spectra(line + errors * rng.normal(size=(4, len(energy))), errors, energy)
    far, near = (fit_qens(one, FWHM, lorentzians=1, elastic=False, window=window) for window in ("all", None))
    assert (np.abs(far.width.values - 0.03) > 2 * far.width_error.values).all()
    assert (np.abs(far.window_sensitivity.values) > 2 * far.width_error.values).all()
    assert "half of the window" in str(far.verdict.values[0])
    assert far.attrs["window_sensitivity"].startswith("Widths at q = 0.1, 0.2, 0.3, 0.4 1/Å change")
    assert near.attrs["window_sensitivity"].startswith("No width")
    assert (np.abs(near.width.values - 0.03) < 3 * near.width_error.values).all()


def test_all_q_together_with_a_law() -> None:
    q = np.linspace(0.4, 1.8, 6)
    widths = HBAR / 12.0 * (1 - np.sinc(q * 2.5 / np.pi))
    clean = np.array([SEEN.lorentzian(ENERGY, w) + 0.3 * SEEN.delta(ENERGY) for w in widths])
    noisy = clean + 1e-2 * np.random.default_rng(3).normal(size=clean.shape)
    sample = spectra(noisy, np.full_like(clean, 1e-2)).assign_coords(q=q)
    found = fit_qens(sample, FWHM, jump_model="chudley-elliott", lorentzians=1)
    assert abs(float(found.length[0]) - 2.5) < 3 * float(found.length_error[0])
    assert abs(float(found.tau[0]) - 12.0) < 3 * float(found.tau_error[0])
    assert vh.draw(found).has_data()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lorentzians": 4}, "lorentzians=4"),
        ({"lorentzians": 0, "elastic": False}, "nothing is left"),
        ({"lorentzians": True}, "lorentzians=True"),
        ({"background": "quadratic"}, "background"),
        ({"shape": "voigt"}, "shape"),
        ({"window": (0.5, -0.5)}, "window"),
        ({"window": (-0.01, 0.01)}, "enough points"),
        ({"window": "wide"}, "window='wide'"),
        ({"exclude_elastic": -1.0}, "exclude_elastic"),
        ({"temperature": -5.0}, "temperature"),
        ({"q": 3.0}, "no spectrum at q = 3"),
        ({"shape": "gaussian", "jump_model": "fick"}, "Lorentzians"),
        ({"resolution": -0.1}, "full width"),
        ({"resolution": "vanadium.hdf"}, "can't be read"),
        ({"resolution": None}, "no resolution for these spectra"),
    ],
)
def test_bad_input_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        fit_qens(made((0.03,), (1.0,)), **{"resolution": FWHM, **options})  # type: ignore[arg-type]


def test_what_is_no_spectrum_is_refused() -> None:
    one = made((0.03,), (1.0,))
    with pytest.raises(Refusal, match="no S"):
        fit_qens(one.rename(S="T"), FWHM)
    with pytest.raises(Refusal, match="pair"):
        fit_qens(one.expand_dims(pair=["Li-Li"]), FWHM)
    with pytest.raises(Refusal, match="ascend"):
        fit_qens(one.isel(energy=slice(None, None, -1)), FWHM)


def test_it_is_saved_drawn_and_explained(tmp_path: Path) -> None:
    result = fit_qens(made((0.02, 0.15), (1.0, 1.0), repeats=3), FWHM)
    vh.save(result, tmp_path / "qens.nc")
    again = vh.load(tmp_path / "qens.nc")
    assert again.identical(result)
    assert vh.draw(again).has_data()
    for figure in (fit_figure(again, 1), eisf_figure(again), widths_figure(again, [], 0)):
        figure.savefig(tmp_path / "figure.png")
    assert json.loads(result.attrs["parameters"])["lorentzians"] == "auto"


# Line shapes against tables that the program QENSmodels computes: E in 1/ps there, ħ = 1.


def table(shared_data: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    energy, values = np.loadtxt(shared_data / "qens-models" / f"{name}_ref_data.dat", unpack=True)
    return energy, values


SHAPES = {
    "lorentzian": lambda e: 3.0 * lorentzian(e, 0.4, 0.25),
    "gaussian": lambda e: gaussian(e, 0.4 * np.sqrt(2 * np.log(2)), 0.25),
    "brownian_translational_diffusion": lambda e: lorentzian(e, 1.0 * Q**2),
    "chudley_elliott_diffusion": lambda e: lorentzian(e, 6 * 0.23 / 1.0**2 * (1 - np.sin(Q) / Q)),
    "jump_translational_diffusion": lambda e: lorentzian(e, 0.23 * Q**2 / (1 + 0.23 * Q**2 * 1.25)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_line_shapes_equal_published_tables(shared_data: Path, name: str) -> None:
    energy, values = table(shared_data, name)
    np.testing.assert_allclose(SHAPES[name](energy), values, atol=2e-7)


@pytest.mark.parametrize(
    ("name", "elastic", "centre", "lines"),
    [
        ("delta_lorentz", 0.01, 0.5, [(0.99, 1.0)]),
        ("delta_two_lorentz", 0.01, 0.0, [(0.4, 0.25), (0.59, 0.75)]),
        ("delta", 3.3, 0.0, []),
    ],
)
def test_elastic_lines_equal_published_tables(
    shared_data: Path, name: str, elastic: float, centre: float, lines: list[tuple[float, float]]
) -> None:
    """There the elastic line stands in one point of the grid, its area over the step."""
    energy, values = table(shared_data, name)
    expected = sum((area * lorentzian(energy, width, centre) for area, width in lines), np.zeros_like(energy))
    expected[int(np.argmin(np.abs(energy - centre)))] += elastic / 0.01
    np.testing.assert_allclose(expected, values, atol=2e-7)


def test_a_spike_as_resolution_gives_the_tables_back(shared_data: Path) -> None:
    """Through the convolution, too: a resolution of 1e-4 of a line's width changes nothing that shows."""
    energy, values = table(shared_data, "lorentzian")
    at = np.linspace(-2e-3, 2e-3, 401)
    spike = MeasuredResolution(at, gaussian(at, 2e-4))
    np.testing.assert_allclose(3.0 * spike.lorentzian(energy, 0.4, 0.25), values, atol=2e-6)


# Measurements of others


def read(path: Path, q: float | None = None) -> xr.Dataset:
    return vh.spectra.read_measured(path, q=q)


def test_water_on_in5(shared_data: Path) -> None:
    """The narrow width of water at 293 K and 0.5 1/Å, and with it D, near the tracer value of 0.2025 Å²/ps."""
    folder = shared_data / "qens-water-in5"
    water, vanadium = read(folder / "H2O_293K_8A.hdf"), read(folder / "V_273K_8A.hdf")
    for window in (None, (-0.5, 0.5)):
        two = fit_qens(water, vanadium, lorentzians=2, window=window, q=0.5)
        assert float(two.width[0, 0]) == pytest.approx(0.0331, abs=0.001)
        assert float(two.width[0, 0]) / (HBAR * 0.25) == pytest.approx(0.201, abs=0.01)
        assert two.attrs["window_sensitivity"].startswith("No width")
    one = fit_qens(water, vanadium, lorentzians=1, window=(-0.5, 0.5), q=0.5)
    assert float(one.redchi[0]) > 8
    assert int(one.bad[0]) == 1
    chosen = fit_qens(water, vanadium, q=[0.5, 0.7])
    assert chosen.chosen.values.tolist() == [2, 2]
    assert chosen.eisf.values.max() < 0.02  # a liquid
    # further out are the background, which is even in the time of flight, and what is inelastic
    far = fit_qens(water, vanadium, lorentzians=2, window="all", q=0.5)
    assert float(far.width[0, 0]) > 0.035
    assert abs(float(far.window_sensitivity[0, 0])) > 2 * float(far.width_error[0, 0])
    assert "0.5" in far.attrs["window_sensitivity"]


def test_two_lines_on_iris(shared_data: Path) -> None:
    folder = shared_data / "qens-models"
    sample, resolution = (read(folder / name, 0.5) for name in ("data_2lorentzians.dat", "irf_iris.dat"))
    one, two = (fit_qens(sample, resolution, lorentzians=n) for n in (1, 2))
    assert float(one.width[0, 0]) == pytest.approx(0.0237, abs=0.0002)
    assert float(one.width_error[0, 0]) == pytest.approx(0.0002, abs=0.00005)
    assert two.width.values[0] == pytest.approx([0.0187, 0.111], rel=0.02)
    assert two.width_error.values[0] == pytest.approx([0.0006, 0.014], rel=0.1)
    chosen = fit_qens(sample, resolution, window=(-0.4, 0.4))
    assert chosen.chosen.values.tolist() == [2]
