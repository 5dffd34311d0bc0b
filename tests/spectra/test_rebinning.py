"""New bins and sums over Q: areas and errors against closed forms, naive loops and Poisson counts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scatterers as made
from hypothesis import given
from hypothesis import strategies as st

import vanhove as vh
from vanhove.spectra.rebinning import edges_of, overlap


def naive_overlap(old, new):
    return np.array([[max(0.0, min(b, d) - max(a, c)) for c, d in pairwise(old)] for a, b in pairwise(new)])


rising = st.lists(st.integers(-40, 40), min_size=2, max_size=12, unique=True).map(lambda x: np.sort(np.array(x) / 4.0))


@given(rising, rising)
def test_overlaps_are_those_of_a_double_loop(old, new):
    np.testing.assert_allclose(overlap(old, new).toarray(), naive_overlap(old, new), atol=1e-12)


def spectrum(seed=1, nq=5, ne=40):
    rng = np.random.default_rng(seed)
    return made.sqe(
        np.linspace(0.5, 2.5, nq),
        np.linspace(-2, 2, ne),
        rng.random((nq, ne)),
        0.1 + rng.random((nq, ne)),
        temperature=10.0,
    )


def test_area_is_kept_and_errors_add_in_squares():
    one = spectrum()
    old = edges_of(one.energy.values)
    new = np.linspace(old[0], old[-1], 14)
    got = one.rebin(energy=new)
    shared = naive_overlap(old, new)
    np.testing.assert_allclose(got.S, one.S.values @ shared.T / np.diff(new), rtol=1e-12)
    np.testing.assert_allclose(got.S_error, np.sqrt(one.S_error.values**2 @ (shared**2).T) / np.diff(new), rtol=1e-12)
    np.testing.assert_allclose((got.S * np.diff(new)).sum("energy"), (one.S * np.diff(old)).sum("energy"), rtol=1e-12)
    np.testing.assert_allclose(got.coverage, 1.0)
    assert got.attrs["temperature"] == 10.0
    assert "spectra.rebin" in got.attrs["history"]


def test_in_q_and_energy_at_once_as_one_after_the_other():
    one = spectrum()
    both = one.rebin(q=[0.25, 1.25, 2.75], energy=0.5)
    np.testing.assert_allclose(both.S, one.rebin(q=[0.25, 1.25, 2.75]).rebin(energy=0.5).S, rtol=1e-12)
    np.testing.assert_allclose(both.S_error, one.rebin(energy=0.5).rebin(q=[0.25, 1.25, 2.75]).S_error, rtol=1e-12)
    assert list(both.q.values) == [0.75, 2.0]


def test_masked_points_do_not_count_and_coverage_says_so():
    one = spectrum()
    one.S.values[0, :10] = one.S_error.values[0, :10] = np.nan
    one.S_error.values[1, 3] = np.nan
    got = one.rebin(q=[0.25, 1.25], least_coverage=0.0)
    widths = np.array([0.5, 0.5])
    for k in (0, 3, 20):
        known = np.isfinite(one.S_error.values[:2, k])
        np.testing.assert_allclose(got.coverage[0, k], known.sum() / 2)
        expected = (one.S.values[:2, k] * widths)[known].sum() / widths[known].sum() if known.any() else np.nan
        np.testing.assert_allclose(got.S[0, k], expected)
    assert np.isnan(one.rebin(q=[0.25, 1.25], least_coverage=0.6).S.values[0, :10]).all()
    assert np.isfinite(one.rebin(q=[0.25, 1.25]).S.values[0, 5])


def test_counts_rebinned_are_counts():
    """Sums of Poisson counts and √n: exactly what counting in wide bins would have given, pulls of unit width."""
    rng = np.random.default_rng(20261120)
    truth = 50 + 30 * np.sin(np.arange(4000) / 200)
    n = rng.poisson(truth)
    fine = made.sqe(np.array([1.0]), np.arange(4000.0), n[None] * 1.0, np.sqrt(n)[None])
    wide = fine.rebin(energy=np.arange(-0.5, 4000, 20))
    counts = n.reshape(-1, 20).sum(1)
    np.testing.assert_allclose(wide.S[0] * 20, counts, rtol=1e-12)
    np.testing.assert_allclose(wide.S_error[0] * 20, np.sqrt(counts), rtol=1e-12)
    pulls = (wide.S[0] - truth.reshape(-1, 20).mean(1)) / wide.S_error[0]
    assert abs(float(pulls.mean())) < 0.25
    assert 0.75 < float(pulls.std()) < 1.25


def test_the_sum_over_q():
    one = spectrum()
    got = one.sum_q()
    np.testing.assert_allclose(got.S[0], one.S.sum("q"))
    np.testing.assert_allclose(got.S_error[0], np.sqrt((one.S_error**2).sum("q")))
    assert got.q.values == pytest.approx([1.5])
    assert (got.attrs["q_low"], got.attrs["q_high"], got.attrs["n_q"]) == (0.5, 2.5, 5)
    part = one.sum_q(q=(1.0, 2.0))
    np.testing.assert_allclose(part.S[0], one.S[1:4].sum("q"))
    one.S.values[4, :7] = np.nan
    assert np.isnan(one.sum_q().S.values[0, :7]).all()
    some = one.sum_q(least_coverage=0.5)
    np.testing.assert_allclose(some.S[0, :7], 5 / 4 * one.S[:4, :7].sum("q"))
    np.testing.assert_allclose(some.S_error[0, :7], 5 / 4 * np.sqrt((one.S_error[:4, :7] ** 2).sum("q")))
    np.testing.assert_allclose(some.coverage[0, :8], [0.8] * 7 + [1.0])


def test_simulated_spectra_without_errors_rebin_too():
    one = spectrum().drop_vars("S_error")
    assert "S_error" not in one.rebin(energy=0.3)
    assert "S_error" not in one.sum_q()


def test_wrong_questions_are_refused():
    one = spectrum()
    for options, said in (
        ({}, "Nothing to rebin"), ({"q": -1.0}, "larger width"), ({"q": "wide"}, "no numbers"),
        ({"energy": [1.0]}, "two or more edges"),
        ({"energy": [2.0, 1.0]}, "that rise"), ({"energy": [50.0, 60.0]}, "No point"),
        ({"q": 1.0, "least_coverage": 2}, "between 0 and 1"),
    ):  # fmt: skip
        with pytest.raises(vh.Refusal, match=said):
            one.rebin(**options)
    with pytest.raises(vh.Refusal, match="No spectrum lies within"):
        one.sum_q(q=(8, 9))
    with pytest.raises(vh.Refusal, match="two numbers"):
        one.sum_q(q=3)
    with pytest.raises(vh.Refusal, match="single bin"):
        one.isel(q=[0]).rebin(q=0.5)
    with pytest.raises(vh.Refusal, match="no S"):
        vh.spectra.rebin("nothing", q=0.5)
    with pytest.raises(vh.Refusal, match="not S"):
        one.expand_dims(pair=["Li-S"]).rebin(q=0.5)
    assert vh.spectra.sum_q(one).equals(one.sum_q())


def test_it_draws(tmp_path):
    ax = vh.draw(spectrum().rebin(q=0.6))
    assert "meV" in ax.get_xlabel()
