"""The MSD of frames that are not evenly spaced: by lag, against double loops, and the errors that are stated of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from walks import LENGTH, SPACING, brownian, ions

import vanhove as vh
from vanhove.base.errors import VanhoveWarning
from vanhove.dynamics.averages import over_uneven_frames
from vanhove.dynamics.curve import Curve
from vanhove.dynamics.pairs_by_lag import PairsByLag, best_known
from vanhove.dynamics.uneven import UnevenCurve
from vanhove.trajectory.blocks import drift

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCKS = (np.array([0, 1, 2, 4, 8, 16]) + 32 * np.arange(40)[:, None]).ravel()  # as LAMMPS writes them every v_log
EXTRA = np.union1d(10 * np.arange(120), np.random.default_rng(5).integers(0, 1200, 37))  # restarts in an even series
SINGLE = np.unique(np.round(np.geomspace(1, 20000, 80)).astype(int) - 1)
DENSER = np.union1d(np.arange(300), np.arange(300, 1500, 5))  # two spacings one after the other


def walk(rng: np.random.Generator, steps: Ints, n: int, scale: float = 1.0) -> Floats:
    """Frames ``steps`` of a random walk with D = scale²/2 a step."""
    each = np.sqrt(np.diff(steps, prepend=steps[0]))
    return np.cumsum(rng.normal(scale=scale, size=(len(steps), n, 3)) * each[:, None, None], axis=0)


def uneven(paths: Floats, steps: Ints, digits: int = 12) -> vh.Trajectory:
    times = np.round(1.7 + SPACING * steps, digits)
    return vh.from_arrays(paths, LENGTH, ["Li"] * paths.shape[1], times, wrapped=False)


def by_lag(steps: Ints) -> dict[int, list[tuple[int, int]]]:
    """Every pair of frames, by how many steps they are apart."""
    found = defaultdict(list)
    for i, j in combinations(range(len(steps)), 2):
        found[int(steps[j] - steps[i])].append((i, j))
    return dict(sorted(found.items()))


# exactness


@pytest.mark.parametrize("steps", [BLOCKS, EXTRA, SINGLE], ids=["blocks", "extra", "single"])
def test_every_lag_with_all_its_origins(steps: Ints) -> None:
    """Also on paths that fly thousands of cells away."""
    paths = walk(np.random.default_rng(1), steps, 9) + 5.0 * steps[:, None, None] + 1e4
    pairs = by_lag(steps)
    assert len(pairs) <= 2500
    result = vh.dynamics.msd(uneven(paths, steps, digits=5), "Li", drift=None)
    np.testing.assert_allclose(result.lag, SPACING * np.array([0, *pairs]), rtol=1e-12)
    assert result.n_origins.values.tolist() == [len(steps), *(len(known) for known in pairs.values())]
    expected = np.array(
        [((paths[[j for _, j in known]] - paths[[i for i, _ in known]]) ** 2).mean(axis=(0, 1))
         for known in pairs.values()]
    )  # fmt: skip
    np.testing.assert_allclose(result.msd_axis[1:], expected, rtol=1e-10)
    assert result.msd[0] == 0
    np.testing.assert_allclose(result.msd, result.msd_axis.sum("axis"))


def test_even_frames_taken_by_lag_give_the_same() -> None:
    traj = ions(brownian(np.random.default_rng(2), 150, 40))
    for first_only in (False, True):
        origins = "first" if first_only else "all"
        expected = vh.dynamics.msd(traj, "Li", lags="log", origins=origins)
        found = over_uneven_frames(traj, drift(traj, "cell"), expected.lag.values.tolist(), first_only=first_only)
        np.testing.assert_allclose(found.by_axis.T, expected.msd_axis, rtol=1e-9)
        np.testing.assert_allclose(found.independent, expected.n_independent, rtol=1e-9)
        np.testing.assert_allclose(found.parts, expected.msd_part, rtol=1e-9)
        # groups are averaged over all origins here, over the parts' means there
        np.testing.assert_allclose(found.error, expected.msd_error, rtol=0.03)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=4, max_size=30, unique=True), st.floats(1e-4, 50), st.integers(0, 6))
def test_pairs_of_any_frames(steps: list[int], step: float, moved: int) -> None:
    rising = np.array(sorted(steps))
    times = 10.0**moved + step * rising
    table = PairsByLag.chosen(times, "all")
    expected = by_lag(rising)
    np.testing.assert_allclose(table.lags, step * np.array([0, *expected]), rtol=1e-6)
    for k, known in enumerate(expected.values(), start=1):
        assert list(zip(*(frames.tolist() for frames in table.at(k)), strict=True)) == known
    assert table.at(0)[0].tolist() == table.at(0)[1].tolist() == list(range(len(rising)))


def test_the_first_frame_as_the_only_origin() -> None:
    paths = walk(np.random.default_rng(3), BLOCKS, 9)
    result = vh.dynamics.msd(uneven(paths, BLOCKS), "Li", drift=None, origins="first")
    np.testing.assert_allclose(result.lag, SPACING * BLOCKS, atol=1e-12)
    np.testing.assert_allclose(result.msd_axis, ((paths - paths[0]) ** 2).mean(axis=1), rtol=1e-10)
    np.testing.assert_allclose(result.n_independent, 9)
    assert (result.n_origins == 1).all()
    assert result.sizes["part"] == 1
    assert np.isfinite(vh.dynamics.diffusion(result).D_upper)


def test_parts_and_groups_add_up_to_the_whole() -> None:
    result = vh.dynamics.msd(uneven(walk(np.random.default_rng(4), BLOCKS, 45), BLOCKS), "Li", lags="log")
    origins = result.n_origins.sel(lag=result.part_lag.values).values
    parts = np.diff(np.arange(result.sizes["part"] + 1)[:, None] * origins // result.sizes["part"], axis=0)
    weights = parts[:, None] * result.ions.values[:, None]
    np.testing.assert_allclose(np.nansum(result.msd_part * weights, axis=(0, 1)) / weights.sum((0, 1)), result.msd)


def test_blocks_of_ions_give_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = walk(np.random.default_rng(5), DENSER, 40)
    at_once = vh.dynamics.msd(uneven(paths, DENSER), "Li", lags="log")
    monkeypatch.setenv("VANHOVE_MEMORY", "2MB")
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    found = vh.dynamics.msd(uneven(paths, DENSER), "Li", lags="log")
    for name in ("msd", "msd_axis", "msd_part", "msd_error"):
        np.testing.assert_allclose(found[name], at_once[name], rtol=1e-9, err_msg=name)


# which lags


def test_log_lags_are_the_best_known() -> None:
    pairs = by_lag(BLOCKS)
    result = vh.dynamics.msd(uneven(walk(np.random.default_rng(6), BLOCKS, 8), BLOCKS), "Li", lags="log")
    assert 30 < result.sizes["lag"] <= 64
    taken = np.round(result.lag.values / SPACING).astype(int)
    assert {1, 2, 4, 8, 16, 32, 64} <= set(taken.tolist())
    assert [len(pairs[lag]) for lag in taken.tolist()] == result.n_origins.values.tolist()
    chosen = best_known(np.array([1.0, 2.0, 30.0, 31.0, 33.0, 100.0]), np.array([1, 1, 2, 9, 2, 1]), 3)
    assert chosen.tolist() == [0, 3]


def test_jittered_frames_have_too_many_lags() -> None:
    steps = 100 * np.arange(120) + np.random.default_rng(7).integers(0, 50, 120)
    traj = uneven(walk(np.random.default_rng(7), steps, 8, 0.1), steps)
    with pytest.warns(VanhoveWarning, match="not all that there are") as caught:
        result = vh.dynamics.msd(traj, "Li")
    assert "traj.uniform()" in str(caught[0].message)
    assert 1000 < result.sizes["lag"] <= 2501
    assert result.lag[0] == 0
    assert vh.dynamics.msd(traj, "Li", lags="log").sizes["lag"] <= 64


def test_of_thousands_of_frames_some_origins_tell_the_lags() -> None:
    steps = (np.array([0, 1, 2, 4, 8, 16]) + 32 * np.arange(800)[:, None]).ravel()  # 4800 frames
    table = PairsByLag.chosen(0.002 * steps, "log")
    taken = np.round(table.lags / 0.002).astype(int)
    np.testing.assert_allclose(table.lags, 0.002 * taken, rtol=1e-9)
    assert {1, 2, 4, 8, 16, 32} <= set(taken.tolist())
    there = np.zeros(steps[-1] + 1, int)
    there[steps] = 1
    for lag, found in zip(taken.tolist(), table.n_origins.tolist(), strict=True):
        assert found == (there[lag:] * there[: len(there) - lag]).sum()


@pytest.mark.parametrize(
    ("lags", "says"),
    [
        ([0.35], "no lag of 0.35 ps"), ([0.1, 500.0], "no lag of 500 ps"), ([-0.1], "finite, positive"),
        ([], "list of finite"), ([np.nan], "list of finite"), ("some", "lags='some'"),
    ],
)  # fmt: skip
def test_lags_that_are_not_there_are_refused(lags: list[float] | str, says: str) -> None:
    traj = uneven(walk(np.random.default_rng(8), BLOCKS, 8), BLOCKS)
    with pytest.raises(vh.Refusal, match=says) as caught:
        vh.dynamics.msd(traj, "Li", lags=lags)  # type: ignore[arg-type]  # what a person may try
    if lags == [0.35]:
        assert "for example 0.3 ps" in caught.value.do or "for example 0.4 ps" in caught.value.do
    some = vh.dynamics.msd(traj, "Li", lags=[3.2, 0.0, 0.1])
    np.testing.assert_allclose(some.lag, [0.0, 0.1, 3.2])


# statistics


@pytest.mark.parametrize("steps", [BLOCKS, EXTRA], ids=["blocks", "extra"])
def test_independent_displacements_by_the_double_sum(steps: Ints) -> None:
    table = PairsByLag.chosen(SPACING * steps, "log")
    found = table.independent(3)
    for k, lag in enumerate(table.lags.tolist()):
        start = table.times[table.at(k)[0]]
        shared = np.maximum(0, 1 - np.abs(start[:, None] - start) / lag) ** 2
        assert found[k] == pytest.approx(3 * len(start) ** 2 / shared.sum(), rel=1e-9)


def test_the_covariance_by_the_double_sum() -> None:
    """Of a path whose MSD bends: Gaussian displacements, every overlap counted."""
    steps, knots, growth = BLOCKS[:90], np.array([0.0, 0.3, 1.0, 2.0]), np.array([0.0, 2.0, 3.0, 4.5])
    result = vh.dynamics.msd(uneven(walk(np.random.default_rng(9), steps, 9), steps), "Li", lags=[0.1, 0.8, 3.2, 4.0])
    curve = Curve.of(result)
    assert isinstance(curve, UnevenCurve)

    def psi(lag: Floats) -> Floats:
        lag = np.abs(lag)
        return np.where(lag < 2, np.interp(lag, knots, growth), 4.5 + 1.5 * (lag - 2))

    origins = curve.pairs.sparse_origins()
    assert [len(times) for times in origins[:2]] == [len(curve.pairs.at(0)[0]), len(curve.pairs.at(1)[0])]
    found = curve.covariance(knots, growth)
    for a, i in enumerate(curve.lags.tolist()):
        for b, j in enumerate(curve.lags.tolist()):
            tau = origins[b] - origins[a][:, None]
            step = (psi(tau + j) + psi(tau - i) - psi(tau) - psi(tau + j - i)) / 2
            expected = 2 / 9 * (curve.shares[a] * curve.shares[b]).sum() * (step**2).mean()
            assert found[a, b] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(found, found.T)


def test_origins_left_out_of_the_covariance_are_not_missed() -> None:
    traj = ions(brownian(np.random.default_rng(10), 400, 20))
    even = Curve.of(vh.dynamics.msd(traj, "Li", lags="log"))
    same = UnevenCurve(
        np.asarray(even.times), even.values, even.shares, even.parts, even.ions, 400, 1.0, False, traj.times
    )
    known, found = np.diag(even.relative_covariance), np.diag(same.relative_covariance)
    early = even.lags < 200
    np.testing.assert_allclose(found[early], known[early], rtol=0.03)
    assert np.linalg.eigvalsh(same.relative_covariance)[0] > 0


def test_the_stated_error_is_a_walks_and_the_scatter_between_runs() -> None:
    runs = [
        vh.dynamics.msd(uneven(walk(np.random.default_rng([11, i]), BLOCKS, 64), BLOCKS), "Li", drift=None)
        for i in range(60)
    ]
    values = np.array([run.msd.values[1:] for run in runs])
    stated = np.mean([run.msd_error.values[1:] for run in runs], axis=0)
    # a walk's own error in closed form: n_independent holds at every lag, whatever its origins
    law = 3 * runs[0].lag.values[1:] / SPACING * np.sqrt(2 / (3 * runs[0].n_independent.values[1:]))
    np.testing.assert_allclose(stated / law, 1, atol=0.1)
    # and the scatter of 60 runs, which is known to 9 % and is much the same at neighbouring lags
    np.testing.assert_allclose(values.std(axis=0, ddof=1) / law, 1, atol=0.3)


Motion = Callable[[np.random.Generator, Ints], tuple[Floats, float]]


def plain(rng: np.random.Generator, steps: Ints) -> tuple[Floats, float]:
    return walk(rng, steps, 50), 0.5


def vibrating(rng: np.random.Generator, steps: Ints) -> tuple[Floats, float]:
    return walk(rng, steps, 50, 0.3) + 0.5 * rng.normal(size=(len(steps), 50, 3)), 0.045


def covered(steps: Ints, motion: Motion, walks: int) -> tuple[float, float, float]:
    """Share of the walks with a D, share of these that cover the truth, and mean of D over the truth."""
    found = []
    for number in range(walks):
        paths, truth = motion(np.random.default_rng([20261120, number]), steps)
        result = vh.dynamics.diffusion(vh.dynamics.msd(uneven(paths, steps), "Li", drift=None, lags="log"))
        found.append([float(result.D) * SPACING * 1e4 / truth, float(result.D_error) * SPACING * 1e4 / truth])
    value, error = np.array(found).T
    given = np.isfinite(value)
    return float(given.mean()), float((np.abs(value[given] - 1) < error[given]).mean()), float(value[given].mean())


@pytest.mark.parametrize("steps", [BLOCKS, SINGLE], ids=["blocks", "single"])
def test_one_standard_error_covers_two_walks_of_three(steps: Ints) -> None:
    """A quick look at what the slow test measures: its bounds are wider, for 80 walks."""
    given, share, mean = covered(steps, plain, 80)
    assert given > 0.9
    assert 0.52 < share < 0.83
    assert mean == pytest.approx(1, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "motion"), [(BLOCKS, plain), (BLOCKS, vibrating), (EXTRA, vibrating), (SINGLE, plain)],
    ids=["blocks", "blocks-vibrating", "extra-vibrating", "single"],
)  # fmt: skip
def test_one_standard_error_covers_60_to_75_of_100(steps: Ints, motion: Motion) -> None:
    given, share, mean = covered(steps, motion, 300)
    assert given > 0.9
    assert 0.60 <= share <= 0.75
    assert mean == pytest.approx(1, abs=0.02)


# what a person gets


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    result = vh.dynamics.msd(uneven(walk(np.random.default_rng(12), BLOCKS, 50), BLOCKS), "Li", lags="log")
    vh.save(result, tmp_path / "msd.nc")
    again = vh.load(tmp_path / "msd.nc")
    assert again.identical(result)
    assert result.frame_time.attrs["units"] == "ps"
    first, second = vh.dynamics.diffusion(result), vh.dynamics.diffusion(again)
    assert first.attrs["verdict"] == "diffusive"
    assert float(first.D) == float(second.D)
    assert "none seen" in first.attrs["ageing"]


def test_what_changes_along_the_run_is_seen() -> None:
    rng = np.random.default_rng(13)
    scale = np.where(BLOCKS < 640, 1.0, 2.0)[:, None, None]
    paths = np.cumsum(np.diff(walk(rng, BLOCKS, 50), axis=0, prepend=0.0) * scale, axis=0)
    result = vh.dynamics.diffusion(vh.dynamics.msd(uneven(paths, BLOCKS), "Li", drift=None, lags="log"))
    assert "changes along the run" in result.attrs["ageing"]


def test_an_even_part_is_the_even_result() -> None:
    paths = walk(np.random.default_rng(14), EXTRA, 20)
    part = uneven(paths, EXTRA).uniform()
    assert part.spacing == pytest.approx(10 * SPACING)
    alone = vh.from_arrays(paths[EXTRA % 10 == 0], LENGTH, ["Li"] * 20, SPACING * EXTRA[EXTRA % 10 == 0], wrapped=False)
    np.testing.assert_allclose(vh.dynamics.msd(part, "Li").msd, vh.dynamics.msd(alone, "Li").msd, rtol=1e-9)
