"""Lines through a resolution, against Voigt's closed form and against integrals by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import wofz

from vanhove.base.errors import Refusal
from vanhove.fitting.convolution import MeasuredResolution, PseudoVoigtResolution, gaussian, lorentzian

Line = Callable[..., np.ndarray]
FWHM = 0.02
SIGMA = FWHM / 2 / np.sqrt(2 * np.log(2))
ENERGY = np.linspace(-0.6, 0.6, 901)
UNEVEN = np.sort(np.concatenate([np.linspace(-0.2, 0.2, 60), np.linspace(-0.05, 0.05, 75) + 0.0004]))


def voigt(energy: np.ndarray, hwhm: float) -> np.ndarray:
    z = (energy + 1j * hwhm) / (SIGMA * np.sqrt(2))
    return np.real(wofz(z)) / (SIGMA * np.sqrt(2 * np.pi))


def measured(at: np.ndarray, shift: float = 0.0, height: float = 1.0) -> MeasuredResolution:
    return MeasuredResolution(at, height * gaussian(at - shift, FWHM / 2))


@pytest.mark.parametrize("ratio", [0.05, 0.1, 0.3, 1.0, 3.0, 20.0])
@pytest.mark.parametrize("at", [np.arange(-0.1, 0.1, FWHM / 8) + 0.0003, UNEVEN], ids=["even", "uneven"])
def test_a_measured_gaussian_makes_voigt_lines(ratio: float, at: np.ndarray) -> None:
    found = measured(at).lorentzian(ENERGY, ratio * FWHM, 0.0037)
    expected = voigt(ENERGY - 0.0037, ratio * FWHM)
    assert np.abs(found - expected).max() < 1e-4 * expected.max()
    np.testing.assert_allclose(found, expected, rtol=2e-4)  # in the tails, too


def test_tails_beyond_every_window_are_right() -> None:
    """A resolution measured within ±5 FWHM, data to ±1000: nothing wraps around, nothing is cut."""
    far = np.linspace(-20, 20, 301)
    found = measured(np.arange(-0.1, 0.1, FWHM / 10)).lorentzian(far, 0.1)
    np.testing.assert_allclose(found, voigt(far, 0.1), rtol=2e-5)


@pytest.mark.parametrize("kind", ["lorentzian", "gaussian"])
@pytest.mark.parametrize("hwhm", [0.0005, 0.01, 0.15])
def test_the_area_stays_one(kind: str, hwhm: float) -> None:
    resolution = measured(UNEVEN, height=370.0)
    wide = np.linspace(-30, 30, 60001) if kind == "lorentzian" else np.linspace(-3, 3, 30001)
    area = np.trapezoid(getattr(resolution, kind)(wide, hwhm, 0.002), wide)
    beyond = 2 * hwhm / np.pi / 30 if kind == "lorentzian" else 0.0
    assert area == pytest.approx(1 - beyond, abs=2e-6)


def test_the_elastic_line_sits_between_points() -> None:
    resolution = measured(np.arange(-0.1, 0.1, FWHM / 10))
    for centre in (0.0, 0.00037, -0.0071):
        np.testing.assert_allclose(
            resolution.delta(ENERGY, centre), gaussian(ENERGY - centre, FWHM / 2), atol=1e-4 * 47
        )
        fine = np.linspace(-0.2, 0.2, 4001)
        assert np.trapezoid(resolution.delta(fine, centre), fine) == pytest.approx(1, abs=1e-6)


def test_a_line_without_width_is_the_elastic_line() -> None:
    resolution = measured(np.arange(-0.1, 0.1, FWHM / 10))
    expected = resolution.delta(ENERGY, 0.0011)
    for line in (resolution.lorentzian, resolution.gaussian):
        assert np.abs(line(ENERGY, 1e-7, 0.0011) - expected).max() < 2e-4 * expected.max()


def test_a_peak_off_zero_is_moved_to_zero() -> None:
    resolution = measured(np.arange(-0.1, 0.1, FWHM / 8), shift=0.0123, height=5.0)
    assert resolution.centre == pytest.approx(0.0123, abs=1e-6)
    assert resolution.fwhm == pytest.approx(FWHM, rel=0.005)
    assert resolution.area == pytest.approx(5.0, rel=1e-5)
    expected = voigt(ENERGY, 0.03)
    assert np.abs(resolution.lorentzian(ENERGY, 0.03) - expected).max() < 1e-4 * expected.max()


def test_an_asymmetric_resolution_against_an_integral() -> None:
    """A tail on one side, as of a pulsed source."""
    at = np.linspace(-0.1, 0.3, 400)
    shape = gaussian(at, FWHM / 2) + 0.3 * np.where(at > 0, np.exp(-at / 0.03) * (1 - np.exp(-at / 0.01)), 0) / 0.02
    resolution = MeasuredResolution(at, shape)
    for energy in (-0.05, 0.0, 0.013, 0.2):
        expected, _ = quad(
            lambda e, x=energy: float(resolution.delta(np.array([e]))[0]) * lorentzian(np.array([x - e]), 0.004)[0],
            resolution.energy[0], resolution.energy[-1], points=[0.0, energy], limit=400,
        )  # fmt: skip
        assert resolution.lorentzian(np.array([energy]), 0.004)[0] == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("kind", ["lorentzian", "gaussian"])
def test_it_is_smooth_in_width_and_centre(kind: str) -> None:
    """Derivatives by small steps, as a fit takes them, are those of the closed form."""
    line, closed = (getattr(r, kind) for r in (measured(UNEVEN), PseudoVoigtResolution(FWHM)))
    for hwhm in (0.003, 0.02, 0.2):
        step = 1e-6 * hwhm
        for change in ((step, 0.0), (0.0, step)):
            found, expected = (
                (f(ENERGY, hwhm + change[0], 0.001 + change[1]) - f(ENERGY, hwhm, 0.001)) / step for f in (line, closed)
            )
            assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()


def test_masked_points_and_background_are_left_out() -> None:
    at = np.arange(-0.1, 0.1, FWHM / 10)
    values = 8 * gaussian(at, FWHM / 2) + 0.5
    errors = np.full_like(at, 0.01)
    values[3], errors[7] = np.nan, np.nan
    resolution = MeasuredResolution(at, values, errors, background=0.5)
    assert len(resolution.energy) == len(at) - 2
    assert resolution.area == pytest.approx(8, rel=1e-4)
    expected = voigt(ENERGY, 0.01)
    assert np.abs(resolution.lorentzian(ENERGY, 0.01) - expected).max() < 1e-4 * expected.max()


def test_pseudo_voigt_lines_against_integrals() -> None:
    resolution = PseudoVoigtResolution(FWHM, 0.3)
    assert resolution.delta(np.array([FWHM / 2]))[0] == pytest.approx(resolution.delta(np.array([0.0]))[0] / 2)
    for line, bare in ((resolution.lorentzian, lorentzian), (resolution.gaussian, gaussian)):
        for energy in (0.0, 0.02, 0.3):

            def product(e: float, x: float = energy, bare: Line = bare) -> float:
                return float(resolution.delta(np.array([e]))[0] * bare(np.array([x - e]), 0.01)[0])

            expected, _ = quad(product, -8, 8, points=[0.0, energy, -0.1, 0.1, 0.5], limit=500)
            assert line(np.array([energy]), 0.01)[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PseudoVoigtResolution(0.0), "full width"),
        (lambda: PseudoVoigtResolution(0.1, 1.5), "share"),
        (lambda: MeasuredResolution(np.arange(3.0), np.ones(3)), "3 usable points"),
        (lambda: MeasuredResolution(np.arange(9.0), np.ones(9)), "no peak"),
        (lambda: MeasuredResolution(np.arange(-4.0, 5.0), np.eye(9)[4] + 0.01), "apart"),
    ],
)
def test_what_is_no_resolution_is_refused(make: object, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        make()  # type: ignore[operator]
