"""The non-Gaussian parameter against double loops, closed forms and reference data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from walks import LENGTH, SPACING, brownian, cage, hops, ions

import vanhove as vh
from vanhove.dynamics.fourth_moments import over_even_frames

Floats = NDArray[np.float64]
ALL = np.arange(3)


def double_loop(paths: Floats, axes: tuple[int, ...] = (0, 1, 2)) -> tuple[Floats, Floats]:
    """⟨r²⟩ and ⟨r⁴⟩ at every lag, every pair of frames."""
    u = paths[..., axes]
    squares = [((u[m:] - u[: len(u) - m]) ** 2).sum(axis=-1) for m in range(len(u))]
    return np.array([s.mean() for s in squares]), np.array([(s**2).mean() for s in squares])


def of_moments(second: Floats, fourth: Floats, d: int = 3) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(d / (d + 2) * fourth / second**2 - 1)


# exactness


@pytest.mark.parametrize("velocity", [0.0, 50.0, 1e4])
@pytest.mark.parametrize("frames", [2, 3, 101, 600])
def test_the_moments_equal_the_double_loop(frames: int, velocity: float) -> None:
    """To 1e-10 of the largest value, and to 1e-7 of each one, on paths that fly thousands of cells away."""
    rng = np.random.default_rng(frames)
    paths = brownian(rng, frames, 7) + velocity * np.arange(frames)[:, None, None] * [1.0, -2.0, 0.5] + 1e4
    found = over_even_frames(ions(paths), None, ALL, "all", first_only=False)
    for values, expected in zip((found.second, found.fourth), double_loop(paths), strict=True):
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10 * expected.max())
        np.testing.assert_allclose(values, expected, rtol=1e-7)
    result = vh.dynamics.non_gaussian(ions(paths), "Li", drift=None)
    np.testing.assert_allclose(result.alpha2[1:], of_moments(*double_loop(paths))[1:], rtol=0, atol=1e-7)
    assert np.isnan(result.alpha2[0])


def test_rounding_is_as_small_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the direct sums at the shortest lags, too, ⟨r⁴⟩ is off by no more than the bound they are chosen by."""
    from vanhove.dynamics import fourth_moments

    monkeypatch.setattr(fourth_moments, "TOLERATED", 1e30)
    paths = brownian(np.random.default_rng(1), 2000, 9) + 1e3 * np.arange(2000)[:, None, None]
    found = over_even_frames(ions(paths), None, ALL, "all", first_only=False)
    expected = double_loop(paths)[1]
    powers = (((paths - paths.mean(axis=0)) ** 2).sum(axis=-1) ** 2).sum()
    origins = 9 * (2000 - np.arange(2000))
    assert (np.abs(found.fourth - expected) * origins).max() < fourth_moments.ROUNDING * powers
    assert abs(found.fourth[1] / expected[1] - 1) > 1e-8  # the planted drift is one that needs them


@pytest.mark.parametrize(("axes", "which"), [("x", (0,)), ("z", (2,)), ("xy", (0, 1)), ("zx", (0, 2))])
def test_axes_and_planes(axes: str, which: tuple[int, ...]) -> None:
    paths = hops(np.random.default_rng(2), 150, 9, 0.1, 2.0) * [1.0, 2.0, 3.0]
    second, fourth = double_loop(paths, which)
    for lags in ("all", "log"):
        result = vh.dynamics.non_gaussian(ions(paths), "Li", axes=axes, drift=None, lags=lags)
        frames = np.round(result.lag.values / SPACING).astype(int)
        np.testing.assert_allclose(result.msd, second[frames], rtol=1e-9)
        expected = of_moments(second, fourth, len(which))[frames]
        np.testing.assert_allclose(result.alpha2, expected, rtol=0, atol=1e-8)


