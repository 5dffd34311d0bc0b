"""F2: planted structure is learnt, shuffled labels are not, and nothing that is held out is known beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vanhove as vh
from vanhove.softness.splits import split

from planted import features, model, planted, walking  # isort: skip

train = vh.softness.train


def test_planted_structure_is_learnt() -> None:
    found = train(*features())
    assert found.data.sizes["sample"] >= 1500
    assert found.accuracy > 0.95
    assert found.data.attrs["verdict"] == "learnt"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shuffled_labels_are_guessed(seed: int) -> None:
    some, mobile = features()
    shuffled = np.random.default_rng(seed).permutation(mobile)
    found = train(some, shuffled)
    assert abs(found.accuracy - 0.5) < 0.03
    assert found.data.attrs["verdict"] == "no better than guessing"


def test_the_error_of_the_accuracy_is_that_of_fresh_ions() -> None:
    """One model scores other ions that were made alike: the accuracy promised is the one that is met."""
    found = model()
    assert 0.6 < found.accuracy < 0.97
    for seed in (21, 22, 23):
        other = planted(seed, blur=0.3)
        S = found.score(vh.softness.features(other.traj, "Li", cutoff=6.0))["S"].values
        met = 0.5 * ((S[other.mobile] > 0).mean() + (S[~other.mobile] <= 0).mean())
        assert abs(met - found.accuracy) < 4 * max(found.accuracy_error, 0.01)


def test_mobile_ions_are_soft_and_the_others_are_not() -> None:
    scores = model().held_out
    S, classes = scores["S"].values, scores["label"].values
    assert S[classes == 1].mean() > 0 > S[classes == 0].mean()


def test_softness_is_the_distance_to_the_plane() -> None:
    some, _ = features(8, 0.3)
    found = model()
    data = found.data
    x = (some["G"].values - data["mean"].values) / data["deviation"].values
    plane = x @ data["weight"].values + found.intercept
    S = found.score(some)["S"].values
    np.testing.assert_allclose(S, plane / np.linalg.norm(data["weight"].values), atol=1e-10)
    foot = x - S[:, None] * data["weight"].values / np.linalg.norm(data["weight"].values)
    np.testing.assert_allclose(foot @ data["weight"].values + found.intercept, 0, atol=1e-9)


def test_a_shell_that_is_alike_for_all_has_no_weight() -> None:
    data = model().data
    assert (data["weight"].values[(data["mean"] == 0).values] == 0).all()
    assert np.isfinite(data["weight"].values).all()


def test_the_class_that_is_rare_counts_as_much() -> None:
    made = planted(31, share=0.05, blur=0.3)
    some = vh.softness.features(made.traj, "Li", width=0.4, cutoff=6.0)
    found = {balance: train(some, made.mobile, balance=balance, repeats=1).accuracy for balance in (True, False)}
    assert found[True] > found[False]


def test_weights_stand_where_the_structure_was_planted() -> None:
    W = train(*features()).weights()
    sulfur = W.sel(pair="Li-S")
    assert abs(sulfur["r"].values[sulfur["W"].values.argmax()] - 3.1) < 0.11
    assert abs(sulfur["r"].values[sulfur["W"].values.argmin()] - 2.5) < 0.11
    assert W["W"].dims == ("pair", "r")
    assert np.abs(W.sel(pair="Li-Li")["W"]).max() < 0.1 * sulfur["W"].max()
    with pytest.raises(vh.Refusal, match="no pair 'Li-P'"):
        model().weights("Li-P")


def test_a_model_comes_back_from_its_file_bit_for_bit(tmp_path: Path) -> None:
    found, (some, _) = model(), features(8, 0.3)
    found.save(tmp_path / "model.nc")
    again = vh.softness.SoftnessModel.load(tmp_path / "model.nc")
    assert again.data.identical(found.data)
    assert again.summary == found.summary
    np.testing.assert_array_equal(again.score(some)["S"].values, found.score(some)["S"].values)
    vh.save(some, tmp_path / "other.nc")
    with pytest.raises(vh.Refusal, match="no model"):
        vh.softness.SoftnessModel.load(tmp_path / "other.nc")


def test_the_same_again_gives_the_same_bits() -> None:
    some, mobile = features(8, 0.3)
    again = train(some, mobile)
    for name in again.data.data_vars:
        np.testing.assert_array_equal(again.data[name].values, model().data[name].values)


@pytest.mark.parametrize("gap", [0.0, 2.0, 3.5])
def test_no_neighbour_in_time_of_a_held_out_frame_is_trained_on(gap: float) -> None:
    some, classes = walking(60, 20, 5, 4)
    times = some["time"].values
    found = split(some, classes, "frames", gap, 0.0, 0.2, 3, 0)
    assert len(found.folds) == 15
    held = np.zeros(len(classes), int)
    for fold in found.folds:
        assert fold.train.any()
        assert not (fold.train & fold.test).any()
        apart = np.abs(np.unique(times[fold.train])[:, None] - np.unique(times[fold.test])).min()
        assert apart > max(gap, 0.5)
        held += fold.test
    assert (held == 3).all(), "every sample is held out once a repetition"


def test_ions_are_held_out_with_all_their_frames() -> None:
    some, classes = walking(4, 50, 2, 4)
    atoms = some["atom"].values
    for fold in split(some, classes, None, None, 0.0, 0.2, 2, 0).folds:
        assert not np.isin(atoms[fold.train], atoms[fold.test]).any()


def test_groups_are_held_out_as_a_whole() -> None:
    some, classes = walking(30, 20, 5, 4)
    runs = np.array(["a", "b", "c", "d", "e"])[some["frame"].values // 6]
    for fold in split(some, classes, runs, None, 0.0, 0.2, 2, 0).folds:
        assert not np.isin(runs[fold.train], runs[fold.test]).any()
    with pytest.raises(vh.Refusal, match="2 groups for 5 folds"):
        split(some, classes, runs < "c", None, 0.0, 0.2, 2, 0)


def test_frames_that_repeat_each_other_would_leak() -> None:
    """Labels by chance on surroundings that last five frames: guessed with the gap, known by heart without."""
    some, classes = walking(100, 100, 5, 5)
    independent = 100 * 100 / 5
    honest = train(some, classes, groups="frames", gap=2.5, test_fraction=0.2)
    assert abs(honest.accuracy - 0.5) < 3 * 0.5 / np.sqrt(independent)
    by_chance = np.random.default_rng(0).integers(0, 20, len(classes))  # ions and frames at random: what leaks
    assert train(some, classes, groups=by_chance).accuracy > honest.accuracy + 0.03


def test_one_label_an_ion_holds_ions_out() -> None:
    some, _ = walking(40, 60, 1, 6)
    classes = some["atom"].values % 2
    found = train(some, classes)
    assert found.data.attrs["held_out"].startswith("ions")
    with pytest.warns(vh.VanhoveWarning, match="same in all frames"):
        train(some, classes, groups="frames")


def test_what_is_left_out_is_not_trained_on() -> None:
    some, mobile = features()
    classes = mobile.astype(int)
    classes[::3] = -1
    found = train(some, classes)
    assert found.data.attrs["mobile"] + found.data.attrs["immobile"] == (classes >= 0).sum()
    assert np.isnan(found.held_out["S"].values[::3]).all()
    assert np.isfinite(found.score(some)["S"].values).all()


def test_it_says_what_it_did() -> None:
    told = model().summary
    for words in ("mobile and", "Balanced accuracy", "±", "Held out: ions", "5 folds"):
        assert words in told
    assert "%" in repr(model())


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        ([True, False], {}, "Labels of shape"),
        (np.ones(2197, bool), {}, "No sample is immobile"),
        (np.full(2197, 7), {}, "A label is 7"),
        (np.linspace(0, 1, 2197), {}, "type float64"),
        (None, {"C": 0}, "C=0"),
        (None, {"test_fraction": 0.9}, "test_fraction"),
        (None, {"repeats": 0}, "repeats"),
        (None, {"groups": "spheres"}, "groups='spheres'"),
        (None, {"groups": [1, 2]}, "groups of shape"),
        (None, {"groups": "frames"}, "1 frames for 5 folds"),
        (None, {"gap": 3.0}, "have no time"),
    ],
)
def test_bad_input_is_refused(labels: object, options: dict, said: str) -> None:
    some, mobile = features()
    with pytest.raises(vh.Refusal, match=said):
        train(some, mobile if labels is None else labels, **options)


def test_a_gap_that_leaves_nothing_is_refused() -> None:
    some, classes = walking(60, 20, 5, 4)
    with pytest.raises(vh.Refusal, match="one class only"):
        train(some, classes, groups="frames", gap=30.0)


def test_other_features_than_the_models_are_refused() -> None:
    made = planted(8, side=3)
    for options, said in (
        ({"cutoff": 5.0}, "trained on"),
        ({"width": 0.3, "cutoff": 9.0}, "shells of"),
        ({"cutoff": 6.0, "neighbours": "S"}, "trained on Li-Li, Li-S"),
    ):
        with pytest.raises(vh.Refusal, match=said):
            model().score(vh.softness.features(made.traj, "Li", **options))
