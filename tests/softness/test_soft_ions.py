"""The whole way in one step: C that is chosen honestly, a model that goes to another run, and what the result keeps."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import vanhove as vh
from asking import trajectory
from vanhove.softness.agreement import agreement, ranking
from vanhove.softness.kept import model_of, scores_of
from vanhove.softness.strength import STRENGTHS, chosen

from planted import features, walking  # isort: skip

SHELLS = {"width": 0.4, "cutoff": 4.0}


@cache
def own() -> xr.Dataset:
    return vh.softness.soft_ions(trajectory(), "Na", **SHELLS, C=0.1)


def other() -> vh.Trajectory:
    """Another run of the same system."""
    return trajectory()[100:]


# --- C ---


def test_one_c_of_several_is_the_model_of_that_c() -> None:
    some, mobile = features(8, 0.3)
    several = vh.softness.train(some, mobile, [0.1], repeats=1)
    np.testing.assert_array_equal(
        several.data["weight"], vh.softness.train(some, mobile, 0.1, repeats=1).data["weight"]
    )
    found = vh.softness.train(some, mobile, STRENGTHS, repeats=1)
    assert set(found.data["fold_C"].values.tolist()) <= set(STRENGTHS)
    C = float(found.data.attrs["C"])
    np.testing.assert_array_equal(found.data["weight"], vh.softness.train(some, mobile, C, repeats=1).data["weight"])
    assert "chosen among 0.001, 0.01, 0.1 without what was held out" in found.summary


def test_what_is_held_out_has_no_part_in_the_choice() -> None:
    some, mobile = features(8, 0.3)
    classes = mobile.astype(int)
    trained = np.arange(len(classes)) % 5 > 0
    C = chosen(STRENGTHS, trained, some, classes, "atoms", 0.0, 0, True)
    rng = np.random.default_rng(4)
    turned = np.where(trained, classes, 1 - classes)
    spoilt = some.assign(G=some["G"].where(xr.DataArray(trained, dims="sample"), rng.normal(0, 99, some["G"].shape)))
    assert chosen(STRENGTHS, trained, spoilt, turned, "atoms", 0.0, 0, True) == C


def test_labels_by_chance_stay_guesses_with_a_chosen_c() -> None:
    some, mobile = features()
    shuffled = np.random.default_rng(5).permutation(mobile)
    assert abs(vh.softness.train(some, shuffled, STRENGTHS, repeats=1).accuracy - 0.5) < 0.03


def test_a_c_is_chosen_that_learns_where_there_is_something_to_learn() -> None:
    """As many functions as ions to learn from, each of which tells a little: unregularised, chance is learnt."""
    rng = np.random.default_rng(6)
    some, _ = walking(1, 60, 1, 6)
    classes = rng.integers(0, 2, 60)
    some["G"].values[:] += 0.7 * classes[:, None]
    loose, found = (vh.softness.train(some, classes, C, groups="atoms") for C in (100.0, [0.003, 100.0]))
    assert found.data.attrs["C"] == 0.003
    assert found.accuracy > loose.accuracy + 0.03


def test_too_few_groups_within_what_is_trained_on_are_replaced_by_ions() -> None:
    """Two runs, one held out: there is no other to choose by."""
    some, classes = walking(2, 200, 1, 3)
    groups = np.repeat([0, 1], 200)
    found = vh.softness.train(some, classes, [0.01, 1.0], groups=groups, test_fraction=0.5, repeats=1)
    assert found.data.sizes["fold"] == 2
    frames, labels = walking(24, 30, 4, 3)
    vh.softness.train(frames, labels, [0.01, 1.0], groups="frames", gap=2.0, repeats=1)


@pytest.mark.parametrize("C", [[], [0.1, -1.0], [np.nan]])
def test_wrong_c_is_refused(C: list[float]) -> None:
    with pytest.raises(vh.Refusal, match="C="):
        vh.softness.train(*features(), C=C)


# --- a model of another run ---


def test_the_result_keeps_the_model_and_the_softness_of_every_sample(tmp_path: Path) -> None:
    some = vh.softness.features(trajectory(), "Na", 0.4, 4.0, every=10)
    model = vh.softness.train(some, vh.softness.labels(vh.dynamics.d2min(trajectory(), "Na", 5.0, 1.0)), 0.1)
    vh.save(own(), tmp_path / "soft.nc")
    for source in (own(), str(tmp_path / "soft.nc"), tmp_path / "soft.nc", model):
        again = model_of(source)
        np.testing.assert_array_equal(again.score(some)["S"], model.score(some)["S"])
        assert again.summary == model.summary
    kept = scores_of(vh.load(tmp_path / "soft.nc"))
    np.testing.assert_array_equal(kept["S"], model.held_out["S"])
    np.testing.assert_array_equal(kept["atom"], some["atom"])
    vh.draw(again.weights())


def test_a_model_of_another_run_is_applied_as_it_is() -> None:
    found = vh.softness.soft_ions(other(), "Na", **SHELLS, trained_on=own())
    some = vh.softness.features(other(), "Na", 0.4, 4.0, every=10)
    np.testing.assert_array_equal(found["sample_S"], model_of(own()).score(some)["S"])
    labels = vh.softness.labels(vh.dynamics.d2min(other(), "Na", 5.0, 1.0))["label"].values[0]
    met = agreement(scores_of(found), np.tile(labels, len(some["G"]) // 24))
    assert float(found["accuracy"]) == met.accuracy
    np.testing.assert_array_equal(found["W"], own()["W"])
    assert found.attrs["trained_on"] == "Na at 1300 K"
    assert own().attrs["trained_on"] == ""
    assert "the model is that of Na at 1300 K" in found.attrs["held_out"]
    assert set(found["group"].values) == {"immobile", "mobile"}
    assert found.attrs["hop_threshold"] == own().attrs["hop_threshold"]
    hops = vh.dynamics.jumps(other(), "Na", threshold=own().attrs["hop_threshold"])
    hard, soft = vh.softness.hop_probability(scores_of(found), hops, 1.0, [-99.0, 0.0, 99.0])["rate"].values
    assert (float(found["hard_rate"]), float(found["soft_rate"])) == (hard, soft)
    chosen_so = vh.softness.soft_ions(other(), "Na", threshold=2.0, trained_on=own())
    assert chosen_so.attrs["hop_threshold"] == 2.0
    further = vh.softness.soft_ions(trajectory()[:100], "Na", trained_on=found)  # shells are the model's
    assert further["r"].equals(found["r"])


def test_shells_and_species_are_those_of_the_model() -> None:
    walk = trajectory()
    order = np.argsort(walk.species, kind="stable")  # other species first
    turned = vh.from_arrays(
        walk.positions[:, order], 12.0, walk.species[order], walk.times, wrapped=False, temperature=1300
    )
    found = vh.softness.soft_ions(turned, "Na", trained_on=own())
    assert found["pair"].values.tolist() == own()["pair"].values.tolist()
    with pytest.raises(vh.Refusal, match="trained on Na"):
        vh.softness.soft_ions(walk, "Si", trained_on=own())


@pytest.mark.parametrize("given", [3, "no.nc", xr.Dataset()])
def test_what_holds_no_model_is_refused(given: object) -> None:
    with pytest.raises(vh.Refusal, match=r"no model|no result file"):
        vh.softness.soft_ions(trajectory(), "Na", trained_on=given)  # type: ignore[arg-type]


# --- numbers ---


def test_ranking_is_the_share_of_pairs() -> None:
    rng = np.random.default_rng(7)
    S, classes = np.round(rng.normal(size=60), 1), rng.integers(0, 2, 60)
    above = S[classes == 1][:, None] - S[classes == 0]
    assert ranking(S, classes) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean(), abs=1e-12)
    assert np.isnan(ranking(S, np.ones(60, int)))


def test_errors_of_the_agreement_are_those_of_other_ions() -> None:
    """Ions that differ, seen in ten frames each: the jackknife over ions gives the spread of samples of other ions."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(60):
        mobile = rng.random(150) < 0.5
        S = np.tile(0.7 * (2 * mobile - 1) + rng.normal(0, 1, 150), 10)
        scores = xr.Dataset({"S": ("sample", S)}, {"atom": ("sample", np.tile(np.arange(150), 10))})
        found.append(agreement(scores, np.tile(mobile, 10).astype(int)))
    each = np.array(found)
    for k in (0, 2):
        assert each[:, k + 1].mean() == pytest.approx(each[:, k].std(), rel=0.3)


