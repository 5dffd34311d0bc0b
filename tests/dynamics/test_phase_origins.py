"""Displacements by the phase of the ion at the origin: double loops over changing masks, planted phases, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from walks import SPACING, Floats, brownian, hops, ions

import vanhove as vh

Bools = NDArray[np.bool_]
UNEVEN = np.array([0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 1.7, 1.8, 2.0, 2.4, 3.2, 3.3, 3.4, 3.6, 4.0, 4.8, 6.4])


def visits(rng: np.random.Generator, frames: int, n: int, stay: float = 12.0) -> Bools:
    """Which of ``n`` atoms are in a phase at each frame: they come and go, and one of them is never there."""
    inside = np.cumsum(rng.random((frames, n)) < 1 / stay, axis=0) % 2 == rng.integers(0, 2, n)
    inside[:, 0] = False
    return np.asarray(inside)


def pairs(times: Floats, lag: float) -> tuple[list[int], list[int]]:
    """The frames that are a lag apart."""
    both = [(i, j) for i in range(len(times)) for j in range(i, len(times)) if abs(times[j] - times[i] - lag) < 1e-6]
    return [i for i, _ in both], [j for _, j in both]


def double_loop(paths: Floats, inside: Bools, times: Floats, lags: Floats) -> list[Floats]:
    """The displacements (displacement, axis) from every origin in the phase, by lag."""
    found = []
    for lag in lags:
        first, second = pairs(times, float(lag))
        steps = [
            paths[j, a] - paths[i, a] for i, j in zip(first, second, strict=True) for a in np.flatnonzero(inside[i])
        ]
        found.append(np.array(steps).reshape(-1, 3))
    return found


def on(paths: Floats, times: Floats | None = None) -> vh.Trajectory:
    if times is None:
        return ions(paths)
    return vh.from_arrays(paths, 50.0, ["Li"] * paths.shape[1], times, wrapped=False)


def squares(steps: list[Floats]) -> Floats:
    return np.array([(one**2).mean(axis=0) if len(one) else np.full(3, np.nan) for one in steps])


# the mean squared displacement


@pytest.mark.parametrize("velocity", [0.0, 50.0])
@pytest.mark.parametrize("lags", ["all", "log"])
def test_the_msd_from_changing_origins_is_the_double_loop(lags: str, velocity: float) -> None:
    rng = np.random.default_rng(1)
    paths = brownian(rng, 90, 9) + velocity * np.arange(90)[:, None, None] * [1.0, -2.0, 0.5] + 1e4
    inside = visits(rng, 90, 9)
    inside[70:] = False  # lags up to the end, but no origin close to it
    result = vh.dynamics.msd(ions(paths), "Li", drift=None, lags=lags, phase=inside)
    steps = double_loop(paths, inside, SPACING * np.arange(90), result.lag.values)
    expected = squares(steps)
    np.testing.assert_allclose(result.msd_axis, expected, rtol=1e-8, atol=1e-10 * np.nanmax(expected))
    np.testing.assert_array_equal(result.n_displacements, [len(one) for one in steps])
    assert result.attrs["n_ions"] == inside.any(axis=0).sum()
    assert result.attrs["phase_share"] == pytest.approx(inside.mean())
    assert (result.n_independent <= result.n_displacements * (1 + 1e-9)).all()


def test_of_uneven_frames() -> None:
    rng = np.random.default_rng(2)
    paths, inside = brownian(rng, len(UNEVEN), 12), visits(rng, len(UNEVEN), 12, 4.0)
    result = vh.dynamics.msd(on(paths, UNEVEN), "Li", drift=None, phase=inside)
    expected = squares(double_loop(paths, inside, UNEVEN, result.lag.values))
    np.testing.assert_allclose(result.msd_axis, expected, rtol=1e-12)


def test_a_lag_without_an_origin_has_no_value() -> None:
    rng = np.random.default_rng(3)
    inside = np.zeros((50, 20), bool)
    inside[30:] = rng.random((20, 20)) < 0.5
    result = vh.dynamics.msd(ions(brownian(rng, 50, 20)), "Li", drift=None, phase=inside)
    np.testing.assert_array_equal(np.isnan(result.msd), np.arange(50) >= 20)
    np.testing.assert_array_equal(result.n_independent[20:], 0)
    assert np.isnan(float(vh.dynamics.diffusion(result).D)) or vh.dynamics.diffusion(result).attrs["verdict"]


@pytest.mark.parametrize("lags", ["all", "log"])
@pytest.mark.parametrize("times", [None, UNEVEN])
def test_a_mask_that_is_always_true_is_no_mask(
    lags: str, times: Floats | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by the sums over origins, where a mask that never changes is not made a selection."""
    from vanhove.dynamics import _msd, phase_origins

    rng = np.random.default_rng(4)
    paths = brownian(rng, 200 if times is None else len(times), 64)
    traj = on(paths, times)
    plain = vh.dynamics.msd(traj, "Li", lags=lags)
    every = np.ones((len(paths), 64), bool)
    same = vh.dynamics.msd(traj, "Li", lags=lags, phase=every)
    for name in ("msd", "msd_error", "n_independent", "msd_part"):
        np.testing.assert_array_equal(same[name], plain[name])

    def unwilling(*arguments: object, **options: object) -> phase_origins.Origins:
        found = phase_origins.origins_of(*arguments, **options)
        return phase_origins.Origins(found.ions, found.everyone, every.T.copy(), found.phase)

    monkeypatch.setattr(_msd, "origins_of", unwilling)
    summed = vh.dynamics.msd(traj, "Li", lags=lags, phase=every)
    np.testing.assert_allclose(summed.msd_axis, plain.msd_axis, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(summed.msd_part, plain.msd_part, rtol=1e-11)
    np.testing.assert_allclose(summed.n_independent, plain.n_independent, rtol=1e-9)
    # groups are averaged over all origins here, over the parts' means there
    np.testing.assert_allclose(summed.msd_error, plain.msd_error, rtol=0.03)
    one, other = vh.dynamics.diffusion(summed), vh.dynamics.diffusion(plain)
    assert float(one.D) == pytest.approx(float(other.D), rel=1e-6, nan_ok=True)
    assert float(one.D_error) == pytest.approx(float(other.D_error), rel=0.05, nan_ok=True)


def test_labels_that_stay_are_a_selection() -> None:
    rng = np.random.default_rng(5)
    traj = ions(brownian(rng, 120, 30))
    mine = rng.random(30) < 0.4
    alone = vh.dynamics.msd(traj.where(mine), "Li")
    for phase in (mine, np.tile(mine, (120, 1))):
        result = vh.dynamics.msd(traj, "Li", phase=phase)
        np.testing.assert_array_equal(result.msd, alone.msd)
        np.testing.assert_array_equal(result.msd_error, alone.msd_error)
    names = np.where(mine, "grain A", "grain B")
    named = vh.dynamics.msd(traj, "Li", phase="grain A", phases=names)
    np.testing.assert_array_equal(named.msd, alone.msd)
    assert named.attrs["title"] == "Mean squared displacement of Li in the grain A"


def test_the_first_frame_as_the_only_origin() -> None:
    rng = np.random.default_rng(6)
    paths, inside = brownian(rng, 60, 15), visits(rng, 60, 15)
    result = vh.dynamics.msd(ions(paths), "Li", drift=None, origins="first", phase=inside)
    np.testing.assert_allclose(result.msd_axis, ((paths - paths[0]) ** 2)[:, inside[0]].mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize("memory", ["1MB", "3MB"])
def test_blocks_give_the_whole(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    paths, inside = brownian(rng, 900, 40), visits(rng, 900, 40, 50.0)
    at_once = {lags: vh.dynamics.msd(ions(paths), "Li", lags=lags, phase=inside) for lags in ("all", "log")}
    monkeypatch.setenv("VANHOVE_MEMORY", memory)
    monkeypatch.setenv("VANHOVE_THREADS", "2")
    for lags, expected in at_once.items():
        found = vh.dynamics.msd(ions(paths), "Li", lags=lags, phase=inside)
        for name in ("msd", "msd_part", "msd_error", "n_independent"):
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


# the non-Gaussian parameter


def alpha2(steps: list[Floats], axes: list[int]) -> Floats:
    d, found = len(axes), []
    for one in steps:
        square = (one[:, axes] ** 2).sum(axis=1)
        moves = len(square) and square.mean() > 0
        found.append(d / (d + 2) * (square**2).mean() / square.mean() ** 2 - 1 if moves else np.nan)
    return np.array(found)


@pytest.mark.parametrize(("velocity", "axes"), [(0.0, "xyz"), (0.0, "xz"), (0.0, "y"), (5.0, "xyz")])
def test_alpha2_from_changing_origins_is_the_double_loop(velocity: float, axes: str) -> None:
    rng = np.random.default_rng(8)
    paths = brownian(rng, 90, 9) + velocity * np.arange(90)[:, None, None] + 1e4
    inside = visits(rng, 90, 9)
    result = vh.dynamics.non_gaussian(ions(paths), "Li", drift=None, axes=axes, phase=inside)
    steps = double_loop(paths, inside, SPACING * np.arange(90), result.lag.values)
    which = ["xyz".index(axis) for axis in axes]
    np.testing.assert_allclose(result.alpha2, alpha2(steps, which), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(result.msd, squares(steps)[:, which].sum(axis=1), rtol=1e-8)


def test_alpha2_of_uneven_frames() -> None:
    rng = np.random.default_rng(9)
    paths, inside = brownian(rng, len(UNEVEN), 12), visits(rng, len(UNEVEN), 12, 4.0)
    result = vh.dynamics.non_gaussian(on(paths, UNEVEN), "Li", drift=None, phase=inside)
    expected = alpha2(double_loop(paths, inside, UNEVEN, result.lag.values), [0, 1, 2])
    np.testing.assert_allclose(result.alpha2, expected, rtol=1e-10)


@pytest.mark.parametrize("times", [None, UNEVEN])
def test_alpha2_of_a_mask_that_is_always_true(times: Floats | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from vanhove.dynamics import _non_gaussian, phase_origins

    rng = np.random.default_rng(10)
    paths = brownian(rng, 300 if times is None else len(times), 64)
    traj, every = on(paths, times), np.ones((paths.shape[1], len(paths)), bool)
    plain = vh.dynamics.non_gaussian(traj, "Li")
    monkeypatch.setattr(
        _non_gaussian, "origins_of", lambda *_, **__: phase_origins.Origins(traj, traj, every, "everywhere")
    )
    summed = vh.dynamics.non_gaussian(traj, "Li")
    for name in ("msd", "alpha2", "alpha2_error", "n_independent", "peak_time", "peak_height"):
        np.testing.assert_allclose(summed[name], plain[name], rtol=1e-7, atol=1e-8, err_msg=name)


# the Van Hove function and what is made of it


@pytest.mark.parametrize(("times", "origins"), [(None, "all"), (None, 3), (UNEVEN, "all")])
def test_van_hove_from_changing_origins_is_the_double_loop(times: Floats | None, origins: str | int) -> None:
    rng = np.random.default_rng(11)
    frames = 60 if times is None else len(times)
    paths, inside = brownian(rng, frames, 12), visits(rng, frames, 12, 6.0)
    when = SPACING * np.arange(frames) if times is None else times
    traj = on(paths, times)
    result = vh.dynamics.van_hove(traj, "Li", r_max=8.0, width=0.5, drift=None, origins=origins, phase=inside)
    kept = inside.copy()
    if origins != "all":
        kept[np.arange(frames) % 3 != 0] = False
    for k, steps in enumerate(double_loop(paths, kept, when, result.lag.values)):
        one = result.isel(lag=k)
        if len(steps) == 0:
            assert np.isnan(one.P).all()
            assert np.isnan(one.msd)
            continue
        far = np.linalg.norm(steps, axis=1)
        np.testing.assert_allclose(one.P * 0.5, np.histogram(far, np.arange(17) * 0.5)[0] / len(far), rtol=1e-12)
        np.testing.assert_allclose(one.beyond, (far >= 8.0).mean(), atol=1e-12)
        np.testing.assert_allclose(one.msd, (far**2).mean(), rtol=1e-12)
        assert one.n_displacements == len(far)
    left = vh.dynamics.gaussian_departure(result, 4.0)
    np.testing.assert_array_equal(left.beyond, result.outside.isel(r=7))
    assert left.attrs["phase"] == "a mask"


def test_van_hove_of_a_mask_that_is_always_true(monkeypatch: pytest.MonkeyPatch) -> None:
    from vanhove.dynamics import _van_hove, phase_origins

    traj = ions(brownian(np.random.default_rng(12), 300, 64))
    every = np.ones((64, 300), bool)
    plain = vh.dynamics.van_hove(traj, "Li")
    monkeypatch.setattr(_van_hove, "origins_of", lambda *_, **__: phase_origins.Origins(traj, traj, every, "all"))
    summed = vh.dynamics.van_hove(traj, "Li")
    for name in ("P", "P_error", "excess", "excess_error", "n_independent", "msd"):
        np.testing.assert_allclose(summed[name], plain[name], rtol=1e-9, atol=1e-12, err_msg=name)


# each ion's own displacement


@pytest.mark.parametrize("times", [None, UNEVEN])
def test_displacements_of_ions_from_changing_origins(times: Floats | None) -> None:
    rng = np.random.default_rng(13)
    frames = 40 if times is None else len(times)
    paths, inside = brownian(rng, frames, 12), visits(rng, frames, 12, 8.0)
    when = SPACING * np.arange(frames) if times is None else times
    traj, here = on(paths, times), np.flatnonzero(inside.any(axis=0))
    result = vh.dynamics.displacements(traj, "Li", drift=None, origins="all", phase=inside)
    np.testing.assert_array_equal(result.index, here)
    for place, atom in enumerate(here):
        steps = double_loop(paths[:, [atom]], inside[:, [atom]], when, result.lag.values)
        np.testing.assert_allclose(result.r2[:, place], squares(steps).sum(axis=1), rtol=1e-12)
    whole = vh.dynamics.msd(traj, "Li", drift=None, phase=inside, lags=result.lag.values.tolist())
    np.testing.assert_allclose(result["mean"], whole.msd, rtol=1e-10)
    first = vh.dynamics.displacements(traj, "Li", drift=None, phase=inside)
    np.testing.assert_array_equal(first.index, np.flatnonzero(inside[0]))
    np.testing.assert_allclose(first["mean"].values, first.r2.mean("atom"))


# jumps


def test_jumps_and_waits_by_where_they_begin() -> None:
    """The jumps of all ions, told apart afterwards by their first frames, with time and waits counted by hand."""
    rng = np.random.default_rng(14)
    frames, n = 1500, 16
    paths = hops(rng, frames, n, 0.02, 3.0) + rng.normal(0, 0.15, (frames, n, 3))
    inside = visits(rng, frames, n, 200.0)
    settings = {"drift": None, "vibration": 0.26}
    traj = ions(paths)
    every = vh.dynamics.jumps(traj, "Li", **settings)
    result = vh.dynamics.jumps(traj, "Li", phase=inside, **settings)
    assert every.attrs["jumps"] > 300
    left, reached = (np.rint((every.time + sign * every.duration / 2) / SPACING).astype(int).values for sign in (-1, 1))
    atom = every.atom.values
    mine = inside[left, atom]
    assert 0.2 < mine.mean() < 0.8
    for name in ("atom", "time", "length", "duration", "waiting"):
        np.testing.assert_array_equal(result[name], every[name].values[mine], err_msg=name)
    watched = SPACING * inside[:-1].sum(axis=0)
    here = np.flatnonzero(inside.any(axis=0))
    np.testing.assert_allclose(result.watched, watched[here])
    np.testing.assert_array_equal(result.ion, here)
    np.testing.assert_allclose(result.rate, mine.sum() / watched.sum())
    np.testing.assert_allclose(result.D, (result.length**2).sum() / (6 * watched.sum()) * 1e-4)
    np.testing.assert_array_equal(result.jumps_of_ion, np.bincount(atom[mine], minlength=n)[here])
    assert result.recrossings.sum() <= every.recrossings.sum()
    waits = []  # (frames, whether a jump ended it)
    for k in np.flatnonzero(inside[reached, atom]):
        again = k + 1 < len(atom) and atom[k + 1] == atom[k]
        end = (left[k + 1] + reached[k + 1]) / 2 if again else frames - 1
        waits.append((round(end - (left[k] + reached[k]) / 2), again))
    for wait, share in zip(result.wait.values, result.survival.values, strict=True):
        product = 1.0
        for step in range(round(wait / SPACING) + 1):
            watching = sum(other >= step for other, _ in waits)
            ends = sum(other == step and again for other, again in waits)
            product *= 1 - ends / watching if watching else np.nan
        np.testing.assert_allclose(share, product)


def test_jumps_of_a_mask_that_is_always_true_are_all_jumps() -> None:
    rng = np.random.default_rng(15)
    traj = ions(hops(rng, 800, 12, 0.02, 3.0) + rng.normal(0, 0.15, (800, 12, 3)))
    plain = vh.dynamics.jumps(traj, "Li")
    same = vh.dynamics.jumps(traj, "Li", phase=np.ones((800, 12), bool))
    for name in plain.data_vars:
        np.testing.assert_array_equal(same[name], plain[name], err_msg=name)


@pytest.mark.parametrize("times", [None, UNEVEN])
def test_a_phase_and_the_rest_make_the_whole(times: Floats | None) -> None:
    rng = np.random.default_rng(16)
    frames = 120 if times is None else len(times)
    paths, inside = brownian(rng, frames, 20), visits(rng, frames, 20, 20.0)
    traj = on(paths, times)
    every = vh.dynamics.van_hove(traj, "Li", "all")
    for name, function in (("msd", vh.dynamics.msd), ("P", vh.dynamics.van_hove)):
        whole, one, rest = (function(traj, "Li", lags="all", phase=mask) for mask in (None, inside, ~inside))
        parts = [part[name].fillna(0) * part.n_displacements for part in (one, rest)]
        total = one.n_displacements + rest.n_displacements
        np.testing.assert_array_equal(total, every.n_origins * 20)
        np.testing.assert_allclose((parts[0] + parts[1]) / total, whole[name], rtol=1e-9, atol=1e-12)