def test_chosen_lags_and_origins() -> None:
    paths = brownian(np.random.default_rng(3), 300, 9)
    expected = of_moments(*double_loop(paths))
    some = vh.dynamics.non_gaussian(ions(paths), "Li", drift=None, lags=[0, 0.1, 2.5, 29.9])
    np.testing.assert_allclose(some.alpha2, expected[[0, 1, 25, 299]], rtol=0, atol=1e-10)
    many = vh.dynamics.non_gaussian(ions(paths), "Li", drift=None, lags=SPACING * np.arange(5, 205))
    np.testing.assert_allclose(many.alpha2, expected[5:205], rtol=0, atol=1e-9)
    first = vh.dynamics.non_gaussian(ions(paths), "Li", drift=None, origins="first")
    squares = ((paths - paths[0]) ** 2).sum(axis=-1)
    by_hand = of_moments(squares.mean(axis=1), (squares**2).mean(axis=1))
    np.testing.assert_allclose(first.alpha2[1:], by_hand[1:], rtol=0, atol=1e-12)
    np.testing.assert_allclose(first.n_independent, 9)


def test_uneven_frames_take_every_pair_that_far_apart() -> None:
    steps = (np.array([0, 1, 2, 4, 8, 16]) + 32 * np.arange(12)[:, None]).ravel()
    paths = brownian(np.random.default_rng(4), int(steps[-1]) + 1, 10)
    traj = vh.from_arrays(paths[steps], LENGTH, ["Li"] * 10, SPACING * steps, wrapped=False)
    for lags in ("log", "all", [0.1, 0.4, 3.2]):
        result = vh.dynamics.non_gaussian(traj, "Li", drift=None, lags=lags)
        for k, lag in enumerate(np.round(result.lag.values / SPACING).astype(int).tolist()):
            if lag == 0:
                continue
            pairs = [(i, i + lag) for i in steps.tolist() if i + lag in steps]
            squares = np.array([((paths[j] - paths[i]) ** 2).sum(axis=-1) for i, j in pairs])
            assert result.n_origins[k] == len(pairs)
            expected = of_moments(squares.mean(), (squares**2).mean())
            assert float(result.alpha2[k]) == pytest.approx(float(expected), abs=1e-10)
    once = vh.dynamics.non_gaussian(traj, "Li", drift=None, lags=[3.2], origins="first")
    assert float(once.n_origins[0]) == 1