def test_rates_of_the_soft_and_the_hard_are_those_of_two_bins() -> None:
    scores, jumps = scores_of(own()), vh.dynamics.jumps(trajectory(), "Na")
    hard, soft = vh.softness.hop_probability(scores, jumps, 1.0, [-99.0, 0.0, 99.0])["rate"].values
    assert float(own()["hard_rate"]) == hard
    assert float(own()["soft_rate"]) == soft


def test_the_order_of_every_sample_is_that_of_its_frame() -> None:
    order = vh.structure.steinhardt(trajectory(), "Na", number=12, per_frame=True)
    given, kept = (vh.softness.soft_profile(own(), "c", 3.0, one) for one in (order, None))
    for name in ("S", "q", "q_error"):
        np.testing.assert_allclose(kept[name], given[name], atol=1e-12)
    np.testing.assert_allclose(
        vh.softness.with_order(own(), bins=10)["P"], vh.softness.with_order(own(), order, bins=10)["P"], atol=1e-9
    )
    alone = vh.softness.soft_ions(trajectory(), "Na", **SHELLS, C=0.1, order=None)
    assert "q" not in vh.softness.soft_profile(alone, "c", 3.0)
    with pytest.raises(vh.Refusal, match="no order beside them"):
        vh.softness.with_order(alone)
