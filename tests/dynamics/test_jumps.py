"""Jumps without sites: planted walks with vibration, hops that take time and recrossings; closed cases; refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from walks import Floats, brownian

import vanhove as vh


def walk(
    rng: np.random.Generator, frames: int, n: int, spacing: float, *, wait: float, length: float, hop: float,
    vibration: float, returns: float = 0.0, memory: float = 0.0,
) -> tuple[Floats, int, int]:  # fmt: skip
    """Jumps in random directions after exponential waits, each ``hop`` ps long; there-and-back ``returns`` per ps.

    Gives paths (frame, atom, axis) and how many jumps and returns they hold. ``vibration`` is the 3-D rms amplitude,
    ``memory`` its relaxation time (ps).
    """
    times = spacing * np.arange(frames)
    paths = np.empty((frames, n, 3))
    jumps = back = 0

    def away() -> Floats:
        direction = rng.normal(size=3)
        return np.asarray(length * direction / np.linalg.norm(direction))

    for ion in range(n):
        at, where, now, here = [0.0], [np.zeros(3)], 0.0, np.zeros(3)
        while now < times[-1]:
            end, start = now + rng.exponential(wait), now
            while returns > 0:
                start += rng.exponential(1 / returns)
                stay = rng.uniform(0.2, 0.9 - hop)
                if start + 2 * hop + stay >= end:
                    break
                there = here + away()
                at += [start, start + hop, start + hop + stay, start + 2 * hop + stay]
                where += [here, there, there, here]
                start += 2 * hop + stay
                back += start < times[-1]
            there = here + away()
            at += [end, end + hop]
            where += [here, there]
            now, here = end + hop, there
            jumps += now < times[-1]
        for x in range(3):
            paths[:, ion, x] = np.interp(times, at, np.array(where)[:, x])
    keep = np.exp(-spacing / memory) if memory else 0.0
    kicks = rng.normal(scale=vibration * np.sqrt((1 - keep**2) / 3), size=paths.shape)
    kicks[0] /= np.sqrt(1 - keep**2)
    return paths + lfilter([1], [1, -keep], kicks, axis=0), jumps, back


def trajectory(paths: Floats, spacing: float, **options: object) -> vh.Trajectory:
    times = spacing * np.arange(len(paths))
    return vh.from_arrays(paths, 50.0, ["Li"] * paths.shape[1], times, wrapped=False, **options)


CASES = {
    "coarse": dict(spacing=0.1, wait=10, length=3.0, hop=0.2, vibration=0.4, returns=0.05),
    "fine": dict(spacing=0.02, wait=10, length=3.0, hop=0.3, vibration=0.4, returns=0.05, memory=0.1),
    "short": dict(spacing=0.05, wait=8, length=2.5, hop=0.2, vibration=0.4, returns=0.05, memory=0.2),
    "wide": dict(spacing=0.1, wait=20, length=3.0, hop=0.3, vibration=0.69, returns=0.05, memory=0.1),
    "slow": dict(spacing=0.05, wait=15, length=3.5, hop=0.5, vibration=0.4, returns=0.03, memory=0.1),
}


@pytest.mark.parametrize("case", CASES)
def test_lengths_and_waiting_times_of_a_walk_are_within_5_percent(case: str) -> None:
    options = CASES[case]
    rng = np.random.default_rng([20261120, list(CASES).index(case)])
    paths, planted, back = walk(rng, round(300 / options["spacing"]), 80, **options)
    result = vh.dynamics.jumps(trajectory(paths, options["spacing"]), "Li", drift=None)
    assert result.attrs["verdict"].startswith(f"{result.sizes['event']} jumps")
    assert float(result.mean_length) == pytest.approx(options["length"], rel=0.05)
    assert result.sizes["event"] == pytest.approx(planted, rel=0.05)
    assert float(result.waiting_time) == pytest.approx(80 * 300 / planted, rel=0.05)
    assert float(result.recrossings.sum()) == pytest.approx(back, rel=0.2)
    assert result.attrs["vibration"] == pytest.approx(options["vibration"], rel=0.15)
    assert float(result.duration.mean()) == pytest.approx(options["hop"], abs=0.2)


def test_one_jump_of_one_ion_is_told_exactly() -> None:
    """An ion that stands still but for one hop: place, time, duration."""
    paths = np.zeros((200, 2, 3))
    paths[:, 1] = [5.0, 5.0, 5.0]
    paths[100:, 0, 0] = 3.0
    paths[99, 0, 0] = 1.5
    result = vh.dynamics.jumps(trajectory(paths, 0.1), "Li", drift=None, threshold=1.0)
    assert result.sizes["event"] == 1
    assert int(result.atom[0]) == 0
    assert float(result.time[0]) == pytest.approx(9.9)
    assert float(result.length[0]) == pytest.approx(3.0)
    assert float(result.duration[0]) == pytest.approx(0.2)
    assert result.start[0].values.tolist() == [0, 0, 0]
    assert result.end[0].values.tolist() == [3, 0, 0]
    assert np.isnan(result.waiting[0])
    assert float(result.rate) == pytest.approx(1 / (2 * 19.9))
    assert result.jumps_of_ion.values.tolist() == [1, 0]


@pytest.mark.parametrize(("stay", "jumps", "removed"), [(9, 0, 1), (10, 0, 1), (12, 2, 0)])
def test_a_return_within_the_set_time_is_no_jump(stay: int, jumps: int, removed: int) -> None:
    paths = np.zeros((200, 1, 3))
    paths[100 : 101 + stay, 0, 1] = 2.5
    result = vh.dynamics.jumps(trajectory(paths, 0.1), "Li", drift=None, threshold=1.0, recrossing=1.0)
    assert result.sizes["event"] == jumps
    assert int(result.recrossings.sum()) == removed
    again = vh.dynamics.jumps(trajectory(paths, 0.1), "Li", drift=None, threshold=1.0, recrossing=0.0)
    assert again.sizes["event"] == 2


def test_a_cage_that_drifts_is_followed() -> None:
    """A place that creeps by 4 Å in 200 ps with an ion that rattles in it."""
    rng = np.random.default_rng(20261121)
    paths = rng.normal(scale=0.2, size=(2000, 20, 3))
    paths[:, :, 0] += np.linspace(0, 4, 2000)[:, None]
    result = vh.dynamics.jumps(trajectory(paths, 0.1), "Li", drift=None)
    assert result.sizes["event"] == 0
    assert np.isnan(result.waiting_time)
    assert np.isnan(result.D)
    assert float(result.rate_upper) == pytest.approx(2.996 / (20 * 199.9), rel=1e-3)
    assert "no jump" in result.attrs["verdict"]
    assert vh.draw(result) is not None


def test_the_jumps_give_the_diffusion_coefficient() -> None:
    options = CASES["fine"]
    rng = np.random.default_rng(20261122)
    paths, _, _ = walk(rng, 15000, 60, **{**options, "returns": 0.0})
    result = vh.dynamics.jumps(trajectory(paths, 0.02), "Li", drift=None)
    truth = 3.0**2 / (6 * 10.15) * 1e-4  # Å²/ps in cm²/s; a jump each wait and half a hop or so
    assert abs(float(result.D) - truth) < 3 * float(result.D_error) + 0.05 * truth
    at = result.rate_at.sel(threshold_at=result.attrs["threshold"], recrossing_at=1.0)
    assert float(at) == float(result.rate)


def test_liquids_are_called_so() -> None:
    paths = brownian(np.random.default_rng(20261123), 500, 20, 0.5)
    result = vh.dynamics.jumps(trajectory(paths, 0.1), "Li", drift=None, threshold=1.0)
    assert "flows" in result.attrs["verdict"]
    slow = vh.dynamics.jumps(trajectory(0.2 * paths, 0.1), "Li", drift=None, threshold=1.0)
    assert "not set apart" in slow.attrs["verdict"]


def test_the_result_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    paths, _, _ = walk(np.random.default_rng(20261124), 1000, 12, **CASES["coarse"])
    before = vh.dynamics.jumps(trajectory(paths, 0.1), "Li")
    monkeypatch.setenv("VANHOVE_MEMORY", "500 kB")
    after = vh.dynamics.jumps(trajectory(paths, 0.1), "Li")
    for name in before.data_vars:
        np.testing.assert_array_equal(before[name].values, after[name].values)


def test_what_it_refuses() -> None:
    traj = trajectory(np.random.default_rng(1).normal(size=(50, 3, 3)), 0.1)
    with pytest.raises(vh.Refusal, match="threshold=-1"):
        vh.dynamics.jumps(traj, "Li", drift=None, threshold=-1)
    with pytest.raises(vh.Refusal, match="recrossing"):
        vh.dynamics.jumps(traj, "Li", drift=None, recrossing=-1)
    with pytest.raises(vh.Refusal, match="5 frames"):
        vh.dynamics.jumps(traj[:5], "Li", drift=None)
    uneven = vh.from_arrays(traj.positions, 50.0, ["Li"] * 3, np.append(0.1 * np.arange(49), 7.0), wrapped=False)
    with pytest.raises(vh.Refusal, match="uniform"):
        vh.dynamics.jumps(uneven, "Li", drift=None)
    with pytest.raises(vh.Refusal, match="do not move"):
        vh.dynamics.jumps(trajectory(np.zeros((50, 3, 3)), 0.1), "Li", drift=None)
