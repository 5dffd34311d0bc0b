"""Widths of one simulation err together, since they are of the same ions: errors that are fitted to them still hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from brownian_spectra import simulated

import vanhove as vh
from hoppers import as_trajectory, random_flights
from vanhove.spectra.jackknife import covariance, standard_error
from vanhove.spectra.quasielastic_parts import parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    Floats = NDArray[np.float64]

LENGTH, TAU = 2.7, 5.0  # Å and ps of the jumps
PLANTED = {"length": LENGTH, "tau": TAU, "D": 1e-4 * LENGTH**2 / (6 * TAU)}
Q = np.arange(0.3, 2.0, 0.4)


def walks(seed: int, ions: int, frames: int) -> Dataset:
    rng = np.random.default_rng(seed)
    path = random_flights(rng, ions, frames, 0.5, LENGTH, TAU)
    return vh.spectra.incoherent(as_trajectory(rng, [path], 0.5), "Li", Q, drift=None, max_lag=40.0)


def lines(spectra: Dataset, **options: object) -> Dataset:
    how = {"lorentzians": 1, "elastic": False, "background": None, "window": (-2, 2), **options}
    return vh.spectra.fit_qens(spectra, **how)  # type: ignore[arg-type]


def each_with_its_own(D: Floats, q: Floats) -> Dataset:
    """A spectrum of parts that diffuse each with its own D, exactly: only differences between parts make errors."""
    lag = 0.2 * np.arange(301)
    F = np.exp(-D[:, None, None] * np.square(q)[:, None] * lag)
    made = simulated(F.mean(axis=0), q, 0.2, error=1e-3)
    without = (F.sum(axis=0) - F) / (len(D) - 1)
    made["F_without"] = (("part", "q", "lag"), without, {"units": "1", "long_name": "F with one part left out"})
    return made


def covered(found: list[Dataset]) -> dict[str, float]:
    """Share of the results in which the truth is within one standard error."""
    return {
        name: float(np.mean([abs(float(one[name]) - true) < float(one[f"{name}_error"]) for one in found]))
        for name, true in PLANTED.items()
    }


def test_parts_are_transformed_as_the_whole_is() -> None:
    spectra = walks(20261231, 24, 300)
    parts = parts_of(spectra)
    assert parts is not None
    assert parts.shape == (12, *spectra.S.shape)  # 24 ions are 24 groups, in twos
    np.testing.assert_allclose(parts.mean(axis=0), spectra.S, rtol=1e-9, atol=1e-9)
    few = parts_of(spectra.sel(energy=slice(-1, 1)))
    np.testing.assert_allclose(few, parts[..., np.abs(spectra.energy.values) <= 1])
    balanced = spectra.assign_attrs(correction="detailed-balance")
    assert parts_of(balanced)[0, 0, 0] < parts[0, 0, 0]
    assert parts_of(spectra.drop_vars("F_without")) is None


def test_a_fit_follows_its_spectrum_in_proportion() -> None:
    """What is said of each part left out is what a fit to that spectrum gives."""
    spectra = walks(20261232, 40, 600)
    parts = parts_of(spectra)
    found = lines(spectra, background="flat")
    assert found.width_without.sizes == {"part": 16, "q": len(Q), "component": 1}
    for k in (0, 9):
        other = spectra.copy()
        other["S"] = (("q", "energy"), parts[k])
        again = lines(other, background="flat")
        moved = again.width - found.width
        np.testing.assert_allclose(found.width_without[k] - found.width, moved, atol=0.05 * float(np.abs(moved).max()))
    np.testing.assert_allclose(found.width_error, standard_error(found.width_without.values), rtol=1e-9)
    assert "16 parts" in found.attrs["error"]


def test_an_error_that_all_q_share_is_no_smaller_for_being_seen_at_many() -> None:
    D = 0.2 * (1 + 0.05 * np.random.default_rng(20261233).normal(size=16))
    error = 1e-4 * float(standard_error((D.sum() - D) / 15))
    for q in (np.array([0.5, 0.8]), np.linspace(0.4, 1.6, 13)):
        widths = lines(each_with_its_own(D, q), window=None)
        correlation = covariance(widths.width_without.values[:, :, 0])
        correlation /= np.outer(widths.width_error, widths.width_error)
        assert correlation.min() > 0.98
        found = vh.spectra.fit_jump_model(widths, "fick")
        assert float(found.D_error) == pytest.approx(error, rel=0.05)
        assert "in common" in found.attrs["error"]
    alone = vh.spectra.fit_jump_model((q, widths.width[:, 0], widths.width_error[:, 0]), "fick")
    assert float(alone.D_error) < 0.4 * error


def test_an_instrument_passes_the_parts_on() -> None:
    spectra = walks(20261234, 24, 600)
    seen = vh.spectra.instrument(spectra, 0.15, energy=(-2, 2))
    assert seen.S_without.sizes == {"part": 12, "q": len(Q), "energy": seen.sizes["energy"]}
    np.testing.assert_allclose(seen.S_without.mean("part"), seen.S, rtol=1e-6, atol=1e-9)
    before, after = lines(spectra), lines(seen)
    np.testing.assert_allclose(after.width_error, before.width_error, rtol=0.2)
    assert "S_without" not in vh.spectra.instrument(spectra, 0.15, counts=1e5)


def test_short_walks_are_covered() -> None:
    """A quick look: 60 walks, 3 σ of what chance allows either way."""
    found = [vh.spectra.fit_jump_model(lines(walks(20270100 + k, 32, 600))) for k in range(60)]
    for name, share in covered(found).items():
        assert 0.50 < share < 0.86, name


@pytest.mark.slow
def test_one_standard_error_covers_in_two_thirds() -> None:
    found = [vh.spectra.fit_jump_model(lines(walks(20270300 + k, 64, 1500))) for k in range(300)]
    for name, share in covered(found).items():
        assert 0.60 < share < 0.76, name
    poor = [float(one.redchi[0]) for one in found]
    assert 0.8 < np.mean(poor) < 1.2
    assert np.mean(["enlarged" in one.attrs["error"] for one in found]) < 0.10
