"""Labels from non-affine motion, and how they meet the features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vanhove as vh
from asking import trajectory
from vanhove.softness.labelling import labels_of_samples

if TYPE_CHECKING:
    import xarray as xr

labels = vh.softness.labels


@pytest.fixture(scope="module")
def motion() -> xr.Dataset:
    return vh.dynamics.d2min(trajectory(), "Na", 5.0, 1.0)


def test_one_label_an_ion_is_that_of_the_whole_run(motion: xr.Dataset) -> None:
    found = labels(motion, threshold=float(motion["median"]))
    assert found["label"].shape == (1, 24)
    np.testing.assert_array_equal(found["label"].values[0], motion["D_cum"].values > float(motion["median"]))
    np.testing.assert_allclose(found["D_cum"].values[0], motion["D_cum"].values)


def test_the_default_makes_two_classes_of_one_size(motion: xr.Dataset) -> None:
    found = labels(motion)
    assert found.attrs["mobile"] == found.attrs["immobile"] == 12


def test_between_two_thresholds_ions_are_left_out(motion: xr.Dataset) -> None:
    found = labels(motion, quantiles=(0.25, 0.75))
    assert (found.attrs["mobile"], found.attrs["immobile"], found.attrs["left_out"]) == (6, 6, 12)
    D = found["D_cum"].values
    assert D[found["label"].values == 1].min() > found.attrs["high"] > found.attrs["low"]
    assert D[found["label"].values == 0].max() <= found.attrs["low"]


def test_windows_are_sums_of_their_steps(motion: xr.Dataset) -> None:
    found = labels(motion, window=4.0)
    roots = np.sqrt(motion["D2min"].values)
    assert found.sizes["frame"] == len(roots) - 3
    for k in range(found.sizes["frame"]):
        np.testing.assert_allclose(found["D_cum"].values[k], roots[k : k + 4].sum(axis=0))
    np.testing.assert_allclose(found["time"].values, motion["time"].values[: len(roots) - 3])


def test_what_is_not_determined_has_no_label(motion: xr.Dataset) -> None:
    torn = motion.copy(deep=True)
    torn["D2min"].values[5, 3] = np.nan
    found = labels(torn, window=2.0)
    assert (found["label"].values[4:6, 3] == -1).all()
    assert (found["label"].values[[3, 6], 3] >= 0).all()


def test_labels_of_a_window_meet_the_features_of_its_frame(motion: xr.Dataset) -> None:
    marked = labels(motion, window=4.0)
    some = vh.softness.features(trajectory(), "Na", cutoff=4.0, every=5)
    classes = labels_of_samples(marked, some)
    for k in range(some.sizes["sample"]):
        row = np.flatnonzero(np.isclose(marked["time"].values, some["time"].values[k]))
        expected = marked["label"].values[row[0], some["atom"].values[k]] if len(row) else -1
        assert classes[k] == expected
    assert (classes == -1).any()
    assert (classes == 1).any()


def test_labels_of_the_run_meet_every_frame(motion: xr.Dataset) -> None:
    marked = labels(motion)
    some = vh.softness.features(trajectory(), "Na", cutoff=4.0, frames=[0, 77])
    np.testing.assert_array_equal(labels_of_samples(marked, some), np.tile(marked["label"].values[0], 2))


def test_the_gap_is_the_window_of_the_labels(motion: xr.Dataset) -> None:
    some = vh.softness.features(trajectory(), "Na", cutoff=4.0, every=5)
    found = vh.softness.train(some, labels(motion, window=2.0), test_fraction=0.25)
    assert found.data.attrs["gap"] == 2.0
    assert found.data.attrs["held_out"].startswith("stretches")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threshold": 1.0, "quantiles": 0.5}, "Give one of them"),
        ({"threshold": 1e9}, "No ion is mobile"),
        ({"threshold": 0.0}, "No ion is immobile"),
        ({"threshold": [3.0, 2.0]}, "lower and the upper"),
        ({"quantiles": 1.5}, "between 0 and 1"),
        ({"window": 0.5}, "multiple"),
        ({"window": 500.0}, "the run lasts"),
    ],
)
def test_bad_input_is_refused(motion: xr.Dataset, options: dict, said: str) -> None:
    with pytest.raises(vh.Refusal, match=said):
        labels(motion, **options)


def test_labels_of_others_are_refused(motion: xr.Dataset) -> None:
    sulfur = vh.softness.features(trajectory(), "S", cutoff=4.0, frames=[0])
    with pytest.raises(vh.Refusal, match="labels are of Na"):
        labels_of_samples(labels(motion), sulfur)
    between = vh.softness.features(trajectory(), "Na", cutoff=4.0, frames=[3])
    with pytest.raises(vh.Refusal, match="No sample has a label"):
        labels_of_samples(labels(motion, window=2.0), between)
    with pytest.raises(vh.Refusal, match="no D2min"):
        labels(sulfur)


def test_the_scan_finds_what_training_finds(motion: xr.Dataset) -> None:
    common = {"every": 10, "groups": "atoms", "test_fraction": 0.25}
    found = vh.softness.scan(
        trajectory(), "Na", motion, widths=[0.5, 1.0], cutoffs=[3.0, 5.0], strengths=[0.1, 1.0],
        quantiles=[0.4, 0.5], width=0.5, cutoff=5.0, **common,
    )  # fmt: skip
    assert found["accuracy"].dims == ("width", "cutoff")
    assert found["accuracy_by_C"].dims == ("C", "quantile")
    for width, cutoff in ((0.5, 3.0), (1.0, 5.0)):
        some = vh.softness.features(trajectory(), "Na", width, cutoff, every=10)
        one = vh.softness.train(some, labels(motion), groups="atoms", test_fraction=0.25, repeats=1)
        assert float(found["accuracy"].sel(width=width, cutoff=cutoff)) == pytest.approx(one.accuracy, abs=1e-12)
        assert float(found["accuracy_error"].sel(width=width, cutoff=cutoff)) == pytest.approx(one.accuracy_error)
    assert float(found["accuracy"].sel(width=0.5, cutoff=5.0)) == pytest.approx(
        float(found["accuracy_by_C"].sel(C=1.0, quantile=0.5)), abs=1e-12
    )
    with pytest.raises(vh.Refusal, match="widths"):
        vh.softness.scan(trajectory(), "Na", motion, widths=[0.0])
