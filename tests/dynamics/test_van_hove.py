"""The self Van Hove function and its departure from the Gaussian, against histograms by hand and closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import maxwell
from walks import LENGTH, SPACING, brownian, cage, hops, ions

import vanhove as vh
from vanhove.dynamics import gaussian_reference

Floats = NDArray[np.float64]
STEPS = (np.array([0, 1, 2, 4, 8, 16]) + 32 * np.arange(12)[:, None]).ravel()


def by_hand(paths: Floats, pairs: list[tuple[int, int]], edges: Floats) -> tuple[Floats, float, float]:
    """P, the part beyond, and the MSD."""
    far = np.concatenate([np.linalg.norm(paths[j] - paths[i], axis=1) for i, j in pairs])
    counts = np.histogram(far, edges)[0]
    return counts / (len(far) * np.diff(edges)), float((far >= edges[-1]).mean()), float((far**2).mean())


def frames_of(lag: Floats) -> list[int]:
    return [int(frames) for frames in np.round(lag / SPACING)]


# exactness


@pytest.mark.parametrize(
    ("origins", "start"), [("all", slice(None)), ("first", slice(1)), (7, slice(None, None, 7)), (1, slice(None))]
)
def test_it_equals_the_histogram(origins: str | int, start: slice) -> None:
    paths = brownian(np.random.default_rng(1), 120, 9) + 20.0 * np.arange(120)[:, None, None] * [0.01, 0, 0]
    for lags in ("log", [0.1, 0.7, 11.9], "all"):
        result = vh.dynamics.van_hove(ions(paths), "Li", lags, r_max=9.0, width=0.25, drift=None, origins=origins)
        edges = 0.25 * np.arange(37)
        np.testing.assert_allclose(result.r, (edges[1:] + edges[:-1]) / 2)
        for k, lag in enumerate(frames_of(result.lag.values)):
            pairs = [(i, i + lag) for i in range(120 - lag)[start]]
            p, beyond, msd = by_hand(paths, pairs, edges)
            np.testing.assert_allclose(result.P[k], p, atol=1e-12)
            assert float(result.beyond[k]) == pytest.approx(beyond, abs=1e-12)
            assert float(result.msd[k]) == pytest.approx(msd, rel=1e-9, abs=1e-12)
            assert int(result.n_origins[k]) == len(pairs)


@pytest.mark.parametrize("origins", ["all", "first", 3])
def test_uneven_frames_take_every_pair_that_far_apart(origins: str | int) -> None:
    paths = brownian(np.random.default_rng(2), int(STEPS[-1]) + 1, 10)
    traj = vh.from_arrays(paths[STEPS], LENGTH, ["Li"] * 10, SPACING * STEPS, wrapped=False)
    lags = "log" if origins != 3 else [0.1, 3.2, 6.4]
    result = vh.dynamics.van_hove(traj, "Li", lags, width=0.5, drift=None, origins=origins)
    allowed = {"all": STEPS, "first": STEPS[:1]}.get(str(origins), STEPS[::3]).tolist()
    for k, lag in enumerate(frames_of(result.lag.values)):
        pairs = [(i, i + lag) for i in allowed if i + lag in STEPS]
        p, beyond, _ = by_hand(paths, pairs, 0.5 * np.arange(21))
        np.testing.assert_allclose(result.P[k], p, atol=1e-12)
        assert float(result.beyond[k]) == pytest.approx(beyond, abs=1e-12)


def test_what_belongs_together() -> None:
    paths = brownian(np.random.default_rng(3), 400, 40, 0.5)
    traj = ions(paths, ["Li"] * 20 + ["S"] * 20)
    result = vh.dynamics.van_hove(traj, "Li", r_max=12.0, width=0.1, drift="framework")
    np.testing.assert_allclose((result.P * 0.1).sum("r") + result.beyond, 1, atol=1e-12)
    np.testing.assert_allclose(result.P, result.G_s * 4 * np.pi * result.r**2)
    np.testing.assert_allclose((result.P_gaussian * 0.1).sum("r") + result.beyond_gaussian, 1, atol=1e-12)
    np.testing.assert_allclose(result.outside, 1 - np.cumsum(result.P * 0.1, axis=1), atol=1e-12)
    msd = vh.dynamics.msd(traj, "Li", drift="framework", lags="log").msd
    np.testing.assert_allclose(result.msd, msd, rtol=1e-9)
    inside = result.beyond == 0
    second = (result.P * 0.1 * result.r**2).sum("r")
    # a bin's centre stands for all in it: off by up to half a width times the mean distance
    assert (np.abs(second - result.msd)[inside] < 0.05 * 0.1 * np.sqrt(result.msd)[inside] + 0.1**2).all()


@pytest.mark.parametrize("memory", ["2MB", "5MB"])
def test_blocks_give_the_whole(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    traj = ions(brownian(np.random.default_rng(4), 900, 40))
    at_once = vh.dynamics.van_hove(traj, "Li", [1.0, 10.0])
    monkeypatch.setenv("VANHOVE_MEMORY", memory)
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    found = vh.dynamics.van_hove(traj, "Li", [1.0, 10.0])
    for name in ("P", "P_error", "excess_error", "msd"):
        np.testing.assert_allclose(found[name], at_once[name], rtol=1e-9, atol=1e-12, err_msg=name)
    with pytest.raises(vh.Refusal, match="Histograms of 900 lags"):
        vh.dynamics.van_hove(traj, "Li", "all")


# closed forms and statistics


def test_a_random_walk_is_the_gaussian() -> None:
    result = vh.dynamics.van_hove(
        ions(brownian(np.random.default_rng(5), 1500, 200)), "Li", [0.1, 0.4, 1.0], r_max=15.0, width=0.25, drift=None
    )
    edges = 0.25 * np.arange(61)
    for k, steps in enumerate((1, 4, 10)):
        expected = np.diff(maxwell.cdf(edges, scale=np.sqrt(steps))) / 0.25
        off = (result.P[k] - expected) / result.P_error[k].where(result.P_error[k] > 0)
        often = expected > 0.001
        assert float(np.sqrt((off.values[often] ** 2).mean())) < 1.5
        np.testing.assert_allclose(result.P_gaussian[k], expected, rtol=0.03, atol=1e-4)


@pytest.mark.parametrize(("n", "frames", "most"), [(64, 300, 1.35), (4, 60, 2.3)])
def test_the_stated_errors_are_the_scatter_between_runs(n: int, frames: int, most: float) -> None:
    """Those of few ions are too large for P: overlapping displacements share a bin less than they share squares."""
    runs = [
        vh.dynamics.van_hove(
            ions(brownian(np.random.default_rng([6, i]), frames, n)), "Li", [0.1, 0.8], width=0.5, drift=None
        )
        for i in range(60)
    ]
    for name in ("P", "outside", "msd"):
        values = np.array([run[name].values for run in runs])
        stated = np.sqrt(np.mean([run[f"{name}_error"].values ** 2 for run in runs], axis=0))
        often = (values.mean(axis=0) > 0.05) & ((values.mean(axis=0) < 0.95) | (name == "msd"))
        ratio = float(np.median(stated[often] / values.std(axis=0, ddof=1)[often]))
        assert 0.65 < ratio < most, name


def hoppers(seed: int, rate: float = 0.01) -> Floats:
    rng = np.random.default_rng(seed)
    return cage(rng, 1500, 200, 2.0, 0.3) + hops(rng, 1500, 200, rate, 4.0)


def test_a_random_walk_departs_nowhere() -> None:
    result = vh.dynamics.van_hove(ions(brownian(np.random.default_rng(7), 1500, 200, 0.3)), "Li", drift=None)
    found = vh.dynamics.gaussian_departure(result, 3.0, D=0.5 * 0.09 / SPACING * 1e-4)
    assert np.isnan(found.departure).all()
    assert np.isnan(found.second_maximum).all()
    assert found.attrs["verdict"].startswith("none")
    known = result.lag < 20
    off = np.abs(found.beyond - found.beyond_gaussian)[known]
    assert (off <= 4 * found.beyond_error[known] + 1e-4).all()
    np.testing.assert_allclose(found.beyond_D[known], found.beyond_gaussian[known], atol=0.05)


def test_walks_of_few_displacements_depart_nowhere() -> None:
    """At the longest lags a few displacements agree by chance with anything; 10 walks, 50 lags each."""
    for number in range(10):
        paths = brownian(np.random.default_rng([17, number]), 600, 64, 0.4)
        result = vh.dynamics.van_hove(ions(paths), "Li", drift=None)
        found = vh.dynamics.gaussian_departure(result, 3.0)
        assert np.isnan(found.departure).all()
        assert np.isnan(found.second_maximum).all()


@pytest.mark.parametrize("fitted", [True, False])
def test_the_scatter_of_a_tail(fitted: bool) -> None:
    squares = (np.random.default_rng(18).normal(size=(8000, 50, 3)) ** 2).sum(axis=-1)
    r = np.array([0.5, 1.0, 2.0, 3.0])
    seen = (np.sqrt(squares)[..., None] > r).mean(axis=1)
    msd = squares.mean(axis=1) if fitted else np.array(3.0)
    found = (seen - gaussian_reference.tail(msd, r)).std(axis=0) * np.sqrt(50)
    np.testing.assert_allclose(gaussian_reference.tail_scatter(np.array(3.0), r, fitted=fitted), found, rtol=0.04)


def test_hoppers_depart_and_have_a_second_maximum() -> None:
    result = vh.dynamics.van_hove(ions(hoppers(8)), "Li", [1.0, 4.0], drift=None)
    found = vh.dynamics.gaussian_departure(result, 2.5)
    assert (found.departure > 1.5).all()
    assert (found.departure < 4.0).all()
    assert (found.excess > 4 * found.excess_error).all()
    np.testing.assert_allclose(found.second_maximum, 4.0, atol=0.3)
    # of Poisson hops none, and of a vibration none beyond 2.5 Å: one hop or more has happened
    gone = 1 - np.exp(-0.01 * np.array([10, 40]))
    assert (np.abs(found.beyond - gone) < 4 * found.beyond_error + 0.01).all()
    assert "more long displacements" in found.attrs["verdict"]


def test_the_departure_radius_is_where_the_curves_cross() -> None:
    """Half the ions with D, half with 9 D: the radius of equal densities, in closed form."""
    rng = np.random.default_rng(9)
    paths = np.concatenate([brownian(rng, 800, 200, 0.2), brownian(rng, 800, 200, 0.6)], axis=1)
    result = vh.dynamics.van_hove(ions(paths[:, rng.permutation(400)]), "Li", [1.0], r_max=12.0, width=0.05, drift=None)
    found = vh.dynamics.gaussian_departure(result, 3.0, D=0.5 * 0.04 / SPACING * 1e-4)
    r = np.linspace(0.5, 8, 4000)
    variance = 10 * np.array([0.04, 0.36])
    mixture = 0.5 * sum(maxwell.pdf(r, scale=np.sqrt(v)) for v in variance)
    above = mixture > maxwell.pdf(r, scale=np.sqrt(variance.mean()))
    crossing = r[1:][above[1:] & ~above[:-1]][-1]
    assert float(found.departure[0]) == pytest.approx(crossing, abs=0.12)
    at = np.array([3.0])
    expected = 0.5 * sum(maxwell.sf(at, scale=np.sqrt(v)) for v in variance)
    assert float(found.beyond[0]) == pytest.approx(float(expected[0]), abs=4 * float(found.beyond_error[0]))
    assert float(found.departure_D[0]) < float(found.departure[0])  # all go further than the slow half's Gaussian


def test_still_ions_stay_in_the_first_bin() -> None:
    result = vh.dynamics.van_hove(ions(np.ones((30, 10, 3))), "Li", [0.0, 1.0], drift=None)
    np.testing.assert_allclose(result.P[:, 0], 10.0)
    np.testing.assert_allclose(result.P_gaussian[:, 0], 10.0)
    assert np.isnan(vh.dynamics.gaussian_departure(result, 1.0).departure).all()
    for one in (result, vh.dynamics.van_hove(ions(np.ones((30, 10, 3))), "Li", drift=None)):
        vh.draw(one)


# what a person gets


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    result = vh.dynamics.van_hove(ions(hoppers(10)[:300, :30]), "Li", [1.0, 2.0], drift=None)
    vh.save(result, tmp_path / "g.nc")
    again = vh.load(tmp_path / "g.nc")
    assert again.identical(result)
    first, second = (vh.dynamics.gaussian_departure(one, 2.5) for one in (result, again))
    assert first.drop_attrs().identical(second.drop_attrs())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(lags=[0.25]), "no lag of 0.25 ps"), (dict(lags="some"), "lags='some'"), (dict(r_max=-1.0), "r_max=-1"),
        (dict(width=0.0), "width=0"), (dict(width=20.0), "0 bins"), (dict(width="wide"), "width='wide'"),
        (dict(origins="last"), "origins='last'"), (dict(origins=0), "origins=0"), (dict(origins=True), "origins=True"),
        (dict(origins=1.5), "origins=1.5"), (dict(drift="atoms"), "drift='atoms'"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(vh.Refusal, match=says):
        vh.dynamics.van_hove(ions(brownian(np.random.default_rng(11), 50, 8)), "Li", **options)


def test_departures_are_refused_without_what_they_need() -> None:
    traj = ions(brownian(np.random.default_rng(12), 50, 8))
    result = vh.dynamics.van_hove(traj, "Li", [1.0])
    for r_c in (0.0, 11.0, np.nan):
        with pytest.raises(vh.Refusal, match="r_c="):
            vh.dynamics.gaussian_departure(result, r_c)
    with pytest.raises(vh.Refusal, match="D=-1"):
        vh.dynamics.gaussian_departure(result, 1.0, D=-1.0)
    with pytest.raises(vh.Refusal, match="no result of van_hove"):
        vh.dynamics.gaussian_departure(vh.dynamics.msd(traj, "Li"), 1.0)


# reference data


def test_sodium_in_thiosilicate_glass(shared_data: Path) -> None:
    path = shared_data / "na2s-sis2-md" / "prod_1000K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001)
    result = vh.dynamics.van_hove(traj, "Na", [1.0, 5.0, 10.0], r_max=30.0)
    np.testing.assert_allclose(result.msd, (3.371049, 11.427111, 20.785722), rtol=1e-6)
    np.testing.assert_allclose((result.P * 0.1 * result.r**2).sum("r"), result.msd, rtol=2e-3)
    assert (vh.dynamics.gaussian_departure(result, 6.0).departure > 2).all()
