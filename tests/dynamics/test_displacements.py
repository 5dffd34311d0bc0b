"""Each ion's squared displacement by hand, and against the MSD."""

from __future__ import annotations

import numpy as np
import pytest
from walks import LENGTH, SPACING, brownian, ions

import vanhove as vh

STEPS = (np.array([0, 1, 2, 4, 8, 16]) + 32 * np.arange(12)[:, None]).ravel()


@pytest.mark.parametrize("origins", ["first", "all"])
def test_they_are_those_of_every_ion(origins: str) -> None:
    paths = brownian(np.random.default_rng(1), 150, 40)
    traj = ions(paths, ["S"] * 20 + ["Li"] * 20)
    result = vh.dynamics.displacements(traj, "Li", [0.0, 0.1, 3.0, 14.9], drift=None, origins=origins)
    for k, lag in enumerate((0, 1, 30, 149)):
        starts = [0] if origins == "first" else range(150 - lag)
        expected = np.mean([((paths[i + lag] - paths[i]) ** 2).sum(axis=-1) for i in starts], axis=0)
        np.testing.assert_allclose(result.r2[k], expected[20:], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(result["index"], np.arange(20, 40))
    assert (result.atom_species == "Li").all()
    msd = vh.dynamics.msd(traj, "Li", drift=None, lags=[0.0, 0.1, 3.0, 14.9], origins=origins).msd
    np.testing.assert_allclose(result["mean"], msd, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result["median"], np.median(result.r2, axis=1))


def test_the_frame_of_reference_and_the_first_frame_are_chosen() -> None:
    paths = brownian(np.random.default_rng(2), 100, 10) + brownian(np.random.default_rng(3), 100, 1, 3.0)
    traj = ions(paths, ["Li"] * 4 + ["S"] * 6)
    framework = paths[:, 4:].mean(axis=1)
    inner = (paths - framework[:, None])[:, :4]
    result = vh.dynamics.displacements(traj[20:], "Li", [5.0], drift="framework")
    np.testing.assert_allclose(result.r2[0], ((inner[70] - inner[20]) ** 2).sum(axis=-1), rtol=1e-9)


def test_uneven_frames() -> None:
    paths = brownian(np.random.default_rng(4), int(STEPS[-1]) + 1, 10)
    traj = vh.from_arrays(paths[STEPS], LENGTH, ["Li"] * 10, SPACING * STEPS, wrapped=False)
    result = vh.dynamics.displacements(traj, "Li", [0.4, 3.2], drift=None)
    np.testing.assert_allclose(result.r2[1], ((paths[32] - paths[0]) ** 2).sum(axis=-1), rtol=1e-9)
    everywhere = vh.dynamics.displacements(traj, "Li", drift=None, origins="all")
    same = vh.dynamics.msd(traj, "Li", drift=None, lags="log")
    np.testing.assert_allclose(everywhere["mean"], same.msd, rtol=1e-9)


def test_blocks_give_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    traj = ions(brownian(np.random.default_rng(5), 900, 70))
    at_once = vh.dynamics.displacements(traj, "Li")
    monkeypatch.setenv("VANHOVE_MEMORY", "2MB")
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    np.testing.assert_allclose(vh.dynamics.displacements(traj, "Li").r2, at_once.r2, rtol=1e-9)
    with pytest.raises(vh.Refusal, match="70 ions at 9000 lags"):
        vh.dynamics.displacements(ions(np.zeros((9000, 70, 3))), "Li", "all", drift=None)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(lags=[0.25]), "no lag of 0.25 ps"), (dict(lags="some"), "lags='some'"),
        (dict(origins="last"), "origins='last'"), (dict(drift="atoms"), "drift='atoms'"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(vh.Refusal, match=says):
        vh.dynamics.displacements(ions(brownian(np.random.default_rng(6), 50, 8)), "Li", **options)
