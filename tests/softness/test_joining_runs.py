"""Several runs as one set of features."""

from __future__ import annotations

import numpy as np
import pytest

import vanhove as vh

from planted import planted  # isort: skip


def test_runs_are_joined_and_held_out_as_a_whole() -> None:
    made = [planted(seed, side=6) for seed in range(5)]
    some = [vh.softness.features(one.traj, "Li", width=0.4, cutoff=6.0) for one in made]
    joined = vh.softness.join(some)
    assert joined["run"].values.tolist() == [k for k in range(5) for _ in range(216)]
    assert len(np.unique(joined["atom"])) == 5 * 216, "ions of different runs are different ions"
    np.testing.assert_array_equal(joined["G"].values[216:432], some[1]["G"].values)
    classes = np.concatenate(
        [vh.softness.labels_of_samples(one.mobile, of) for one, of in zip(made, some, strict=True)]
    )
    model = vh.softness.train(joined, classes, groups=joined["run"].values, repeats=1)
    assert model.accuracy > 0.95
    assert (model.data["fold_held_out"] == 216).all()
    assert model.score(some[0]).sizes["sample"] == 216


def test_what_does_not_fit_together_is_refused() -> None:
    traj = planted(1, side=3).traj
    narrow, wide = (vh.softness.features(traj, "Li", width, 6.0) for width in (0.2, 0.4))
    with pytest.raises(vh.Refusal, match="same pairs and shells"):
        vh.softness.join([narrow, wide])
    with pytest.raises(vh.Refusal, match="nothing to join"):
        vh.softness.join([])