@pytest.mark.parametrize("memory", ["1MB", "3MB"])
def test_blocks_give_the_whole(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    traj = ions(brownian(np.random.default_rng(5), 900, 40))
    at_once = {lags: vh.dynamics.non_gaussian(traj, "Li", lags=lags) for lags in ("all", "log")}
    monkeypatch.setenv("VANHOVE_MEMORY", memory)
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    for lags, expected in at_once.items():
        found = vh.dynamics.non_gaussian(traj, "Li", lags=lags)
        for name in ("alpha2", "alpha2_error", "msd"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-8, err_msg=name)


def test_msd_is_that_of_msd() -> None:
    paths = brownian(np.random.default_rng(6), 200, 12) + brownian(np.random.default_rng(7), 200, 1, 3.0)
    traj = ions(paths, ["Li"] * 5 + ["S"] * 7)
    for drift in ("cell", "framework", None):
        for lags in ("all", "log"):
            result = vh.dynamics.non_gaussian(traj, "Li", drift=drift, lags=lags)
            np.testing.assert_allclose(result.msd, vh.dynamics.msd(traj, "Li", drift=drift, lags=lags).msd, rtol=1e-9)


# closed forms and statistics


def test_a_gaussian_walk_has_none_and_no_peak() -> None:
    result = vh.dynamics.non_gaussian(ions(brownian(np.random.default_rng(8), 2000, 200)), "Li", drift=None)
    known = (result.lag > 0) & (result.lag < 0.2 * result.lag[-1])
    off = (result.alpha2 / result.alpha2_error)[known]
    assert float(np.sqrt((off**2).mean())) < 1.6
    assert float(np.abs(off).max()) < 4
    assert np.isnan(result.peak_time)
    assert "none" in result.attrs["peak"]


def test_two_species_have_the_closed_form() -> None:
    """Half with D1, half with D2: α₂ = 2(D1² + D2²)/(D1 + D2)² - 1 at every lag."""
    rng = np.random.default_rng(9)
    paths = np.concatenate([brownian(rng, 1500, 100, 1.0), brownian(rng, 1500, 100, 2.0)], axis=1)
    shuffled = paths[:, rng.permutation(200)]
    result = vh.dynamics.non_gaussian(ions(shuffled), "Li", drift=None)
    expected = 2 * (1 + 4**2) / (1 + 4) ** 2 - 1
    known = (result.lag > 0) & (result.lag < 10)
    assert (np.abs(result.alpha2 - expected)[known] < 4 * result.alpha2_error[known]).all()
    assert (result.alpha2_error[known] < 0.1).all()


def test_one_length_in_all_directions() -> None:
    """Every displacement equally long: α₂ = 3/5 - 1."""
    rng = np.random.default_rng(10)
    directions = rng.normal(size=(64, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    paths = directions * np.arange(50)[:, None, None]
    result = vh.dynamics.non_gaussian(ions(paths), "Li", drift=None)
    np.testing.assert_allclose(result.alpha2[1:], -0.4, atol=1e-9)


def rattling_hoppers(rng: np.random.Generator, frames: int, n: int, rate: float) -> Floats:
    """Ions that rattle quickly in a cage and hop 3 Å now and then."""
    return cage(rng, frames, n, 2.0, 0.4) + hops(rng, frames, n, rate, 3.0)


def test_hopping_between_cages_has_a_peak() -> None:
    """Against ⟨r²⟩ = v + kl² and ⟨r⁴⟩ of a vibration and a Poisson number of hops, k of them expected."""
    rate, length, width = 0.005, 3.0, 0.4
    result = vh.dynamics.non_gaussian(
        ions(rattling_hoppers(np.random.default_rng(11), 4000, 256, rate)), "Li", drift=None
    )
    t = np.geomspace(1, 1000, 400)
    # the path hops k times with a length √k l each where several fall on one frame: rare here
    v, k = 6 * width**2 * (1 - np.exp(-t / 2)), rate * t
    hop2, hop4 = k * length**2, (k + 5 / 3 * k**2) * length**4
    alpha = 0.6 * (5 / 3 * v**2 + 10 / 3 * v * hop2 + hop4) / (v + hop2) ** 2 - 1
    top = int(np.argmax(alpha))
    assert float(result.peak_height) == pytest.approx(alpha[top], abs=4 * float(result.peak_height_error))
    assert float(result.peak_time) == pytest.approx(t[top] * SPACING, rel=0.25)
    assert 0 < float(result.peak_time_error) < 0.3 * float(result.peak_time)
    assert result.attrs["peak"] == "found"


def test_a_peak_outside_the_run_is_not_one() -> None:
    rng = np.random.default_rng(12)
    slow = vh.dynamics.non_gaussian(ions(rattling_hoppers(rng, 2000, 64, 2e-5)), "Li", drift=None)
    assert np.isnan(slow.peak_time)
    assert np.isnan(slow.peak_height)
    assert "several times as long" in slow.attrs["peak"] or "zero within" in slow.attrs["peak"]
    quick = vh.dynamics.non_gaussian(ions(hops(rng, 3000, 256, 0.05, 3.0)), "Li", drift=None)
    assert np.isnan(quick.peak_time)
    assert "falls from the first lag" in quick.attrs["peak"]


def slow_hoppers(rng: np.random.Generator, frames: int, n: int, rate: float) -> Floats:
    """The same with hops that take ten frames: α₂ rises from the shortest lags on."""
    steps = np.diff(hops(rng, frames + 9, n, rate, 3.0), axis=0, prepend=0.0)
    taken = lfilter(np.full(10, 0.1), [1.0], steps, axis=0)[9:]
    return cage(rng, frames, n, 2.0, 0.4) + np.cumsum(taken, axis=0)


def test_the_stated_errors_are_the_scatter_between_runs() -> None:
    runs = [
        vh.dynamics.non_gaussian(
            ions(slow_hoppers(np.random.default_rng([13, i]), 1000, 64, 0.005)), "Li", drift=None, lags="log"
        )
        for i in range(60)
    ]
    early = runs[0].lag < 20
    scatter = np.std([run.alpha2.values for run in runs], axis=0, ddof=1)[early]
    stated = np.mean([run.alpha2_error.values for run in runs], axis=0)[early]
    np.testing.assert_allclose(stated / scatter, 1, atol=0.35)
    for name in ("peak_time", "peak_height"):
        found = [run for run in runs if np.isfinite(run[name])]
        assert len(found) > 50
        scatter = np.std([float(run[name]) for run in found], ddof=1)
        stated = np.mean([float(run[f"{name}_error"]) for run in found])
        assert stated / scatter == pytest.approx(1, abs=0.4)


def test_few_ions_have_a_random_walks_error() -> None:
    runs = [
        vh.dynamics.non_gaussian(ions(brownian(np.random.default_rng([14, i]), 100, 4)), "Li", drift=None, lags=[0.1])
        for i in range(200)
    ]
    assert "too few" in runs[0].attrs["error"]
    scatter = np.std([float(run.alpha2[0]) for run in runs])
    assert float(runs[0].alpha2_error[0]) / scatter == pytest.approx(1, abs=0.25)


# what a person gets


def test_still_ions_have_no_alpha() -> None:
    result = vh.dynamics.non_gaussian(ions(np.ones((20, 10, 3))), "Li", drift=None)
    assert np.isnan(result.alpha2).all()
    assert np.isnan(result.peak_height)
    vh.draw(result)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(axes="xx"), "axes='xx'"), (dict(axes=""), "axes=''"), (dict(axes="a"), "axes='a'"),
        (dict(lags=[0.25]), "no lag of 0.25 ps"), (dict(lags="some"), "lags='some'"),
        (dict(origins="last"), "origins='last'"), (dict(drift="atoms"), "drift='atoms'"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(vh.Refusal, match=says):
        vh.dynamics.non_gaussian(ions(brownian(np.random.default_rng(15), 50, 8)), "Li", **options)


def test_no_such_species_and_no_second_frame_are_refused() -> None:
    with pytest.raises(vh.Refusal, match="no 'Na'"):
        vh.dynamics.non_gaussian(ions(brownian(np.random.default_rng(16), 50, 8)), "Na")
    with pytest.raises(vh.Refusal, match="One frame"):
        vh.dynamics.non_gaussian(ions(brownian(np.random.default_rng(16), 1, 8)), "Li")


# reference data


def test_li_in_argyrodite(shared_data: Path) -> None:
    traj = vh.open(shared_data / "li6ps5cl-aimd" / "XDATCAR-50p-run1.gz", spacing=0.1, temperature=500)
    for lags in ("all", [1.0]):
        result = vh.dynamics.non_gaussian(traj, "Li", drift="framework", lags=lags)
        assert float(result.alpha2.sel(lag=1.0, method="nearest")) == pytest.approx(0.544164, abs=1e-6)


@pytest.mark.parametrize(
    ("kelvin", "expected"), [(600, (0.789501, 1.077091, 1.019001)), (1000, (0.547410, 0.405547, 0.297526))]
)
def test_sodium_in_thiosilicate_glass(kelvin: int, expected: tuple[float, ...], shared_data: Path) -> None:
    path = shared_data / "na2s-sis2-md" / f"prod_{kelvin}K.dump.gz"
    traj = vh.open(path, species={1: "Na", 2: "Si", 3: "S"}, timestep=0.001)
    result = vh.dynamics.non_gaussian(traj, "Na")
    np.testing.assert_allclose(result.alpha2.sel(lag=[1.0, 5.0, 10.0], method="nearest"), expected, atol=1e-6)
