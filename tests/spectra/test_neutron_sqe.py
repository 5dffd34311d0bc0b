"""S(Q,E) as neutrons weigh it: weights by hand, sums by definition, isotopes afterwards."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vanhove as vh
from vanhove.base.results import history_of
from vanhove.base.scattering import neutron
from vanhove.base.units import HBAR, K_B
from vanhove.spectra.neutron_weights import NeutronWeights

if TYPE_CHECKING:
    from xarray import Dataset

Q = [0.7, 1.3]
KELVIN = 500.0
LENGTH = 14.0


@cache
def salt() -> vh.Trajectory:
    """16 Li that diffuse between 8 S that shake slowly, all smoothly enough for their frames."""
    rng = np.random.default_rng(31)
    walk = np.cumsum(rng.normal(0, 0.12, (400, 16, 3)), axis=0)
    phase, speed = rng.uniform(0, 2 * np.pi, (8, 3)), rng.uniform(1.0, 3.0, (8, 3))
    shake = 0.3 * np.cos(speed * 0.1 * np.arange(400)[:, None, None] + phase)
    positions = rng.uniform(0, LENGTH, (24, 3)) + np.concatenate([walk, shake], axis=1)
    species = ["Li"] * 16 + ["S"] * 8
    return vh.from_arrays(positions, LENGTH, species, 0.1 * np.arange(400), wrapped=False, temperature=KELVIN)


@cache
def weighed(correction: str = "classical") -> Dataset:
    return vh.spectra.neutron_sqe(salt(), Q, max_lag=15.0, correction=correction, isotopes={"Li": "7Li"})


# weights


def test_weights_are_those_of_a_hand_table() -> None:
    found = weighed()
    np.testing.assert_allclose(found.concentration, [2 / 3, 1 / 3])
    np.testing.assert_allclose(found.weight_inc, [2 / 3 * 0.78 / (4 * np.pi), 1 / 3 * 0.007 / (4 * np.pi)], rtol=1e-12)
    by_hand = {"Li-Li": 0.049284, "S-S": 0.08105409, "Li-S": -2 * 0.0632034}  # barn: (-2.22, 2.847 fm)
    for pair, weight in zip(found.pair.values, found.weight_coh.values, strict=True):
        assert weight == pytest.approx(by_hand[pair], rel=1e-9)
    assert found.weight_coh.attrs["units"] == "barn/sr"
    assert "7Li: b = -2.22 fm, σ_inc = 0.78 barn" in found.attrs["scatterers"]


def test_an_absorber_has_a_complex_length() -> None:
    weights = NeutronWeights.of(["6Li", "S"], np.array([0.5, 0.5]), [("6Li", "6Li"), ("6Li", "S"), ("S", "S")], None)
    np.testing.assert_allclose(weights.coherent, [0.01 * (2.0**2 + 0.261**2), 0.02 * 2.0 * 2.847, 0.01 * 2.847**2])
    assert "2-0.261i fm" in weights.told


@pytest.mark.parametrize(
    ("element", "isotopes"),
    [
        ("Li", {"6Li": 0.075, "7Li": 0.925}),
        ("Cl", {"35Cl": 0.7577, "37Cl": 0.2423}),
    ],
)
def test_the_incoherent_cross_section_of_a_mixture_contains_the_isotopes_spread(
    element: str, isotopes: dict[str, float]
) -> None:
    """σ_inc = Σ x (σ_inc + 4π|b|²) - 4π|Σ x b|²; a square of mean incoherent lengths (dynasor's) has no such term."""
    share = np.array(list(isotopes.values()))
    each = [neutron(name) for name in isotopes]
    b = share @ [one.b for one in each]
    total = share @ [one.sigma_inc + 0.04 * np.pi * abs(one.b) ** 2 for one in each]
    assert abs(b - neutron(element).b) < 0.02
    assert total - 0.04 * np.pi * abs(b) ** 2 == pytest.approx(neutron(element).sigma_inc, rel=0.03)
    weights = NeutronWeights.of([element], np.ones(1), [(element, element)], None)
    assert weights.incoherent[0] * 4 * np.pi == pytest.approx(neutron(element).sigma_inc)


# sums


def test_the_spectrum_is_the_sum_of_its_weighted_partials() -> None:
    found = weighed()
    inc = sum(float(found.weight_inc[k]) * found.S_inc_partial[k] for k in range(2))
    coh = sum(float(found.weight_coh[k]) * found.S_coh_partial[k] for k in range(3))
    np.testing.assert_allclose(found.S_inc, inc, atol=1e-12)
    np.testing.assert_allclose(found.S_coh, coh, atol=1e-12)
    np.testing.assert_allclose(found.S, inc + coh, atol=1e-12)
    variance = sum(float(found.weight_inc[k]) ** 2 * found.S_inc_partial_error[k] ** 2 for k in range(2))
    np.testing.assert_allclose(found.S_inc_error, np.sqrt(variance), rtol=1e-9)
    np.testing.assert_allclose(found.S_error, np.hypot(found.S_inc_error, found.S_coh_error), rtol=1e-9)
    assert found.S.attrs["units"] == "barn/sr/meV"


def test_the_partials_are_those_of_the_two_observables() -> None:
    found = weighed()
    for name in ("Li", "S"):
        alone = vh.spectra.incoherent(salt(), name, Q, max_lag=15.0)
        np.testing.assert_array_equal(found.S_inc_partial.sel(species=name), alone.S)
        np.testing.assert_array_equal(found.F_inc_partial.sel(species=name), alone.F)
    together = vh.spectra.coherent(salt(), Q, max_lag=15.0)
    np.testing.assert_array_equal(found.S_coh_partial, together.S)


def test_classically_the_integral_is_the_static_structure_factor_plus_the_incoherent_level() -> None:
    found = weighed()
    area = np.trapezoid(found.S, found.energy, axis=1)
    np.testing.assert_allclose(area, found.F.isel(lag=0), rtol=1e-10)
    level = float(found.weight_inc.sum())
    coherent = float(found.weight_coh.sel(pair="Li-Li")) * found.F_coh_partial.sel(pair="Li-Li").isel(lag=0)
    coherent += float(found.weight_coh.sel(pair="S-S")) * found.F_coh_partial.sel(pair="S-S").isel(lag=0)
    coherent += float(found.weight_coh.sel(pair="Li-S")) * found.F_coh_partial.sel(pair="Li-S").isel(lag=0)
    np.testing.assert_allclose(area, coherent + level, rtol=1e-10)


def test_detailed_balance_holds_between_loss_and_gain() -> None:
    classical, found = weighed(), weighed("detailed-balance")
    ratio = found.S.values / found.S.values[:, ::-1]
    strong = np.abs(found.S.values) > 1e-3 * float(found.S.max())
    expected = np.broadcast_to(np.exp(found.energy.values / (K_B * KELVIN)), ratio.shape)
    strong &= strong[:, ::-1]
    np.testing.assert_allclose(ratio[strong], expected[strong], rtol=1e-6)
    np.testing.assert_allclose(found.F, classical.F, rtol=1e-12)


def test_the_resolution_of_a_run_is_planck_over_its_longest_lag() -> None:
    found = weighed()
    assert found.attrs["resolution_fwhm"] == pytest.approx(2 * np.pi * HBAR / 15.0)
    assert found.attrs["nyquist"] == pytest.approx(2 * np.pi * HBAR / 0.2)
    assert found.attrs["verdict"]


@pytest.mark.parametrize("lone", [1, 3])
def test_zero_lag_is_the_neutron_weighted_structure_factor(lone: int) -> None:
    """F(Q, 0) = Σ c_i c_j b_i b_j [S_ij - 1] + Σ c_i |b_i|² + Σ c_i σ_i/4π, shell by shell of the same width."""
    rng = np.random.default_rng(6)
    species = ["Li"] * lone + ["S"] * 11
    steps = np.cumsum(rng.normal(0, 0.05, (40, len(species), 3)), axis=0)
    positions = rng.uniform(0, 10, (len(species), 3)) + steps
    traj = vh.from_arrays(positions, 10.0, species, 0.05 * np.arange(40), wrapped=False, temperature=KELVIN)
    q = [0.75, 1.25, 1.75]
    found = vh.spectra.neutron_sqe(traj, q, width=0.5, correction="classical", drift=None)
    static = vh.structure.structure_factor(
        traj, q_max=2.0, width=0.5, weights="neutron", normalised=False, q_vectors="all"
    )
    alone = sum(found.concentration.values * [0.01 * abs(neutron(name).b) ** 2 for name in found.species.values])
    expected = static.S_total.sel(q=q, method="nearest").values + alone + float(found.weight_inc.sum())
    np.testing.assert_allclose(found.F.isel(lag=0), expected, rtol=1e-9)


def test_the_error_of_the_coherent_sum_is_its_own() -> None:
    """Li and S that move as one: in the sum their pairs cancel, and so do their errors."""
    errors, values = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        centre = rng.uniform(0, 12, (12, 3)) + np.cumsum(rng.normal(0, 0.15, (200, 12, 3)), axis=0)
        positions = np.concatenate([centre, centre], axis=1)
        traj = vh.from_arrays(positions, 12.0, ["Li"] * 12 + ["S"] * 12, 0.1 * np.arange(200), wrapped=False)
        found = vh.spectra.neutron_sqe(traj, [1.05], max_lag=5.0, correction="classical", isotopes={"Li": "7Li"})
        values.append(found.S_coh.values[0])
        errors.append(found.S_coh_error.values[0])
        independent = vh.spectra.reweight(found, {"Li": "7Li"}).S_coh_error.values[0]
    middle = slice(40, 61)  # about the elastic line
    spread = np.std(values, axis=0, ddof=1)[middle]
    assert np.median(np.mean(errors, axis=0)[middle] / spread) == pytest.approx(1.0, abs=0.35)
    assert np.median(independent[middle] / np.mean(errors, axis=0)[middle]) > 3


# isotopes afterwards


def test_reweighting_is_computing_with_other_isotopes() -> None:
    natural = vh.spectra.neutron_sqe(salt(), Q, max_lag=15.0, correction="classical")
    enriched = vh.spectra.reweight(natural, {"Li": "7Li"})
    for name in weighed().data_vars:
        if name not in ("S_error", "S_coh_error", "F_error"):
            np.testing.assert_array_equal(enriched[name], weighed()[name])
    assert enriched.attrs["error"] == "coherent: pairs as if independent"
    assert enriched.attrs["scatterers"] == weighed().attrs["scatterers"]
    assert json.loads(enriched.attrs["parameters"])["isotopes"] == {"Li": "7Li"}
    back = vh.spectra.reweight(enriched)
    np.testing.assert_array_equal(back.S, natural.S)
    assert float(np.abs(enriched.S - natural.S).max()) > 0
    assert history_of(back)[0]["function"] == "from_arrays"


def test_isotopes_of_the_trajectory_weigh_as_they_are_called() -> None:
    found = vh.spectra.neutron_sqe(salt().with_isotopes({"Li": "7Li"}), Q, max_lag=15.0, correction="classical")
    np.testing.assert_allclose(np.sort(found.weight_coh), np.sort(weighed().weight_coh))
    assert [str(name) for name in found.species.values] == ["7Li", "S"]
    # masses move the centre of mass a little, and with it the drift that is taken off
    np.testing.assert_allclose(found.S, weighed().S, atol=0.02 * float(weighed().S.max()))


# through an instrument, in a file, on a picture


def test_an_instrument_takes_it(tmp_path: object) -> None:
    found = weighed("detailed-balance")
    seen = vh.spectra.instrument(found, 0.5, e_i=30.0, energy=(-10, 10))
    assert seen.S.attrs["units"] == "barn/sr/meV"
    whole = vh.spectra.instrument(weighed(), 0.5)
    direct = vh.spectra.neutron_sqe(
        salt(), Q, max_lag=15.0, resolution=0.5, correction="classical", isotopes={"Li": "7Li"}
    )
    np.testing.assert_allclose(whole.S, direct.S, atol=1e-10 * float(direct.S.max()))


@pytest.mark.parametrize("q", [Q, [0.6, 0.8, 1.0, 1.2, 1.5]])
def test_it_draws_lines_or_a_map(q: list[float]) -> None:
    found = vh.spectra.neutron_sqe(salt(), q, max_lag=15.0)
    ax = vh.draw(found)
    assert len(ax.figure.axes) == (1 if len(q) < 5 else 2)
    ax.figure.canvas.draw()


# refusals


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(isotopes={"Na": "23Na"}), "There is no 'Na'"),
        (dict(isotopes={"Li": "32S"}), "no isotope of Li"),
        (dict(isotopes={"Li": "9Li"}), "9Li"),
        (dict(correction="quantum"), "correction"),
        (dict(resolution=0.01), "needs lags up to"),
    ],
)
def test_wrong_input_is_refused(options: dict, words: str) -> None:
    with pytest.raises(vh.Refusal, match=words):
        vh.spectra.neutron_sqe(salt(), Q, **{"max_lag": 15.0, **options})


def test_what_it_is_not_made_for_is_refused() -> None:
    with pytest.raises(vh.Refusal, match="table of vectors"):
        vh.spectra.neutron_sqe(salt(), [[0.0, 0.0, 1.0]])
    with pytest.raises(vh.Refusal, match="needs the result of neutron_sqe"):
        vh.spectra.reweight(vh.spectra.incoherent(salt(), "Li", Q, max_lag=15.0))
